//! Runs from text to record: what they leave, what they learn, how they fail.

#![allow(clippy::unwrap_used, reason = "helpers of tests, too, fail by panicking")]

mod small;

use std::fs;

use casebook_train::{TrainError, Trained};
use journal::{Event, RunInfo, Status};
use small::{Small, events};

#[test]
fn a_run_learns_and_leaves_all_that_the_design_names() {
    let mut small = Small::new();
    small.config.train.steps = Some(300);
    small.config.schedule.learning_rate = 3e-3;
    small.config.train.eval_every = case::Length::Steps(100);
    assert_eq!(small.train("run", None).unwrap(), Status::Finished);
    let run = small.run("run");
    for file in
        ["case.toml", "run.json", "journal.jsonl", "record.md", "charts/loss-by-step.svg", "charts/loss-by-epoch.png"]
    {
        assert!(run.join(file).metadata().is_ok_and(|found| found.len() > 0), "{file}");
    }
    let info = RunInfo::read(&run).unwrap();
    let evals = events(&run).into_iter().filter_map(|event| match event {
        Event::Eval(eval) => Some(eval),
        _ => None,
    });
    let evals = evals.collect::<Vec<_>>();
    assert_eq!(evals.iter().map(|eval| eval.step).collect::<Vec<_>>(), [0, 100, 200, 300]);
    let (first, last) = (&evals[0], &evals[3]);
    assert!((first.loss - info.baselines.uniform).abs() < 0.3, "fresh weights know nothing: {}", first.loss);
    // Three hundred small steps learn how frequent the words of each corpus are, and no more.
    let unigram = info.baselines.unigram;
    assert!(first.loss > unigram + 0.5 && last.loss < unigram + 0.1, "{} to {}: {unigram}", first.loss, last.loss);
    assert_eq!(last.corpora.len(), 2);
}

#[test]
fn the_test_split_is_looked_at_once_at_the_end() {
    let mut small = Small::new();
    small.config.data.test = 0.2;
    small.train("run", None).unwrap();
    let splits = events(&small.run("run")).into_iter().filter_map(|event| match event {
        Event::Eval(eval) => Some((eval.split, eval.step)),
        _ => None,
    });
    let splits = splits.collect::<Vec<_>>();
    let tests = splits.iter().filter(|(split, _)| split == "test").collect::<Vec<_>>();
    assert_eq!(tests, [&("test".to_string(), 40)], "{splits:?}");
}

#[test]
fn one_batch_can_be_learned_by_heart() {
    let mut small = Small::new();
    // One batch an epoch, its masks fixed, no dropout: what is left is whether gradients and updates fit each other.
    small.config.train.batch_size = 1000;
    small.config.masking.policy = case::MaskPolicy::Fixed;
    small.config.model.dropout = 0.0;
    small.config.schedule.learning_rate = 1e-2;
    small.config.train.steps = Some(250);
    small.config.data.corpora[0].fraction = 0.15;
    small.config.data.corpora[1].fraction = 0.15;
    small.config.data.valid = 0.3;
    small.train("run", None).unwrap();
    let last = events(&small.run("run")).into_iter().rev().find_map(|event| match event {
        Event::Log(log) => Some(log),
        _ => None,
    });
    let last = last.unwrap();
    assert!(last.loss < 0.05 && last.accuracy > 0.99, "loss {}, accuracy {}", last.loss, last.accuracy);
}

#[test]
fn equal_seeds_give_equal_runs() {
    let small = Small::new();
    small.train("a", None).unwrap();
    small.train("b", None).unwrap();
    assert_eq!(events(&small.run("a")), events(&small.run("b")));
    assert!(small::final_bytes(&small.run("a")) == small::final_bytes(&small.run("b")));
}

/// Sums in another order, carried on over forty updates.
const OTHER_SUMS: f64 = 1e-3;

