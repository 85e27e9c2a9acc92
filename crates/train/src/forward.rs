//! One batch through the model: the forward pass that training and evaluation share.

use burn::tensor::{Bool, Device, Int, Tensor, TensorData};
use corpus::Batch;
use encoder::MaskedLm;
use kernels::{DropSource, score};

use crate::TrainError;

/// What came of a batch.
pub(crate) struct Pass {
    /// Sum of the negative log-likelihoods in nats, `[1]`, on the device.
    pub nats: Tensor<1>,
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

/// One micro-batch through the model.
pub(crate) fn forward(model: &MaskedLm, batch: &Batch, device: &Device, drop: Option<DropSource>) -> Pass {
    let scores = score(logits(model, batch, device, drop), integers(&batch.labels, device));
    let nats = scores.nll.clone().sum();
    Pass { nats, outcome: Outcome { nll: scores.nll.without_autodiff(), best: scores.best } }
}

/// Logits at the batch's scored positions, `[K, V]`.
pub(crate) fn logits(model: &MaskedLm, batch: &Batch, device: &Device, drop: Option<DropSource>) -> Tensor<2> {
    let shape = [batch.lengths.len(), batch.width];
    let input_ids = Tensor::<2, Int>::from_data(TensorData::new(batch.input_ids.clone(), shape), device);
    model.forward(input_ids, mask_pad(batch, device), integers(&batch.positions, device), drop)
}

/// Burn's sense of a padding mask, `[B, T]`, true = padding; none for full rows.
fn mask_pad(batch: &Batch, device: &Device) -> Option<Tensor<2, Bool>> {
    let at = |row: usize| (0..batch.width).map(move |t| t >= batch.lengths[row] as usize);
    batch.has_padding().then(|| {
        let values = (0..batch.lengths.len()).flat_map(at).collect::<Vec<bool>>();
        Tensor::from_data(TensorData::new(values, [batch.lengths.len(), batch.width]), device)
    })
}

fn integers(values: &[i32], device: &Device) -> Tensor<1, Int> {
    Tensor::from_data(TensorData::new(values.to_vec(), [values.len()]), device)
}
