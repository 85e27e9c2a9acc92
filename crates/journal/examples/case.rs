//! Draws what can be drawn of a case from the folder of all runs:
//!
//! ```text
//! cargo run --release -p casebook-journal --example case -- runs case1 target/case1
//! ```

use std::error::Error;
use std::path::PathBuf;

use casebook_journal::{Axis, Study, runs_of_case, write_case_charts};

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [runs, case, out] = arguments.as_slice() else { return Err("name the runs, a case and a folder".into()) };
    let study = Study::read(case, &runs_of_case(&PathBuf::from(runs), case)?, &[]);
    for axis in [Axis::Step, Axis::Hours] {
        write_case_charts(&study, axis, &PathBuf::from(out).join("charts"))?;
    }
    Ok(())
}
