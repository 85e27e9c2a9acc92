//! A trained run at work: hidden words guessed, a file evaluated.

use std::{fs, path::Path};

use burn::{module::Module, tensor::activation::softmax};
use case::{CaseConfig, CorpusConfig, DocumentKind, Paths, TextFormat};
use corpus::{Batch, MaskKind, Masker, Purpose, RowCorpus, RowSet, TextTokenizer, evaluation_batches, tokenize_file};
use encoder::{HeadKind, Model};
use exchange::HeadOf;
use journal::{CorpusScore, Kinds};

use crate::{
    TrainError,
    device::Place,
    forward::{forward, logits, read_floats},
    source::{Source, Which, filled, read_source},
    states::row_of,
    tally::Tally,
};

/// A trained run: its words, its weights, where it computes.
pub struct Trained {
    config: CaseConfig,
    tokenizer: TextTokenizer,
    model: Model,
    /// Whether the head was trained; an imported model may have none.
    has_head: bool,
    place: Place,
    /// Updates behind the weights.
    pub step: u64,
    /// Newer checkpoints that could not be trusted, and why.
    pub refused: Vec<String>,
    /// The run's seed; 1 for an imported model.
    pub seed: u64,
}

/// A word that may stand at a hidden place.
#[derive(Debug, Clone, PartialEq)]
pub struct Candidate {
    /// The word as text.
    pub token: String,
    /// Its probability, 0..=1.
    pub probability: f64,
}

/// What a run makes of a text file.
#[derive(Debug, Clone)]
pub struct FileScore {
    /// Rows of the file.
    pub rows: u64,
    /// All scored positions; its name is the file's.
    pub score: CorpusScore,
    /// By what stood at the position.
    pub kinds: Kinds,
}

impl Trained {
    /// Loads a model: a run's best checkpoint (or the newest one that can be read where the best cannot), the checkpoint
    /// of a folder `step-…`, or what an import made.
    ///
    /// # Errors
    /// [`TrainError`] for a folder that is no model, or has no checkpoint whose hashes hold.
    pub fn load(folder: &Path, device: &str) -> Result<Self, TrainError> {
        let mut source = read_source(folder, Which::Best)?;
        if !source.config.task.hides_words() {
            let advice = "it guesses no words; ask it with `casebook predict`".into();
            return Err(TrainError::Task { run: folder.into(), found: source.config.task.name(), advice });
        }
        if source.head != Some(HeadOf::Words) {
            source.drop_head();
        }
        let tokenizer = TextTokenizer::load(&source.tokenizer)?;
        let place = Place::open(device, source.config.train.kernels)?;
        let model = Model::zeros(&source.config.model, tokenizer.vocab_size(), HeadKind::Words, &place.plain());
        let (model, fresh) = filled(model, &source.weights, &place)?;
        let Source { config, step, refused, seed, .. } = source;
        Ok(Self { config, tokenizer, model: model.valid(), has_head: fresh.is_empty(), place, step, refused, seed })
    }

    /// The ids of a text as a row: `[CLS]`, the text, `[SEP]`; the mask's name in the text is the mask.
    ///
    /// # Errors
    /// [`TrainError::Corpus`] where the tokenizer fails on it.
    fn encode(&self, text: &str) -> Result<Vec<u32>, TrainError> {
        row_of(text, &self.tokenizer)
    }

