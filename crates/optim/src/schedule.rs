//! The learning rate as a pure function of the step: no state, so a checkpoint stores one integer.
//!
//! Every family starts with a linear warm-up from 0 and follows `transformers`' convention: `lr_at(i)` is the rate that
//! update `i`, counted from 0, is taken with. With a warm-up the first update has rate 0 and moves only the optimizer's
//! moments; the peak is reached at update `warmup`; a decay over a run of `total` updates reaches its end rate at update
//! `total`, one past the last.

mod error;
#[cfg(test)]
mod tests;
mod words;

use std::f64::consts::PI;

use case::{ScheduleConfig, ScheduleKind};

pub use error::ScheduleError;

/// The lengths of a schedule in steps, as the caller worked them out from the case file, the data and the batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Spans {
    /// Updates of the whole run, at least 1.
    pub total: u64,
    /// Updates of the warm-up, below `total`; 0 for none.
    pub warmup: u64,
    /// The update at which the decay has reached its end rate; `total` when absent.
    pub decay_until: Option<u64>,
    /// Updates of the decay of `wsd`.
    pub decay: Option<u64>,
}

/// What happens after the warm-up.
#[derive(Debug, Clone, PartialEq)]
enum Path {
    Flat,
    InverseSqrt,
    /// From the peak at step `from` to the end rate at step `until`.
    Decay {
        from: u64,
        until: u64,
        curve: Curve,
    },
}

/// How a decay falls.
#[derive(Debug, Clone, PartialEq)]
enum Curve {
    Line,
    Cosine { cycles: u32, peak_decay: f64 },
    Power(f64),
    Geometric,
}

/// The learning rate of every update of a run.
///
/// # Source
/// - `constant`, `linear`: Devlin et al. 2018, appendix A.2 (linear). Their code starts its decay at step 0, so that its
///   rate drops when the warm-up ends; ours starts at the peak, as `transformers` does.
/// - `cosine`: Loshchilov and Hutter 2017, equation 5, with cycles of equal length; `peak_decay` multiplies each cycle's
///   peak. `transformers`' cosine rises again past its end and ours stays at its end rate.
/// - `polynomial`: TensorFlow's `polynomial_decay` without `cycle`, which Devlin et al.'s code calls; an end rate above the
///   peak, with which that rate rises, is refused.
/// - `exponential`: a constant factor each step, chosen so that the end rate is reached where the decay ends.
/// - `inverse-sqrt`: Vaswani et al. 2017, §5.3, equation 3, scaled so that its top is the peak given, with steps counted
///   from 0. Without a warm-up `transformers` takes 10,000 steps in its place; we refuse.
/// - `wsd`: Hu et al. 2024, §4.2, with a linear decay. `transformers` defaults to a cosine, and with an end rate its
///   warm-up starts there, ours at 0.
#[derive(Debug, Clone, PartialEq)]
pub struct Schedule {
    kind: ScheduleKind,
    peak: f64,
    end: f64,
    warmup: u64,
    total: u64,
    path: Path,
}

impl Schedule {
    /// The schedule of a `[schedule]` table whose lengths are `spans`; the lengths in `config` are not read.
    ///
    /// A power that is not set is 1, cycles 1, a peak decay 1.
    ///
    /// # Errors
    /// [`ScheduleError`] when the rate would not be defined, would rise outside the warm-up, or when a key is set that the
    /// family does not read.
    pub fn new(config: &ScheduleConfig, spans: Spans) -> Result<Self, ScheduleError> {
        let (peak, end) = (config.learning_rate, config.end_learning_rate);
        if spans.total == 0 {
            return Err(ScheduleError::NoSteps);
        }
        if !(peak.is_finite() && peak > 0.0) {
            return Err(ScheduleError::Peak { rate: peak });
        }
        if !(end.is_finite() && end >= 0.0) {
            return Err(ScheduleError::End { rate: end });
        }
        if spans.warmup >= spans.total {
            return Err(ScheduleError::Warmup { warmup: spans.warmup, total: spans.total });
        }
        refuse_unused(config, spans)?;
        let path = match config.kind {
            ScheduleKind::Constant => Path::Flat,
            ScheduleKind::InverseSqrt if spans.warmup == 0 => return Err(ScheduleError::NoWarmup),
            ScheduleKind::InverseSqrt => Path::InverseSqrt,
            _ => decay_path(config, spans)?,
        };
        Ok(Self { kind: config.kind, peak, end, warmup: spans.warmup, total: spans.total, path })
    }

    /// The rate that update `step`, counted from 0, is taken with: finite, at least 0, at most the peak.
    ///
    /// `lr_at(0)` is 0 with a warm-up and the peak without one, `lr_at(warmup)` is the peak, and from the end of the decay
    /// on the rate is the end rate for ever.
    pub fn lr_at(&self, step: u64) -> f64 {
        if step < self.warmup {
            return self.peak * (step as f64 / self.warmup as f64); // ratio first: exact at the anchors
        }
        match &self.path {
            Path::Flat => self.peak,
            Path::InverseSqrt => self.peak * (self.warmup as f64 / step as f64).sqrt(),
            Path::Decay { until, .. } if step >= *until => self.end,
            Path::Decay { from, .. } if step <= *from => self.peak,
            Path::Decay { from, until, curve } => self.decayed(curve, step - from, until - from),
        }
    }

