//! The list of runs: complete, and never from an index that is not right.

use std::fs::File;

use super::*;
use crate::event::{Event, Status};
use crate::file::Journal;
use crate::info::RunInfo;
use crate::notes::{Note, add_note};
use crate::synthetic::{ended, eval, finished_run, log, run_info, start, write_run};

/// Runs of two cases: finished, without an end, planned.
fn runs() -> tempfile::TempDir {
    let root = tempfile::tempdir().unwrap();
    let add = |case: &str, variant: &str, seed: u64, events: Option<&[Event]>| {
        let info = RunInfo { case: case.into(), variant: variant.into(), seed, ..run_info() };
        let folder = root.path().join(format!("{case}/{variant}/s{seed}"));
        match events {
            Some(events) => write_run(&folder, &info, events),
            None => {
                fs::create_dir_all(&folder).unwrap();
                info.write(&folder).unwrap();
            }
        }
    };
    add("case1-small", "base", 1, Some(&[start(), log(50), ended(50, Status::Diverged, "the loss is NaN")]));
    add("case1", "layer-6", 2, Some(&[start(), log(50)]));
    add("case1", "layer-4", 10, Some(&finished_run()));
    add("case1", "layer-4", 9, None);
    root
}

fn states(listing: &Listing) -> Vec<String> {
    listing.runs.iter().map(|run| format!("{} {}", run.folder, run.state)).collect()
}

const EXPECTED: [&str; 4] = [
    "case1/layer-4/s9 planned",
    "case1/layer-4/s10 finished",
    "case1/layer-6/s2 killed",
    "case1-small/base/s1 diverged",
];

#[test]
fn every_run_is_listed_and_read_only_once() {
    let root = runs();
    let first = list_runs(root.path()).unwrap();
    assert_eq!(states(&first), EXPECTED);
    assert_eq!((first.read_anew, first.index_error.is_none()), (4, true));
    let second = list_runs(root.path()).unwrap();
    assert_eq!((second.read_anew, &second.runs), (0, &first.runs));
}

#[test]
fn a_run_without_an_end_is_running_while_its_lock_is_held() {
    let root = runs();
    let lock = File::create(root.path().join("case1/layer-6/s2/lock")).unwrap();
    lock.lock().unwrap();
    assert_eq!(states(&list_runs(root.path()).unwrap())[2], "case1/layer-6/s2 running");
    drop(lock);
    assert_eq!(states(&list_runs(root.path()).unwrap())[2], EXPECTED[2], "the index does not remember who ran");
}

#[test]
fn what_was_added_removed_or_changed_since_is_seen() {
    let root = runs();
    list_runs(root.path()).unwrap();
    let (mut journal, _) = Journal::open(&root.path().join("case1/layer-6/s2/journal.jsonl")).unwrap();
    journal.append(&eval(100)).unwrap();
    let note = Note { time: "2026-11-21T12:00:00Z".into(), text: "odd".into() };
    add_note(&root.path().join("case1/layer-4/s9"), &note).unwrap();
    fs::remove_dir_all(root.path().join("case1-small")).unwrap();
    let listing = list_runs(root.path()).unwrap();
    assert_eq!((listing.read_anew, listing.runs.len()), (2, 3));
    assert_eq!((listing.runs[0].notes, listing.runs[2].step), (1, 100));
    assert_eq!(list_runs(root.path()).unwrap().read_anew, 0);
}

#[test]
fn hidden_folders_files_and_what_lies_too_deep_are_passed_over() {
    let root = tempfile::tempdir().unwrap();
    let found = ["a/b/c/d", "run"];
    for folder in [&found[..], &["a/b/c/x/e", ".hidden", ".hidden/a", "run/below"]].concat() {
        fs::create_dir_all(root.path().join(folder)).unwrap();
        run_info().write(&root.path().join(folder)).unwrap();
    }
    fs::write(root.path().join("file"), "").unwrap();
    let mut folders: Vec<String> = list_runs(root.path()).unwrap().runs.into_iter().map(|run| run.folder).collect();
    folders.sort();
    assert_eq!(folders, found);
}

#[test]
fn the_index_is_written_where_something_changed_and_only_there() {
    let root = runs();
    let listed = || {
        let (listing, counted) = disk::watched(disk::Counting::default(), || list_runs(root.path()).unwrap());
        (listing.read_anew, counted.operations > 0)
    };
    assert_eq!(listed(), (4, true));
    assert_eq!(listed(), (0, false));
    let (mut journal, _) = Journal::open(&root.path().join("case1/layer-6/s2/journal.jsonl")).unwrap();
    journal.append(&eval(100)).unwrap();
    assert_eq!([listed(), listed()], [(1, true), (0, false)], "one has grown");
    fs::remove_dir_all(root.path().join("case1-small")).unwrap();
    assert_eq!([listed(), listed()], [(0, true), (0, false)], "one is gone");
}

#[test]
fn an_index_damaged_anywhere_is_made_anew() {
    let root = runs();
    let first = list_runs(root.path()).unwrap();
    let path = root.path().join(INDEX);
    let good = fs::read(&path).unwrap();
    for at in (0..good.len()).step_by(97) {
        let mut bad = good.clone();
        bad[at] ^= 1;
        fs::write(&path, &bad).unwrap();
        let again = list_runs(root.path()).unwrap();
        assert_eq!(again.runs, first.runs, "byte {at}");
        assert!(again.read_anew > 0, "byte {at}");
    }
    fs::write(&path, &good[..good.len() / 2]).unwrap();
    assert_eq!(list_runs(root.path()).unwrap().runs, first.runs);
    assert_eq!(fs::read(&path).unwrap(), good, "the same runs make the same index");
}

#[test]
fn an_index_of_another_version_is_not_read() {
    let root = runs();
    list_runs(root.path()).unwrap();
    let path = root.path().join(INDEX);
    let text = fs::read_to_string(&path).unwrap();
    let head = with_checksum(br#"{"index":1,"made_by":"0.0.0"}"#.to_vec());
    let rest = text.split_once('\n').unwrap().1;
    fs::write(&path, [&head, rest.as_bytes()].concat()).unwrap();
    assert_eq!(list_runs(root.path()).unwrap().read_anew, 4);
}

#[test]
fn a_run_s_own_folder_and_an_empty_one_can_be_listed_and_a_missing_one_not() {
    let root = runs();
    let one = list_runs(&root.path().join("case1/layer-4/s10")).unwrap();
    assert_eq!(states(&one), [" finished"]);
    let empty = tempfile::tempdir().unwrap();
    assert_eq!(list_runs(empty.path()).unwrap().runs, []);
    assert!(matches!(list_runs(&empty.path().join("x")), Err(JournalError::Io { action: "list", .. })));
}

#[test]
fn the_runs_of_a_case_are_found_by_what_they_say() {
    let root = runs();
    let found = runs_of_case(root.path(), "case1").unwrap();
    let expected = ["case1/layer-4/s9", "case1/layer-4/s10", "case1/layer-6/s2"].map(|run| root.path().join(run));
    assert_eq!(found, expected);
}
