//! Scoring the masked positions.

use burn::tensor::{Int, Tensor, activation::log_softmax};

/// What the model made of the scored positions.
pub struct Scores {
    /// Negative log-likelihood of each label in nats, `[K]`.
    pub nll: Tensor<1>,
    /// The likeliest word of each position, `[K]`.
    pub best: Tensor<1, Int>,
}

/// Negative log-likelihood and likeliest word of each scored position.
///
/// # Shapes
/// - `logits`: `[K, V]`; `labels`: `[K]`, each below V
///
/// # Source
/// Devlin et al. 2018, §3.1, task 1: cross-entropy over the vocabulary at the selected positions.
pub fn score(logits: Tensor<2>, labels: Tensor<1, Int>) -> Scores {
    let count = labels.dims()[0];
    let best = logits.clone().detach().argmax(1).reshape([count]);
    let log_prob = log_softmax(logits, 1);
    let nll = log_prob.gather(1, labels.reshape([count, 1])).reshape([count]).neg();
    Scores { nll, best }
}
