//! Layer normalisation.

use burn::tensor::Tensor;

/// Normalises the last axis to mean 0 and variance 1, then scales by `weight` and shifts by `bias`.
///
/// `eps` stands inside the root, above 0; BERT uses 1e-12. The variance is the mean of squared deviations (not n − 1).
///
/// # Shapes
/// - `input`: `[..., D]`; `weight`, `bias`: `[D]`; returns the shape of `input`
///
/// # Source
/// Ba et al. 2016, §3.1.
pub fn layer_norm<const R: usize>(input: Tensor<R>, weight: Tensor<1>, bias: Tensor<1>, eps: f64) -> Tensor<R> {
    let mean = input.clone().mean_dim(R - 1);
    let centred = input - mean;
    let variance = centred.clone().powf_scalar(2.0).mean_dim(R - 1);
    centred / (variance + eps).sqrt() * weight.unsqueeze() + bias.unsqueeze()
}
