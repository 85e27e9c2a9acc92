//! Whether a model is fine, as far as its log tells: findings, each with its evidence, and the verdict they add up to.

mod collapse;
mod consistency;
mod course;
mod gap;
mod held_out;
mod kind;
mod periods;
mod robust;
mod settings;
mod training;

use std::fmt;

pub use kind::{ALL_KINDS, About, Kind};

use course::{Course, Sheet};

use crate::log::{Log, Place, RunLog, Split};
use crate::recover::{Claim, Held, Recovered, hold, recover};

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
    /// Why that verdict: the findings it rests on by name, or a sentence.
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
    let with_rows = log.runs.iter().enumerate().filter(|(_, run)| !run.rows.is_empty() || !run.facts.is_empty());
    let runs: Vec<RunDiagnosis> = with_rows.map(|(nth, run)| judge_run(nth, run, claims)).collect();
    let worst = runs.iter().map(|run| run.verdict).max().unwrap_or(Verdict::CannotTell);
    let findings: Vec<Finding> = consistency::mixed_runs(log).into_iter().collect();
    let is_watch = worst == Verdict::Fine && !findings.is_empty();
    Diagnosis { verdict: if is_watch { Verdict::Watch } else { worst }, findings, runs }
}

/// Judges one run, the nth of its log.
pub(crate) fn judge_run(nth: usize, run: &RunLog, claims: &[Claim]) -> RunDiagnosis {
    let recovered = recover(run);
    // What the log claims itself, unless it was just said.
    let is_new = |claim: &Claim| !claims.iter().any(|given| (&given.key, given.value) == (&claim.key, claim.value));
    let of_log = Claim::of_log(run).into_iter().filter(is_new);
    let claims: Vec<Held> = claims.iter().cloned().chain(of_log).map(|claim| hold(&claim, &recovered)).collect();
    let course = Course::of(run, &recovered);
    let mut sheet = Sheet::default();
    collapse::non_finite(&course, &mut sheet);
    periods::epoch_waves(&course, &mut sheet);
    collapse::unigram_plateau(&course, &mut sheet);
    collapse::constant_prediction(&course, &mut sheet);
    collapse::below_baseline(&course, &mut sheet);
    collapse::not_learning(&course, &mut sheet);
    collapse::frozen(&course, &mut sheet);
    training::diverged(&course, &mut sheet);
    training::spikes(&course, &mut sheet);
    training::bistable(&course, &mut sheet);
    training::memorised(&course, &mut sheet);
    held_out::overfitting(&course, &mut sheet);
    gap::gap(&course, &mut sheet);
    held_out::leaked(&course, &mut sheet);
    held_out::late_start(&course, &mut sheet);
    held_out::too_good(&course, &mut sheet);
    held_out::still_or_saturated(&course, &mut sheet);
    held_out::ties(&course, &mut sheet);
    held_out::oscillation(&course, &mut sheet);
    training::course_of_training(&course, &mut sheet);
    settings::rate_size(&course, &mut sheet);
    settings::gradients(&course, &mut sheet);
    settings::plan(&course, &claims, &mut sheet);
    settings::mask_rate(&course, &mut sheet);
    consistency::seams(&course, &mut sheet);
    consistency::duplicates(&course, &mut sheet);
    consistency::perplexities(&course, &mut sheet);
    consistency::stalls(&course, &mut sheet);
    lacking(&course, &mut sheet);
    let (verdict, why) = add_up(&course, &sheet);
    let Sheet { mut findings, untested } = sheet;
    findings.sort_by_key(|finding| (std::cmp::Reverse(finding.weight), finding.kind));
    RunDiagnosis { run: nth, verdict, why, findings, untested, recovered, claims }
}

/// What a judgement needs and the log does not hold.
fn lacking(course: &Course<'_>, sheet: &mut Sheet) {
    let evaluations = course.evaluations();
    let rows = course.train.as_ref().map_or(0, course::Curve::len);
    let counts = format!("{rows} rows of training loss, {evaluations} evaluations");
    if evaluations == 0 {
        let statistic = ("evaluations", 0.0, 1.0);
        sheet.find((Kind::NoEvaluation, Weight::Note), counts.clone(), statistic, Vec::new());
    }
    let steps = course.recovered.last_step.as_ref().map_or(f64::INFINITY, |last| last.value);
    // One that did not learn in fifty steps had no time to.
    let is_short =
        if sheet.is_broken() { steps < 50.0 } else { evaluations <= 3 && rows < 5 && (rows, evaluations) != (0, 1) };
    if is_short {
        sheet.find(
            (Kind::TooShort, Weight::Note),
            counts,
            ("rows of training loss", robust::count(rows), 5.0),
            Vec::new(),
        );
    }
}

/// The verdict, and why.
fn add_up(course: &Course<'_>, sheet: &Sheet) -> (Verdict, String) {
    let of_weight = |weight| {
        let findings = sheet.findings.iter().filter(|finding| finding.weight == weight);
        let mut names: Vec<String> = findings.map(|finding| finding.kind.to_string().replace('-', " ")).collect();
        names.dedup();
        names.join(", ")
    };
    if sheet.is_broken() {
        return (Verdict::Broken, of_weight(Weight::Broken));
    }
    if sheet.has(Kind::NoEvaluation) {
        return (
            Verdict::CannotTell,
            "nothing held out was measured, and a training loss cannot tell learning from memorising".into(),
        );
    }
    if sheet.findings.iter().any(|finding| finding.weight == Weight::Watch) {
        return (Verdict::Watch, of_weight(Weight::Watch));
    }
    let has_course = course.evaluations() >= 2 || course.train.as_ref().is_some_and(|train| train.len() >= 3);
    if !has_course {
        return (Verdict::CannotTell, "there are too few rows to see a course in them".into());
    }
    (Verdict::Fine, "it learned, and nothing that was tested speaks against it".into())
}

#[cfg(test)]
#[path = "judge_tests.rs"]
mod tests;
