//! The operations themselves.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use crate::leave::{HalfWritten, pass};
use crate::watch::{Operation, ask};

/// A file open for writing.
#[derive(Debug)]
pub struct DiskFile {
    file: File,
    path: PathBuf,
    /// Where the next byte goes.
    at: u64,
}

/// Done unless a watch says otherwise.
fn done(operation: Operation<'_>) -> io::Result<()> {
    ask(operation).map_err(|(_, error)| error)
}

impl DiskFile {
    /// A new file, or an old one made empty.
    ///
    /// # Errors
    /// The system's.
    pub fn create(path: &Path) -> io::Result<Self> {
        let _passed = pass();
        done(Operation::Create(path))?;
        Ok(Self { file: File::create(path)?, path: path.into(), at: 0 })
    }

    /// A new file; one that is there is an error.
    ///
    /// # Errors
    /// The system's.
    pub fn create_new(path: &Path) -> io::Result<Self> {
        // Nothing is changed then: no watch is asked. Between here and there the system refuses as well.
        if path.symlink_metadata().is_ok() {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        let _passed = pass();
        done(Operation::Create(path))?;
        let file = OpenOptions::new().append(true).create_new(true).open(path)?;
        Ok(Self { file, path: path.into(), at: 0 })
    }

    /// A file that is there, to be read and written to at its end.
    ///
    /// # Errors
    /// The system's.
    pub fn append(path: &Path) -> io::Result<Self> {
        let file = OpenOptions::new().read(true).append(true).open(path)?;
        let at = file.metadata()?.len();
        Ok(Self { file, path: path.into(), at })
    }

    /// What was written survives a power cut from here on; its name only after [`sync_folder`].
    ///
    /// # Errors
    /// The system's.
    pub fn sync(&mut self) -> io::Result<()> {
        let _passed = pass();
        done(Operation::Sync(&self.path))?;
        self.file.sync_data()
    }

    /// Cuts the file, or fills it with zeros; writing goes on at its end.
    ///
    /// # Errors
    /// The system's.
    pub fn set_len(&mut self, length: u64) -> io::Result<()> {
        let _passed = pass();
        done(Operation::SetLength(&self.path, length))?;
        self.file.set_len(length)?;
        self.at = length;
        Ok(())
    }

    /// The file, for reading.
    pub fn file(&mut self) -> &mut File {
        &mut self.file
    }
}

impl Write for DiskFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let _passed = pass();
        if let Err((part, error)) = ask(Operation::Write(&self.path, self.at, bytes)) {
            self.file.write_all(&bytes[..part])?;
            self.at += part as u64;
            return Err(error);
        }
        let written = self.file.write(bytes)?;
        self.at += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

/// Writes a whole file and syncs it.
///
/// # Errors
/// The system's; a part of the file may be there then.
pub fn write_synced(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = DiskFile::create(path)?;
    file.write_all(bytes)?;
    file.sync()
}

/// Writes a file so that a reader, or a crash at any moment, finds either the old content or the new, never a part: a
/// temporary sibling, synced, renamed over the old, and the folder synced.
///
/// # Errors
/// The system's, with the path it is about; the sibling is removed and the old content untouched.
pub fn write_whole(path: &Path, bytes: &[u8]) -> Result<(), (PathBuf, io::Error)> {
    let sibling = temporary_sibling(path);
    let _half = HalfWritten::at(&sibling);
    let written = write_synced(&sibling, bytes)
        .map_err(|error| (sibling.clone(), error))
        .and_then(|()| rename(&sibling, path).map_err(|error| (path.to_path_buf(), error)));
    if written.is_err() {
        // Best effort: the reason that counts is the first one.
        let _ = remove_file(&sibling);
        return written;
    }
    let folder = folder_of(path);
    sync_folder(folder).map_err(|error| (folder.to_path_buf(), error))
}

/// Gives a folder of whole, synced files its name, as the last thing: it is there with all of them or not at all.
///
/// # Errors
/// The system's, with the path it is about.
pub fn name_folder(partial: &Path, to: &Path) -> Result<(), (PathBuf, io::Error)> {
    let of = |path: &Path| {
        let path = path.to_path_buf();
        move |error| (path, error)
    };
    sync_folder(partial).map_err(of(partial))?;
    rename(partial, to).map_err(of(to))?;
    let parent = folder_of(to);
    sync_folder(parent).map_err(of(parent))
}

/// Two processes, or two threads of one, never share a temporary file.
fn temporary_sibling(path: &Path) -> PathBuf {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    path.with_file_name(format!(".{name}.{}-{count}.tmp", std::process::id()))
}

/// Whether a file's name is one that [`write_whole`] gives before it is whole: what a process that died may leave.
pub fn is_temporary(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    name.starts_with('.') && name.ends_with(".tmp")
}

/// The folder a path is in.
pub fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or_else(|| Path::new("."))
}

