//! Attention, whole or from its scores to its weights.

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
use crate::ops::{AttentionHow, KernelOps, WeighHow};

#[derive(Debug)]
struct Attention;

impl<B: KernelOps> Backward<B, 1> for Attention {
    /// Input, mask, output and the logarithms of the sums: the weights are made again from them.
    type State = ([FloatTensor<B>; 4], AttentionHow);

    fn backward(self, ops: Ops<Self::State, 1>, gradients: &mut Gradients, _: &mut Checkpointer) {
        let gradient = gradients.consume::<B>(&ops.node);
        let ([qkv, mask, out, log_sums], how) = ops.state;
        register!(B, gradients, ops.parents, [B::attend_backward(qkv, mask, out, log_sums, gradient, how)]);
    }
}

pub(super) fn attend<B: KernelOps, C: CheckpointStrategy>(
    qkv: Float<B, C>,
    mask: Float<B, C>,
    how: AttentionHow,
) -> (Float<B, C>, Float<B, C>) {
    let prepared = Attention.prepare::<C>([qkv.node()]).compute_bound().stateful();
    let (qkv, mask) = (qkv.into_primitive(), mask.into_primitive());
    let (out, log_sums) = B::attend(qkv.clone(), mask.clone(), how.clone());
    let out = match prepared {
        OpsKind::Tracked(prepared) => prepared.finish(([qkv, mask, out.clone(), log_sums.clone()], how), out),
        OpsKind::UnTracked(prepared) => prepared.finish(out),
    };
    (out, Autodiff::<B, C>::from_inner(log_sums))
}

#[derive(Debug)]
struct Weigh;

impl<B: KernelOps> Backward<B, 1> for Weigh {
    /// Scores, mask and the logarithms of the sums: the weights are made again from them.
    type State = ([FloatTensor<B>; 3], WeighHow);

    fn backward(self, ops: Ops<Self::State, 1>, gradients: &mut Gradients, _: &mut Checkpointer) {
        let gradient = gradients.consume::<B>(&ops.node);
        let ([scores, mask, log_sums], how) = ops.state;
        register!(B, gradients, ops.parents, [B::weigh_backward(scores, mask, log_sums, gradient, how)]);
    }
}

pub(super) fn weigh<B: KernelOps, C: CheckpointStrategy>(
    scores: Float<B, C>,
    mask: Float<B, C>,
    how: WeighHow,
) -> (Float<B, C>, Float<B, C>) {
    let prepared = Weigh.prepare::<C>([scores.node()]).compute_bound().stateful();
    let (scores, mask) = (scores.into_primitive(), mask.into_primitive());
    let (weights, log_sums) = B::weigh(scores.clone(), mask.clone(), how);
    let weights = match prepared {
        OpsKind::Tracked(prepared) => prepared.finish(([scores, mask, log_sums.clone()], how), weights),
        OpsKind::UnTracked(prepared) => prepared.finish(weights),
    };
    (weights, Autodiff::<B, C>::from_inner(log_sums))
}
