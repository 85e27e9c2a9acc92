//! A run in one line: what it is, what became of it, its best and last values.

use std::fmt;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::error::JournalError;
use crate::event::{Eval, Event, Log, Status};
use crate::file::read_outline;
use crate::info::RunInfo;
use crate::labelled::{TEST, figure};
use crate::notes::read_notes;
use crate::record::or_none;
use crate::report::status;
use crate::results::{VALID, best, evals};

/// What has become of a run: its journal's last word, and whether a process holds it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RunState {
    /// Described, not begun.
    Planned,
    /// At work: the journal holds no end, and a process holds the run.
    Running,
    /// The journal holds no end, and no process holds the run: it was killed without warning, and can be resumed.
    Killed,
    /// Asked to stop; can be resumed.
    Stopped,
    /// Did all its steps.
    Finished,
    /// A loss or gradient was not finite.
    Diverged,
    /// An error ended it.
    Failed,
    /// Its description or its journal cannot be read.
    Damaged,
}

impl RunState {
    /// Every state, in the order of a run's life.
    pub const ALL: [Self; 8] = [
        Self::Planned,
        Self::Running,
        Self::Killed,
        Self::Stopped,
        Self::Finished,
        Self::Diverged,
        Self::Failed,
        Self::Damaged,
    ];

    /// The word for it, as in JSON.
    pub fn word(self) -> &'static str {
        match self {
            Self::Planned => "planned",
            Self::Running => "running",
            Self::Killed => "killed",
            Self::Stopped => "stopped",
            Self::Finished => "finished",
            Self::Diverged => "diverged",
            Self::Failed => "failed",
            Self::Damaged => "damaged",
        }
    }
}

impl fmt::Display for RunState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.word())
    }
}

impl From<Status> for RunState {
    fn from(status: Status) -> Self {
        match status {
            Status::Planned => Self::Planned,
            Status::Running => Self::Running,
            Status::Stopped => Self::Stopped,
            Status::Finished => Self::Finished,
            Status::Diverged => Self::Diverged,
            Status::Failed => Self::Failed,
        }
    }
}

/// One evaluation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Evaluated {
    /// Updates done.
    pub step: u64,
    /// Nats per scored token.
    pub loss: f64,
    /// Share of scored tokens predicted right, 0..=1.
    pub accuracy: f64,
    /// Bits per character of text.
    pub bits_per_char: f64,
    /// Of labelled examples, the figure that tells the best checkpoint.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub figure: Option<Named>,
}

/// A figure of labelled examples.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Named {
    /// Its name, as `metric` in a case file has it.
    pub name: String,
    /// A share, a correlation, or nats.
    pub value: f64,
    /// One standard error.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<f64>,
}

/// A run in one line.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunSummary {
    /// Its folder, relative to the folder that was listed, parted by `/`; empty for that folder itself.
    pub folder: String,
    /// The case's name.
    pub case: String,
    /// The variant's name.
    pub variant: String,
    /// The seed.
    pub seed: u64,
    /// What has become of it.
    pub state: RunState,
    /// Why it ended, or why it cannot be read; may be empty.
    pub reason: String,
    /// Updates done.
    pub step: u64,
    /// Updates planned.
    pub total_steps: u64,
    /// The validation of the lowest loss, or of labelled examples that of the best figure.
    pub best: Option<Evaluated>,
    /// The last validation.
    pub last: Option<Evaluated>,
    /// The evaluation of the examples kept for the end, at the best checkpoint; of labelled examples only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub test: Option<Evaluated>,
    /// Nats per scored token of the last window of training.
    pub training_loss: Option<f64>,
    /// When it was planned: RFC 3339, UTC.
    pub created: String,
    /// When it began: RFC 3339, UTC.
    pub began: Option<String>,
    /// When it ended: RFC 3339, UTC.
    pub ended: Option<String>,
    /// Seconds of training, over all resumes.
    pub time_s: f64,
    /// Commit of the source tree, where one is known.
    pub commit: Option<String>,
    /// Version of casebook.
    pub version: String,
    /// The device trained on.
    pub device: String,
    /// Times it was resumed.
    pub resumes: u64,
    /// Alerts that count.
    pub alerts: u64,
    /// Remarks made.
    pub notes: u64,
}

/// A run's summary. Where the journal holds no end, the state is [`RunState::Running`]: the journal cannot tell. What
/// cannot be read is summed up as [`RunState::Damaged`] with the reason, so that it is listed too.
pub(crate) fn summary(run_dir: &Path, folder: &str) -> RunSummary {
    let parts = || {
        let events = or_none(read_outline(&run_dir.join("journal.jsonl")))?;
        Ok((RunInfo::read(run_dir)?, events, read_notes(run_dir)?.len() as u64))
    };
    match parts() {
        Ok((info, events, notes)) => RunSummary { notes, ..of_events(info, &events, folder) },
        Err(error) => damaged(folder, &error),
    }
}