/// Makes a copy of a file, and syncs it.
///
/// # Errors
/// The system's.
pub fn copy(from: &Path, to: &Path) -> io::Result<()> {
    let mut file = DiskFile::create(to)?;
    io::copy(&mut File::open(from)?, &mut file)?;
    file.sync()
}

/// Gives a file or a folder another name.
///
/// # Errors
/// The system's.
pub fn rename(from: &Path, to: &Path) -> io::Result<()> {
    let _passed = pass();
    done(Operation::Rename(from, to))?;
    fs::rename(from, to)
}

/// Removes a file.
///
/// # Errors
/// The system's.
pub fn remove_file(path: &Path) -> io::Result<()> {
    let _passed = pass();
    done(Operation::Remove(path))?;
    fs::remove_file(path)
}

/// Makes a folder; one that is there is an error.
///
/// # Errors
/// The system's.
pub fn create_folder(path: &Path) -> io::Result<()> {
    let _passed = pass();
    done(Operation::CreateFolder(path))?;
    fs::create_dir(path)
}

/// Makes a folder and those it is in, where they are not there; their names survive a power cut.
///
/// # Errors
/// The system's.
pub fn create_folders(path: &Path) -> io::Result<()> {
    if path.is_dir() || path.as_os_str().is_empty() {
        return Ok(());
    }
    let parent = folder_of(path);
    create_folders(parent)?;
    match create_folder(path) {
        // Another process was faster.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists && path.is_dir() => Ok(()),
        made => made.and_then(|()| sync_folder(parent)),
    }
}

/// Removes a folder with all that is in it. Links are removed, not followed.
///
/// # Errors
/// The system's.
pub fn remove_folder(path: &Path) -> io::Result<()> {
    for entry in fs::read_dir(path)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            remove_folder(&entry.path())?;
        } else {
            remove_file(&entry.path())?;
        }
    }
    let _passed = pass();
    done(Operation::RemoveFolder(path))?;
    fs::remove_dir(path)
}

/// Removes a folder with all that is in it, if it is there.
///
/// # Errors
/// The system's.
pub fn remove_folder_if_there(path: &Path) -> io::Result<()> {
    match remove_folder(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        removed => removed,
    }
}

