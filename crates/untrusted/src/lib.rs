//! Every reader of files that others wrote, as a function from bytes, held to limits of time and memory.
//!
//! The fuzzer in `fuzz/` calls these functions with what it grows, and the tests of this crate with what it has grown
//! before (`fuzz/corpus`). No product links this crate.

mod cases;
mod journals;
mod limits;
mod logs;
mod prepared;
pub mod seeds;
mod texts;

pub use limits::{Fault, held_to_limits};

/// A reader and what it is known by.
#[derive(Debug, Clone, Copy)]
pub struct Reader {
    /// As on the command line of the fuzzer.
    pub name: &'static str,
    /// Reads bytes all the way to what a person sees of them.
    pub read: fn(&[u8]) -> Taken,
}

/// Whether bytes were what a reader reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Taken {
    /// They were; that they were sound is not said.
    AsIts,
    /// They are of another format, for which there is another reader: not worth keeping here.
    AsAnother,
}

/// All readers.
pub const READERS: &[Reader] = &[
    Reader { name: "case", read: cases::case },
    Reader { name: "plan", read: logs::plan },
    Reader { name: "trainer-state", read: logs::trainer_state },
    Reader { name: "results", read: logs::results },
    Reader { name: "log-jsonl", read: logs::json_lines },
    Reader { name: "notebook", read: logs::notebook },
    Reader { name: "log-csv", read: logs::csv },
    Reader { name: "tfevents", read: logs::tensorboard },
    Reader { name: "tfevents-records", read: logs::tensorboard_records },
    Reader { name: "log-text", read: logs::text },
    Reader { name: "log-journal", read: logs::journal },
    Reader { name: "journal", read: journals::journal },
    Reader { name: "run-info", read: journals::run_info },
    Reader { name: "notes", read: journals::notes },
    Reader { name: "index", read: journals::index },
    Reader { name: "record", read: journals::record },
    Reader { name: "report", read: journals::report },
    Reader { name: "labelled-report", read: journals::labelled_report },
    Reader { name: "seal", read: prepared::seal },
    Reader { name: "manifest", read: prepared::manifest },
    Reader { name: "shard", read: prepared::shard },
    Reader { name: "safetensors", read: prepared::safetensors },
    Reader { name: "tokenizer", read: texts::tokenizer },
    Reader { name: "txt", read: texts::txt },
    Reader { name: "tsv", read: texts::tsv },
    Reader { name: "csv", read: texts::csv },
    Reader { name: "jsonl", read: texts::jsonl },
    Reader { name: "parquet", read: texts::parquet },
    Reader { name: "gz", read: texts::gz },
    Reader { name: "zst", read: texts::zst },
    Reader { name: "packed-jsonl", read: texts::packed_jsonl },
    Reader { name: "labelled-tsv", read: texts::labelled_tsv },
    Reader { name: "labelled-jsonl", read: texts::labelled_jsonl },
    Reader { name: "labelled-parquet", read: texts::labelled_parquet },
    Reader { name: "tagged-jsonl", read: texts::tagged_jsonl },
    Reader { name: "conll", read: texts::conll },
];

/// The reader of a name.
pub fn reader(name: &str) -> Option<Reader> {
    READERS.iter().copied().find(|reader| reader.name == name)
}

/// Calls `then` with the path of a file of these bytes in a folder of its own.
fn in_file<R>(name: &str, bytes: &[u8], then: impl FnOnce(&std::path::Path) -> R) -> R {
    let folder = tempfile::tempdir().expect("the folder for temporary files can be written");
    let path = folder.path().join(name);
    std::fs::write(&path, bytes).expect("the folder for temporary files can be written");
    then(&path)
}
