//! Layer normalisation, one cube a row.

use burn::tensor::Shape;
use burn_cubecl::tensor::CubeTensor;
use cubecl::prelude::*;

use super::{
    dropout::{Drop, factor, numbers},
    launch::{UNITS, buffer, count, cubes, empty, empty_like, units, width},
    reduce::{column_sums, cube_sum},
};
use crate::dropout::Dropper;

/// Rows that a cube of [`norm_backward_kernel`] takes at least, and the most cubes there may be: each leaves a row of sums.
const ROWS: usize = 8;
const BACKWARD_CUBES: usize = 1024;

/// A unit writes `normed` and reads back only what it wrote itself.
#[cube(launch)]
#[allow(clippy::too_many_arguments, reason = "a kernel takes numbers one by one")]
fn norm_kernel(
    residual: &[f32],
    branch: &[f32],
    weight: &[f32],
    bias: &[f32],
    out: &mut [f32],
    normed: &mut [f32],
    scales: &mut [f32],
    eps: f32,
    drop: Drop,
    #[comptime] width: usize,
    #[comptime] has_branch: bool,
) {
    let row = CUBE_POS;
    if row >= scales.len() {
        terminate!();
    }
    let first = row * width;
    let unit = UNIT_POS as usize;
    let step = CUBE_DIM as usize;
    let mut sum = 0.0f32;
    let mut at = unit;
    while at < width {
        let mut value = residual[first + at];
        if has_branch {
            value += branch[first + at] * factor(first + at, &drop);
        }
        normed[first + at] = value;
        sum += value;
        at += step;
    }
    let mean = cube_sum(sum) / width as f32;
    let squares = squares_around(normed, first, mean, width);
    let scale = 1.0f32 / (cube_sum(squares) / width as f32 + eps).sqrt();
    let mut at = unit;
    while at < width {
        let value = (normed[first + at] - mean) * scale;
        normed[first + at] = value;
        out[first + at] = value * weight[at] + bias[at];
        at += step;
    }
    if unit == 0usize {
        scales[row] = scale;
    }
}

/// The sum of this unit's share of a row's squared deviations.
#[cube]
fn squares_around(
    values: &mut [f32], // only read, but a kernel's own argument can be lent on no otherwise
    first: usize,
    mean: f32,
    #[comptime] width: usize,
) -> f32 {
    let mut squares = 0.0f32;
    let mut at = UNIT_POS as usize;
    while at < width {
        let centred = values[first + at] - mean;
        squares += centred * centred;
        at += CUBE_DIM as usize;
    }
    squares
}

/// Layer norm, what it multiplied by the weight, and what each row was scaled by.
///
/// # Shapes
/// - `residual`, `branch`: `[.., D]`; `weight`, `bias`: `[D]`; returns `([.., D], [.., D], [rows])`
pub(crate) fn norm(
    residual: &CubeTensor,
    branch: Option<(&CubeTensor, Option<Dropper>)>,
    [weight, bias]: [&CubeTensor; 2],
    eps: f32,
) -> (CubeTensor, CubeTensor, CubeTensor) {
    let (width, client) = (width(residual), &residual.client);
    let rows = count(residual) / width;
    let (out, normed, scales) = (empty_like(residual), empty_like(residual), empty(residual, Shape::new([rows])));
    norm_kernel::launch(
        client,
        cubes(client, rows),
        units(),
        buffer(residual),
        buffer(branch.map_or(residual, |(branch, _)| branch)),
        buffer(weight),
        buffer(bias),
        buffer(&out),
        buffer(&normed),
        buffer(&scales),
        eps,
        numbers(branch.and_then(|(_, drop)| drop)),
        width,
        branch.is_some(),
    );
    (out, normed, scales)
}

/// A cube takes every so many rows; each of its units owns some columns and sums their weights' gradients on the way.
#[cube(launch)]
#[allow(clippy::too_many_arguments, reason = "a kernel takes numbers one by one")]
fn norm_backward_kernel(
    gradient: &[f32],
    normed: &[f32],
    scales: &[f32],
    weight: &[f32],
    of_sum: &mut [f32],
    of_weight: &mut [f32],
    of_bias: &mut [f32],
    parts: u32,
    #[comptime] width: usize,
    #[comptime] columns: usize,
) {
    let part = CUBE_POS;
    if part >= parts as usize {
        terminate!();
    }
    let unit = UNIT_POS as usize;
    let step = CUBE_DIM as usize;
    let mut weight_sums = zeros(columns);
    let mut bias_sums = zeros(columns);
    let mut row = part;
    while row < scales.len() {
        let first = row * width;
        let mut sum = 0.0f32;
        let mut along = 0.0f32;
        #[unroll]
        for column in 0..columns {
            let at = unit + column * step;
            if at < width {
                let g = gradient[first + at];
                let n = normed[first + at];
                weight_sums[column] += g * n;
                bias_sums[column] += g;
                sum += g * weight[at];
                along += g * weight[at] * n;
            }
        }
        let mean = cube_sum(sum) / width as f32;
        let along = cube_sum(along) / width as f32;
        let scale = scales[row];
        #[unroll]
        for column in 0..columns {
            let at = unit + column * step;
            if at < width {
                let of_normed = gradient[first + at] * weight[at];
                of_sum[first + at] = (of_normed - mean - normed[first + at] * along) * scale;
            }
        }
        row += parts as usize;
    }
    write_sums(&weight_sums, of_weight, part * width, width, columns);
    write_sums(&bias_sums, of_bias, part * width, width, columns);
}

#[cube]
fn zeros(#[comptime] columns: usize) -> Array<f32> {
    let mut sums = Array::<f32>::new(columns);
    #[unroll]
    for column in 0..columns {
        sums[column] = 0.0f32;
    }
    sums
}

/// Writes the sums of a unit's columns to a row.
#[cube]
fn write_sums(sums: &Array<f32>, to: &mut [f32], first: usize, #[comptime] width: usize, #[comptime] columns: usize) {
    #[unroll]
    for column in 0..columns {
        let at = UNIT_POS as usize + column * CUBE_DIM as usize;
        if at < width {
            to[first + at] = sums[column];
        }
    }
}

/// Gradients of what was normalised, weight and bias.
pub(crate) fn norm_backward(
    normed: &CubeTensor,
    scales: &CubeTensor,
    weight: &CubeTensor,
    gradient: &CubeTensor,
) -> (CubeTensor, CubeTensor, CubeTensor) {
    let (width, client) = (width(normed), &normed.client);
    let parts = count(scales).div_ceil(ROWS).clamp(1, BACKWARD_CUBES);
    let of_sum = empty_like(normed);
    let [of_weight, of_bias] = [(); 2].map(|()| empty(normed, Shape::new([parts, width])));
    norm_backward_kernel::launch(
        client,
        cubes(client, parts),
        units(),
        buffer(gradient),
        buffer(normed),
        buffer(scales),
        buffer(weight),
        buffer(&of_sum),
        buffer(&of_weight),
        buffer(&of_bias),
        parts as u32,
        width,
        width.div_ceil(UNITS),
    );
    (of_sum, column_sums(&of_weight, width), column_sums(&of_bias, width))
}
