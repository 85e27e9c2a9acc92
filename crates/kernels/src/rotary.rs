//! Rotary positions.

use burn::tensor::{Device, Tensor, TensorData};

/// Cosines and sines of rotary positions, on the host: angle `t / base^(2i / H)` at token t, pair i.
///
/// # Source
/// Su et al. 2021, §3.2.2, in the arrangement of published code (halves, not neighbours, form the pairs).
#[derive(Debug, Clone, PartialEq)]
pub struct RotaryTable {
    /// H / 2.
    half: usize,
    /// `[T, H / 2]`.
    cos: Vec<f32>,
    /// `[T, H / 2]`.
    sin: Vec<f32>,
}

impl RotaryTable {
    /// For rows of up to `tokens` tokens and heads of `head` elements, an even number; `base` is 10,000 in the paper.
    pub fn new(tokens: usize, head: usize, base: f64) -> Self {
        let half = head / 2;
        let angle = |at: usize| (at / half) as f64 / base.powf(2.0 * (at % half) as f64 / head as f64);
        let table = |f: fn(f64) -> f64| (0..tokens * half).map(|at| f(angle(at)) as f32).collect();
        Self { half, cos: table(f64::cos), sin: table(f64::sin) }
    }

    /// The tables for [`rotate`], for the first `tokens` tokens of a row, the pairs written twice.
    ///
    /// # Shapes
    /// - returns `([T, H], [T, H])`
    pub fn tensors(&self, tokens: usize, device: &Device) -> (Tensor<2>, Tensor<2>) {
        let twice = |table: &[f32]| {
            let rows = table.chunks_exact(self.half).take(tokens);
            let values = rows.flat_map(|row| [row, row].concat()).collect::<Vec<_>>();
            Tensor::from_data(TensorData::new(values, [tokens, 2 * self.half]), device)
        };
        (twice(&self.cos), twice(&self.sin))
    }

    /// Cosines and sines, `[T, H / 2]` each.
    pub(crate) fn halves(&self) -> [&[f32]; 2] {
        [&self.cos, &self.sin]
    }

    /// Turns one token's `[H]` by its place in the row.
    #[inline(always)]
    pub(crate) fn turn(&self, row: &mut [f32], place: usize) {
        self.rotate(row, place, 1.0);
    }

    /// The opposite turn, which is the gradient's.
    #[inline(always)]
    pub(crate) fn turn_back(&self, row: &mut [f32], place: usize) {
        self.rotate(row, place, -1.0);
    }

    #[inline(always)]
    fn rotate(&self, row: &mut [f32], place: usize, sense: f32) {
        let from = place * self.half;
        let (cos, sin) = (&self.cos[from..from + self.half], &self.sin[from..from + self.half]);
        let (first, second) = row.split_at_mut(self.half);
        for ((a, b), (cos, sin)) in first.iter_mut().zip(second).zip(cos.iter().zip(sin)) {
            let sin = sin * sense;
            (*a, *b) = (*a * cos - *b * sin, *b * cos + *a * sin);
        }
    }
}

/// Rotates each pair (i, i + H/2) of every head by its token's angle.
///
/// # Shapes
/// - `input`: `[B, N, T, H]`; `cos`, `sin`: `[T, H]` of [`RotaryTable::tensors`]; returns `[B, N, T, H]`
pub fn rotate(input: Tensor<4>, cos: Tensor<2>, sin: Tensor<2>) -> Tensor<4> {
    let half = input.dims()[3] / 2;
    let first = input.clone().narrow(3, 0, half);
    let second = input.clone().narrow(3, half, half);
    let turned = Tensor::cat(vec![-second, first], 3); // [B, N, T, H]
    input * cos.unsqueeze::<4>() + turned * sin.unsqueeze::<4>()
}
