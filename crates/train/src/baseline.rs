//! What a model that knows nothing but frequencies would lose.

use corpus::{Prepared, RowSummary, Split};
use journal::Baselines;

/// Uniform and unigram losses in nats per token.
///
/// `uniform` is ln V. A corpus's unigram loss is the cross-entropy of its validation tokens under the frequencies of its own
/// training tokens (each count plus one); `unigram` is their mean, each corpus with the share of its validation tokens that
/// is evaluated (`eval_rows`). That is lower than the loss under all corpora's frequencies together, and the right line:
/// which corpus a row is from can be seen in it, so a model that knows nothing but frequencies gets that far.
pub(crate) fn baselines(prepared: &Prepared, names: &[String], valid_rows: &RowSummary) -> Baselines {
    let vocab_size = prepared.tokenizer().vocab_size();
    let counts = |split: Split, corpus: usize| {
        prepared.token_counts(split, corpus).iter().map(|count| *count as f64).collect::<Vec<_>>()
    };
    let one = |(corpus, name): (usize, &String)| {
        let (train, valid) = (counts(Split::Train, corpus), counts(Split::Valid, corpus));
        let rows = &valid_rows.corpora[corpus];
        let read = rows.rows_per_epoch as f64 / rows.rows.max(1) as f64;
        (name.clone(), cross_entropy(&valid, &train), valid.iter().sum::<f64>() * read)
    };
    let corpora = names.iter().enumerate().map(one).collect::<Vec<_>>();
    Baselines {
        uniform: (vocab_size as f64).ln(),
        unigram: mixed(&corpora),
        corpora: corpora.into_iter().map(|(name, loss, _)| (name, loss)).collect(),
    }
}

/// The mean of the corpora's losses, each weighted by its tokens; all alike where no corpus has any.
fn mixed(corpora: &[(String, f64, f64)]) -> f64 {
    let tokens = corpora.iter().map(|(.., tokens)| tokens).sum::<f64>();
    let weight = |seen: f64| if tokens > 0.0 { seen / tokens } else { 1.0 / corpora.len() as f64 };
    corpora.iter().map(|(_, loss, seen)| loss * weight(*seen)).sum()
}

/// Nats per token of `seen` under the frequencies `known`, each plus one; of `known` itself where nothing was seen.
pub(crate) fn cross_entropy(seen: &[f64], known: &[f64]) -> f64 {
    let seen = if seen.iter().sum::<f64>() > 0.0 { seen } else { known };
    let total = known.iter().sum::<f64>() + known.len() as f64;
    let nats = |(seen, known): (&f64, &f64)| -seen * ((known + 1.0) / total).ln();
    seen.iter().zip(known).map(nats).sum::<f64>() / seen.iter().sum::<f64>().max(1.0)
}

#[cfg(test)]
mod tests {
    use super::{cross_entropy, mixed};

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
    fn two_corpora_mix_by_their_validation_tokens() {
        let corpora = [("ko".to_string(), 6.0, 300.0), ("en".to_string(), 5.0, 100.0)];
        assert_eq!(mixed(&corpora), 5.75);
        let unseen = corpora.map(|(name, loss, _)| (name, loss, 0.0));
        assert_eq!(mixed(&unseen), 5.5);
    }

    #[test]
    fn without_validation_text_the_training_text_stands_in() {
        let train = [3.0, 1.0];
        assert_eq!(cross_entropy(&[0.0, 0.0], &train), cross_entropy(&train, &train));
    }
}
