//! From what a model said to figures.

use corpus::labelled::{TagSet, Target as Truths, voted};
use journal::metrics::{
    MultiLabel, Scores, TagLoss, Tagged, Targets, classification_scores, likeliest, log_sigmoid, log_softmax,
    multi_label_scores, tag_scores,
};

use super::{Part, Sequence, Speech, Target, Truth};

/// All figures of what a model said of a part.
pub(crate) fn scores(speech: &Speech, part: &Part, logits: &[Vec<f32>]) -> Scores {
    let classes = speech.names.len();
    match (&part.truth, &speech.tags) {
        (Truth::Tags(sequences), Some(set)) => tags(speech, set, sequences, logits),
        (Truth::Texts(truths), _) => {
            let flat = logits.concat();
            match speech.target {
                Target::Many => {
                    let held = |truth: &Truths| match truth {
                        Truths::Many(held) => (0..classes).map(|class| held.contains(&class)).collect::<Vec<_>>(),
                        _ => vec![false; classes],
                    };
                    let truth = truths.iter().flat_map(held).collect::<Vec<_>>();
                    let log_probs = flat.iter().map(|logit| log_sigmoid(*logit)).collect::<Vec<_>>();
                    let given = MultiLabel { labels: &speech.names, truth: &truth, log_probs: &log_probs };
                    multi_label_scores(given, &speech.prior)
                }
                _ => texts(speech, truths, &log_softmax(&flat, classes)),
            }
        }
        (Truth::Tags(_), None) => unreachable!("tags are said with their set"),
    }
}

fn texts(speech: &Speech, truths: &[Truths], log_probs: &[f64]) -> Scores {
    if speech.target == Target::Soft {
        let shares = |truth: &Truths| match truth {
            Truths::Soft(shares) => shares.clone(),
            _ => Vec::new(),
        };
        let soft = truths.iter().flat_map(shares).collect::<Vec<_>>();
        return classification_scores(&speech.names, log_probs, Targets::Soft(&soft), &speech.prior);
    }
    let class = |truth: &Truths| match truth {
        Truths::Single(class) => *class,
        _ => 0,
    };
    let hard = truths.iter().map(class).collect::<Vec<_>>();
    classification_scores(&speech.names, log_probs, Targets::Hard(&hard), &speech.prior)
}

impl Speech {
    /// Log-probabilities of a sequence's tokens, `[P * C]`, as its windows voted.
    pub(crate) fn heard(&self, sequence: &Sequence, logits: &[Vec<f32>]) -> Vec<f64> {
        let classes = self.names.len();
        let of_windows = &logits[sequence.first..sequence.first + sequence.windows.len()];
        let log_probs = of_windows.iter().map(|logits| log_softmax(logits, classes)).collect::<Vec<_>>();
        voted(&sequence.windows, &log_probs, classes, self.vote)
    }
}

fn tags(speech: &Speech, set: &TagSet, sequences: &[Sequence], logits: &[Vec<f32>]) -> Scores {
    let classes = speech.names.len();
    let named = |tags: &[usize]| tags.iter().map(|tag| speech.names[*tag].clone()).collect::<Vec<_>>();
    let (mut truth, mut predicted, mut nats, mut scored) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for sequence in sequences {
        let heard = speech.heard(sequence, logits);
        let of_tokens = likeliest(&heard, classes);
        truth.push(named(&sequence.tags));
        predicted.push(named(&sequence.alignment.tags(&of_tokens, set)));
        let (sum, count) = cost(sequence, &heard, classes);
        nats.push(sum);
        scored.push(count);
    }
    let loss = Some(TagLoss { nats: &nats, scored: &scored });
    let given = Tagged { truth: &truth, predicted: &predicted, loss };
    tag_scores(given, &speech.names, &speech.prior).expect("the set's tags are BIO tags")
}

/// Nats of a sequence's words at the tokens that decide their tags, each token once, and how many there are.
fn cost(sequence: &Sequence, heard: &[f64], classes: usize) -> (f64, u64) {
    let (mut sum, mut count) = (0.0, 0);
    let mut last = None;
    for (token, tag) in sequence.alignment.deciding().into_iter().zip(&sequence.tags) {
        let Some(token) = token.filter(|token| last != Some(*token)) else { continue };
        last = Some(token);
        sum -= heard[token * classes + tag];
        count += 1;
    }
    (sum, count)
}
