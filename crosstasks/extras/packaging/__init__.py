"""Archives of what was built: reproducible, listed, with checksums and a bill of materials."""
