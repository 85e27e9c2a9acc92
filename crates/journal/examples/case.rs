//! Draws what can be drawn of a case from the folder of all runs:
//!
//! ```text
//! cargo run --release -p casebook-journal --example case -- runs case1 target/case1
//! ```

#![allow(clippy::print_stdout)] // what an example prints is its result

use std::error::Error;
use std::path::PathBuf;
use std::time::Instant;

use case::Claim;
use casebook_journal::{
    Axis, CaseRuns, Conclusion, RecordCase, html_page, runs_of_case, write_atomically, write_case_charts,
    write_training_record,
};

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [runs, name, out] = arguments.as_slice() else { return Err("name the runs, a case and a folder".into()) };
    let case = CaseRuns::read(name, &runs_of_case(&PathBuf::from(runs), name)?, &[]);
    for axis in [Axis::Steps, Axis::Hours] {
        write_case_charts(&case, axis, &PathBuf::from(out).join("charts"))?;
    }
    let undecided = |_: &CaseRuns, _: &[Claim]| Vec::new(); // the conclusion below claims nothing
    let started = Instant::now();
    let case = CaseRuns::read(name, &runs_of_case(&PathBuf::from(runs), name)?, &[]);
    let page = html_page(&case, &Conclusion::default(), &undecided, env!("CARGO_PKG_VERSION"));
    println!("{} runs, {} bytes of page in {:.2} s", case.runs.len(), page.len(), started.elapsed().as_secs_f64());
    write_atomically(&PathBuf::from(out).join("report.html"), page.as_bytes())?;
    let cases = [RecordCase { runs: &case, conclusion: &Conclusion::default() }];
    write_training_record(&PathBuf::from(out), &cases, &undecided, env!("CARGO_PKG_VERSION"))?;
    Ok(())
}
