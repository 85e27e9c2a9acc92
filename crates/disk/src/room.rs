//! Room on a disk: whether an error says that there is none, how much is left, and waiting for more.

use std::io::{self, ErrorKind};
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use crate::watch::{wait_is_left_out, watched_free};

/// `EIO`, which has no kind of its own.
const INPUT_OUTPUT: i32 = 5;

/// Whether a write failed for want of room: the disk is full, or what its user may have of it.
pub fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::StorageFull | ErrorKind::QuotaExceeded)
}

/// What helps where a write failed, in a few words.
pub fn remedy(error: &io::Error) -> &'static str {
    match error.kind() {
        ErrorKind::StorageFull => "make room, then run the same command again",
        ErrorKind::QuotaExceeded => {
            "your quota is used up: remove something or have it raised, then run the same command again"
        }
        ErrorKind::ReadOnlyFilesystem => {
            "the file system can only be read, as it does after an error: mount it anew or write elsewhere, then run the same command again"
        }
        ErrorKind::PermissionDenied => {
            "get the right to write there or write elsewhere, then run the same command again"
        }
        ErrorKind::FileTooLarge => {
            "files may not be so large here: raise the limit (ulimit -f) or write elsewhere, then run the same command again"
        }
        _ if error.raw_os_error() == Some(INPUT_OUTPUT) => {
            "the disk, or the way to it, fails: look into the system's log, save what is there, then run the same command again"
        }
        _ => "see to the cause, then run the same command again",
    }
}

/// Bytes that may still be written where `path` is, or will be; none where the system does not say. A quota is not in it.
pub fn free(path: &Path) -> Option<u64> {
    let there = path.ancestors().find(|path| path.exists()).filter(|path| !path.as_os_str().is_empty());
    watched_free().or_else(|| free_at(there.unwrap_or(Path::new("."))))
}

#[cfg(unix)]
fn free_at(path: &Path) -> Option<u64> {
    let found = rustix::fs::statvfs(path).ok()?;
    Some(found.f_bavail.saturating_mul(found.f_frsize))
}

#[cfg(not(unix))]
fn free_at(_: &Path) -> Option<u64> {
    None
}

/// How often a wait looks whether it is over: a signal is answered within this time.
const LOOK: Duration = Duration::from_millis(100);

/// Waits so long, or until `is_over`. Where a watch stands before the disk it is told, and nobody waits.
pub fn wait(time: Duration, is_over: impl Fn() -> bool) {
    if wait_is_left_out() {
        return;
    }
    let until = Instant::now() + time;
    while !is_over() && Instant::now() < until {
        thread::sleep(LOOK.min(until.saturating_duration_since(Instant::now())));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::watch::Failure;

    #[test]
    fn want_of_room_is_told_from_other_failures_and_each_has_its_remedy() {
        let full = Failure::ALL.map(|failure| is_full(&failure.error()));
        assert_eq!(full, [true, true, false, false, true], "{:?}", Failure::ALL);
        let remedies = [28, 122, 5, 30, 13, 27].map(|number| remedy(&io::Error::from_raw_os_error(number)));
        for (remedy, word) in remedies.iter().zip(["make room", "quota", "system's log", "mount", "right", "ulimit"]) {
            assert!(remedy.contains(word), "{remedy}");
        }
    }

    #[test]
    fn what_is_free_is_asked_of_the_next_folder_that_is_there() {
        let folder = tempfile::tempdir().unwrap();
        let below = folder.path().join("not/yet/there");
        assert!(free(&below).is_some_and(|bytes| bytes > 0) == cfg!(unix));
        assert!(free(Path::new("not-there")).is_some() == cfg!(unix), "relative paths begin where the process is");
    }

    #[test]
    fn a_wait_ends_when_it_is_over() {
        let started = Instant::now();
        wait(Duration::from_secs(60), || true);
        assert!(started.elapsed() < Duration::from_secs(30));
        wait(Duration::from_millis(150), || false);
        assert!(started.elapsed() >= Duration::from_millis(150));
    }
}
