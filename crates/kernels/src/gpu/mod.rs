//! The kernels for GPUs, in CubeCL: plain shared memory and f32, so that they compile through WGSL as through anything else.
//!
//! Sums are made in an order that does not depend on the scheduler: the same device gives the same bits.

mod adam;
mod attention;
mod dropout;
mod embedding;
mod launch;
mod norm;
mod reduce;
mod score;
#[cfg(test)]
mod tests;
mod weigh;

use burn::backend::{
    ops::FloatTensorOps,
    tensor::{FloatTensor, IntTensor},
};
use burn_cubecl::{CubeBackend, tensor::CubeTensor};

use crate::{
    dropout::Dropper,
    ops::{AdamStep, AttentionHow, EmbedHow, KernelOps, NormHow, WeighHow},
    words::WordOrder,
};
use launch::{owned, rows};
use score::Scored;

type Float = FloatTensor<CubeBackend>;
type Int = IntTensor<CubeBackend>;

impl KernelOps for CubeBackend {
    fn attend(qkv: Float, mask: Float, how: AttentionHow) -> (Float, Float) {
        attention::attend(qkv, mask, &how)
    }

    fn attend_backward(
        qkv: Float,
        mask: Float,
        out: Float,
        log_sums: Float,
        gradient: Float,
        how: AttentionHow,
    ) -> Float {
        attention::attend_backward([qkv, mask, out, log_sums, gradient], &how)
    }

    fn weigh(scores: Float, mask: Float, how: WeighHow) -> (Float, Float) {
        weigh::weigh(scores, mask, how)
    }

    fn weigh_backward(scores: Float, mask: Float, log_sums: Float, gradient: Float, how: WeighHow) -> Float {
        weigh::weigh_backward([scores, mask, log_sums, gradient], how)
    }

    fn normalise(input: Float, weight: Float, bias: Float, eps: f64) -> (Float, Float, Float) {
        norm::norm(&rows(input), None, [&rows(weight), &rows(bias)], eps as f32)
    }

    fn norm_of_sum(residual: Float, branch: Float, weight: Float, bias: Float, how: NormHow) -> (Float, Float, Float) {
        let branch = rows(branch);
        let branch = Some((&branch, how.drop));
        norm::norm(&rows(residual), branch, [&rows(weight), &rows(bias)], how.eps as f32)
    }

    fn norm_backward(normed: Float, scales: Float, weight: Float, gradient: Float) -> (Float, Float, Float) {
        norm::norm_backward(&rows(normed), &rows(scales), &rows(weight), &rows(gradient))
    }

    fn residual(residual: Float, branch: Float, drop: Option<Dropper>) -> Float {
        dropout::residual(Some(&rows(residual)), &rows(branch), drop)
    }

    fn drop_elements(input: Float, drop: Dropper) -> Float {
        dropout::residual(None, &rows(input), Some(drop))
    }

    fn embed(ids: Int, table: Float, positions: Float, how: EmbedHow) -> Float {
        embedding::embed(ids, table, positions, how.scale)
    }

    fn embed_backward(sums: Float, _ids: Int, gradient: Float, how: EmbedHow) -> Float {
        // Sorted here, while the device works off what was queued before it: no step waits for it.
        let ids = how.ids.expect("this kernel is chosen where the host has the ids");
        embedding::embed_backward(sums, gradient, &WordOrder::new(&ids), how.scale)
    }

    fn positions_backward(gradient: Float, positions: usize, _: EmbedHow) -> Float {
        embedding::positions_backward(gradient, positions)
    }

    fn score(hidden: Float, table: Float, bias: Float, labels: Int, scale: f32) -> (Float, Float, Int) {
        let (Scored { loss, nll, best }, _) = score::score(hidden, table, bias, labels, scale, false);
        (loss, nll, best)
    }

    fn score_with_gradients(
        hidden: Float,
        table: Float,
        bias: Float,
        labels: Int,
        scale: f32,
    ) -> (Float, Float, Int, Float, Float, Float) {
        let (Scored { loss, nll, best }, found) = score::score(hidden, table, bias, labels, scale, true);
        let found = found.expect("gradients where they are asked for, of one position at least");
        (loss, nll, best, found.hidden, found.table, found.bias)
    }

    fn scale_gradient(gradient: Float, above: Float) -> Float {
        let axes = vec![1; gradient.meta.shape().num_dims()];
        let above = CubeBackend::float_reshape(above, burn::tensor::Shape::from(axes));
        let above = CubeBackend::float_cast(above, gradient.dtype.into());
        CubeBackend::float_mul(gradient, above)
    }

    fn adam(weight: Float, gradient: Float, first: Float, second: Float, step: AdamStep) -> (Float, Float, Float) {
        let [weight, first, second]: [CubeTensor; 3] = [weight, first, second].map(owned);
        adam::adam(&weight, &rows(gradient), [&first, &second], None, step);
        (weight, first, second)
    }

    fn adam_by(
        weight: Float,
        gradient: Float,
        first: Float,
        second: Float,
        factor: Float,
        step: AdamStep,
    ) -> (Float, Float, Float) {
        let [weight, first, second]: [CubeTensor; 3] = [weight, first, second].map(owned);
        adam::adam(&weight, &rows(gradient), [&first, &second], Some(&rows(factor)), step);
        (weight, first, second)
    }

    fn clip(sums: Float, largest: f32, scale: f32) -> (Float, Float) {
        adam::clip(&rows(sums), largest, scale)
    }

    fn squared_sum(values: Float) -> Float {
        reduce::squared_sum(&rows(values))
    }
}
