//! `whereami` tells which machine it was built for; `whereami FILE...` checksums files.

use std::{error::Error, fs, path::PathBuf, process::ExitCode};

use lexopt::prelude::*;

const USAGE: &str = "usage: whereami [--json] [--version] [FILE...]";

#[derive(Default)]
struct Wanted {
    json: bool,
    text: Option<String>,
    files: Vec<PathBuf>,
}

fn wanted() -> Result<Wanted, lexopt::Error> {
    let mut wanted = Wanted::default();
    let mut arguments = lexopt::Parser::from_env();
    while let Some(argument) = arguments.next()? {
        match argument {
            Long("json") => wanted.json = true,
            Long("version") => {
                wanted.text = Some(concat!("whereami ", env!("CARGO_PKG_VERSION")).to_owned())
            }
            Short('h') | Long("help") => wanted.text = Some(USAGE.to_owned()),
            Value(file) => wanted.files.push(file.into()),
            _ => return Err(argument.unexpected()),
        }
    }
    Ok(wanted)
}

fn tell(wanted: Wanted) -> Result<(), Box<dyn Error>> {
    if let Some(text) = wanted.text {
        println!("{text}");
    } else if !wanted.files.is_empty() {
        for file in wanted.files {
            let data = fs::read(&file).map_err(|error| format!("{}: {error}", file.display()))?;
            println!(
                "{:08x} {:>10} {}",
                place::crc32_in_c(&data),
                data.len(),
                file.display()
            );
        }
    } else if wanted.json {
        println!("{}", serde_json::to_string(&place::here())?);
    } else {
        for (name, value) in place::here().rows() {
            println!("{name:<9} {value}");
        }
    }
    Ok(())
}

fn main() -> ExitCode {
    let wanted = match wanted() {
        Ok(wanted) => wanted,
        Err(error) => {
            eprintln!("whereami: {error}\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    match tell(wanted) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("whereami: {error}");
            ExitCode::FAILURE
        }
    }
}
