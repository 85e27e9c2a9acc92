//! What prepared text depends on: the files' contents and the settings, as one key.

use std::collections::BTreeMap;
use std::fs::{File, Metadata};
use std::io::Read;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::UNIX_EPOCH;

use case::TokenizerKind;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::manifest::{FORMAT, FileFacts};
use super::{PrepareEvent, PrepareRequest};
use crate::CorpusError;
use crate::read::{InputFile, resolve};

/// Remembers the hashes of files that did not change since, so that 100 GB are not read to find out that nothing is
/// to be done.
const INDEX: &str = "inputs.json";

/// All input of one request.
pub(super) struct Inputs {
    pub(super) corpora: Vec<Vec<Input>>,
    /// Names the prepared folder.
    pub(super) key: String,
    /// Bytes of all files as they lie on disk.
    pub(super) bytes: u64,
}

/// An input file and what it was when it was hashed.
pub(super) struct Input {
    pub(super) file: InputFile,
    pub(super) facts: FileFacts,
    stamp: Stamp,
}

/// By what a changed file is told without reading it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Stamp {
    bytes: u64,
    modified_ns: u64,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Known {
    stamp: Stamp,
    hash: String,
}

/// What stands in [`INDEX`].
#[derive(Serialize, Deserialize)]
struct Index {
    format: u32,
    files: BTreeMap<String, Known>,
}

/// The format of [`INDEX`]; one of any other is made anew.
const INDEX_FORMAT: u32 = 1;

impl Stamp {
    fn of(path: &Path) -> Result<Self, CorpusError> {
        let metadata = std::fs::metadata(path).map_err(CorpusError::read(path))?;
        Ok(Self { bytes: metadata.len(), modified_ns: modified_ns(&metadata) })
    }
}

/// 0 where the system does not say; then only the size tells.
fn modified_ns(metadata: &Metadata) -> u64 {
    let modified = metadata.modified().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok());
    modified.map_or(0, |since| u64::try_from(since.as_nanos()).unwrap_or(0))
}

/// Finds and hashes all files of the request.
pub(super) fn gather(
    request: &PrepareRequest<'_>,
    report: &mut dyn FnMut(&PrepareEvent),
    stop: &AtomicBool,
) -> Result<Inputs, CorpusError> {
    if request.data.corpora.is_empty() {
        return Err(CorpusError::NoCorpora);
    }
    let mut hashes = Hashes::read(request.cache);
    let mut files = Vec::new();
    for corpus in &request.data.corpora {
        let resolved = resolve(corpus, request.base)?;
        let stamped: Result<Vec<_>, _> =
            resolved.into_iter().map(|file| Stamp::of(&file.path).map(|stamp| (file, stamp))).collect();
        files.push(stamped?);
    }
    let bytes = files.iter().flatten().map(|(_, stamp)| stamp.bytes).sum();
    let mut progress = |done| {
        report(&PrepareEvent::Progress { stage: "checking files", bytes_done: done, bytes_total: bytes });
    };
    let mut corpora = Vec::new();
    let mut done = 0;
    for corpus in files {
        let mut inputs = Vec::new();
        for (file, stamp) in corpus {
            let hash = hashes.of(&file.path, stamp, stop, &mut |read| progress(done + read))?;
            done += stamp.bytes;
            let facts = FileFacts { name: file.name.clone(), bytes: stamp.bytes, hash };
            inputs.push(Input { file, facts, stamp });
        }
        corpora.push(inputs);
    }
    hashes.write(request.cache)?;
    let key = key(request, &corpora)?;
    Ok(Inputs { corpora, key, bytes })
}

/// Refuses files that changed since they were hashed: the folder's name would lie.
pub(super) fn check_unchanged(inputs: &Inputs) -> Result<(), CorpusError> {
    for input in inputs.corpora.iter().flatten() {
        if Stamp::of(&input.file.path)? != input.stamp {
            return Err(CorpusError::InputChanged { path: input.file.path.clone() });
        }
    }
    Ok(())
}

