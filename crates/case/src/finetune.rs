//! What a case with `task = "classify"` or `task = "tag"` reads besides: labelled examples and how an encoder is tuned on
//! them.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::{CaseConfig, Paths};

/// What is learned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Task {
    /// Masked language modelling on running text: pre-training (Devlin et al. 2018, §3.1).
    #[default]
    Mlm,
    /// The same on pages: words with boxes, of which words are hidden (Xu et al. 2020, LayoutLM, §2.3).
    PageMlm,
    /// Texts or pairs of texts to classes.
    Classify,
    /// Words to BIO tags, on pages with boxes.
    Tag,
}

impl Task {
    /// Whether words are hidden and guessed: pre-training.
    pub fn hides_words(self) -> bool {
        matches!(self, Self::Mlm | Self::PageMlm)
    }

    /// As a case file writes it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Mlm => "mlm",
            Self::PageMlm => "page-mlm",
            Self::Classify => "classify",
            Self::Tag => "tag",
        }
    }
}

/// Labelled examples: files, columns, splits.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ExamplesConfig {
    /// Files of the training examples, relative to the folder the command runs in. Required for `classify`, `tag` and
    /// `page-mlm`, which reads words and boxes and no labels.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub train: Option<Paths>,
    /// Files that are evaluated during training and choose the best checkpoint; a share or a fold of the training examples
    /// when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub valid: Option<Paths>,
    /// Files kept for the end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub test: Option<Paths>,
    /// Share of the training groups held out for validation where `valid` and `fold` are absent, above 0, below 1.
    pub valid_share: f64,
    /// Folds into which the training groups are dealt, at least 2; with `fold`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub folds: Option<usize>,
    /// The fold validated on, from 0; the others are trained on. A sweep over all of them is a cross-validation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fold: Option<usize>,
    /// Share of the training groups trained on, above 0, at most 1; larger shares hold smaller ones. A sweep over it is a
    /// learning curve.
    pub share: f64,
    /// What folds and shares are drawn by; apart from the run's seed, so that seeds differ in nothing else.
    pub split_seed: u64,
    /// Column or field of what must not be parted by folds and shares: a document. Each example is one when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
    /// The format; by the file's ending when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub format: Option<ExampleFormat>,
    /// For `classify`: column or field of the text.
    pub text: String,
    /// For `classify`: column or field of a second text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub second: Option<String>,
    /// For `classify`: column or field of the label, of the labels, or of a list of probabilities.
    pub label: String,
    /// For `classify`: what a label is.
    pub target: TargetKind,
    /// For `target = "multi"`: what parts labels in text; a JSON list needs none.
    pub separator: String,
    /// For `target = "soft"`: columns of probabilities, one a label and named like it, in place of `label`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub probabilities: Option<Vec<String>>,
    /// All labels, for `tag` all entity types, in the order of their numbers; those of the training examples, sorted, when
    /// absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub labels: Option<Vec<String>>,
    /// For `tag`: field of the list of words; in CoNLL columns a number from 1, or "" for the first.
    pub words: String,
    /// For `tag`: field of the list of BIO tags; in CoNLL columns a number from 1, or "" for the last.
    pub tags: String,
    /// For `tag`: field of the list of boxes `[x0, y0, x1, y1]`, one a word; words without a page when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub boxes: Option<String>,
    /// For `boxes`: field of the page's width, in the boxes' units.
    pub width: String,
    /// For `boxes`: field of the page's height.
    pub height: String,
    /// For `tag`: what stands between words; nothing where the words are characters, spaces among them.
    pub join: WordJoin,
    /// Tokens of an input, special ones included, at least 8; `model.seq_len` when absent. Longer texts are cut, longer
    /// sequences of words read in windows.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_tokens: Option<usize>,
    /// For `tag`: tokens that neighbouring windows share at least; a quarter of the window when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub overlap: Option<usize>,
    /// For `tag`: which tokens of a word are trained on.
    pub scored: Labelling,
    /// For `tag`: how windows that saw the same word are heard.
    pub vote: Vote,
}

impl Default for ExamplesConfig {
    fn default() -> Self {
        Self {
            train: None,
            valid: None,
            test: None,
            valid_share: 0.1,
            folds: None,
            fold: None,
            share: 1.0,
            split_seed: 1,
            group: None,
            format: None,
            text: "text".into(),
            second: None,
            label: "label".into(),
            target: TargetKind::Single,
            separator: ",".into(),
            probabilities: None,
            labels: None,
            words: "tokens".into(),
            tags: "tags".into(),
            boxes: None,
            width: "width".into(),
            height: "height".into(),
            join: WordJoin::Spaces,
            max_tokens: None,
            overlap: None,
            scored: Labelling::First,
            vote: Vote::LargestContext,
        }
    }
}

/// Format of labelled examples; compression (`.gz`, `.zst`) is read off the file's ending beside it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ExampleFormat {
    /// Tab-separated with a header, no quoting.
    Tsv,
    /// Comma-separated with a header.
    Csv,
    /// One JSON object a line.
    Jsonl,
    /// Apache Parquet.
    Parquet,
    /// A word a line in columns, an empty line after each sentence.
    Conll,
}

