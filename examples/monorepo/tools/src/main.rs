//! Say which machine the tools run on.

use std::env::consts::{ARCH, OS};

fn greeting() -> String {
    format!("tools for {ARCH} {OS}")
}

fn main() {
    println!("{}", greeting());
}

#[test]
fn it_says_where_it_runs() {
    assert!(greeting().starts_with("tools for "));
}
