//! What a chart counts from left to right, and where a run's lines lie on it.

use serde::{Deserialize, Serialize};

use crate::event::{Eval, Event, Log};
use crate::info::RunInfo;

/// What a horizontal axis counts, and what runs are aligned by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Axis {
    /// Updates done.
    Steps,
    /// Passes over the training data.
    Epochs,
    /// Rows trained on: updates times rows per update.
    Examples,
    /// Real tokens trained on.
    Tokens,
    /// Hours of training, over all resumes.
    Hours,
}

impl Axis {
    /// Every axis.
    pub const ALL: [Self; 5] = [Self::Steps, Self::Epochs, Self::Examples, Self::Tokens, Self::Hours];

    /// One word, as in file names.
    pub fn name(self) -> &'static str {
        match self {
            Self::Steps => "step",
            Self::Epochs => "epoch",
            Self::Examples => "examples",
            Self::Tokens => "tokens",
            Self::Hours => "hours",
        }
    }

    /// What stands below the axis.
    pub fn label(self) -> &'static str {
        match self {
            Self::Steps => "step (updates done)",
            Self::Epochs => "epoch (passes over the training data)",
            Self::Examples => "examples (rows trained on)",
            Self::Tokens => "tokens (real tokens trained on)",
            Self::Hours => "hours of training",
        }
    }
}

/// One run's places on an axis.
pub(crate) struct Scale<'a> {
    pub(crate) axis: Axis,
    info: &'a RunInfo,
    /// Step and value of the axis at the log lines, for axes that cannot be computed from a step.
    knots: Vec<(f64, f64)>,
}

impl<'a> Scale<'a> {
    pub(crate) fn new(axis: Axis, info: &'a RunInfo, events: &[Event]) -> Self {
        let mut scale = Self { axis, info, knots: vec![(0.0, 0.0)] };
        if matches!(axis, Axis::Tokens | Axis::Hours) {
            let logs = events.iter().filter_map(|event| match event {
                Event::Log(log) => Some((log.step as f64, scale.of_log(log))),
                _ => None,
            });
            let knots: Vec<(f64, f64)> = logs.collect();
            scale.knots.extend(knots);
        }
        scale
    }

    pub(crate) fn of_log(&self, log: &Log) -> f64 {
        match self.axis {
            Axis::Epochs => log.epoch,
            Axis::Tokens => log.tokens_seen as f64,
            Axis::Hours => log.time_s / 3_600.0,
            Axis::Steps | Axis::Examples => self.of_step(log.step),
        }
    }

    pub(crate) fn of_eval(&self, eval: &Eval) -> f64 {
        match self.axis {
            Axis::Epochs => eval.epoch,
            Axis::Hours => eval.time_s / 3_600.0,
            Axis::Steps | Axis::Examples | Axis::Tokens => self.of_step(eval.step),
        }
    }

    /// Of a step that no line gives the place of: by the log lines on either side, or on by the pace so far. Not finite,
    /// and so nowhere, when an epoch has no steps or nothing was logged.
    pub(crate) fn of_step(&self, step: u64) -> f64 {
        let x = step as f64;
        match self.axis {
            Axis::Steps => x,
            Axis::Epochs => x / self.info.plan.steps_per_epoch as f64,
            Axis::Examples => x * self.info.plan.batch_size as f64,
            Axis::Tokens | Axis::Hours if step == 0 => 0.0,
            Axis::Tokens | Axis::Hours => {
                let (last_step, last) = self.knots.last().copied().unwrap_or_default();
                between(&self.knots, x).unwrap_or(last * (x / last_step)) // 0 · (x / 0) is not finite
            }
        }
    }
}

/// The value at `x` of the line through some points, sorted from left to right; `None` outside them.
pub(crate) fn between(points: &[(f64, f64)], x: f64) -> Option<f64> {
    let after = points.partition_point(|point| point.0 < x);
    let right = points.get(after)?;
    if right.0 == x {
        return Some(right.1);
    }
    let left = points.get(after.checked_sub(1)?)?;
    Some(left.1 + (right.1 - left.1) * ((x - left.0) / (right.0 - left.0)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::synthetic::{eval, finished_run, log, run_info};

    fn places(axis: Axis, events: &[Event]) -> (f64, f64) {
        let info = run_info();
        let scale = Scale::new(axis, &info, events);
        let (Event::Log(log), Event::Eval(eval)) = (log(100), eval(525)) else { panic!("a log and an eval") };
        (scale.of_log(&log), scale.of_eval(&eval))
    }

    #[test]
    fn every_axis_places_logs_and_evaluations() {
        let events = finished_run();
        assert_eq!(places(Axis::Steps, &events), (100.0, 525.0));
        assert_eq!(places(Axis::Epochs, &events), (0.4, 2.1));
        assert_eq!(places(Axis::Examples, &events), (25_600.0, 525.0 * 256.0));
        assert_eq!(places(Axis::Tokens, &events), (819_200.0, 525.0 * 8_192.0), "between the log lines");
        assert_eq!(places(Axis::Hours, &events), (64.0 / 3_600.0, 336.0 / 3_600.0));
    }

    #[test]
    fn a_step_after_the_last_line_is_placed_by_the_pace_so_far_and_without_lines_nowhere() {
        let info = run_info();
        assert_eq!(Scale::new(Axis::Tokens, &info, &finished_run()).of_step(2_000), 2_000.0 * 8_192.0);
        assert!(!Scale::new(Axis::Hours, &info, &[]).of_step(60).is_finite());
        assert_eq!(Scale::new(Axis::Hours, &info, &[]).of_step(0), 0.0);
    }

    #[test]
    fn between_points_a_line_is_straight_and_outside_it_is_nowhere() {
        let points = [(0.0, 1.0), (2.0, 3.0), (4.0, 3.0)];
        assert_eq!([0.0, 1.0, 2.0, 3.0, 4.0].map(|x| between(&points, x)), [1.0, 2.0, 3.0, 3.0, 3.0].map(Some));
        assert_eq!((between(&points, -1.0), between(&points, 5.0), between(&[], 0.0)), (None, None, None));
    }
}
