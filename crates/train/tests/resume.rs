//! A run that was stopped equals one that was not: losses, metrics, weights and moments, to the bit.

mod small;

use std::fs;

use case::{MaskPolicy, RowKind};
use casebook_train::{Outcome, TrainError};
use journal::{Event, Status};
use small::{Small, events, final_bytes};

/// Trains once whole, then again with a stop after each of `stops`, and compares all there is.
fn stopped_equals_whole(small: &Small, stops: &[u64]) {
    assert_eq!(small.train("whole", None).unwrap(), Status::Finished);
    for stop in stops {
        assert_eq!(small.train("stopped", Some(*stop)).unwrap(), Status::Stopped, "after step {stop}");
    }
    assert_eq!(small.train("stopped", None).unwrap(), Status::Finished);
    let (whole, stopped) = (small.run("whole"), small.run("stopped"));
    assert_eq!(events(&whole), events(&stopped));
    assert!(events(&whole).len() > 15, "the comparison must have something to compare");
    assert!(final_bytes(&whole) == final_bytes(&stopped), "weights or moments differ");
}

#[test]
fn ten_stops_change_nothing() {
    // 13 is inside a log window, 10 and 20 are evaluated, 21 is a checkpoint anyway, 1 and 39 are the edges.
    stopped_equals_whole(&Small::new(), &[1, 4, 10, 13, 18, 20, 21, 29, 33, 39]);
}

#[test]
fn accumulation_across_epochs_with_fixed_masks_changes_nothing() {
    let mut small = Small::new();
    small.config.train.micro_batch_size = Some(6);
    small.config.masking.policy = MaskPolicy::Fixed;
    small.config.data.rows = RowKind::Line;
    stopped_equals_whole(&small, &[2, 9, 15, 16, 17, 31]);
    let epochs = events(&small.run("whole")).into_iter().filter_map(|event| match event {
        Event::Epoch(epoch) => Some(epoch.mask_hash),
        _ => None,
    });
    let hashes = epochs.collect::<Vec<_>>();
    assert!(hashes.len() >= 2 && hashes.iter().all(|hash| *hash == hashes[0]), "fixed masks changed: {hashes:?}");
}

#[test]
fn masks_drawn_each_epoch_differ_between_epochs() {
    let small = Small::new();
    small.train("run", None).unwrap();
    let hashes = events(&small.run("run")).into_iter().filter_map(|event| match event {
        Event::Epoch(epoch) => Some(epoch.mask_hash),
        _ => None,
    });
    let mut hashes = hashes.collect::<Vec<_>>();
    let count = hashes.len();
    hashes.dedup();
    assert!(count >= 2 && hashes.len() == count, "{hashes:?}");
}

#[test]
fn a_damaged_checkpoint_is_named_and_the_one_before_it_serves() {
    let mut small = Small::new();
    small.config.train.keep_checkpoints = 3;
    small.train("whole", None).unwrap();
    small.train("run", Some(16)).unwrap();
    let damaged = small.run("run").join("checkpoints/step-0000016/model.safetensors");
    let mut bytes = fs::read(&damaged).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&damaged, bytes).unwrap();
    let (outcome, said) = small.watched("run", None);
    assert_eq!(outcome.unwrap(), Outcome::Ended(Status::Finished));
    assert!(said.iter().any(|line| line.contains("step-0000016") && line.contains("changed or damaged")), "{said:?}");
    assert_eq!(events(&small.run("whole")), events(&small.run("run")));
    assert!(final_bytes(&small.run("whole")) == final_bytes(&small.run("run")));
}

#[test]
fn other_settings_are_refused_with_the_difference_and_more_steps_are_not() {
    let mut small = Small::new();
    small.train("run", Some(12)).unwrap();
    small.config.schedule.learning_rate = 1e-3;
    let (outcome, _) = small.watched("run", None);
    let error = outcome.unwrap_err();
    assert!(matches!(error, TrainError::Changed { .. }), "{error}");
    assert!(error.to_string().contains("schedule.learning_rate"), "{error}");
    small.config.schedule.learning_rate = 5e-4;
    small.config.train.steps = Some(50);
    assert_eq!(small.train("run", None).unwrap(), Status::Finished);
    let all = journal::read(&small.run("run").join("journal.jsonl")).unwrap();
    let changed = all.iter().any(|event| matches!(event, Event::Resume(resume) if resume.changes == ["train.steps: 40 → 50"]));
    assert!(changed, "the change must stand in the journal");
    assert!(matches!(all.last(), Some(Event::End(end)) if end.step == 50));
}

#[test]
fn changed_text_is_refused() {
    let small = Small::new();
    small.train("run", Some(5)).unwrap();
    let text = small.folder.path().join("en.txt");
    fs::write(&text, fs::read_to_string(&text).unwrap() + "one more line of text\n").unwrap();
    let error = small.watched("run", None).0.unwrap_err();
    assert!(matches!(error, TrainError::Changed { .. }) && error.to_string().contains("prepared text"), "{error}");
}

#[test]
fn a_finished_run_is_left_alone() {
    let small = Small::new();
    small.train("run", None).unwrap();
    let before = fs::read(small.run("run").join("journal.jsonl")).unwrap();
    assert_eq!(small.watched("run", None).0.unwrap(), Outcome::FinishedBefore);
    assert_eq!(fs::read(small.run("run").join("journal.jsonl")).unwrap(), before);
}
