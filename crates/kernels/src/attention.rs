//! Scaled dot-product attention.

use burn::tensor::{Bool, Tensor, activation::softmax};

use crate::{DropSite, dropout, rotate};

/// What attention does besides the products.
pub struct Attention {
    /// Heads N; divides the last axis of each of q, k, v.
    pub heads: usize,
    /// Drop probability of the attention weights, 0..1.
    pub dropout: f64,
    /// Where the dropped weights are drawn from; none in evaluation.
    pub drop_site: Option<DropSite>,
    /// Cosines and sines of rotary positions, `[T, H]` each.
    pub rotary: Option<(Tensor<2>, Tensor<2>)>,
}

/// Each token's weighted mean of all real tokens' values.
///
/// # Shapes
/// - `qkv`: `[B, T, 3D]`, queries, keys and values side by side
/// - `mask_pad`: `[B, T]`, true = padding: keys there get no weight
/// - returns `[B, T, D]`; rows at padding are finite and meaningless
///
/// # Source
/// Vaswani et al. 2017, §3.2.1, equation 1.
pub fn attention(qkv: Tensor<3>, mask_pad: Option<Tensor<2, Bool>>, how: Attention) -> Tensor<3> {
    let [batch, tokens, triple] = qkv.dims();
    let (width, heads) = (triple / 3, how.heads);
    let head = width / heads;
    let part = |index: usize| {
        let one = qkv.clone().narrow(2, index * width, width);
        one.reshape([batch, tokens, heads, head]).swap_dims(1, 2) // [B, N, T, H]
    };
    let (mut q, mut k, v) = (part(0), part(1), part(2));
    if let Some((cos, sin)) = how.rotary {
        q = rotate(q, cos.clone(), sin.clone());
        k = rotate(k, cos, sin);
    }
    // The scale goes to the smaller factor: T·H products instead of T·T.
    let mut scores = (q * (head as f64).powf(-0.5)).matmul(k.swap_dims(2, 3)); // [B, N, T, T]
    if let Some(mask_pad) = mask_pad {
        let mask = mask_pad.reshape([batch, 1, 1, tokens]).expand([batch, heads, tokens, tokens]);
        scores = scores.mask_fill(mask, f32::NEG_INFINITY);
    }
    let weights = dropout(softmax(scores, 3), how.dropout, how.drop_site);
    weights.matmul(v).swap_dims(1, 2).reshape([batch, tokens, width]) // [B, T, D]
}
