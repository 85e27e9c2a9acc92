//! What a fine-tuned run gets wrong, worst first.

use std::path::Path;

use corpus::labelled::{TagColumns, TaggedRow, Target as Truths, TextColumns, TextRow, tagged_set, text_set};
use journal::metrics::{EntityMode, Scores, entities, likeliest, log_sigmoid, log_softmax};

use super::Tuned;
use crate::{
    TrainError,
    labels::{Truth, scores, tag_part, text_part},
};

/// A labelled file as a run sees it.
pub struct Evaluated {
    /// All figures.
    pub scores: Scores,
    /// What was said wrongly, worst first.
    pub misses: Vec<Miss>,
}

/// One wrong answer.
#[derive(Debug, Clone, PartialEq)]
pub struct Miss {
    /// File and line.
    pub place: String,
    /// What is true: a class, labels, or an entity's type; `O` where there is no entity.
    pub truth: String,
    /// What was said.
    pub said: String,
    /// −ln of the probability of what is true: how wrong it was. Of an entity, that of its worst word.
    pub nats: f64,
    /// The text, or the entity's words.
    pub text: String,
}

impl Tuned {
    /// All figures of a labelled file, and what was said wrongly.
    ///
    /// # Errors
    /// [`TrainError`] where the file cannot be read or has other labels than the run.
    pub fn evaluate(&self, file: &Path) -> Result<Evaluated, TrainError> {
        let splits = [vec![file.to_path_buf()]];
        let examples = &self.config.examples;
        let mut evaluated = match &self.speech.tags {
            Some(set) => {
                let kinds = Some(set.kinds().to_vec());
                let mut found = tagged_set(&splits, &TagColumns::of(examples), kinds)?;
                self.of_tagged(&found.splits.remove(0))?
            }
            None => {
                let mut found = text_set(&splits, &TextColumns::of(examples), Some(self.speech.names.clone()))?;
                self.of_texts(&found.splits.remove(0))?
            }
        };
        evaluated.misses.sort_by(|a, b| b.nats.total_cmp(&a.nats));
        Ok(evaluated)
    }

    fn of_texts(&self, rows: &[TextRow]) -> Result<Evaluated, TrainError> {
        let part = text_part("data", rows, &self.tokenizer, &self.config)?;
        let logits = self.say(&part)?;
        let names = |classes: &[usize]| {
            classes.iter().map(|class| self.speech.names[*class].as_str()).collect::<Vec<_>>().join(", ")
        };
        let miss = |(row, logits): (&TextRow, &Vec<f32>)| {
            let log_probs = log_softmax(logits, logits.len());
            let (truth, said, nats) = match &row.target {
                Truths::Many(held) => {
                    let pairs = logits.iter().map(|logit| log_sigmoid(*logit)).collect::<Vec<_>>();
                    let said = (0..pairs.len()).filter(|at| pairs[*at].0 > pairs[*at].1).collect::<Vec<_>>();
                    let cost = |(at, pair): (usize, &(f64, f64))| if held.contains(&at) { -pair.0 } else { -pair.1 };
                    let nats = pairs.iter().enumerate().map(cost).sum();
                    (held.clone(), said, nats)
                }
                Truths::Single(class) => (vec![*class], likeliest(&log_probs, logits.len()), -log_probs[*class]),
                Truths::Soft(shares) => {
                    let class = likeliest(shares, shares.len());
                    let nats = -log_probs[class[0]];
                    (class, likeliest(&log_probs, logits.len()), nats)
                }
            };
            let text = match &row.second {
                Some(second) => format!("{} / {second}", row.first),
                None => row.first.clone(),
            };
            let is_wrong = truth != said;
            is_wrong.then(|| Miss {
                place: row.place.to_string(),
                truth: names(&truth),
                said: names(&said),
                nats,
                text,
            })
        };
        let misses = rows.iter().zip(&logits).filter_map(miss).collect();
        Ok(Evaluated { scores: scores(&self.speech, &part, &logits), misses })
    }

    fn of_tagged(&self, rows: &[TaggedRow]) -> Result<Evaluated, TrainError> {
        let Some(set) = &self.speech.tags else { unreachable!("only runs that tag come here") };
        let part = tag_part("data", rows, &self.tokenizer, set, &self.config)?;
        let logits = self.say(&part)?;
        let Truth::Tags(sequences) = &part.truth else { unreachable!("a part of tagged words") };
        let classes = self.speech.names.len();
        let mut misses = Vec::new();
        for (row, sequence) in rows.iter().zip(sequences) {
            let heard = self.speech.heard(sequence, &logits);
            let said = sequence.alignment.tags(&likeliest(&heard, classes), set);
            let nats = |(token, tag): (Option<usize>, &usize)| token.map_or(0.0, |at| -heard[at * classes + tag]);
            let nats = sequence.alignment.deciding().into_iter().zip(&row.tags).map(nats).collect::<Vec<f64>>();
            misses.extend(self.entity_misses(row, &said, &nats));
        }
        Ok(Evaluated { scores: scores(&self.speech, &part, &logits), misses })
    }

    /// Entities that were not found as they are, and what was found where there is none.
    fn entity_misses(&self, row: &TaggedRow, said: &[usize], nats: &[f64]) -> Vec<Miss> {
        let named = |tags: &[usize]| tags.iter().map(|tag| self.speech.names[*tag].as_str()).collect::<Vec<_>>();
        let (truth_tags, said_tags) = (named(&row.tags), named(said));
        let found = |tags| entities(tags, EntityMode::Conll).expect("the set's tags are BIO tags");
        let (truth, said) = (found(truth_tags.as_slice()), found(said_tags.as_slice()));
        let miss = |words: std::ops::Range<usize>, truth: String, said: String| Miss {
            place: row.place.to_string(),
            truth,
            said,
            nats: nats[words.clone()].iter().copied().fold(0.0, f64::max),
            text: self.joined(row.words[words].iter().map(String::as_str)),
        };
        let missed = truth.iter().filter(|entity| !said.contains(entity)).map(|entity| {
            let over = said.iter().filter(|other| other.start < entity.end && entity.start < other.end);
            let over = over.map(|other| {
                format!(
                    "{} {:?}",
                    other.kind,
                    self.joined(row.words[other.start..other.end].iter().map(String::as_str))
                )
            });
            let over = over.collect::<Vec<_>>().join(", ");
            let over = if over.is_empty() { "O".to_string() } else { over };
            miss(entity.start..entity.end, entity.kind.into(), over)
        });
        let nothing_true = |entity: &&journal::metrics::Entity| {
            !truth.iter().any(|other| other.start < entity.end && entity.start < other.end)
        };
        let spurious = said.iter().filter(nothing_true);
        let spurious = spurious.map(|entity| miss(entity.start..entity.end, "O".into(), entity.kind.into()));
        missed.chain(spurious).collect()
    }
}
