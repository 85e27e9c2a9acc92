//! From attention's scores to its weights: softmax over the keys that are no padding, then dropout, in one pass each way.
//!
//! The framework makes some ten tensors of `[B, N, T, T]` of this; here there are the scores, the weights and one gradient,
//! in the number format of the products around them. Sums are f32 in each.

use burn::tensor::{DType, Shape};
use burn_cubecl::{kernel::into_contiguous, ops::numeric::empty_device_contiguous_dtype, tensor::CubeTensor};
use cubecl::{
    ir::{ElemType, FloatKind},
    prelude::*,
};

use super::{
    dropout::{Drop, factor, numbers},
    launch::{buffer, count, cubes, empty, rows, width},
    reduce::{cube_max, cube_sum},
};
use crate::ops::WeighHow;

/// Units of a cube: one row of some hundred keys is too little work for more.
const UNITS: u32 = 32;

/// Below every score: WGSL has no literal of infinity.
const LOWEST: f32 = f32::MIN;

/// Writes a row's weights and the logarithm of its sum; scores of masked keys count as nothing.
#[cube(launch)]
#[allow(clippy::too_many_arguments, reason = "a kernel takes numbers one by one")]
fn weigh_kernel<F: Float>(
    scores: &[F],
    mask: &[f32],
    weights: &mut [F],
    log_sums: &mut [f32],
    rows_of_sequence: u32,
    lowest: f32,
    drop: Drop,
    #[comptime] keys: usize,
    #[comptime] has_mask: bool,
    #[define(F)] _format: ElemType,
) {
    let row = CUBE_POS;
    if row >= log_sums.len() {
        terminate!();
    }
    let first = row * keys;
    let first_mask = row / rows_of_sequence as usize * keys;
    let mut top = lowest;
    let mut at = UNIT_POS as usize;
    while at < keys {
        top = top.max(score_at::<F>(scores, mask, first, first_mask, at, lowest, has_mask));
        at += CUBE_DIM as usize;
    }
    let top = cube_max(top);
    let mut sum = 0.0f32;
    let mut at = UNIT_POS as usize;
    while at < keys {
        sum += (score_at::<F>(scores, mask, first, first_mask, at, lowest, has_mask) - top).exp();
        at += CUBE_DIM as usize;
    }
    let log_sum = top + cube_sum(sum).ln();
    let mut at = UNIT_POS as usize;
    while at < keys {
        let weight = (score_at::<F>(scores, mask, first, first_mask, at, lowest, has_mask) - log_sum).exp();
        weights[first + at] = F::cast_from(weight * factor(first + at, &drop));
        at += CUBE_DIM as usize;
    }
    if UNIT_POS == 0 {
        log_sums[row] = log_sum;
    }
}

/// A score; the lowest of all where the key is padding, whose exponential is 0.
#[cube]
#[allow(clippy::collapsible_if, reason = "the outer one is decided when the kernel is made")]
fn score_at<F: Float>(
    scores: &[F],
    mask: &[f32],
    first: usize,
    first_mask: usize,
    at: usize,
    lowest: f32,
    #[comptime] has_mask: bool,
) -> f32 {
    let mut score = f32::cast_from(scores[first + at]);
    if has_mask {
        if mask[first_mask + at] != 0.0f32 {
            score = lowest;
        }
    }
    score
}

