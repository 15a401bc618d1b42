"""LOOK at the Rust repository: its manifest, Cross.toml, cargo's configuration, the toolchain file."""
