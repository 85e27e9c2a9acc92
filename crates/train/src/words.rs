//! What a run of masked language modelling stands on: text, rows, masks.

use std::sync::Arc;

use case::CaseConfig;
use corpus::{BatchPlan, Masker, Order, Prepared, Purpose, RowCorpus, RowError, RowSet, Split};

use crate::TrainError;

/// Running text, prepared.
pub(crate) struct Words {
    /// Names of the corpora, in the case file's order.
    pub(crate) names: Vec<String>,
    pub(crate) prepared: Prepared,
    /// The training batches.
    pub(crate) batches: Arc<BatchPlan>,
    pub(crate) valid_rows: RowSet,
    /// The rows of the test split, where the case asks for one.
    pub(crate) test_rows: Option<RowSet>,
    pub(crate) valid_masker: Masker,
    /// Characters that each word of the vocabulary stands for.
    pub(crate) char_lengths: Arc<[u32]>,
}

impl Words {
    /// Rows and masks out of prepared text.
    pub(crate) fn new(config: &CaseConfig, seed: u64, prepared: Prepared) -> Result<Self, TrainError> {
        let tokenizer = prepared.tokenizer();
        let train_rows = rows(config, &prepared, Split::Train)?;
        let order = Order::new(config.data.order, seed, train_rows.len());
        let masker = |purpose| {
            let (special, is_special) = (tokenizer.special(), tokenizer.is_special());
            Masker::new(&config.masking, special, is_special, tokenizer.starts_word(), seed, purpose)
        };
        let batches = BatchPlan::new(train_rows, order, masker(Purpose::Masks), config.train.batch_size);
        Ok(Self {
            names: config.data.corpora.iter().map(|corpus| corpus.name.clone()).collect(),
            batches: Arc::new(batches),
            valid_rows: valid_rows(config, &prepared)?,
            test_rows: test_rows(config, &prepared)?,
            valid_masker: masker(Purpose::ValidMasks),
            char_lengths: tokenizer.char_lengths(),
            prepared,
        })
    }

    /// Real tokens of an update, on average.
    pub(crate) fn tokens_per_step(&self, config: &CaseConfig) -> f64 {
        let padded = (config.train.batch_size * config.model.seq_len) as f64;
        padded * (1.0 - self.batches.padding_share())
    }
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
