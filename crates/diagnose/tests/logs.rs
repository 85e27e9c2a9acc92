//! Every record of the project; and the labelled logs, which belong to their authors and are not in the repository, where
//! they are: `DIAGNOSE_LOGS=DIR cargo test -- --ignored`.

#![allow(clippy::unwrap_used, reason = "helpers of tests, too, fail by panicking")]

mod common;

use std::path::Path;

use casebook_diagnose::{read, recover};

use common::{labelled_logs, records};

/// Rows that must be read: a floor, not a judgement; no label is looked at.
fn is_read(file: &Path) {
    let log = read(file).unwrap();
    assert!(log.runs.iter().any(|run| !run.rows.is_empty()), "nothing read in {}", file.display());
    for run in &log.runs {
        recover(run);
        let last = log.sources.len();
        assert!(run.rows.iter().all(|row| (row.place.source as usize) < last && row.place.line > 0));
    }
}

#[test]
fn every_record_of_the_project_is_read() {
    records().iter().for_each(|run| is_read(run));
}

#[test]
#[ignore = "needs the labelled logs, whose folder DIAGNOSE_LOGS names"]
fn every_labelled_log_is_read() {
    labelled_logs().iter().for_each(|file| is_read(file));
}

#[test]
fn the_development_half_is_sorted_and_about_half() {
    let list = include_str!("development-half.txt");
    let names: Vec<&str> = list.lines().filter(|line| !line.starts_with('#')).collect();
    assert!(names.is_sorted() && (30..=51).contains(&names.len()));
}
