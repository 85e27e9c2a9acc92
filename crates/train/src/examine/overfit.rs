//! One small batch can be learned by heart.

use std::collections::BTreeMap;

use super::{
    bench::{Bench, Deadline, Learner, cut, objective},
    checked::{Advice, Checked, percent},
};
use crate::{
    TrainError,
    batch::{Lesson, Rows},
    setup::{Setup, Work},
};

pub(super) const NAME: &str = "one batch overfitted";

/// Share of what one answer for all costs that may be left. By heart nothing is; a model that has found the frequencies of
/// the batch's labels and nothing else has all of it.
const LEFT: f64 = 0.1;
/// Rows learned by heart: at most, and at least.
const ROWS: [usize; 2] = [8, 2];
/// Updates at each rate.
const UPDATES: u64 = 300;
/// Updates that there must be time for at least, where an update takes long: often that many are enough.
const LEAST_UPDATES: u64 = 60;
/// Updates of warm-up before each rate.
const WARMUP: u64 = 10;
/// The loss is looked at every so many updates.
const LOOK: u64 = 10;
/// Rates tried one after the other, so that no single one decides: what fits from tiny to large encoders.
const RATES: [f64; 3] = [1e-3, 3e-3, 1e-4];
/// Batches among which the one with the most to learn is chosen.
const CANDIDATES: u64 = 32;
/// Share of all time that may be spent.
const TIME: f64 = 0.25;

const ADVICE: Advice = Advice {
    meaning: "a model that cannot learn a few rows by heart learns nothing from many: the gradient does not reach what it \
              should, labels do not belong to their inputs, or the optimizer undoes each step",
    next: "try kind = \"adamw\" and weight_decay = 0 in [optimizer], then `freeze = 0` in [finetune]; if it still fails, compare \
           with kernels = \"composed\"",
};

/// What may be done to a batch before it is learned from: nothing but in tests.
pub(super) type Tamper<'a> = &'a mut dyn FnMut(&mut Rows);

/// Learns a few rows by heart without dropout, by the case's own optimizer at constant rates.
///
/// # Source
/// Karpathy 2019, "A recipe for training neural networks", §2: "overfit one batch".
pub(super) fn overfit(bench: &Bench) -> Result<Checked, TrainError> {
    overfit_tampered(bench, &mut |_| {})
}

/// The same, with each update's batch put through `tamper`.
pub(super) fn overfit_tampered(bench: &Bench, tamper: Tamper) -> Result<Checked, TrainError> {
    let deadline = bench.clock.deadline(TIME);
    let fits = |rows: usize, updates: u64| bench.pace.of(rows) * updates as f64 <= deadline.left();
    let rows = (ROWS[1]..=ROWS[0]).rev().find(|rows| fits(*rows, UPDATES));
    let Some(rows) = rows.or_else(|| fits(ROWS[1], LEAST_UPDATES).then_some(ROWS[1])) else {
        let needed = (bench.pace.of(ROWS[1]) * LEAST_UPDATES as f64 / TIME / 60.0).ceil();
        let why = format!("{LEAST_UPDATES} updates of {} rows would want --minutes {needed} or more", ROWS[1]);
        return Ok(Checked::not_done(NAME, why));
    };
    let Some(task) = richest(bench.setup, rows) else {
        return Ok(Checked::not_done(NAME, format!("no batch of {rows} rows has two different labels")));
    };
    let threshold = format!("below {} of what one answer for all costs", percent(LEFT));
    let mut facts = vec![format!("{rows} rows; one answer for all costs {:.3} nats", task.constant)];
    let mut all = Vec::new();
    for rate in RATES {
        let tried = by_heart(bench, &task, rate, &deadline, tamper)?;
        facts.push(tried.told(&task));
        all.push(tried);
        if tried.is_learned(&task) {
            break;
        }
    }
    let is_learned = all.iter().any(|tried| tried.is_learned(&task));
    let least = all.iter().map(|tried| task.share(tried.loss)).fold(f64::INFINITY, f64::min);
    let measured = if least.is_finite() { format!("{} left", percent(least.max(0.0))) } else { "no number".into() };
    if !is_learned && all.iter().any(|tried| tried.is_cut_short) {
        let why = bench.clock.over().unwrap_or("its share of the time was over");
        return Ok(Checked::not_done(NAME, format!("{measured}; {why}")).with(facts));
    }
    Ok(Checked::judged(NAME, is_learned, measured, threshold, ADVICE).with(facts))
}

