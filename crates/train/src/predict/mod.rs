//! A fine-tuned run at work: classes of texts, tags and entities of words.

mod misses;

use std::path::Path;

use burn::module::Module;
use case::{CaseConfig, Task};
use corpus::{
    TextTokenizer,
    labelled::{PageBox, TagSet, TaggedRow, Target as Truths, TextRow, WrittenRow, WrittenText},
};
use encoder::Model;
use journal::{
    ExamplesInfo, RunInfo,
    metrics::{self, EntityMode, Prior, entities},
};

use crate::{
    TrainError,
    device::Place,
    labels::{Part, Speech, Target, Truth, said, tag_part, text_part},
    source::{Source, Which, filled, read_source},
};
pub use misses::{Evaluated, Miss};

/// A fine-tuned run, ready to be asked.
pub struct Tuned {
    config: CaseConfig,
    tokenizer: TextTokenizer,
    model: Model,
    place: Place,
    speech: Speech,
    /// Updates behind the weights.
    pub step: u64,
    /// Newer checkpoints that could not be trusted, and why.
    pub refused: Vec<String>,
}

/// What a model says of a text.
#[derive(Debug, Clone, PartialEq)]
pub struct Predicted {
    /// The likeliest class; of several labels all that are likelier than not, perhaps none.
    pub labels: Vec<String>,
    /// The probability of each class, likeliest first; of several labels each one's own.
    pub probabilities: Vec<(String, f64)>,
}

/// A word and what a model says of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Word {
    /// As it was given.
    pub text: String,
    /// A BIO tag.
    pub tag: String,
    /// The tag's probability at the token that decides it; none for white space among characters.
    pub probability: Option<f64>,
    /// Where it stands on its page, in 0..=1000.
    pub bounds: Option<PageBox>,
}

/// Words that make an entity.
#[derive(Debug, Clone, PartialEq)]
pub struct Entity {
    /// Its type.
    pub kind: String,
    /// Its words: first, and one past the last.
    pub words: std::ops::Range<usize>,
    /// As it stands in the words.
    pub text: String,
    /// The smallest probability of its words' tags.
    pub probability: f64,
    /// The box around its words, where there are boxes.
    pub bounds: Option<PageBox>,
}

/// What a model says of a sequence of words.
#[derive(Debug, Clone, PartialEq)]
pub struct TaggedWords {
    /// All words.
    pub words: Vec<Word>,
    /// The entities among them, in order.
    pub entities: Vec<Entity>,
}

impl Tuned {
    /// Loads a fine-tuned run's best checkpoint, or the newest one that can be read where the best cannot.
    ///
    /// # Errors
    /// [`TrainError`] for a folder that is no run, has no checkpoint whose hashes hold, or is of a run that guesses words.
    pub fn load(run: &Path, device: &str) -> Result<Self, TrainError> {
        let source = read_source(run, Which::Best)?;
        let advice =
            "it tells no labels apart; ask it with `casebook fill-mask`, or start a fine-tuning from it".to_string();
        let refuse = |task: Task| TrainError::Task { run: run.into(), found: task.name(), advice };
        let (Some(folder), true) = (&source.run, !source.config.task.hides_words()) else {
            return Err(refuse(source.config.task));
        };
        let Some(examples) = RunInfo::read(folder)?.data.examples else { return Err(refuse(source.config.task)) };
        let speech = Speech::of_run(&source.config, examples)?;
        let tokenizer = TextTokenizer::load(&source.tokenizer)?;
        let place = Place::open(device, source.config.train.kernels)?;
        let model = Model::zeros(&source.config.model, tokenizer.vocab_size(), speech.head(), &place.plain());
        let (model, _) = filled(model, &source.weights, &place)?;
        let Source { config, step, refused, .. } = source;
        Ok(Self { config, tokenizer, model: model.valid(), place, speech, step, refused })
    }

    /// The run's case.
    pub fn case(&self) -> &CaseConfig {
        &self.config
    }

    /// Classes, or BIO tags.
    pub fn labels(&self) -> &[String] {
        &self.speech.names
    }

    /// What the model says of texts.
    ///
    /// # Errors
    /// [`TrainError`] where the run tags words, or the tokenizer or the device fails.
    pub fn classify(&self, texts: &[WrittenText]) -> Result<Vec<Predicted>, TrainError> {
        self.must_be(Task::Classify)?;
        let row = |text: &WrittenText| TextRow {
            place: text.place.clone(),
            first: text.first.clone(),
            second: text.second.clone(),
            target: Truths::Single(0), // not looked at
            group: None,
        };
        let rows = texts.iter().map(row).collect::<Vec<_>>();
        let part = text_part("texts", &rows, &self.tokenizer, &self.config)?;
        Ok(self.say(&part)?.iter().map(|logits| self.predicted(logits)).collect())
    }