    /// The rate `done` steps into a decay of `span` steps.
    fn decayed(&self, curve: &Curve, done: u64, span: u64) -> f64 {
        let progress = done as f64 / span as f64;
        match *curve {
            Curve::Line => self.between(self.peak, 1.0 - progress),
            Curve::Power(power) => self.between(self.peak, (1.0 - progress).powf(power)),
            Curve::Geometric => (self.peak * (self.end / self.peak).powf(progress)).clamp(self.end, self.peak),
            Curve::Cosine { cycles, peak_decay } => {
                // Whole numbers find the cycle: a quotient of floats can fall on the wrong side of a restart.
                let position = u128::from(done) * u128::from(cycles);
                let cycle = (position / u128::from(span)) as f64;
                let within = (position % u128::from(span)) as f64 / span as f64;
                self.between(self.peak * peak_decay.powf(cycle), 0.5 * (1.0 + (PI * within).cos()))
            }
        }
    }

    /// `top` where `share` is 1, the end rate where it is 0, both exactly.
    fn between(&self, top: f64, share: f64) -> f64 {
        // The clamp is for rounding only: both products may round up when the two rates are nearly equal.
        (top * share + self.end * (1.0 - share)).clamp(self.end, self.peak)
    }
}

/// Refuses keys that are set and that `config.kind` does not read.
fn refuse_unused(config: &ScheduleConfig, spans: Spans) -> Result<(), ScheduleError> {
    use ScheduleKind::{Constant, Cosine, InverseSqrt, Polynomial, Wsd};
    let kind = config.kind;
    let endless = matches!(kind, Constant | InverseSqrt);
    let rules = [
        ("end_learning_rate", config.end_learning_rate != 0.0, !endless),
        ("decay_until", config.decay_until.is_some() || spans.decay_until.is_some(), !endless),
        ("power", config.power.is_some(), kind == Polynomial),
        ("cycles", config.cycles.is_some(), kind == Cosine),
        ("peak_decay", config.peak_decay.is_some(), kind == Cosine),
        ("decay", config.decay.is_some() || spans.decay.is_some(), kind == Wsd),
    ];
    if let Some((key, ..)) = rules.into_iter().find(|(_, is_set, is_read)| *is_set && !is_read) {
        return Err(ScheduleError::Unused { key, family: name(kind) });
    }
    if config.peak_decay.is_some() && config.cycles.unwrap_or(1) == 1 {
        return Err(ScheduleError::Unused { key: "peak_decay", family: "one cycle" });
    }
    Ok(())
}

/// The path of a family that decays, its lengths and numbers checked.
fn decay_path(config: &ScheduleConfig, spans: Spans) -> Result<Path, ScheduleError> {
    let (peak, end, warmup) = (config.learning_rate, config.end_learning_rate, spans.warmup);
    let until = spans.decay_until.unwrap_or(spans.total);
    if until <= warmup {
        return Err(ScheduleError::DecayUntil { until, warmup });
    }
    if end > peak {
        return Err(ScheduleError::Rising { end, start: peak });
    }
    let mut from = warmup;
    let curve = match config.kind {
        ScheduleKind::Polynomial => match config.power.unwrap_or(1.0) {
            power if power.is_finite() && power > 0.0 => Curve::Power(power),
            power => return Err(ScheduleError::Power { power }),
        },
        ScheduleKind::Exponential if end == 0.0 => return Err(ScheduleError::ExponentialToZero),
        ScheduleKind::Exponential => Curve::Geometric,
        ScheduleKind::Cosine => cosine(config, until - warmup)?,
        ScheduleKind::Wsd => {
            let decay = spans.decay.ok_or(ScheduleError::NoDecay)?;
            if decay == 0 || decay > until - warmup {
                return Err(ScheduleError::Decay { decay, warmup, until });
            }
            from = until - decay;
            Curve::Line
        }
        _ => Curve::Line,
    };
    Ok(Path::Decay { from, until, curve })
}

/// The cycles of a cosine over `steps` steps.
fn cosine(config: &ScheduleConfig, steps: u64) -> Result<Curve, ScheduleError> {
    let (cycles, factor) = (config.cycles.unwrap_or(1), config.peak_decay.unwrap_or(1.0));
    if cycles == 0 || u64::from(cycles) > steps {
        return Err(ScheduleError::Cycles { cycles, steps });
    }
    if !(factor > 0.0 && factor <= 1.0) {
        return Err(ScheduleError::PeakDecay { factor });
    }
    let last_peak = config.learning_rate * factor.powf(f64::from(cycles - 1));
    if last_peak < config.end_learning_rate {
        return Err(ScheduleError::Rising { end: config.end_learning_rate, start: last_peak });
    }
    Ok(Curve::Cosine { cycles, peak_decay: factor })
}

/// The family's name as a case file writes it.
fn name(kind: ScheduleKind) -> &'static str {
    match kind {
        ScheduleKind::Constant => "constant",
        ScheduleKind::Linear => "linear",
        ScheduleKind::Cosine => "cosine",
        ScheduleKind::Polynomial => "polynomial",
        ScheduleKind::Exponential => "exponential",
        ScheduleKind::InverseSqrt => "inverse-sqrt",
        ScheduleKind::Wsd => "wsd",
    }
}
