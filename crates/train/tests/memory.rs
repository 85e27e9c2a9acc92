//! A device that has no memory for a step: the micro-batch that fits is named, and used where the case says so; the run is
//! then that of a case which asked for it. The limit is a test's own (`with_memory_for`): no GPU is needed.

#![allow(clippy::unwrap_used, reason = "helpers of tests, too, fail by panicking")]

mod small;

use case::OutOfMemory;
use casebook_train::{TrainError, with_memory_for};
use journal::{Event, Status};
use small::{Small, events, final_bytes};

/// What the journal says has changed, over all resumes.
fn changes(small: &Small, run: &str) -> Vec<String> {
    let all = journal::read_all(&small.run(run).join("journal.jsonl")).unwrap();
    let resumes = all.into_iter().filter_map(|event| match event {
        Event::Resume(resume) => Some(resume.changes),
        _ => None,
    });
    resumes.flatten().collect()
}

#[test]
fn a_run_that_stops_names_the_micro_batch_that_fits_and_the_same_command_goes_on_with_it_when_told() {
    let mut small = Small::new();
    let error = with_memory_for(5, || small.train("run", None)).unwrap_err();
    assert!(matches!(error, TrainError::OutOfMemory { rows: 16, fits: Some(4), .. }), "{error:?}");
    let text = error.to_string();
    assert!(text.contains("passes of 16 rows") && text.contains("micro_batch_size = 4"), "{text}");

    small.config.train.out_of_memory = OutOfMemory::Split;
    assert_eq!(with_memory_for(5, || small.train("run", None)).unwrap(), Status::Finished);
    let changed = changes(&small, "run");
    assert!(changed.iter().any(|line| line.starts_with("micro_batch_size: 16 → 4")), "{changed:?}");

    // Dropout and all: it is the run of a case that asked for four rows from the start.
    small.config.train.micro_batch_size = Some(4);
    small.train("asked", None).unwrap();
    assert_eq!(events(&small.run("asked")), events(&small.run("run")));
    assert!(final_bytes(&small.run("asked")) == final_bytes(&small.run("run")));
}

#[test]
fn a_run_goes_on_with_what_fits_and_a_resume_keeps_to_it() {
    let mut small = Small::new();
    small.config.train.out_of_memory = OutOfMemory::Split;
    for run in ["whole", "stopped"] {
        // The memory shrinks at step 18: from the checkpoint of that step on, passes are of 8 rows.
        small.train(run, Some(18)).unwrap();
        let stop = (run == "stopped").then_some(24);
        with_memory_for(8, || small.train(run, stop)).unwrap();
    }
    assert_eq!(changes(&small, "stopped").iter().filter(|line| line.contains("16 → 8")).count(), 1);
    // There is memory for all 16 rows again: what was begun in passes of 8 is ended so.
    small.train("stopped", None).unwrap();
    assert_eq!(events(&small.run("whole")), events(&small.run("stopped")));
    assert!(final_bytes(&small.run("whole")) == final_bytes(&small.run("stopped")));
}

#[test]
fn a_run_that_never_fits_ends_and_says_so() {
    let mut small = Small::new();
    small.config.train.out_of_memory = OutOfMemory::Split;
    let error = with_memory_for(0, || small.train("run", None)).unwrap_err();
    assert!(matches!(error, TrainError::OutOfMemory { rows: 16, fits: None, .. }), "{error:?}");
    assert_eq!(small.train("run", None).unwrap(), Status::Finished, "the same command goes on where it fits");
}
