//! Validation: the same rows, the same masks, every time.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::Instant,
};

use corpus::{RowSet, evaluation_batches};
use encoder::Model;
use journal::Eval;

use crate::{Report, TrainError, forward::forward, notice::Notice, setup::Setup, state::State, tally::Tally};

/// What an evaluation found.
pub(crate) struct Evaluation {
    /// Sums over the split.
    pub(crate) tally: Tally,
    seconds: f64,
}

/// Evaluates on a split's rows; none where it was asked to stop on the way.
pub(crate) fn evaluate(
    model: &Model,
    setup: &Setup,
    rows: &RowSet,
    stop: &AtomicBool,
    report: &mut dyn Report,
) -> Result<Option<Evaluation>, TrainError> {
    let started = Instant::now();
    let mut tally = Tally::new(setup.names.len());
    let total = rows.len();
    let mut done = 0;
    for batch in evaluation_batches(rows, &setup.valid_masker, setup.plan.micro_batch_size) {
        if stop.load(Ordering::Relaxed) {
            return Ok(None);
        }
        if batch.labels.is_empty() {
            continue;
        }
        let read = forward(model, &batch, &setup.place, &setup.place.plain(), None, 1.0).outcome.read()?;
        tally.add(&batch, &read, &setup.char_lengths);
        done += batch.rows.len() as u64;
        report.say(Notice::Evaluating { done, total });
    }
    Ok(Some(Evaluation { tally, seconds: started.elapsed().as_secs_f64() }))
}

impl Evaluation {
    /// Whether the loss is a number whose perplexity is one too; a run without is diverged.
    pub(crate) fn is_finite(&self) -> bool {
        self.tally.all.loss().exp().is_finite()
    }

    /// The journal's line of it.
    pub(crate) fn event(&self, setup: &Setup, state: &State, split: &str, best: bool) -> Eval {
        let all = &self.tally.all;
        Eval {
            step: state.step,
            epoch: state.step as f64 / setup.plan.steps_per_epoch as f64,
            time_s: state.time_s,
            split: split.into(),
            loss: all.loss(),
            accuracy: all.accuracy(),
            perplexity: all.loss().exp(),
            bits_per_char: all.bits_per_char().unwrap_or(0.0),
            scored: all.scored,
            kinds: self.tally.kinds(),
            corpora: self.tally.corpora(&setup.names),
            duration_s: self.seconds,
            best,
        }
    }
}
