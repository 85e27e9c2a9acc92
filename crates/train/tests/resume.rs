//! A run that was stopped equals one that was not: losses, metrics, weights and moments, to the bit.

#![allow(clippy::unwrap_used, reason = "helpers of tests, too, fail by panicking")]

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
fn accumulation_across_epochs_with_masks_of_each_epoch_changes_nothing() {
    let mut small = Small::new();
    small.config.train.micro_batch_size = Some(5);
    stopped_equals_whole(&small, &[3, 14, 15, 16, 27, 30]);
}

#[test]
fn a_death_between_checkpoints_changes_nothing_and_the_best_keeps_its_name() {
    let small = Small::new();
    small.train("whole", None).unwrap();
    small.train("dead", Some(17)).unwrap();
    // What a kill at step 17 leaves: lines after the checkpoint of step 14, no end, and the last line cut short.
    let run = small.run("dead");
    fs::remove_dir_all(run.join("checkpoints/step-0000017")).unwrap();
    let journal = run.join("journal.jsonl");
    let text = fs::read_to_string(&journal).unwrap();
    let lines = text.lines().filter(|line| !line.contains(r#""step":17,"#) && !line.contains(r#""event":"end""#));
    let mut text = lines.map(|line| format!("{line}\n")).collect::<String>();
    text.push_str(r#"{"event":"log","step":1"#);
    fs::write(&journal, text).unwrap();
    assert_eq!(small.train("dead", None).unwrap(), Status::Finished);
    assert_eq!(events(&small.run("whole")), events(&run));
    assert!(final_bytes(&small.run("whole")) == final_bytes(&run));
    let best = |run: &str| {
        let all = journal::read(&small.run(run).join("journal.jsonl")).unwrap();
        let saved = all.into_iter().filter_map(|event| match event {
            Event::Checkpoint(saved) if saved.best => Some(saved.step),
            _ => None,
        });
        saved.collect::<Vec<_>>()
    };
    assert_eq!(best("whole"), best("dead"));
}

#[test]
fn where_no_checkpoint_can_be_trusted_nothing_is_begun_over_the_old_work() {
    let small = Small::new();
    small.train("run", Some(12)).unwrap();
    let folder = small.run("run").join("checkpoints");
    for entry in fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).filter(|path| path.is_dir()) {
        fs::write(entry.join("state.json"), "{}").unwrap();
    }
    let before = fs::read(small.run("run").join("journal.jsonl")).unwrap();
    let error = small.watched("run", None).0.unwrap_err();
    assert!(matches!(error, TrainError::Checkpoint { .. }), "{error}");
    assert_eq!(fs::read(small.run("run").join("journal.jsonl")).unwrap(), before, "the journal must be left alone");
    let manifest = folder.join("step-0000012/manifest.json");
    let newer = fs::read_to_string(&manifest).unwrap().replacen("\"format\": 1", "\"format\": 2", 1);
    fs::write(&manifest, newer).unwrap();
    let error = small.watched("run", None).0.unwrap_err().to_string();
    assert!(error.contains("has format 2, and this program knows 1 at most"), "{error}");
    fs::remove_file(small.run("run").join("journal.jsonl")).unwrap();
    assert!(matches!(small.watched("run", None).0.unwrap_err(), TrainError::Orphans { .. }));
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
    let changes = all.iter().find_map(|event| match event {
        Event::Resume(resume) => Some(resume.changes.join("\n")),
        _ => None,
    });
    let changes = changes.expect("the run was gone on with");
    assert!(changes.starts_with("train.steps: 40 → 50\nlearning rate of step 12: "), "{changes}");
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
    assert_eq!(small.watched("run", None).0.unwrap(), Outcome::EndedBefore(Status::Finished));
    assert_eq!(fs::read(small.run("run").join("journal.jsonl")).unwrap(), before);
}
