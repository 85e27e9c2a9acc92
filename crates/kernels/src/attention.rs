//! Scaled dot-product attention.

use std::sync::Arc;

use burn::{
    backend::Dispatch,
    tensor::{Bool, Device, FloatDType, Tensor, TensorData, activation::softmax},
};
use case::Kernels;

use crate::{
    DropSite, Mixed, Path, RotaryTable, Spans, dropout,
    ops::{AttentionHow, KernelOps, WeighHow},
    product::{format, product},
    rotate,
};

/// What attention does besides the products.
pub struct Attention {
    /// Heads N; divides the last axis of each of q, k, v.
    pub heads: usize,
    /// Drop probability of the attention weights, 0..1.
    pub dropout: f64,
    /// Where the dropped weights are drawn from; none in evaluation.
    pub drop_site: Option<DropSite>,
    /// Where queries and keys are turned.
    pub rotary: Option<Arc<RotaryTable>>,
    /// Tokens to either side that a token sees; none where it sees all of its row.
    pub reach: Option<usize>,
}

/// Each token's weighted mean of its row's real tokens' values.
///
/// # Shapes
/// - `qkv`: `[B, T, 3D]`, queries, keys and values side by side; returns `[B, T, D]`; rows at padding are finite and
///   meaningless
///
/// # Source
/// Vaswani et al. 2017, §3.2.1, equation 1; by blocks of queries after Dao et al. 2022. Local: Beltagy et al. 2020, §3.1.
pub fn attention(qkv: Tensor<3>, path: &Path, how: Attention) -> Tensor<3> {
    let [batch, tokens, triple] = qkv.dims();
    match path {
        Path::Own(spans) => own(qkv, spans.clone(), None, how),
        Path::Mixed(Mixed { mask_pad, precision, kernels: Kernels::Own, attend, .. })
            if attend.by_blocks([batch, how.heads, tokens, triple / 3 / how.heads], *precision) =>
        {
            own(qkv, Arc::new(Spans::new(vec![tokens; batch])), mask_pad.clone(), how)
        }
        Path::Composed { .. } | Path::Mixed(_) => composed(qkv, path, how),
    }
}

fn own(qkv: Tensor<3>, spans: Arc<Spans>, mask_pad: Option<Tensor<2, Bool>>, how: Attention) -> Tensor<3> {
    let drop = how.drop_site.and_then(|site| site.dropper(how.dropout));
    let how = AttentionHow {
        heads: how.heads,
        drop,
        rotary: how.rotary,
        reach: how.reach,
        spans,
        has_mask: mask_pad.is_some(),
    };
    let mask = numbers(mask_pad, &qkv.device());
    Tensor::from_dispatch(Dispatch::attend(qkv.into_dispatch(), mask.into_dispatch(), how).0)
}

/// A mask as kernels take it, 1 = padding; a single number where there is none.
fn numbers(mask_pad: Option<Tensor<2, Bool>>, device: &Device) -> Tensor<2> {
    mask_pad.map_or_else(|| Tensor::zeros([1, 1], device), |mask| mask.float().cast(FloatDType::F32))
}

/// Keys at padding get no weight.
fn composed(qkv: Tensor<3>, path: &Path, how: Attention) -> Tensor<3> {
    let [batch, tokens, triple] = qkv.dims();
    let (width, heads) = (triple / 3, how.heads);
    let head = width / heads;
    let part = |index: usize| {
        let one = qkv.clone().narrow(2, index * width, width);
        one.reshape([batch, tokens, heads, head]).swap_dims(1, 2) // [B, N, T, H]
    };
    let (mut q, mut k, v) = (part(0), part(1), part(2));
    if let Some(table) = &how.rotary {
        let (cos, sin) = table.tensors(tokens, &qkv.device());
        q = rotate(q, cos.clone(), sin.clone());
        k = rotate(k, cos, sin);
    }
    let q = q * (head as f64).powf(-0.5); // the smaller factor: T·H products instead of T·T
    // The kernel knows padding alone: local layers take the framework's operations.
    let attend = if path.has_kernels() && how.reach.is_none() { by_kernel } else { by_operations };
    attend([q, k, v], path, &how).swap_dims(1, 2).reshape([batch, tokens, width]) // [B, T, D]
}

/// Each token's weighted mean, `[B, N, T, H]`, of queries that are scaled, keys and values, each of that shape.
fn by_operations([q, k, v]: [Tensor<4>; 3], path: &Path, how: &Attention) -> Tensor<4> {
    let [batch, heads, tokens, _] = q.dims();
    let mut scores = product(q, k.swap_dims(2, 3), path.precision()); // [B, N, T, T]
    if let Some(reach) = how.reach {
        let mask = beyond(tokens, reach, &scores.device()).unsqueeze::<4>().expand([batch, heads, tokens, tokens]);
        scores = scores.mask_fill(mask, BEYOND);
    }
    if let Some(mask_pad) = path.mask_pad() {
        let mask = mask_pad.reshape([batch, 1, 1, tokens]).expand([batch, heads, tokens, tokens]);
        // All of a window at the end of a row may be padding: finite, or its softmax is 0 / 0.
        scores = scores.mask_fill(mask, if how.reach.is_some() { BEYOND } else { f32::NEG_INFINITY });
    }
    let weights = dropout(softmax(scores, 3), how.dropout, how.drop_site, path);
    product(weights, v, path.precision())
}

/// The score of a token that is not seen, where infinity will not do: its exponential is 0 beside any other.
const BEYOND: f32 = -1e30;

/// True where a key is farther than `reach` from the query, `[T, T]`.
fn beyond(tokens: usize, reach: usize, device: &Device) -> Tensor<2, Bool> {
    let is_far = (0..tokens * tokens).map(|at| (at / tokens).abs_diff(at % tokens) > reach).collect::<Vec<_>>();
    Tensor::from_data(TensorData::new(is_far, [tokens, tokens]), device)
}

/// The same with one pass from scores to weights, both in the number format of the products.
fn by_kernel(factors: [Tensor<4>; 3], path: &Path, how: &Attention) -> Tensor<4> {
    let format = format(path.precision());
    let [q, k, v] = factors.map(|factor| factor.cast(format));
    let scores = q.matmul(k.swap_dims(2, 3)); // [B, N, T, T]
    let mask_pad = path.mask_pad();
    let drop = how.drop_site.and_then(|site| site.dropper(how.dropout));
    let weigh = WeighHow { has_mask: mask_pad.is_some(), drop };
    let mask = numbers(mask_pad, &scores.device());
    let (weights, _) = Dispatch::weigh(scores.into_dispatch(), mask.into_dispatch(), weigh);
    Tensor::<4>::from_dispatch(weights).matmul(v).cast(FloatDType::F32)
}