    fn predicted(&self, logits: &[f32]) -> Predicted {
        let names = &self.speech.names;
        let probabilities: Vec<f64> = match self.speech.target {
            Target::Many => logits.iter().map(|logit| metrics::log_sigmoid(*logit).0.exp()).collect(),
            _ => metrics::log_softmax(logits, names.len()).into_iter().map(f64::exp).collect(),
        };
        let mut named = names.iter().cloned().zip(probabilities).collect::<Vec<_>>();
        named.sort_by(|a, b| b.1.total_cmp(&a.1));
        let labels = match self.speech.target {
            Target::Many => named.iter().filter(|(_, p)| *p > 0.5).map(|(name, _)| name.clone()).collect(),
            _ => named.iter().take(1).map(|(name, _)| name.clone()).collect(),
        };
        Predicted { labels, probabilities: named }
    }

    /// What the model says of words, sequence by sequence.
    ///
    /// # Errors
    /// As [`Tuned::classify`], for a run that classifies texts.
    pub fn tag(&self, rows: &[WrittenRow]) -> Result<Vec<TaggedWords>, TrainError> {
        self.must_be(Task::Tag)?;
        let Some(set) = &self.speech.tags else { return Ok(Vec::new()) };
        let row = |row: &WrittenRow| TaggedRow {
            place: row.place.clone(),
            words: row.words.clone(),
            tags: vec![0; row.words.len()], // not looked at
            boxes: row.boxes.clone(),
            group: None,
        };
        let tagged = rows.iter().map(row).collect::<Vec<_>>();
        let part = tag_part("words", &tagged, &self.tokenizer, set, &self.config)?;
        let logits = self.say(&part)?;
        let Truth::Tags(sequences) = &part.truth else { return Ok(Vec::new()) };
        let one = |(row, sequence): (&WrittenRow, &crate::labels::Sequence)| {
            let classes = self.speech.names.len();
            let heard = self.speech.heard(sequence, &logits);
            let tags = sequence.alignment.tags(&metrics::likeliest(&heard, classes), set);
            let deciding = sequence.alignment.deciding();
            let word = |at: usize| Word {
                text: row.words[at].clone(),
                tag: self.speech.names[tags[at]].clone(),
                probability: deciding[at].map(|token| heard[token * classes + tags[at]].exp()),
                bounds: row.boxes.as_ref().map(|boxes| boxes[at]),
            };
            let words = (0..row.words.len()).map(word).collect::<Vec<_>>();
            let entities = self.entities(&words);
            TaggedWords { words, entities }
        };
        Ok(rows.iter().zip(sequences).map(one).collect())
    }

    fn entities(&self, words: &[Word]) -> Vec<Entity> {
        let tags = words.iter().map(|word| word.tag.as_str()).collect::<Vec<_>>();
        let found = entities(&tags, EntityMode::Conll).expect("the set's tags are BIO tags");
        let one = |entity: metrics::Entity| {
            let own = &words[entity.start..entity.end];
            let probability = own.iter().filter_map(|word| word.probability).fold(1.0, f64::min);
            let bounds = own.iter().filter_map(|word| word.bounds).reduce(around);
            let text = self.joined(own.iter().map(|word| word.text.as_str()));
            Entity { kind: entity.kind.into(), words: entity.start..entity.end, text, probability, bounds }
        };
        found.into_iter().map(one).collect()
    }

    /// Words as one text.
    fn joined<'a>(&self, words: impl Iterator<Item = &'a str>) -> String {
        let between = if self.config.examples.join == case::WordJoin::Spaces { " " } else { "" };
        words.collect::<Vec<_>>().join(between)
    }

    /// Logits of every input of a part.
    fn say(&self, part: &Part) -> Result<Vec<Vec<f32>>, TrainError> {
        let sizes = (self.tokenizer.special().pad, self.config.train.batch_size);
        let said = said(&self.model, &self.place, (part.inputs.as_slice(), &part.truth), sizes, &mut |_| true)?;
        Ok(said.expect("nobody asks to stop"))
    }

    fn must_be(&self, task: Task) -> Result<(), TrainError> {
        if self.config.task == task {
            return Ok(());
        }
        let advice = match self.config.task {
            Task::Tag => "give it words: jsonl with a list of words a line, or CoNLL columns",
            _ => "give it texts",
        };
        let found = self.config.task.name();
        Err(TrainError::Task { run: self.config.question.clone().into(), found, advice: advice.into() })
    }
}

/// The box around two.
fn around(a: PageBox, b: PageBox) -> PageBox {
    [a[0].min(b[0]), a[1].min(b[1]), a[2].max(b[2]), a[3].max(b[3])]
}

impl Speech {
    /// What a run's record says of its labels.
    fn of_run(config: &CaseConfig, examples: ExamplesInfo) -> Result<Self, TrainError> {
        let kinds = || examples.labels.iter().filter_map(|tag| tag.strip_prefix("B-")).map(ToOwned::to_owned).collect();
        let tags = (config.task == Task::Tag).then(|| TagSet::new(kinds())).transpose()?;
        Ok(Self {
            target: Target::of(config),
            tags,
            vote: config.examples.vote,
            prior: Prior { shares: examples.shares },
            names: examples.labels,
        })
    }
}
