//! The operations an encoder spends its time in.
//!
//! Each is composed of Burn's operations, so it runs and differentiates on every device. Shape legend: B sequences, T tokens
//! per sequence, K scored positions, D hidden size, N heads, H = D / N, F intermediate size, V vocabulary.

mod attention;
mod dropout;
mod loss;
mod norm;
mod rotary;

pub use attention::{Attention, attention};
pub use dropout::{DropSite, DropSource, dropout};
pub use loss::{Scores, score};
pub use norm::layer_norm;
pub use rotary::{rotary_tables, rotate};

use burn::tensor::Tensor;

/// `input · weight + bias`.
///
/// # Shapes
/// - `input`: `[B, T, In]`; `weight`: `[In, Out]`; `bias`: `[Out]`
/// - returns `[B, T, Out]`
pub fn linear(input: Tensor<3>, weight: Tensor<2>, bias: Tensor<1>) -> Tensor<3> {
    let [batch, tokens, width] = input.dims();
    let out = weight.dims()[1];
    // One product over all tokens: a batched product would be B small ones.
    let flat = input.reshape([batch * tokens, width]).matmul(weight) + bias.unsqueeze::<2>();
    flat.reshape([batch, tokens, out]) // [B, T, Out]
}
