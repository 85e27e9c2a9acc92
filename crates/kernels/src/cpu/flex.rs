//! The kernels as operations of Burn's CPU backend: tensors to slices and back.

use std::borrow::Cow;

use burn::{
    backend::{
        Flex,
        tensor::{FloatTensor, IntTensor},
    },
    tensor::TensorData,
};

use super::{
    adam,
    attention::{self, Inputs},
    embedding, feed_forward, linear, norm, score,
};
use crate::{
    dropout::Dropper,
    ops::{AdamStep, AttentionHow, EmbedHow, FeedForward, KernelOps, NormHow},
};

type Float = FloatTensor<Flex>;
type Int = IntTensor<Flex>;

/// A tensor's values, row-major: copied only where they do not lie so already.
fn values(tensor: &Float) -> Cow<'_, [f32]> {
    match tensor.as_slice::<f32>() {
        Some(values) => Cow::Borrowed(values),
        None => Cow::Owned(owned(tensor.clone())),
    }
}

/// A tensor's values to be changed: copied only where something else holds them too.
fn owned(tensor: Float) -> Vec<f32> {
    tensor.into_data().try_into_vec::<f32>().expect("the CPU backend's floats are f32")
}

fn integers(tensor: Int) -> Vec<i32> {
    tensor.into_data().try_into_vec_as::<i32>().expect("indices fit 32 bits")
}

fn tensor<const R: usize>(values: Vec<f32>, shape: [usize; R]) -> Float {
    Float::from_data(TensorData::new(values, shape))
}

/// A tensor of the shape of another.
fn like(values: Vec<f32>, other: &Float) -> Float {
    Float::from_data(TensorData::new(values, other.layout().shape().clone()))
}

/// A tensor of the shape of another but for its last axis.
fn with_last(values: Vec<f32>, other: &Float, last: usize) -> Float {
    let mut shape = other.layout().shape().to_vec();
    *shape.last_mut().expect("a tensor with axes") = last;
    Float::from_data(TensorData::new(values, shape))
}

fn last_axis(tensor: &Float) -> usize {
    *tensor.layout().shape().to_vec().last().expect("a tensor with axes")
}

impl KernelOps for Flex {
    fn affine(input: Float, weight: Float, bias: Float) -> Float {
        let out = last_axis(&weight);
        with_last(linear::linear(&values(&input), &values(&weight), &values(&bias)), &input, out)
    }

    fn affine_backward(input: Float, weight: Float, gradient: Float) -> (Float, Float, Float) {
        let out = last_axis(&weight);
        let (of_input, of_weight, of_bias) =
            linear::linear_backward(&values(&input), &values(&weight), out, &values(&gradient));
        (like(of_input, &input), like(of_weight, &weight), tensor(of_bias, [out]))
    }

    fn feed_forward(
        input: Float,
        w_in: Float,
        b_in: Float,
        w_out: Float,
        b_out: Float,
        how: FeedForward,
    ) -> (Float, Float) {
        let (w_in, b_in, w_out, b_out) = (values(&w_in), values(&b_in), values(&w_out), values(&b_out));
        let weights = feed_forward::Weights { w_in: &w_in, b_in: &b_in, w_out: &w_out, b_out: &b_out };
        let (out, before) = feed_forward::feed_forward(&values(&input), &weights, how.activation, how.drop);
        (like(out, &input), with_last(before, &input, b_in.len()))
    }

    fn feed_forward_backward(
        input: Float,
        w_in: Float,
        b_in: Float,
        w_out: Float,
        b_out: Float,
        before: Float,
        gradient: Float,
        how: FeedForward,
    ) -> (Float, Float, Float, Float, Float) {
        let found = {
            let (w_in, b_in, w_out, b_out) = (values(&w_in), values(&b_in), values(&w_out), values(&b_out));
            let weights = feed_forward::Weights { w_in: &w_in, b_in: &b_in, w_out: &w_out, b_out: &b_out };
            let (input, before, gradient) = (values(&input), values(&before), values(&gradient));
            feed_forward::feed_forward_backward(&input, &weights, &before, &gradient, how.activation, how.drop)
        };
        (
            like(found.input, &input),
            like(found.w_in, &w_in),
            like(found.b_in, &b_in),
            like(found.w_out, &w_out),
            like(found.b_out, &b_out),
        )
    }

    fn attend(qkv: Float, _mask: Float, how: AttentionHow) -> (Float, Float) {
        let width = last_axis(&qkv) / 3;
        let (out, log_sums) = attention::attention(inputs(&values(&qkv), &how));
        let count = log_sums.len();
        (with_last(out, &qkv, width), tensor(log_sums, [count]))
    }

    fn attend_backward(
        qkv: Float,
        _mask: Float,
        out: Float,
        log_sums: Float,
        gradient: Float,
        how: AttentionHow,
    ) -> Float {
        let found = {
            let (qkv, out) = (values(&qkv), values(&out));
            attention::attention_backward(inputs(&qkv, &how), &out, &values(&log_sums), &values(&gradient))
        };
        like(found, &qkv)
    }

