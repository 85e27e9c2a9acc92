//! Scoring the masked positions.

use burn::{
    backend::Dispatch,
    tensor::{Int, Tensor, activation::log_softmax},
};

use case::Precision;

use crate::{
    Path,
    ops::KernelOps,
    product::{format, product},
};

/// What the model made of the scored positions.
pub struct Scores {
    /// The sum of `nll` times what was asked for, `[1]`: the only part that gradients flow through.
    pub loss: Tensor<1>,
    /// Negative log-likelihood of each label in nats, `[K]`.
    pub nll: Tensor<1>,
    /// The likeliest word of each position, `[K]`.
    pub best: Tensor<1, Int>,
}

/// The projection of hidden states on the vocabulary.
pub struct Projection {
    /// `[V, D]`.
    pub table: Tensor<2>,
    /// `[V]`.
    pub bias: Option<Tensor<1>>,
}

impl Projection {
    /// `[K, D]` to logits `[K, V]`.
    pub fn logits(self, hidden: Tensor<2>) -> Tensor<2> {
        self.logits_in(hidden, Precision::Fp32)
    }

    fn logits_in(self, hidden: Tensor<2>, precision: Precision) -> Tensor<2> {
        let logits = product(hidden, self.table.transpose(), precision);
        match self.bias {
            Some(bias) => logits + bias.unsqueeze::<2>(),
            None => logits,
        }
    }
}

/// Scores each position's label against the whole vocabulary; the loss is `scale · Σ nll`.
///
/// # Shapes
/// - `hidden`: `[K, D]`; `labels`: `[K]`, each below V
///
/// # Source
/// Devlin et al. 2018, §3.1, task 1: cross-entropy over the vocabulary at the selected positions.
pub fn score(hidden: Tensor<2>, projection: Projection, labels: Tensor<1, Int>, scale: f64, path: &Path) -> Scores {
    let precision = path.precision();
    if !path.has_kernels() {
        return composed(projection.logits_in(hidden, precision), labels, scale);
    }
    if precision == Precision::Fp32 {
        return own(hidden, projection, labels, scale);
    }
    // The kernel computes its products in the format that it is given.
    let table = projection.table.cast(format(precision));
    own(hidden.cast(format(precision)), Projection { table, ..projection }, labels, scale)
}

fn own(hidden: Tensor<2>, projection: Projection, labels: Tensor<1, Int>, scale: f64) -> Scores {
    let Projection { table, bias } = projection;
    let bias = bias.unwrap_or_else(|| Tensor::zeros([table.dims()[0]], &table.device()));
    let [hidden, table, bias] = [hidden.into_dispatch(), table.into_dispatch(), bias.into_dispatch()];
    let (loss, nll, best) = Dispatch::score(hidden, table, bias, labels.into_dispatch(), scale as f32);
    let nll = Tensor::<1>::from_dispatch(nll).without_autodiff();
    Scores { loss: Tensor::from_dispatch(loss), nll, best: Tensor::from_dispatch(best) }
}

fn composed(logits: Tensor<2>, labels: Tensor<1, Int>, scale: f64) -> Scores {
    let count = labels.dims()[0];
    let best = logits.clone().detach().argmax(1).reshape([count]);
    let log_prob = log_softmax(logits, 1);
    let nll = log_prob.gather(1, labels.reshape([count, 1])).reshape([count]).neg();
    Scores { loss: nll.clone().sum() * scale, nll: nll.without_autodiff(), best }
}
