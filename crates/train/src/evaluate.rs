//! Validation: the same rows, the same masks, every time.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::Instant,
};

use encoder::Model;
use journal::{Eval, Kinds, metrics::Scores};

use crate::{
    Report, TrainError,
    forward::forward,
    labels::{Labels, said},
    notice::Notice,
    setup::{Setup, Work},
    state::State,
    tally::Tally,
    words::Words,
};

/// What is evaluated on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Split {
    /// What chooses the best checkpoint.
    Valid,
    /// What is kept for the end.
    Test,
}

/// What an evaluation found.
pub(crate) struct Evaluation {
    pub(crate) found: Found,
    seconds: f64,
}

/// The figures of an evaluation.
pub(crate) enum Found {
    /// Of hidden words.
    Words(Tally),
    /// Of labelled examples.
    Labels(Scores),
}

/// Evaluates on a split; none where it was asked to stop on the way.
///
/// # Panics
/// If the run has no such split, see [`has`].
pub(crate) fn evaluate(
    model: &Model,
    setup: &Setup,
    split: Split,
    stop: &AtomicBool,
    report: &mut dyn Report,
) -> Result<Option<Evaluation>, TrainError> {
    let started = Instant::now();
    let found = match &setup.work {
        Work::Words(words) => evaluate_words(model, setup, words, split, stop, report)?.map(Found::Words),
        Work::Labels(labels) => evaluate_labels(model, setup, labels, split, stop, report)?.map(Found::Labels),
    };
    Ok(found.map(|found| Evaluation { found, seconds: started.elapsed().as_secs_f64() }))
}

/// Whether a run has a split.
pub(crate) fn has(setup: &Setup, split: Split) -> bool {
    match (split, &setup.work) {
        (Split::Valid, _) => true,
        (Split::Test, Work::Words(words)) => words.has_test(),
        (Split::Test, Work::Labels(labels)) => labels.test.is_some(),
    }
}

fn evaluate_words(
    model: &Model,
    setup: &Setup,
    words: &Words,
    split: Split,
    stop: &AtomicBool,
    report: &mut dyn Report,
) -> Result<Option<Tally>, TrainError> {
    let mut tally = Tally::new(words.names.len());
    let mut done = 0;
    let Some((total, batches)) = words.evaluation(split, setup.plan.micro_batch_size) else { return Ok(Some(tally)) };
    for batch in batches {
        if stop.load(Ordering::Relaxed) {
            return Ok(None);
        }
        if batch.labels.is_empty() {
            continue;
        }
        let read = forward(model, &batch, &setup.place, &setup.place.plain(), None, 1.0).outcome.read()?;
        tally.add(&batch, &read, &words.char_lengths);
        done += batch.rows.len() as u64;
        report.say(Notice::Evaluating { done, total });
    }
    Ok(Some(tally))
}

fn evaluate_labels(
    model: &Model,
    setup: &Setup,
    labels: &Labels,
    split: Split,
    stop: &AtomicBool,
    report: &mut dyn Report,
) -> Result<Option<Scores>, TrainError> {
    let part = match (split, &labels.test) {
        (Split::Test, Some(part)) => part,
        _ => &labels.valid,
    };
    let total = part.inputs.len() as u64;
    let mut go_on = |done: usize| {
        report.say(Notice::Evaluating { done: done as u64, total });
        !stop.load(Ordering::Relaxed)
    };
    let asked = (part.inputs.as_slice(), &part.truth);
    let logits = said(model, &setup.place, asked, (labels.pad(), setup.plan.micro_batch_size), &mut go_on)?;
    Ok(logits.map(|logits| labels.scores(part, &logits)))
}

impl Evaluation {
    /// Nats per scored token, or per decision.
    pub(crate) fn loss(&self) -> f64 {
        match &self.found {
            Found::Words(tally) => tally.all.loss(),
            Found::Labels(scores) => scores.value("cross-entropy").unwrap_or(f64::NAN),
        }
    }

    /// Whether the loss is a number whose perplexity is one too; a run without is diverged.
    pub(crate) fn is_finite(&self) -> bool {
        self.loss().exp().is_finite()
    }

    /// What tells the best: the loss, or the metric that the case names, and whether it is better than another.
    pub(crate) fn is_better_than(&self, setup: &Setup, best: Option<f64>) -> (f64, bool) {
        let Found::Labels(scores) = &self.found else {
            let loss = self.loss();
            return (loss, best.is_none_or(|best| loss < best));
        };
        let by = setup.config.best_by();
        let value = scores.value(by.name()).unwrap_or(f64::NAN);
        (value, best.is_none_or(|best| by.is_better(value, best)))
    }

    /// The journal's line of it.
    pub(crate) fn event(&self, setup: &Setup, state: &State, split: Split, best: bool) -> Eval {
        let loss = self.loss();
        let of_all = Eval {
            step: state.step,
            epoch: state.step as f64 / setup.plan.steps_per_epoch as f64,
            time_s: state.time_s,
            split: if split == Split::Valid { "valid" } else { "test" }.into(),
            loss,
            accuracy: 0.0,
            perplexity: loss.exp(),
            bits_per_char: 0.0,
            scored: 0,
            kinds: Kinds::default(),
            corpora: Vec::new(),
            duration_s: self.seconds,
            best,
            scores: None,
        };
        match &self.found {
            Found::Words(tally) => Eval {
                accuracy: tally.all.accuracy(),
                bits_per_char: tally.all.bits_per_char().unwrap_or(0.0),
                scored: tally.all.scored,
                kinds: tally.kinds(),
                corpora: tally.corpora(setup.names()),
                ..of_all
            },
            Found::Labels(scores) => Eval {
                accuracy: ["accuracy", "subset-accuracy"].iter().find_map(|name| scores.value(name)).unwrap_or(0.0),
                scored: scores.scored,
                scores: Some(scores.clone()),
                ..of_all
            },
        }
    }
}
