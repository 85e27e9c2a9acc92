//! Norms, residual sums and dropout.

use burn::backend::{
    Autodiff, AutodiffBackend,
    autodiff::{
        checkpoint::{base::Checkpointer, strategy::CheckpointStrategy},
        grads::Gradients,
        ops::{Backward, Ops, OpsKind},
    },
    tensor::FloatTensor,
};

use super::{Float, register};
use crate::{
    dropout::Dropper,
    ops::{KernelOps, NormHow},
};

#[derive(Debug)]
struct LayerNorm;

impl<B: KernelOps> Backward<B, 3> for LayerNorm {
    type State = (FloatTensor<B>, FloatTensor<B>, FloatTensor<B>);

    fn backward(self, ops: Ops<Self::State, 3>, gradients: &mut Gradients, _: &mut Checkpointer) {
        let gradient = gradients.consume::<B>(&ops.node);
        let (normed, scales, weight) = ops.state;
        let (of_input, of_weight, of_bias) = B::norm_backward(normed, scales, weight, gradient);
        register!(B, gradients, ops.parents, [of_input, of_weight, of_bias]);
    }
}

pub(super) fn normalise<B: KernelOps, C: CheckpointStrategy>(
    input: Float<B, C>,
    weight: Float<B, C>,
    bias: Float<B, C>,
    eps: f64,
) -> (Float<B, C>, Float<B, C>, Float<B, C>) {
    let prepared = LayerNorm.prepare::<C>([input.node(), weight.node(), bias.node()]).compute_bound().stateful();
    let weight = weight.into_primitive();
    let (out, normed, scales) = B::normalise(input.into_primitive(), weight.clone(), bias.into_primitive(), eps);
    let out = match prepared {
        OpsKind::Tracked(prepared) => prepared.finish((normed.clone(), scales.clone(), weight), out),
        OpsKind::UnTracked(prepared) => prepared.finish(out),
    };
    (out, Autodiff::<B, C>::from_inner(normed), Autodiff::<B, C>::from_inner(scales))
}

#[derive(Debug)]
struct NormOfSum;

impl<B: KernelOps> Backward<B, 4> for NormOfSum {
    type State = (FloatTensor<B>, FloatTensor<B>, FloatTensor<B>, Option<Dropper>);

    fn backward(self, ops: Ops<Self::State, 4>, gradients: &mut Gradients, _: &mut Checkpointer) {
        let gradient = gradients.consume::<B>(&ops.node);
        let (normed, scales, weight, drop) = ops.state;
        let (of_sum, of_weight, of_bias) = B::norm_backward(normed, scales, weight, gradient);
        let of_branch = dropped::<B>(of_sum.clone(), drop);
        register!(B, gradients, ops.parents, [of_sum, of_branch, of_weight, of_bias]);
    }
}

pub(super) fn norm_of_sum<B: KernelOps, C: CheckpointStrategy>(
    residual: Float<B, C>,
    branch: Float<B, C>,
    weight: Float<B, C>,
    bias: Float<B, C>,
    how: NormHow,
) -> (Float<B, C>, Float<B, C>, Float<B, C>) {
    let nodes = [residual.node(), branch.node(), weight.node(), bias.node()];
    let prepared = NormOfSum.prepare::<C>(nodes).compute_bound().stateful();
    let [residual, branch, weight, bias] = [residual, branch, weight, bias].map(|tensor| tensor.into_primitive());
    let (out, normed, scales) = B::norm_of_sum(residual, branch, weight.clone(), bias, how);
    let out = match prepared {
        OpsKind::Tracked(prepared) => prepared.finish((normed.clone(), scales.clone(), weight, how.drop), out),
        OpsKind::UnTracked(prepared) => prepared.finish(out),
    };
    (out, Autodiff::<B, C>::from_inner(normed), Autodiff::<B, C>::from_inner(scales))
}

#[derive(Debug)]
struct Residual;

impl<B: KernelOps> Backward<B, 2> for Residual {
    type State = Option<Dropper>;

    fn backward(self, ops: Ops<Self::State, 2>, gradients: &mut Gradients, _: &mut Checkpointer) {
        let gradient = gradients.consume::<B>(&ops.node);
        register!(B, gradients, ops.parents, [gradient.clone(), dropped::<B>(gradient, ops.state)]);
    }
}

pub(super) fn residual<B: KernelOps, C: CheckpointStrategy>(
    residual: Float<B, C>,
    branch: Float<B, C>,
    drop: Option<Dropper>,
) -> Float<B, C> {
    let prepared = Residual.prepare::<C>([residual.node(), branch.node()]).compute_bound().stateful();
    let out = B::residual(residual.into_primitive(), branch.into_primitive(), drop);
    match prepared {
        OpsKind::Tracked(prepared) => prepared.finish(drop, out),
        OpsKind::UnTracked(prepared) => prepared.finish(out),
    }
}

#[derive(Debug)]
struct Drop;

impl<B: KernelOps> Backward<B, 1> for Drop {
    type State = Dropper;

    fn backward(self, ops: Ops<Self::State, 1>, gradients: &mut Gradients, _: &mut Checkpointer) {
        let gradient = gradients.consume::<B>(&ops.node);
        register!(B, gradients, ops.parents, [B::drop_elements(gradient, ops.state)]);
    }
}

pub(super) fn drop_elements<B: KernelOps, C: CheckpointStrategy>(input: Float<B, C>, drop: Dropper) -> Float<B, C> {
    let prepared = Drop.prepare::<C>([input.node()]).compute_bound().stateful();
    let out = B::drop_elements(input.into_primitive(), drop);
    match prepared {
        OpsKind::Tracked(prepared) => prepared.finish(drop, out),
        OpsKind::UnTracked(prepared) => prepared.finish(out),
    }
}

fn dropped<B: KernelOps>(gradient: FloatTensor<B>, drop: Option<Dropper>) -> FloatTensor<B> {
    match drop {
        Some(drop) => B::drop_elements(gradient, drop),
        None => gradient,
    }
}
