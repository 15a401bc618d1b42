//! A program of the build machine: it writes Rust for the target, and compiles C for it.

use std::{env, fs, path::Path};

fn table() -> String {
    let entries: String = (0..256_u32)
        .map(|byte| {
            let entry = (0..8).fold(byte, |rest, _| {
                if rest & 1 == 1 {
                    rest >> 1 ^ 0xedb8_8320
                } else {
                    rest >> 1
                }
            });
            format!("{entry:#010x},")
        })
        .collect();
    format!("const TABLE: [u32; 256] = [{entries}];")
}

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-changed=csrc/place.c");
    println!(
        "cargo:rustc-env=PLACE_TARGET={}",
        env::var("TARGET").unwrap()
    );
    println!(
        "cargo:rustc-env=PLACE_BUILT_ON={}",
        env::var("HOST").unwrap()
    );
    let out = env::var("OUT_DIR").unwrap();
    fs::write(Path::new(&out).join("table.rs"), table()).unwrap();
    cc::Build::new()
        .file("csrc/place.c")
        .warnings_into_errors(true)
        .compile("place");
}
