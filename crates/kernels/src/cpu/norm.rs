//! Layer normalisation of a residual sum, with the dropout before it.

use rayon::prelude::*;

use super::{
    ROWS,
    linear::total,
    wide::{dot, sum, wide},
};
use crate::dropout::Dropper;

/// What the forward pass keeps besides its output.
pub(crate) struct Kept {
    /// The sum, centred and scaled to variance 1: `[rows, D]`.
    pub(crate) normed: Vec<f32>,
    /// What each row was multiplied by: `[rows]`.
    pub(crate) scales: Vec<f32>,
}

/// `norm(residual + drop(branch))`, or of the residual alone, `[rows, D]`.
pub(crate) fn norm(
    residual: &[f32],
    branch: Option<&[f32]>,
    drop: Option<Dropper>,
    weight: &[f32],
    bias: &[f32],
    eps: f32,
) -> (Vec<f32>, Kept) {
    let width = weight.len();
    let rows = residual.len() / width;
    let mut out = vec![0.0; residual.len()];
    let mut normed = vec![0.0; residual.len()];
    let mut scales = vec![0.0; rows];
    let blocks = out.par_chunks_mut(width * ROWS).zip(normed.par_chunks_mut(width * ROWS));
    let blocks = blocks.zip(scales.par_chunks_mut(ROWS)).enumerate();
    blocks.for_each(|(block, ((out, normed), scales))| {
        let first = block * ROWS * width;
        normed.copy_from_slice(&residual[first..first + normed.len()]);
        let branch = branch.map(|branch| &branch[first..first + normed.len()]);
        norm_rows(out, normed, scales, branch, drop, first, weight, bias, eps);
    });
    (out, Kept { normed, scales })
}

/// Gradients of the sum (`[rows, D]`, before dropout), the weight and the bias. `gradient` becomes the first.
pub(crate) fn norm_backward(
    mut gradient: Vec<f32>,
    normed: &[f32],
    scales: &[f32],
    weight: &[f32],
) -> (Vec<f32>, Vec<f32>, Vec<f32>) {
    let width = weight.len();
    let blocks = gradient.par_chunks_mut(width * ROWS).zip(normed.par_chunks(width * ROWS));
    let parts = blocks.zip(scales.par_chunks(ROWS)).map(|((gradient, normed), scales)| {
        let (mut of_weight, mut of_bias) = (vec![0.0; width], vec![0.0; width]);
        norm_rows_backward(gradient, normed, scales, weight, &mut of_weight, &mut of_bias);
        (of_weight, of_bias)
    });
    let (of_weight, of_bias): (Vec<_>, Vec<_>) = parts.collect::<Vec<_>>().into_iter().unzip();
    (gradient, total(of_weight, width), total(of_bias, width))
}

/// `residual + drop(branch)`.
pub(crate) fn residual(residual: Vec<f32>, branch: &[f32], drop: Option<Dropper>) -> Vec<f32> {
    let mut sums = residual;
    sums.par_chunks_mut(BLOCK).zip(branch.par_chunks(BLOCK)).enumerate().for_each(|(block, (sums, branch))| {
        add_dropped_wide(sums, branch, drop, block * BLOCK);
    });
    sums
}

/// Dropout alone; also the gradient of dropout.
pub(crate) fn dropped(values: Vec<f32>, drop: Dropper) -> Vec<f32> {
    let mut values = values;
    values.par_chunks_mut(BLOCK).enumerate().for_each(|(block, values)| drop_wide(values, drop, block * BLOCK));
    values
}

/// Every element times a factor.
pub(crate) fn scaled(values: Vec<f32>, factor: f32) -> Vec<f32> {
    let mut values = values;
    values.par_chunks_mut(BLOCK).for_each(|values| scale_wide(values, factor));
    values
}

/// Elements of a flat tensor that one task takes: a quarter of a second-level cache.
const BLOCK: usize = 65_536;

wide! {
    fn norm_rows(
        out: &mut [f32],
        normed: &mut [f32],
        scales: &mut [f32],
        branch: Option<&[f32]>,
        drop: Option<Dropper>,
        first: usize,
        weight: &[f32],
        bias: &[f32],
        eps: f32,
    ) {
        let width = weight.len();
        if let Some(branch) = branch {
            add_dropped(normed, branch, drop, first);
        }
        let rows = normed.chunks_exact_mut(width).zip(out.chunks_exact_mut(width)).zip(scales);
        for ((normed, out), scale) in rows {
            *scale = normalise(normed, eps);
            let weights = weight.iter().zip(bias);
            for ((out, normed), (weight, bias)) in out.iter_mut().zip(normed.iter()).zip(weights) {
                *out = normed.mul_add(*weight, *bias);
            }
        }
    }

    fn norm_rows_backward(
        gradient: &mut [f32],
        normed: &[f32],
        scales: &[f32],
        weight: &[f32],
        of_weight: &mut [f32],
        of_bias: &mut [f32],
    ) {
        let width = weight.len();
        let rows = gradient.chunks_exact_mut(width).zip(normed.chunks_exact(width)).zip(scales);
        for ((gradient, normed), scale) in rows {
            let sums = of_weight.iter_mut().zip(of_bias.iter_mut());
            for (((gradient, normed), weight), (of_weight, of_bias)) in
                gradient.iter_mut().zip(normed).zip(weight).zip(sums)
            {
                *of_weight = gradient.mul_add(*normed, *of_weight);
                *of_bias += *gradient;
                *gradient *= weight;
            }
            let mean = sum(gradient, |g| g) / width as f32;
            let along = dot(gradient, normed) / width as f32;
            for (gradient, normed) in gradient.iter_mut().zip(normed) {
                *gradient = (*gradient - mean - normed * along) * scale;
            }
        }
    }

    fn add_dropped_wide(sums: &mut [f32], branch: &[f32], drop: Option<Dropper>, first: usize) {
        add_dropped(sums, branch, drop, first);
    }

    fn drop_wide(values: &mut [f32], drop: Dropper, first: usize) {
        drop.apply(values, first);
    }

    fn scale_wide(values: &mut [f32], factor: f32) {
        values.iter_mut().for_each(|value| *value *= factor);
    }
}

#[inline(always)]
fn add_dropped(sums: &mut [f32], branch: &[f32], drop: Option<Dropper>, first: usize) {
    match drop {
        Some(drop) => {
            for (at, (sum, value)) in sums.iter_mut().zip(branch).enumerate() {
                *sum = value.mul_add(drop.factor((first + at) as u32), *sum);
            }
        }
        None => super::linear::add(sums, branch),
    }
}

/// Mean 0 and variance 1 in place; returns what the centred row was multiplied by.
#[inline(always)]
fn normalise(row: &mut [f32], eps: f32) -> f32 {
    let width = row.len() as f32;
    let mean = sum(row, |x| x) / width;
    let variance = sum(row, |x| (x - mean) * (x - mean)) / width;
    let scale = 1.0 / (variance + eps).sqrt();
    for x in row.iter_mut() {
        *x = (*x - mean) * scale;
    }
    scale
}
