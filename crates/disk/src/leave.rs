//! Leaving at once: what is half-written goes, and nothing more is written.
//!
//! A process that is asked to leave while it computes something that is not kept (text being prepared, an export, a
//! page) need not be asked in every loop: whoever was asked calls [`abandon`] and ends the process. What has its final name
//! is whole, for that is given last; what has not is known here.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError, RwLock, RwLockReadGuard};

/// Held by every change for as long as it takes, and by [`abandon`] for ever.
static GATE: RwLock<()> = RwLock::new(());
/// Files and folders that have not got their final names yet.
static HALF_WRITTEN: Mutex<BTreeSet<PathBuf>> = Mutex::new(BTreeSet::new());

/// Waits until the change may be made: not at all, or for ever.
pub(crate) fn pass() -> RwLockReadGuard<'static, ()> {
    GATE.read().unwrap_or_else(PoisonError::into_inner)
}

/// A file or folder that gets its final name, or is removed, before this is dropped.
#[derive(Debug)]
pub struct HalfWritten(PathBuf);

impl HalfWritten {
    /// From now on [`abandon`] removes it.
    pub fn at(path: &Path) -> Self {
        HALF_WRITTEN.lock().unwrap_or_else(PoisonError::into_inner).insert(path.into());
        Self(path.into())
    }
}

impl Drop for HalfWritten {
    fn drop(&mut self) {
        HALF_WRITTEN.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.0);
    }
}

/// Removes what is half-written. No file is changed after it: whoever tries waits for the end of the process, which is to
/// come next.
pub fn abandon() {
    std::mem::forget(GATE.write().unwrap_or_else(PoisonError::into_inner));
    for path in HALF_WRITTEN.lock().unwrap_or_else(PoisonError::into_inner).iter() {
        // Best effort: what cannot be removed is found by its name and removed by whoever writes there next.
        let _ = if path.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) };
    }
}
