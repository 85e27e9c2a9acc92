//! Room on the disk: how much a run will want, and what it does where there is none.

use std::{
    io,
    path::{Path, PathBuf},
    sync::atomic::{AtomicBool, Ordering},
    time::{Duration, Instant},
};

use case::DiskFull;
use encoder::Model;
use journal::{Alert, Event, Journal, JournalError};

use crate::{
    Report, TrainError, checkpoint, folder::RunFolder, info::grouped, notice::Notice, session::Spec, setup::Setup,
};

/// How often a paused run looks whether there is room: often enough for a person who has just made some.
const LOOK_AGAIN: Duration = Duration::from_secs(30);

/// What the record of a run takes, its charts as SVG and PNG and a journal: 1 MB for the quickstart (`docs/records`).
const RECORD_BYTES: u64 = 2_000_000;

/// What a run does where the disk is full.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Room<'a> {
    policy: DiskFull,
    /// Ends a wait.
    stop: &'a AtomicBool,
    /// The step of the best checkpoint: it is kept whatever comes.
    pub(crate) best: Option<u64>,
}

impl<'a> Room<'a> {
    pub(crate) fn new(policy: DiskFull, stop: &'a AtomicBool) -> Self {
        Self { policy, stop, best: None }
    }

    fn is_stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    /// Waits until `wanted` bytes are free, or an interval where only trying can tell; false where it was asked to stop.
    fn wait(&self, run: &Path, wanted: u64) -> bool {
        let has_room = || disk::free(run).is_none_or(|free| free >= wanted);
        loop {
            disk::wait(LOOK_AGAIN, || self.is_stopped());
            if self.is_stopped() || has_room() {
                return !self.is_stopped();
            }
        }
    }
}

impl RunFolder<'_> {
    /// Writes; where the disk is full it waits or makes room, as the case has it, and writes again. `wanted` is what is known
    /// of the size.
    ///
    /// # Errors
    /// Those of `write`; [`TrainError::DiskFull`] where nothing is left to be done, and [`TrainError::StoppedWaiting`].
    pub(crate) fn written<T>(
        &mut self,
        step: u64,
        wanted: u64,
        report: &mut dyn Report,
        mut write: impl FnMut(&Path, &mut Journal) -> Result<T, TrainError>,
    ) -> Result<T, TrainError> {
        let mut waiting: Option<Instant> = None;
        loop {
            let (path, cause) = match write(&self.path, &mut self.journal) {
                Err(error) => out_of_room(error)?,
                Ok(written) => {
                    if let Some(since) = waiting {
                        let seconds = since.elapsed().as_secs();
                        report.say(Notice::Fact(format!("room     there is some again after {seconds} s: going on")));
                    }
                    return Ok(written);
                }
            };
            let goes_on = match self.room.policy {
                DiskFull::Stop => false,
                DiskFull::Thin => self.thinned(step, report)?,
                DiskFull::Pause if self.room.is_stopped() => false,
                DiskFull::Pause => {
                    if waiting.is_none() {
                        waiting = Some(Instant::now());
                        self.alert(step, pause(&self.path, &path, &cause, wanted, step), report);
                    }
                    self.room.wait(&self.path, wanted)
                }
            };
            if !goes_on {
                let is_asked = self.room.policy == DiskFull::Pause;
                let full = explained(&self.path, path.clone(), cause, wanted);
                return Err(if is_asked { TrainError::StoppedWaiting { path } } else { full });
            }
        }
    }

    /// Removes an older checkpoint; false where there is none, or even that takes room.
    fn thinned(&mut self, step: u64, report: &mut dyn Report) -> Result<bool, TrainError> {
        let removed = match checkpoint::remove_oldest(&self.path, self.room.best) {
            Err(error) => out_of_room(error).map(|_| None)?,
            Ok(removed) => removed,
        };
        if let Some(removed) = removed {
            let text = format!("the disk is full: the checkpoint of step {removed} was removed (disk_full = \"thin\")");
            self.alert(step, text, report);
        }
        Ok(removed.is_some())
    }

    /// Tells of it at once, and in the journal where that finds room.
    fn alert(&mut self, step: u64, text: String, report: &mut dyn Report) {
        let alert = Alert { step, kind: "disk-full".into(), text: text.clone() };
        let _ = self.journal.append(&Event::Alert(alert));
        report.say(Notice::Warning(text));
    }
}

