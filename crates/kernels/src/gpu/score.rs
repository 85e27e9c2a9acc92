//! Scoring: the projection on the vocabulary and the cross-entropy, a slice of the positions at a time.

use std::ops::Range;

use burn::{
    backend::ops::FloatTensorOps,
    tensor::{DType, FloatDType, Shape, Slice},
};
use burn_cubecl::{CubeBackend, ops::numeric::empty_device_contiguous_dtype, tensor::CubeTensor};
use cubecl::prelude::*;

use super::{
    launch::{buffer, cubes, empty, rows, units, width},
    reduce::{column_sums, cube_first, cube_max, cube_sum},
};

/// Logits held at once: 128 MB, the largest buffer that every WebGPU device can bind. Tests want several slices of little.
const LOGITS: usize = if cfg!(test) { 2000 } else { 32 << 20 };

/// Below every logit: WGSL has no literal of infinity.
const LOWEST: f32 = f32::MIN;

/// A row's largest logit, the first word that has it, and the label's logit.
#[cube]
fn look_over(
    logits: &mut [f32], // only read, but a kernel's own argument can be lent on no otherwise
    bias: &[f32],
    first: usize,
    label: usize,
    lowest: f32,
    #[comptime] words: usize,
) -> (f32, u32, f32) {
    let mut largest = lowest;
    let mut largest_at = 0u32.runtime();
    let mut of_label = 0.0f32;
    let mut at = UNIT_POS as usize;
    while at < words {
        let logit = logits[first + at] + bias[at];
        if logit > largest {
            largest = logit;
            largest_at = at as u32;
        }
        if at == label {
            of_label = logit;
        }
        at += CUBE_DIM as usize;
    }
    let top = cube_max(largest);
    let mut candidate = 4_294_967_295u32.runtime(); // none of this unit's
    if largest == top {
        candidate = largest_at;
    }
    // One unit brings the label's logit, the others 0.
    (top, cube_first(candidate), cube_sum(of_label))
}

/// One row a cube: nats and likeliest word; logits become their gradients where that is asked for.
#[cube(launch)]
#[allow(clippy::too_many_arguments, reason = "a kernel takes numbers one by one")]
fn score_kernel(
    logits: &mut [f32],
    bias: &[f32],
    labels: &[i32],
    nll: &mut [f32],
    best: &mut [i32],
    first_row: u32,
    slice_rows: u32,
    scale: f32,
    lowest: f32,
    #[comptime] words: usize,
    #[comptime] with_gradient: bool,
) {
    let row = CUBE_POS;
    if row >= slice_rows as usize {
        terminate!();
    }
    let place = first_row as usize + row;
    let first = row * words;
    let unit = UNIT_POS as usize;
    let step = CUBE_DIM as usize;
    let label = labels[place] as usize;
    let (top, likeliest, of_label) = look_over(logits, bias, first, label, lowest, words);
    let mut sum = 0.0f32;
    let mut at = unit;
    while at < words {
        sum += (logits[first + at] + bias[at] - top).exp();
        at += step;
    }
    let sum = cube_sum(sum);
    if unit == 0usize {
        nll[place] = top + sum.ln() - of_label;
        best[place] = likeliest as i32;
    }
    if with_gradient {
        differentiate(logits, bias, first, label, top, scale, scale / sum, words);
    }
}

/// A row's logits become `scale · (softmax − label)`, with `factor` the scale over the sum of exponentials.
#[cube]
#[allow(clippy::too_many_arguments, reason = "a kernel takes numbers one by one")]
fn differentiate(
    logits: &mut [f32],
    bias: &[f32],
    first: usize,
    label: usize,
    top: f32,
    scale: f32,
    factor: f32,
    #[comptime] words: usize,
) {
    let mut at = UNIT_POS as usize;
    while at < words {
        let mut of_logit = (logits[first + at] + bias[at] - top).exp() * factor;
        if at == label {
            of_logit -= scale;
        }
        logits[first + at] = of_logit;
        at += CUBE_DIM as usize;
    }
}

