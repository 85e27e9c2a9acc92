//! All figures of tagged words.

use std::collections::BTreeMap;

use super::entities::{EntityMode, entity_tallies};
use super::resample::resampled_errors;
use super::scores::{ClassScore, Figure, Prior, Scores};
use super::tally::{Tally, macro_average, micro_average, weighted_average};
use crate::JournalError;

/// Tags of sequences: sentences, documents or pages.
#[derive(Debug, Clone, Copy)]
pub struct Tagged<'a> {
    /// True tags of each sequence's words.
    pub truth: &'a [Vec<String>],
    /// Predicted tags of the same words.
    pub predicted: &'a [Vec<String>],
    /// What the probabilities of the tags cost, where it is known.
    pub loss: Option<TagLoss<'a>>,
}

/// Nats of the tags' probabilities.
#[derive(Debug, Clone, Copy)]
pub struct TagLoss<'a> {
    /// Sum of −ln p(true tag) over each sequence's scored tokens.
    pub nats: &'a [f64],
    /// Scored tokens of each sequence.
    pub scored: &'a [u64],
}

/// Figures of tags, in this order.
const NAMES: [&str; 11] = [
    "f1-micro",
    "f1-macro",
    "f1-weighted",
    "precision-micro",
    "recall-micro",
    "strict-f1-micro",
    "strict-f1-macro",
    "strict-f1-weighted",
    "strict-precision-micro",
    "strict-recall-micro",
    "accuracy",
];

/// What one sequence adds to the figures: counts by type for both modes, words and those tagged right.
struct Counted {
    conll: Vec<(usize, Tally)>,
    strict: Vec<(usize, Tally)>,
    right: u64,
    words: u64,
}

/// Precision, recall and F1 of entities as seqeval counts them, in its default mode and strict (`strict-...`), each type's,
/// the share of words tagged right, and the cross-entropy per scored token where `loss` is given.
///
/// `tags` and `prior` are the tags and their shares among the training words. Standard errors are by
/// [`resampled_errors`] over sequences, for the words of one are not independent.
///
/// # Errors
/// At a tag that begins with none of B, I and O.
///
/// # Panics
/// If truth, prediction and loss are not of the same sequences and words.
pub fn tag_scores(given: Tagged<'_>, tags: &[String], prior: &Prior) -> Result<Scores, JournalError> {
    assert_eq!(given.truth.len(), given.predicted.len(), "one prediction a sequence");
    assert_eq!(tags.len(), prior.shares.len(), "one share a tag");
    let sequences = given.truth.len();
    let mut kinds = BTreeMap::new();
    let counted = count(given.truth, given.predicted, &mut kinds)?;
    let words = counted.iter().map(|counted| counted.words).sum();
    let mut scores = Scores { examples: sequences as u64, scored: words, ..Scores::default() };
    if words == 0 {
        scores.notes.push("There was no word to evaluate.".into());
        return Ok(scores);
    }
    let every: Vec<usize> = (0..sequences).collect();
    let (conll, strict, values) = figures_of(&counted, kinds.len(), &every);
    let errors = resampled_errors(sequences, &mut |drawn| {
        let (conll, _, mut figures) = figures_of(&counted, kinds.len(), drawn);
        figures.extend(conll.iter().map(|tally| tally.shares().f1));
        figures
    });
    scores.add_all(&NAMES, &values, &errors, &always_majority(given.truth, tags, prior)?);
    let share = |tag: &String| tags.iter().position(|known| known == tag).map_or(0.0, |at| prior.shares[at]);
    let shares: Vec<f64> = given.truth.iter().flatten().map(share).collect();
    scores.set_prior("accuracy", Some(shares.iter().sum::<f64>() / words as f64));
    if let Some(loss) = given.loss {
        let prior = -shares.iter().map(|share| share.ln()).sum::<f64>() / words as f64;
        scores.add(Figure { prior: Some(prior), ..cross_entropy(loss, sequences) });
    }
    for (kind, at) in &kinds {
        let mut class = ClassScore::new(kind, &conll[*at], errors[NAMES.len() + at]);
        class.strict = Some(strict[*at].shares());
        scores.classes.push(class);
    }
    Ok(scores)
}

/// Counts every sequence; types are numbered in `kinds`.
fn count(
    truth: &[Vec<String>],
    predicted: &[Vec<String>],
    kinds: &mut BTreeMap<String, usize>,
) -> Result<Vec<Counted>, JournalError> {
    let mut counted = Vec::with_capacity(truth.len());
    for (truth, predicted) in truth.iter().zip(predicted) {
        let mut of_mode = |mode| {
            let tallies = entity_tallies(truth, predicted, mode)?;
            let numbered = tallies.into_iter().map(|(kind, tally)| {
                let next = kinds.len();
                (*kinds.entry(kind).or_insert(next), tally)
            });
            Ok::<_, JournalError>(numbered.collect())
        };
        let (conll, strict) = (of_mode(EntityMode::Conll)?, of_mode(EntityMode::Strict)?);
        let right = truth.iter().zip(predicted).filter(|(truth, predicted)| truth == predicted).count() as u64;
        counted.push(Counted { conll, strict, right, words: truth.len() as u64 });
    }
    Ok(counted)
}

