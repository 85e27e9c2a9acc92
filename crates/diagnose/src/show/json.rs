//! A diagnosis as JSON with fields that keep their names.

use serde::{Serialize, Serializer};

use crate::judge::{Evidence, Finding, RunDiagnosis, Statistic, Untested};
use crate::log::{Log, Note, NoteKind, Place, RunLog, UnreadLine};
use crate::recover::{Bearing, Derived, Held, PeakIs, Recovered, Schedule};
use crate::show::{Judged, words, worst};

/// The name and version of the schema; a field that changes its meaning changes the version, a new one does not.
pub const SCHEMA: &str = "casebook-diagnosis/1";

/// Everything as one JSON object, indented, ending in a newline.
///
/// ```json
/// {
///   "schema": "casebook-diagnosis/1",
///   "verdict": "WATCH",                  // the worst of the logs: FINE, CANNOT TELL, WATCH, BROKEN
///   "logs": [{
///     "name": "runs/a",                  // as given; "standard input"
///     "verdict": "WATCH",
///     "sources": [{"name": "runs/a/train.log", "format": "text", "lines": 855}],
///     "findings": [],                    // about the log as a whole; as those of a run
///     "runs": [{
///       "run": 1,                        // counted from 1 in the order of the log
///       "name": "",
///       "verdict": "WATCH",
///       "why": "...",
///       "rows": 86, "evaluations": 10,
///       "lacks": ["no gradient norm"],
///       "findings": [{
///         "rule": "overfitting",
///         "weight": "watch",             // note, watch, broken
///         "what": "...",
///         "statistic": {"name": "...", "value": 0.52, "threshold": 0.1},
///         "evidence": [{"file": "runs/a/train.log", "line": 120, "step": 500, "epoch": 1.0,
///                       "split": "valid", "metric": "loss", "value": 1.3853,
///                       "text": "{'eval_loss': 1.3853, 'epoch': 1.0}"}],
///         "means": "...", "is_not": "...", "next": "...", "source": "..."
///       }],
///       "untested": [{"rule": "gradient-bursts", "why": "..."}],
///       "recovered": {
///         "steps_per_epoch": {"value": 411.0, "low": 411.0, "high": 411.0, "how": "...",
///                             "places": [{"file": "...", "line": 3}]},
///         // and so log_every, eval_every, last_step, total_steps, batch_size, train_examples, eval_examples
///         "schedule": {"family": "linear", "unit": "step", "peak": 6.25e-6, "peak_is": "inferred",
///                      "peak_at_most": 6.25e-6, "highest_seen": 6.2e-6, "warmup": 0.0, "first": 10.0, "end": 1233.0,
///                      "floor": 0.0, "power": null, "error": 0.001, "points": 86, "places": []}
///       },
///       "claims": [{"key": "learning_rate", "value": 5e-5, "bearing": "contradicts", "why": "...",
///                   "stated_at": null, "places": []}]
///     }],
///     "unread": {"count": 3, "first": [{"file": "...", "line": 7, "reason": "...", "text": "..."}]},
///     "notes": [{"file": "...", "line": 7, "kind": "restart", "text": "..."}]
///   }]
/// }
/// ```
///
/// What is not known is `null`. A number that JSON does not have is a string: `"NaN"`, `"inf"`, `"-inf"`. `split` is train,
/// valid, test, or a name of the log's own; `bearing` is agrees, contradicts or cannot tell; `peak_is` is seen, inferred or
/// at-least; a note's `kind` is restart, several-runs, repeats, reinterpreted, joined or damage.
pub fn json(logs: &[Judged<'_>]) -> String {
    let report =
        Report { schema: SCHEMA, verdict: worst(logs).to_string(), logs: logs.iter().map(LogReport::of).collect() };
    // Strings, numbers and lists alone: nothing in it can fail to be written.
    case::json_for_terminal(&serde_json::to_string_pretty(&report).unwrap_or_default()) + "\n"
}

/// A number of any kind.
struct Number(f64);

impl Serialize for Number {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.0.is_finite() {
            serializer.serialize_f64(self.0)
        } else {
            serializer.serialize_str(&self.0.to_string())
        }
    }
}

#[derive(Serialize)]
struct Report<'a> {
    schema: &'static str,
    verdict: String,
    logs: Vec<LogReport<'a>>,
}

#[derive(Serialize)]
struct LogReport<'a> {
    name: &'a str,
    verdict: String,
    sources: Vec<SourceReport<'a>>,
    findings: Vec<FindingReport<'a>>,
    runs: Vec<RunReport<'a>>,
    unread: UnreadReport<'a>,
    notes: Vec<NoteReport<'a>>,
}

