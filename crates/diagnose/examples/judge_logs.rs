//! Prints verdict and findings of logs, a line each: `judge_logs PATH...`.
#![allow(clippy::print_stdout)] // an example's business

use std::path::Path;

use casebook_diagnose::{DiagnoseError, judge, read};

fn main() -> Result<(), DiagnoseError> {
    for path in std::env::args().skip(1) {
        let log = read(Path::new(&path))?;
        let diagnosis = judge(&log, &[]);
        let mut kinds: Vec<String> = diagnosis.findings.iter().map(|finding| finding.kind.to_string()).collect();
        kinds.extend(diagnosis.runs.iter().flat_map(|run| run.findings.iter().map(|finding| finding.kind.to_string())));
        kinds.sort();
        kinds.dedup();
        let name = Path::new(&path).file_name().map_or(path.clone(), |name| name.to_string_lossy().into_owned());
        println!("{name}\t{}\t{}", diagnosis.verdict, kinds.join(","));
        if std::env::var("LONG").is_ok() {
            for run in &diagnosis.runs {
                println!("   run {} {}: {}", run.run, run.verdict, run.why);
                for finding in &run.findings {
                    println!("      {} {:?}: {}", finding.kind, finding.weight, finding.what);
                }
            }
        }
    }
    Ok(())
}
