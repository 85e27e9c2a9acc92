//! Text to a prepared folder: built once with all cores, then reused until anything it depends on changes.

mod duplicates;
mod inputs;
mod leak;
mod manifest;
mod passes;
mod pipeline;
mod prepared;
mod room;
mod store;

use std::fmt;
use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use case::{CorpusConfig, DataConfig, TokenizerConfig, TokenizerKind};

pub use leak::LeakCount;
pub use manifest::{
    CorpusFacts, CountsFacts, FORMAT as PREPARED_FORMAT, FileFacts, Manifest, ShardFacts, SplitFacts, Timing,
    TokenizerFacts,
};
pub use prepared::Prepared;

use self::duplicates::DuplicateFinder;
use self::inputs::{Inputs, check_unchanged, gather};
use self::manifest::{FORMAT, MANIFEST};
use self::passes::{Passes, Survey};
use self::prepared::{TOKENIZER, open_shard};
use self::room::little_room;
use self::store::Store;
use crate::read::{InputFile, resolve, settle_documents};
use crate::tokenizer::train;
use crate::{CorpusError, TextTokenizer, TokenSource};

/// What to prepare, from where, to where.
#[derive(Debug, Clone, Copy)]
pub struct PrepareRequest<'a> {
    /// The text.
    pub data: &'a DataConfig,
    /// The tokenizer.
    pub tokenizer: &'a TokenizerConfig,
    /// Where relative paths start.
    pub base: &'a Path,
    /// The folder of all prepared folders, such as `data/prepared`.
    pub cache: &'a Path,
    /// Worker threads, at least 1; one more reads.
    pub threads: usize,
}

/// What preparing has to say while it runs. Its `Display` is a line for people.
#[derive(Debug, Clone, PartialEq)]
pub enum PrepareEvent {
    /// The same text was prepared before.
    Reused {
        /// Where.
        folder: PathBuf,
    },
    /// Another process prepares the same text; this one waits for it.
    Waiting {
        /// The file by which they know of each other.
        lock: PathBuf,
    },
    /// The prepared text is not likely to fit.
    LittleRoom {
        /// Where it is to go.
        folder: PathBuf,
        /// Bytes it will take, by a rule of thumb.
        wanted: u64,
        /// Bytes that are free.
        free: u64,
    },
    /// A pass over the text goes on.
    Progress {
        /// What is done.
        stage: &'static str,
        /// Bytes read, as the files lie on disk.
        bytes_done: u64,
        /// Bytes there are.
        bytes_total: u64,
    },
    /// A tokenizer is being trained.
    Training {
        /// Documents of the sample.
        documents: u64,
        /// Bytes of the sample.
        bytes: u64,
        /// Tokens asked for.
        vocab_size: usize,
    },
    /// The tokenizer is there.
    Trained {
        /// Tokens asked for.
        wanted: usize,
        /// Tokens there are: fewer where the text gives no more.
        vocab_size: usize,
        /// How long it took.
        seconds: f64,
    },
    /// The text is prepared.
    Done {
        /// Where.
        folder: PathBuf,
        /// Bytes of text, decompressed.
        text_bytes: u64,
        /// Tokens of all splits.
        tokens: u64,
        /// How long all took.
        seconds: f64,
        /// Text in a second, in MB (10^6 bytes).
        mb_per_s: f64,
    },
}