/// Counts by type in both modes, and the values of [`NAMES`], over the sequences `drawn`.
fn figures_of(counted: &[Counted], kinds: usize, drawn: &[usize]) -> (Vec<Tally>, Vec<Tally>, Vec<f64>) {
    let (mut conll, mut strict) = (vec![Tally::default(); kinds], vec![Tally::default(); kinds]);
    let (mut right, mut words) = (0, 0);
    for at in drawn {
        let sequence = &counted[*at];
        sequence.conll.iter().for_each(|(kind, tally)| conll[*kind].add(tally));
        sequence.strict.iter().for_each(|(kind, tally)| strict[*kind].add(tally));
        right += sequence.right;
        words += sequence.words;
    }
    let mut figures = Vec::with_capacity(NAMES.len());
    for tallies in [&conll, &strict] {
        // A type that strict mode finds nowhere, in truth or prediction, is none of its types.
        let occurring: Vec<Tally> = tallies.iter().copied().filter(Tally::occurs).collect();
        let micro = micro_average(&occurring);
        let (means, weighted) = (macro_average(&occurring).f1, weighted_average(&occurring).f1);
        figures.extend([micro.f1, means, weighted, micro.precision, micro.recall]);
    }
    figures.push(if words == 0 { 0.0 } else { right as f64 / words as f64 });
    (conll, strict, figures)
}

/// The figures of giving every word the most frequent tag.
fn always_majority(truth: &[Vec<String>], tags: &[String], prior: &Prior) -> Result<Vec<f64>, JournalError> {
    let Some(tag) = tags.get(prior.majority()) else { return Ok(Vec::new()) };
    let always: Vec<Vec<String>> = truth.iter().map(|words| vec![tag.clone(); words.len()]).collect();
    let mut kinds = BTreeMap::new();
    let counted = count(truth, &always, &mut kinds)?;
    let every: Vec<usize> = (0..truth.len()).collect();
    Ok(figures_of(&counted, kinds.len(), &every).2)
}

fn cross_entropy(loss: TagLoss<'_>, sequences: usize) -> Figure {
    assert_eq!((loss.nats.len(), loss.scored.len()), (sequences, sequences), "one loss a sequence");
    let mean = |drawn: &mut dyn Iterator<Item = usize>| {
        let (nats, scored) =
            drawn.fold((0.0, 0), |(nats, scored), at| (nats + loss.nats[at], scored + loss.scored[at]));
        if scored == 0 { 0.0 } else { nats / scored as f64 }
    };
    let errors = resampled_errors(sequences, &mut |drawn| vec![mean(&mut drawn.iter().copied())]);
    let value = mean(&mut (0..sequences));
    Figure { name: "cross-entropy".into(), value, error: errors[0], majority: None, prior: None }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sequences(lines: &[&str]) -> Vec<Vec<String>> {
        lines.iter().map(|line| line.split_whitespace().map(String::from).collect()).collect()
    }

    fn tags() -> (Vec<String>, Prior) {
        (["B-a", "I-a", "B-b", "O"].map(String::from).to_vec(), Prior { shares: vec![0.2, 0.1, 0.1, 0.6] })
    }

    #[test]
    fn seqevals_own_example_is_counted_as_it_counts() {
        // README of seqeval: F1 0.5, accuracy 0.8.
        let truth = sequences(&["O O O B-MISC I-MISC I-MISC O", "B-PER I-PER O"]);
        let predicted = sequences(&["O O B-MISC I-MISC I-MISC I-MISC O", "B-PER I-PER O"]);
        let (tags, prior) = (vec!["O".to_string()], Prior { shares: vec![1.0] });
        let loss = TagLoss { nats: &[7.0, 3.0], scored: &[7, 3] };
        let given = Tagged { truth: &truth, predicted: &predicted, loss: Some(loss) };
        let scores = tag_scores(given, &tags, &prior).unwrap();
        assert_eq!(scores.value("f1-micro"), Some(0.5));
        assert_eq!(scores.value("accuracy"), Some(0.8));
        assert_eq!(scores.value("cross-entropy"), Some(1.0));
        assert_eq!((scores.classes[0].name.as_str(), scores.classes[0].shares.f1), ("MISC", 0.0));
        assert_eq!((scores.classes[1].name.as_str(), scores.classes[1].shares.f1), ("PER", 1.0));
        // Nothing but O: no entity found, five words of ten right.
        let (f1, accuracy) = (scores.figure("f1-micro").unwrap(), scores.figure("accuracy").unwrap());
        assert_eq!((f1.majority, accuracy.majority), (Some(0.0), Some(0.5)));
        assert!(f1.error.unwrap() > 0.0);
    }

    #[test]
    fn strict_and_default_modes_stand_side_by_side() {
        let truth = sequences(&["B-a I-a O", "O B-b O"]);
        let predicted = sequences(&["I-a I-a O", "O B-b O"]);
        let (tags, prior) = tags();
        let given = Tagged { truth: &truth, predicted: &predicted, loss: None };
        let scores = tag_scores(given, &tags, &prior).unwrap();
        assert_eq!((scores.value("f1-micro"), scores.value("strict-f1-micro")), (Some(1.0), Some(2.0 / 3.0)));
        assert_eq!(scores.classes[0].strict.unwrap().f1, 0.0);
        assert!(
            (scores.figure("accuracy").unwrap().prior.unwrap() - (0.2 + 0.1 + 0.1 + 3.0 * 0.6) / 6.0).abs() < 1e-15
        );
    }

    #[test]
    fn no_words_and_wrong_tags_are_said() {
        let (tags, prior) = tags();
        let none = Tagged { truth: &[], predicted: &[], loss: None };
        assert!(tag_scores(none, &tags, &prior).unwrap().notes[0].contains("no word"));
        let wrong = sequences(&["X"]);
        assert!(tag_scores(Tagged { truth: &wrong, predicted: &wrong, loss: None }, &tags, &prior).is_err());
    }
}
