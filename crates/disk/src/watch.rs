//! What may stand before the file system: nothing, or something that counts, fails, or records what is done to it.

use std::cell::RefCell;
use std::io;
use std::path::{Path, PathBuf};
use std::rc::Rc;

/// A change that is about to be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operation<'a> {
    /// A file is made, or made empty.
    Create(&'a Path),
    /// Bytes are written at an offset.
    Write(&'a Path, u64, &'a [u8]),
    /// A file is cut, or made longer with zeros.
    SetLength(&'a Path, u64),
    /// What was written to a file is to survive a power cut.
    Sync(&'a Path),
    /// A file or folder gets another name; what has that name is replaced.
    Rename(&'a Path, &'a Path),
    /// A file is removed.
    Remove(&'a Path),
    /// A folder is made.
    CreateFolder(&'a Path),
    /// An empty folder is removed.
    RemoveFolder(&'a Path),
    /// The names in a folder are to survive a power cut.
    SyncFolder(&'a Path),
}

/// What becomes of an operation.
#[derive(Debug)]
pub enum Answer {
    /// It is done.
    Go,
    /// It is not done, and fails.
    Fail(io::Error),
    /// Of a write so many bytes are written, and then it fails; other operations are not done.
    Short(usize, io::Error),
}

/// Sees every operation of this thread before it is done.
pub trait Watch {
    /// What is to become of it.
    fn before(&mut self, operation: Operation<'_>) -> Answer;

    /// Somebody waits for room on the disk; under a watch the wait is left out.
    fn waited(&mut self) {}

    /// Bytes that are said to be free; none for what the system says.
    fn free(&mut self) -> Option<u64> {
        None
    }
}

thread_local! {
    static WATCH: RefCell<Option<Rc<RefCell<dyn Watch>>>> = const { RefCell::new(None) };
}

/// Does `body` with a watch before every operation of this thread; returns what it returned, and the watch.
pub fn watched<W: Watch + 'static, T>(watch: W, body: impl FnOnce() -> T) -> (T, W) {
    /// Takes the watch away however `body` ends.
    struct Away(Option<Rc<RefCell<dyn Watch>>>);
    impl Drop for Away {
        fn drop(&mut self) {
            WATCH.set(self.0.take());
        }
    }
    let shared = Rc::new(RefCell::new(watch));
    let before = WATCH.replace(Some(shared.clone()));
    let away = Away(before);
    let value = body();
    drop(away);
    let Ok(watch) = Rc::try_unwrap(shared) else { unreachable!("it was taken away") };
    (value, watch.into_inner())
}

/// Asks the watch, if there is one. The number of bytes to write of a short write comes with its error.
pub(crate) fn ask(operation: Operation<'_>) -> Result<(), (usize, io::Error)> {
    let watch = WATCH.with_borrow(Clone::clone);
    match watch.map_or(Answer::Go, |watch| watch.borrow_mut().before(operation)) {
        Answer::Go => Ok(()),
        Answer::Fail(error) => Err((0, error)),
        Answer::Short(bytes, error) => Err((bytes, error)),
    }
}

/// Tells the watch, if there is one, that somebody waits for room; true where there is one.
pub(crate) fn wait_is_left_out() -> bool {
    let watch = WATCH.with_borrow(Clone::clone);
    watch.map(|watch| watch.borrow_mut().waited()).is_some()
}

/// Bytes that the watch, if there is one, says are free.
pub(crate) fn watched_free() -> Option<u64> {
    let watch = WATCH.with_borrow(Clone::clone);
    watch.and_then(|watch| watch.borrow_mut().free())
}

/// Counts operations.
#[derive(Debug, Default)]
pub struct Counting {
    /// Operations so far.
    pub operations: usize,
}

impl Watch for Counting {
    fn before(&mut self, _: Operation<'_>) -> Answer {
        self.operations += 1;
        Answer::Go
    }
}

/// How an operation fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failure {
    /// `ENOSPC`.
    DiskFull,
    /// `EDQUOT`.
    QuotaFull,
    /// `EIO`.
    InputOutput,
    /// `EROFS`.
    ReadOnly,
    /// Half of the bytes are written, then the disk is full.
    ShortWrite,
}

impl Failure {
    /// Every one of them.
    pub const ALL: [Self; 5] = [Self::DiskFull, Self::QuotaFull, Self::InputOutput, Self::ReadOnly, Self::ShortWrite];

    /// The system's error.
    pub fn error(self) -> io::Error {
        // Numbers of Linux; elsewhere they are other errors, which must be borne as well.
        io::Error::from_raw_os_error(match self {
            Self::DiskFull | Self::ShortWrite => 28,
            Self::QuotaFull => 122,
            Self::InputOutput => 5,
            Self::ReadOnly => 30,
        })
    }
}

/// Fails one operation, or all from it on.
#[derive(Debug)]
pub struct Failing {
    /// The operation that fails, counted from 0.
    pub nth: usize,
    /// How.
    pub failure: Failure,
    /// Whether all later ones fail too.
    pub for_good: bool,
    /// Operations so far.
    pub operations: usize,
}

impl Failing {
    /// A watch that fails the nth operation, counted from 0.
    pub fn at(nth: usize, failure: Failure, for_good: bool) -> Self {
        Self { nth, failure, for_good, operations: 0 }
    }

    /// Whether it has failed one.
    pub fn has_failed(&self) -> bool {
        self.operations > self.nth
    }
}

impl Watch for Failing {
    fn before(&mut self, operation: Operation<'_>) -> Answer {
        let here = self.operations;
        self.operations += 1;
        if here < self.nth || (here > self.nth && !self.for_good) {
            return Answer::Go;
        }
        match (self.failure, operation) {
            (Failure::ShortWrite, Operation::Write(_, _, bytes)) => {
                Answer::Short(bytes.len() / 2, self.failure.error())
            }
            // On a full disk what is there can still be removed.
            (
                Failure::DiskFull | Failure::QuotaFull | Failure::ShortWrite,
                Operation::Remove(_) | Operation::RemoveFolder(_),
            ) => Answer::Go,
            _ => Answer::Fail(self.failure.error()),
        }
    }
}

/// An operation that was done, with the bytes it wrote.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Recorded {
    /// See [`Operation::Create`].
    Create(PathBuf),
    /// See [`Operation::Write`].
    Write(PathBuf, u64, Vec<u8>),
    /// See [`Operation::SetLength`].
    SetLength(PathBuf, u64),
    /// See [`Operation::Sync`].
    Sync(PathBuf),
    /// See [`Operation::Rename`].
    Rename(PathBuf, PathBuf),
    /// See [`Operation::Remove`].
    Remove(PathBuf),
    /// See [`Operation::CreateFolder`].
    CreateFolder(PathBuf),
    /// See [`Operation::RemoveFolder`].
    RemoveFolder(PathBuf),
    /// See [`Operation::SyncFolder`].
    SyncFolder(PathBuf),
}

/// Records operations.
#[derive(Debug, Default)]
pub struct Recording {
    /// In order.
    pub operations: Vec<Recorded>,
}

impl Watch for Recording {
    fn before(&mut self, operation: Operation<'_>) -> Answer {
        self.operations.push(match operation {
            Operation::Create(path) => Recorded::Create(path.into()),
            Operation::Write(path, at, bytes) => Recorded::Write(path.into(), at, bytes.into()),
            Operation::SetLength(path, length) => Recorded::SetLength(path.into(), length),
            Operation::Sync(path) => Recorded::Sync(path.into()),
            Operation::Rename(from, to) => Recorded::Rename(from.into(), to.into()),
            Operation::Remove(path) => Recorded::Remove(path.into()),
            Operation::CreateFolder(path) => Recorded::CreateFolder(path.into()),
            Operation::RemoveFolder(path) => Recorded::RemoveFolder(path.into()),
            Operation::SyncFolder(path) => Recorded::SyncFolder(path.into()),
        });
        Answer::Go
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nth_operation_fails_and_later_ones_if_for_good() {
        for (for_good, wanted) in [(false, [true, true, false, true]), (true, [true, true, false, false])] {
            let mut failing = Failing::at(2, Failure::InputOutput, for_good);
            for (turn, goes) in wanted.into_iter().enumerate() {
                assert_eq!(failing.has_failed(), turn > 2);
                let answer = failing.before(Operation::Sync(Path::new("a")));
                assert_eq!(matches!(answer, Answer::Go), goes, "{turn} of {for_good}");
            }
        }
    }
}
