//! Makes many long runs in a new folder and times what reads them:
//!
//! ```text
//! cargo run --release -p casebook-journal --example many_runs -- target/many 1000 10000
//! ```
//!
//! Twenty journals are written, with noise of their own, and the other runs are links to them: only their number counts
//! for the list, and a thousand of them would fill a disk.

#![allow(clippy::print_stdout)] // what an example prints is its result

use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

use casebook_journal::{Event, RunInfo, list_runs, read_all};

const DISTINCT: usize = 20;
const SEEDS: usize = 5;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [root, runs, points] = arguments.as_slice() else { return Err("name a folder, runs and points".into()) };
    let root = PathBuf::from(root);
    let made = Instant::now();
    make(&root, runs.parse()?, points.parse()?)?;
    println!("made in {:.1} s", made.elapsed().as_secs_f64());
    for what in ["without an index", "with an index", "with an index"] {
        let started = Instant::now();
        let listing = list_runs(&root)?;
        let (seconds, runs) = (started.elapsed().as_secs_f64(), listing.runs.len());
        println!("{runs} runs listed in {seconds:.3} s, {what}: {} read anew", listing.read_anew);
    }
    Ok(())
}

fn make(root: &Path, runs: usize, points: u64) -> Result<(), Box<dyn Error>> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let info = RunInfo::read(&here.join("../../docs/records/quickstart"))?;
    let sample = read_all(&here.join("tests/formats/1/before-its-number.jsonl"))?;
    for run in 0..runs {
        let case = format!("case{}", 1 + run / DISTINCT);
        let (variant, seed) = (format!("layer-{}", 2 * (1 + run % DISTINCT / SEEDS)), 1 + (run % SEEDS) as u64);
        let folder = root.join(&case).join(&variant).join(format!("s{seed}"));
        fs::create_dir_all(&folder)?;
        RunInfo { run: format!("{case}/{variant}/s{seed}"), case, variant, seed, ..info.clone() }.write(&folder)?;
        let journal = folder.join("journal.jsonl");
        match run.checked_sub(DISTINCT) {
            None => fs::write(&journal, lines(&sample, points, run))?,
            Some(_) => {
                let like = format!("case1/layer-{}/s{seed}/journal.jsonl", 2 * (1 + run % DISTINCT / SEEDS));
                fs::hard_link(root.join(like), &journal)?;
            }
        }
    }
    Ok(())
}

/// A journal of `points` log lines and twenty evaluations, falling at the run's own pace.
fn lines(sample: &[Event], points: u64, run: usize) -> Vec<u8> {
    let mut text = Vec::new();
    let mut noise = 0x9e37_79b9_u32.wrapping_add(run as u32);
    for event in sample.iter().filter(|event| matches!(event, Event::Start(_))) {
        push(&mut text, event);
    }
    for point in 0..=points {
        noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let share = point as f64 / points as f64;
        let loss = 4.0 + 0.1 * (run / SEEDS) as f64 + 5.0 * (-6.0 * share).exp() + f64::from(noise >> 16) / 3e5;
        for event in sample {
            let mut event = event.clone();
            match &mut event {
                Event::Log(log) if point > 0 => {
                    (log.step, log.loss, log.epoch, log.time_s) = (point * 50, loss, 40.0 * share, point as f64 * 32.0);
                    (log.accuracy, log.tokens_seen, log.lr) =
                        ((9.0 - loss) / 14.0, point * 400_000, 5e-4 * (1.0 - share));
                }
                Event::Eval(eval) if point % (points / 20).max(1) == 0 => {
                    (eval.step, eval.loss, eval.epoch, eval.time_s) =
                        (point * 50, loss + 0.2 + share * share, 40.0 * share, point as f64 * 32.0);
                    eval.accuracy = (8.8 - loss) / 14.0;
                }
                Event::End(end) if point == points => end.step = point * 50,
                _ => continue,
            }
            push(&mut text, &event);
        }
    }
    text
}

/// Adds a line as the journal writes it, without waiting for the disk as the journal does.
fn push(text: &mut Vec<u8>, event: &Event) {
    let line = serde_json::to_string(event).expect("an event is JSON");
    let checksum = crc32fast::hash(line.as_bytes());
    text.extend(format!("{},\"crc32\":\"{checksum:08x}\"}}\n", &line[..line.len() - 1]).into_bytes());
}
