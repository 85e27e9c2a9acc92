//! What can go wrong before a line is read.

use std::path::PathBuf;

/// A log that could not be read at all. Lines that could not be read are no error: [`Log::unread`](crate::Log::unread).
#[derive(Debug, thiserror::Error)]
pub enum DiagnoseError {
    /// The file system refused.
    #[error("cannot {attempt} {path}")]
    Io {
        /// What was attempted.
        attempt: &'static str,
        /// On which file or folder.
        path: PathBuf,
        /// Why not.
        #[source]
        source: std::io::Error,
    },
    /// More bytes than are read into memory.
    #[error("{name} holds {bytes} bytes; at most {limit} are read: cut the log, or thin it out")]
    TooLarge {
        /// The file, or `standard input`.
        name: String,
        /// Its size, or where reading stopped.
        bytes: u64,
        /// The bound.
        limit: u64,
    },
    /// A folder without anything that is read.
    #[error("no log in {path}: looked for {looked_for}")]
    NoLog {
        /// The folder.
        path: PathBuf,
        /// The names and endings that were looked for.
        looked_for: &'static str,
    },
    /// A claim that is not `key=value`.
    #[error("the claim \"{text}\" is not read: write key=value with one of {keys}")]
    Claim {
        /// As it was written.
        text: String,
        /// The keys that are known.
        keys: String,
    },
    /// A pickle, which can run code when it is opened.
    #[error(
        "{path} is a pickle, which is never opened here: write it as JSON where you trust it, with python -c \"import json, \
         torch; a = torch.load('training_args.bin', weights_only=False); json.dump(a.to_dict(), \
         open('training_args.json', 'w'), default=str)\""
    )]
    Pickle {
        /// The file.
        path: PathBuf,
    },
    /// A plan that is not TOML although its name says so.
    #[error("cannot read the plan {path}")]
    Toml {
        /// The file.
        path: PathBuf,
        /// What is wrong with it, and where.
        #[source]
        source: Box<toml::de::Error>,
    },
    /// A plan without anything that a log could bear out.
    #[error("{path} names nothing that a log bears out or not: looked for {looked_for}")]
    Plan {
        /// The file.
        path: PathBuf,
        /// The keys that were looked for, in our words.
        looked_for: String,
    },
}
