//! One batch through the model: the forward pass that training and evaluation share.

use std::sync::Arc;

use burn::tensor::{Bool, Device, Int, Tensor, TensorData};
use case::{Kernels, Precision};
use corpus::Batch;
use encoder::{Model, Scored};
use kernels::{DropSource, Mixed, Path, Scores, Spans};

use crate::{TrainError, device::Place};

/// What came of a batch.
pub(crate) struct Pass {
    /// The sum of the negative log-likelihoods in nats times what was asked for, `[1]`, on the device.
    pub loss: Tensor<1>,
    /// What each scored position got, on the device until it is read.
    pub outcome: Outcome,
}

/// What each scored position got.
pub(crate) struct Outcome {
    nll: Tensor<1>,
    best: Tensor<1, Int>,
}

/// What each scored position got, on the host.
pub(crate) struct Read {
    /// Nats of each scored position, `[K]`.
    pub nll: Vec<f32>,
    /// The likeliest word of each scored position, `[K]`.
    pub best: Vec<i32>,
}

impl Outcome {
    /// Copies to the host; waits for the device.
    ///
    /// # Errors
    /// [`TrainError::Device`] where the device failed.
    pub(crate) fn read(self) -> Result<Read, TrainError> {
        let nll = read_floats(self.nll)?;
        let data = self.best.try_into_data().map_err(|cause| TrainError::Device { cause: cause.to_string() })?;
        let best = data.try_to_vec_as::<i32>().map_err(|cause| TrainError::Device { cause: cause.to_string() })?;
        Ok(Read { nll, best })
    }
}

/// Copies a flat tensor to the host.
///
/// # Errors
/// [`TrainError::Device`] where the device failed.
pub(crate) fn read_floats(tensor: Tensor<1>) -> Result<Vec<f32>, TrainError> {
    let data = tensor.try_into_data().map_err(|cause| TrainError::Device { cause: cause.to_string() })?;
    data.try_to_vec_as::<f32>().map_err(|cause| TrainError::Device { cause: cause.to_string() })
}

/// One micro-batch through the model; the loss is `scale` times the sum of its nats.
///
/// Gradients are recorded where `device` records them.
pub(crate) fn forward(
    model: &Model,
    batch: &Batch,
    place: &Place,
    device: &Device,
    drop: Option<DropSource>,
    scale: f64,
) -> Pass {
    let Laid { input_ids, positions, path } = lay(batch, place, device);
    let scored = Scored { input_ids, positions, labels: integers(batch.labels.clone(), device), scale };
    let Scores { loss, nll, best } = model.score(scored, &path, drop);
    Pass { loss, outcome: Outcome { nll, best } }
}

/// Logits at the batch's scored positions, `[K, V]`, without gradients.
pub(crate) fn logits(model: &Model, batch: &Batch, place: &Place) -> Tensor<2> {
    let Laid { input_ids, positions, path } = lay(batch, place, &place.plain());
    model.logits(input_ids, &path, positions)
}

/// A batch as its kernels want it.
pub(crate) struct Laid {
    /// `[B, T]`, or `[1, real tokens]` for own kernels.
    pub(crate) input_ids: Tensor<2, Int>,
    /// `[K]`, indices into all of `input_ids`.
    pub(crate) positions: Tensor<1, Int>,
    pub(crate) path: Path,
}

/// Lays a batch out for the kernels of `place`.
pub(crate) fn lay(batch: &Batch, place: &Place, device: &Device) -> Laid {
    let (rows, width) = (batch.lengths.len(), batch.width);
    if !(place.kernels() == Kernels::Own && place.is_cpu()) {
        let input_ids = integers(batch.input_ids.clone(), device).reshape([rows, width]);
        let mask_pad = mask_pad(batch, device);
        let path = match (place.precision(), place.kernels()) {
            (Precision::Fp32, Kernels::Composed) => Path::Composed { mask_pad },
            (precision, kernels) => {
                let ids = Some(Arc::new(batch.input_ids.clone()));
                Path::Mixed(Mixed { mask_pad, precision, kernels, attend: place.attend(), ids })
            }
        };
        return Laid { input_ids, positions: integers(batch.positions.clone(), device), path };
    }
    let spans = Spans::new(batch.lengths.iter().map(|length| *length as usize));
    let rows = batch.input_ids.chunks(width).zip(spans.all());
    let ids = rows.flat_map(|(row, span)| &row[..span.count]).copied().collect::<Vec<_>>();
    let moved = |at: &i32| {
        let (row, place) = (*at as usize / width, *at as usize % width);
        (spans.all()[row].first + place) as i32
    };
    let positions = batch.positions.iter().map(moved).collect();
    Laid {
        input_ids: integers(ids, device).unsqueeze::<2>(),
        positions: integers(positions, device),
        path: Path::Own(Arc::new(spans)),
    }
}

/// Burn's sense of a padding mask, `[B, T]`, true = padding; none for full rows.
fn mask_pad(batch: &Batch, device: &Device) -> Option<Tensor<2, Bool>> {
    let at = |row: usize| (0..batch.width).map(move |t| t >= batch.lengths[row] as usize);
    batch.has_padding().then(|| {
        let values = (0..batch.lengths.len()).flat_map(at).collect::<Vec<bool>>();
        Tensor::from_data(TensorData::new(values, [batch.lengths.len(), batch.width]), device)
    })
}

fn integers(values: Vec<i32>, device: &Device) -> Tensor<1, Int> {
    let count = values.len();
    Tensor::from_data(TensorData::new(values, [count]), device)
}