impl fmt::Display for PrepareEvent {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Reused { folder } => write!(to, "prepared text found in {}", folder.display()),
            Self::Waiting { lock } => {
                write!(to, "another process prepares the same text; waiting for it ({})", lock.display())
            }
            Self::LittleRoom { folder, wanted, free } => write!(
                to,
                "little room: the prepared text will take about {:.1} MB in {}, and {:.1} MB are free; make room, or give another folder with --prepared",
                *wanted as f64 / 1e6,
                folder.display(),
                *free as f64 / 1e6
            ),
            Self::Progress { stage, bytes_done, bytes_total } => {
                let percent = *bytes_done as f64 / (*bytes_total).max(1) as f64 * 100.0;
                write!(to, "{stage}: {percent:.0} % of {:.1} MB", *bytes_total as f64 / 1e6)
            }
            Self::Training { documents, bytes, vocab_size } => write!(
                to,
                "training a tokenizer of {vocab_size} tokens on {documents} documents, {:.1} MB",
                *bytes as f64 / 1e6
            ),
            Self::Trained { wanted, vocab_size, seconds } if vocab_size < wanted => write!(
                to,
                "tokenizer trained in {seconds:.1} s: {vocab_size} tokens; the text gives no more of the {wanted} asked for"
            ),
            Self::Trained { vocab_size, seconds, .. } => {
                write!(to, "tokenizer trained in {seconds:.1} s: {vocab_size} tokens")
            }
            Self::Done { folder, text_bytes, tokens, seconds, mb_per_s } => write!(
                to,
                "prepared {:.1} MB of text, {tokens} tokens, in {seconds:.1} s ({mb_per_s:.1} MB/s): {}",
                *text_bytes as f64 / 1e6,
                folder.display()
            ),
        }
    }
}

/// Prepared text for `request`: found in the cache, or built there.
///
/// The folder's name is a hash of all that matters; the folder appears under it when it is complete. Where two
/// processes want the same, one builds and the other waits.
///
/// # Errors
/// See [`CorpusError`]. With `stop` set it ends as [`CorpusError::Interrupted`], and nothing half-written is left.
pub fn prepare(
    request: &PrepareRequest<'_>,
    report: &mut dyn FnMut(&PrepareEvent),
    stop: &AtomicBool,
) -> Result<Prepared, CorpusError> {
    let started = Instant::now();
    let inputs = gather(request, report, stop)?;
    disk::create_folders(request.cache).map_err(CorpusError::write(request.cache))?;
    let folder = request.cache.join(&inputs.key);
    let _lock = lock(&request.cache.join(format!("{}.lock", inputs.key)), report, stop)?;
    if folder.join(MANIFEST).is_file() {
        let prepared = Prepared::open(&folder)?;
        report(&PrepareEvent::Reused { folder });
        return Ok(prepared);
    }
    if let Some(warning) = little_room(request.data, &inputs, request.tokenizer.vocab_size, request.cache) {
        report(&warning);
    }
    // What a build that was killed left behind: whoever holds the lock is alone here.
    let building = Building::start(request.cache.join(format!("{}.building", inputs.key)))?;
    let manifest = build(request, &inputs, &building.0, report, stop, started)?;
    check_unchanged(&inputs)?;
    if stop.load(Ordering::Relaxed) {
        return Err(CorpusError::Interrupted);
    }
    building.finish(&manifest, &folder)?;
    let prepared = Prepared::open(&folder)?;
    report(&PrepareEvent::Done {
        folder,
        text_bytes: manifest.corpora.iter().map(|corpus| corpus.read.text_bytes).sum(),
        tokens: manifest.shards.iter().map(|shard| shard.tokens).sum(),
        seconds: manifest.timing.seconds,
        mb_per_s: manifest.timing.mb_per_s,
    });
    Ok(prepared)
}

/// Takes the lock, waiting for whoever has it. The system gives it up when its process ends, however it ends.
fn lock(path: &Path, report: &mut dyn FnMut(&PrepareEvent), stop: &AtomicBool) -> Result<File, CorpusError> {
    let failed = CorpusError::write(path);
    let file = match File::create(path) {
        Ok(file) => file,
        Err(error) => return Err(failed(error)),
    };
    let mut told = false;
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(TryLockError::Error(error)) => return Err(failed(error)),
            Err(TryLockError::WouldBlock) if !told => {
                report(&PrepareEvent::Waiting { lock: path.to_owned() });
                told = true;
            }
            Err(TryLockError::WouldBlock) if stop.load(Ordering::Relaxed) => return Err(CorpusError::Interrupted),
            Err(TryLockError::WouldBlock) => std::thread::sleep(Duration::from_millis(100)),
        }
    }
}

