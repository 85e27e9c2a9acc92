//! What somebody says about a run, held against what its log proves.

use std::fmt;

use crate::digits::number;
use crate::error::DiagnoseError;
use crate::facts::{FACT_KEYS, amount, fact_key};
use crate::log::{Place, RunLog};
use crate::recover::{Derived, PeakIs, Recovered};

/// Settings of a plan that a log's numbers can bear out or not.
pub(crate) const PLANNED: [&str; 9] = [
    "learning_rate",
    "warmup_steps",
    "warmup_frac",
    "max_steps",
    "num_epochs",
    "steps_per_epoch",
    "log_every",
    "eval_every",
    "total_batch_size",
];

/// A statement about a run: one of [`FACT_KEYS`] and its number.
#[derive(Debug, Clone, PartialEq)]
pub struct Claim {
    /// What is claimed.
    pub key: String,
    /// How much.
    pub value: f64,
    /// Where it stands, if in the log.
    pub place: Option<Place>,
}

impl Claim {
    /// Reads `learning_rate=6.25e-6`, `learning rate 6.25e-6`.
    ///
    /// # Errors
    /// [`DiagnoseError::Claim`] with the keys that are known.
    pub fn parse(text: &str) -> Result<Self, DiagnoseError> {
        let unknown = || DiagnoseError::Claim { text: text.into(), keys: FACT_KEYS.join(", ") };
        let parts = text.split_once('=').or_else(|| text.trim().rsplit_once(' ')).ok_or_else(unknown)?;
        let key = fact_key(parts.0).ok_or_else(unknown)?;
        let value = amount(parts.1).filter(|value| value.is_finite()).ok_or_else(unknown)?;
        Ok(Self { key: key.into(), value, place: None })
    }

    /// The claims of a file of settings beside a log: TOML, YAML, JSON, or the lines of a script. Nothing is evaluated:
    /// a number must follow its name at once. Comments are passed over.
    pub fn of_settings(text: &str) -> Vec<Self> {
        let mut claims: Vec<Self> = Vec::new();
        for line in text.lines().filter(|line| !line.trim_start().starts_with(['#', '/'])).take(100_000) {
            crate::facts::in_line(line, |name, text| {
                let claim = fact_key(name).zip(amount(text)).filter(|(_, value)| value.is_finite());
                if let Some((key, value)) = claim
                    && claims.len() < 1000
                {
                    claims.push(Self { key: key.into(), value, place: None });
                }
            });
        }
        claims
    }

    /// What the log itself states about the run's plan, once each: settings that its numbers can bear out or not.
    pub fn of_log(run: &RunLog) -> Vec<Self> {
        let mut claims: Vec<Self> = Vec::new();
        for fact in run.facts.iter().filter(|fact| PLANNED.contains(&fact.key.as_str())) {
            let is_known = |number| claims.iter().any(|claim| claim.key == fact.key && claim.value == number);
            if let Some(value) = fact.number.filter(|&number| !is_known(number)) {
                claims.push(Self { key: fact.key.clone(), value, place: Some(fact.place) });
            }
        }
        claims
    }
}

/// What became of a claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bearing {
    /// The log says the same.
    Agrees,
    /// The log rules it out.
    Contradicts,
    /// The log does not reach so far.
    CannotTell,
}

impl fmt::Display for Bearing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Agrees => "agrees",
            Self::Contradicts => "contradicts",
            Self::CannotTell => "cannot tell",
        })
    }
}

/// A claim and what the log says to it.
#[derive(Debug, Clone, PartialEq)]
pub struct Held {
    /// The claim.
    pub claim: Claim,
    /// What became of it.
    pub verdict: Bearing,
    /// What the log has instead, or why it cannot tell.
    pub why: String,
    /// Where that stands.
    pub places: Vec<Place>,
}

/// Holds a claim against what was recovered from a run.
pub fn hold(claim: &Claim, found: &Recovered) -> Held {
    let held = |verdict, why: String, places: Vec<Place>| Held { claim: claim.clone(), verdict, why, places };
    let against = |derived: &Option<Derived>, slack: f64| match derived {
        Some(derived) => {
            let is_within = claim.value >= derived.low - slack && claim.value <= derived.high + slack;
            let verdict = if is_within { Bearing::Agrees } else { Bearing::Contradicts };
            held(verdict, format!("{}: {}", range(derived), derived.how), derived.places.clone())
        }
        None => held(Bearing::CannotTell, "the log does not say".into(), Vec::new()),
    };
    match claim.key.as_str() {
        "learning_rate" => learning_rate(claim, found),
        "warmup_steps" => warmup(claim, found, None),
        "warmup_frac" => warmup(claim, found, found.total_steps.as_ref().map(|total| total.value)),
        // Updates that were skipped in half precision leave the rate behind.
        "max_steps" => against(&total(found), 1.0 + 0.005 * claim.value),
        "steps_per_epoch" => against(&found.steps_per_epoch, 0.0),
        // A plan in steps is stated in whole epochs, rounded up.
        "num_epochs" => against(&epochs(found), 0.02 + 0.005 * claim.value),
        "batch_size" | "total_batch_size" => against(&found.batch_size, 0.5),
        "log_every" => against(&found.log_every, 0.0),
        "eval_every" => against(&found.eval_every, 0.0),
        "train_examples" => against(&found.train_examples, 0.5),
        "eval_examples" => against(&found.eval_examples, 0.5),
        _ => held(Bearing::CannotTell, "nothing in the log bears on it".into(), Vec::new()),
    }
}

