//! Say which machine this runs on: each job of the workflow builds another answer.

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
