//! What can be wrong with a case, and how it is said.

use std::{fmt, io, path::PathBuf};

use crate::{Origin, explain::excerpt};

/// Why a case cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum CaseError {
    /// There is no file.
    #[error("{}: there is no such case file{hint}", path.display())]
    Missing {
        /// What was asked for.
        path: PathBuf,
        /// A file of a like name, as `; did you mean ...?`, or nothing.
        hint: String,
    },
    /// The file cannot be read.
    #[error("{}: this case file cannot be read", path.display())]
    Unreadable {
        /// What was asked for.
        path: PathBuf,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// The file is not UTF-8, opens with a byte order mark, or is too long for a case file.
    #[error("{}: {message}", path.display())]
    Encoding {
        /// The file.
        path: PathBuf,
        /// What was found and what to do.
        message: String,
    },
    /// The file was read and is wrong.
    #[error("{}", problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n\n"))]
    Invalid {
        /// Everything found wrong, in the file's order; never empty.
        problems: Vec<Problem>,
    },
}

/// One thing wrong with a case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The rule that is broken.
    pub kind: ProblemKind,
    /// What is wrong and what to do, on one line.
    pub message: String,
    /// Where: the value at fault first, then those it contradicts.
    pub origins: Vec<Origin>,
    /// The case file, for a problem that stands nowhere in it (a missing key).
    pub path: PathBuf,
}

/// The rule that is broken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProblemKind {
    /// Not TOML.
    Syntax,
    /// A key that no table has.
    UnknownKey,
    /// A key of another table.
    WrongTable,
    /// Text where a number belongs, and the like.
    WrongType,
    /// A word that is none of those the key knows.
    UnknownWord,
    /// A value outside its range.
    OutOfRange,
    /// Two values that cannot both stand.
    Contradiction,
    /// A key without which there is no case.
    MissingKey,
    /// A data file, glob or tokenizer that is not there.
    MissingFile,
    /// A file of a later version.
    NewerFormat,
}

impl Problem {
    pub(crate) fn at(kind: ProblemKind, origin: Origin, message: String) -> Self {
        Self { kind, message, origins: vec![origin], path: PathBuf::new() }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.origins.iter().find(|origin| **origin != Origin::Default) {
            Some(Origin::Set { text }) => write!(f, "--set {}: {}", text.replace('\n', "\\n"), self.message)?,
            Some(origin) => match origin.place() {
                Some(place) => write!(f, "{place}: {}", self.message)?,
                None => write!(f, "{}", self.message)?,
            },
            None => write!(f, "{}: {}", self.path.display(), self.message)?,
        }
        f.write_str(&excerpt(&self.origins))
    }
}
