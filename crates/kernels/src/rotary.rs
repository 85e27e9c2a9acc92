//! Rotary positions.

use burn::tensor::{Device, Tensor, TensorData};

/// Cosines and sines for [`rotate`]: angle `t / 10000^(2i / H)` at token t, pair i, the pairs written twice.
///
/// # Shapes
/// - returns `([T, H], [T, H])`; H is even
///
/// # Source
/// Su et al. 2021, §3.2.2, in the arrangement of published code (halves, not neighbours, form the pairs).
pub fn rotary_tables(tokens: usize, head: usize, device: &Device) -> (Tensor<2>, Tensor<2>) {
    let angle = |t: usize, i: usize| t as f64 / 10_000f64.powf(2.0 * (i % (head / 2)) as f64 / head as f64);
    let table = |f: fn(f64) -> f64| {
        let values = (0..tokens * head).map(|at| f(angle(at / head, at % head)) as f32).collect::<Vec<_>>();
        Tensor::from_data(TensorData::new(values, [tokens, head]), device)
    };
    (table(f64::cos), table(f64::sin))
}

/// Rotates each pair (i, i + H/2) of every head by its token's angle.
///
/// # Shapes
/// - `input`: `[B, N, T, H]`; `cos`, `sin`: `[T, H]` of [`rotary_tables`]; returns `[B, N, T, H]`
pub fn rotate(input: Tensor<4>, cos: Tensor<2>, sin: Tensor<2>) -> Tensor<4> {
    let half = input.dims()[3] / 2;
    let first = input.clone().narrow(3, 0, half);
    let second = input.clone().narrow(3, half, half);
    let turned = Tensor::cat(vec![-second, first], 3); // [B, N, T, H]
    input * cos.unsqueeze::<4>() + turned * sin.unsqueeze::<4>()
}
