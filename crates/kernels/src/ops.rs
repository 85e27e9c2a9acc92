//! The kernels as operations of a backend.
//!
//! Each has a forward and a backward of its own; [`crate::autodiff`] ties the two together. A backward is never
//! differentiated again. Rows of tokens stand one behind the other, so `tokens` below is the sum of all rows' lengths.

use std::sync::Arc;

use burn::{
    backend::{
        Backend, backend_extension,
        fusion::custom::TensorSpec,
        tensor::{FloatTensor, IntTensor},
    },
    tensor::{DType, Shape},
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
    /// Tokens to either side that a token sees; none where it sees all of its span.
    pub reach: Option<usize>,
    /// A token attends to the tokens of its own span. On GPUs rows keep their padding, and it counts as their tokens.
    pub spans: Arc<Spans>,
    /// Whether there is padding at all.
    pub has_mask: bool,
}

/// How attention's scores become weights.
#[derive(Debug, Clone, Copy)]
pub(crate) struct WeighHow {
    /// Whether there is padding at all.
    pub has_mask: bool,
    /// Of the weights.
    pub drop: Option<Dropper>,
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
    /// The ids on the host, where a GPU's gradient is to be sorted by them; a CPU reads its own.
    pub ids: Option<Arc<Vec<i32>>>,
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

/// Why an operation is missing on a GPU.
const ON_CPU: &str = "a GPU's products are the framework's";

/// Why an operation is missing on the CPU.
const ON_GPU: &str = "the CPU's attention makes no tensor of scores, and it has clipping's factor at hand";

/// The shape of one number.
fn single(_: &Shape) -> Shape {
    Shape::new([1])
}

/// One number of the format of others.
fn one_of(others: &TensorSpec) -> TensorSpec {
    TensorSpec::new(Shape::new([1]), others.dtype)
}

/// Shapes of what layer norm gives for this input.
fn normed(input: &TensorSpec) -> (TensorSpec, TensorSpec, TensorSpec) {
    let rows = input.shape.num_elements() / input.shape[input.shape.num_dims() - 1];
    (input.clone(), input.clone(), TensorSpec::new(Shape::new([rows]), input.dtype))
}

/// Shapes of what attention gives for these queries, keys and values.
fn attended(qkv: &TensorSpec, how: &AttentionHow) -> (TensorSpec, TensorSpec) {
    let mut shape = qkv.shape.clone();
    let last = shape.num_dims() - 1;
    shape[last] /= 3;
    let sums = qkv.shape.num_elements() / qkv.shape[last] * how.heads;
    (TensorSpec::new(shape, qkv.dtype), TensorSpec::new(Shape::new([sums]), DType::F32))
}

/// The shape of these tokens' vectors.
fn embedded(ids: &TensorSpec, table: &TensorSpec) -> TensorSpec {
    let mut shape = ids.shape.clone();
    shape.push(table.shape[1]);
    TensorSpec::new(shape, table.dtype)
}

/// The shape of so many positions.
fn placed(gradient: &TensorSpec, positions: usize) -> TensorSpec {
    let width = gradient.shape[gradient.shape.num_dims() - 1];
    TensorSpec::new(Shape::new([positions, width]), gradient.dtype)
}

/// Shapes of the weights and sums that these scores give.
fn weighed(scores: &TensorSpec) -> (TensorSpec, TensorSpec) {
    let (_, _, sums) = normed(scores);
    (scores.clone(), TensorSpec::new(sums.shape, DType::F32))
}

/// Shapes of what scoring gives for this bias and these labels.
fn scored(bias: &TensorSpec, labels: &TensorSpec) -> (TensorSpec, TensorSpec, TensorSpec) {
    let loss = TensorSpec::new(Shape::new([1]), bias.dtype);
    (loss, TensorSpec::new(labels.shape.clone(), bias.dtype), labels.clone())
}

/// The same and the gradients of hidden states, table and bias.
fn scored_with_gradients(
    [hidden, table, bias]: [&TensorSpec; 3],
    labels: &TensorSpec,
) -> (TensorSpec, TensorSpec, TensorSpec, TensorSpec, TensorSpec, TensorSpec) {
    let (loss, nll, best) = scored(bias, labels);
    (loss, nll, best, hidden.clone(), table.clone(), bias.clone())
}

/// The operations an encoder spends its time in. Those that are unreachable by default exist on one kind of
/// device alone.
#[backend_extension(Flex, Cube, Fusion, Autodiff)]
pub(crate) trait KernelOps: Backend {
    /// `input · weight + bias`: `[.., In]`, `[In, Out]`, `[Out]` to `[.., Out]`.
    #[fusion(default)]
    fn affine(_input: FloatTensor<Self>, _weight: FloatTensor<Self>, _bias: FloatTensor<Self>) -> FloatTensor<Self> {
        unreachable!("{ON_CPU}")
    }

