//! Linear maps and norms as bare weights; what they compute stands in `kernels`.

use burn::{
    module::{Module, Param},
    tensor::{Device, Tensor},
};
use case::EncoderConfig;
use kernels::{Branch, Path};

/// `input · weight + bias`.
#[derive(Module, Debug)]
pub struct Linear {
    /// `[In, Out]`: the transpose of PyTorch's.
    pub weight: Param<Tensor<2>>,
    /// `[Out]`, where the case has biases.
    pub bias: Option<Param<Tensor<1>>>,
}

impl Linear {
    pub(crate) fn zeros(input: usize, output: usize, has_bias: bool, device: &Device) -> Self {
        Self { weight: matrix(input, output, device), bias: has_bias.then(|| vector(output, device)) }
    }

    /// Weight and bias, zeros where there is none: `[In, Out]` and `[Out]`.
    pub(crate) fn values(&self) -> (Tensor<2>, Tensor<1>) {
        let weight = self.weight.val();
        let bias = or_zeros(self.bias.as_ref(), weight.dims()[1], &weight.device());
        (weight, bias)
    }

    /// `[B, T, In]` to `[B, T, Out]`.
    pub fn forward(&self, input: Tensor<3>, path: &Path) -> Tensor<3> {
        let (weight, bias) = self.values();
        kernels::linear(input, weight, bias, path)
    }
}

/// Layer normalisation over the last axis.
#[derive(Module, Debug)]
pub struct LayerNorm {
    /// `[D]`.
    pub weight: Param<Tensor<1>>,
    /// `[D]`, where the case has biases.
    pub bias: Option<Param<Tensor<1>>>,
    #[module(skip)]
    eps: f64,
}

impl LayerNorm {
    pub(crate) fn zeros(width: usize, config: &EncoderConfig, device: &Device) -> Self {
        let bias = config.biases.then(|| vector(width, device));
        Self { weight: vector(width, device), bias, eps: config.layer_norm_eps }
    }

    fn values(&self) -> (Tensor<1>, Tensor<1>) {
        let weight = self.weight.val();
        let bias = or_zeros(self.bias.as_ref(), weight.dims()[0], &weight.device());
        (weight, bias)
    }

    /// Any shape `[..., D]` to the same.
    pub fn forward<const R: usize>(&self, input: Tensor<R>, path: &Path) -> Tensor<R> {
        let (weight, bias) = self.values();
        kernels::layer_norm(input, weight, bias, self.eps, path)
    }

    /// The norm of a residual sum, `[B, T, D]`.
    pub fn of_sum(&self, residual: Tensor<3>, branch: Branch, path: &Path) -> Tensor<3> {
        let (weight, bias) = self.values();
        kernels::norm_of_sum(residual, branch, weight, bias, self.eps, path)
    }
}

/// A bias, or zeros that nothing trains: the kernels know one form of each operation.
fn or_zeros(bias: Option<&Param<Tensor<1>>>, width: usize, device: &Device) -> Tensor<1> {
    bias.map_or_else(|| Tensor::zeros([width], device), Param::val)
}

pub(crate) fn matrix(rows: usize, columns: usize, device: &Device) -> Param<Tensor<2>> {
    Param::from_tensor(Tensor::zeros([rows, columns], device))
}

pub(crate) fn vector(width: usize, device: &Device) -> Param<Tensor<1>> {
    Param::from_tensor(Tensor::zeros([width], device))
}
