//! Which files a corpus is, and how each is opened.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;

use case::{CorpusConfig, DocumentKind, Paths, TextFormat};

use super::Watch;
use super::allowance::{Allowance, Bounded};
use crate::CorpusError;

/// Large enough that a spinning disk streams.
const BUFFER_BYTES: usize = 256 << 10;

/// How a file is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Compression {
    None,
    Gzip,
    Zstd,
}

/// One file of a corpus.
#[derive(Debug, Clone)]
pub(crate) struct InputFile {
    /// Where it is.
    pub(crate) path: PathBuf,
    /// As it stands in messages and in the key of prepared text: relative to the base where it is below it.
    pub(crate) name: String,
    pub(crate) format: TextFormat,
    pub(crate) compression: Compression,
    /// What parts documents, for txt: decided by [`super::settle_documents`].
    pub(crate) documents: DocumentKind,
}

/// The files of `corpus`, in the order they are read: as written, each glob sorted.
pub(crate) fn resolve(corpus: &CorpusConfig, base: &Path) -> Result<Vec<InputFile>, CorpusError> {
    let patterns = match &corpus.path {
        Paths::One(one) => std::slice::from_ref(one),
        Paths::Many(many) => many.as_slice(),
    };
    let mut files = Vec::new();
    for pattern in patterns {
        let found = matches(corpus, pattern, base)?;
        if found.is_empty() {
            return Err(CorpusError::NoMatch {
                corpus: corpus.name.clone(),
                pattern: pattern.clone(),
                base: base.to_owned(),
            });
        }
        for path in found {
            files.push(describe(corpus, path, base)?);
        }
    }
    if files.is_empty() {
        return Err(CorpusError::NoMatch {
            corpus: corpus.name.clone(),
            pattern: String::new(),
            base: base.to_owned(),
        });
    }
    Ok(files)
}

/// A file of that very name comes before a glob, so that names with brackets work.
fn matches(corpus: &CorpusConfig, pattern: &str, base: &Path) -> Result<Vec<PathBuf>, CorpusError> {
    let literal = base.join(pattern);
    if literal.is_file() {
        return Ok(vec![literal]);
    }
    let full = if Path::new(pattern).is_absolute() {
        pattern.to_owned()
    } else {
        let base = glob::Pattern::escape(&base.to_string_lossy());
        format!("{base}/{pattern}")
    };
    let found = glob::glob(&full).map_err(|source| CorpusError::BadPattern {
        corpus: corpus.name.clone(),
        pattern: pattern.to_owned(),
        source,
    })?;
    let mut paths = Vec::new();
    for entry in found {
        let path = entry.map_err(|error| CorpusError::Read { path: error.path().to_owned(), source: error.into() })?;
        if path.is_file() {
            paths.push(path);
        }
    }
    paths.sort();
    Ok(paths)
}

fn describe(corpus: &CorpusConfig, path: PathBuf, base: &Path) -> Result<InputFile, CorpusError> {
    let file = describe_one(&path, corpus.format)?;
    let name = path.strip_prefix(base).unwrap_or(&path).to_string_lossy().into_owned();
    Ok(InputFile { name, documents: corpus.documents, ..file })
}

/// A file by its ending, or of `format` where that is given.
pub(super) fn describe_one(path: &Path, format: Option<TextFormat>) -> Result<InputFile, CorpusError> {
    let lower = path.file_name().unwrap_or_default().to_string_lossy().to_ascii_lowercase();
    let (stem, compression) = match lower.rsplit_once('.') {
        Some((stem, "gz")) => (stem, Compression::Gzip),
        Some((stem, "zst" | "zstd")) => (stem, Compression::Zstd),
        _ => (lower.as_str(), Compression::None),
    };
    let by_ending = match stem.rsplit_once('.').map(|(_, ending)| ending) {
        Some("txt") => Some(TextFormat::Txt),
        Some("jsonl" | "ndjson") => Some(TextFormat::Jsonl),
        Some("csv") => Some(TextFormat::Csv),
        Some("tsv") => Some(TextFormat::Tsv),
        Some("parquet") => Some(TextFormat::Parquet),
        _ => None,
    };
    let Some(format) = format.or(by_ending) else {
        return Err(CorpusError::UnknownFormat { path: path.to_owned() });
    };
    let name = path.to_string_lossy().into_owned();
    Ok(InputFile { path: path.to_owned(), name, format, compression, documents: DocumentKind::Auto })
}

/// Counts what is read, for the progress line.
struct Counted<'a> {
    file: File,
    watch: &'a Watch,
}

impl Read for Counted<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read(into)?;
        self.watch.bytes.fetch_add(read as u64, Ordering::Relaxed);
        Ok(read)
    }
}

/// No writer asks a reader to look back less far than this, and every reader must be able to (RFC 8878, 3.1.1.1.2).
const LEAST_WINDOW_LOG: u32 = 23;
/// What `zstd --ultra -22` asks for, and the library's own limit.
const MOST_WINDOW_LOG: u32 = 27;

/// Opens a file for reading its decompressed bytes; a gz file may have several members, a zst file several frames. What
/// unpacks to more than any text would is an error ([`Allowance`]).
pub(crate) fn open_counted<'a>(file: &InputFile, watch: &'a Watch) -> Result<Box<dyn BufRead + 'a>, CorpusError> {
    let raw = File::open(&file.path).map_err(CorpusError::read(&file.path))?;
    let allowance = Allowance::of(raw.metadata().map_err(CorpusError::read(&file.path))?.len());
    let raw = BufReader::with_capacity(BUFFER_BYTES, Counted { file: raw, watch });
    Ok(match file.compression {
        Compression::None => Box::new(raw),
        Compression::Gzip => {
            let stream = flate2::bufread::MultiGzDecoder::new(raw);
            Box::new(BufReader::with_capacity(BUFFER_BYTES, Bounded { stream, allowance }))
        }
        Compression::Zstd => {
            let mut stream = zstd::stream::read::Decoder::with_buffer(raw).map_err(CorpusError::read(&file.path))?;
            let window = allowance.log2().clamp(LEAST_WINDOW_LOG, MOST_WINDOW_LOG);
            stream.window_log_max(window).map_err(CorpusError::read(&file.path))?;
            Box::new(BufReader::with_capacity(BUFFER_BYTES, Bounded { stream, allowance }))
        }
    })
}
