//! Each kernel's forward tied to its backward.

use burn::backend::{
    Autodiff, AutodiffBackend, TensorMetadata,
    autodiff::{
        checkpoint::{base::Checkpointer, strategy::CheckpointStrategy},
        grads::Gradients,
        ops::{Backward, Ops, OpsKind},
    },
    tensor::{FloatTensor, IntTensor},
};

use crate::{
    dropout::Dropper,
    ops::{AdamStep, AttentionHow, EmbedHow, FeedForward, KernelOps, NormHow, WeighHow},
};

/// Why a backward operation has no derivative.
const ONCE: &str = "a kernel's backward pass is not differentiated again";

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

#[derive(Debug)]
struct Attention;

impl<B: KernelOps> Backward<B, 1> for Attention {
    type State = (FloatTensor<B>, FloatTensor<B>, FloatTensor<B>, AttentionHow);

    fn backward(self, ops: Ops<Self::State, 1>, gradients: &mut Gradients, _: &mut Checkpointer) {
        let gradient = gradients.consume::<B>(&ops.node);
        let (qkv, out, log_sums, how) = ops.state;
        register!(B, gradients, ops.parents, [B::attend_backward(qkv, out, log_sums, gradient, how)]);
    }
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

#[derive(Debug)]
struct Residual;

impl<B: KernelOps> Backward<B, 2> for Residual {
    type State = Option<Dropper>;

