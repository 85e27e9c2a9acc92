//! One update: micro-batches forward and backward, the norm, the step.

use burn::tensor::Tensor;
use corpus::{Batch, Purpose, stream};
use encoder::{MaskedLm, flat_gradients, flat_weights, with_weights};
use kernels::DropSource;
use optim::{Optimizer, clip_factor, global_norm, squared_sums};
use rand_chacha::rand_core::Rng;

use crate::{
    TrainError,
    forward::{forward, read_floats},
    setup::Setup,
    tally::Tally,
};

/// An update that was made.
pub(crate) struct Update {
    /// The model after it.
    pub(crate) model: MaskedLm,
    /// The gradient's global norm before clipping.
    pub(crate) norm: f64,
    /// Whether it was clipped.
    pub(crate) clipped: bool,
}

/// What was not finite, so that the update was not made.
pub(crate) enum Refusal {
    /// The loss.
    Loss,
    /// The gradient.
    Gradient,
}

/// Trains on one batch; what the model made of it is added to `tally`.
///
/// Losses are summed over all micro-batches and divided by the batch's scored positions once, so the gradient is that of
/// the whole batch however it is cut.
pub(crate) fn update(
    setup: &Setup,
    model: MaskedLm,
    optimizer: &mut Optimizer,
    batch: &Batch,
    lr: f64,
    tally: &mut Tally,
) -> Result<Result<Update, Refusal>, TrainError> {
    let scored = batch.labels.len().max(1) as f64;
    let mut gradients: Vec<Tensor<1>> = Vec::new();
    for (micro_step, micro) in batch.split(setup.plan.micro_batch_size).iter().enumerate() {
        let drop = drop_source(setup, batch.step, micro_step as u64);
        let pass = forward(&model, micro, &setup.place.autodiff(), Some(drop));
        let mut found = (pass.nats / scored).backward();
        add(&mut gradients, flat_gradients(&model, &mut found), &model);
        let read = pass.outcome.read()?;
        if !read.nll.iter().all(|nats| nats.is_finite()) {
            return Ok(Err(Refusal::Loss));
        }
        tally.add(micro, &read, &setup.char_lengths);
    }
    let norm = global_norm(&read_floats(squared_sums(&gradients))?);
    if !norm.is_finite() {
        return Ok(Err(Refusal::Gradient));
    }
    let factor = clip_factor(norm, setup.config.optimizer.clip_norm);
    let clipped = factor < 1.0;
    if clipped {
        gradients = gradients.into_iter().map(|gradient| gradient * factor).collect();
    }
    let weights = flat_weights(&model).into_iter().map(|flat| flat.values).collect();
    let model = with_weights(model, optimizer.step(weights, gradients, lr));
    Ok(Ok(Update { model, norm, clipped }))
}

/// Adds a micro-batch's gradients to the sums; a weight that the loss does not depend on has gradient 0.
fn add(sums: &mut Vec<Tensor<1>>, found: Vec<Option<Tensor<1>>>, model: &MaskedLm) {
    let weights = flat_weights(model);
    let whole = found.into_iter().zip(&weights).map(|(gradient, weight)| gradient.unwrap_or_else(|| weight.values.zeros_like()));
    *sums = match std::mem::take(sums) {
        none if none.is_empty() => whole.collect(),
        sums => sums.into_iter().zip(whole).map(|(sum, gradient)| sum + gradient).collect(),
    };
}

/// Dropout of this step is a function of (seed, step, micro-step).
fn drop_source(setup: &Setup, step: u64, micro_step: u64) -> DropSource {
    let key = stream(setup.seed, Purpose::Dropout, step, micro_step).next_u64();
    DropSource { key, on_host: setup.place.is_cpu() }
}
