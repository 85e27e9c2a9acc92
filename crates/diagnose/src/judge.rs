//! Whether a model is fine, as far as its log tells: findings, each with its evidence, and the verdict they add up to.

mod kind;

use std::fmt;

pub use kind::{ALL_KINDS, About, Kind};

use crate::log::{Log, Place, Split};
use crate::recover::{Claim, Held, Recovered};

/// What a log says of a model. The order is that of alarm, but for [`Verdict::CannotTell`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Verdict {
    /// It learned, and nothing needs to be done.
    Fine,
    /// The log does not hold what the question needs.
    CannotTell,
    /// It can be used, but something should be known.
    Watch,
    /// It did not learn, came apart, or its figures measure nothing.
    Broken,
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Fine => "FINE",
            Self::CannotTell => "CANNOT TELL",
            Self::Watch => "WATCH",
            Self::Broken => "BROKEN",
        })
    }
}

/// What a finding does to the verdict.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Weight {
    /// Worth knowing; changes no verdict.
    Note,
    /// Makes a run one to watch.
    Watch,
    /// Makes it broken.
    Broken,
}

/// A number of the log that a finding rests on.
#[derive(Debug, Clone, PartialEq)]
pub struct Evidence {
    /// Its file and line.
    pub place: Place,
    /// Updates done, where known.
    pub step: Option<u64>,
    /// Epochs done, where known.
    pub epoch: Option<f64>,
    /// Measured on.
    pub split: Split,
    /// The metric, in the words of this crate.
    pub metric: String,
    /// The number as it stands there; may be non-finite.
    pub value: f64,
}

/// The number that a rule compared, and with what.
#[derive(Debug, Clone, PartialEq)]
pub struct Statistic {
    /// What it is, in words.
    pub name: String,
    /// Its value in this log.
    pub value: f64,
    /// The value from which on the rule speaks.
    pub threshold: f64,
}

/// Something seen in a run.
#[derive(Debug, Clone, PartialEq)]
pub struct Finding {
    /// Which rule; [`Kind::about`] says what it means, what it is not, what to try next, and its source.
    pub kind: Kind,
    /// What it does to the verdict.
    pub weight: Weight,
    /// One sentence with this log's numbers.
    pub what: String,
    /// The number the rule compared.
    pub statistic: Statistic,
    /// The numbers it rests on, the most telling first; never empty but where rows are missing.
    pub evidence: Vec<Evidence>,
}

/// A rule that could not be applied.
#[derive(Debug, Clone, PartialEq)]
pub struct Untested {
    /// The rule.
    pub kind: Kind,
    /// What the log lacks for it.
    pub why: String,
}

/// What is said of one run.
#[derive(Debug, Clone, PartialEq)]
pub struct RunDiagnosis {
    /// Index into [`Log::runs`].
    pub run: usize,
    /// What the findings add up to.
    pub verdict: Verdict,
    /// Why that verdict, in one sentence.
    pub why: String,
    /// The findings, the heaviest first.
    pub findings: Vec<Finding>,
    /// The rules that could not be applied.
    pub untested: Vec<Untested>,
    /// The plan behind the run.
    pub recovered: Recovered,
    /// The claims held against it: those given, and those the log makes itself.
    pub claims: Vec<Held>,
}

/// What is said of a log.
#[derive(Debug, Clone, PartialEq)]
pub struct Diagnosis {
    /// The worst of its runs; CANNOT TELL where there is none.
    pub verdict: Verdict,
    /// Findings about the log as a whole, such as that it holds several runs.
    pub findings: Vec<Finding>,
    /// Its runs in order, those without any row left out.
    pub runs: Vec<RunDiagnosis>,
}

/// Judges every run of a log; `claims` are what its author says of the plan.
pub fn judge(log: &Log, claims: &[Claim]) -> Diagnosis {
    let _ = (log, claims);
    Diagnosis { verdict: Verdict::CannotTell, findings: Vec::new(), runs: Vec::new() }
}
