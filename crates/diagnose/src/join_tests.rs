use std::fs;
use std::path::Path;

use super::*;
use crate::log::Split;
use crate::read;
use crate::tfevents::tests::{field, record, simple};

const ROWS: [&str; 4] = [
    r#"{"step": 10, "epoch": 0.5, "loss": 0.9}"#,
    r#"{"step": 20, "epoch": 1.0, "loss": 0.7}"#,
    r#"{"step": 20, "epoch": 1.0, "eval_loss": 0.8, "eval_accuracy": 0.75}"#,
    r#"{"step": 30, "epoch": 1.5, "loss": 0.6}"#,
];

fn state(folder: &Path, name: &str, rows: &[&str]) {
    fs::create_dir_all(folder.join(name)).unwrap();
    let text = format!("{{\"log_history\": [\n{}\n]}}", rows.join(",\n"));
    fs::write(folder.join(name).join("trainer_state.json"), text).unwrap();
}

fn joined(log: &Log) -> Vec<&str> {
    log.notes.iter().filter(|note| note.kind == NoteKind::Joined).map(|note| note.text.as_str()).collect()
}

#[test]
fn states_of_checkpoints_are_one_run_and_the_longest_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    state(folder.path(), "checkpoint-20", &ROWS[..3]);
    state(folder.path(), "checkpoint-10", &ROWS[..1]);
    state(folder.path(), "", &ROWS);
    let log = read(folder.path()).unwrap();
    assert_eq!((log.runs.len(), log.runs[0].rows.len()), (1, 4));
    assert!(joined(&log)[0].starts_with("2 states are the beginning of the one in "), "{:?}", log.notes);
}

#[test]
fn a_state_with_other_numbers_is_another_run_wherever_it_lies() {
    let folder = tempfile::tempdir().unwrap();
    state(folder.path(), "checkpoint-10", &[r#"{"step": 10, "epoch": 0.5, "loss": 0.91}"#]);
    state(folder.path(), "checkpoint-30", &ROWS);
    state(folder.path(), "another/checkpoint-10", &ROWS[..1]);
    let log = read(folder.path()).unwrap();
    assert_eq!((log.runs.len(), joined(&log).len()), (3, 0));
}

#[test]
fn equal_states_are_one() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["checkpoint-30", ""] {
        state(folder.path(), name, &ROWS);
    }
    assert_eq!(read(folder.path()).unwrap().runs.len(), 1);
}

#[test]
fn results_belong_to_the_state_beside_them() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    state(at, "", &ROWS);
    let all = r#"{"epoch": 1.5, "eval_loss": 0.65, "eval_accuracy": 0.8, "train_loss": 0.7, "train_runtime": 9.5,
                  "train_samples_per_second": 100.0}"#;
    fs::write(at.join("all_results.json"), all).unwrap();
    fs::write(at.join("eval_results.json"), r#"{"epoch": 1.5, "eval_loss": 0.65, "eval_accuracy": 0.8}"#).unwrap();
    fs::write(at.join("train_results.json"), r#"{"epoch": 1.5, "train_loss": 0.7, "train_runtime": 9.5}"#).unwrap();
    let log = read(at).unwrap();
    assert_eq!(log.runs.len(), 1, "{:?}", log.runs);
    let accuracies = log.runs[0].series(&Split::Valid, "accuracy");
    let shown: Vec<_> = accuracies.iter().map(|point| (point.step, point.value)).collect();
    assert_eq!(shown, [(Some(20), 0.75), (Some(30), 0.8)]);
    let last = accuracies[1].place;
    assert!(log.sources[last.source as usize].name.ends_with("all_results.json"), "its own file is quoted");
    assert_eq!(log.runs[0].number("train_runtime"), Some(9.5));
    assert_eq!(joined(&log).iter().filter(|text| text.contains("nothing in them is new")).count(), 2);
}

#[test]
fn results_of_the_best_checkpoint_are_no_new_evaluation() {
    let folder = tempfile::tempdir().unwrap();
    state(folder.path(), "checkpoint-30", &ROWS);
    let results = r#"{"epoch": 1.5, "eval_loss": 0.8, "eval_accuracy": 0.75, "perplexity": 2.2}"#;
    fs::write(folder.path().join("eval_results.json"), results).unwrap();
    let log = read(folder.path()).unwrap();
    assert_eq!((log.runs.len(), log.runs[0].evaluations()), (1, 1));
}

#[test]
fn results_that_do_not_fit_or_have_two_runs_beside_them_stay_by_themselves() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    state(at, "", &ROWS);
    fs::write(at.join("eval_results.json"), r#"{"epoch": 3.0, "eval_loss": 0.65}"#).unwrap();
    assert_eq!(read(at).unwrap().runs.len(), 2, "taken at another epoch");
    fs::write(at.join("eval_results.json"), r#"{"epoch": 1.5, "eval_loss": 0.65}"#).unwrap();
    assert_eq!(read(at).unwrap().runs.len(), 1);
    state(at, "checkpoint-10", &[r#"{"step": 10, "epoch": 1.5, "loss": 0.91}"#]);
    assert_eq!(read(at).unwrap().runs.len(), 3, "of which of the two?");
}

/// An event file of a trainer whose state is in `folder`.
fn events(folder: &Path, scalars: &[(u64, &str, f32)]) {
    let within = folder.join("runs/Nov21_host");
    fs::create_dir_all(&within).unwrap();
    let mut bytes = record(&field(3, b"brain.Event:2"));
    for (step, tag, number) in scalars {
        bytes.extend(simple(*step, tag, *number));
    }
    fs::write(within.join("events.out.tfevents.1.host.1.0"), bytes).unwrap();
}

const SAME: [(u64, &str, f32); 4] =
    [(10, "train/loss", 0.9), (20, "train/loss", 0.7), (20, "eval/loss", 0.8), (30, "train/loss", 0.6)];

#[test]
fn events_of_the_same_trainer_are_no_second_run_and_go_on_where_its_state_ends() {
    let folder = tempfile::tempdir().unwrap();
    state(folder.path(), "checkpoint-30", &ROWS);
    events(folder.path(), &SAME);
    let log = read(folder.path()).unwrap();
    assert_eq!((log.runs.len(), log.runs[0].rows.len()), (1, 4));
    assert!(joined(&log)[0].contains("nothing stands behind its last row"), "{:?}", log.notes);

    events(folder.path(), &[&SAME[..], &[(40, "train/loss", 0.5), (40, "eval/loss", 0.75)]].concat());
    let log = read(folder.path()).unwrap();
    let losses = |split| -> Vec<_> {
        log.runs[0].series(split, "loss").iter().map(|point| (point.step, point.epoch, point.value)).collect()
    };
    assert_eq!(log.runs.len(), 1);
    assert_eq!(losses(&Split::Train)[2..], [(Some(30), Some(1.5), 0.6), (Some(40), None, 0.5)]);
    assert_eq!(losses(&Split::Valid)[1..], [(Some(40), None, 0.75)]);
}

#[test]
fn events_with_other_numbers_or_too_few_are_a_run_of_their_own() {
    let folder = tempfile::tempdir().unwrap();
    state(folder.path(), "", &ROWS);
    events(folder.path(), &SAME[..2]);
    assert_eq!(read(folder.path()).unwrap().runs.len(), 2, "two numbers may be the same by chance");
    events(folder.path(), &[SAME[0], SAME[1], (20, "eval/loss", 0.9), (30, "train/loss", 0.61)]);
    assert_eq!(read(folder.path()).unwrap().runs.len(), 2);
}
