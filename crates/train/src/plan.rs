//! How long a run is, in steps, and what happens when.

use case::{CaseConfig, Length, ScheduleKind};
use optim::{Schedule, Spans};

use crate::TrainError;

/// A run's lengths in steps.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Plan {
    /// Updates of a pass over the training rows.
    pub steps_per_epoch: u64,
    /// Updates of the run.
    pub total_steps: u64,
    /// Updates between two log lines.
    pub log_every: u64,
    /// Updates between two evaluations.
    pub eval_every: u64,
    /// Updates between two checkpoints.
    pub checkpoint_every: u64,
    /// Checkpoints kept besides the best and the last.
    pub keep_checkpoints: usize,
    /// Rows per forward pass.
    pub micro_batch_size: usize,
    /// Threads that make batches.
    pub workers: usize,
    /// The rate of each step.
    pub schedule: Schedule,
    /// Updates of warm-up.
    pub warmup_steps: u64,
}

/// What lengths are measured by.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Yardstick {
    /// Updates of a pass over the training rows.
    pub steps_per_epoch: u64,
    /// Real tokens of an update, on average.
    pub tokens_per_step: f64,
    /// Seconds of an update, where that was timed.
    pub seconds_per_step: Option<f64>,
}

impl Yardstick {
    /// A length in steps, rounded up; `total` is what a share is of.
    fn steps(&self, what: &'static str, length: Length, total: u64) -> Result<u64, TrainError> {
        let exact = match length {
            Length::Steps(steps) => return Ok(steps),
            Length::Epochs(epochs) => epochs * self.steps_per_epoch as f64,
            Length::Tokens(tokens) => tokens as f64 / self.tokens_per_step,
            Length::Minutes(minutes) => {
                let why = "minutes were not turned into steps".to_string();
                minutes * 60.0 / self.seconds_per_step.ok_or(TrainError::Length { what, why })?
            }
            Length::Share(share) => share * total as f64,
        };
        Ok((exact - ROUNDING).ceil().max(0.0) as u64)
    }
}

/// 0.1 epochs of 70 steps are 7, not the 8 that the product's last bit would make of them.
const ROUNDING: f64 = 1e-6;

/// The length asked for.
pub(crate) fn asked_length(config: &CaseConfig) -> Length {
    let train = &config.train;
    let given = [
        train.epochs.map(Length::Epochs),
        train.steps.map(Length::Steps),
        train.tokens.map(Length::Tokens),
        train.minutes.map(Length::Minutes),
    ];
    given.into_iter().flatten().next().expect("validation has seen to a length")
}

/// Whether some length is in minutes, so that steps must be timed before the run.
pub(crate) fn needs_timing(config: &CaseConfig) -> bool {
    let train = &config.train;
    let schedule = &config.schedule;
    let all = [asked_length(config), train.log_every, train.eval_every, train.checkpoint_every, schedule.warmup];
    all.into_iter().chain(schedule.decay_until).chain(schedule.decay).any(|length| matches!(length, Length::Minutes(_)))
}