    /// The likeliest words at each `[MASK]` of `text`, `top` of them, likeliest first.
    ///
    /// # Errors
    /// [`TrainError::NoMask`], [`TrainError::TooLong`].
    pub fn fill_mask(&self, text: &str, top: usize) -> Result<Vec<Vec<Candidate>>, TrainError> {
        if !self.has_head {
            return Err(TrainError::NoHead);
        }
        let special = self.tokenizer.special();
        let ids = self.encode(text)?;
        let positions = (0..ids.len()).filter(|at| ids[*at] == special.mask).map(|at| at as i32).collect::<Vec<_>>();
        if positions.is_empty() {
            return Err(TrainError::NoMask);
        }
        let seq_len = self.config.model.seq_len;
        if ids.len() > seq_len {
            return Err(TrainError::TooLong { tokens: ids.len(), seq_len });
        }
        let count = positions.len();
        let batch = one_row(&ids, positions);
        let logits = logits(&self.model, &batch, &self.place);
        let probabilities = read_floats(softmax(logits, 1).reshape([-1]))?;
        let vocab_size = self.tokenizer.vocab_size();
        let is_special = self.tokenizer.is_special();
        let candidates = |at: usize| {
            let row = &probabilities[at * vocab_size..(at + 1) * vocab_size];
            let mut order = (0..vocab_size).filter(|id| !is_special[*id]).collect::<Vec<_>>();
            order.sort_by(|a, b| row[*b].total_cmp(&row[*a]).then(a.cmp(b)));
            order.truncate(top);
            let one = |id: usize| Candidate { token: self.tokenizer.token(id as u32), probability: f64::from(row[id]) };
            order.into_iter().map(one).collect()
        };
        Ok((0..count).map(candidates).collect())
    }

    /// Loss and accuracy on a text file, masked as the run masks its validation rows with `seed`.
    ///
    /// # Errors
    /// [`TrainError`] where the file cannot be read or gives no row.
    pub fn evaluate(
        &self,
        file: &Path,
        field: &str,
        format: Option<TextFormat>,
        seed: u64,
    ) -> Result<FileScore, TrainError> {
        if !self.has_head {
            return Err(TrainError::NoHead);
        }
        fs::File::open(file).map_err(|cause| TrainError::Read { path: file.into(), cause })?;
        let name = file.file_name().map_or_else(|| "data".to_string(), |name| name.to_string_lossy().into_owned());
        let corpus = CorpusConfig {
            name: "data".into(),
            path: Paths::One(file.to_string_lossy().into_owned()),
            format,
            field: field.into(),
            documents: DocumentKind::Auto,
            fraction: 1.0,
            weight: 1.0,
        };
        let sources = tokenize_file(&corpus, Path::new("."), &self.tokenizer)?;
        let (special, seq_len) = (self.tokenizer.special(), self.config.model.seq_len);
        let corpora = vec![RowCorpus { name: name.clone(), weight: 1.0, sources }];
        let rows = RowSet::new(corpora, self.config.data.rows, seq_len, special)?;
        let (is_special, starts_word) = (self.tokenizer.is_special(), self.tokenizer.starts_word());
        let masker = Masker::new(&self.config.masking, special, is_special, starts_word, seed, Purpose::ValidMasks);
        let mut tally = Tally::new(1);
        for batch in evaluation_batches(&rows, &masker, self.config.train.batch_size) {
            if batch.labels.is_empty() {
                continue;
            }
            let read = forward(&self.model, &batch, &self.place, &self.place.plain(), None, 1.0).outcome.read()?;
            tally.add(&batch, &read, &self.tokenizer.char_lengths());
        }
        let score = tally.corpora(std::slice::from_ref(&name)).pop();
        let score = score.ok_or(TrainError::NoValidation { seq_len })?;
        Ok(FileScore { rows: rows.len(), score, kinds: tally.kinds() })
    }
}

/// A batch of one row; its labels are the ids that stand there, for nobody looks at them.
fn one_row(ids: &[u32], positions: Vec<i32>) -> Batch {
    let labels = positions.iter().map(|at| ids.get(*at as usize).map_or(0, |id| *id as i32)).collect::<Vec<_>>();
    Batch {
        step: 0,
        epoch: 0,
        rows: vec![0],
        width: ids.len(),
        boxes: Vec::new(),
        input_ids: ids.iter().map(|id| *id as i32).collect(),
        lengths: vec![ids.len() as u32],
        kinds: vec![MaskKind::Mask; positions.len()],
        corpora: vec![0; positions.len()],
        labels,
        positions,
        real_tokens: ids.len() as u64,
        mask_hash: 0,
    }
}