fn range(derived: &Derived) -> String {
    if derived.is_exact() {
        number(derived.value)
    } else {
        format!("{} ({} to {})", number(derived.value), number(derived.low), number(derived.high))
    }
}

/// The end of the rate rather than what is stated: a statement proves nothing about itself.
fn total(found: &Recovered) -> Option<Derived> {
    let schedule = found.schedule.as_ref().filter(|schedule| schedule.is_in_steps);
    match schedule.and_then(|schedule| Some((schedule, schedule.end?))) {
        Some((schedule, end)) => Some(Derived {
            value: end.round(),
            low: end.floor() - 1.0,
            high: end.ceil() + 1.0,
            how: format!("where the {} schedule of the learning rate ends", schedule.family),
            places: schedule.places.clone(),
        }),
        None => found.total_steps.clone(),
    }
}

fn epochs(found: &Recovered) -> Option<Derived> {
    let (total, each) = (total(found)?, found.steps_per_epoch.as_ref()?);
    Some(Derived {
        value: total.value / each.value,
        low: total.low / each.high,
        high: (total.high / each.low).max((total.value / each.value - 0.02).ceil()),
        how: "total steps over steps per epoch".into(),
        places: total.places,
    })
}

fn learning_rate(claim: &Claim, found: &Recovered) -> Held {
    let Some(schedule) = &found.schedule else {
        let why = "the log has no learning rates, or fewer than three".into();
        return Held { claim: claim.clone(), verdict: Bearing::CannotTell, why, places: Vec::new() };
    };
    let seen = schedule.highest_seen;
    let near = (claim.value / schedule.peak - 1.0).abs() < 0.01;
    let (verdict, why) = if claim.value < seen * (1.0 - 1e-3) {
        (
            Bearing::Contradicts,
            format!("a rate of {} was used, {:.3} times the claim", number(seen), seen / claim.value),
        )
    } else if near && schedule.peak_is != PeakIs::AtLeast {
        (Bearing::Agrees, format!("the {} schedule peaks at {}", schedule.family, number(schedule.peak)))
    } else if claim.value > schedule.peak_at_most * 1.01 {
        (
            Bearing::Contradicts,
            format!("the {} schedule allows a peak of {} at most", schedule.family, number(schedule.peak_at_most)),
        )
    } else if schedule.peak_is == PeakIs::Seen {
        (Bearing::Contradicts, format!("the {} schedule peaks at {}", schedule.family, number(schedule.peak)))
    } else {
        (
            Bearing::CannotTell,
            format!(
                "the log begins later: the peak lies between {} and {}",
                number(seen),
                number(schedule.peak_at_most)
            ),
        )
    };
    Held { claim: claim.clone(), verdict, why, places: schedule.places.clone() }
}

/// A log that begins on the decay: the warm-up was over at its first rate.
fn warmup_before(claim: &Claim, found: &Recovered, scale: Option<f64>) -> Held {
    let held = |verdict, why: String, places| Held { claim: claim.clone(), verdict, why, places };
    let decaying = found.schedule.as_ref().filter(|schedule| schedule.is_in_steps && schedule.end.is_some());
    let Some((schedule, scale)) = decaying.zip(scale) else {
        return held(Bearing::CannotTell, "the log does not show the warm-up".into(), Vec::new());
    };
    let why = format!("the rate falls from the first one logged on, at step {:.0}", schedule.first);
    let verdict = if claim.value * scale > schedule.first + 1.0 {
        Bearing::Contradicts
    } else if schedule.end.is_some_and(|end| schedule.first <= 0.02 * end) {
        Bearing::Agrees
    } else {
        Bearing::CannotTell
    };
    held(verdict, why, schedule.places.clone())
}

fn warmup(claim: &Claim, found: &Recovered, total: Option<f64>) -> Held {
    let of = |schedule: &crate::recover::Schedule| {
        let steps = schedule.warmup.filter(|_| schedule.peak_is == PeakIs::Seen && schedule.is_in_steps)?;
        Some((steps, schedule.places.clone()))
    };
    let is_share = claim.key == "warmup_frac";
    let seen = found.schedule.as_ref().and_then(of);
    let Some(((steps, places), scale)) = seen.zip(if is_share { total } else { Some(1.0) }) else {
        return warmup_before(claim, found, if is_share { total } else { Some(1.0) });
    };
    let interval = found.log_every.as_ref().map_or(1.0, |every| every.value.min(steps.abs() * 0.05).max(2.0));
    let is_near = (claim.value * scale - steps).abs() <= interval;
    let verdict = if is_near { Bearing::Agrees } else { Bearing::Contradicts };
    Held { claim: claim.clone(), verdict, why: format!("the warm-up ends at step {steps:.0}"), places }
}
