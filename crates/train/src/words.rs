//! What a run of masked language modelling stands on: text or pages, rows, masks.

use std::sync::Arc;

use case::CaseConfig;
use corpus::{
    Batch, BatchPlan, Masker, Order, Prepared, Purpose, RowCorpus, RowError, RowSet, Split, TextTokenizer,
    evaluation_batches,
    labelled::{Splits, WrittenRow},
};
use journal::Baselines;

use crate::{
    TrainError,
    baseline::baselines,
    evaluate::Split as Part,
    pages::{self, Pages},
};

/// Words to be hidden.
pub(crate) struct Words {
    /// Names of the corpora, in the case file's order; `pages` for pages.
    pub(crate) names: Vec<String>,
    /// Characters that each word of the vocabulary stands for.
    pub(crate) char_lengths: Arc<[u32]>,
    pub(crate) source: Source,
}

/// Where the words stand.
pub(crate) enum Source {
    /// In running text.
    Text(Box<Text>),
    /// On pages.
    Pages(Box<Pages>),
}

/// Running text, prepared.
pub(crate) struct Text {
    pub(crate) prepared: Prepared,
    /// The training batches.
    pub(crate) batches: Arc<BatchPlan>,
    pub(crate) valid_rows: RowSet,
    /// The rows of the test split, where the case asks for one.
    pub(crate) test_rows: Option<RowSet>,
    valid_masker: Masker,
}

/// The rows of each split.
pub(crate) struct Parts {
    pub(crate) train: RowSet,
    pub(crate) valid: RowSet,
    /// Where the case asks for it.
    pub(crate) test: Option<RowSet>,
}

impl Words {
    /// Rows and masks out of prepared text.
    pub(crate) fn of_text(config: &CaseConfig, seed: u64, prepared: Prepared) -> Result<Self, TrainError> {
        let names = config.data.corpora.iter().map(|corpus| corpus.name.clone()).collect();
        let parts = Parts {
            train: rows(config, &prepared, Split::Train)?,
            valid: valid_rows(config, &prepared)?,
            test: test_rows(config, &prepared)?,
        };
        Ok(Self::of_rows(config, seed, prepared, names, parts))
    }

    /// The same of rows that were cut already, of corpora with these names.
    pub(crate) fn of_rows(
        config: &CaseConfig,
        seed: u64,
        prepared: Prepared,
        names: Vec<String>,
        Parts { train, valid, test }: Parts,
    ) -> Self {
        let tokenizer = prepared.tokenizer();
        let order = Order::new(config.data.order, seed, train.len());
        let masker = |purpose| {
            let (special, is_special) = (tokenizer.special(), tokenizer.is_special());
            Masker::new(&config.masking, special, is_special, tokenizer.starts_word(), seed, purpose)
        };
        let batches = BatchPlan::new(train, order, masker(Purpose::Masks), config.train.batch_size);
        Self {
            names,
            char_lengths: tokenizer.char_lengths(),
            source: Source::Text(Box::new(Text {
                batches: Arc::new(batches),
                valid_rows: valid,
                test_rows: test,
                valid_masker: masker(Purpose::ValidMasks),
                prepared,
            })),
        }
    }

    /// The same out of pages.
    pub(crate) fn of_pages(
        config: &CaseConfig,
        seed: u64,
        tokenizer: &TextTokenizer,
        splits: &Splits<WrittenRow>,
    ) -> Result<Self, TrainError> {
        let pages = Pages::new(config, seed, tokenizer, splits)?;
        let source = Source::Pages(Box::new(pages));
        Ok(Self { names: vec![pages::NAME.into()], char_lengths: tokenizer.char_lengths(), source })
    }

    /// What knowing nothing, and frequencies alone, loses.
    pub(crate) fn baselines(&self) -> Baselines {
        match &self.source {
            Source::Text(text) => baselines(&text.prepared, &self.names, &text.valid_rows.summary()),
            Source::Pages(pages) => {
                let (uniform, unigram) = ((self.char_lengths.len() as f64).ln(), pages.unigram());
                Baselines { uniform, unigram, corpora: vec![(self.names[0].clone(), unigram)] }
            }
        }
    }

    /// Updates of a pass over the training rows.
    pub(crate) fn steps_per_epoch(&self) -> u64 {
        match &self.source {
            Source::Text(text) => text.batches.steps_per_epoch(),
            Source::Pages(pages) => pages.steps_per_epoch(),
        }
    }

    /// Real tokens of an update, on average.
    pub(crate) fn tokens_per_step(&self, config: &CaseConfig) -> f64 {
        match &self.source {
            Source::Text(text) => {
                let padded = (config.train.batch_size * config.model.seq_len) as f64;
                padded * (1.0 - text.batches.padding_share())
            }
            Source::Pages(pages) => pages.tokens_per_step(),
        }
    }

    /// The batch of any update.
    pub(crate) fn batch(&self, step: u64) -> Batch {
        match &self.source {
            Source::Text(text) => text.batches.batch(step),
            Source::Pages(pages) => pages.batch(step),
        }
    }

    /// The rows of an evaluation and its batches of at most so many rows; none where there is no such split.
    pub(crate) fn evaluation(&self, split: Part, most: usize) -> Option<(u64, Box<dyn Iterator<Item = Batch> + '_>)> {
        match &self.source {
            Source::Text(text) => {
                let rows = if split == Part::Valid { Some(&text.valid_rows) } else { text.test_rows.as_ref() }?;
                Some((rows.len(), Box::new(evaluation_batches(rows, &text.valid_masker, most))))
            }
            Source::Pages(pages) => {
                let inputs = if split == Part::Valid { &pages.valid } else { &pages.test };
                let batches = Box::new(pages.evaluation(inputs, most));
                (!inputs.is_empty()).then_some((inputs.len() as u64, batches))
            }
        }
    }

    /// Whether text or pages are kept for the end.
    pub(crate) fn has_test(&self) -> bool {
        match &self.source {
            Source::Text(text) => text.test_rows.is_some(),
            Source::Pages(pages) => !pages.test.is_empty(),
        }
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