    fn backward(self, ops: Ops<Self::State, 2>, gradients: &mut Gradients, _: &mut Checkpointer) {
        let gradient = gradients.consume::<B>(&ops.node);
        register!(B, gradients, ops.parents, [gradient.clone(), dropped::<B>(gradient, ops.state)]);
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

#[derive(Debug)]
struct Embed;

impl<B: KernelOps> Backward<B, 2> for Embed {
    /// The table itself, not its values: its gradient from the output projection is there already when the two are tied,
    /// and is added to in place.
    type State = (FloatTensor<Autodiff<B>>, IntTensor<B>, usize, EmbedHow);

    fn backward(self, ops: Ops<Self::State, 2>, gradients: &mut Gradients, _: &mut Checkpointer) {
        let gradient = gradients.consume::<B>(&ops.node);
        let (table, ids, positions, how) = ops.state;
        let [of_table, of_positions] = ops.parents;
        if let Some(parent) = of_positions {
            gradients.register::<B>(parent.id, B::positions_backward(gradient.clone(), positions, how.clone()));
        }
        if let Some(parent) = of_table {
            let zeros = || B::float_zeros(table.shape(), &table.device(), table.dtype().into());
            let sums = gradients.remove::<B>(&table).unwrap_or_else(zeros);
            gradients.register::<B>(parent.id, B::embed_backward(sums, ids, gradient, how));
        }
    }
}

#[derive(Debug)]
struct Score;

impl<B: KernelOps> Backward<B, 3> for Score {
    /// Gradients of hidden states, table and bias, for a gradient of 1 from above.
    type State = [FloatTensor<B>; 3];

    fn backward(self, ops: Ops<Self::State, 3>, gradients: &mut Gradients, _: &mut Checkpointer) {
        let above = gradients.consume::<B>(&ops.node); // [1]
        let found = ops.state.map(|gradient| B::scale_gradient(gradient, above.clone()));
        register!(B, gradients, ops.parents, found);
    }
}

fn dropped<B: KernelOps>(gradient: FloatTensor<B>, drop: Option<Dropper>) -> FloatTensor<B> {
    match drop {
        Some(drop) => B::drop_elements(gradient, drop),
        None => gradient,
    }
}

impl<B: KernelOps, C: CheckpointStrategy> KernelOps for Autodiff<B, C> {
    fn affine(input: FloatTensor<Self>, weight: FloatTensor<Self>, bias: FloatTensor<Self>) -> FloatTensor<Self> {
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
        let nodes = [input.node(), w_in.node(), b_in.node(), w_out.node(), b_out.node()];
        let prepared = Feed.prepare::<C>(nodes).compute_bound().stateful();
        let all = [input, w_in, b_in, w_out, b_out].map(|tensor| tensor.into_primitive());
        let [input, w_in, b_in, w_out, b_out] = all.clone();
        let (out, before) = B::feed_forward(input, w_in, b_in, w_out, b_out, how);
        let out = match prepared {
            OpsKind::Tracked(prepared) => prepared.finish((all, before.clone(), how), out),
            OpsKind::UnTracked(prepared) => prepared.finish(out),
        };
        (out, Self::from_inner(before))
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

    fn attend(qkv: FloatTensor<Self>, how: AttentionHow) -> (FloatTensor<Self>, FloatTensor<Self>) {
        let prepared = Attention.prepare::<C>([qkv.node()]).compute_bound().stateful();
        let qkv = qkv.into_primitive();
        let (out, log_sums) = B::attend(qkv.clone(), how.clone());
        let out = match prepared {
            OpsKind::Tracked(prepared) => prepared.finish((qkv, out.clone(), log_sums.clone(), how), out),
            OpsKind::UnTracked(prepared) => prepared.finish(out),
        };
        (out, Self::from_inner(log_sums))
    }

    fn attend_backward(
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
        let prepared = Weigh.prepare::<C>([scores.node()]).compute_bound().stateful();
        let (scores, mask) = (scores.into_primitive(), mask.into_primitive());
        let (weights, log_sums) = B::weigh(scores.clone(), mask.clone(), how);
        let weights = match prepared {
            OpsKind::Tracked(prepared) => prepared.finish(([scores, mask, log_sums.clone()], how), weights),
            OpsKind::UnTracked(prepared) => prepared.finish(weights),
        };
        (weights, Self::from_inner(log_sums))
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
        let prepared = LayerNorm.prepare::<C>([input.node(), weight.node(), bias.node()]).compute_bound().stateful();
        let weight = weight.into_primitive();
        let (out, normed, scales) = B::normalise(input.into_primitive(), weight.clone(), bias.into_primitive(), eps);
        let out = match prepared {
            OpsKind::Tracked(prepared) => prepared.finish((normed.clone(), scales.clone(), weight), out),
            OpsKind::UnTracked(prepared) => prepared.finish(out),
        };
        (out, Self::from_inner(normed), Self::from_inner(scales))
    }

    fn norm_of_sum(
        residual: FloatTensor<Self>,
        branch: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        how: NormHow,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>) {
        let nodes = [residual.node(), branch.node(), weight.node(), bias.node()];
        let prepared = NormOfSum.prepare::<C>(nodes).compute_bound().stateful();
        let [residual, branch, weight, bias] = [residual, branch, weight, bias].map(|tensor| tensor.into_primitive());
        let (out, normed, scales) = B::norm_of_sum(residual, branch, weight.clone(), bias, how);
        let out = match prepared {
            OpsKind::Tracked(prepared) => prepared.finish((normed.clone(), scales.clone(), weight, how.drop), out),
            OpsKind::UnTracked(prepared) => prepared.finish(out),
        };
        (out, Self::from_inner(normed), Self::from_inner(scales))
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
        let prepared = Residual.prepare::<C>([residual.node(), branch.node()]).compute_bound().stateful();
        let out = B::residual(residual.into_primitive(), branch.into_primitive(), drop);
        match prepared {
            OpsKind::Tracked(prepared) => prepared.finish(drop, out),
            OpsKind::UnTracked(prepared) => prepared.finish(out),
        }
    }

    fn drop_elements(input: FloatTensor<Self>, drop: Dropper) -> FloatTensor<Self> {
        let prepared = Drop.prepare::<C>([input.node()]).compute_bound().stateful();
        let out = B::drop_elements(input.into_primitive(), drop);
        match prepared {
            OpsKind::Tracked(prepared) => prepared.finish(drop, out),
            OpsKind::UnTracked(prepared) => prepared.finish(out),
        }
    }

    fn embed(
        ids: IntTensor<Self>,
        table: FloatTensor<Self>,
        positions: FloatTensor<Self>,
        how: EmbedHow,
    ) -> FloatTensor<Self> {
        let prepared = Embed.prepare::<C>([table.node(), positions.node()]).compute_bound().stateful();
        let count = positions.shape()[0];
        let out = B::embed(ids.clone(), table.primitive().clone(), positions.into_primitive(), how.clone());
        match prepared {
            OpsKind::Tracked(prepared) => prepared.finish((table, ids, count, how), out),
            OpsKind::UnTracked(prepared) => prepared.finish(out),
        }
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
        let prepared = Score.prepare::<C>([hidden.node(), table.node(), bias.node()]).compute_bound().stateful();
        let [hidden, table, bias] = [hidden, table, bias].map(|tensor| tensor.into_primitive());
        match prepared {
            OpsKind::Tracked(prepared) => {
                let (loss, nll, best, of_hidden, of_table, of_bias) =
                    B::score_with_gradients(hidden, table, bias, labels, scale);
                (prepared.finish([of_hidden, of_table, of_bias], loss), Self::from_inner(nll), best)
            }
            OpsKind::UnTracked(prepared) => {
                let (loss, nll, best) = B::score(hidden, table, bias, labels, scale);
                (prepared.finish(loss), Self::from_inner(nll), best)
            }
        }
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

    fn squared_sum(_: FloatTensor<Self>) -> FloatTensor<Self> {
        unreachable!("a norm of gradients is not differentiated")
    }
}
