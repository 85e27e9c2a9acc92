//! From words to vectors and back: embeddings and scores.

use burn::backend::{
    Autodiff, AutodiffBackend, TensorMetadata,
    autodiff::{
        checkpoint::{base::Checkpointer, strategy::CheckpointStrategy},
        grads::Gradients,
        ops::{Backward, Ops, OpsKind},
    },
    tensor::{FloatTensor, IntTensor},
};

use super::{Float, register};
use crate::ops::{EmbedHow, KernelOps};

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

pub(super) fn embed<B: KernelOps, C: CheckpointStrategy>(
    ids: IntTensor<B>,
    table: Float<B, C>,
    positions: Float<B, C>,
    how: EmbedHow,
) -> Float<B, C> {
    let prepared = Embed.prepare::<C>([table.node(), positions.node()]).compute_bound().stateful();
    let count = positions.shape()[0];
    let out = B::embed(ids.clone(), table.primitive().clone(), positions.into_primitive(), how.clone());
    match prepared {
        OpsKind::Tracked(prepared) => prepared.finish((table, ids, count, how), out),
        OpsKind::UnTracked(prepared) => prepared.finish(out),
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

pub(super) fn score<B: KernelOps, C: CheckpointStrategy>(
    hidden: Float<B, C>,
    table: Float<B, C>,
    bias: Float<B, C>,
    labels: IntTensor<B>,
    scale: f32,
) -> (Float<B, C>, Float<B, C>, IntTensor<B>) {
    let prepared = Score.prepare::<C>([hidden.node(), table.node(), bias.node()]).compute_bound().stateful();
    let [hidden, table, bias] = [hidden, table, bias].map(|tensor| tensor.into_primitive());
    match prepared {
        OpsKind::Tracked(prepared) => {
            let (loss, nll, best, of_hidden, of_table, of_bias) =
                B::score_with_gradients(hidden, table, bias, labels, scale);
            (prepared.finish([of_hidden, of_table, of_bias], loss), Autodiff::<B, C>::from_inner(nll), best)
        }
        OpsKind::UnTracked(prepared) => {
            let (loss, nll, best) = B::score(hidden, table, bias, labels, scale);
            (prepared.finish(loss), Autodiff::<B, C>::from_inner(nll), best)
        }
    }
}