impl<'a> LogReport<'a> {
    fn of(judged: &Judged<'a>) -> Self {
        let (log, diagnosis) = (judged.log, judged.diagnosis);
        let source = |source: &'a crate::log::Source| SourceReport {
            name: &source.name,
            format: source.format.to_string(),
            lines: source.lines,
        };
        let unread = UnreadReport {
            count: log.unread.count,
            first: log.unread.first.iter().map(|line| UnreadLineReport::of(log, line)).collect(),
        };
        Self {
            name: judged.name,
            verdict: diagnosis.verdict.to_string(),
            sources: log.sources.iter().map(source).collect(),
            findings: diagnosis.findings.iter().map(|finding| FindingReport::of(log, finding)).collect(),
            runs: diagnosis.runs.iter().map(|run| RunReport::of(log, run)).collect(),
            unread,
            notes: log.notes.iter().map(|note| NoteReport::of(log, note)).collect(),
        }
    }
}

#[derive(Serialize)]
struct SourceReport<'a> {
    name: &'a str,
    format: String,
    lines: u32,
}

#[derive(Serialize)]
struct PlaceReport<'a> {
    file: &'a str,
    line: u32,
}

impl<'a> PlaceReport<'a> {
    fn of(log: &'a Log, place: Place) -> Self {
        let file = log.sources.get(place.source as usize).map_or("", |source| source.name.as_str());
        Self { file, line: place.line }
    }

    fn all(log: &'a Log, places: &[Place]) -> Vec<Self> {
        places.iter().map(|place| Self::of(log, *place)).collect()
    }
}

#[derive(Serialize)]
struct FindingReport<'a> {
    rule: &'static str,
    weight: &'static str,
    what: &'a str,
    statistic: StatisticReport<'a>,
    evidence: Vec<EvidenceReport<'a>>,
    means: &'static str,
    is_not: &'static str,
    next: &'static str,
    source: &'static str,
}

impl<'a> FindingReport<'a> {
    fn of(log: &'a Log, finding: &'a Finding) -> Self {
        let about = finding.kind.about();
        let Statistic { name, value, threshold } = &finding.statistic;
        Self {
            rule: about.name,
            weight: words::weight(finding.weight),
            what: &finding.what,
            statistic: StatisticReport { name, value: Number(*value), threshold: Number(*threshold) },
            evidence: finding.evidence.iter().map(|one| EvidenceReport::of(log, one)).collect(),
            means: about.means,
            is_not: about.is_not,
            next: about.next,
            source: about.source,
        }
    }
}

#[derive(Serialize)]
struct StatisticReport<'a> {
    name: &'a str,
    value: Number,
    threshold: Number,
}

#[derive(Serialize)]
struct EvidenceReport<'a> {
    #[serde(flatten)]
    place: PlaceReport<'a>,
    step: Option<u64>,
    epoch: Option<Number>,
    split: String,
    metric: &'a str,
    value: Number,
    /// The line as it stands in the log, cut around the number; null where it cannot be quoted.
    text: Option<String>,
}

impl<'a> EvidenceReport<'a> {
    fn of(log: &'a Log, evidence: &'a Evidence) -> Self {
        Self {
            place: PlaceReport::of(log, evidence.place),
            step: evidence.step,
            epoch: evidence.epoch.map(Number),
            split: evidence.split.to_string(),
            metric: &evidence.metric,
            value: Number(evidence.value),
            text: words::line(log, evidence),
        }
    }
}

#[derive(Serialize)]
struct RunReport<'a> {
    run: usize,
    name: &'a str,
    verdict: String,
    why: &'a str,
    rows: usize,
    evaluations: usize,
    lacks: Vec<String>,
    findings: Vec<FindingReport<'a>>,
    untested: Vec<UntestedReport<'a>>,
    recovered: RecoveredReport<'a>,
    claims: Vec<ClaimReport<'a>>,
}

impl<'a> RunReport<'a> {
    fn of(log: &'a Log, diagnosis: &'a RunDiagnosis) -> Self {
        let run = log.runs.get(diagnosis.run);
        let untested = |one: &'a Untested| UntestedReport { rule: one.kind.about().name, why: &one.why };
        Self {
            run: diagnosis.run + 1,
            name: run.map_or("", |run| run.name.as_str()),
            verdict: diagnosis.verdict.to_string(),
            why: &diagnosis.why,
            rows: run.map_or(0, |run| run.rows.len()),
            evaluations: run.map_or(0, RunLog::evaluations),
            lacks: run.map(RunLog::lacks).unwrap_or_default().iter().map(ToString::to_string).collect(),
            findings: diagnosis.findings.iter().map(|finding| FindingReport::of(log, finding)).collect(),
            untested: diagnosis.untested.iter().map(untested).collect(),
            recovered: RecoveredReport::of(log, &diagnosis.recovered),
            claims: diagnosis.claims.iter().map(|held| ClaimReport::of(log, held)).collect(),
        }
    }
}

#[derive(Serialize)]
struct UntestedReport<'a> {
    rule: &'static str,
    why: &'a str,
}

#[derive(Serialize)]
struct DerivedReport<'a> {
    value: Number,
    low: Number,
    high: Number,
    how: &'a str,
    places: Vec<PlaceReport<'a>>,
}

