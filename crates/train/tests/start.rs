//! Runs that begin from a model: a run, one of its checkpoints, an import.

#![allow(clippy::unwrap_used, reason = "helpers of tests, too, fail by panicking")]

mod small;

use std::{fs, path::Path};

use case::{CaseConfig, ScheduleKind, TokenizerConfig, TokenizerKind};
use casebook_train::{GivenRows, Probe, TrainError, Trained, Which, export};
use journal::{Event, RunInfo, Status};
use small::{Small, events};

/// The case of a child, as taking over would leave it.
fn child(parent: &CaseConfig, start: &str) -> CaseConfig {
    let mut config = parent.clone();
    config.question = "Does a child begin where its parent ended?".into();
    config.start = Some(start.into());
    config.tokenizer = TokenizerConfig {
        kind: TokenizerKind::File,
        path: Some("runs/parent/checkpoints/tokenizer.json".into()),
        ..TokenizerConfig::default()
    };
    config.schedule.kind = ScheduleKind::Cosine;
    config
}

fn losses(run: &Path) -> Vec<(u64, f64)> {
    let of = |event| match event {
        Event::Eval(eval) => Some((eval.step, eval.loss)),
        _ => None,
    };
    events(run).into_iter().filter_map(of).collect()
}

#[test]
fn a_child_with_another_schedule_begins_at_its_parents_best() {
    let mut small = Small::new();
    small.config.train.steps = Some(120);
    small.config.schedule.learning_rate = 3e-3;
    small.train("parent", None).unwrap();
    let best = losses(&small.run("parent")).into_iter().min_by(|a, b| a.1.total_cmp(&b.1)).unwrap();
    small.config = child(&small.config, "runs/parent");
    small.train("child", None).unwrap();
    let first = losses(&small.run("child"))[0];
    assert_eq!(first, (0, best.1), "the same text, masks and weights give the same loss");
    let info = RunInfo::read(&small.run("child")).unwrap();
    let start = info.start.unwrap();
    assert_eq!((start.kind.as_str(), start.step, start.fresh.len()), ("run", best.0, 0));
    assert_eq!(info.parameters[0], ("start".to_string(), "runs/parent".to_string()));
    assert!(RunInfo::read(&small.run("parent")).unwrap().start.is_none());
}

#[test]
fn a_child_stopped_and_gone_on_with_is_the_child_that_was_not() {
    let mut small = Small::new();
    small.train("parent", None).unwrap();
    small.config = child(&small.config, "runs/parent");
    small.train("whole", None).unwrap();
    assert_eq!(small.train("parted", Some(9)).unwrap(), Status::Stopped);
    small.train("parted", None).unwrap();
    assert_eq!(events(&small.run("whole")), events(&small.run("parted")));
    assert!(small::final_bytes(&small.run("whole")) == small::final_bytes(&small.run("parted")));
    // What a run began from is not asked for again once it has a checkpoint of its own.
    assert_eq!(small.train("later", Some(9)).unwrap(), Status::Stopped);
    let steps = fs::read_dir(small.run("parent").join("checkpoints")).unwrap().map(|entry| entry.unwrap().path());
    steps.filter(|path| path.is_dir()).for_each(|path| fs::remove_dir_all(path).unwrap());
    small.train("later", None).unwrap();
    assert!(small::final_bytes(&small.run("whole")) == small::final_bytes(&small.run("later")));
}

#[test]
fn another_start_or_another_shape_is_refused() {
    let mut small = Small::new();
    small.train("parent", None).unwrap();
    let parent = small.config.clone();
    small.config = child(&parent, "runs/parent");
    small.train("child", Some(9)).unwrap();
    small.config.start = Some("runs/other".into());
    let error = small.train("child", None).unwrap_err();
    assert!(matches!(&error, TrainError::Changed { differences, .. } if differences[0].contains("start")), "{error}");
    small.config = child(&parent, "runs/parent");
    small.config.model.ff = 65;
    let error = small.train("wider", None).unwrap_err();
    assert!(error.to_string().contains("`encoder.layers.0.ff_in.weight` has shape [32, 64]"), "{error}");
    small.config = child(&parent, "runs/none");
    assert!(matches!(small.train("orphan", None), Err(TrainError::NotARun { .. })));
    assert!(!small.run("orphan").exists());
}

#[test]
fn shorter_rows_cut_the_positions_and_a_checkpoint_can_be_named() {
    let mut small = Small::new();
    small.train("parent", None).unwrap();
    small.config = child(&small.config, "runs/parent/checkpoints/step-0000040");
    small.config.model.seq_len = 12;
    small.train("short", None).unwrap();
    assert_eq!(RunInfo::read(&small.run("short")).unwrap().start.unwrap().step, 40);
    let none = Trained::load(&small.run("parent").join("checkpoints/step-0000041"), "cpu");
    assert!(matches!(none, Err(TrainError::NotARun { .. })));
}

#[test]
fn an_exported_run_is_imported_as_the_same_model() {
    let small = Small::new();
    small.train("parent", None).unwrap();
    let (to, back) = (small.folder.path().join("theirs"), small.folder.path().join("ours"));
    let (exported, step) = export(&small.run("parent"), Which::Last, Some("CC0"), &to).unwrap();
    assert_eq!((exported.architecture.as_str(), step), ("RobertaPreLayerNormForMaskedLM", 40));
    let card = fs::read_to_string(to.join("README.md")).unwrap();
    for words in ["license: \"CC0\"", "| ko |", "| valid | all |", "| learning_rate | 0.0005 |", "After 40 of 40 steps"]
    {
        assert!(card.contains(words), "{words}: {card}");
    }
    exchange::import(&to, &back).unwrap();
    let rows = GivenRows { input_ids: vec![vec![2, 9, 30, 4, 3], vec![2, 4, 3]], ..GivenRows::default() };
    let states = |folder: &Path| Probe::load(folder, "cpu").unwrap().states(&rows).unwrap();
    let last = small.run("parent").join("checkpoints/step-0000040");
    let (ours, theirs) = (states(&last), states(&back));
    let flat = |rows: &[casebook_train::RowStates]| rows.iter().flat_map(|row| row.logits.concat()).collect::<Vec<_>>();
    let worst = flat(&ours).iter().zip(flat(&theirs)).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
    assert!(worst <= 1e-5, "{worst:e}");
    let error = export(&small.run("parent"), Which::Step(39), None, &small.folder.path().join("x")).unwrap_err();
    assert!(error.to_string().contains("no checkpoint of step 39; it has"), "{error}");
}
