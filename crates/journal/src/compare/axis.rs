//! What runs are aligned by.

use super::runs::Run;
pub use crate::axis::Axis;
use crate::event::{Eval, Event};
use crate::markdown::count;

impl Axis {
    /// Where on this axis a validation was made.
    pub(crate) fn of(self, run: &Run, eval: &Eval) -> f64 {
        match self {
            Self::Steps => eval.step as f64,
            Self::Epochs => eval.epoch,
            Self::Examples => eval.epoch * run.info.plan.train_rows as f64,
            Self::Tokens => tokens_at(run, eval.step),
            Self::Hours => eval.time_s / 3_600.0,
        }
    }

    /// The furthest validation of a run; `None` where there is none.
    pub(crate) fn reach(self, run: &Run) -> Option<f64> {
        run.last_eval().map(|eval| self.of(run, eval))
    }

    /// `1,000 steps`, `1.5 epochs`.
    pub(crate) fn amount(self, value: f64) -> String {
        match self {
            Self::Steps => format!("{} steps", count(value.round() as u64)),
            Self::Epochs => format!("{value:.2} epochs"),
            Self::Examples => format!("{} rows", count(value.round() as u64)),
            Self::Tokens => format!("{} tokens", count(value.round() as u64)),
            Self::Hours if value < 0.1 => format!("{:.0} seconds", value * 3_600.0),
            Self::Hours => format!("{value:.2} hours"),
        }
    }
}

/// Real tokens read when a step was done: on the line between the two log lines around it, or behind the last one.
fn tokens_at(run: &Run, step: u64) -> f64 {
    let mut before = (0, 0);
    for event in &run.events {
        let Event::Log(log) = event else { continue };
        let here = (log.step, log.tokens_seen);
        if log.step >= step {
            return on_line(before, here, step);
        }
        before = here;
    }
    on_line((0, 0), before, step)
}

fn on_line(from: (u64, u64), to: (u64, u64), step: u64) -> f64 {
    let steps = to.0.saturating_sub(from.0);
    if steps == 0 {
        return to.1 as f64;
    }
    from.1 as f64 + to.1.saturating_sub(from.1) as f64 * (step.saturating_sub(from.0)) as f64 / steps as f64
}

/// Steps, where a step is as many rows of as many tokens in every run; else tokens, which is what a step costs. Of labelled
/// examples epochs, where folds or shares of them make epochs of unlike many steps.
pub(crate) fn natural_axis(runs: &[&Run]) -> Axis {
    let first = &runs[0].info.plan;
    let is_by_epochs = runs.iter().all(|run| run.is_labelled() && run.info.plan.epochs == first.epochs);
    if is_by_epochs && runs.iter().any(|run| run.info.plan.steps_per_epoch != first.steps_per_epoch) {
        return Axis::Epochs;
    }
    let per_step = |run: &Run| (run.info.plan.batch_size, run.config.model.seq_len);
    let is_alike = runs.iter().all(|run| per_step(run) == per_step(runs[0]));
    if is_alike { Axis::Steps } else { Axis::Tokens }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compare::synthetic::{Made, run};

    #[test]
    fn every_axis_measures_the_same_validation() {
        let run = run(&Made { seed: 1, ..Made::default() });
        let eval = run.evals()[2];
        let places =
            [Axis::Steps, Axis::Epochs, Axis::Examples, Axis::Tokens, Axis::Hours].map(|axis| axis.of(&run, eval));
        // 500 of 1,000 steps, 250 an epoch of 64,000 rows, 8,192 tokens and 0.64 seconds each.
        assert_eq!(places, [500.0, 2.0, 128_000.0, 4_096_000.0, 320.0 / 3_600.0]);
    }

    #[test]
    fn tokens_between_and_behind_log_lines_lie_on_a_line() {
        let run = run(&Made::default());
        assert_eq!(tokens_at(&run, 25), 25.0 * 8_192.0);
        assert_eq!(tokens_at(&run, 2_000), 2_000.0 * 8_192.0);
        let unlogged = Run { events: Vec::new(), ..run };
        assert_eq!(tokens_at(&unlogged, 10), 0.0);
    }

    #[test]
    fn unlike_batches_are_aligned_by_tokens() {
        let (a, b) = (run(&Made::default()), run(&Made { batch_size: 128, ..Made::default() }));
        assert_eq!(natural_axis(&[&a, &a]), Axis::Steps);
        assert_eq!(natural_axis(&[&a, &b]), Axis::Tokens);
    }
}
