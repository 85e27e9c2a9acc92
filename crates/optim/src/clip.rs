//! The gradient's global norm, and clipping by it.

use burn::tensor::Tensor;
use case::Kernels;

/// Added to the norm before dividing, as PyTorch's `clip_grad_norm_` does.
const NORM_EPSILON: f64 = 1e-6;

/// Sum of squares of each gradient, `[number of gradients]`, still on the device: read it together with the loss.
///
/// # Panics
/// If there is no gradient.
pub fn squared_sums(gradients: &[Tensor<1>], kernels: Kernels) -> Tensor<1> {
    let one = |gradient: &Tensor<1>| match kernels {
        Kernels::Own => kernels::squared_sum(gradient.clone()),
        Kernels::Composed => (gradient.clone() * gradient.clone()).sum(),
    };
    Tensor::cat(gradients.iter().map(one).collect(), 0)
}

/// On a GPU with own kernels: the global norm of gradients that are too large by `scale`, and what they are to be
/// multiplied by for a norm of at most `clip_norm` (0: no limit) without the scale; below 0 where the norm is not finite.
/// Both `[1]`, still on the device, in f32.
///
/// # Panics
/// If there is no gradient.
pub fn clip_on_device(gradients: &[Tensor<1>], clip_norm: f64, scale: f64) -> [Tensor<1>; 2] {
    kernels::clip(squared_sums(gradients, Kernels::Own), clip_norm, scale)
}

/// The global L2 norm from the sums of [`squared_sums`]; not finite where a gradient is not.
pub fn global_norm(squared_sums: &[f32]) -> f64 {
    squared_sums.iter().map(|sum| f64::from(*sum)).sum::<f64>().sqrt()
}

/// What gradients of global norm `norm` are multiplied by so that it is at most `clip_norm`; 1 when that is 0 (off).
///
/// # Source
/// Pascanu et al. 2013, algorithm 1.
pub fn clip_factor(norm: f64, clip_norm: f64) -> f64 {
    if clip_norm == 0.0 { 1.0 } else { (clip_norm / (norm + NORM_EPSILON)).min(1.0) }
}
