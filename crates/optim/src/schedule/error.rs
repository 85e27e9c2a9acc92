//! What a `[schedule]` table can get wrong.

/// Why a `[schedule]` table makes no schedule.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum ScheduleError {
    /// A run without updates.
    #[error("the run has no steps; set a length above 0 in [train]")]
    NoSteps,
    /// A peak that is not a rate.
    #[error("schedule.learning_rate is {rate}; it must be a number above 0")]
    Peak {
        /// The rate as written.
        rate: f64,
    },
    /// An end that is not a rate.
    #[error("schedule.end_learning_rate is {rate}; it must be a number, at least 0")]
    End {
        /// The rate as written.
        rate: f64,
    },
    /// An end above the start: the rate would rise while it should decay.
    #[error(
        "schedule.end_learning_rate is {end} but the decay starts from {start}: the rate would rise; write an end rate of at most {start}"
    )]
    Rising {
        /// The end rate as written.
        end: f64,
        /// The rate that the decay, or its last cycle, starts from.
        start: f64,
    },
    /// An exponential decay to 0, which no factor reaches.
    #[error(
        "schedule.kind is \"exponential\" but schedule.end_learning_rate is 0, which no factor reaches; write one above 0"
    )]
    ExponentialToZero,
    /// A warm-up that fills the run.
    #[error("schedule.warmup is {warmup} steps but the run has {total}; write a warm-up below {total} steps")]
    Warmup {
        /// Steps of the warm-up.
        warmup: u64,
        /// Steps of the run.
        total: u64,
    },
    /// A rule made from the warm-up, without one.
    #[error(
        "schedule.kind is \"inverse-sqrt\", whose rate is made from the warm-up, but schedule.warmup is 0; write one above 0"
    )]
    NoWarmup,
    /// A decay that ends before it starts.
    #[error("schedule.decay_until is step {until} but the warm-up lasts until step {warmup}; write a later step")]
    DecayUntil {
        /// The step at which the decay should end.
        until: u64,
        /// Steps of the warm-up.
        warmup: u64,
    },
    /// `wsd` without the length of its decay.
    #[error(
        "schedule.kind is \"wsd\" but schedule.decay, the length of its decay, is not set; write for example decay = \"10 %\""
    )]
    NoDecay,
    /// A decay of no steps, or one that does not fit behind the warm-up.
    #[error(
        "schedule.decay is {decay} steps, to end at step {until}, but {warmup} steps of warm-up come first; write 1 to {} steps",
        .until.saturating_sub(*.warmup)
    )]
    Decay {
        /// Steps of the decay.
        decay: u64,
        /// Steps of the warm-up.
        warmup: u64,
        /// The step at which the decay ends.
        until: u64,
    },
    /// A power that is no exponent.
    #[error("schedule.power is {power}; it must be a number above 0")]
    Power {
        /// The exponent as written.
        power: f64,
    },
    /// No cycle, or cycles of less than a step.
    #[error("schedule.cycles is {cycles} over {steps} steps of decay; write 1 to {steps}")]
    Cycles {
        /// The number of cycles as written.
        cycles: u32,
        /// Steps of the decay.
        steps: u64,
    },
    /// A factor between cycles that is out of range.
    #[error("schedule.peak_decay is {factor}; it must be above 0 and at most 1")]
    PeakDecay {
        /// The factor as written.
        factor: f64,
    },
    /// A key that another family has.
    #[error("schedule.{key} means nothing to {family}; leave it out or choose another kind")]
    Unused {
        /// The key.
        key: &'static str,
        /// What it means nothing to.
        family: &'static str,
    },
}