/// The summary of a run that has been read, without its remarks.
pub(crate) fn of_events(info: RunInfo, events: &[Event], folder: &str) -> RunSummary {
    let (status, end) = status(events);
    let test = evals(events, TEST).last().copied().filter(|_| info.data.examples.is_some());
    let evals = evals(events, VALID);
    let last_log = events.iter().rev().find_map(|event| match event {
        Event::Log(log) => Some(log),
        _ => None,
    });
    let time = |log: Option<&Log>, eval: Option<&&Eval>| {
        log.map_or(0.0, |log| log.time_s).max(eval.map_or(0.0, |eval| eval.time_s))
    };
    let counted = |wanted: fn(&Event) -> bool| events.iter().filter(|event| wanted(event)).count() as u64;
    RunSummary {
        folder: folder.into(),
        state: status.into(),
        reason: end.map_or_else(String::new, |end| end.reason.clone()),
        step: events.iter().map(Event::step).max().unwrap_or(0),
        total_steps: info.plan.total_steps,
        best: best(&info, &evals).map(|eval| evaluated(&info, eval)),
        last: evals.last().copied().map(|eval| evaluated(&info, eval)),
        test: test.map(|eval| evaluated(&info, eval)),
        training_loss: last_log.map(|log| log.loss),
        created: info.created,
        began: events.iter().find_map(|event| match event {
            Event::Start(start) => Some(start.time.clone()),
            _ => None,
        }),
        ended: end.map(|end| end.time.clone()),
        time_s: end.map_or_else(|| time(last_log, evals.last()), |end| end.time_s),
        commit: info.commit,
        version: info.version,
        device: info.machine.device,
        resumes: counted(|event| matches!(event, Event::Resume(_))),
        alerts: counted(|event| matches!(event, Event::Alert(_))),
        notes: 0,
        case: info.case,
        variant: info.variant,
        seed: info.seed,
    }
}

fn evaluated(info: &RunInfo, eval: &Eval) -> Evaluated {
    let Eval { step, loss, accuracy, bits_per_char, .. } = *eval;
    let named = |name: &String| {
        let figure = figure(eval, name)?;
        Some(Named { name: name.clone(), value: figure.value, error: figure.error })
    };
    let figure = info.data.examples.as_ref().and_then(|examples| named(&examples.best_by));
    Evaluated { step, loss, accuracy, bits_per_char, figure }
}

/// What its folder says of a run that says nothing itself: `case/variant/s1`.
fn damaged(folder: &str, error: &JournalError) -> RunSummary {
    let mut parts = folder.rsplit('/');
    let seed = parts.next().and_then(|part| part.strip_prefix('s')?.parse().ok()).unwrap_or(0);
    let (variant, case) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    let mut reason = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        reason += &format!(": {error}");
        cause = error.source();
    }
    RunSummary {
        folder: folder.into(),
        case: case.into(),
        variant: variant.into(),
        seed,
        state: RunState::Damaged,
        reason,
        step: 0,
        total_steps: 0,
        best: None,
        last: None,
        test: None,
        training_loss: None,
        created: String::new(),
        began: None,
        ended: None,
        time_s: 0.0,
        commit: None,
        version: String::new(),
        device: String::new(),
        resumes: 0,
        alerts: 0,
        notes: 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::synthetic::{alert, checkpoint, end, eval, finished_run, log, resume, run_info, start, written_run};

    fn of(events: &[Event]) -> RunSummary {
        summary(written_run(events).path(), "case1/layer-4/s1")
    }

    #[test]
    fn a_finished_run_has_its_best_and_last_values_and_its_times() {
        let found = of(&finished_run());
        assert_eq!((found.state, found.step, found.total_steps), (RunState::Finished, 1_000, 1_000));
        assert_eq!((found.case.as_str(), found.variant.as_str(), found.seed), ("case1", "layer-4", 1));
        assert_eq!(found.best.map(|best| best.step), Some(1_000));
        assert_eq!(found.began.as_deref(), Some("2026-11-21T09:00:00Z"));
        assert_eq!((found.time_s, found.commit.as_deref()), (640.0, Some("3e4272b")));
    }

    #[test]
    fn what_a_resume_took_back_is_not_summed_up() {
        let done = [start(), eval(0), log(50), log(100), checkpoint(100), log(150), eval(150), alert(160), end(160)];
        let found = of(&[&done[..], &[resume(100)]].concat());
        assert_eq!((found.state, found.step, found.resumes, found.alerts), (RunState::Running, 100, 1, 0));
        assert_eq!(found.last.map(|last| last.step), Some(0));
        let Event::Log(at_100) = log(100) else { panic!("a log") };
        assert_eq!((found.training_loss, found.ended), (Some(at_100.loss), None));
    }

    #[test]
    fn a_run_that_never_began_is_planned_and_a_damaged_one_says_why() {
        let folder = tempfile::tempdir().unwrap();
        run_info().write(folder.path()).unwrap();
        assert_eq!(summary(folder.path(), "").state, RunState::Planned);
        let folder = written_run(&[start(), eval(0), eval(10)]);
        let journal = folder.path().join("journal.jsonl");
        let text = std::fs::read_to_string(&journal).unwrap().replacen("\"step\":0", "\"step\":9", 1);
        std::fs::write(&journal, text).unwrap();
        let found = summary(folder.path(), "case1/layer-4/s7");
        assert_eq!((found.state, found.case.as_str(), found.seed), (RunState::Damaged, "case1", 7));
        assert!(found.reason.contains("line 2: the line says crc32"), "{}", found.reason);
    }
}