    /// Gradients of input, weight and bias.
    #[fusion(default)]
    fn affine_backward(
        _input: FloatTensor<Self>,
        _weight: FloatTensor<Self>,
        _gradient: FloatTensor<Self>,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>) {
        unreachable!("{ON_CPU}")
    }

    /// Output, and what stood before the activation.
    #[fusion(default)]
    fn feed_forward(
        _input: FloatTensor<Self>,
        _w_in: FloatTensor<Self>,
        _b_in: FloatTensor<Self>,
        _w_out: FloatTensor<Self>,
        _b_out: FloatTensor<Self>,
        _how: FeedForward,
    ) -> (FloatTensor<Self>, FloatTensor<Self>) {
        unreachable!("{ON_CPU}")
    }

    /// Gradients of input, `w_in`, `b_in`, `w_out`, `b_out`.
    #[allow(clippy::too_many_arguments, clippy::type_complexity)]
    #[fusion(default)]
    fn feed_forward_backward(
        _input: FloatTensor<Self>,
        _w_in: FloatTensor<Self>,
        _b_in: FloatTensor<Self>,
        _w_out: FloatTensor<Self>,
        _b_out: FloatTensor<Self>,
        _before: FloatTensor<Self>,
        _gradient: FloatTensor<Self>,
        _how: FeedForward,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>) {
        unreachable!("{ON_CPU}")
    }

    /// `[.., 3D]` to `[.., D]`, and the logarithms of the softmax's sums, `[tokens · N]`. `mask`: `[B, T]`, not 0 =
    /// padding; the CPU, whose rows have none, does not look at it.
    #[fusion(meta = |qkv, _, how| attended(qkv, how))]
    fn attend(
        qkv: FloatTensor<Self>,
        mask: FloatTensor<Self>,
        how: AttentionHow,
    ) -> (FloatTensor<Self>, FloatTensor<Self>);

    /// Gradient of `qkv`.
    #[fusion(dtype = qkv, shape = qkv)]
    fn attend_backward(
        qkv: FloatTensor<Self>,
        mask: FloatTensor<Self>,
        out: FloatTensor<Self>,
        log_sums: FloatTensor<Self>,
        gradient: FloatTensor<Self>,
        how: AttentionHow,
    ) -> FloatTensor<Self>;

    /// Softmax of scores over keys that are no padding, then dropout; and the logarithms of the sums, `[B · N · T]`.
    /// `mask`: `[B, T]`, not 0 = padding. For GPUs alone: the CPU attends by blocks of queries.
    #[fusion(meta = |scores, _, _| weighed(scores))]
    fn weigh(
        _scores: FloatTensor<Self>,
        _mask: FloatTensor<Self>,
        _how: WeighHow,
    ) -> (FloatTensor<Self>, FloatTensor<Self>) {
        unreachable!("{ON_GPU}")
    }

    /// Gradient of the scores.
    #[fusion(dtype = _scores, shape = _scores)]
    fn weigh_backward(
        _scores: FloatTensor<Self>,
        _mask: FloatTensor<Self>,
        _log_sums: FloatTensor<Self>,
        _gradient: FloatTensor<Self>,
        _how: WeighHow,
    ) -> FloatTensor<Self> {
        unreachable!("{ON_GPU}")
    }

    /// Layer norm, what it multiplied by the weight, and what each row was scaled by, `[tokens]`.
    #[fusion(meta = |input, _, _, _| normed(input))]
    fn normalise(
        input: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        eps: f64,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>);

    /// The same of `residual + drop(branch)`.
    #[fusion(meta = |residual, _, _, _, _| normed(residual))]
    fn norm_of_sum(
        residual: FloatTensor<Self>,
        branch: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        how: NormHow,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>);