#[derive(Serialize)]
struct RecoveredReport<'a> {
    steps_per_epoch: Option<DerivedReport<'a>>,
    log_every: Option<DerivedReport<'a>>,
    eval_every: Option<DerivedReport<'a>>,
    last_step: Option<DerivedReport<'a>>,
    total_steps: Option<DerivedReport<'a>>,
    batch_size: Option<DerivedReport<'a>>,
    train_examples: Option<DerivedReport<'a>>,
    eval_examples: Option<DerivedReport<'a>>,
    schedule: Option<ScheduleReport<'a>>,
}

impl<'a> RecoveredReport<'a> {
    fn of(log: &'a Log, found: &'a Recovered) -> Self {
        let derived = |derived: &'a Option<Derived>| {
            let Derived { value, low, high, how, places } = derived.as_ref()?;
            let places = PlaceReport::all(log, places);
            Some(DerivedReport { value: Number(*value), low: Number(*low), high: Number(*high), how, places })
        };
        Self {
            steps_per_epoch: derived(&found.steps_per_epoch),
            log_every: derived(&found.log_every),
            eval_every: derived(&found.eval_every),
            last_step: derived(&found.last_step),
            total_steps: derived(&found.total_steps),
            batch_size: derived(&found.batch_size),
            train_examples: derived(&found.train_examples),
            eval_examples: derived(&found.eval_examples),
            schedule: found.schedule.as_ref().map(|schedule| ScheduleReport::of(log, schedule)),
        }
    }
}

#[derive(Serialize)]
struct ScheduleReport<'a> {
    family: String,
    unit: &'static str,
    peak: Number,
    peak_is: &'static str,
    peak_at_most: Number,
    highest_seen: Number,
    warmup: Option<Number>,
    first: Number,
    end: Option<Number>,
    floor: Number,
    power: Option<Number>,
    error: Number,
    points: usize,
    places: Vec<PlaceReport<'a>>,
}

impl<'a> ScheduleReport<'a> {
    fn of(log: &'a Log, schedule: &Schedule) -> Self {
        Self {
            family: schedule.family.to_string(),
            unit: if schedule.is_in_steps { "step" } else { "epoch" },
            peak: Number(schedule.peak),
            peak_is: match schedule.peak_is {
                PeakIs::Seen => "seen",
                PeakIs::Inferred => "inferred",
                PeakIs::AtLeast => "at-least",
            },
            peak_at_most: Number(schedule.peak_at_most),
            highest_seen: Number(schedule.highest_seen),
            warmup: schedule.warmup.map(Number),
            first: Number(schedule.first),
            end: schedule.end.map(Number),
            floor: Number(schedule.floor),
            power: schedule.power.map(Number),
            error: Number(schedule.error),
            points: schedule.points,
            places: PlaceReport::all(log, &schedule.places),
        }
    }
}

#[derive(Serialize)]
struct ClaimReport<'a> {
    key: &'a str,
    value: Number,
    bearing: String,
    why: &'a str,
    stated_at: Option<PlaceReport<'a>>,
    places: Vec<PlaceReport<'a>>,
}

impl<'a> ClaimReport<'a> {
    fn of(log: &'a Log, held: &'a Held) -> Self {
        let bearing: Bearing = held.verdict;
        Self {
            key: &held.claim.key,
            value: Number(held.claim.value),
            bearing: bearing.to_string(),
            why: &held.why,
            stated_at: held.claim.place.map(|place| PlaceReport::of(log, place)),
            places: PlaceReport::all(log, &held.places),
        }
    }
}

#[derive(Serialize)]
struct UnreadReport<'a> {
    count: u64,
    first: Vec<UnreadLineReport<'a>>,
}

#[derive(Serialize)]
struct UnreadLineReport<'a> {
    #[serde(flatten)]
    place: PlaceReport<'a>,
    reason: &'a str,
    text: &'a str,
}

impl<'a> UnreadLineReport<'a> {
    fn of(log: &'a Log, line: &'a UnreadLine) -> Self {
        Self { place: PlaceReport::of(log, line.place), reason: &line.reason, text: &line.text }
    }
}

#[derive(Serialize)]
struct NoteReport<'a> {
    #[serde(flatten)]
    place: PlaceReport<'a>,
    kind: &'static str,
    text: &'a str,
}

impl<'a> NoteReport<'a> {
    fn of(log: &'a Log, note: &'a Note) -> Self {
        let kind = match note.kind {
            NoteKind::Restart => "restart",
            NoteKind::SeveralRuns => "several-runs",
            NoteKind::Repeats => "repeats",
            NoteKind::Reinterpreted => "reinterpreted",
            NoteKind::Joined => "joined",
            NoteKind::Damage => "damage",
        };
        Self { place: PlaceReport::of(log, note.place), kind, text: &note.text }
    }
}
