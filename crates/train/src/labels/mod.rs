//! What a run on labelled examples stands on: inputs, what is true of them, and how they are batched.

mod goal;
mod info;
mod part;
mod said;
mod scores;

use case::{CaseConfig, PositionKind, Vote};
use corpus::labelled::{LabelSet, LabelledBatch, LabelledPlan, Splits, TagSet, TaggedRow, TextRow};
use encoder::HeadKind;
use journal::{
    Baselines, ExamplesInfo,
    metrics::{Prior, Scores},
};

use crate::{
    TrainError,
    material::{Examples, Rows},
};
pub(crate) use goal::{Decision, Goal, Target};
pub(crate) use info::{hash_inputs, texts};
pub(crate) use part::{Part, Sequence, Truth, tag_part, text_part};
pub(crate) use said::said;
pub(crate) use scores::scores;

/// Labelled examples, cut into inputs of the encoder.
pub(crate) struct Labels {
    /// How what is said is understood.
    pub(crate) speech: Speech,
    pub(crate) train: Part,
    pub(crate) valid: Part,
    /// What is kept for the end.
    pub(crate) test: Option<Part>,
    /// Which inputs each update learns from.
    pub(crate) plan: LabelledPlan,
    pub(crate) goal: Goal,
    pub(crate) info: ExamplesInfo,
    /// blake3 of all inputs and of what is true of them.
    pub(crate) hash: String,
    pad: u32,
    batch_size: usize,
}

/// What the numbers that a model says stand for.
pub(crate) struct Speech {
    pub(crate) target: Target,
    /// Classes, labels or tags, by number.
    pub(crate) names: Vec<String>,
    /// Of tags.
    pub(crate) tags: Option<TagSet>,
    pub(crate) vote: Vote,
    /// Each label's share of the training examples, or words.
    pub(crate) prior: Prior,
}

impl Labels {
    /// Inputs and batches out of rows.
    ///
    /// # Errors
    /// [`TrainError`] where a text cannot be cut into tokens, or inputs are longer than the encoder's table of positions.
    pub(crate) fn new(config: &CaseConfig, seed: u64, examples: Examples) -> Result<Self, TrainError> {
        check_length(config)?;
        let Examples { tokenizer, rows, .. } = examples;
        let repeats = info::repeated(&rows);
        let (speech, parts, stray) = match rows {
            Rows::Texts(labels, splits) => {
                let speech = Speech::of_texts(config, &labels, &splits.train);
                let parts = each(splits, |name, rows: &Vec<TextRow>| text_part(name, rows, &tokenizer, config))?;
                (speech, parts, 0)
            }
            Rows::Tagged(tags, splits, stray) => {
                let speech = Speech::of_tags(config, &tags, &splits.train);
                let parts =
                    each(splits, |name, rows: &Vec<TaggedRow>| tag_part(name, rows, &tokenizer, &tags, config))?;
                (speech, parts, stray)
            }
        };
        let [train, valid, test] = parts;
        let lengths = train.inputs.iter().map(|input| input.ids.len()).collect();
        let test = Some(test).filter(|test| !test.inputs.is_empty());
        Ok(Self {
            hash: info::hash(&speech, [Some(&train), Some(&valid), test.as_ref()]),
            info: info::examples_info(config, &speech, [Some(&train), Some(&valid), test.as_ref()], repeats, stray),
            goal: Goal::new(config, &speech),
            plan: LabelledPlan::new(lengths, seed, config.train.batch_size),
            pad: tokenizer.special().pad,
            batch_size: config.train.batch_size,
            speech,
            train,
            valid,
            test,
        })
    }

    /// What the model says.
    pub(crate) fn head(&self) -> HeadKind {
        self.speech.head()
    }

    /// The epoch of an update and the numbers of its inputs.
    pub(crate) fn numbers(&self, step: u64) -> (u64, Vec<usize>) {
        self.plan.batch(step)
    }

    /// Training inputs as a batch.
    pub(crate) fn batch(&self, numbers: &[usize]) -> LabelledBatch {
        LabelledBatch::of(&self.train.inputs, numbers, self.pad)
    }

    /// The id that fills rows up.
    pub(crate) fn pad(&self) -> u32 {
        self.pad
    }

    /// Inputs of an update.
    pub(crate) fn batch_size(&self) -> usize {
        self.batch_size
    }

    /// What is reached without looking, on the validation examples: every label alike, and each by its share in training.
    pub(crate) fn baselines(&self) -> Baselines {
        let uniform = match self.speech.target {
            Target::Many => std::f64::consts::LN_2,
            _ => (self.speech.names.len() as f64).ln(),
        };
        let scores = self.scores(&self.valid, &self.speech.of_prior(&self.valid));
        // Beside the figure, not through the windows' vote, which would count what several windows saw.
        let unigram =
            scores.figure("cross-entropy").and_then(|figure| figure.prior.or(Some(figure.value))).unwrap_or(uniform);
        Baselines { uniform, unigram, corpora: Vec::new() }
    }

    /// All figures of what a model said of a part, [`said`].
    pub(crate) fn scores(&self, part: &Part, logits: &[Vec<f32>]) -> Scores {
        scores(&self.speech, part, logits)
    }
}

impl Speech {
    pub(crate) fn head(&self) -> HeadKind {
        match self.target {
            Target::Tags => HeadKind::Tags(self.names.len()),
            _ => HeadKind::Classes(self.names.len()),
        }
    }

    fn of_texts(config: &CaseConfig, labels: &LabelSet, train: &[TextRow]) -> Self {
        let shares = corpus::labelled::target_shares(train, labels.len());
        Self {
            target: Target::of(config),
            names: labels.names().to_vec(),
            tags: None,
            vote: config.examples.vote,
            prior: Prior { shares },
        }
    }

    fn of_tags(config: &CaseConfig, tags: &TagSet, train: &[TaggedRow]) -> Self {
        let counts = corpus::labelled::tag_counts(train, tags.tags().len());
        let words = counts.iter().sum();
        Self {
            target: Target::Tags,
            names: tags.tags().names().to_vec(),
            tags: Some(tags.clone()),
            vote: config.examples.vote,
            prior: Prior::of_counts(&counts, words),
        }
    }

    /// What a model that gives every label its share in training says of a part.
    fn of_prior(&self, part: &Part) -> Vec<Vec<f32>> {
        // A label that training does not have is as likely as one example in two million.
        let share = |share: &f64| share.clamp(5e-7, 1.0 - 5e-7);
        let logit = |p: f64| match self.target {
            Target::Many => (p / (1.0 - p)).ln(),
            _ => p.ln(),
        };
        let row = self.prior.shares.iter().map(|p| logit(share(p)) as f32).collect::<Vec<_>>();
        part.asked().iter().map(|asked| row.repeat(*asked)).collect()
    }
}

/// The splits' parts, in order.
fn each<Row>(
    splits: Splits<Row>,
    mut part: impl FnMut(&'static str, &Vec<Row>) -> Result<Part, TrainError>,
) -> Result<[Part; 3], TrainError> {
    Ok([part("train", &splits.train)?, part("valid", &splits.valid)?, part("test", &splits.test)?])
}

/// Refuses inputs that a table of positions has no rows for.
pub(crate) fn check_length(config: &CaseConfig) -> Result<(), TrainError> {
    let (longest, seq_len) = (config.max_tokens(), config.model.seq_len);
    if config.model.position != PositionKind::Learned || longest <= seq_len {
        return Ok(());
    }
    let why = format!("{longest} tokens are more than the encoder has positions for, {seq_len}; lower it");
    Err(TrainError::Length { what: "`max_tokens` in [examples]", why })
}
