//! The optimizer's pass over a weight: everything is read once and written once.

use burn::tensor::Shape;
use burn_cubecl::tensor::CubeTensor;
use cubecl::prelude::*;

use super::launch::{buffer, count, cubes_of_elements, empty, units};
use crate::AdamStep;

#[cube(launch)]
#[allow(clippy::too_many_arguments, reason = "a kernel takes numbers one by one")]
fn adam_kernel(
    weight: &mut [f32],
    gradient: &[f32],
    first: &mut [f32],
    second: &mut [f32],
    factor: &[f32],
    gradient_factor: f32,
    shrink: f32,
    into_gradient: f32,
    keep1: f32,
    take1: f32,
    keep2: f32,
    take2: f32,
    rate: f32,
    root_factor: f32,
    epsilon: f32,
    #[comptime] has_factor: bool,
) {
    let at = ABSOLUTE_POS;
    let mut gradient_factor = gradient_factor;
    if has_factor {
        gradient_factor *= factor[0];
    }
    if at < weight.len() && gradient_factor >= 0.0f32 {
        let before = weight[at];
        let g = gradient[at] * gradient_factor + before * into_gradient;
        let mean = first[at] * keep1 + g * take1;
        let square = second[at] * keep2 + g * g * take2;
        first[at] = mean;
        second[at] = square;
        weight[at] = before * shrink - mean / (square.sqrt() * root_factor + epsilon) * rate;
    }
}

/// Updates a weight and its moments in place; by a factor below 0 not at all.
///
/// # Shapes
/// - all `[n]` but for the factor, `[1]`
pub(crate) fn adam(
    weight: &CubeTensor,
    gradient: &CubeTensor,
    [first, second]: [&CubeTensor; 2],
    factor: Option<&CubeTensor>,
    step: AdamStep,
) {
    let AdamStep { gradient_factor, shrink, into_gradient, beta1, beta2, rate, root_factor, epsilon } = step;
    adam_kernel::launch(
        &weight.client,
        cubes_of_elements(&weight.client, count(weight)),
        units(),
        buffer(weight),
        buffer(gradient),
        buffer(first),
        buffer(second),
        buffer(factor.unwrap_or(gradient)),
        gradient_factor,
        shrink,
        into_gradient,
        beta1[0],
        beta1[1],
        beta2[0],
        beta2[1],
        rate,
        root_factor,
        epsilon,
        factor.is_some(),
    );
}

/// One unit: there are no more sums than weights in a model, some hundred.
#[cube(launch)]
fn clip_kernel(sums: &[f32], norm: &mut [f32], factor: &mut [f32], largest: f32, scale: f32) {
    if ABSOLUTE_POS == 0 {
        let mut sum = 0.0f32;
        let mut at = 0usize.runtime();
        while at < sums.len() {
            sum += sums[at];
            at += 1usize;
        }
        let size = sum.sqrt() / scale;
        let mut by = 1.0f32 / scale;
        if largest > 0.0f32 && size + 0.000_001f32 > largest {
            by *= largest / (size + 0.000_001f32); // optim's NORM_EPSILON
        }
        // Drivers may take it that no number is infinite or none: the exponent's bits say what it is.
        if u32::reinterpret(sum) & 2_139_095_040u32 == 2_139_095_040u32 {
            by = -1.0f32;
        }
        norm[0] = size;
        factor[0] = by;
    }
}

/// The global norm of gradients that are too large by `scale`, and what they are to be multiplied by, so that it is
/// `largest` at most where that is not 0; below 0 where the norm is not finite.
///
/// # Shapes
/// - `sums`: `[n]`, of squares; returns `([1], [1])`
pub(crate) fn clip(sums: &CubeTensor, largest: f32, scale: f32) -> (CubeTensor, CubeTensor) {
    let [norm, factor] = [(); 2].map(|()| empty(sums, Shape::new([1])));
    let count = cubes_of_elements(&sums.client, 1);
    clip_kernel::launch(&sums.client, count, units(), buffer(sums), buffer(&norm), buffer(&factor), largest, scale);
    (norm, factor)
}
