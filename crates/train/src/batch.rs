//! The batches of a run, in order: of running text, or of labelled examples.

use corpus::{Batch, Loader, labelled::LabelledBatch};

use crate::{
    labels::Labels,
    setup::{Setup, Work},
    words::{Source, Words},
};

/// Batches made ahead of the loop.
const AHEAD: usize = 4;

/// Where the loop takes its batches from.
pub(crate) enum Batches<'a> {
    /// Of text: made by worker threads.
    Words(Loader),
    /// Of pages: made when they are asked for, for their tokens are there.
    Pages(&'a Words),
    /// Of labelled examples: the same.
    Labels(&'a Labels),
}

/// What one update learns from.
#[derive(Clone)]
pub(crate) struct Lesson {
    /// The update, from 0.
    pub(crate) step: u64,
    /// The pass over the training rows, from 0.
    pub(crate) epoch: u64,
    /// Numbers of the rows.
    pub(crate) rows: Vec<u64>,
    pub(crate) sheet: Rows,
}

/// Rows padded to one width.
#[derive(Clone)]
pub(crate) enum Rows {
    Words(Batch),
    Labels(LabelledBatch),
}

impl<'a> Batches<'a> {
    /// From `step` on.
    pub(crate) fn from(setup: &'a Setup, step: u64) -> Self {
        match &setup.work {
            Work::Words(words) => match &words.source {
                Source::Text(text) => {
                    let steps = step..setup.plan.total_steps;
                    Self::Words(Loader::start(text.batches.clone(), steps, setup.plan.workers, AHEAD))
                }
                Source::Pages(_) => Self::Pages(words),
            },
            Work::Labels(labels) => Self::Labels(labels),
        }
    }

    /// The batch of `step`, which is the next one.
    pub(crate) fn next(&mut self, step: u64) -> Lesson {
        match self {
            Self::Words(loader) => {
                Lesson::of_words(loader.next().expect("the loader holds a batch for every step of the plan"))
            }
            Self::Pages(words) => Lesson::of_words(words.batch(step)),
            Self::Labels(labels) => Lesson::of_labels(labels, step),
        }
    }

    /// Seconds spent waiting so far.
    pub(crate) fn waited(&self) -> f64 {
        match self {
            Self::Words(loader) => loader.waited().as_secs_f64(),
            Self::Pages(_) | Self::Labels(_) => 0.0,
        }
    }
}

impl Lesson {
    /// The batch of any step.
    pub(crate) fn at(setup: &Setup, step: u64) -> Self {
        match &setup.work {
            Work::Words(words) => Self::of_words(words.batch(step)),
            Work::Labels(labels) => Self::of_labels(labels, step),
        }
    }

    fn of_words(batch: Batch) -> Self {
        Self { step: batch.step, epoch: batch.epoch, rows: batch.rows.clone(), sheet: Rows::Words(batch) }
    }

    fn of_labels(labels: &Labels, step: u64) -> Self {
        let (epoch, numbers) = labels.numbers(step);
        let rows = numbers.iter().map(|number| *number as u64).collect();
        Self { step, epoch, rows, sheet: Rows::Labels(labels.batch(&numbers)) }
    }

    /// The batch in pieces of at most so many rows.
    pub(crate) fn split(&self, setup: &Setup) -> Vec<Rows> {
        let most = setup.plan.micro_batch_size;
        match (&self.sheet, &setup.work) {
            (Rows::Words(batch), _) => batch.split(most).into_iter().map(Rows::Words).collect(),
            (Rows::Labels(batch), Work::Labels(labels)) => {
                batch.inputs.chunks(most).map(|numbers| Rows::Labels(labels.batch(numbers))).collect()
            }
            (Rows::Labels(_), Work::Words(_)) => unreachable!("a run of words has batches of words"),
        }
    }

    /// Decisions that the loss is the mean of.
    pub(crate) fn decisions(&self, setup: &Setup) -> usize {
        self.sheet.decisions(setup)
    }

    /// Tokens that are no padding.
    pub(crate) fn real_tokens(&self) -> u64 {
        match &self.sheet {
            Rows::Words(batch) => batch.real_tokens,
            Rows::Labels(batch) => batch.real_tokens(),
        }
    }

    /// Tokens with padding.
    pub(crate) fn padded_tokens(&self) -> u64 {
        match &self.sheet {
            Rows::Words(batch) => batch.padded_tokens(),
            Rows::Labels(batch) => batch.input_ids.len() as u64,
        }
    }
}

impl Rows {
    /// Decisions that are scored in them.
    pub(crate) fn decisions(&self, setup: &Setup) -> usize {
        match (self, &setup.work) {
            (Self::Words(batch), _) => batch.labels.len(),
            (Self::Labels(batch), Work::Labels(labels)) => labels.goal.decisions(batch.labels.len()),
            (Self::Labels(_), Work::Words(_)) => unreachable!("a run of words has batches of words"),
        }
    }
}
