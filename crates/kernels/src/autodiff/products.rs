//! Linear maps and the feed-forward block.

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
use crate::ops::{FeedForward, KernelOps};

#[derive(Debug)]
struct Linear;

impl<B: KernelOps> Backward<B, 3> for Linear {
    type State = (FloatTensor<B>, FloatTensor<B>);

    fn backward(self, ops: Ops<Self::State, 3>, gradients: &mut Gradients, _: &mut Checkpointer) {
        let gradient = gradients.consume::<B>(&ops.node);
        let (input, weight) = ops.state;
        let (of_input, of_weight, of_bias) = B::affine_backward(input, weight, gradient);
        register!(B, gradients, ops.parents, [of_input, of_weight, of_bias]);
    }
}

pub(super) fn affine<B: KernelOps, C: CheckpointStrategy>(
    input: Float<B, C>,
    weight: Float<B, C>,
    bias: Float<B, C>,
) -> Float<B, C> {
    let prepared = Linear.prepare::<C>([input.node(), weight.node(), bias.node()]).compute_bound().stateful();
    let (input, weight, bias) = (input.into_primitive(), weight.into_primitive(), bias.into_primitive());
    match prepared {
        OpsKind::Tracked(prepared) => {
            let out = B::affine(input.clone(), weight.clone(), bias);
            prepared.finish((input, weight), out)
        }
        OpsKind::UnTracked(prepared) => prepared.finish(B::affine(input, weight, bias)),
    }
}

#[derive(Debug)]
struct Feed;

impl<B: KernelOps> Backward<B, 5> for Feed {
    type State = ([FloatTensor<B>; 5], FloatTensor<B>, FeedForward);

    fn backward(self, ops: Ops<Self::State, 5>, gradients: &mut Gradients, _: &mut Checkpointer) {
        let gradient = gradients.consume::<B>(&ops.node);
        let ([input, w_in, b_in, w_out, b_out], before, how) = ops.state;
        let (a, b, c, d, e) = B::feed_forward_backward(input, w_in, b_in, w_out, b_out, before, gradient, how);
        register!(B, gradients, ops.parents, [a, b, c, d, e]);
    }
}

pub(super) fn feed_forward<B: KernelOps, C: CheckpointStrategy>(
    input: Float<B, C>,
    w_in: Float<B, C>,
    b_in: Float<B, C>,
    w_out: Float<B, C>,
    b_out: Float<B, C>,
    how: FeedForward,
) -> (Float<B, C>, Float<B, C>) {
    let nodes = [input.node(), w_in.node(), b_in.node(), w_out.node(), b_out.node()];
    let prepared = Feed.prepare::<C>(nodes).compute_bound().stateful();
    let all = [input, w_in, b_in, w_out, b_out].map(|tensor| tensor.into_primitive());
    let [input, w_in, b_in, w_out, b_out] = all.clone();
    let (out, before) = B::feed_forward(input, w_in, b_in, w_out, b_out, how);
    let out = match prepared {
        OpsKind::Tracked(prepared) => prepared.finish((all, before.clone(), how), out),
        OpsKind::UnTracked(prepared) => prepared.finish(out),
    };
    (out, Autodiff::<B, C>::from_inner(before))
}