    /// Gradients of what was normalised, weight and bias.
    #[fusion(meta = |normed, _, weight, _| (normed.clone(), weight.clone(), weight.clone()))]
    fn norm_backward(
        normed: FloatTensor<Self>,
        scales: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        gradient: FloatTensor<Self>,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>);

    /// `residual + drop(branch)`.
    #[fusion(dtype = residual, shape = residual)]
    fn residual(residual: FloatTensor<Self>, branch: FloatTensor<Self>, drop: Option<Dropper>) -> FloatTensor<Self>;

    /// Dropout alone; also its own gradient.
    #[fusion(dtype = input, shape = input)]
    fn drop_elements(input: FloatTensor<Self>, drop: Dropper) -> FloatTensor<Self>;

    /// `scale · table[ids] + positions`: `[.., tokens]`, `[V, D]`, `[P, D]` to `[.., tokens, D]`.
    #[fusion(meta = |ids, table, _, _| embedded(ids, table))]
    fn embed(
        ids: IntTensor<Self>,
        table: FloatTensor<Self>,
        positions: FloatTensor<Self>,
        how: EmbedHow,
    ) -> FloatTensor<Self>;

    /// Adds the table's gradient to `sums`, `[V, D]`.
    #[fusion(dtype = sums, shape = sums)]
    fn embed_backward(
        sums: FloatTensor<Self>,
        ids: IntTensor<Self>,
        gradient: FloatTensor<Self>,
        how: EmbedHow,
    ) -> FloatTensor<Self>;

    /// Gradient of the positions, `[P, D]`.
    #[fusion(meta = |gradient, positions, _| placed(gradient, *positions))]
    fn positions_backward(gradient: FloatTensor<Self>, positions: usize, how: EmbedHow) -> FloatTensor<Self>;

    /// `scale · Σ nats` as `[1]`, nats `[K]` and likeliest words `[K]`; the last two without gradients.
    #[fusion(meta = |_, _, bias, labels, _| scored(bias, labels))]
    fn score(
        hidden: FloatTensor<Self>,
        table: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        labels: IntTensor<Self>,
        scale: f32,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, IntTensor<Self>);

    /// The same, and the loss's gradients of `hidden`, `table` and `bias`.
    #[allow(clippy::type_complexity)]
    #[fusion(meta = |hidden, table, bias, labels, _| scored_with_gradients([hidden, table, bias], labels))]
    fn score_with_gradients(
        hidden: FloatTensor<Self>,
        table: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        labels: IntTensor<Self>,
        scale: f32,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, IntTensor<Self>, FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>);

    /// A gradient times the one from above, `[1]`; itself where that is 1.
    #[fusion(dtype = gradient, shape = gradient)]
    fn scale_gradient(gradient: FloatTensor<Self>, above: FloatTensor<Self>) -> FloatTensor<Self>;

    /// Weight, first and second moment after a step; in their own memory where nothing else holds them.
    #[fusion(meta = |weight, _, first, second, _| (weight.clone(), first.clone(), second.clone()))]
    fn adam(
        weight: FloatTensor<Self>,
        gradient: FloatTensor<Self>,
        first: FloatTensor<Self>,
        second: FloatTensor<Self>,
        step: AdamStep,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>);

    /// The same with the factor of gradients on the device, `[1]`; below 0 it leaves everything as it was. For GPUs
    /// alone: the CPU has the factor at hand.
    #[fusion(meta = |weight, _, first, second, _, _| (weight.clone(), first.clone(), second.clone()))]
    fn adam_by(
        _weight: FloatTensor<Self>,
        _gradient: FloatTensor<Self>,
        _first: FloatTensor<Self>,
        _second: FloatTensor<Self>,
        _factor: FloatTensor<Self>,
        _step: AdamStep,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>) {
        unreachable!("{ON_GPU}")
    }

    /// Global norm and factor for [`KernelOps::adam_by`], `[1]` each, from sums of squares of gradients that are too large
    /// by `scale`. For GPUs alone.
    #[fusion(meta = |sums, _, _| (one_of(sums), one_of(sums)))]
    fn clip(_sums: FloatTensor<Self>, _largest: f32, _scale: f32) -> (FloatTensor<Self>, FloatTensor<Self>) {
        unreachable!("{ON_GPU}")
    }

    /// Sum of squares, `[1]`.
    #[fusion(dtype = values, shape = single(values))]
    fn squared_sum(values: FloatTensor<Self>) -> FloatTensor<Self>;
}
