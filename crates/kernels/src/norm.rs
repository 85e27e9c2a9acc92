//! Layer normalisation.

use burn::{backend::Dispatch, tensor::Tensor};

use crate::{
    DropSite, Path, dropout,
    ops::{KernelOps, NormHow},
};

/// Normalises the last axis to mean 0 and variance 1, then scales by `weight` and shifts by `bias`.
///
/// `eps` stands inside the root, above 0; BERT uses 1e-12. The variance is the mean of squared deviations (not n − 1).
///
/// # Shapes
/// - `input`: `[..., D]`; `weight`, `bias`: `[D]`; returns the shape of `input`
///
/// # Source
/// Ba et al. 2016, §3.1.
pub fn layer_norm<const R: usize>(
    input: Tensor<R>,
    weight: Tensor<1>,
    bias: Tensor<1>,
    eps: f64,
    path: &Path,
) -> Tensor<R> {
    if path.has_kernels() {
        let [input, weight, bias] = [input.into_dispatch(), weight.into_dispatch(), bias.into_dispatch()];
        return Tensor::from_dispatch(Dispatch::normalise(input, weight, bias, eps).0);
    }
    let mean = input.clone().mean_dim(R - 1);
    let centred = input - mean;
    let variance = centred.clone().powf_scalar(2.0).mean_dim(R - 1);
    centred / (variance + eps).sqrt() * weight.unsqueeze() + bias.unsqueeze()
}

/// What a block adds to the residual stream, and how much of it is dropped on the way.
pub struct Branch {
    /// `[B, T, D]`.
    pub values: Tensor<3>,
    /// Drop probability, 0..1.
    pub dropout: f64,
    /// Where the dropped elements are drawn from; none in evaluation.
    pub drop_site: Option<DropSite>,
}

/// `residual + drop(branch)`, `[B, T, D]`.
pub fn residual_sum(residual: Tensor<3>, branch: Branch, path: &Path) -> Tensor<3> {
    if !path.has_kernels() {
        return residual + dropout(branch.values, branch.dropout, branch.drop_site, path);
    }
    let drop = branch.drop_site.and_then(|site| site.dropper(branch.dropout));
    Tensor::from_dispatch(Dispatch::residual(residual.into_dispatch(), branch.values.into_dispatch(), drop))
}

/// [`layer_norm`] of [`residual_sum`], in one pass.
pub fn norm_of_sum(
    residual: Tensor<3>,
    branch: Branch,
    weight: Tensor<1>,
    bias: Tensor<1>,
    eps: f64,
    path: &Path,
) -> Tensor<3> {
    if !path.has_kernels() {
        return layer_norm(residual_sum(residual, branch, path), weight, bias, eps, path);
    }
    let how = NormHow { eps, drop: branch.drop_site.and_then(|site| site.dropper(branch.dropout)) };
    let (residual, branch) = (residual.into_dispatch(), branch.values.into_dispatch());
    Tensor::from_dispatch(Dispatch::norm_of_sum(residual, branch, weight.into_dispatch(), bias.into_dispatch(), how).0)
}