/// The names in a folder survive a power cut from here on. Folders can be synced on Unix only.
///
/// # Errors
/// The system's.
pub fn sync_folder(folder: &Path) -> io::Result<()> {
    let _passed = pass();
    done(Operation::SyncFolder(folder))?;
    if cfg!(unix) { File::open(folder)?.sync_all() } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::watch::{Counting, Failing, Failure, watched};

    #[test]
    fn a_file_is_replaced_whole_and_nothing_is_left_beside_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("run.json");
        write_whole(&path, b"old").unwrap();
        write_whole(&path, b"new").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"new");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn whatever_fails_the_old_content_or_the_new_is_there_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("run.json");
        let ((), counted) = watched(Counting::default(), || write_whole(&path, b"old").unwrap());
        assert_eq!(counted.operations, 5, "create, write, sync, rename, sync of the folder");
        for failure in Failure::ALL {
            for for_good in [false, true] {
                for nth in 0..counted.operations {
                    write_whole(&path, b"old").unwrap();
                    let failing = Failing::at(nth, failure, for_good);
                    let (written, failing) = watched(failing, || write_whole(&path, b"new"));
                    assert!(written.is_err() && failing.has_failed());
                    // Only the last operation comes after the rename.
                    let wanted: &[u8] = if nth == 4 { b"new" } else { b"old" };
                    assert_eq!(fs::read(&path).unwrap(), wanted, "{nth} {failure:?}");
                    let left = fs::read_dir(folder.path()).unwrap().count();
                    // What can't be removed is left: nothing can be removed from a disk that is read-only for good.
                    let can_remove = !for_good || !matches!(failure, Failure::InputOutput | Failure::ReadOnly);
                    assert_eq!(
                        left,
                        if can_remove || nth == 0 || nth == 4 { 1 } else { 2 },
                        "{nth} {failure:?} {for_good}"
                    );
                    fs::read_dir(folder.path())
                        .unwrap()
                        .for_each(|entry| fs::remove_file(entry.unwrap().path()).unwrap());
                }
            }
        }
    }

    #[test]
    fn what_is_written_goes_on_where_the_file_ends_and_says_where() {
        use crate::watch::{Recorded, Recording};
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        let (_, recorded) = watched(Recording::default(), || {
            let mut file = DiskFile::create(&path).unwrap();
            file.write_all(b"abc").unwrap();
            file.write_all(b"def").unwrap();
            drop(file);
            let mut file = DiskFile::append(&path).unwrap();
            file.write_all(b"gh").unwrap();
            file.set_len(4).unwrap();
            assert_eq!(fs::read(&path).unwrap(), b"abcd");
            file.write_all(b"ij").unwrap();
            file.set_len(8).unwrap();
            file.write_all(b"k").unwrap();
        });
        assert_eq!(fs::read(&path).unwrap(), b"abcdij\0\0k");
        let write = |at, bytes: &[u8]| Recorded::Write(path.clone(), at, bytes.to_vec());
        let cut = |length| Recorded::SetLength(path.clone(), length);
        assert_eq!(
            recorded.operations,
            [
                Recorded::Create(path.clone()),
                write(0, b"abc"),
                write(3, b"def"),
                write(6, b"gh"),
                cut(4),
                write(4, b"ij"),
                cut(8),
                write(8, b"k")
            ]
        );
    }

    #[test]
    fn after_a_short_write_the_next_goes_behind_its_half() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        let mut file = DiskFile::create(&path).unwrap();
        watched(Failing::at(0, Failure::ShortWrite, false), || file.write_all(b"abcdef").unwrap_err());
        let (_, recorded) = watched(crate::watch::Recording::default(), || file.write_all(b"x").unwrap());
        assert_eq!(recorded.operations, [crate::watch::Recorded::Write(path.clone(), 3, b"x".to_vec())]);
        assert_eq!(fs::read(&path).unwrap(), b"abcx");
    }

    #[test]
    fn a_new_file_is_new() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        DiskFile::create_new(&path).unwrap().write_all(b"x").unwrap();
        let (again, counted) = watched(Counting::default(), || DiskFile::create_new(&path));
        assert_eq!(again.unwrap_err().kind(), io::ErrorKind::AlreadyExists);
        assert_eq!((counted.operations, fs::read(&path).unwrap()), (0, b"x".to_vec()));
    }

    #[test]
    fn a_temporary_name_is_told_from_others() {
        assert!(is_temporary(&temporary_sibling(Path::new("runs/run.json"))));
        for name in ["run.json", ".run.json", "run.json.tmp", "a/.b.tmp/c"] {
            assert!(!is_temporary(Path::new(name)), "{name}");
        }
        assert_ne!(temporary_sibling(Path::new("a")), temporary_sibling(Path::new("a")));
    }

    #[test]
    fn a_name_alone_lies_in_the_folder_one_is_in() {
        assert_eq!(folder_of(Path::new("a/b")), Path::new("a"));
        assert_eq!(folder_of(Path::new("b")), Path::new("."));
    }

    #[test]
    fn a_copy_has_the_bytes_of_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let (from, to) = (folder.path().join("a"), folder.path().join("b"));
        fs::write(&from, b"abc").unwrap();
        copy(&from, &to).unwrap();
        assert_eq!(fs::read(&to).unwrap(), b"abc");
        assert!(copy(&folder.path().join("c"), &to).is_err());
    }

    #[test]
    fn a_folder_gets_its_name_after_its_files_are_safe() {
        use crate::watch::{Recorded, Recording};
        let folder = tempfile::tempdir().unwrap();
        let (partial, to) = (folder.path().join("partial"), folder.path().join("whole"));
        fs::create_dir(&partial).unwrap();
        let (_, recorded) = watched(Recording::default(), || name_folder(&partial, &to).unwrap());
        assert_eq!(
            recorded.operations,
            [
                Recorded::SyncFolder(partial.clone()),
                Recorded::Rename(partial, to.clone()),
                Recorded::SyncFolder(folder.path().into())
            ]
        );
        assert!(to.is_dir());
    }

    #[test]
    fn a_folder_that_is_there_is_not_made_anew_and_one_that_cannot_be_made_is_said() {
        let folder = tempfile::tempdir().unwrap();
        create_folders(folder.path()).unwrap();
        create_folders(Path::new("")).unwrap();
        assert_eq!(create_folder(folder.path()).unwrap_err().kind(), io::ErrorKind::AlreadyExists);
        let file = folder.path().join("file");
        fs::write(&file, b"").unwrap();
        assert_eq!(create_folders(&file).unwrap_err().kind(), io::ErrorKind::AlreadyExists);
        assert!(create_folders(&file.join("below")).is_err());
    }

    #[test]
    fn a_folder_that_another_process_makes_meanwhile_is_as_good() {
        /// Makes each folder just before it is asked for.
        struct Faster;
        impl crate::watch::Watch for Faster {
            fn before(&mut self, operation: Operation<'_>) -> crate::watch::Answer {
                if let Operation::CreateFolder(path) = operation {
                    fs::create_dir(path).unwrap();
                }
                crate::watch::Answer::Go
            }
        }
        let folder = tempfile::tempdir().unwrap();
        let deep = folder.path().join("a/b");
        watched(Faster, || create_folders(&deep)).0.unwrap();
        assert!(deep.is_dir());
    }

    #[test]
    fn what_cannot_be_removed_is_said() {
        let folder = tempfile::tempdir().unwrap();
        let kept = folder.path().join("kept");
        fs::create_dir(&kept).unwrap();
        for remove in [remove_folder, remove_folder_if_there] {
            let (removed, _) = watched(Failing::at(0, Failure::InputOutput, false), || remove(&kept));
            assert_eq!(removed.unwrap_err().raw_os_error(), Some(5));
        }
        assert!(kept.is_dir());
        assert!(remove_folder(&folder.path().join("none")).is_err());
    }

    #[test]
    fn a_short_write_leaves_half() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        let (written, _) = watched(Failing::at(1, Failure::ShortWrite, false), || write_synced(&path, b"abcdef"));
        assert_eq!(written.unwrap_err().raw_os_error(), Some(28));
        assert_eq!(fs::read(&path).unwrap(), b"abc");
    }

    #[test]
    fn folders_are_made_and_removed_one_by_one() {
        let folder = tempfile::tempdir().unwrap();
        let deep = folder.path().join("a/b/c");
        let ((), counted) = watched(Counting::default(), || create_folders(&deep).unwrap());
        assert_eq!((counted.operations, deep.is_dir()), (6, true));
        fs::write(deep.join("file"), b"").unwrap();
        let ((), counted) = watched(Counting::default(), || remove_folder(&folder.path().join("a")).unwrap());
        assert_eq!((counted.operations, folder.path().join("a").exists()), (4, false));
        remove_folder_if_there(&folder.path().join("a")).unwrap();
    }

    #[cfg(unix)]
    #[test]
    fn a_link_is_removed_and_not_followed() {
        let folder = tempfile::tempdir().unwrap();
        let (kept, gone) = (folder.path().join("kept"), folder.path().join("gone"));
        fs::create_dir_all(&kept).unwrap();
        fs::create_dir_all(&gone).unwrap();
        fs::write(kept.join("file"), b"x").unwrap();
        std::os::unix::fs::symlink(&kept, gone.join("link")).unwrap();
        remove_folder(&gone).unwrap();
        assert!(kept.join("file").exists() && !gone.exists());
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_full_disk_is_passed_up_with_its_cause() {
        let error = write_synced(Path::new("/dev/full"), b"x").unwrap_err();
        assert!(error.to_string().contains("No space left"), "{error}");
    }
}
