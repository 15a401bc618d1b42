//! The program is started as its users start it: under an emulator, the emulator must run what it starts.

use std::{
    env, fs,
    process::{Command, Output},
};

fn whereami(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_whereami"))
        .args(arguments)
        .output()
        .expect("the program starts")
}

fn text(output: &[u8]) -> String {
    String::from_utf8_lossy(output).into_owned()
}

#[test]
fn it_runs_where_its_test_runs() {
    let place = place::here();
    let output = whereami(&[]);
    assert!(output.status.success());
    assert!(text(&output.stdout).contains(&format!("target    {}\n", place.target)));
    assert!(text(&output.stdout).ends_with(&format!("bits      {}\n", place.bits)));
}

#[test]
fn it_speaks_json() {
    let place = place::here();
    let output = whereami(&["--json"]);
    let wanted = format!(
        "\"endian\":\"{}\",\"bits\":{}}}\n",
        place.endian, place.bits
    );
    assert!(text(&output.stdout).ends_with(&wanted), "{output:?}");
}

#[test]
fn it_checksums_a_file() {
    let file = env::temp_dir().join(format!("whereami-{}", std::process::id()));
    fs::write(&file, b"123456789").unwrap();
    let output = whereami(&[file.to_str().unwrap()]);
    fs::remove_file(&file).unwrap();
    assert!(
        text(&output.stdout).starts_with("cbf43926          9 "),
        "{output:?}"
    );
}

#[test]
fn it_fails_as_programs_do() {
    assert_eq!(whereami(&["--nonsense"]).status.code(), Some(2));
    assert_eq!(whereami(&["/no/such/file"]).status.code(), Some(1));
}

#[test]
fn it_starts_with_an_empty_environment() {
    let mut command = Command::new(env!("CARGO_BIN_EXE_whereami"));
    if cfg!(unix) {
        command.env_clear();
    }
    let output = command.arg("--version").output().unwrap();
    assert_eq!(text(&output.stdout), "whereami 0.1.0\n");
}
