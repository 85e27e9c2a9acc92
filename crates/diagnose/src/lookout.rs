//! The rules applied while a run goes on, so that what is wrong is said while the run is still cheap to stop.

use journal::{Alert, Event, RunInfo};

use crate::collect::Collector;
use crate::judge::{Finding, Kind, Weight, judge_run};
use crate::log::{Format, Place, RunLog};

/// Rows of training between two judgements where nothing is evaluated.
const ROWS_BETWEEN: usize = 25;

/// Kinds that are worth an interruption, and whether only after the warm-up and two fifths of the plan: before, a loss at the
/// unigram line or a score at the majority's share is how every run begins.
const ALERTS: [(Kind, bool); 12] = [
    (Kind::NonFinite, false),
    (Kind::Diverged, false),
    (Kind::ConstantPrediction, true),
    (Kind::BelowBaseline, true),
    (Kind::UnigramPlateau, true),
    (Kind::NotLearning, true),
    (Kind::FrozenModel, false),
    (Kind::SpikeNotRecovered, true),
    (Kind::Bistable, true),
    (Kind::Overfitting, false),
    (Kind::EpochSawtooth, false),
    (Kind::TooGood, false),
];

/// Judges a run from its own journal, event by event. The same events give the same alerts, so a resumed run has those of
/// one that was never stopped.
#[derive(Debug)]
pub struct Lookout {
    info: RunInfo,
    /// Rows and evaluations so far.
    events: Vec<Event>,
    /// Alerts so far: the kind, and the step.
    raised: Vec<(String, u64)>,
    /// Rows since the last evaluation.
    rows: usize,
}

impl Lookout {
    /// The lookout of a run that begins.
    pub fn new(info: RunInfo) -> Self {
        Self { info, events: Vec::new(), raised: Vec::new(), rows: 0 }
    }

    /// The lookout of a run that has a journal already; nothing is raised for what stands there.
    pub fn resumed(info: RunInfo, events: Vec<Event>) -> Self {
        let mut lookout = Self::new(info);
        for event in events {
            lookout.take(&event);
        }
        lookout
    }

    /// Takes note of a plan that was changed.
    pub fn replan(&mut self, info: RunInfo) {
        self.info = info;
    }

    /// Takes the next event in; the alerts that it gives reason to, each kind once a run.
    pub fn see(&mut self, event: &Event) -> Vec<Alert> {
        self.take(event);
        let is_due = match event {
            Event::Eval(_) => true,
            Event::Log(_) => self.rows.is_multiple_of(ROWS_BETWEEN),
            _ => false,
        };
        if !is_due {
            return Vec::new();
        }
        let step = event.step();
        let plan = &self.info.plan;
        let is_late = step >= plan.warmup_steps.max(2 * plan.total_steps / 5);
        let mut alerts = Vec::new();
        for finding in judge_run(0, &self.log(), &[]).findings {
            let rule = ALERTS.iter().find(|(kind, _)| *kind == finding.kind);
            let is_told = self.raised.iter().any(|(kind, _)| kind == finding.kind.about().name);
            let is_time = rule.is_some_and(|(_, late_only)| is_late || !late_only);
            if finding.weight >= Weight::Watch && is_time && !is_told {
                let alert = alert(&finding, step);
                self.raised.push((alert.kind.clone(), step));
                alerts.push(alert);
            }
        }
        alerts
    }

    fn take(&mut self, event: &Event) {
        match event {
            Event::Log(_) => {
                self.events.push(event.clone());
                self.rows += 1;
            }
            Event::Eval(_) => {
                self.events.push(event.clone());
                self.rows = 0;
            }
            Event::Alert(alert) => {
                if !self.raised.iter().any(|(kind, _)| *kind == alert.kind) {
                    self.raised.push((alert.kind.clone(), alert.step));
                }
            }
            Event::Resume(resume) => {
                self.events.retain(|event| event.step() <= resume.step);
                self.raised.retain(|(_, step)| *step <= resume.step);
                self.rows = self.events.iter().rev().take_while(|event| matches!(event, Event::Log(_))).count();
            }
            Event::Start(_) | Event::Epoch(_) | Event::Checkpoint(_) | Event::End(_) => {}
        }
    }

    /// The events as a log.
    fn log(&self) -> RunLog {
        let mut collector = Collector::default();
        let source = collector.source("journal.jsonl", Format::Journal);
        let baseline = self.info.baselines.unigram.to_string();
        collector.fact("baseline_loss", &baseline, Place { source, line: 1 }, false);
        for (nth, event) in self.events.iter().enumerate() {
            let line = u32::try_from(nth + 1).unwrap_or(u32::MAX);
            crate::ours::one(&mut collector, Place { source, line }, event);
        }
        collector.finish().runs.into_iter().next().unwrap_or_default()
    }
}

fn alert(finding: &Finding, step: u64) -> Alert {
    let about = finding.kind.about();
    let text = format!("{}. {} Try: {}", finding.what, about.means, about.next);
    Alert { step, kind: about.name.into(), text }
}

#[cfg(test)]
#[path = "lookout_tests.rs"]
mod tests;
