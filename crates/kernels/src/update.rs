//! What the optimizer does to a weight, and the norm it may be clipped by.

use burn::{backend::Dispatch, tensor::Tensor};

use crate::ops::{AdamStep, KernelOps};

/// Weight, first and second moment after one step, in one pass over memory.
///
/// # Shapes
/// - all `[n]`; the results lie in the memory of `weight`, `first` and `second` where nothing else holds them
///
/// # Source
/// Kingma and Ba 2015, algorithm 1; Loshchilov and Hutter 2019, algorithm 2.
pub fn adam(
    weight: Tensor<1>,
    gradient: Tensor<1>,
    first: Tensor<1>,
    second: Tensor<1>,
    step: AdamStep,
) -> [Tensor<1>; 3] {
    let (weight, gradient) = (weight.into_dispatch(), gradient.into_dispatch());
    let (weight, first, second) = Dispatch::adam(weight, gradient, first.into_dispatch(), second.into_dispatch(), step);
    [weight, first, second].map(Tensor::from_dispatch)
}

/// [`adam`] on a GPU by a factor that is there already, `[1]`, of [`clip`]: below 0 nothing is changed.
pub fn adam_by(
    weight: Tensor<1>,
    gradient: Tensor<1>,
    [first, second]: [Tensor<1>; 2],
    factor: Tensor<1>,
    step: AdamStep,
) -> [Tensor<1>; 3] {
    let [weight, gradient, first, second] = [weight, gradient, first, second].map(Tensor::into_dispatch);
    let (weight, first, second) = Dispatch::adam_by(weight, gradient, first, second, factor.into_dispatch(), step);
    [weight, first, second].map(Tensor::from_dispatch)
}

/// On a GPU, the global norm of gradients that are too large by `scale`, and the factor that takes the scale off and
/// holds the norm to `largest` at most (0: no limit); the factor is below 0 where the norm is not finite.
///
/// # Shapes
/// - `squared_sums`: `[n]`, above 0; returns `[1]` and `[1]`, still on the device
///
/// # Source
/// Pascanu et al. 2013, algorithm 1.
pub fn clip(squared_sums: Tensor<1>, largest: f64, scale: f64) -> [Tensor<1>; 2] {
    let (norm, factor) = Dispatch::clip(squared_sums.into_dispatch(), largest as f32, scale as f32);
    [norm, factor].map(Tensor::from_dispatch)
}

/// [`adam`] of Burn's operations.
pub fn adam_composed(
    weight: Tensor<1>,
    gradient: Tensor<1>,
    first: Tensor<1>,
    second: Tensor<1>,
    step: AdamStep,
) -> [Tensor<1>; 3] {
    let AdamStep { gradient_factor, shrink, into_gradient, beta1, beta2, rate, root_factor, epsilon } = step;
    let mut gradient = if gradient_factor == 1.0 { gradient } else { gradient * gradient_factor };
    if into_gradient != 0.0 {
        gradient = gradient + weight.clone() * into_gradient;
    }
    let first = first * beta1[0] + gradient.clone() * beta1[1];
    let second = second * beta2[0] + gradient.clone() * gradient * beta2[1];
    let root = second.clone().sqrt() * root_factor + epsilon;
    let shrunk = if shrink == 1.0 { weight } else { weight * shrink };
    let weight = shrunk - first.clone() / root * rate;
    [weight, first, second]
}

/// Sum of squares, `[1]`.
pub fn squared_sum(values: Tensor<1>) -> Tensor<1> {
    Tensor::from_dispatch(Dispatch::squared_sum(values.into_dispatch()))
}
