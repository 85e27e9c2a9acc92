//! All that a run stands on: text, rows, masks, device, plan.

use std::sync::Arc;

use case::CaseConfig;
use corpus::{BatchPlan, Masker, Order, Prepared, Purpose, RowCorpus, RowError, RowSet, Split, stream};
use encoder::Model;
use journal::Baselines;
use rand_chacha::ChaCha8Rng;

use crate::{
    TrainError,
    baseline::baselines,
    device::Place,
    plan::{Plan, Yardstick},
};

/// All that a run stands on.
pub(crate) struct Setup {
    pub(crate) config: CaseConfig,
    pub(crate) seed: u64,
    /// Names of the corpora, in the case file's order.
    pub(crate) names: Vec<String>,
    pub(crate) prepared: Prepared,
    pub(crate) place: Place,
    /// The training batches.
    pub(crate) batches: Arc<BatchPlan>,
    pub(crate) valid_rows: RowSet,
    /// The rows of the test split, where the case asks for one.
    pub(crate) test_rows: Option<RowSet>,
    pub(crate) valid_masker: Masker,
    /// Characters that each word of the vocabulary stands for.
    pub(crate) char_lengths: Arc<[u32]>,
    pub(crate) baselines: Baselines,
    pub(crate) yardstick: Yardstick,
    /// Seconds of an update, where they were timed for this run.
    pub(crate) timed: Option<f64>,
    pub(crate) plan: Plan,
}

impl Setup {
    /// Rows, masks and plan out of prepared text. `total_steps` overrides the case's length; `seconds_per_step` is what
    /// minutes are turned into steps by, 1 until that is timed.
    pub(crate) fn new(
        config: &CaseConfig,
        seed: u64,
        prepared: Prepared,
        place: Place,
        total_steps: Option<u64>,
        seconds_per_step: Option<f64>,
    ) -> Result<Self, TrainError> {
        let tokenizer = prepared.tokenizer().clone();
        let rows = rows(config, &prepared, Split::Train)?;
        let valid_rows = valid_rows(config, &prepared)?;
        let test_rows = test_rows(config, &prepared)?;
        let order = Order::new(config.data.order, seed, rows.len());
        let masker = |purpose| {
            let (special, is_special) = (tokenizer.special(), tokenizer.is_special());
            Masker::new(&config.masking, special, is_special, tokenizer.starts_word(), seed, purpose)
        };
        let batches = BatchPlan::new(rows, order, masker(Purpose::Masks), config.train.batch_size);
        let padded = (config.train.batch_size * config.model.seq_len) as f64;
        let yardstick = Yardstick {
            steps_per_epoch: batches.steps_per_epoch(),
            tokens_per_step: padded * (1.0 - batches.padding_share()),
            seconds_per_step: Some(seconds_per_step.unwrap_or(1.0)),
        };
        let names = config.data.corpora.iter().map(|corpus| corpus.name.clone()).collect::<Vec<_>>();
        Ok(Self {
            plan: Plan::new(config, &yardstick, total_steps)?,
            baselines: baselines(&prepared, &names, &valid_rows.summary()),
            char_lengths: tokenizer.char_lengths(),
            config: config.clone(),
            seed,
            names,
            prepared,
            place,
            batches: Arc::new(batches),
            test_rows,
            valid_rows,
            timed: seconds_per_step,
            valid_masker: masker(Purpose::ValidMasks),
            yardstick,
        })
    }

    /// The model of this seed before its first update.
    pub(crate) fn fresh_model(&self) -> Model {
        let vocab_size = self.prepared.tokenizer().vocab_size();
        Model::init(&self.config.model, vocab_size, |name| weight_stream(self.seed, name), &self.place.autodiff())
    }
}

/// The generator of a weight's starting values: a function of the seed and the weight's name.
fn weight_stream(seed: u64, name: &str) -> ChaCha8Rng {
    let hash = blake3::hash(name.as_bytes());
    let index = u64::from_le_bytes(*hash.as_bytes().first_chunk().expect("a hash has 32 bytes"));
    stream(seed, Purpose::Init, 0, index)
}

/// The rows of a split, all corpora.
fn rows(config: &CaseConfig, prepared: &Prepared, split: Split) -> Result<RowSet, TrainError> {
    let one = |(index, corpus): (usize, &case::CorpusConfig)| RowCorpus {
        name: corpus.name.clone(),
        weight: if split == Split::Train { corpus.weight } else { 1.0 },
        sources: prepared.sources(split, index),
    };
    let corpora = config.data.corpora.iter().enumerate().map(one).collect();
    Ok(RowSet::new(corpora, config.data.rows, config.model.seq_len, prepared.tokenizer().special())?)
}

/// The rows of the validation split, as many as the case asks for.
fn valid_rows(config: &CaseConfig, prepared: &Prepared) -> Result<RowSet, TrainError> {
    let none = |error| match error {
        TrainError::Rows(RowError::NoPackedRow { .. } | RowError::NoLine { .. }) => {
            TrainError::NoValidation { seq_len: config.model.seq_len }
        }
        other => other,
    };
    Ok(rows(config, prepared, Split::Valid).map_err(none)?.limited(config.train.eval_rows as u64))
}

/// The rows of the test split; none where the case keeps no text for it.
fn test_rows(config: &CaseConfig, prepared: &Prepared) -> Result<Option<RowSet>, TrainError> {
    (config.data.test > 0.0).then(|| rows(config, prepared, Split::Test)).transpose()
}
