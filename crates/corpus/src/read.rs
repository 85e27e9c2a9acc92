//! Text files to blocks of documents, streamed: nothing but one block, one line or one parquet page is in memory.

#![warn(clippy::indexing_slicing, clippy::string_slice, clippy::panic, clippy::unreachable)] // it reads what users write

mod allowance;
mod documents;
mod files;
mod lines;
mod parquet_column;
mod parquet_pages;
mod records;
mod table;

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use case::{CorpusConfig, DocumentKind, TextFormat};

pub use documents::Tally;
pub(crate) use documents::{Block, Documents};
pub(crate) use files::{Compression, InputFile, resolve};
pub(crate) use table::{Record, read_lines, read_table, table_file};

use crate::CorpusError;

/// The longest line; what is longer is no line of text and counts as malformed.
pub(crate) const MAX_LINE_BYTES: usize = 16 << 20;

/// What a reader shares with whoever watches it.
#[derive(Debug, Default)]
pub(crate) struct Watch {
    /// Bytes taken from the files so far, as they lie on disk.
    pub(crate) bytes: AtomicU64,
}

/// Reads all files of a corpus in order, handing over its documents in blocks.
///
/// `first_document` numbers the documents over all corpora.
pub(crate) fn read_corpus(
    corpus: &CorpusConfig,
    files: &[InputFile],
    first_document: u64,
    watch: &Watch,
    stop: &AtomicBool,
    sink: &mut dyn FnMut(Block) -> Result<(), CorpusError>,
) -> Result<Tally, CorpusError> {
    let mut stoppable = |block| {
        if stop.load(Ordering::Relaxed) { Err(CorpusError::Interrupted) } else { sink(block) }
    };
    let mut documents = Documents::new(first_document, &mut stoppable);
    for file in files {
        documents.start_file(file);
        match file.format {
            TextFormat::Txt => lines::read_txt(file, watch, &mut documents)?,
            TextFormat::Jsonl => records::read_jsonl(file, &corpus.field, watch, &mut documents)?,
            TextFormat::Csv => records::read_csv(file, &corpus.field, watch, &mut documents)?,
            TextFormat::Tsv => records::read_tsv(file, &corpus.field, watch, &mut documents)?,
            TextFormat::Parquet => parquet_column::read(file, &corpus.field, watch, &mut documents)?,
        }
        documents.end_document()?;
    }
    documents.finish()
}

/// Refuses a corpus with more unreadable lines than the case file allows.
pub(crate) fn check_tally(corpus: &str, tally: &Tally, max_bad_share: f64) -> Result<(), CorpusError> {
    if tally.bad_lines as f64 > max_bad_share * tally.lines as f64 {
        return Err(CorpusError::TooManyBadLines {
            corpus: corpus.into(),
            bad: tally.bad_lines,
            lines: tally.lines,
            allowed: max_bad_share,
            examples: tally.bad_examples.join("; "),
        });
    }
    if tally.documents == 0 {
        return Err(CorpusError::NoText { corpus: corpus.into(), lines: tally.lines });
    }
    Ok(())
}

/// Decides what parts the documents of each txt file where the case file leaves it open: empty lines, if it has any
/// between lines of text.
///
/// Costs one more pass over files without empty lines, so it is done once, before they are read.
pub(crate) fn settle_documents(
    corpus: &CorpusConfig,
    files: &mut [InputFile],
    stop: &AtomicBool,
) -> Result<(), CorpusError> {
    for file in files.iter_mut().filter(|file| file.format == TextFormat::Txt) {
        file.documents = match corpus.documents {
            DocumentKind::Auto if lines::has_empty_line(file, stop)? => DocumentKind::BlankLine,
            DocumentKind::Auto => DocumentKind::Line,
            set => set,
        };
    }
    Ok(())
}

#[cfg(test)]
mod tests;
