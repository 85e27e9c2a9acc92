//! What a model that knows nothing but frequencies would lose.

use corpus::{Prepared, RowSummary, Split};
use journal::Baselines;

/// Uniform and unigram losses in nats per token.
///
/// `uniform` is ln V. `unigram` is the cross-entropy of the validation split's tokens under the training split's
/// frequencies (each count plus one), all corpora together, weighted as an epoch weights them; validation text counts as far
/// as it is evaluated (`eval_rows`), so that the line is that of the same mixture as the loss. Each corpus stands beside it
/// under its own frequencies, which is the stricter line.
pub(crate) fn baselines(prepared: &Prepared, names: &[String], weights: &[f64], valid_rows: &RowSummary) -> Baselines {
    let vocab_size = prepared.tokenizer().vocab_size();
    let counts = |split: Split, corpus: usize| prepared.token_counts(split, corpus);
    let mut train_all = vec![0.0; vocab_size];
    let mut valid_all = vec![0.0; vocab_size];
    let mut corpora = Vec::new();
    for (corpus, name) in names.iter().enumerate() {
        let train = counts(Split::Train, corpus).iter().map(|count| *count as f64).collect::<Vec<_>>();
        let valid = counts(Split::Valid, corpus).iter().map(|count| *count as f64).collect::<Vec<_>>();
        let rows = &valid_rows.corpora[corpus];
        let read = rows.rows_per_epoch as f64 / rows.rows.max(1) as f64;
        for id in 0..vocab_size {
            train_all[id] += train[id] * weights[corpus];
            valid_all[id] += valid[id] * read;
        }
        corpora.push((name.clone(), cross_entropy(&valid, &train)));
    }
    Baselines { uniform: (vocab_size as f64).ln(), unigram: cross_entropy(&valid_all, &train_all), corpora }
}

/// Nats per token of `seen` under the frequencies `known`, each plus one; of `known` itself where nothing was seen.
fn cross_entropy(seen: &[f64], known: &[f64]) -> f64 {
    let seen = if seen.iter().sum::<f64>() > 0.0 { seen } else { known };
    let total = known.iter().sum::<f64>() + known.len() as f64;
    let nats = |(seen, known): (&f64, &f64)| -seen * ((known + 1.0) / total).ln();
    seen.iter().zip(known).map(nats).sum::<f64>() / seen.iter().sum::<f64>().max(1.0)
}

#[cfg(test)]
mod tests {
    use super::cross_entropy;

    #[test]
    fn equal_frequencies_lose_ln_of_their_number() {
        let even = [1e9; 8];
        assert!((cross_entropy(&even, &even) - 8f64.ln()).abs() < 1e-6);
    }

    #[test]
    fn a_word_never_seen_in_training_costs_much_but_not_infinity() {
        let loss = cross_entropy(&[0.0, 1.0], &[98.0, 0.0]);
        assert!((loss - 100f64.ln()).abs() < 1e-12, "{loss}");
    }

    #[test]
    fn without_validation_text_the_training_text_stands_in() {
        let train = [3.0, 1.0];
        assert_eq!(cross_entropy(&[0.0, 0.0], &train), cross_entropy(&train, &train));
    }
}
