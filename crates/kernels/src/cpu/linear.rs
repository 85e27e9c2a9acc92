//! Linear maps.

use rayon::prelude::*;

use super::{
    ROWS,
    matrix::{Mat, MatMut, Onto, Threads, copies, new_product, product},
    wide::wide,
};

/// `input · weight + bias`.
///
/// # Shapes
/// - `input`: `[rows, In]`; `weight`: `[In, Out]`; `bias`: `[Out]`; returns `[rows, Out]`
pub(crate) fn linear(input: &[f32], weight: &[f32], bias: &[f32]) -> Vec<f32> {
    let (width, out) = (weight.len() / bias.len(), bias.len());
    let rows = input.len() / width;
    // The bias lies there first and the product is added: one pass less over the result than adding it after.
    let mut result = copies(bias, rows);
    let (input, weight) = (Mat::new(input, rows, width), Mat::new(weight, width, out));
    product(MatMut::new(&mut result, rows, out), Onto::Add, 1.0, input, weight, Threads::All);
    result
}

/// Gradients of the input, the weight and the bias.
pub(crate) fn linear_backward(
    input: &[f32],
    weight: &[f32],
    out: usize,
    gradient: &[f32],
) -> (Vec<f32>, Vec<f32>, Vec<f32>) {
    let width = weight.len() / out;
    let rows = input.len() / width;
    let (input, weight) = (Mat::new(input, rows, width), Mat::new(weight, width, out));
    let of_bias = column_sums(gradient, out);
    let gradient = Mat::new(gradient, rows, out);
    (new_product(gradient, weight.t()), new_product(input.t(), gradient), of_bias)
}

/// Sum over the rows of `[rows, columns]`, in an order that does not depend on the number of threads.
pub(crate) fn column_sums(values: &[f32], columns: usize) -> Vec<f32> {
    let parts = values.par_chunks(columns * ROWS).map(|rows| {
        let mut sums = vec![0.0; columns];
        add_rows(&mut sums, rows);
        sums
    });
    total(parts.collect(), columns)
}

wide! {
    /// Adds each row to the sums.
    fn add_rows(sums: &mut [f32], rows: &[f32]) {
        rows.chunks_exact(sums.len()).for_each(|row| add(sums, row));
    }
}

/// Sums of sums, in order.
pub(crate) fn total(parts: Vec<Vec<f32>>, columns: usize) -> Vec<f32> {
    parts
        .into_iter()
        .reduce(|mut sums, part| {
            add(&mut sums, &part);
            sums
        })
        .unwrap_or_else(|| vec![0.0; columns])
}

/// Adds each element of `more` to its counterpart.
#[inline(always)]
pub(crate) fn add(sums: &mut [f32], more: &[f32]) {
    for (sum, value) in sums.iter_mut().zip(more) {
        *sum += value;
    }
}
