//! Reads, recovers and judges damaged copies of logs for so many seconds each: `fuzz SECONDS PATH...`. A panic ends it, with
//! the bytes written beside it; otherwise it prints how many copies were read.
#![allow(clippy::print_stdout)] // an example's business

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use casebook_diagnose::{judge, read_bytes};

/// Bytes that readers look for.
const TELLING: &[u8] = b"{}[]|,:;\t\n\r\x1b\"'=-+.eE0189NaInf \\*#<>/\x00\xff\xe2\x96";
/// Longer logs are cut to a piece of this length: more copies in the time.
const LONGEST: usize = 20_000;

/// A counter-based generator: the same copies every time.
struct Draw(u64);

impl Draw {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((bits ^ (bits >> 31)) % bound.max(1) as u64) as usize
    }
}

/// A copy with one to twelve wounds.
fn damaged(bytes: &[u8], draw: &mut Draw) -> Vec<u8> {
    let from = draw.below(bytes.len().saturating_sub(LONGEST) + 1);
    // Every other copy keeps its beginning, by which a format is known.
    let from = if draw.below(2) == 0 { 0 } else { from };
    let mut copy = bytes[from..(from + LONGEST).min(bytes.len())].to_vec();
    for _ in 0..=draw.below(12) {
        let at = draw.below(copy.len());
        let until = (at + 1 + draw.below(40)).min(copy.len());
        match draw.below(7) {
            0 if !copy.is_empty() => copy[at] ^= 1 << draw.below(8),
            1 => copy.insert(at, TELLING[draw.below(TELLING.len())]),
            2 => drop(copy.drain(at..until)),
            3 => {
                let piece = copy[at..until].to_vec();
                let to = draw.below(copy.len());
                drop(copy.splice(to..to, piece));
            }
            4 => copy.truncate(at),
            5 => drop(copy.splice(at..at, b"-9223372036854775809e999".iter().copied())),
            _ => drop(copy.splice(at..at, b"{[(\"".repeat(1 + draw.below(300)))),
        }
    }
    copy
}

fn main() -> std::io::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let seconds = arguments.next().and_then(|text| text.parse().ok()).unwrap_or(60);
    for path in arguments {
        let bytes = std::fs::read(&path)?;
        let mut draw = Draw(bytes.len() as u64);
        let begun = Instant::now();
        let mut copies = 0u64;
        let mut slowest = Duration::ZERO;
        while begun.elapsed() < Duration::from_secs(seconds) {
            let copy = damaged(&bytes, &mut draw);
            let started = Instant::now();
            let read = catch_unwind(AssertUnwindSafe(|| judge(&read_bytes(&path, copy.clone()), &[])));
            slowest = slowest.max(started.elapsed());
            copies += 1;
            if read.is_err() {
                let file = format!("fuzz-{copies}.bin");
                std::fs::write(&file, &copy)?;
                return Err(std::io::Error::other(format!("a panic on copy {copies} of {path}, which is in {file}")));
            }
        }
        println!("{path}: {copies} damaged copies in {seconds} s, the slowest {} ms", slowest.as_millis());
    }
    Ok(())
}
