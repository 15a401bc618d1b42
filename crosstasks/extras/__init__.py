"""What the core never imports: each folder is of use without the others."""