/// What a label is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TargetKind {
    /// One class.
    Single,
    /// Any number of classes.
    Multi,
    /// A probability for each class.
    Soft,
}

/// What stands between words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum WordJoin {
    /// A space: the words are words.
    Spaces,
    /// Nothing: the words are characters, spaces among them.
    Nothing,
}

/// Which tokens of a word are trained on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Labelling {
    /// The first alone (Devlin et al. 2018, §5.3).
    First,
    /// All: those after the first as inside of the word's entity.
    All,
}

/// How windows that saw the same token are heard.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Vote {
    /// Only the window in which the token has the most context on its poorer side; the first of equals.
    ///
    /// # Source
    /// `run_squad.py` of Devlin et al. 2018's code ("max context"), without its bonus for longer windows.
    LargestContext,
    /// All of them: log-probabilities are summed, which multiplies what each believes.
    SumLogProbs,
}

/// How an encoder is tuned on labelled examples.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct FinetuneConfig {
    /// What is not trained: "embeddings", or a number of layers from below and the embeddings with them; 0 for nothing.
    pub freeze: Freeze,
    /// The epoch from which on everything is trained, above 0; never when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unfreeze_epoch: Option<f64>,
    /// What the learning rate is multiplied by for each layer further below the head, the embeddings being below the lowest
    /// layer, above 0, at most 1 (Howard and Ruder 2018, §3.2).
    pub layer_decay: f64,
    /// Draw a new head, also where the start has one for the same task.
    pub fresh_head: bool,
    /// Weights of the classes in the loss.
    pub class_weights: ClassWeights,
    /// Share of each target that is spread evenly over all classes, 0..1 (Szegedy et al. 2016, §7).
    pub label_smoothing: f64,
    /// End the run after so many validations in a row without a better one; 0 for never.
    pub patience: u64,
    /// The figure that tells the best checkpoint; of equal ones the earlier is the best. When absent `accuracy` for single
    /// labels, `kl-divergence` for soft ones and `f1-micro` for several labels and for tags.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metric: Option<BestBy>,
}

impl Default for FinetuneConfig {
    fn default() -> Self {
        Self {
            freeze: Freeze::Nothing,
            unfreeze_epoch: None,
            layer_decay: 1.0,
            fresh_head: true,
            class_weights: ClassWeights::None,
            label_smoothing: 0.0,
            patience: 0,
            metric: None,
        }
    }
}

/// What is not trained.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Freeze {
    /// Everything is trained: written 0.
    #[default]
    Nothing,
    /// The embeddings are not trained: written "embeddings".
    Embeddings,
    /// The embeddings and so many layers from below are not trained: written as their number.
    Layers(usize),
}

/// Weights of the classes in the loss.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ClassWeights {
    /// Each example weighs the same.
    None,
    /// Each class weighs the same: by the inverse of its frequency in training (King and Zeng 2001).
    Balanced,
}

/// A figure by which the best checkpoint is told, as `journal::metrics` names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum BestBy {
    /// Share of examples, for `tag` of words, that are right.
    Accuracy,
    /// Share of examples all of whose labels are right.
    SubsetAccuracy,
    /// Mean of the classes' F1.
    F1Macro,
    /// F1 of all decisions together; for `tag` of entities, as seqeval counts them.
    F1Micro,
    /// Mean of the classes' F1, weighted by their examples.
    F1Weighted,
    /// Mean of the examples' F1.
    F1Samples,
    /// F1 of entities in strict mode.
    StrictF1Micro,
    /// Matthews' correlation.
    Mcc,
    /// Nats per example, for `tag` per scored token: lower is better.
    CrossEntropy,
    /// Nats by which soft targets are missed: lower is better.
    KlDivergence,
}

impl BestBy {
    /// Its name in the journal and in case files.
    pub fn name(self) -> &'static str {
        match self {
            Self::Accuracy => "accuracy",
            Self::SubsetAccuracy => "subset-accuracy",
            Self::F1Macro => "f1-macro",
            Self::F1Micro => "f1-micro",
            Self::F1Weighted => "f1-weighted",
            Self::F1Samples => "f1-samples",
            Self::StrictF1Micro => "strict-f1-micro",
            Self::Mcc => "mcc",
            Self::CrossEntropy => "cross-entropy",
            Self::KlDivergence => "kl-divergence",
        }
    }

    /// Whether a lower value is the better one.
    pub fn is_lower_better(self) -> bool {
        matches!(self, Self::CrossEntropy | Self::KlDivergence)
    }

    /// Whether `value` is better than the best so far; a value as good is not, so that the earlier stays the best.
    pub fn is_better(self, value: f64, best: f64) -> bool {
        if self.is_lower_better() { value < best } else { value > best }
    }

    /// The figures there are of a task, the default first.
    pub fn of(task: Task, target: TargetKind) -> &'static [Self] {
        match (task, target) {
            (Task::Mlm | Task::PageMlm, _) => &[Self::CrossEntropy],
            (Task::Tag, _) => &[
                Self::F1Micro,
                Self::F1Macro,
                Self::F1Weighted,
                Self::StrictF1Micro,
                Self::Accuracy,
                Self::CrossEntropy,
            ],
            (Task::Classify, TargetKind::Single) => {
                &[Self::Accuracy, Self::F1Macro, Self::F1Micro, Self::F1Weighted, Self::Mcc, Self::CrossEntropy]
            }
            (Task::Classify, TargetKind::Multi) => &[
                Self::F1Micro,
                Self::F1Macro,
                Self::F1Weighted,
                Self::F1Samples,
                Self::SubsetAccuracy,
                Self::CrossEntropy,
            ],
            (Task::Classify, TargetKind::Soft) => &[
                Self::KlDivergence,
                Self::CrossEntropy,
                Self::Accuracy,
                Self::F1Macro,
                Self::F1Micro,
                Self::F1Weighted,
                Self::Mcc,
            ],
        }
    }
}

