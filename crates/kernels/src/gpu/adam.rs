//! The optimizer's pass over a weight: everything is read once and written once.

use burn_cubecl::tensor::CubeTensor;
use cubecl::prelude::*;

use super::launch::{buffer, count, cubes_of_elements, units};
use crate::AdamStep;

#[cube(launch)]
#[allow(clippy::too_many_arguments, reason = "a kernel takes numbers one by one")]
fn adam_kernel(
    weight: &mut [f32],
    gradient: &[f32],
    first: &mut [f32],
    second: &mut [f32],
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
) {
    let at = ABSOLUTE_POS;
    if at < weight.len() {
        let before = weight[at];
        let g = gradient[at] * gradient_factor + before * into_gradient;
        let mean = first[at] * keep1 + g * take1;
        let square = second[at] * keep2 + g * g * take2;
        first[at] = mean;
        second[at] = square;
        weight[at] = before * shrink - mean / (square.sqrt() * root_factor + epsilon) * rate;
    }
}

/// Updates a weight and its moments in place.
///
/// # Shapes
/// - all `[n]`
pub(crate) fn adam(weight: &CubeTensor, gradient: &CubeTensor, [first, second]: [&CubeTensor; 2], step: AdamStep) {
    let AdamStep { gradient_factor, shrink, into_gradient, beta1, beta2, rate, root_factor, epsilon } = step;
    adam_kernel::launch(
        &weight.client,
        cubes_of_elements(&weight.client, count(weight)),
        units(),
        buffer(weight),
        buffer(gradient),
        buffer(first),
        buffer(second),
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
    );
}
