//! One update: micro-batches forward and backward, the norm, the step.

use burn::tensor::{Gradients, Tensor};
use corpus::{Purpose, stream};
use encoder::{Model, flat_gradients, flat_weights, map_weights};
use kernels::DropSource;
use optim::{LossScaler, Optimizer, clip_factor, clip_on_device, global_norm, squared_sums};
use rand_chacha::rand_core::Rng;

use crate::{
    TrainError,
    batch::{Lesson, Rows},
    forward::{Outcome, forward, forward_labels, read_floats},
    memory,
    setup::{Setup, Work},
    state::State,
};

/// A step that was made.
pub(crate) struct Update {
    /// The model after it.
    pub(crate) model: Model,
    /// Of the gradient that the weights were updated by; none where it was not finite and they were not.
    pub(crate) gradient: Option<Norm>,
}

/// A step that the device was told to make.
pub(crate) struct Queued {
    /// The model after it.
    pub(crate) model: Model,
    norm: Sent,
}

/// Where a step's norm is.
#[allow(clippy::large_enum_variant, reason = "there is one of them at a time")]
enum Sent {
    /// The host knows it, and what came of it.
    Known(Option<Norm>),
    /// On the device, which decided by it and this limit; the host only writes down what was done.
    OnDevice(Tensor<1>, f64),
}

impl Queued {
    /// What the step was; waits for the device where the norm is there.
    ///
    /// # Errors
    /// [`TrainError::Device`] where the device failed.
    pub(crate) fn read(self, optimizer: &mut Optimizer) -> Result<Update, TrainError> {
        let gradient = match self.norm {
            Sent::Known(gradient) => gradient,
            Sent::OnDevice(norm, clip_norm) => {
                let value = f64::from(read_floats(norm)?[0]);
                let is_finite = value.is_finite();
                if !is_finite {
                    optimizer.take_back();
                }
                is_finite.then_some(Norm { value, clipped: clip_factor(value, clip_norm) < 1.0 })
            }
        };
        Ok(Update { model: self.model, gradient })
    }
}

/// A gradient's size.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Norm {
    /// The global norm before clipping.
    pub(crate) value: f64,
    /// Whether it was clipped.
    pub(crate) clipped: bool,
}

/// How far an update goes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Stride<'a> {
    /// The learning rate.
    pub(crate) lr: f64,
    /// Largest global norm; 0 for none.
    pub(crate) clip_norm: f64,
    /// What the gradients are too large by: the loss was multiplied by it.
    pub(crate) loss_scale: f64,
    /// Whether the device decides by the norm, [`crate::device::Place::clips`].
    pub(crate) on_device: bool,
    /// What the rate of each weight is multiplied by, 0 where it is frozen; none where all are 1.
    pub(crate) rates: Option<&'a [f64]>,
}

impl Stride<'_> {
    /// The rate of a weight.
    fn rate(&self, index: usize) -> f64 {
        self.lr * self.rates.map_or(1.0, |rates| rates[index])
    }

    /// The gradients of weights that are not frozen.
    fn trained(&self, gradients: &[Tensor<1>]) -> Vec<Tensor<1>> {
        let is_trained = |index: usize| self.rates.is_none_or(|rates| rates[index] > 0.0);
        let all = gradients.iter().enumerate().filter(|(index, _)| is_trained(*index));
        all.map(|(_, gradient)| gradient.clone()).collect()
    }
}

/// What was not finite, so that the update was not made.
pub(crate) enum Refusal {
    /// The loss.
    Loss,
    /// The gradient.
    Gradient,
}

/// Trains on one batch; what the model made of it, and of the loss's scale, is added to `state`.
///
/// Losses are summed over all micro-batches and divided by the batch's scored positions once, so the gradient is that of
/// the whole batch however it is cut. Where the loss is scaled and a gradient overflows by that, the step is made without
/// an update.
pub(crate) fn update(
    setup: &Setup,
    model: Model,
    optimizer: &mut Optimizer,
    lesson: &Lesson,
    lr: f64,
    state: &mut State,
) -> Result<Result<Update, Refusal>, TrainError> {
    memory::claim(setup.plan.micro_batch_size.min(lesson.rows.len()))?;
    let loss_scale = loss_scale(&state.scaler);
    let Backward { gradients, outcomes } = backward(setup, &model, lesson, loss_scale);
    let clip_norm = setup.config.optimizer.clip_norm;
    let rates = setup.rates.at(lesson.step, &names(setup, &model));
    let stride = Stride { lr, clip_norm, loss_scale, on_device: setup.place.clips(), rates: rates.as_deref() };
    // A GPU is asked for nothing before the whole step is queued on it, and then the host waits once: the tally wants the
    // nats of every step, the next scale of an f16 run wants this step's norm, and what is read second is there already.
    let queued = queue(model, optimizer, gradients, stride)?;
    for (micro, outcome) in outcomes {
        if !tally(setup, state, &micro, outcome)? {
            return Ok(Err(Refusal::Loss));
        }
    }
    let done = queued.read(optimizer)?;
    Ok(if note(&mut state.scaler, done.gradient.is_some()) { Ok(done) } else { Err(Refusal::Gradient) })
}

