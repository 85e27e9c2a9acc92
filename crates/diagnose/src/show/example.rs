//! A log with one healthy and one broken run, and what might be said of it.

use crate::judge::{Diagnosis, Evidence, Finding, Kind, RunDiagnosis, Statistic, Untested, Verdict, Weight};
use crate::log::{Log, RunLog, Split};
use crate::recover::{Claim, hold, recover};

/// A run of steps 10 to 300 with three evaluations an epoch of 100 steps; `bend` says what becomes of its losses.
pub(super) fn run_text(bend: impl Fn(u32, f64) -> f64) -> String {
    let mut text = String::from("learning_rate = 5e-05\n");
    for step in (10..=300).step_by(10) {
        let epoch = f64::from(step) / 100.0;
        let loss = bend(step, 0.7 * (-epoch).exp() + 0.1);
        let rate = 5e-5 * (1.0 - f64::from(step) / 300.0);
        text += &format!("{{'loss': {loss:.4}, 'learning_rate': {rate:.6e}, 'epoch': {epoch}, 'step': {step}}}\n");
        if step % 100 == 0 {
            text += &format!(
                "{{'eval_loss': {:.4}, 'eval_accuracy': 0.8{}, 'epoch': {epoch}, 'step': {step}}}\n",
                0.3 + epoch / 10.0,
                step / 100
            );
        }
    }
    text
}

pub(super) fn log(text: &str) -> Log {
    crate::read_bytes("/logs/train.log", text.as_bytes().to_vec())
}

pub(super) fn evidence(run: &RunLog, split: &Split, metric: &str, at: usize) -> Evidence {
    let point = run.series(split, metric)[at];
    Evidence {
        place: point.place,
        step: point.step,
        epoch: point.epoch,
        split: split.clone(),
        metric: metric.into(),
        value: point.value,
    }
}

pub(super) fn finding(kind: Kind, weight: Weight, evidence: Vec<Evidence>) -> Finding {
    let what = "the held-out loss rose from 0.4 at step 100 to 0.6 at step 300 while the training loss fell to 0.13, and so on until the line is long";
    let statistic = Statistic { name: "rise over the least".into(), value: 0.5, threshold: 0.1 };
    Finding { kind, weight, what: what.into(), statistic, evidence }
}

/// The diagnosis of a log whose runs are all said to overfit, the first run's training loss with a spike.
pub(super) fn overfitting(log: &Log) -> Diagnosis {
    let one = |(at, run): (usize, &RunLog)| {
        let findings = vec![
            finding(
                Kind::Overfitting,
                Weight::Watch,
                vec![evidence(run, &Split::Valid, "loss", 2), evidence(run, &Split::Valid, "loss", 0)],
            ),
            finding(Kind::BestFirst, Weight::Note, vec![evidence(run, &Split::Valid, "loss", 0)]),
        ];
        let recovered = recover(run);
        let claims = vec![hold(&Claim { key: "learning_rate".into(), value: 1e-6, place: None }, &recovered)];
        let why = "no gradient norm";
        RunDiagnosis {
            run: at,
            verdict: Verdict::Watch,
            why: "the held-out loss turned at epoch 1".into(),
            findings,
            untested: [Kind::GradientBursts, Kind::ClippedAlways]
                .map(|kind| Untested { kind, why: why.into() })
                .to_vec(),
            recovered,
            claims,
        }
    };
    let runs: Vec<RunDiagnosis> = log.runs.iter().enumerate().map(one).collect();
    Diagnosis {
        verdict: runs.iter().map(|run| run.verdict).max().unwrap_or(Verdict::CannotTell),
        findings: Vec::new(),
        runs,
    }
}
