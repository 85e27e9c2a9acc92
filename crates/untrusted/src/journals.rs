//! A run's files, and the pages that are made of them.

use std::fs;
use std::hint::black_box;
use std::path::{Path, PathBuf};

use journal::compare::{Options, Run, claim_verdicts, compare, find_runs, grouped};
use journal::{
    Axis, CaseRuns, Conclusion, Journal, RecordCase, RunInfo, case_charts, html_page, list_runs, read, read_all,
    read_notes, runs_json, runs_table, svg, training_record,
};

use crate::seeds::{JOURNAL, RESOLVED_CASE, labelled_run_json, run_json};
use crate::{Taken, in_file};

/// Each line with the checksum that it needs to be looked at, where it is a JSON object without one.
pub(crate) fn with_checksums(bytes: &[u8]) -> Vec<u8> {
    let mut text = Vec::with_capacity(bytes.len() + 1024);
    for line in bytes.split_inclusive(|byte| *byte == b'\n') {
        match line.strip_suffix(b"}\n") {
            Some(content) if !content.windows(7).any(|part| part == b"\"crc32\"") => {
                let checksum = crc32fast::hash(&line[..line.len() - 1]);
                text.extend_from_slice(content);
                text.extend_from_slice(format!(",\"crc32\":\"{checksum:08x}\"}}\n").as_bytes());
            }
            _ => text.extend_from_slice(line),
        }
    }
    text
}

/// A journal, read, repaired and read again.
pub(crate) fn journal(bytes: &[u8]) -> Taken {
    for text in [bytes.to_vec(), with_checksums(bytes)] {
        in_file("journal.jsonl", &text, |path| {
            let before = read_all(path);
            black_box(read(path).is_ok());
            let Ok((mut open, _)) = Journal::open(path) else { return };
            let Ok(events) = before else { return };
            let Some(event) = events.last() else { return };
            open.append(event).expect("an event that was read can be written");
            let after = read_all(path).expect("a journal that was read can be added to and read");
            assert_eq!((after.len(), after.last()), (events.len() + 1, Some(event)), "a line was added");
        });
    }
    Taken::AsIts
}

/// `run.json`, and what is made of a run that it describes.
pub(crate) fn run_info(bytes: &[u8]) -> Taken {
    in_runs(bytes, &with_checksums(JOURNAL.as_bytes()), |root| {
        let folder = root.join("case/other/s1");
        let Ok(info) = RunInfo::read(&folder) else { return };
        info.write(&folder).expect("what was read can be written");
        assert_eq!(RunInfo::read(&folder).ok(), Some(info), "what was written is read back");
        shown(root);
    });
    Taken::AsIts
}

/// Remarks on a run.
pub(crate) fn notes(bytes: &[u8]) -> Taken {
    in_runs(run_json().as_bytes(), &with_checksums(JOURNAL.as_bytes()), |root| {
        let folder = root.join("case/other/s1");
        put(&folder.join("notes.jsonl"), &with_checksums(bytes));
        if read_notes(&folder).is_ok() {
            shown(root);
        }
    });
    Taken::AsIts
}

/// The index beside runs, which is a cache: nothing in it may do more than cost time.
pub(crate) fn index(bytes: &[u8]) -> Taken {
    in_runs(run_json().as_bytes(), &with_checksums(JOURNAL.as_bytes()), |root| {
        put(&root.join(".index.jsonl"), &with_checksums(bytes));
        listed(root);
    });
    Taken::AsIts
}

/// A journal as the record of one run, with its charts.
pub(crate) fn record(bytes: &[u8]) -> Taken {
    in_runs(run_json().as_bytes(), &with_checksums(bytes), |root| {
        // The charts as they are before they are painted, which takes its time whatever is in them.
        if let Ok((page, charts)) = journal::record(&root.join("case/other/s1")) {
            black_box((page, charts.iter().map(|(_, chart)| svg(chart)).collect::<Vec<_>>()));
        }
    });
    Taken::AsIts
}

/// A journal as one run of a case: the page, the training record, the comparison, the list.
pub(crate) fn report(bytes: &[u8]) -> Taken {
    reported(run_json(), bytes)
}

/// The same of a run on labelled texts.
pub(crate) fn labelled_report(bytes: &[u8]) -> Taken {
    reported(labelled_run_json(), bytes)
}

fn reported(info: &str, bytes: &[u8]) -> Taken {
    in_runs(info.as_bytes(), &with_checksums(bytes), |root| {
        if read(&root.join("case/other/s1/journal.jsonl")).is_ok() {
            shown(root);
        }
    });
    Taken::AsIts
}

fn listed(root: &Path) {
    if let Ok(listing) = list_runs(root) {
        black_box((runs_table(&listing.runs), runs_json(&listing.runs)));
    }
}

/// All that is made of the runs below a folder, but for pictures of charts.
fn shown(root: &Path) {
    listed(root);
    let folders = find_runs(root).expect("the folder is there");
    let case = CaseRuns::read("case", &folders, &[]);
    let conclusion = Conclusion::default();
    black_box(html_page(&case, &conclusion, &claim_verdicts, "0"));
    black_box(training_record(&[RecordCase { runs: &case, conclusion: &conclusion }], &claim_verdicts, "0"));
    for axis in [Axis::Steps, Axis::Hours] {
        black_box(case_charts(&case, axis).iter().map(|(_, chart)| svg(chart)).collect::<Vec<_>>());
    }
    let runs: Result<Vec<Run>, _> = folders.iter().map(|folder| Run::read(folder)).collect();
    let Ok(comparison) = runs.and_then(|runs| compare(&grouped(runs), &Options::default())) else { return };
    black_box((comparison.text(100), comparison.markdown(), comparison.json()));
}

/// Calls `then` with a folder of two runs: a sound one, and one of these files.
fn in_runs(info: &[u8], journal: &[u8], then: impl FnOnce(&Path)) {
    let root = tempfile::tempdir().expect("the folder for temporary files can be written");
    let sound = with_checksums(JOURNAL.as_bytes());
    for (name, info, journal) in [("base", run_json().as_bytes(), sound.as_slice()), ("other", info, journal)] {
        let folder: PathBuf = root.path().join("case").join(name).join("s1");
        fs::create_dir_all(&folder).expect("the folder for temporary files can be written");
        put(&folder.join("run.json"), info);
        put(&folder.join("journal.jsonl"), journal);
        put(&folder.join("case.toml"), RESOLVED_CASE.as_bytes());
    }
    then(root.path());
}

fn put(path: &Path, bytes: &[u8]) {
    fs::write(path, bytes).expect("the folder for temporary files can be written");
}