/// A batch forward and backward.
pub(crate) struct Backward {
    /// Of each weight in the order of [`flat_weights`], too large by the loss's scale; 0 where nothing is scored.
    pub(crate) gradients: Vec<Tensor<1>>,
    /// What each micro-batch's scored positions got.
    outcomes: Vec<(Rows, Got)>,
}

/// Every micro-batch of a batch forward and backward, with dropout; the gradients are sums over them, times `loss_scale`.
pub(crate) fn backward(setup: &Setup, model: &Model, lesson: &Lesson, loss_scale: f64) -> Backward {
    let decisions = lesson.decisions(setup).max(1) as f64;
    let (mut gradients, mut outcomes) = (Vec::new(), Vec::new());
    for (micro_step, micro) in lesson.split(setup).into_iter().enumerate() {
        if micro.decisions(setup) == 0 {
            continue; // rows without an ordinary token: nothing is scored, nothing is learned
        }
        let drop = drop_source(setup, lesson.step, micro_step as u64);
        let (loss, outcome) = pass(setup, model, &micro, drop, loss_scale / decisions);
        let mut found = loss.backward();
        add(&mut gradients, gradients_of(model, &mut found));
        outcomes.push((micro, outcome));
    }
    if gradients.is_empty() {
        gradients = flat_weights(model).into_iter().map(|weight| weight.values.zeros_like()).collect();
    }
    Backward { gradients, outcomes }
}

/// What a micro-batch's scored positions got, on the device until it is read.
#[allow(clippy::large_enum_variant, reason = "there are as many of them as micro-batches in a step")]
enum Got {
    Words(Outcome),
    /// Logits, `[K, C]`.
    Labels(Tensor<2>),
}

/// One micro-batch forward: its loss times `scale`, and what its scored positions got.
fn pass(setup: &Setup, model: &Model, micro: &Rows, drop: DropSource, scale: f64) -> (Tensor<1>, Got) {
    let (place, device) = (&setup.place, setup.place.autodiff());
    match (micro, &setup.work) {
        (Rows::Labels(batch), Work::Labels(labels)) => {
            let (loss, logits) = forward_labels(model, (batch, labels), place, &device, Some(drop), scale);
            (loss, Got::Labels(logits.without_autodiff()))
        }
        (Rows::Words(batch), _) => {
            let pass = forward(model, batch, place, &device, Some(drop), scale);
            (pass.loss, Got::Words(pass.outcome))
        }
        (Rows::Labels(_), Work::Words(_)) => unreachable!("a run of words has batches of words"),
    }
}

/// Adds what a micro-batch got to the window; false where it is not finite.
fn tally(setup: &Setup, state: &mut State, micro: &Rows, got: Got) -> Result<bool, TrainError> {
    match (micro, got, &setup.work) {
        (Rows::Words(batch), Got::Words(outcome), Work::Words(words)) => {
            let read = outcome.read()?;
            if !read.nll.iter().all(|nats| nats.is_finite()) {
                return Ok(false);
            }
            state.window.tally.add(batch, &read, &words.char_lengths);
        }
        (Rows::Labels(batch), Got::Labels(logits), Work::Labels(labels)) => {
            let logits = read_floats(logits.reshape([-1]))?;
            let decisions = labels.goal.decided(&logits, batch, &labels.train.truth);
            if !decisions.iter().all(|decision| decision.nats.is_finite()) {
                return Ok(false);
            }
            state.window.tally.add_decisions(&decisions);
        }
        _ => unreachable!("what a batch got is of its own kind"),
    }
    Ok(true)
}

