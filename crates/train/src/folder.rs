//! A run's folder: made, found again, and held by one process at a time.

use std::{
    fs::{self, File, TryLockError},
    io::{Read, Seek, Write},
    path::{Path, PathBuf},
    thread,
    time::Duration,
};

use case::{CaseConfig, differences};
use diagnose::Lookout;
use journal::{Event, Journal, RunInfo, Status};

use crate::{TrainError, room::Room};

/// A run's folder, held.
pub(crate) struct RunFolder<'a> {
    /// Where it is.
    pub(crate) path: PathBuf,
    /// Its journal, open for more.
    pub(crate) journal: Journal,
    /// What judges the run while it goes on.
    pub(crate) lookout: Lookout,
    /// What is done where the disk is full.
    pub(crate) room: Room<'a>,
    /// Held as long as this lives; the system frees it when the process dies, however it dies.
    _lock: File,
}

/// What stands in a run's folder already.
pub(crate) enum Found {
    /// Nothing.
    Nothing,
    /// A run, with how it ended, if it did.
    Run(Option<Status>),
}

/// Looks into a run's folder.
pub(crate) fn look(path: &Path) -> Result<Found, TrainError> {
    if !journal_path(path).exists() {
        return Ok(Found::Nothing);
    }
    RunInfo::read(path)?; // without its facts a run is damaged, however it ended
    let events = journal::read(&journal_path(path))?;
    let status = events.iter().rev().find_map(|event| match event {
        Event::End(end) => Some(end.status),
        _ => None,
    });
    Ok(Found::Run(status))
}

pub(crate) fn journal_path(run: &Path) -> PathBuf {
    run.join("journal.jsonl")
}

/// A lock outlives its owner for a moment where that was starting another program (asking git for the commit): the child
/// holds a copy until it is replaced. So a lock that is taken is asked for again for a second.
const LOCK_TRIES: u32 = 20;
const LOCK_PAUSE: Duration = Duration::from_millis(50);

/// Takes the run for this process.
///
/// # Errors
/// [`TrainError::Locked`] naming the process that has it.
pub(crate) fn lock(path: &Path) -> Result<File, TrainError> {
    disk::create_folders(path).map_err(|cause| TrainError::Write { path: path.into(), cause })?;
    let lock_path = path.join("lock");
    let error = |cause| TrainError::Write { path: lock_path.clone(), cause };
    let mut file =
        File::options().read(true).write(true).create(true).truncate(false).open(&lock_path).map_err(error)?;
    let mut taken = file.try_lock();
    for _ in 0..LOCK_TRIES {
        if !matches!(taken, Err(TryLockError::WouldBlock)) {
            break;
        }
        thread::sleep(LOCK_PAUSE);
        taken = file.try_lock();
    }
    match taken {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            let mut who = String::new();
            // Who has it is a courtesy: a lock that cannot be read is still a lock.
            let _ = file.read_to_string(&mut who);
            return Err(TrainError::Locked { run: path.into(), who: who.trim().to_string() });
        }
        Err(TryLockError::Error(cause)) => return Err(error(cause)),
    }
    let who = format!("process {}, since {}\n", std::process::id(), crate::machine::now());
    file.set_len(0).and_then(|()| file.rewind()).and_then(|()| file.write_all(who.as_bytes())).map_err(error)?;
    Ok(file)
}

impl<'a> RunFolder<'a> {
    /// A new run's folder with its case, its facts and an empty journal, written in this order: a folder with a journal
    /// has all the rest.
    pub(crate) fn create(
        path: &Path,
        lock: File,
        resolved: &str,
        info: &RunInfo,
        room: Room<'a>,
    ) -> Result<Self, TrainError> {
        journal::write_atomically(&path.join("case.toml"), resolved.as_bytes())?;
        info.write(path)?;
        let journal = Journal::create(&journal_path(path))?;
        Ok(Self { path: path.into(), journal, lookout: Lookout::new(info.clone()), room, _lock: lock })
    }

    /// A run's folder to go on with; the second value tells of a journal line that was cut off.
    pub(crate) fn open(path: &Path, lock: File, room: Room<'a>) -> Result<(Self, Option<String>), TrainError> {
        let (journal, torn) = Journal::open(&journal_path(path))?;
        let torn = torn.map(|tail| {
            let (bytes, at) = (tail.bytes, tail.offset);
            format!("the journal's last line was cut short: {bytes} bytes after byte {at} were dropped")
        });
        let lookout = Lookout::resumed(RunInfo::read(path)?, journal::read(&journal_path(path))?);
        Ok((Self { path: path.into(), journal, lookout, room, _lock: lock }, torn))
    }
}

/// The configuration that a run was begun with.
///
/// # Errors
/// [`TrainError::NotARun`] for a folder without one.
pub fn read_case(run: &Path) -> Result<CaseConfig, TrainError> {
    let path = run.join("case.toml");
    if !path.exists() {
        return Err(TrainError::NotARun { folder: run.into(), missing: "case.toml" });
    }
    let text = fs::read_to_string(&path).map_err(|cause| TrainError::Read { path: path.clone(), cause })?;
    Ok(case::read_resolved(&text)?)
}

/// Keys that may change when a run goes on: its words, its length, its device, and what is watched and kept. A change of length or
/// device that moves a step's numbers is said in the journal.
const MAY_CHANGE: [&str; 19] = [
    "question",
    "source",
    "conclusion",
    "claims",
    "seeds",
    "train.epochs",
    "train.steps",
    "train.tokens",
    "train.minutes",
    "train.device",
    "train.log_every",
    "train.eval_every",
    "train.checkpoint_every",
    "train.keep_checkpoints",
    "train.disk_full",
    "train.out_of_memory",
    "train.stop_collapsed",
    "finetune.patience",
    "train.workers",
];

/// Holds a run's configuration against what is asked now; returns the changes that are allowed, one line each.
///
/// # Errors
/// [`TrainError::Changed`] with all that is not allowed.
pub(crate) fn allowed_changes(run: &Path, before: &CaseConfig, now: &CaseConfig) -> Result<Vec<String>, TrainError> {
    let (allowed, refused): (Vec<_>, Vec<_>) =
        differences(before, now).into_iter().partition(|difference| MAY_CHANGE.contains(&difference.key.as_str()));
    let line =
        |difference: case::Difference| format!("{}: {} → {}", difference.key, difference.before, difference.after);
    if !refused.is_empty() {
        return Err(TrainError::Changed { run: run.into(), differences: refused.into_iter().map(line).collect() });
    }
    Ok(allowed.into_iter().filter(|difference| difference.key != "seeds").map(line).collect())
}
