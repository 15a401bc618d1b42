//! Say which machine the server runs on.

use std::env::consts::{ARCH, OS};

fn greeting() -> String {
    format!("{}: serving on {ARCH} {OS}", shared::greeting())
}

fn main() {
    println!("{}", greeting());
}

#[test]
fn it_says_where_it_runs() {
    assert!(greeting().starts_with("hello: serving on "));
}
