//! A trained run at work: hidden words guessed, a file evaluated.

use std::{fs, path::Path};

use burn::{module::Module, tensor::activation::softmax};
use case::{CaseConfig, CorpusConfig, DocumentKind, Paths, Task, TextFormat};
use corpus::{Batch, MaskKind, Masker, Purpose, RowCorpus, RowSet, TextTokenizer, evaluation_batches, tokenize_file};
use encoder::{HeadKind, Model};
use journal::{CorpusScore, Kinds};

use crate::{
    TrainError,
    device::Place,
    forward::{Laid, Sheet, forward, lay, logits, read_floats},
    source::{Source, Which, filled, read_source},
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

/// What a model makes of one row, token by token.
#[derive(Debug, Clone, PartialEq)]
pub struct RowStates {
    /// `[T][D]`.
    pub hidden: Vec<Vec<f32>>,
    /// `[T][V]`; empty where the model has no head.
    pub logits: Vec<Vec<f32>>,
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
        let source = read_source(folder, Which::Best)?;
        if source.config.task != Task::Mlm {
            let advice = "it guesses no words; ask it with `casebook predict`".into();
            return Err(TrainError::Task { run: folder.into(), found: task_word(source.config.task), advice });
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
    pub fn encode(&self, text: &str) -> Result<Vec<u32>, TrainError> {
        let special = self.tokenizer.special();
        let mut ids = vec![special.cls];
        ids.extend(self.tokenizer.encode_marked(text)?);
        ids.push(special.sep);
        Ok(ids)
    }

    /// What the model makes of every token of some rows, which are computed as one batch.
    ///
    /// `segments` holds the segment of each token, as long as its row; all are in the first where it is absent.
    ///
    /// # Errors
    /// [`TrainError::Ids`] for a row that is empty or too long, or an id or segment that there is not.
    pub fn states(&self, rows: &[Vec<u32>], segments: Option<&[Vec<u32>]>) -> Result<Vec<RowStates>, TrainError> {
        self.check_rows(rows, segments)?;
        let batch = batch_of(rows);
        let segments = segments.filter(|_| self.config.model.segments > 0).map(batch_of);
        let token_types = segments.as_ref().map_or(&[][..], |segments| &segments.input_ids);
        let sheet = Sheet { token_types, ..Sheet::from(&batch) };
        let Laid { tokens, positions, path } = lay(sheet, &self.place, &self.place.plain());
        let hidden = self.model.encoder.forward(tokens.clone(), &path, None);
        let width = hidden.dims()[2];
        let hidden = read_floats(hidden.reshape([-1, width as i32]).select(0, positions.clone()).reshape([-1]))?;
        let vocab_size = self.tokenizer.vocab_size();
        let logits = match self.has_head {
            true => read_floats(self.model.logits(tokens, &path, positions).reshape([-1]))?,
            false => Vec::new(),
        };
        let mut first = 0;
        let one = |row: &Vec<u32>| {
            let tokens = first..first + row.len();
            first = tokens.end;
            let part = |values: &[f32], width: usize| {
                values.chunks(width).skip(tokens.start).take(tokens.len()).map(<[f32]>::to_vec).collect()
            };
            RowStates { hidden: part(&hidden, width), logits: part(&logits, vocab_size) }
        };
        Ok(rows.iter().map(one).collect())
    }

    fn check_rows(&self, rows: &[Vec<u32>], segments: Option<&[Vec<u32>]>) -> Result<(), TrainError> {
        let (seq_len, words) = (self.config.model.seq_len, self.tokenizer.vocab_size() as u32);
        let kinds = self.config.model.segments.max(1) as u32;
        for (at, row) in rows.iter().enumerate() {
            let refuse = |why: String| Err(TrainError::Ids { row: at, why });
            if row.is_empty() || row.len() > seq_len {
                return refuse(format!("{} tokens, where 1 to {seq_len} fit", row.len()));
            }
            if let Some(id) = row.iter().find(|id| **id >= words) {
                return refuse(format!("id {id} is outside the vocabulary of {words}"));
            }
            let Some(segments) = segments else { continue };
            let given = segments.get(at).map_or(&[][..], Vec::as_slice);
            if given.len() != row.len() || given.iter().any(|segment| *segment >= kinds) {
                return refuse(format!("it wants {} segments below {kinds}", row.len()));
            }
        }
        Ok(())
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

/// A task as the case file writes it.
pub(crate) fn task_word(task: Task) -> &'static str {
    match task {
        Task::Mlm => "mlm",
        Task::Classify => "classify",
        Task::Tag => "tag",
    }
}

/// A batch of rows, all of whose tokens are asked for.
fn batch_of(rows: &[Vec<u32>]) -> Batch {
    let width = rows.iter().map(Vec::len).max().unwrap_or(0);
    let padded = |row: &Vec<u32>| {
        let ids = row.iter().map(|id| *id as i32).collect::<Vec<_>>();
        ids.into_iter().chain(std::iter::repeat(0)).take(width).collect::<Vec<_>>()
    };
    let places = rows.iter().enumerate().flat_map(|(at, row)| (0..row.len()).map(move |t| (at * width + t) as i32));
    let positions = places.collect::<Vec<_>>();
    Batch {
        rows: (0..rows.len() as u64).collect(),
        width,
        input_ids: rows.iter().flat_map(padded).collect(),
        lengths: rows.iter().map(|row| row.len() as u32).collect(),
        real_tokens: positions.len() as u64,
        ..one_row(&[0], positions)
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