/// The gradient of a row's scores: `p · (g − Σ p g)` of the weights before dropout, which are made again.
#[cube(launch)]
#[allow(clippy::too_many_arguments, reason = "a kernel takes numbers one by one")]
fn weigh_backward_kernel<F: Float>(
    scores: &[F],
    mask: &[f32],
    gradient: &[F],
    log_sums: &[f32],
    of_scores: &mut [F],
    rows_of_sequence: u32,
    lowest: f32,
    drop: Drop,
    #[comptime] keys: usize,
    #[comptime] has_mask: bool,
    #[define(F)] _format: ElemType,
) {
    let row = CUBE_POS;
    if row >= log_sums.len() {
        terminate!();
    }
    let first = row * keys;
    let first_mask = row / rows_of_sequence as usize * keys;
    let log_sum = log_sums[row];
    let mut along = 0.0f32;
    let mut at = UNIT_POS as usize;
    while at < keys {
        let weight = (score_at::<F>(scores, mask, first, first_mask, at, lowest, has_mask) - log_sum).exp();
        let kept = factor(first + at, &drop);
        along += weight * kept * f32::cast_from(gradient[first + at]);
        at += CUBE_DIM as usize;
    }
    let along = cube_sum(along);
    let mut at = UNIT_POS as usize;
    while at < keys {
        let weight = (score_at::<F>(scores, mask, first, first_mask, at, lowest, has_mask) - log_sum).exp();
        let kept = factor(first + at, &drop);
        let of_score = weight * (kept * f32::cast_from(gradient[first + at]) - along);
        of_scores[first + at] = F::cast_from(of_score);
        at += CUBE_DIM as usize;
    }
}

fn format(tensor: &CubeTensor) -> ElemType {
    match tensor.dtype {
        DType::F32 => ElemType::Float(FloatKind::F32),
        DType::F16 => ElemType::Float(FloatKind::F16),
        DType::BF16 => ElemType::Float(FloatKind::BF16),
        other => unreachable!("products are made in 32 or 16 bits, not {other:?}"),
    }
}

/// Attention weights, and the logarithms of the softmax's sums.
///
/// # Shapes
/// - `scores`: `[B, N, T, T]`; `mask`: `[B, T]`, not 0 = padding; returns `([B, N, T, T], [B · N · T])`
pub(crate) fn weigh(scores: CubeTensor, mask: CubeTensor, how: WeighHow) -> (CubeTensor, CubeTensor) {
    let (scores, mask) = (into_contiguous(scores), rows(mask));
    let keys = width(&scores);
    let (client, device) = (scores.client.clone(), scores.device.clone());
    let weights = empty_device_contiguous_dtype(client.clone(), device, scores.meta.shape().clone(), scores.dtype);
    let log_sums = empty(&scores, Shape::new([count(&scores) / keys]));
    weigh_kernel::launch(
        &client,
        cubes(&client, count(&log_sums)),
        CubeDim::new_1d(UNITS),
        buffer(&scores),
        buffer(&mask),
        buffer(&weights),
        buffer(&log_sums),
        rows_of_sequence(&scores),
        LOWEST,
        numbers(how.drop),
        keys,
        how.has_mask,
        format(&scores),
    );
    (weights, log_sums)
}

/// The gradient of the scores, in their number format.
pub(crate) fn weigh_backward([scores, mask, log_sums, gradient]: [CubeTensor; 4], how: WeighHow) -> CubeTensor {
    let [scores, gradient] = [scores, gradient].map(into_contiguous);
    let (mask, log_sums, keys) = (rows(mask), rows(log_sums), width(&scores));
    let (client, device) = (scores.client.clone(), scores.device.clone());
    let of_scores = empty_device_contiguous_dtype(client.clone(), device, scores.meta.shape().clone(), scores.dtype);
    weigh_backward_kernel::launch(
        &client,
        cubes(&client, count(&log_sums)),
        CubeDim::new_1d(UNITS),
        buffer(&scores),
        buffer(&mask),
        buffer(&gradient),
        buffer(&log_sums),
        buffer(&of_scores),
        rows_of_sequence(&scores),
        LOWEST,
        numbers(how.drop),
        keys,
        how.has_mask,
        format(&scores),
    );
    of_scores
}

/// Rows of scores that share a row of the mask: N · T.
fn rows_of_sequence(scores: &CubeTensor) -> u32 {
    let shape = scores.meta.shape();
    (shape[1] * shape[2]) as u32
}