impl Plan {
    /// Every length of the case in steps. `total_steps` overrides the run's own length, for a run that goes on.
    ///
    /// # Errors
    /// [`TrainError::Length`] for one that comes to nothing, [`TrainError::Schedule`] for a schedule that does not fit.
    pub(crate) fn new(
        config: &CaseConfig,
        yardstick: &Yardstick,
        total_steps: Option<u64>,
    ) -> Result<Self, TrainError> {
        let at_least_one =
            |what: &'static str, length: Length, total: u64| match yardstick.steps(what, length, total)? {
                0 => Err(TrainError::Length { what, why: format!("{length} come to no step at all") }),
                steps => Ok(steps),
            };
        let total = match total_steps {
            Some(steps) => steps,
            None => at_least_one("the run's length in [train]", asked_length(config), 0)?,
        };
        let (train, schedule) = (&config.train, &config.schedule);
        let optional =
            |what, length: Option<Length>| length.map(|length| yardstick.steps(what, length, total)).transpose();
        let warmup = yardstick.steps("`warmup` in [schedule]", schedule.warmup, total)?;
        let decay = match schedule.kind {
            ScheduleKind::Wsd => optional("`decay` in [schedule]", schedule.decay)?,
            _ => None,
        };
        let decay_until = optional("`decay_until` in [schedule]", schedule.decay_until)?;
        let spans = Spans { total, warmup, decay_until, decay };
        Ok(Self {
            steps_per_epoch: yardstick.steps_per_epoch,
            total_steps: total,
            log_every: at_least_one("`log_every` in [train]", train.log_every, total)?,
            eval_every: at_least_one("`eval_every` in [train]", train.eval_every, total)?,
            checkpoint_every: at_least_one("`checkpoint_every` in [train]", train.checkpoint_every, total)?,
            keep_checkpoints: train.keep_checkpoints,
            micro_batch_size: train.micro_batch_size.unwrap_or(train.batch_size),
            workers: train.workers,
            schedule: Schedule::new(schedule, spans)?,
            warmup_steps: warmup,
        })
    }

    /// What a user should know of these lengths: a schedule that ends early or late, evaluations that never come, or
    /// that fall on other places of each epoch.
    pub(crate) fn notes(&self) -> Vec<String> {
        let mut notes = self.schedule.notes();
        if self.eval_every > self.total_steps {
            notes.push(format!(
                "eval_every is {} steps and the run has {}: it is evaluated before the first step and after the last only",
                self.eval_every, self.total_steps
            ));
        }
        let epochs = self.total_steps / self.steps_per_epoch;
        if epochs >= 2
            && !self.steps_per_epoch.is_multiple_of(self.eval_every)
            && !self.eval_every.is_multiple_of(self.steps_per_epoch)
        {
            notes.push(format!(
                "eval_every ({} steps) does not divide the epoch ({} steps): evaluations drift through it",
                self.eval_every, self.steps_per_epoch
            ));
        }
        notes
    }
}

#[cfg(test)]
mod tests {
    use case::{CaseConfig, Length};

    use super::{Plan, Yardstick};

    const YARDSTICK: Yardstick =
        Yardstick { steps_per_epoch: 70, tokens_per_step: 1000.0, seconds_per_step: Some(0.5) };

    fn config(length: Length) -> CaseConfig {
        let mut config = CaseConfig::default();
        match length {
            Length::Steps(steps) => config.train.steps = Some(steps),
            Length::Epochs(epochs) => config.train.epochs = Some(epochs),
            Length::Tokens(tokens) => config.train.tokens = Some(tokens),
            Length::Minutes(minutes) => config.train.minutes = Some(minutes),
            Length::Share(_) => unreachable!("a run is not a share of itself"),
        }
        config
    }

    #[test]
    fn every_unit_comes_to_the_same_steps() {
        for length in [Length::Steps(140), Length::Epochs(2.0), Length::Tokens(140_000), Length::Minutes(70.0 / 60.0)] {
            let plan = Plan::new(&config(length), &YARDSTICK, None).expect("a plan");
            assert_eq!(plan.total_steps, 140, "{length}");
            assert_eq!(plan.warmup_steps, 9, "6 % of 140 is 8.4, rounded up");
        }
    }

    #[test]
    fn a_part_of_an_epoch_is_not_rounded_by_the_last_bit() {
        let mut case = config(Length::Epochs(1.0));
        case.train.eval_every = Length::Epochs(0.1);
        assert_eq!(Plan::new(&case, &YARDSTICK, None).expect("a plan").eval_every, 7);
    }

    #[test]
    fn a_length_of_no_step_is_refused_by_name() {
        let error = Plan::new(&config(Length::Epochs(0.0)), &YARDSTICK, None).expect_err("no step");
        assert_eq!(error.to_string(), "the run's length in [train]: 0 epochs come to no step at all");
    }

    #[test]
    fn evaluations_that_drift_through_the_epoch_are_said() {
        let mut case = config(Length::Epochs(3.0));
        case.train.eval_every = Length::Steps(60);
        let notes = Plan::new(&case, &YARDSTICK, None).expect("a plan").notes();
        assert!(notes.iter().any(|note| note.contains("drift")), "{notes:?}");
    }
}
