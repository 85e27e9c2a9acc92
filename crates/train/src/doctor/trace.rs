//! What one device makes of a tiny encoder.

use burn::tensor::Tensor;
use case::{EncoderConfig, OptimizerConfig, Precision};
use corpus::{Batch, MaskKind, Purpose, stream};
use encoder::{HeadKind, Model, flat_weights};
use kernels::{Attend, DropSource};
use optim::Optimizer;
use rand_chacha::rand_core::Rng;

use crate::{
    TrainError,
    device::Place,
    forward::{forward, read_floats},
    session::weight_infos,
    update::{Stride, apply, gradients_of},
};

/// Updates that are compared.
pub(super) const STEPS: usize = 10;
/// Steps whose gradients are compared: both ways to attend, with dropout and with padding.
const DIFFERENTIATED: usize = 4;
/// What the loss is multiplied by in f16: far from its largest number, and no gradient of the tiny encoder vanishes.
const LOSS_SCALE: f64 = 1024.0;

const VOCAB: usize = 500;
const ROWS: usize = 4;
const TOKENS: usize = 32;
const SCORED: usize = 19;
pub(super) const RATE: f64 = 1e-3;

/// What one device made of the tiny encoder.
pub(super) struct Trace {
    pub(super) losses: Vec<f64>,
    /// Of the first [`DIFFERENTIATED`] steps, with dropout and with padding in turn, by name.
    pub(super) gradients: Vec<(String, Vec<f32>)>,
    /// After the last step, by name.
    pub(super) weights: Vec<(String, Vec<f32>)>,
}

/// The operations of `model`, in a tiny shape.
pub(super) fn tiny(model: &EncoderConfig) -> EncoderConfig {
    EncoderConfig { d_model: 64, h: 4, ff: 128, n_layers: 2, seq_len: TOKENS, dropout: 0.1, ..model.clone() }
}

/// Trains the tiny encoder and writes down what came of it.
pub(super) fn trace(place: &Place, model: &EncoderConfig) -> Result<Trace, TrainError> {
    let (full, padded) = batches();
    let mut model = Model::init(
        &tiny(model),
        VOCAB,
        HeadKind::Words,
        |name| stream(1, Purpose::Init, 1, name_index(name)),
        &place.autodiff(),
    );
    let config = OptimizerConfig::default();
    let mut optimizer = Optimizer::new(&config, &weight_infos(&model), &place.plain(), place.kernels());
    let loss_scale = if place.precision() == Precision::F16 { LOSS_SCALE } else { 1.0 };
    let stride = Stride { lr: RATE, clip_norm: config.clip_norm, loss_scale, on_device: place.clips(), rates: None };
    let (mut losses, mut first_gradients) = (Vec::new(), Vec::new());
    for step in 0..STEPS {
        // Dropout and padding in turn: kernels that leave padding out count the elements they drop without it.
        let drop = DropSource { key: step as u64, on_host: place.is_cpu() };
        let (batch, drop) = if step % 2 == 0 { (&full, Some(drop)) } else { (&padded, None) };
        let place = &place.clone().attending(attend(step));
        let loss = forward(&model, batch, place, &place.autodiff(), drop, stride.loss_scale / SCORED as f64).loss;
        losses.push(f64::from(read_floats(loss.clone().without_autodiff())?[0]) / stride.loss_scale);
        let gradients = gradients_of(&model, &mut loss.backward());
        if step < DIFFERENTIATED {
            let unscaled = |gradient: &Tensor<1>| gradient.clone() / stride.loss_scale;
            first_gradients.extend(named(&model, gradients.iter().map(unscaled).collect())?);
        }
        let done = apply(model, &mut optimizer, gradients, stride)?;
        model = done.model;
        if done.gradient.is_none() {
            // The loss of this step, which is compared, is not finite either, or the next trace is too short to agree.
            return Ok(Trace { losses, gradients: first_gradients, weights: Vec::new() });
        }
    }
    let weights = flat_weights(&model).into_iter().map(|flat| flat.values).collect();
    Ok(Trace { losses, gradients: first_gradients, weights: named(&model, weights)? })
}

/// Both ways of own kernels to attend, each with dropout and with padding.
fn attend(step: usize) -> Attend {
    if (step / 2).is_multiple_of(2) { Attend::Blocks } else { Attend::Products }
}

/// A batch of full rows, and the same with padding at the rows' ends.
fn batches() -> (Batch, Batch) {
    let mut rng = stream(1, Purpose::Init, 0, 1);
    let mut below = |limit: usize| (rng.next_u64() % limit as u64) as i32;
    let input_ids = (0..ROWS * TOKENS).map(|_| below(VOCAB)).collect::<Vec<_>>();
    let labels = (0..SCORED).map(|_| below(VOCAB)).collect::<Vec<_>>();
    let full = Batch {
        step: 0,
        epoch: 0,
        rows: (0..ROWS as u64).collect(),
        width: TOKENS,
        lengths: vec![TOKENS as u32; ROWS],
        real_tokens: (ROWS * TOKENS) as u64,
        boxes: Vec::new(),
        input_ids,
        // In the first half of a row: padding begins behind it.
        positions: (0..SCORED).map(|at| (at % ROWS * TOKENS + at / ROWS) as i32).collect(),
        labels,
        kinds: vec![MaskKind::Mask; SCORED],
        corpora: vec![0; SCORED],
        mask_hash: 0,
    };
    let lengths = (0..ROWS).map(|row| (TOKENS - 1 - 3 * row) as u32).collect::<Vec<_>>();
    let real_tokens = lengths.iter().map(|length| u64::from(*length)).sum();
    let padded = Batch { lengths, real_tokens, ..full.clone() };
    (full, padded)
}

fn name_index(name: &str) -> u64 {
    name.bytes().fold(0, |sum: u64, byte| sum.wrapping_mul(31).wrapping_add(u64::from(byte)))
}

fn named(model: &Model, values: Vec<Tensor<1>>) -> Result<Vec<(String, Vec<f32>)>, TrainError> {
    flat_weights(model).into_iter().zip(values).map(|(flat, values)| Ok((flat.name, read_floats(values)?))).collect()
}
