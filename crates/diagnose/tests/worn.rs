//! A verdict holds when its log is thinned by two, rounded to four digits, or littered with lines that say nothing.

#![allow(clippy::unwrap_used, reason = "helpers of tests, too, fail by panicking")]

mod common;

use std::collections::BTreeMap;
use std::path::Path;

use casebook_diagnose::{Log, Row, Verdict, judge, read, read_bytes};

use common::{labelled_logs, records};

/// Every second row of each kind of which there are twenty; the last of each stays.
fn thinned(log: &Log) -> Log {
    let mut log = log.clone();
    for run in &mut log.runs {
        // Rows with the same columns are of one kind.
        let kind = |row: &Row| run.values_of(row).iter().map(|value| value.column).collect::<Vec<_>>();
        let mut kinds = run.rows.iter().map(kind).collect::<Vec<_>>().into_iter();
        let mut left: BTreeMap<Vec<u16>, (usize, bool)> = BTreeMap::new();
        kinds.clone().for_each(|kind| left.entry(kind).or_default().0 += 1);
        left.values_mut().for_each(|(rows, is_dense)| *is_dense = *rows >= 20);
        run.rows.retain(|_| {
            let (rows, is_dense) = left.get_mut(&kinds.next().unwrap()).unwrap();
            *rows -= 1;
            !*is_dense || *rows % 2 == 0
        });
        run.seams.clear();
    }
    log
}

/// Every number to four digits behind the point, as trainers print them; small ones to four digits that count.
fn rounded(log: &Log) -> Log {
    let mut log = log.clone();
    for value in log.runs.iter_mut().flat_map(|run| &mut run.values) {
        let text =
            if value.number.abs() < 0.01 { format!("{:.3e}", value.number) } else { format!("{:.4}", value.number) };
        value.number = text.parse().unwrap_or(value.number);
    }
    log
}

/// The text with a line that says nothing after every third.
fn littered(path: &Path) -> Option<Log> {
    let text = String::from_utf8(std::fs::read(path).ok()?).ok()?;
    let is_text = matches!(path.extension()?.to_str()?, "log" | "txt" | "md");
    let mut out = String::new();
    for (nth, line) in text.lines().enumerate() {
        out += line;
        out += if nth % 3 == 2 { "\n2024-05-01 12:00:01 INFO saving to out/x-17 done\n" } else { "\n" };
    }
    is_text.then(|| read_bytes(&path.display().to_string(), out.into()))
}

fn verdict(log: &Log) -> (Verdict, String) {
    let all = judge(log, &[]);
    (all.verdict, all.runs.iter().map(|run| run.why.as_str()).collect::<Vec<_>>().join("; "))
}

/// Changes of verdict, in words.
fn changes(path: &Path) -> Vec<String> {
    let log = read(path).unwrap();
    let is = verdict(&log);
    let worn = [("thinned", Some(thinned(&log))), ("rounded", Some(rounded(&log))), ("littered", littered(path))];
    let changed =
        worn.into_iter().filter_map(|(how, log)| Some((how, verdict(&log?)))).filter(|(_, other)| other.0 != is.0);
    let name = path.display();
    changed.map(|(how, other)| format!("{name}: {}, {how} {} ({} / {})", is.0, other.0, is.1, other.1)).collect()
}

#[test]
fn verdicts_of_the_records_hold() {
    let changed: Vec<String> = records().iter().flat_map(|run| changes(run)).collect();
    assert!(changed.is_empty(), "{}", changed.join("\n"));
}

#[test]
#[ignore = "needs the labelled logs, whose folder DIAGNOSE_LOGS names"]
fn verdicts_of_the_labelled_logs_hold() {
    let files = labelled_logs();
    let changed: Vec<String> = files.iter().flat_map(|file| changes(file)).collect();
    assert!(changed.is_empty(), "{} of {}:\n{}", changed.len(), files.len(), changed.join("\n"));
}