/// Names of the weights, where the case treats them apart.
fn names(setup: &Setup, model: &Model) -> Vec<String> {
    if setup.rates.are_one() {
        return Vec::new();
    }
    flat_weights(model).into_iter().map(|flat| flat.name).collect()
}

/// What the loss is multiplied by.
pub(crate) fn loss_scale(scaler: &Option<LossScaler>) -> f64 {
    scaler.as_ref().map_or(1.0, LossScaler::scale)
}

/// Tells the scaler whether the gradient was finite; false where it was not and that is not the scale's fault.
pub(crate) fn note(scaler: &mut Option<LossScaler>, is_finite: bool) -> bool {
    match scaler {
        Some(scaler) if is_finite => scaler.good(),
        Some(scaler) => return scaler.overflowed(),
        None => {}
    }
    is_finite
}

/// Clips by the global norm and updates the weights, which stay as they are where the norm is not finite.
pub(crate) fn apply(
    model: Model,
    optimizer: &mut Optimizer,
    gradients: Vec<Tensor<1>>,
    stride: Stride,
) -> Result<Update, TrainError> {
    queue(model, optimizer, gradients, stride)?.read(optimizer)
}

/// The same without waiting for a device that decides by itself.
pub(crate) fn queue(
    model: Model,
    optimizer: &mut Optimizer,
    gradients: Vec<Tensor<1>>,
    stride: Stride,
) -> Result<Queued, TrainError> {
    let Stride { clip_norm, loss_scale, on_device, .. } = stride;
    let trained = stride.trained(&gradients);
    if on_device {
        let [norm, factor] = clip_on_device(&trained, clip_norm, loss_scale);
        drop(trained);
        optimizer.begin();
        let model = map_with(model, gradients, |index, weight, gradient| {
            optimizer.apply_by(index, weight, gradient, stride.rate(index), &factor)
        });
        return Ok(Queued { model, norm: Sent::OnDevice(norm, clip_norm) });
    }
    let norm = global_norm(&read_floats(squared_sums(&trained, optimizer.kernels()))?) / loss_scale;
    drop(trained); // the optimizer writes over gradients that nobody else holds
    if !norm.is_finite() {
        return Ok(Queued { model, norm: Sent::Known(None) });
    }
    let clip_factor = clip_factor(norm, clip_norm);
    // One pass for both: the optimizer multiplies by a factor anyway.
    let clip = clip_factor / loss_scale;
    optimizer.begin();
    // A frozen weight keeps its moments up to date, so that it goes on evenly once it is freed.
    let model = map_with(model, gradients, |index, weight, gradient| {
        optimizer.apply(index, weight, gradient, optim::Update { lr: stride.rate(index), clip_factor: clip })
    });
    Ok(Queued { model, norm: Sent::Known(Some(Norm { value: norm, clipped: clip_factor < 1.0 })) })
}

/// The model with each weight changed by its gradient.
fn map_with(
    model: Model,
    gradients: Vec<Tensor<1>>,
    mut change: impl FnMut(usize, Tensor<1>, Tensor<1>) -> Tensor<1>,
) -> Model {
    let mut gradients = gradients.into_iter();
    map_weights(model, |index, weight| change(index, weight, gradients.next().expect("a gradient for each weight")))
}

/// The gradient of each weight; 0 for one that the loss does not depend on.
pub(crate) fn gradients_of(model: &Model, found: &mut Gradients) -> Vec<Tensor<1>> {
    let weights = flat_weights(model);
    let pairs = flat_gradients(model, found).into_iter().zip(weights);
    pairs.map(|(gradient, weight)| gradient.unwrap_or_else(|| weight.values.zeros_like())).collect()
}

/// Adds a micro-batch's gradients to the sums.
fn add(sums: &mut Vec<Tensor<1>>, found: Vec<Tensor<1>>) {
    *sums = match std::mem::take(sums) {
        none if none.is_empty() => found,
        sums => sums.into_iter().zip(found).map(|(sum, gradient)| sum + gradient).collect(),
    };
}

/// Dropout of this step is a function of (seed, step, micro-step).
fn drop_source(setup: &Setup, step: u64, micro_step: u64) -> DropSource {
    let key = stream(setup.seed, Purpose::Dropout, step, micro_step).next_u64();
    DropSource { key, on_host: setup.place.is_cpu() }
}

#[cfg(test)]
#[path = "update_tests.rs"]
mod tests;
