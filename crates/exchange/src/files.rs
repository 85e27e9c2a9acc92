//! Whole folders, written or not.

use std::{ffi::OsString, fs, path::Path};

use serde_json::Value;

use crate::ExchangeError;

/// Writes a folder of files so that it is there with all of them or not at all: into a sibling of another name, synced,
/// then renamed. A sibling that a power cut left is written anew.
///
/// # Errors
/// [`ExchangeError::Exists`], [`ExchangeError::Write`]; the sibling is removed.
pub fn write_folder(to: &Path, files: &[(&str, &[u8])]) -> Result<(), ExchangeError> {
    refuse_existing(to)?;
    let failed = |path: &Path| {
        let path = path.to_path_buf();
        move |cause| ExchangeError::Write { path, cause }
    };
    let parent = disk::folder_of(to);
    disk::create_folders(parent).map_err(failed(parent))?;
    let mut name = OsString::from(".");
    name.push(to.file_name().unwrap_or_default());
    name.push(".partial");
    let partial = parent.join(name);
    let _half = disk::HalfWritten::at(&partial);
    let write = || {
        disk::remove_folder_if_there(&partial).map_err(failed(&partial))?;
        disk::create_folder(&partial).map_err(failed(&partial))?;
        for (name, bytes) in files {
            let path = partial.join(name);
            disk::write_synced(&path, bytes).map_err(failed(&path))?;
        }
        disk::name_folder(&partial, to).map_err(|(path, cause)| ExchangeError::Write { path, cause })
    };
    let written = write();
    if written.is_err() {
        // Best effort: the first error is the one to report.
        let _ = disk::remove_folder_if_there(&partial);
    }
    written
}

/// Refuses a folder that is there: nothing is overwritten without being asked.
///
/// # Errors
/// [`ExchangeError::Exists`].
pub(crate) fn refuse_existing(to: &Path) -> Result<(), ExchangeError> {
    // A broken link is something too.
    match to.symlink_metadata() {
        Ok(_) => Err(ExchangeError::Exists { path: to.into() }),
        Err(_) => Ok(()),
    }
}

pub(crate) fn read(path: &Path) -> Result<Vec<u8>, ExchangeError> {
    fs::read(path).map_err(|cause| ExchangeError::Read { path: path.into(), cause })
}

/// A file that describes others: a tokenizer of a million words stays below.
const MAX_SMALL_BYTES: u64 = 128 << 20;

/// As [`read`], for any file but one of weights.
pub(crate) fn read_small(path: &Path) -> Result<Vec<u8>, ExchangeError> {
    disk::read_up_to(path, MAX_SMALL_BYTES).map_err(|cause| ExchangeError::Read { path: path.into(), cause })
}

pub(crate) fn read_json(path: &Path) -> Result<Value, ExchangeError> {
    let wrong = |why: serde_json::Error| ExchangeError::Config { path: path.into(), why: why.to_string() };
    serde_json::from_slice(&read_small(path)?).map_err(wrong)
}

/// JSON on many lines, with a newline at the end.
pub(crate) fn json_bytes(value: &impl serde::Serialize) -> Vec<u8> {
    let mut bytes = serde_json::to_vec_pretty(value).expect("strings, numbers and lists only");
    bytes.push(b'\n');
    bytes
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::write_folder;
    use crate::ExchangeError;

    #[test]
    fn a_folder_is_written_whole_and_never_over_another() {
        let base = tempfile::tempdir().unwrap();
        let to = base.path().join("deep").join("out");
        write_folder(&to, &[("a", b"1"), ("b", b"22")]).unwrap();
        assert_eq!(fs::read(to.join("b")).unwrap(), b"22");
        assert!(matches!(write_folder(&to, &[("a", b"2")]), Err(ExchangeError::Exists { .. })));
        assert_eq!(fs::read(to.join("a")).unwrap(), b"1");
        assert_eq!(fs::read_dir(base.path().join("deep")).unwrap().count(), 1);
    }

    #[test]
    fn what_a_power_cut_left_is_written_anew() {
        let base = tempfile::tempdir().unwrap();
        fs::create_dir(base.path().join(".out.partial")).unwrap();
        fs::write(base.path().join(".out.partial/a"), b"hal").unwrap();
        write_folder(&base.path().join("out"), &[("b", b"whole")]).unwrap();
        assert_eq!(fs::read_dir(base.path().join("out")).unwrap().count(), 1);
        assert_eq!(fs::read_dir(base.path()).unwrap().count(), 1);
    }

    #[test]
    fn nothing_is_left_of_a_folder_that_failed() {
        let base = tempfile::tempdir().unwrap();
        let error = write_folder(&base.path().join("out"), &[("a", b"1"), ("no/such/place", b"2")]).unwrap_err();
        assert!(error.to_string().contains("no/such/place"), "{error}");
        assert_eq!(fs::read_dir(base.path()).unwrap().count(), 0);
    }
}