/// A batch to learn by heart, and what it costs per decision.
struct Task {
    lesson: Lesson,
    /// At best: above 0 for probabilities and smoothed labels.
    floor: f64,
    /// With one answer to all.
    constant: f64,
}

impl Task {
    /// What is left to learn of what one answer for all leaves; not a number for a loss that is none.
    fn share(&self, loss: f64) -> f64 {
        (loss - self.floor) / (self.constant - self.floor)
    }
}

/// What became of it at one rate.
#[derive(Debug, Clone, Copy)]
struct Tried {
    rate: f64,
    updates: u64,
    /// Not a number where an update was refused.
    loss: f64,
    is_cut_short: bool,
}

impl Tried {
    fn is_learned(&self, task: &Task) -> bool {
        task.share(self.loss) < LEFT
    }

    fn told(&self, task: &Task) -> String {
        let Self { rate, updates, loss, .. } = self;
        match loss.is_finite() {
            true => format!("at {rate:e}: {loss:.3} nats after {updates} updates, {} left", percent(task.share(*loss))),
            false => format!("at {rate:e}: loss or gradient were no numbers after {updates} updates"),
        }
    }
}

/// Learns the batch over and over at one rate, until it is known, time is over or all updates are made.
fn by_heart(bench: &Bench, task: &Task, rate: f64, deadline: &Deadline, tamper: Tamper) -> Result<Tried, TrainError> {
    let mut learner = Learner::new(bench.setup, &bench.still);
    let mut tried = Tried { rate, updates: 0, loss: f64::INFINITY, is_cut_short: false };
    while tried.updates < UPDATES {
        if deadline.is_over() {
            return Ok(Tried { is_cut_short: true, ..tried });
        }
        let mut lesson = task.lesson.clone();
        tamper(&mut lesson.sheet);
        let lr = rate * ((tried.updates + 1) as f64 / WARMUP as f64).min(1.0);
        let Some((next, _)) = learner.learn(&lesson, lr)? else { return Ok(Tried { loss: f64::NAN, ..tried }) };
        learner = next;
        tried.updates += 1;
        if tried.updates.is_multiple_of(LOOK) {
            tried.loss = objective(&learner.model, bench.setup, &task.lesson.sheet)?;
            if tried.is_learned(task) {
                break;
            }
        }
    }
    Ok(tried)
}

/// The few rows with the most to learn among the first batches; none where there is nothing to tell apart.
fn richest(setup: &Setup, rows: usize) -> Option<Task> {
    let task = |step| {
        let lesson = cut(setup, &Lesson::at(setup, step), rows);
        let (floor, constant) = floors(setup, &lesson.sheet);
        Task { lesson, floor, constant }
    };
    let gap = |task: &Task| task.constant - task.floor;
    let best = (0..CANDIDATES).map(task).reduce(|best, next| if gap(&next) > gap(&best) { next } else { best })?;
    (gap(&best) > LEAST_TO_LEARN).then_some(best)
}

/// Nats per decision that a batch must have to learn: below, its labels are all but the same.
const LEAST_TO_LEARN: f64 = 0.05;

/// Nats per decision of the best answer to each position, and of the best one answer to all.
fn floors(setup: &Setup, rows: &Rows) -> (f64, f64) {
    let decisions = rows.decisions(setup).max(1) as f64;
    match (rows, &setup.work) {
        (Rows::Labels(batch), Work::Labels(labels)) => {
            let floors = labels.goal.floors(batch, &labels.train.truth);
            (floors.each / decisions, floors.constant / decisions)
        }
        (Rows::Words(batch), _) => {
            let mut counts = BTreeMap::new();
            batch.labels.iter().for_each(|label| *counts.entry(label).or_insert(0.0f64) += 1.0);
            let all = batch.labels.len().max(1) as f64;
            (0.0, counts.values().map(|count| -count / all * (count / all).ln()).sum())
        }
        (Rows::Labels(_), Work::Words(_)) => unreachable!("a run of words has batches of words"),
    }
}
