//! Whether a process is at work on a run.

use std::fs::{File, TryLockError};
use std::path::Path;

/// Whether a process holds the run: a trainer locks the file `lock` in the run's folder, and the system frees it when the
/// process ends, however it ends.
///
/// Asking takes the lock, shared, for a moment; a trainer that wants it at that moment asks again. `false` where there is
/// no lock, or where it cannot be asked for.
pub fn run_is_held(run_dir: &Path) -> bool {
    let Ok(file) = File::open(run_dir.join("lock")) else { return false };
    matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_is_held_as_long_as_its_lock_is() {
        let folder = tempfile::tempdir().unwrap();
        assert!(!run_is_held(folder.path()));
        let lock = File::create(folder.path().join("lock")).unwrap();
        assert!(!run_is_held(folder.path()));
        lock.lock().unwrap();
        assert!(run_is_held(folder.path()));
        drop(lock);
        assert!(!run_is_held(folder.path()));
    }
}
