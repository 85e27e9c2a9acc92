//! Training with matrix products of 16 bits: it learns the same, leaves out what overflows, and resumes to the bit.

#![allow(clippy::unwrap_used, reason = "helpers of tests, too, fail by panicking")]

mod small;

use case::{Kernels, Length, Precision};
use casebook_train::TrainError;
use journal::{Event, Log, RunInfo, Status};
use small::{Small, events, final_bytes};

fn in_precision(precision: Precision) -> Small {
    let mut small = Small::new();
    small.config.train.kernels = Kernels::Composed;
    small.config.train.precision = precision;
    small
}

fn logs(small: &Small, run: &str) -> Vec<Log> {
    let log = |event| match event {
        Event::Log(log) => Some(log),
        _ => None,
    };
    events(&small.run(run)).into_iter().filter_map(log).collect()
}

#[test]
fn f16_and_bf16_learn_what_fp32_learns() {
    let last_loss = |precision, seed| {
        let mut small = in_precision(precision);
        small.config.train.steps = Some(150);
        small.config.schedule.learning_rate = 3e-3;
        small.config.train.eval_every = Length::Steps(150);
        small.config.seeds = vec![seed];
        assert_eq!(small.train("run", None).unwrap(), Status::Finished);
        let info = RunInfo::read(&small.run("run")).unwrap();
        assert_eq!(info.precision.contains("16"), precision != Precision::Fp32, "{}", info.precision);
        let scaled = logs(&small, "run").iter().filter(|log| log.loss_scaling.is_some()).count();
        assert_eq!(scaled > 0, precision == Precision::F16, "only f16 is scaled");
        let mut evals = events(&small.run("run")).into_iter().filter_map(|event| match event {
            Event::Eval(eval) => Some(eval.loss),
            _ => None,
        });
        evals.next_back().unwrap()
    };
    let [first, second] = [1, 2].map(|seed| last_loss(Precision::Fp32, seed));
    let noise = (first - second).abs();
    for precision in [Precision::F16, Precision::Bf16] {
        let loss = last_loss(precision, 1);
        // Two seeds are apart by more than rounding may move one of them.
        assert!((loss - first).abs() < noise, "{precision:?}: {loss}, fp32: {first} and {second}");
    }
}

/// A batch of one row scores two words or three: scaled by 2^16, the gradient of the table overflows.
fn overflowing() -> Small {
    let mut small = in_precision(Precision::F16);
    small.config.train.batch_size = 1;
    small
}

#[test]
fn an_overflow_leaves_out_the_update_and_is_written_down() {
    let small = overflowing();
    assert_eq!(small.train("run", None).unwrap(), Status::Finished);
    let logs = logs(&small, "run");
    let scaling = logs.iter().map(|log| log.loss_scaling.unwrap()).collect::<Vec<_>>();
    let skipped = scaling.iter().map(|scaling| scaling.skipped).sum::<u64>();
    assert!((1..10).contains(&skipped), "{scaling:?}");
    assert_eq!(scaling.last().unwrap().scale, 65_536.0 / f64::from(1 << skipped));
    assert_eq!(logs.iter().map(|log| log.window_steps).sum::<u64>(), 40, "a step without an update is a step");
    let record = std::fs::read_to_string(small.run("run").join("record.md")).unwrap();
    assert!(record.contains(&format!("{skipped} of 40 updates were left out")), "{record}");
}

#[test]
fn resuming_around_overflows_changes_nothing() {
    let small = overflowing();
    small.train("whole", None).unwrap();
    for stop in [1, 2, 3, 17] {
        assert_eq!(small.train("stopped", Some(stop)).unwrap(), Status::Stopped);
    }
    small.train("stopped", None).unwrap();
    assert_eq!(events(&small.run("whole")), events(&small.run("stopped")));
    assert!(final_bytes(&small.run("whole")) == final_bytes(&small.run("stopped")));
}

#[test]
fn a_forward_loss_that_is_not_finite_is_not_taken_for_an_overflow() {
    let mut small = in_precision(Precision::F16);
    small.config.schedule.learning_rate = 1e30;
    small.config.schedule.warmup = Length::Steps(0);
    small.config.optimizer.clip_norm = 0.0;
    assert_eq!(small.train("run", None).unwrap(), Status::Diverged);
}

#[test]
fn own_cpu_kernels_refuse_sixteen_bits() {
    let mut small = in_precision(Precision::Bf16);
    small.config.train.kernels = Kernels::Own;
    let error = small.watched("run", None).0.unwrap_err();
    assert!(matches!(error, TrainError::Precision { precision: Precision::Bf16, .. }), "{error}");
    assert!(error.to_string().contains("or kernels = \"composed\""), "{error}");
}
