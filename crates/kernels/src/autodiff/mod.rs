//! Each kernel's forward tied to its backward.

mod attention;
mod norm;
mod products;
mod words;

use burn::backend::{
    Autodiff,
    autodiff::checkpoint::strategy::CheckpointStrategy,
    tensor::{FloatTensor, IntTensor},
};

use crate::{
    dropout::Dropper,
    ops::{AdamStep, AttentionHow, EmbedHow, FeedForward, KernelOps, NormHow, WeighHow},
};

/// Why a backward operation has no derivative.
const ONCE: &str = "a kernel's backward pass is not differentiated again";

/// A tensor whose gradient is recorded.
type Float<B, C> = FloatTensor<Autodiff<B, C>>;

/// Registers each gradient with the parent that wants it.
macro_rules! register {
    ($backend:ident, $gradients:ident, $parents:expr, $found:expr) => {
        for (parent, gradient) in $parents.into_iter().zip($found) {
            if let Some(parent) = parent {
                $gradients.register::<$backend>(parent.id, gradient);
            }
        }
    };
}
use register;

impl<B: KernelOps, C: CheckpointStrategy> KernelOps for Autodiff<B, C> {
    fn affine(input: FloatTensor<Self>, weight: FloatTensor<Self>, bias: FloatTensor<Self>) -> FloatTensor<Self> {
        products::affine::<B, C>(input, weight, bias)
    }

    fn affine_backward(
        _: FloatTensor<Self>,
        _: FloatTensor<Self>,
        _: FloatTensor<Self>,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>) {
        unreachable!("{ONCE}")
    }

    fn feed_forward(
        input: FloatTensor<Self>,
        w_in: FloatTensor<Self>,
        b_in: FloatTensor<Self>,
        w_out: FloatTensor<Self>,
        b_out: FloatTensor<Self>,
        how: FeedForward,
    ) -> (FloatTensor<Self>, FloatTensor<Self>) {
        products::feed_forward::<B, C>(input, w_in, b_in, w_out, b_out, how)
    }

    fn feed_forward_backward(
        _: FloatTensor<Self>,
        _: FloatTensor<Self>,
        _: FloatTensor<Self>,
        _: FloatTensor<Self>,
        _: FloatTensor<Self>,
        _: FloatTensor<Self>,
        _: FloatTensor<Self>,
        _: FeedForward,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>) {
        unreachable!("{ONCE}")
    }

    fn attend(
        qkv: FloatTensor<Self>,
        mask: FloatTensor<Self>,
        how: AttentionHow,
    ) -> (FloatTensor<Self>, FloatTensor<Self>) {
        attention::attend::<B, C>(qkv, mask, how)
    }

    fn attend_backward(
        _: FloatTensor<Self>,
        _: FloatTensor<Self>,
        _: FloatTensor<Self>,
        _: FloatTensor<Self>,
        _: FloatTensor<Self>,
        _: AttentionHow,
    ) -> FloatTensor<Self> {
        unreachable!("{ONCE}")
    }

    fn weigh(
        scores: FloatTensor<Self>,
        mask: FloatTensor<Self>,
        how: WeighHow,
    ) -> (FloatTensor<Self>, FloatTensor<Self>) {
        attention::weigh::<B, C>(scores, mask, how)
    }

    fn weigh_backward(
        _: FloatTensor<Self>,
        _: FloatTensor<Self>,
        _: FloatTensor<Self>,
        _: FloatTensor<Self>,
        _: WeighHow,
    ) -> FloatTensor<Self> {
        unreachable!("{ONCE}")
    }

    fn normalise(
        input: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        eps: f64,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>) {
        norm::normalise::<B, C>(input, weight, bias, eps)
    }

    fn norm_of_sum(
        residual: FloatTensor<Self>,
        branch: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        how: NormHow,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>) {
        norm::norm_of_sum::<B, C>(residual, branch, weight, bias, how)
    }

    fn norm_backward(
        _: FloatTensor<Self>,
        _: FloatTensor<Self>,
        _: FloatTensor<Self>,
        _: FloatTensor<Self>,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>) {
        unreachable!("{ONCE}")
    }

    fn residual(residual: FloatTensor<Self>, branch: FloatTensor<Self>, drop: Option<Dropper>) -> FloatTensor<Self> {
        norm::residual::<B, C>(residual, branch, drop)
    }

    fn drop_elements(input: FloatTensor<Self>, drop: Dropper) -> FloatTensor<Self> {
        norm::drop_elements::<B, C>(input, drop)
    }

    fn embed(
        ids: IntTensor<Self>,
        table: FloatTensor<Self>,
        positions: FloatTensor<Self>,
        how: EmbedHow,
    ) -> FloatTensor<Self> {
        words::embed::<B, C>(ids, table, positions, how)
    }

    fn embed_backward(
        _: FloatTensor<Self>,
        _: IntTensor<Self>,
        _: FloatTensor<Self>,
        _: EmbedHow,
    ) -> FloatTensor<Self> {
        unreachable!("{ONCE}")
    }

    fn positions_backward(_: FloatTensor<Self>, _: usize, _: EmbedHow) -> FloatTensor<Self> {
        unreachable!("{ONCE}")
    }

    fn score(
        hidden: FloatTensor<Self>,
        table: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        labels: IntTensor<Self>,
        scale: f32,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, IntTensor<Self>) {
        words::score::<B, C>(hidden, table, bias, labels, scale)
    }

    fn score_with_gradients(
        _: FloatTensor<Self>,
        _: FloatTensor<Self>,
        _: FloatTensor<Self>,
        _: IntTensor<Self>,
        _: f32,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, IntTensor<Self>, FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>)
    {
        unreachable!("{ONCE}")
    }

    fn scale_gradient(_: FloatTensor<Self>, _: FloatTensor<Self>) -> FloatTensor<Self> {
        unreachable!("{ONCE}")
    }

    fn adam(
        _: FloatTensor<Self>,
        _: FloatTensor<Self>,
        _: FloatTensor<Self>,
        _: FloatTensor<Self>,
        _: AdamStep,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>) {
        unreachable!("an optimizer's step is not differentiated")
    }

    fn adam_by(
        _: FloatTensor<Self>,
        _: FloatTensor<Self>,
        _: FloatTensor<Self>,
        _: FloatTensor<Self>,
        _: FloatTensor<Self>,
        _: AdamStep,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>) {
        unreachable!("an optimizer's step is not differentiated")
    }

    fn clip(_: FloatTensor<Self>, _: f32, _: f32) -> (FloatTensor<Self>, FloatTensor<Self>) {
        unreachable!("a norm of gradients is not differentiated")
    }

    fn squared_sum(_: FloatTensor<Self>) -> FloatTensor<Self> {
        unreachable!("a norm of gradients is not differentiated")
    }
}
