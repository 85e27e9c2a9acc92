//! Scoring: the projection on the vocabulary and the cross-entropy, a slice of the positions at a time.

use rayon::prelude::*;

use super::{
    linear::column_sums,
    matrix::{Mat, MatMut, Onto, Threads, copies, product},
    wide::{exp_in_place, max, wide},
};

/// Logits held at once: 64 MB. A slice has few enough rows for that, and enough (hundreds) that packing the table for each
/// slice costs little.
const LOGITS: usize = 16 << 20;

/// What came of the scored positions.
pub(crate) struct Scored {
    /// Nats of each position, `[K]`.
    pub(crate) nll: Vec<f32>,
    /// The likeliest word of each position, `[K]`; the first of several.
    pub(crate) best: Vec<i32>,
}

/// Gradients of `scale · Σ nats`.
pub(crate) struct ScoreGradients {
    /// `[K, D]`.
    pub(crate) hidden: Vec<f32>,
    /// `[V, D]`.
    pub(crate) table: Vec<f32>,
    /// `[V]`.
    pub(crate) bias: Vec<f32>,
}

/// Scores positions, and differentiates at once where `scale` is given.
///
/// # Shapes
/// - `hidden`: `[K, D]`; `table`: `[V, D]`; `bias`: `[V]`; `labels`: `[K]`, each below V
///
/// # Source
/// The gradient of softmax and cross-entropy, p − 1 at the label, is known as soon as the logits are: they need not be kept
/// or made again for a backward pass (Hsu et al. 2024, Liger Kernel, §3.2, fused linear cross-entropy).
pub(crate) fn score(
    hidden: &[f32],
    table: &[f32],
    bias: &[f32],
    labels: &[i32],
    scale: Option<f32>,
) -> (Scored, Option<ScoreGradients>) {
    let (count, words) = (labels.len(), bias.len());
    let width = table.len() / words;
    let rows = (LOGITS / words).max(1);
    let mut scored = Scored { nll: vec![0.0; count], best: vec![0; count] };
    let mut gradients = scale.map(|_| ScoreGradients {
        hidden: vec![0.0; count * width],
        table: vec![0.0; table.len()],
        bias: vec![0.0; words],
    });
    for first in (0..count).step_by(rows) {
        let slice = first..count.min(first + rows);
        let hidden = Mat::new(hidden, count, width).rows(first, slice.len());
        let mut logits = copies(bias, slice.len());
        let view = MatMut::new(&mut logits, slice.len(), words);
        product(view, Onto::Add, 1.0, hidden, Mat::new(table, words, width).t(), Threads::All);
        let results = scored.nll[slice.clone()].par_iter_mut().zip(&mut scored.best[slice.clone()]);
        let tasks = logits.par_chunks_mut(words).zip(&labels[slice.clone()]).zip(results);
        tasks.for_each(|((logits, label), (nll, best))| {
            (*nll, *best) = score_one(logits, *label as usize, scale);
        });
        if let Some(gradients) = &mut gradients {
            add_gradients(gradients, &logits, hidden, table, first, slice.len());
        }
    }
    (scored, gradients)
}

wide! {
/// Nats and likeliest word of one position; its logits become their gradients where `scale` is given.
fn score_one(logits: &mut [f32], label: usize, scale: Option<f32>) -> (f32, i32) {
    let largest = max(logits);
    let best = logits.iter().position(|logit| *logit == largest).unwrap_or(0) as i32;
    let at_label = logits[label];
    let sum = exp_in_place(logits, largest);
    if let Some(scale) = scale {
        let factor = scale / sum;
        logits.iter_mut().for_each(|weight| *weight *= factor);
        logits[label] -= scale;
    }
    (largest + sum.ln() - at_label, best)
}
}

fn add_gradients(
    gradients: &mut ScoreGradients,
    of_logits: &[f32],
    hidden: Mat,
    table: &[f32],
    first: usize,
    count: usize,
) {
    let words = gradients.bias.len();
    let width = table.len() / words;
    let of_logits_matrix = Mat::new(of_logits, count, words);
    let of_hidden = &mut gradients.hidden[first * width..(first + count) * width];
    let (of_hidden, table) = (MatMut::new(of_hidden, count, width), Mat::new(table, words, width));
    product(of_hidden, Onto::Replace, 1.0, of_logits_matrix, table, Threads::All);
    let onto = if first == 0 { Onto::Replace } else { Onto::Add };
    let of_table = MatMut::new(&mut gradients.table, words, width);
    product(of_table, onto, 1.0, of_logits_matrix.t(), hidden, Threads::All);
    super::linear::add(&mut gradients.bias, &column_sums(of_logits, words));
}
