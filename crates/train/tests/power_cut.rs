//! A run that is killed after any operation on its files, or loses power there, or whose disk fails there, ends as one that
//! was left alone: weights, moments and journal to the bit. Some moments here; all of them by
//! `CASEBOOK_EVERY=1 cargo test --release --workspace --test power_cut`, two minutes.

#![allow(clippy::unwrap_used, reason = "helpers of tests, too, fail by panicking")]

mod small;

use std::fs;
use std::path::{Path, PathBuf};

use casebook_train::{Outcome, TrainError};
use disk::crash::{Extent, Tried, every_state};
use disk::{Counting, Failing, Failure, Recorded, Recording, watched};
use journal::{Event, Status};
use small::{Small, events, final_bytes};

/// Moments that are left out between two that are tried, unless `CASEBOOK_EVERY` says otherwise.
fn every(otherwise: usize) -> usize {
    std::env::var("CASEBOOK_EVERY").ok().and_then(|text| text.parse().ok()).unwrap_or(otherwise)
}

/// A case of fewer steps, a run of it that was left alone, and what that run wrote in order.
struct Recorded20 {
    small: Small,
    operations: Vec<Recorded>,
    base: PathBuf,
    before: PathBuf,
    wanted: (Vec<Event>, [Vec<u8>; 2]),
}

impl Recorded20 {
    fn new() -> Self {
        let mut small = Small::new();
        small.config.train.steps = Some(20);
        small.config.train.keep_checkpoints = 1;
        // The text is prepared by a run of its own.
        small.train("first", None).unwrap();
        let (base, before) = (small.folder.path().join("runs/of"), small.folder.path().join("before"));
        fs::create_dir(&base).unwrap();
        fs::create_dir(&before).unwrap();
        let (status, recording) = watched(Recording::default(), || small.train("of/whole", None).unwrap());
        assert_eq!(status, Status::Finished);
        let whole = base.join("whole");
        let wanted = (events(&whole), final_bytes(&whole));
        assert!(wanted.0.len() > 8 && recording.operations.len() > 80, "{}", recording.operations.len());
        Self { small, operations: recording.operations, base, before, wanted }
    }

    /// Goes on from what `what` may leave.
    fn every_state(&self, extent: Extent, what: &str) -> Tried {
        let tried = every_state(&self.base, &self.before, &self.operations, extent, |state, done| {
            self.goes_on(&state.join("whole"), &format!("{what} after {done} operations"));
        });
        tried.unwrap()
    }

    /// Goes on with what is left, and holds it against the run that was left alone.
    fn goes_on(&self, run: &Path, what: &str) {
        let (outcome, said) = self.small.watched(run.to_str().unwrap(), None);
        assert!(matches!(outcome.unwrap(), Outcome::Ended(Status::Finished) | Outcome::EndedBefore(Status::Finished)));
        assert!(!said.iter().any(|line| line.contains("put aside")), "{what}: {said:?}");
        assert!(events(run) == self.wanted.0, "{what}: other events");
        assert!(final_bytes(run) == self.wanted.1, "{what}: other weights or moments");
        let names = fs::read_dir(run.join("checkpoints")).unwrap().map(|entry| entry.unwrap().file_name());
        let left: Vec<_> =
            names.filter(|name| !name.to_string_lossy().starts_with("step-") && name != "tokenizer.json").collect();
        assert!(left.is_empty(), "{what}: {left:?}");
        assert!(run.join("record.md").exists(), "{what}: no record");
        for folder in [run.to_path_buf(), run.join("charts")] {
            let mut names = fs::read_dir(folder).into_iter().flatten().map(|entry| entry.unwrap().path());
            assert!(names.all(|path| !disk::is_temporary(&path)), "{what}");
        }
    }
}

#[test]
fn a_run_killed_after_any_operation_ends_as_one_left_alone() {
    let tried = Recorded20::new().every_state(Extent { every: every(9), most: 1 }, "killed");
    assert!(tried.moments >= 10 && tried.states == tried.moments, "{tried:?}");
}

#[test]
fn a_run_that_loses_power_ends_as_one_left_alone() {
    let tried = Recorded20::new().every_state(Extent { every: every(14), most: 3 }, "power lost");
    assert!(tried.states >= 10);
}

#[test]
fn a_run_whose_disk_fails_says_so_and_ends_as_one_left_alone_when_it_works_again() {
    let recorded = Recorded20::new();
    let small = &recorded.small;
    let (_, counted) = watched(Counting::default(), || small.train("counted", None).unwrap());
    let mut failed = 0;
    for (turn, nth) in (0..counted.operations).step_by(every(17)).enumerate() {
        let failure = Failure::ALL[turn % Failure::ALL.len()];
        let run = small.run(&format!("failing-{nth}"));
        let failing = Failing::at(nth, failure, turn % 2 == 0);
        let (outcome, _) = watched(failing, || small.watched(run.to_str().unwrap(), None).0);
        // What is made for people to read may be missing; the run itself is whole then.
        if let Err(error) = outcome {
            failed += 1;
            let text = format!("{error}");
            assert!(text.contains("cannot"), "{text}");
            let is_known =
                matches!(error, TrainError::Write { .. } | TrainError::Journal(_) | TrainError::DiskFull { .. });
            assert!(is_known, "{error:?}");
        }
        recorded.goes_on(&run, &format!("{failure:?} at {nth}"));
    }
    assert!(failed >= 8, "{failed}");
}