/// A folder under construction; deleted unless it is finished.
struct Building(PathBuf, #[allow(dead_code, reason = "it lives as long as the folder is built")] disk::HalfWritten);

impl Building {
    fn start(path: PathBuf) -> Result<Self, CorpusError> {
        disk::remove_folder_if_there(&path).map_err(CorpusError::write(&path))?;
        let half = disk::HalfWritten::at(&path);
        disk::create_folder(&path).map_err(CorpusError::write(&path))?;
        Ok(Self(path, half))
    }

    /// Writes the manifest last and gives the folder its name, all of it safe from a power cut.
    fn finish(self, manifest: &Manifest, folder: &Path) -> Result<(), CorpusError> {
        let path = self.0.join(MANIFEST);
        let text = serde_json::to_vec_pretty(manifest).map_err(|error| CorpusError::write(&path)(error.into()))?;
        disk::write_synced(&path, &disk::sealed(text)).map_err(CorpusError::write(&path))?;
        // A folder without a manifest is none of ours, or was damaged by hand: it is in the way and says nothing.
        disk::remove_folder_if_there(folder).map_err(CorpusError::write(folder))?;
        disk::name_folder(&self.0, folder).map_err(|(path, error)| CorpusError::write(&path)(error))
    }
}

impl Drop for Building {
    fn drop(&mut self) {
        // Gone already after a rename; where it cannot be deleted, the next build tries again.
        let _ = disk::remove_folder_if_there(&self.0);
    }
}

fn build(
    request: &PrepareRequest<'_>,
    inputs: &Inputs,
    folder: &Path,
    report: &mut dyn FnMut(&PrepareEvent),
    stop: &AtomicBool,
    started: Instant,
) -> Result<Manifest, CorpusError> {
    let mut corpora = Vec::new();
    for (corpus, inputs) in request.data.corpora.iter().zip(&inputs.corpora) {
        let mut files: Vec<InputFile> = inputs.iter().map(|input| input.file.clone()).collect();
        settle_documents(corpus, &mut files, stop)?;
        corpora.push((corpus, files));
    }
    let passes = Passes { data: request.data, corpora, bytes: inputs.bytes, threads: request.threads, stop };
    let survey = passes.survey(DuplicateFinder::new(folder), report)?;
    let before = Instant::now();
    let (tokenizer, facts) = make_tokenizer(request, &passes, &survey, folder, report)?;
    let tokenizer_seconds = before.elapsed().as_secs_f64();
    let facts_before = corpora_facts(request.data, inputs, &survey);
    let mut store = Store::new(folder, tokenizer.vocab_size(), tokenizer.special().unk, facts_before);
    passes.encode(&survey, &tokenizer, report, |corpus, encoded| store.add(corpus, &encoded))?;
    let stored = store.finish()?;
    if stored.corpora.iter().all(|corpus| corpus.train.tokens == 0) {
        return Err(CorpusError::NoTrainingText);
    }
    let text_bytes: u64 = survey.tallies.iter().map(|tally| tally.text_bytes).sum();
    let seconds = started.elapsed().as_secs_f64();
    Ok(Manifest {
        format: FORMAT,
        key: inputs.key.clone(),
        tokenizer: facts,
        corpora: stored.corpora,
        leak: survey.leak.count(),
        shards: stored.shards,
        counts: stored.counts,
        timing: Timing { seconds, tokenizer_seconds, mb_per_s: text_bytes as f64 / 1e6 / seconds.max(1e-9) },
    })
}

fn corpora_facts(data: &DataConfig, inputs: &Inputs, survey: &Survey) -> Vec<CorpusFacts> {
    let corpora = data.corpora.iter().zip(&inputs.corpora).zip(&survey.tallies);
    corpora
        .map(|((corpus, inputs), tally)| CorpusFacts {
            name: corpus.name.clone(),
            files: inputs.iter().map(|input| input.facts.clone()).collect(),
            read: tally.clone(),
            unused_documents: 0,
            duplicate_documents: 0,
            train: SplitFacts::default(),
            valid: SplitFacts::default(),
            test: SplitFacts::default(),
            unknown_share: 0.0,
            tokens_per_character: 0.0,
        })
        .collect()
}

/// Trains the tokenizer, or copies the given one, into `folder`.
fn make_tokenizer(
    request: &PrepareRequest<'_>,
    passes: &Passes<'_>,
    survey: &Survey,
    folder: &Path,
    report: &mut dyn FnMut(&PrepareEvent),
) -> Result<(TextTokenizer, TokenizerFacts), CorpusError> {
    let config = request.tokenizer;
    let path = folder.join(TOKENIZER);
    let (mut documents, mut bytes) = (0, 0);
    let before = Instant::now();
    if config.kind == TokenizerKind::File {
        let given = given_tokenizer(request)?;
        TextTokenizer::load(&given)?; // named in the error by its own path
        disk::copy(&given, &path).map_err(CorpusError::write(&path))?;
    } else {
        let text = passes.sample(survey, config.train_bytes, report)?;
        if text.documents == 0 {
            return Err(CorpusError::NoTrainingText);
        }
        (documents, bytes) = (text.documents, text.bytes);
        report(&PrepareEvent::Training { documents, bytes, vocab_size: config.vocab_size });
        let pool = rayon::ThreadPoolBuilder::new().num_threads(request.threads.max(1)).build();
        let pool = pool.map_err(|error| CorpusError::Training { why: error.to_string() })?;
        pool.install(|| train(config, text, &path, passes.stop))?;
    }
    let tokenizer = TextTokenizer::load(&path)?;
    let (wanted, vocab_size) = (config.vocab_size, tokenizer.vocab_size());
    if documents > 0 {
        report(&PrepareEvent::Trained { wanted, vocab_size, seconds: before.elapsed().as_secs_f64() });
    }
    let facts = TokenizerFacts {
        kind: tokenizer.kind(),
        vocab_size,
        wanted_vocab_size: if documents > 0 { wanted } else { vocab_size },
        hash: tokenizer.hash(),
        trained_on_documents: documents,
        trained_on_bytes: bytes,
    };
    Ok((tokenizer, facts))
}

fn given_tokenizer(request: &PrepareRequest<'_>) -> Result<PathBuf, CorpusError> {
    let path = request.tokenizer.path.as_ref().ok_or(CorpusError::NoTokenizerPath)?;
    Ok(request.base.join(path))
}

/// The text of one corpus as tokens, for evaluating a model on a file: the same reader and the same tokens as
/// [`prepare`] gives, without splits, fraction and the search for duplicates.
///
/// The tokens lie in a temporary file that is mapped into memory and has no name any more.
///
/// # Errors
/// See [`CorpusError`]; unreadable lines are allowed up to one in a thousand.
pub fn tokenize_file(
    corpus: &CorpusConfig,
    base: &Path,
    tokenizer: &TextTokenizer,
) -> Result<Vec<Arc<dyn TokenSource>>, CorpusError> {
    let stop = AtomicBool::new(false);
    let mut files = resolve(corpus, base)?;
    settle_documents(corpus, &mut files, &stop)?;
    let data = DataConfig {
        corpora: vec![CorpusConfig { fraction: 1.0, ..corpus.clone() }],
        valid: 0.0,
        test: 0.0,
        max_bad_share: 0.001,
        ..DataConfig::default()
    };
    let temporary = tempfile::tempdir().map_err(CorpusError::write(&std::env::temp_dir()))?;
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let passes = Passes { data: &data, corpora: vec![(&data.corpora[0], files)], bytes: 0, threads, stop: &stop };
    let survey = Survey::default();
    let facts = vec![CorpusFacts::default()];
    let mut store = Store::new(temporary.path(), tokenizer.vocab_size(), tokenizer.special().unk, facts);
    passes.encode(&survey, tokenizer, &mut |_| {}, |corpus, encoded| store.add(corpus, &encoded))?;
    let shards = store.finish()?.shards;
    let open = |facts: &ShardFacts| -> Result<Arc<dyn TokenSource>, CorpusError> {
        Ok(Arc::new(open_shard(temporary.path(), facts, tokenizer.vocab_size())?))
    };
    shards.iter().map(open).collect()
}

#[cfg(test)]
mod tests;
