//! Token vectors with their positions.

use rayon::prelude::*;

use super::{matrix::MatMut, wide::wide};
use crate::{Spans, ops::EmbedHow};

/// Columns of a table that one task adds to.
const COLUMNS: usize = 128;

/// `scale · table[id] + positions[place in its row]`, `[tokens, D]`.
///
/// # Shapes
/// - `ids`: `[tokens]`; `table`: `[V, D]`; `positions`: `[at least the longest row, D]`
///
/// # Panics
/// If an id lies outside the table or a row is longer than there are positions.
pub(crate) fn embed(ids: &[i32], table: &[f32], width: usize, positions: &[f32], how: &EmbedHow) -> Vec<f32> {
    let mut out = vec![0.0; ids.len() * width];
    let rows = MatMut::new(&mut out, ids.len(), width).split_rows(&how.spans);
    rows.into_par_iter().zip(how.spans.all()).for_each(|(mut out, span)| {
        for place in 0..span.count {
            let id = ids[span.first + place] as usize;
            let row = &table[id * width..(id + 1) * width];
            sum_row(out.row(place), row, how.scale, &positions[place * width..(place + 1) * width]);
        }
    });
    out
}

/// Adds the gradient of each token's vector to its table row, in the order of the tokens.
pub(crate) fn embed_backward(sums: &mut [f32], ids: &[i32], gradient: &[f32], width: usize, scale: f32) {
    let vocabulary = sums.len() / width;
    let columns = if width.is_multiple_of(COLUMNS) { COLUMNS } else { width };
    let parts = MatMut::new(sums, vocabulary, width).split_columns(columns);
    parts.into_par_iter().enumerate().for_each(|(part, mut sums)| {
        let first = part * columns;
        for (token, id) in ids.iter().enumerate() {
            let more = &gradient[token * width + first..token * width + first + columns];
            add_scaled(sums.row(*id as usize), more, scale);
        }
    });
}

/// Sum over the rows of the batch of each position's gradient, `[positions, D]`.
pub(crate) fn positions_backward(gradient: &[f32], width: usize, positions: usize, spans: &Spans) -> Vec<f32> {
    let mut sums = vec![0.0; positions * width];
    sums.par_chunks_mut(width).enumerate().for_each(|(place, sums)| {
        for span in spans.all().iter().filter(|span| place < span.count) {
            let token = span.first + place;
            add_scaled(sums, &gradient[token * width..(token + 1) * width], 1.0);
        }
    });
    sums
}

wide! {
    fn sum_row(out: &mut [f32], row: &[f32], scale: f32, position: &[f32]) {
        for ((out, value), position) in out.iter_mut().zip(row).zip(position) {
            *out = value.mul_add(scale, *position);
        }
    }

    fn add_scaled(sums: &mut [f32], more: &[f32], scale: f32) {
        for (sum, value) in sums.iter_mut().zip(more) {
            *sum = value.mul_add(scale, *sum);
        }
    }
}
