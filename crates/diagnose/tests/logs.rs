//! Every labelled log and the digitised curves, where they are: `DIAGNOSE_LOGS=DIR cargo test -- --ignored`.
//!
//! The logs belong to their authors and are not in the repository; the test of what is here runs always.

use std::path::Path;

use casebook_diagnose::{read, recover};

/// Rows that must be read in every file: a floor, not a judgement; no label is looked at.
#[test]
#[ignore = "needs the labelled logs, whose folder DIAGNOSE_LOGS names"]
fn every_labelled_log_is_read() {
    let folder = std::env::var("DIAGNOSE_LOGS").expect("DIAGNOSE_LOGS names the folder");
    let mut files: Vec<_> = std::fs::read_dir(Path::new(&folder)).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    for file in &files {
        let log = read(file).unwrap();
        assert!(log.runs.iter().any(|run| !run.rows.is_empty()), "nothing read in {}", file.display());
        for run in &log.runs {
            recover(run);
            let last = log.sources.len();
            assert!(run.rows.iter().all(|row| (row.place.source as usize) < last && row.place.line > 0));
        }
    }
    assert_eq!(files.len(), 81);
}

#[test]
fn the_development_half_is_sorted_and_about_half() {
    let list = include_str!("development-half.txt");
    let names: Vec<&str> = list.lines().filter(|line| !line.starts_with('#')).collect();
    assert!(names.is_sorted() && (30..=51).contains(&names.len()));
}
