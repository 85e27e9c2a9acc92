//! What a run's numbers prove about its plan: steps an epoch, intervals, schedule, batch; and claims held against it.

mod axis;
mod batch;
mod claims;
mod fit;
mod schedule;

pub(crate) use claims::PLANNED;
pub use claims::{Bearing, Claim, Held, hold};
pub use schedule::{Family, PeakIs, Schedule};

use crate::log::{Place, RunLog, Split};

/// A number worked out from the log.
#[derive(Debug, Clone, PartialEq)]
pub struct Derived {
    /// The likeliest value.
    pub value: f64,
    /// The least that the log allows.
    pub low: f64,
    /// The most that the log allows.
    pub high: f64,
    /// From what it follows.
    pub how: String,
    /// Where that stands: the first and the last line.
    pub places: Vec<Place>,
}

impl Derived {
    fn exactly(value: f64, how: impl Into<String>, places: Vec<Place>) -> Self {
        Self { value, low: value, high: value, how: how.into(), places }
    }

    /// Whether only one value is allowed, up to rounding.
    pub fn is_exact(&self) -> bool {
        self.high - self.low <= 1e-6 * self.value.abs()
    }
}

/// The plan behind a run, as far as its log proves it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Recovered {
    /// Updates in an epoch.
    pub steps_per_epoch: Option<Derived>,
    /// Updates between two lines of training; of logs without steps in the unit that `steps_per_epoch` is in.
    pub log_every: Option<Derived>,
    /// Updates between two evaluations; epochs, where the log has no steps.
    pub eval_every: Option<Derived>,
    /// The last update that the log shows.
    pub last_step: Option<Derived>,
    /// Updates of the plan: where the learning rate reaches its end, or as stated.
    pub total_steps: Option<Derived>,
    /// The course of the learning rate.
    pub schedule: Option<Schedule>,
    /// Examples in an update.
    pub batch_size: Option<Derived>,
    /// Examples in the training data.
    pub train_examples: Option<Derived>,
    /// Examples in the evaluation data.
    pub eval_examples: Option<Derived>,
}

/// Works out the plan behind a run.
pub fn recover(run: &RunLog) -> Recovered {
    let axis = axis::axis(run);
    let mut rates = run.series(&Split::Train, "lr");
    if let Some(axis) = &axis {
        axis.fill_steps(&mut rates);
    }
    let schedule = schedule::fit(&rates, run.number("max_steps"));
    let mut all = Recovered {
        log_every: axis::log_every(run).or_else(|| axis.as_ref().and_then(axis::Axis::interval)),
        eval_every: axis::eval_every(run),
        last_step: axis::last_step(run, axis.as_ref()),
        steps_per_epoch: axis.map(|axis| axis.steps_per_epoch),
        ..Recovered::default()
    };
    all.total_steps = total_steps(run, schedule.as_ref());
    all.schedule = schedule;
    batch::sizes(run, &mut all);
    all
}

/// As stated, or where the rate ends.
fn total_steps(run: &RunLog, schedule: Option<&Schedule>) -> Option<Derived> {
    let stated =
        || run.facts.iter().filter(|fact| fact.key == "max_steps" && fact.number.is_some_and(|number| number > 0.0));
    // Of several statements the one that the rate bears out; a script's defaults may stand above what was run.
    let end = schedule.filter(|schedule| schedule.is_in_steps).and_then(|schedule| schedule.end);
    let is_borne_out = |number: f64| end.is_some_and(|end| (number - end).abs() <= 1.0 + 0.005 * end);
    let fact = stated().find(|fact| fact.number.is_some_and(is_borne_out)).or_else(|| stated().next());
    if let Some(fact) = fact {
        return Some(Derived::exactly(fact.number?, "as the log states", vec![fact.place]));
    }
    let schedule = schedule.filter(|schedule| schedule.is_in_steps)?;
    let end = schedule.end?;
    let how = format!("where the {} schedule of the learning rate ends", schedule.family);
    // A rate logged before its update stands one step early.
    Some(Derived {
        value: end.round(),
        low: end.floor() - 1.0,
        high: end.ceil() + 1.0,
        how,
        places: schedule.places.clone(),
    })
}

#[cfg(test)]
#[path = "recover_tests.rs"]
mod tests;