#[test]
fn micro_batches_come_to_the_same_loss_as_the_whole_batch() {
    let mut small = Small::new();
    // Dropout is drawn for each micro-batch, so it is off where two ways of cutting are compared.
    small.config.model.dropout = 0.0;
    small.train("whole", None).unwrap();
    small.config.train.micro_batch_size = Some(5);
    small.train("pieces", None).unwrap();
    let losses = |run: &str| {
        let log = |event| match event {
            Event::Log(log) => Some(log.loss),
            _ => None,
        };
        events(&small.run(run)).into_iter().filter_map(log).collect::<Vec<_>>()
    };
    let (whole, pieces) = (losses("whole"), losses("pieces"));
    assert_eq!(whole.len(), pieces.len());
    for (a, b) in whole.iter().zip(&pieces) {
        assert!((a - b).abs() < OTHER_SUMS, "{a} and {b}");
    }
    let seen = |run: &str| {
        let epoch = |event| match event {
            Event::Epoch(epoch) => Some((epoch.rows, epoch.mask_hash)),
            _ => None,
        };
        events(&small.run(run)).into_iter().filter_map(epoch).collect::<Vec<_>>()
    };
    assert_eq!(seen("whole"), seen("pieces"), "the same rows with the same masks");
    assert!(!seen("whole").is_empty());
}

#[test]
fn a_loss_that_is_not_finite_ends_the_run_as_diverged_before_the_update() {
    let mut small = Small::new();
    small.config.schedule.learning_rate = 1e30;
    small.config.schedule.warmup = case::Length::Steps(0);
    small.config.optimizer.clip_norm = 0.0;
    assert_eq!(small.train("run", None).unwrap(), Status::Diverged);
    let all = journal::read(&small.run("run").join("journal.jsonl")).unwrap();
    let Some(Event::End(end)) = all.last() else { panic!("no end") };
    assert!(end.reason.contains("is not finite at step") && end.reason.contains("rows"), "{}", end.reason);
    let record = fs::read_to_string(small.run("run").join("record.md")).unwrap();
    assert!(record.contains("diverged"), "a run is reported whatever became of it");
}

#[test]
fn a_second_process_is_told_who_has_the_run() {
    let small = Small::new();
    let run = small.run("run");
    fs::create_dir_all(&run).unwrap();
    let held = fs::File::create(run.join("lock")).unwrap();
    fs::write(run.join("lock"), "process 4711, since noon\n").unwrap();
    held.lock().unwrap();
    let error = small.watched("run", None).0.unwrap_err();
    assert!(matches!(&error, TrainError::Locked { who, .. } if who == "process 4711, since noon"), "{error}");
}

#[test]
fn hidden_words_are_guessed_and_files_evaluated() {
    let mut small = Small::new();
    small.config.train.steps = Some(200);
    small.config.schedule.learning_rate = 3e-3;
    small.train("run", None).unwrap();
    let trained = Trained::load(&small.run("run"), "cpu").unwrap();
    let places = trained.fill_mask("the cat [MASK] a red [MASK]", 3).unwrap();
    assert_eq!(places.iter().map(Vec::len).collect::<Vec<_>>(), [3, 3]);
    for place in &places {
        assert!(place.windows(2).all(|pair| pair[0].probability >= pair[1].probability));
        assert!(place.iter().map(|candidate| candidate.probability).sum::<f64>() <= 1.0 + 1e-6);
    }
    let score = trained.evaluate(&small.folder.path().join("en.txt"), "text", None, 1).unwrap();
    assert!(score.score.scored > 100 && score.score.loss < 4.0, "{score:?}");
    assert!(matches!(trained.fill_mask("no hidden word", 3), Err(TrainError::NoMask)));
    let long = "the [MASK] ".repeat(40);
    assert!(matches!(trained.fill_mask(&long, 3), Err(TrainError::TooLong { seq_len: 16, .. })));
}

#[test]
fn a_device_that_is_not_there_is_an_error_with_a_way_out() {
    let mut small = Small::new();
    small.config.train.device = "toaster".into();
    let error = small.watched("run", None).0.unwrap_err();
    assert_eq!(error.to_string(), "device `toaster` is unknown; write cpu, gpu, gpu:N, integrated-gpu or software-gpu");
    small.config.train.device = "gpu:7".into();
    let error = small.watched("run", None).0.unwrap_err().to_string();
    assert!(error.contains("no device `gpu:7`") && error.contains("train on `cpu`"), "{error}");
}