/// The file and the cause, where a write failed for want of room; else the error.
fn out_of_room(error: TrainError) -> Result<(PathBuf, io::Error), TrainError> {
    match error {
        TrainError::Write { path, cause } if disk::is_full(&cause) => Ok((path, cause)),
        TrainError::Journal(JournalError::Io { path, source, .. }) if disk::is_full(&source) => Ok((path, source)),
        other => Err(other),
    }
}

/// The same error; where it is want of room, with what there is and what helps.
pub(crate) fn with_room(run: &Path, error: TrainError) -> TrainError {
    match out_of_room(error) {
        Ok((path, cause)) => explained(run, path, cause, 0),
        Err(other) => other,
    }
}

/// What is said of a pause when it begins.
fn pause(run: &Path, path: &Path, cause: &io::Error, wanted: u64, step: u64) -> String {
    let seconds = LOOK_AGAIN.as_secs();
    format!(
        "paused at step {step}, for the disk is full: {} ({cause}). {} It looks again every {seconds} s; a signal ends the run",
        need(path, wanted),
        kept(run)
    )
}

fn explained(run: &Path, path: PathBuf, cause: io::Error, wanted: u64) -> TrainError {
    TrainError::DiskFull { need: need(&path, wanted), kept: kept(run), cause }
}

/// What was to be written, and the room there is.
fn need(path: &Path, wanted: u64) -> String {
    let file = path.display();
    let Some(free) = disk::free(path) else { return format!("cannot write {file}") };
    let wants = if wanted > 0 { format!("{} bytes are wanted and ", grouped(wanted)) } else { String::new() };
    let other = if wanted > 0 && free >= wanted { ", so that it is a quota, or no more files may be made" } else { "" };
    format!("cannot write {file}: {wants}{} are free{other}", grouped(free))
}

/// What a run has kept so far, and where.
fn kept(run: &Path) -> String {
    let all = checkpoint::list(run);
    let Some(newest) = all.last() else { return "No checkpoint is there yet.".into() };
    let sizes: Vec<String> =
        all.iter().map(|kept| format!("{} ({} bytes)", kept.step, grouped(bytes_in(&kept.folder)))).collect();
    let folder = checkpoint::folder_of(run);
    format!("Step {} is kept whole; {} holds the steps {}.", newest.step, folder.display(), sizes.join(", "))
}

/// Bytes of the files in a folder.
fn bytes_in(folder: &Path) -> u64 {
    let files = std::fs::read_dir(folder).into_iter().flatten().flatten();
    files.filter_map(|entry| entry.metadata().ok()).map(|file| file.len()).sum()
}

/// Says before the first step that the disk will not do.
///
/// # Errors
/// [`TrainError::NoRoom`] where not even one checkpoint fits; a run that pauses is only warned.
pub(crate) fn foresee(spec: &Spec, setup: &Setup, model: &Model, report: &mut dyn Report) -> Result<(), TrainError> {
    let Some(free) = disk::free(&spec.run) else { return Ok(()) };
    let (one, plan) = (checkpoint::size(model), &setup.plan);
    let there = checkpoint::list(&spec.run);
    if free < one && there.is_empty() && spec.config.train.disk_full != DiskFull::Pause {
        return Err(TrainError::NoRoom { run: spec.run.clone(), one, free });
    }
    // Those that are kept, the best, the last, and the one that is being written.
    let planned = plan.total_steps.div_ceil(plan.checkpoint_every) + plan.total_steps.div_ceil(plan.eval_every);
    let most = (plan.keep_checkpoints as u64 + 3).min(planned + 1);
    let held: u64 = there.iter().map(|kept| bytes_in(&kept.folder)).sum();
    let wanted = (one * most + RECORD_BYTES).saturating_sub(held);
    if free < wanted {
        report.say(Notice::Warning(format!(
            "little room: the run is going to write {} bytes to {} (up to {most} checkpoints of {} bytes, charts, journal), and {} are free; \
             make room, lower keep_checkpoints, or set disk_full to \"pause\" or \"thin\" in [train]",
            grouped(wanted),
            spec.run.display(),
            grouped(one),
            grouped(free)
        )));
    }
    Ok(())
}
