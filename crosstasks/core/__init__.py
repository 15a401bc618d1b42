"""Values and file helpers that know nothing of Rust."""
