//! Compares the runs in some folders, as text, or with `--json` or `--markdown` before them:
//!
//! ```text
//! cargo run --release -p casebook-journal --example compare -- runs/case1
//! ```

use std::error::Error;
use std::io::Write;
use std::path::PathBuf;

use casebook_journal::compare::{Options, Run, compare, find_runs, grouped};

fn main() -> Result<(), Box<dyn Error>> {
    let (flags, dirs): (Vec<_>, Vec<_>) = std::env::args().skip(1).partition(|argument| argument.starts_with("--"));
    let mut runs = Vec::new();
    for dir in dirs {
        for found in find_runs(&PathBuf::from(dir))? {
            runs.push(Run::read(&found)?);
        }
    }
    let comparison = compare(&grouped(runs), &Options::default())?;
    let text = match flags.first().map(String::as_str) {
        Some("--json") => comparison.json(),
        Some("--markdown") => comparison.markdown(),
        _ => comparison.text(100),
    };
    std::io::stdout().write_all(text.as_bytes())?;
    Ok(())
}
