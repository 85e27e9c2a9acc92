//! The kernels as operations of a backend.
//!
//! Each has a forward and a backward of its own; [`crate::autodiff`] ties the two together. A backward is never
//! differentiated again. Rows of tokens stand one behind the other, so `tokens` below is the sum of all rows' lengths.

use std::sync::Arc;

use burn::backend::{
    Backend, backend_extension,
    tensor::{FloatTensor, IntTensor},
};
use case::Activation;

use crate::{Spans, dropout::Dropper, rotary::RotaryTable};

/// What a feed-forward block does between its products.
#[derive(Debug, Clone, Copy)]
pub(crate) struct FeedForward {
    /// Applied to the first product.
    pub activation: Activation,
    /// Of the activations.
    pub drop: Option<Dropper>,
}

/// What attention does besides the products.
#[derive(Debug, Clone)]
pub(crate) struct AttentionHow {
    /// Heads N; divides D.
    pub heads: usize,
    /// Of the attention weights.
    pub drop: Option<Dropper>,
    /// Where queries and keys are turned.
    pub rotary: Option<Arc<RotaryTable>>,
    /// A token attends to the tokens of its own span.
    pub spans: Arc<Spans>,
}

/// What layer normalisation needs besides its weights.
#[derive(Debug, Clone, Copy)]
pub(crate) struct NormHow {
    /// Inside the root, above 0.
    pub eps: f64,
    /// Of the branch, before the sum.
    pub drop: Option<Dropper>,
}

/// How token vectors are made.
#[derive(Debug, Clone)]
pub(crate) struct EmbedHow {
    /// What table rows are multiplied by.
    pub scale: f32,
    /// Positions are counted inside each span.
    pub spans: Arc<Spans>,
}

/// One optimizer step's numbers; what they come from stands in the optimizer.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AdamStep {
    /// What gradients are multiplied by: clipping.
    pub gradient_factor: f32,
    /// What weights are multiplied by: decoupled decay.
    pub shrink: f32,
    /// How much of the weight is added to the gradient: L2 inside Adam.
    pub into_gradient: f32,
    /// β1 and 1 − β1, each rounded once.
    pub beta1: [f32; 2],
    /// β2 and 1 − β2, each rounded once.
    pub beta2: [f32; 2],
    /// The learning rate over the first moment's bias correction.
    pub rate: f32,
    /// One over the root of the second moment's bias correction.
    pub root_factor: f32,
    /// Added to the root.
    pub epsilon: f32,
}

/// The operations an encoder spends its time in.
#[backend_extension(Flex, Autodiff)]
pub(crate) trait KernelOps: Backend {
    /// `input · weight + bias`: `[.., In]`, `[In, Out]`, `[Out]` to `[.., Out]`.
    fn affine(input: FloatTensor<Self>, weight: FloatTensor<Self>, bias: FloatTensor<Self>) -> FloatTensor<Self>;

    /// Gradients of input, weight and bias.
    fn affine_backward(
        input: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        gradient: FloatTensor<Self>,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>);

    /// Output, and what stood before the activation.
    fn feed_forward(
        input: FloatTensor<Self>,
        w_in: FloatTensor<Self>,
        b_in: FloatTensor<Self>,
        w_out: FloatTensor<Self>,
        b_out: FloatTensor<Self>,
        how: FeedForward,
    ) -> (FloatTensor<Self>, FloatTensor<Self>);

    /// Gradients of input, `w_in`, `b_in`, `w_out`, `b_out`.
    #[allow(clippy::too_many_arguments, clippy::type_complexity)]
    fn feed_forward_backward(
        input: FloatTensor<Self>,
        w_in: FloatTensor<Self>,
        b_in: FloatTensor<Self>,
        w_out: FloatTensor<Self>,
        b_out: FloatTensor<Self>,
        before: FloatTensor<Self>,
        gradient: FloatTensor<Self>,
        how: FeedForward,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>);

    /// `[.., 3D]` to `[.., D]`, and the logarithms of the softmax's sums, `[tokens · N]`.
    fn attend(qkv: FloatTensor<Self>, how: AttentionHow) -> (FloatTensor<Self>, FloatTensor<Self>);

    /// Gradient of `qkv`.
    fn attend_backward(
        qkv: FloatTensor<Self>,
        out: FloatTensor<Self>,
        log_sums: FloatTensor<Self>,
        gradient: FloatTensor<Self>,
        how: AttentionHow,
    ) -> FloatTensor<Self>;

    /// Layer norm, what it multiplied by the weight, and what each row was scaled by, `[tokens]`.
    fn normalise(
        input: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        eps: f64,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>);

    /// The same of `residual + drop(branch)`.
    fn norm_of_sum(
        residual: FloatTensor<Self>,
        branch: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        how: NormHow,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>);

    /// Gradients of what was normalised, weight and bias.
    fn norm_backward(
        normed: FloatTensor<Self>,
        scales: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        gradient: FloatTensor<Self>,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>);

    /// `residual + drop(branch)`.
    fn residual(residual: FloatTensor<Self>, branch: FloatTensor<Self>, drop: Option<Dropper>) -> FloatTensor<Self>;

    /// Dropout alone; also its own gradient.
    fn drop_elements(input: FloatTensor<Self>, drop: Dropper) -> FloatTensor<Self>;

    /// `scale · table[ids] + positions`: `[.., tokens]`, `[V, D]`, `[P, D]` to `[.., tokens, D]`.
    fn embed(
        ids: IntTensor<Self>,
        table: FloatTensor<Self>,
        positions: FloatTensor<Self>,
        how: EmbedHow,
    ) -> FloatTensor<Self>;

    /// Adds the table's gradient to `sums`, `[V, D]`.
    fn embed_backward(
        sums: FloatTensor<Self>,
        ids: IntTensor<Self>,
        gradient: FloatTensor<Self>,
        how: EmbedHow,
    ) -> FloatTensor<Self>;

    /// Gradient of the positions, `[P, D]`.
    fn positions_backward(gradient: FloatTensor<Self>, positions: usize, how: EmbedHow) -> FloatTensor<Self>;

    /// `scale · Σ nats` as `[1]`, nats `[K]` and likeliest words `[K]`; the last two without gradients.
    fn score(
        hidden: FloatTensor<Self>,
        table: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        labels: IntTensor<Self>,
        scale: f32,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, IntTensor<Self>);

    /// The same, and the loss's gradients of `hidden`, `table` and `bias`.
    #[allow(clippy::type_complexity)]
    fn score_with_gradients(
        hidden: FloatTensor<Self>,
        table: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        labels: IntTensor<Self>,
        scale: f32,
    ) -> (
        FloatTensor<Self>,
        FloatTensor<Self>,
        IntTensor<Self>,
        FloatTensor<Self>,
        FloatTensor<Self>,
        FloatTensor<Self>,
    );

    /// A gradient times the one from above, `[1]`; itself where that is 1.
    fn scale_gradient(gradient: FloatTensor<Self>, above: FloatTensor<Self>) -> FloatTensor<Self>;

    /// Weight, first and second moment after a step; in their own memory where nothing else holds them.
    fn adam(
        weight: FloatTensor<Self>,
        gradient: FloatTensor<Self>,
        first: FloatTensor<Self>,
        second: FloatTensor<Self>,
        step: AdamStep,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>);

    /// Sum of squares, `[1]`.
    fn squared_sum(values: FloatTensor<Self>) -> FloatTensor<Self>;
}
