//! Say which machine this runs on; nothing of it came over a network.

use std::env::consts::{ARCH, OS};

fn greeting() -> String {
    format!("hello from {ARCH} {OS}")
}

fn main() {
    println!("{}", greeting());
}

#[test]
fn it_says_where_it_runs() {
    assert!(greeting().starts_with("hello from "));
}
