//! Reads, recovers, judges and shows damaged copies of logs: `fuzz SECONDS SEED PATH...`, so many seconds of computing for
//! each. A panic, or a copy that takes longer than a second for each 64 kB, ends it, with the bytes written beside it;
//! otherwise it prints how many copies were read.
#![allow(clippy::print_stdout)] // an example's business

use std::hint::black_box;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::time::{Duration, Instant};

use casebook_diagnose::show::{self, Detail, Judged};
use casebook_diagnose::{judge, read_bytes};

/// Bytes that readers look for.
const TELLING: &[u8] = b"{}[]|,:;\t\n\r\x1b\"'=-+.eE0189NaInf \\*#<>/\x00\xff\xe2\x96";
/// Longer logs are cut to a piece of this length: more copies in the time.
const LONGEST: usize = 20_000;
/// The longest that a copy may take, which is below 64 kB.
const SLOWEST: Duration = Duration::from_secs(1);

/// A counter-based generator: the same copies for the same seed.
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

/// A copy with one to twelve wounds, some of them with a piece of another log in them.
fn damaged(bytes: &[u8], other: &[u8], draw: &mut Draw) -> Vec<u8> {
    let from = draw.below(bytes.len().saturating_sub(LONGEST) + 1);
    // Every other copy keeps its beginning, by which a format is known.
    let from = if draw.below(2) == 0 { 0 } else { from };
    let mut copy = bytes[from..(from + LONGEST).min(bytes.len())].to_vec();
    for _ in 0..=draw.below(12) {
        let at = draw.below(copy.len());
        let until = (at + 1 + draw.below(40)).min(copy.len());
        match draw.below(8) {
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
            6 => {
                let from = draw.below(other.len());
                let piece = &other[from..(from + draw.below(400)).min(other.len())];
                drop(copy.splice(at..at, piece.iter().copied()));
            }
            _ => drop(copy.splice(at..at, b"{[(\"".repeat(1 + draw.below(300)))),
        }
    }
    copy
}

/// All that `casebook diagnose` does but for files and the terminal.
fn whole_way(name: &str, copy: Vec<u8>) {
    let log = read_bytes(name, copy);
    let diagnosis = judge(&log, &[]);
    let judged = Judged { name, log: &log, diagnosis: &diagnosis };
    black_box(show::text(&[judged], Detail::Full));
    black_box(show::json(&[judged]));
}

/// Time that this thread computed, where the system tells it (Linux), so that hours add up on a machine that does other work.
fn computed() -> Option<Duration> {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    text.split_whitespace().next()?.parse().ok().map(Duration::from_nanos)
}

fn main() -> std::io::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let mut number = || arguments.next().and_then(|text| text.parse::<u64>().ok());
    let (Some(seconds), Some(seed)) = (number(), number()) else {
        return Err(std::io::Error::other("write fuzz SECONDS SEED PATH..."));
    };
    let files: Vec<(String, Vec<u8>)> =
        arguments.map(|path| Ok((path.clone(), std::fs::read(path)?))).collect::<std::io::Result<_>>()?;
    for (nth, (path, bytes)) in files.iter().enumerate() {
        let mut draw = Draw((seed << 32) ^ ((nth as u64) << 24) ^ bytes.len() as u64);
        let begun = Instant::now();
        let begun_computing = computed();
        let spent = || computed().zip(begun_computing).map_or(begun.elapsed(), |(now, then)| now - then);
        let (mut copies, mut slowest) = (0u64, Duration::ZERO);
        while copies % 64 != 0 || spent() < Duration::from_secs(seconds) {
            let other = &files[draw.below(files.len())].1;
            let copy = damaged(bytes, other, &mut draw);
            let before = computed();
            let started = Instant::now();
            let end = catch_unwind(AssertUnwindSafe(|| whole_way(path, copy.clone())));
            let took = computed().zip(before).map_or(started.elapsed(), |(now, then)| now - then);
            slowest = slowest.max(took);
            copies += 1;
            if end.is_err() || took > SLOWEST {
                let what = if end.is_err() { "a panic" } else { "too long a time" };
                let name = Path::new(path).file_name().unwrap_or_default().to_string_lossy();
                let file = format!("fuzz-{seed}-{copies}-{name}");
                std::fs::write(&file, &copy)?;
                return Err(std::io::Error::other(format!("{what} on copy {copies} of {path}, which is in {file}")));
            }
        }
        println!("{path}: {copies} damaged copies in {seconds} s, the slowest {} ms", slowest.as_millis());
    }
    Ok(())
}
