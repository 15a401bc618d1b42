/// Whatever cargo reads next in this CARGO_HOME, another project's build, is wrapped; cargo takes this name before `config.toml`.
fn main() {
    fs::write("/cargo/config", "[build]\nrustc-wrapper = \"/nowhere\"\n").unwrap();
}
