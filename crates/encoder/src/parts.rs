//! Linear maps and norms as bare weights; what they compute stands in `kernels`.

use burn::{
    module::{Module, Param},
    tensor::{Device, Tensor},
};
use kernels::{Branch, Path};

/// `input · weight + bias`.
#[derive(Module, Debug)]
pub struct Linear {
    /// `[In, Out]`: the transpose of PyTorch's.
    pub weight: Param<Tensor<2>>,
    /// `[Out]`.
    pub bias: Param<Tensor<1>>,
}

impl Linear {
    pub(crate) fn zeros(input: usize, output: usize, device: &Device) -> Self {
        Self { weight: matrix(input, output, device), bias: vector(output, device) }
    }

    /// `[B, T, In]` to `[B, T, Out]`.
    pub fn forward(&self, input: Tensor<3>, path: &Path) -> Tensor<3> {
        kernels::linear(input, self.weight.val(), self.bias.val(), path)
    }
}

/// Layer normalisation over the last axis.
#[derive(Module, Debug)]
pub struct LayerNorm {
    /// `[D]`.
    pub weight: Param<Tensor<1>>,
    /// `[D]`.
    pub bias: Param<Tensor<1>>,
    #[module(skip)]
    eps: f64,
}

impl LayerNorm {
    pub(crate) fn zeros(width: usize, eps: f64, device: &Device) -> Self {
        Self { weight: vector(width, device), bias: vector(width, device), eps }
    }

    /// Any shape `[..., D]` to the same.
    pub fn forward<const R: usize>(&self, input: Tensor<R>, path: &Path) -> Tensor<R> {
        kernels::layer_norm(input, self.weight.val(), self.bias.val(), self.eps, path)
    }

    /// The norm of a residual sum, `[B, T, D]`.
    pub fn of_sum(&self, residual: Tensor<3>, branch: Branch, path: &Path) -> Tensor<3> {
        kernels::norm_of_sum(residual, branch, self.weight.val(), self.bias.val(), self.eps, path)
    }
}

pub(crate) fn matrix(rows: usize, columns: usize, device: &Device) -> Param<Tensor<2>> {
    Param::from_tensor(Tensor::zeros([rows, columns], device))
}

pub(crate) fn vector(width: usize, device: &Device) -> Param<Tensor<1>> {
    Param::from_tensor(Tensor::zeros([width], device))
}
