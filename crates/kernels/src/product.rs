//! Matrix products in less than 32 bits.

use burn::tensor::{FloatDType, Tensor};
use case::Precision;

/// The number format of the factors of a product.
pub(crate) fn format(precision: Precision) -> FloatDType {
    match precision {
        Precision::Fp32 => FloatDType::F32,
        Precision::F16 => FloatDType::F16,
        Precision::Bf16 => FloatDType::BF16,
    }
}

/// `a · b`, both and the result in f32, multiplied in `precision`; gradients come back in f32.
///
/// # Shapes
/// - as `Tensor::matmul`
///
/// # Source
/// Micikevicius et al. 2018, §3.1: weights stay in 32 bits and are rounded for each product. The result is rounded to
/// `precision` too, as are the gradients inside: a gradient above the largest f16 becomes infinite there.
pub(crate) fn product<const R: usize>(a: Tensor<R>, b: Tensor<R>, precision: Precision) -> Tensor<R> {
    if precision == Precision::Fp32 {
        return a.matmul(b);
    }
    let format = format(precision);
    a.cast(format).matmul(b.cast(format)).cast(FloatDType::F32)
}