    fn normalise(input: Float, weight: Float, bias: Float, eps: f64) -> (Float, Float, Float) {
        let (out, kept) = norm::norm(&values(&input), None, None, &values(&weight), &values(&bias), eps as f32);
        let rows = kept.scales.len();
        (like(out, &input), like(kept.normed, &input), tensor(kept.scales, [rows]))
    }

    fn norm_of_sum(residual: Float, branch: Float, weight: Float, bias: Float, how: NormHow) -> (Float, Float, Float) {
        let (out, kept) = {
            let branch = values(&branch);
            let (weight, bias) = (values(&weight), values(&bias));
            norm::norm(&values(&residual), Some(&branch), how.drop, &weight, &bias, how.eps as f32)
        };
        let rows = kept.scales.len();
        (like(out, &residual), like(kept.normed, &residual), tensor(kept.scales, [rows]))
    }

    fn norm_backward(normed: Float, scales: Float, weight: Float, gradient: Float) -> (Float, Float, Float) {
        let width = last_axis(&weight);
        let (of_sum, of_weight, of_bias) =
            norm::norm_backward(owned(gradient), &values(&normed), &values(&scales), &values(&weight));
        (like(of_sum, &normed), tensor(of_weight, [width]), tensor(of_bias, [width]))
    }

    fn residual(residual: Float, branch: Float, drop: Option<Dropper>) -> Float {
        let shape = branch.clone();
        like(norm::residual(owned(residual), &values(&branch), drop), &shape)
    }

    fn drop_elements(input: Float, drop: Dropper) -> Float {
        let shape = input.layout().shape().clone();
        Float::from_data(TensorData::new(norm::dropped(owned(input), drop), shape))
    }

    fn embed(ids: Int, table: Float, positions: Float, how: EmbedHow) -> Float {
        let width = last_axis(&table);
        let mut shape = ids.layout().shape().to_vec();
        shape.push(width);
        let found = {
            let (table, positions) = (values(&table), values(&positions));
            embedding::embed(&integers(ids), &table, width, &positions, &how)
        };
        Float::from_data(TensorData::new(found, shape))
    }

    fn embed_backward(sums: Float, ids: Int, gradient: Float, how: EmbedHow) -> Float {
        let (shape, width) = (sums.layout().shape().clone(), last_axis(&sums));
        let mut sums = owned(sums);
        embedding::embed_backward(&mut sums, &integers(ids), &values(&gradient), width, how.scale);
        Float::from_data(TensorData::new(sums, shape))
    }

    fn positions_backward(gradient: Float, positions: usize, how: EmbedHow) -> Float {
        let width = last_axis(&gradient);
        tensor(embedding::positions_backward(&values(&gradient), width, positions, &how.spans), [positions, width])
    }

    fn score(hidden: Float, table: Float, bias: Float, labels: Int, scale: f32) -> (Float, Float, Int) {
        let (scored, _) = score::score(&values(&hidden), &values(&table), &values(&bias), &integers(labels), None);
        results(scored, scale)
    }

    fn score_with_gradients(
        hidden: Float,
        table: Float,
        bias: Float,
        labels: Int,
        scale: f32,
    ) -> (Float, Float, Int, Float, Float, Float) {
        let (scored, found) =
            score::score(&values(&hidden), &values(&table), &values(&bias), &integers(labels), Some(scale));
        let found = found.expect("gradients where a scale is given");
        let (loss, nll, best) = results(scored, scale);
        (loss, nll, best, like(found.hidden, &hidden), like(found.table, &table), like(found.bias, &bias))
    }

    fn scale_gradient(gradient: Float, above: Float) -> Float {
        let above = values(&above)[0];
        if above == 1.0 {
            return gradient;
        }
        let shape = gradient.layout().shape().clone();
        Float::from_data(TensorData::new(norm::scaled(owned(gradient), above), shape))
    }

    fn adam(weight: Float, gradient: Float, first: Float, second: Float, step: AdamStep) -> (Float, Float, Float) {
        let (mut weight, mut first, mut second) = (weight, first, second);
        let gradient = values(&gradient);
        adam::adam(weight.storage_mut(), &gradient, first.storage_mut(), second.storage_mut(), step);
        (weight, first, second)
    }

    fn squared_sum(input: Float) -> Float {
        tensor(vec![adam::squared_sum(&values(&input)) as f32], [1])
    }
}

fn inputs<'a>(qkv: &'a [f32], how: &'a AttentionHow) -> Inputs<'a> {
    let rotary = how.rotary.as_deref();
    Inputs { qkv, spans: &how.spans, heads: how.heads, drop: how.drop, rotary, reach: how.reach }
}

fn results(scored: score::Scored, scale: f32) -> (Float, Float, Int) {
    let count = scored.nll.len();
    let nats = scored.nll.iter().map(|nats| f64::from(*nats)).sum::<f64>();
    let best = Int::from_data(TensorData::new(scored.best, [count]));
    (tensor(vec![(nats * f64::from(scale)) as f32], [1]), tensor(scored.nll, [count]), best)
}
