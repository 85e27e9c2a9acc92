//! Makes a run's record anew from its `run.json` and `journal.jsonl`:
//!
//! ```text
//! cargo run --release -p casebook-journal --example record -- runs/case1/layer-4/s1
//! ```

use std::error::Error;
use std::path::PathBuf;

fn main() -> Result<(), Box<dyn Error>> {
    let run_dir = std::env::args_os().nth(1).ok_or("name the run's folder")?;
    casebook_journal::write_record(&PathBuf::from(run_dir))?;
    Ok(())
}