impl CaseConfig {
    /// The figure that tells the best checkpoint of a `classify` or `tag` case.
    pub fn best_by(&self) -> BestBy {
        self.finetune.metric.unwrap_or(BestBy::of(self.task, self.examples.target)[0])
    }

    /// Tokens of an input of a `classify` or `tag` case, special ones included.
    pub fn max_tokens(&self) -> usize {
        self.examples.max_tokens.unwrap_or(self.model.seq_len)
    }

    /// Tokens that neighbouring windows of a `tag` case share.
    pub fn overlap(&self) -> usize {
        self.examples.overlap.unwrap_or(self.max_tokens().saturating_sub(2) / 4)
    }

    /// Whether some text is kept for the end.
    pub(crate) fn has_test(&self) -> bool {
        match self.task {
            Task::Mlm => self.data.test > 0.0,
            Task::PageMlm | Task::Classify | Task::Tag => self.examples.test.is_some(),
        }
    }
}

impl fmt::Display for Freeze {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nothing => f.write_str("0"),
            Self::Embeddings => f.write_str("\"embeddings\""),
            Self::Layers(layers) => write!(f, "{layers}"),
        }
    }
}

impl Serialize for Freeze {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Nothing => serializer.serialize_u64(0),
            Self::Embeddings => serializer.serialize_str("embeddings"),
            Self::Layers(layers) => serializer.serialize_u64(*layers as u64),
        }
    }
}

impl<'de> Deserialize<'de> for Freeze {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl de::Visitor<'_> for Visitor {
            type Value = Freeze;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a number of layers, or \"embeddings\"")
            }
            fn visit_i64<E: de::Error>(self, n: i64) -> Result<Freeze, E> {
                let layers = u64::try_from(n).map_err(|_| E::invalid_value(de::Unexpected::Signed(n), &self))?;
                self.visit_u64(layers)
            }
            fn visit_u64<E: de::Error>(self, n: u64) -> Result<Freeze, E> {
                match usize::try_from(n) {
                    Ok(0) => Ok(Freeze::Nothing),
                    Ok(layers) => Ok(Freeze::Layers(layers)),
                    Err(_) => Err(E::invalid_value(de::Unexpected::Unsigned(n), &self)),
                }
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<Freeze, E> {
                match text.trim().parse::<u64>() {
                    _ if text == "embeddings" => Ok(Freeze::Embeddings),
                    Ok(layers) => self.visit_u64(layers),
                    Err(_) => Err(E::invalid_value(de::Unexpected::Str(text), &self)),
                }
            }
        }
        deserializer.deserialize_any(Visitor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_frozen_reads_back_as_it_is_written() {
        for (json, freeze) in [("0", Freeze::Nothing), ("\"embeddings\"", Freeze::Embeddings), ("3", Freeze::Layers(3))]
        {
            assert_eq!(serde_json::from_str::<Freeze>(json).unwrap(), freeze);
            assert_eq!((serde_json::to_string(&freeze).unwrap().as_str(), freeze.to_string().as_str()), (json, json));
        }
        for bad in ["-1", "1.5", "\"layers\"", "true"] {
            let said = serde_json::from_str::<Freeze>(bad).unwrap_err().to_string();
            assert!(said.contains("expected a number of layers, or \"embeddings\""), "{said}");
        }
    }

    #[test]
    fn figures_are_named_as_they_are_written_and_the_earlier_of_equals_is_best() {
        let targets = [TargetKind::Single, TargetKind::Multi, TargetKind::Soft];
        for figure in targets.into_iter().flat_map(|target| BestBy::of(Task::Classify, target)) {
            assert_eq!(serde_json::to_value(figure).unwrap(), figure.name());
        }
        assert!(!BestBy::F1Micro.is_better(0.5, 0.5) && BestBy::F1Micro.is_better(0.6, 0.5));
        assert!(!BestBy::CrossEntropy.is_better(0.5, 0.5) && BestBy::CrossEntropy.is_better(0.4, 0.5));
        assert!(!BestBy::F1Micro.is_better(f64::NAN, 0.5));
    }
}