/// What came of the scored positions.
pub(crate) struct Scored {
    /// `scale · Σ nats`, `[1]`.
    pub(crate) loss: CubeTensor,
    /// `[K]`.
    pub(crate) nll: CubeTensor,
    /// `[K]`; the first of several.
    pub(crate) best: CubeTensor,
}

/// Gradients of the loss, in the number formats of what they belong to.
pub(crate) struct ScoreGradients {
    /// `[K, D]`.
    pub(crate) hidden: CubeTensor,
    /// `[V, D]`.
    pub(crate) table: CubeTensor,
    /// `[V]`.
    pub(crate) bias: CubeTensor,
}

/// Scores positions, and differentiates at once where asked to. Products are made in the number format of `hidden`.
///
/// # Shapes
/// - `hidden`: `[K, D]`; `table`: `[V, D]`; `bias`: `[V]`; `labels`: `[K]`, each below V
///
/// # Source
/// As on the CPU: Hsu et al. 2024, Liger Kernel, §3.2, fused linear cross-entropy.
pub(crate) fn score(
    hidden: CubeTensor,
    table: CubeTensor,
    bias: CubeTensor,
    labels: CubeTensor,
    scale: f32,
    with_gradient: bool,
) -> (Scored, Option<ScoreGradients>) {
    let (bias, labels) = (rows(bias), rows(labels));
    let (count, words, format) = (labels.meta.shape()[0], bias.meta.shape()[0], hidden.dtype);
    let slice_rows = (LOGITS / words).max(1);
    let nll = empty(&bias, Shape::new([count]));
    let best = empty_device_contiguous_dtype(bias.client.clone(), bias.device.clone(), Shape::new([count]), DType::I32);
    let (mut of_hidden, mut of_table, mut of_bias) = (Vec::new(), None, None);
    for first in (0..count).step_by(slice_rows) {
        let until = count.min(first + slice_rows);
        let part = CubeBackend::float_slice(hidden.clone(), &[Slice::from(first..until), Slice::full()]);
        let logits = CubeBackend::float_matmul(part.clone(), CubeBackend::float_transpose(table.clone()));
        let logits = rows(CubeBackend::float_cast(logits, FloatDType::F32));
        score_slice(&logits, [&bias, &labels, &nll, &best], first..until, scale, with_gradient);
        if with_gradient {
            of_bias = Some(sum(of_bias, column_sums(&logits, words)));
            let of_logits = CubeBackend::float_cast(logits, format.into());
            of_hidden.push(CubeBackend::float_matmul(of_logits.clone(), table.clone()));
            let more = CubeBackend::float_matmul(CubeBackend::float_transpose(of_logits), part);
            of_table = Some(sum(of_table, CubeBackend::float_cast(more, FloatDType::F32)));
        }
    }
    let loss = CubeBackend::float_mul_scalar(CubeBackend::float_sum(nll.clone()), scale.into());
    let gradients = of_table.zip(of_bias).map(|(table, bias)| ScoreGradients {
        hidden: CubeBackend::float_cat(of_hidden, 0),
        table: CubeBackend::float_cast(table, format.into()),
        bias,
    });
    (Scored { loss, nll, best }, gradients)
}

/// Nats and likeliest words of these positions, `[their count, V]` of logits, which become their gradients where asked to.
fn score_slice(
    logits: &CubeTensor,
    [bias, labels, nll, best]: [&CubeTensor; 4],
    positions: Range<usize>,
    scale: f32,
    with_gradient: bool,
) {
    score_kernel::launch(
        &logits.client,
        cubes(&logits.client, positions.len()),
        units(),
        buffer(logits),
        buffer(bias),
        buffer(labels),
        buffer(nll),
        buffer(best),
        positions.start as u32,
        positions.len() as u32,
        scale,
        LOWEST,
        width(bias),
        with_gradient,
    );
}

fn sum(so_far: Option<CubeTensor>, more: CubeTensor) -> CubeTensor {
    match so_far {
        Some(so_far) => CubeBackend::float_add(so_far, more),
        None => more,
    }
}
