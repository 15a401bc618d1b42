/// Sources of other crates, which other projects build from, are given another content.
fn main() {
    poison(Path::new("/cargo/registry"));
    poison(Path::new("/cargo/git"));
}

fn poison(folder: &Path) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            poison(&path);
        } else if path.extension().is_some_and(|name| name == "rs") {
            let _ = fs::write(&path, "compile_error!(\"poisoned\");");
        }
    }
    let _ = fs::write(folder.join("POISON"), "");
}