/// The short hash of everything that matters. Order, rows and weights do not: they only say how shards are read.
fn key(request: &PrepareRequest<'_>, inputs: &[Vec<Input>]) -> Result<String, CorpusError> {
    let data = request.data;
    let corpora: Vec<_> = data
        .corpora
        .iter()
        .zip(inputs)
        .map(|(corpus, inputs)| {
            let files: Vec<&FileFacts> = inputs.iter().map(|input| &input.facts).collect();
            json!({
                "name": corpus.name, "format": corpus.format, "field": corpus.field,
                "documents": corpus.documents, "fraction": corpus.fraction, "files": files,
            })
        })
        .collect();
    let given = match request.tokenizer.kind {
        TokenizerKind::File => {
            let path = super::given_tokenizer(request)?;
            let bytes = std::fs::read(&path).map_err(CorpusError::read(&path))?;
            Some(blake3::hash(&bytes).to_hex().to_string())
        }
        _ => None,
    };
    // The given file counts by its content, wherever it lies.
    let tokenizer = case::TokenizerConfig { path: None, ..request.tokenizer.clone() };
    let all = json!({
        "format": FORMAT, "valid": data.valid, "test": data.test, "max_bad_share": data.max_bad_share,
        "corpora": corpora, "tokenizer": tokenizer, "given": given,
    });
    Ok(blake3::hash(all.to_string().as_bytes()).to_hex()[..16].to_owned())
}

/// Input of one plain file of so many bytes that nobody has read.
#[cfg(test)]
pub(super) fn sized(path: std::path::PathBuf, bytes: u64) -> Inputs {
    let name = path.to_string_lossy().into_owned();
    let file = InputFile {
        path,
        name: name.clone(),
        format: case::TextFormat::Txt,
        compression: crate::read::Compression::None,
        documents: case::DocumentKind::Line,
    };
    let input =
        Input { file, facts: FileFacts { name, bytes, hash: String::new() }, stamp: Stamp { bytes, modified_ns: 0 } };
    Inputs { corpora: vec![vec![input]], key: String::new(), bytes }
}

/// Hashes by path.
struct Hashes {
    known: BTreeMap<String, Known>,
    changed: bool,
}

impl Hashes {
    /// A missing or broken index, or one of another version, only costs time.
    fn read(cache: &Path) -> Self {
        let index = std::fs::read(cache.join(INDEX)).ok();
        let index = index.and_then(|bytes| serde_json::from_slice::<Index>(&bytes).ok());
        let known = index.filter(|index| index.format == INDEX_FORMAT).map(|index| index.files).unwrap_or_default();
        Self { known, changed: false }
    }

    fn of(
        &mut self,
        path: &Path,
        stamp: Stamp,
        stop: &AtomicBool,
        progress: &mut dyn FnMut(u64),
    ) -> Result<String, CorpusError> {
        let name = std::path::absolute(path).unwrap_or_else(|_| path.to_owned()).to_string_lossy().into_owned();
        if let Some(known) = self.known.get(&name).filter(|known| known.stamp == stamp && stamp.modified_ns != 0) {
            return Ok(known.hash.clone());
        }
        let hash = hash_file(path, stop, progress)?;
        self.known.insert(name, Known { stamp, hash: hash.clone() });
        self.changed = true;
        Ok(hash)
    }

    fn write(&self, cache: &Path) -> Result<(), CorpusError> {
        if !self.changed {
            return Ok(());
        }
        disk::create_folders(cache).map_err(CorpusError::write(cache))?;
        let text = serde_json::to_vec(&Index { format: INDEX_FORMAT, files: self.known.clone() })
            .map_err(|error| CorpusError::write(cache)(error.into()))?;
        disk::write_whole(&cache.join(INDEX), &text).map_err(|(path, error)| CorpusError::write(&path)(error))
    }
}

fn hash_file(path: &Path, stop: &AtomicBool, progress: &mut dyn FnMut(u64)) -> Result<String, CorpusError> {
    let mut file = File::open(path).map_err(CorpusError::read(path))?;
    let mut hasher = blake3::Hasher::new();
    let mut buffer = vec![0; 1 << 20];
    let mut read = 0;
    loop {
        if stop.load(Ordering::Relaxed) {
            return Err(CorpusError::Interrupted);
        }
        let count = file.read(&mut buffer).map_err(CorpusError::read(path))?;
        if count == 0 {
            return Ok(hasher.finalize().to_hex().to_string());
        }
        hasher.update(&buffer[..count]);
        read += count as u64;
        if read % (64 << 20) < count as u64 {
            progress(read);
        }
    }
}
