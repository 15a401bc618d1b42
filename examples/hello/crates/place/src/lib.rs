//! What a program knows of the machine it was built for, and checksums in Rust and in C.
//!
//! ```
//! assert_eq!(place::crc32(b"123456789"), 0xcbf4_3926);
//! assert_eq!(place::here().bits, usize::BITS);
//! ```

use rows::Rows;
use serde::Serialize;

include!(concat!(env!("OUT_DIR"), "/table.rs"));

mod c {
    extern "C" {
        pub fn place_crc32(sum: u32, data: *const u8, size: usize) -> u32;
        pub fn place_pointer_bits() -> u32;
        pub fn place_is_big_endian() -> u32;
    }
}

/// The machine that a program was built for, as its compilers know it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Rows)]
pub struct Place {
    pub target: &'static str,
    pub built_on: &'static str,
    pub arch: &'static str,
    pub os: &'static str,
    pub endian: &'static str,
    pub bits: u32,
}

/// The machine as Rust's compiler knows it.
pub fn here() -> Place {
    Place {
        target: env!("PLACE_TARGET"),
        built_on: env!("PLACE_BUILT_ON"),
        arch: std::env::consts::ARCH,
        os: std::env::consts::OS,
        endian: if cfg!(target_endian = "big") {
            "big"
        } else {
            "little"
        },
        bits: usize::BITS,
    }
}

/// The byte order and the size of a pointer as the C compiler knows them.
pub fn here_in_c() -> (&'static str, u32) {
    // SAFETY: both only return a number.
    let (big, bits) = unsafe { (c::place_is_big_endian(), c::place_pointer_bits()) };
    (if big == 1 { "big" } else { "little" }, bits)
}

/// CRC-32 by the table that the build script wrote.
pub fn crc32(data: &[u8]) -> u32 {
    !data.iter().fold(!0, |sum: u32, byte| {
        sum >> 8 ^ TABLE[usize::from(sum as u8 ^ byte)]
    })
}

/// CRC-32 by the C code.
pub fn crc32_in_c(data: &[u8]) -> u32 {
    // SAFETY: the pointer and the size are those of one slice.
    unsafe { c::place_crc32(0, data.as_ptr(), data.len()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn c_and_rust_are_for_one_machine() {
        let place = here();
        assert_eq!((place.endian, place.bits), here_in_c());
        let names = [if place.arch == "x86" { "i" } else { place.arch }, "thumb"];
        assert!(
            names.iter().any(|name| place.target.starts_with(name)),
            "{place:?}"
        );
    }

    #[test]
    fn c_and_rust_count_alike() {
        let data: Vec<u8> = (0..=255).cycle().take(4099).collect();
        assert_eq!(crc32(&data), crc32_in_c(&data));
        assert_eq!(crc32(b""), 0);
    }

    #[test]
    fn every_field_is_a_row() {
        let names: Vec<_> = here().rows().into_iter().map(|(name, _)| name).collect();
        assert_eq!(
            names,
            ["target", "built_on", "arch", "os", "endian", "bits"]
        );
    }
}
