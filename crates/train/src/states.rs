//! Any model as it is: what it makes of given ids, to be held against other programs.

use std::path::Path;

use burn::{module::Module, tensor::Tensor};
use case::EncoderConfig;
use corpus::{TextTokenizer, labelled::BOX_SCALE};
use encoder::{HeadKind, Model};
use exchange::HeadOf;
use serde::Deserialize;

use crate::{
    TrainError,
    device::Place,
    forward::{Laid, Sheet, lay, read_floats},
    source::{Source, Which, filled, read_source},
};

/// A run or an imported model, whatever its head says.
pub struct Probe {
    config: EncoderConfig,
    tokenizer: TextTokenizer,
    model: Model,
    /// None where an imported model has none.
    head: Option<HeadOf>,
    place: Place,
}

/// Rows of ids, as long as they are.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GivenRows {
    /// `[T]` for each row.
    pub input_ids: Vec<Vec<u32>>,
    /// The segment of each token; all are in the first where this is absent.
    pub token_type_ids: Option<Vec<Vec<u32>>>,
    /// The box of each token, in 0..=1000; all are 0 where this is absent.
    pub boxes: Option<Vec<Vec<[u32; 4]>>>,
}

/// What a model makes of one row.
#[derive(Debug, Clone, PartialEq)]
pub struct RowStates {
    /// `[T][D]`.
    pub hidden: Vec<Vec<f32>>,
    /// `[T][V]`, of tags `[T][C]`, of classes `[1][C]`; empty where the model has no head.
    pub logits: Vec<Vec<f32>>,
}

impl Probe {
    /// Loads a run's best checkpoint (or the newest one that can be read where the best cannot), the checkpoint of a folder
    /// `step-…`, or what an import made.
    ///
    /// # Errors
    /// [`TrainError`] for a folder that is no model, or has no checkpoint whose hashes hold.
    pub fn load(folder: &Path, device: &str) -> Result<Self, TrainError> {
        let source = read_source(folder, Which::Best)?;
        let tokenizer = TextTokenizer::load(&source.tokenizer)?;
        let place = Place::open(device, source.config.train.kernels)?;
        let kind = source.head.as_ref().map_or(HeadKind::Words, HeadOf::kind);
        let model = Model::zeros(&source.config.model, tokenizer.vocab_size(), kind, &place.plain());
        let (model, _) = filled(model, &source.weights, &place)?;
        let Source { config, head, .. } = source;
        Ok(Self { config: config.model, tokenizer, model: model.valid(), head, place })
    }

    /// The ids of a text as a row: `[CLS]`, the text, `[SEP]`; the mask's name in the text is the mask.
    ///
    /// # Errors
    /// [`TrainError::Corpus`] where the tokenizer fails on it.
    pub fn encode(&self, text: &str) -> Result<Vec<u32>, TrainError> {
        row_of(text, &self.tokenizer)
    }

    /// What the model makes of some rows, which are computed as one batch.
    ///
    /// # Errors
    /// [`TrainError::Ids`] for a row that is empty or too long, or an id, segment or box that there is not.
    pub fn states(&self, rows: &GivenRows) -> Result<Vec<RowStates>, TrainError> {
        self.check(rows)?;
        let grid = Grid::of(rows, &self.config);
        let Laid { tokens, positions, path } = lay(grid.sheet(), &self.place, &self.place.plain());
        let hidden = self.model.encoder.forward(tokens.clone(), &path, None);
        let width = hidden.dims()[2];
        let hidden = floats(hidden.reshape([-1, width as i32]).select(0, positions.clone()), width)?;
        let (logits, asked) = match self.head.as_ref().map(HeadOf::kind) {
            None => (Vec::new(), None),
            Some(HeadKind::Words) => {
                (floats(self.model.logits(tokens, &path, positions), self.tokenizer.vocab_size())?, None)
            }
            Some(HeadKind::Tags(count)) => {
                (floats(self.model.class_logits(tokens, &path, positions, None), count)?, None)
            }
            Some(HeadKind::Classes(count)) => {
                let first = lay(grid.sheet_of_first(), &self.place, &self.place.plain()).positions;
                (floats(self.model.class_logits(tokens, &path, first, None), count)?, Some(1))
            }
        };
        let (mut hidden, mut logits) = (hidden.into_iter(), logits.into_iter());
        let one = |row: &Vec<u32>| RowStates {
            hidden: hidden.by_ref().take(row.len()).collect(),
            logits: logits.by_ref().take(asked.unwrap_or(row.len())).collect(),
        };
        Ok(rows.input_ids.iter().map(one).collect())
    }

