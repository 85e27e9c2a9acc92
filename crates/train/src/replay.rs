//! The same batches from the same weights as another program: is it the same training?

use std::{fs, path::Path};

use burn::tensor::{Tensor, TensorData};
use case::{EncoderConfig, OptimizerConfig};
use corpus::{Batch, MaskKind};
use encoder::{HeadKind, Model, flat_weights, from_peer, with_weights};
use optim::Optimizer;
use safetensors::{Dtype, SafeTensors};
use serde::Serialize;

use crate::{
    TrainError,
    checkpoint::floats,
    device::Place,
    forward::forward,
    session::weight_infos,
    update::{Stride, apply, gradients_of},
};

/// A label that is not scored, as PyTorch's cross-entropy has it.
const UNSCORED: i32 = -100;
/// The id of padding in replayed batches.
const PAD: i32 = 0;

/// What to replay.
#[derive(Debug, Clone)]
pub struct Replay {
    /// The encoder; its `seq_len` is read from the batches.
    pub model: EncoderConfig,
    /// Words V.
    pub vocab_size: usize,
    /// The update rule.
    pub optimizer: OptimizerConfig,
    /// The peak rate.
    pub learning_rate: f64,
    /// The rate of update i is `learning_rate · min(1, (i + 1) / warmup)`; 0 for none.
    pub warmup: u64,
    /// Updates.
    pub steps: usize,
}

/// What came of each update.
#[derive(Debug, Clone, Serialize)]
pub struct Replayed {
    /// Nats per scored token.
    pub loss: Vec<f64>,
    /// Global norm of the gradient before clipping.
    pub grad_norm: Vec<f64>,
}

/// Trains on the batches of `batches`, in their order, from the weights of `init`, without dropout.
///
/// `init` holds the weights of the hand-written PyTorch encoder by its names; `batches` holds `input_ids` and `labels`, int32
/// `[n, B, T]`, padded with id 0 and with label −100 where nothing is scored.
///
/// # Errors
/// [`TrainError::Replay`] for a file that does not hold that, [`TrainError::Weight`] for weights of another shape.
pub fn replay(what: &Replay, init: &Path, batches: &Path, place: &Place) -> Result<Replayed, TrainError> {
    let batches = read_batches(batches)?;
    let width = batches.first().map_or(0, |batch| batch.width);
    let config = EncoderConfig { seq_len: width, dropout: 0.0, ..what.model.clone() };
    let mut model =
        read_model(init, Model::zeros(&config, what.vocab_size, HeadKind::Words, &place.autodiff()), place)?;
    let mut optimizer = Optimizer::new(&what.optimizer, &weight_infos(&model), &place.plain(), place.kernels());
    let mut replayed = Replayed { loss: Vec::new(), grad_norm: Vec::new() };
    for (step, batch) in batches.iter().cycle().take(what.steps).enumerate() {
        let pass = forward(&model, batch, place, &place.autodiff(), None, 1.0 / batch.labels.len() as f64);
        let gradients = gradients_of(&model, &mut pass.loss.backward());
        let lr = what.learning_rate * ((step + 1) as f64 / what.warmup.max(1) as f64).min(1.0);
        let stride =
            Stride { lr, clip_norm: what.optimizer.clip_norm, loss_scale: 1.0, on_device: place.clips(), rates: None };
        let done = apply(model, &mut optimizer, gradients, stride)?;
        model = done.model;
        let norm = done.gradient.ok_or(TrainError::ReplayDiverged { step })?.value;
        let nll = pass.outcome.read()?.nll;
        replayed.loss.push(nll.iter().map(|nats| f64::from(*nats)).sum::<f64>() / nll.len() as f64);
        replayed.grad_norm.push(norm);
    }
    Ok(replayed)
}

fn read_model(path: &Path, model: Model, place: &Place) -> Result<Model, TrainError> {
    let bytes = fs::read(path).map_err(|cause| TrainError::Read { path: path.into(), cause })?;
    let tensors = open(path, &bytes)?;
    let lookup = |name: &str| {
        let view = tensors.tensor(name).ok().filter(|view| view.dtype() == Dtype::F32)?;
        Some((view.shape().to_vec(), floats(view.data())))
    };
    let values = from_peer(&flat_weights(&model), lookup)?;
    let tensor = |values: Vec<f32>| {
        let count = values.len();
        Tensor::from_data(TensorData::new(values, [count]), &place.plain())
    };
    Ok(with_weights(model, values.into_iter().map(tensor).collect()))
}

fn read_batches(path: &Path) -> Result<Vec<Batch>, TrainError> {
    let wrong = |why: &str| TrainError::Replay { path: path.into(), why: why.into() };
    let bytes = fs::read(path).map_err(|cause| TrainError::Read { path: path.into(), cause })?;
    let tensors = open(path, &bytes)?;
    let integers = |name: &str| {
        let view = tensors.tensor(name).ok().filter(|view| view.dtype() == Dtype::I32 && view.shape().len() == 3);
        let view = view.ok_or_else(|| wrong(&format!("it has no int32 tensor `{name}` of three axes [n, B, T]")))?;
        let values = view.data().as_chunks().0.iter().map(|bytes| i32::from_le_bytes(*bytes)).collect::<Vec<_>>();
        Ok::<_, TrainError>((view.shape().to_vec(), values))
    };
    let (shape, ids) = integers("input_ids")?;
    let (label_shape, labels) = integers("labels")?;
    if shape != label_shape || ids.is_empty() {
        return Err(wrong("`input_ids` and `labels` must have one shape, and not be empty"));
    }
    let size = shape[1] * shape[2];
    Ok(ids.chunks(size).zip(labels.chunks(size)).map(|(ids, labels)| batch(ids, labels, shape[2])).collect())
}

pub(crate) fn batch(ids: &[i32], labels: &[i32], width: usize) -> Batch {
    let scored = (0..ids.len()).filter(|at| labels[*at] != UNSCORED).collect::<Vec<_>>();
    let lengths =
        ids.chunks(width).map(|row| row.iter().take_while(|id| **id != PAD).count() as u32).collect::<Vec<_>>();
    Batch {
        step: 0,
        epoch: 0,
        rows: (0..lengths.len() as u64).collect(),
        width,
        boxes: Vec::new(),
        input_ids: ids.to_vec(),
        real_tokens: lengths.iter().map(|length| u64::from(*length)).sum(),
        lengths,
        positions: scored.iter().map(|at| *at as i32).collect(),
        labels: scored.iter().map(|at| labels[*at]).collect(),
        kinds: vec![MaskKind::Mask; scored.len()],
        corpora: vec![0; scored.len()],
        mask_hash: 0,
    }
}

fn open<'a>(path: &Path, bytes: &'a [u8]) -> Result<SafeTensors<'a>, TrainError> {
    weights::open(bytes).map_err(|cause| TrainError::Replay { path: path.into(), why: cause.to_string() })
}