    fn check(&self, rows: &GivenRows) -> Result<(), TrainError> {
        let (seq_len, words) = (self.config.seq_len, self.tokenizer.vocab_size() as u32);
        let kinds = self.config.segments.max(1) as u32;
        for (at, row) in rows.input_ids.iter().enumerate() {
            let refuse = |why: String| Err(TrainError::Ids { row: at, why });
            if row.is_empty() || row.len() > seq_len {
                return refuse(format!("{} tokens, where 1 to {seq_len} fit", row.len()));
            }
            if let Some(id) = row.iter().find(|id| **id >= words) {
                return refuse(format!("id {id} is outside the vocabulary of {words}"));
            }
            let segments = rows.token_type_ids.as_ref().map(|all| all.get(at).map_or(&[][..], Vec::as_slice));
            if segments.is_some_and(|all| all.len() != row.len() || all.iter().any(|segment| *segment >= kinds)) {
                return refuse(format!("it wants {} segments below {kinds}", row.len()));
            }
            let boxes = rows.boxes.as_ref().map(|all| all.get(at).map_or(&[][..], Vec::as_slice));
            if boxes.is_some_and(|all| all.len() != row.len() || !all.iter().all(is_box)) {
                return refuse(format!("it wants {} boxes, left, top, right, bottom, in 0..={BOX_SCALE}", row.len()));
            }
        }
        Ok(())
    }
}

fn is_box([left, top, right, bottom]: &[u32; 4]) -> bool {
    left <= right && top <= bottom && *right.max(bottom) <= u32::from(BOX_SCALE)
}

/// Rows padded to one width; every real token is asked for.
struct Grid {
    width: usize,
    lengths: Vec<u32>,
    input_ids: Vec<i32>,
    token_types: Vec<i32>,
    boxes: Vec<i32>,
    positions: Vec<i32>,
    first: Vec<i32>,
}

impl Grid {
    /// Segments and boxes are left out where the encoder has none.
    fn of(rows: &GivenRows, config: &EncoderConfig) -> Self {
        let width = rows.input_ids.iter().map(Vec::len).max().unwrap_or(0);
        let lengths = rows.input_ids.iter().map(Vec::len);
        let all = lengths.clone().enumerate().flat_map(|(at, count)| (0..count).map(move |t| (at * width + t) as i32));
        let padded = |rows: &[Vec<u32>], width: usize| {
            let row =
                |row: &Vec<u32>| row.iter().map(|id| *id as i32).chain(std::iter::repeat(0)).take(width).collect();
            rows.iter().flat_map(|one| -> Vec<i32> { row(one) }).collect::<Vec<i32>>()
        };
        let segments = rows.token_type_ids.as_ref().filter(|_| config.segments > 0);
        let boxes = rows.boxes.as_ref().filter(|_| config.boxes);
        let flat = |rows: &Vec<Vec<[u32; 4]>>| rows.iter().map(|row| row.concat()).collect::<Vec<_>>();
        Self {
            width,
            input_ids: padded(&rows.input_ids, width),
            token_types: segments.map_or_else(Vec::new, |segments| padded(segments, width)),
            boxes: boxes.map_or_else(Vec::new, |boxes| padded(&flat(boxes), 4 * width)),
            positions: all.collect(),
            first: (0..rows.input_ids.len()).map(|at| (at * width) as i32).collect(),
            lengths: lengths.map(|count| count as u32).collect(),
        }
    }

    fn sheet(&self) -> Sheet<'_> {
        let Self { width, lengths, input_ids, token_types, boxes, positions, .. } = self;
        Sheet { width: *width, lengths, input_ids, token_types, boxes, positions }
    }

    /// The same, with the first token of each row asked for alone.
    fn sheet_of_first(&self) -> Sheet<'_> {
        Sheet { positions: &self.first, ..self.sheet() }
    }
}

fn floats(tensor: Tensor<2>, width: usize) -> Result<Vec<Vec<f32>>, TrainError> {
    Ok(read_floats(tensor.reshape([-1]))?.chunks(width).map(<[f32]>::to_vec).collect())
}

/// `[CLS]`, the text, `[SEP]`.
pub(crate) fn row_of(text: &str, tokenizer: &TextTokenizer) -> Result<Vec<u32>, TrainError> {
    let special = tokenizer.special();
    let mut ids = vec![special.cls];
    ids.extend(tokenizer.encode_marked(text)?);
    ids.push(special.sep);
    Ok(ids)
}
