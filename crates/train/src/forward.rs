//! One batch through the model: the forward pass that training and evaluation share.

use std::sync::Arc;

use burn::tensor::{Bool, Device, Int, Tensor, TensorData};
use case::{Kernels, Precision};
use corpus::{Batch, labelled::LabelledBatch};
use encoder::{Model, Scored, Tokens};
use kernels::{DropSource, Mixed, Path, Scores, Spans};

use crate::{TrainError, device::Place, labels::Labels};

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
    let Laid { tokens, positions, path } = lay(Sheet::from(batch), place, device);
    let scored = Scored { tokens, positions, labels: integers(batch.labels.clone(), device), scale };
    let Scores { loss, nll, best } = model.score(scored, &path, drop);
    Pass { loss, outcome: Outcome { nll, best } }
}

/// The same for labelled examples: their loss and the logits of their scored positions, `[K, C]`.
pub(crate) fn forward_labels(
    model: &Model,
    (batch, labels): (&LabelledBatch, &Labels),
    place: &Place,
    device: &Device,
    drop: Option<DropSource>,
    scale: f64,
) -> (Tensor<1>, Tensor<2>) {
    let Laid { tokens, positions, path } = lay(Sheet::from(batch), place, device);
    let logits = model.class_logits(tokens, &path, positions, drop);
    (labels.goal.loss(logits.clone(), batch, &labels.train.truth, scale), logits)
}

/// Logits of words at the batch's scored positions, `[K, V]`, without gradients.
pub(crate) fn logits(model: &Model, batch: &Batch, place: &Place) -> Tensor<2> {
    let Laid { tokens, positions, path } = lay(Sheet::from(batch), place, &place.plain());
    model.logits(tokens, &path, positions)
}

/// Rows padded to one width, as plain numbers.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sheet<'a> {
    /// Tokens of each row T.
    pub(crate) width: usize,
    /// Real tokens of each row, `[B]`.
    pub(crate) lengths: &'a [u32],
    /// `[B * T]`.
    pub(crate) input_ids: &'a [i32],
    /// Segments, `[B * T]`; empty where all are 0.
    pub(crate) token_types: &'a [i32],
    /// Boxes, `[B * T * 4]`; empty where there are none.
    pub(crate) boxes: &'a [i32],
    /// Where the model is asked, `[K]`, in `[B * T]`, ascending.
    pub(crate) positions: &'a [i32],
}

impl<'a> From<&'a Batch> for Sheet<'a> {
    fn from(batch: &'a Batch) -> Self {
        let Batch { width, lengths, input_ids, boxes, positions, .. } = batch;
        Self { width: *width, lengths, input_ids, token_types: &[], boxes, positions }
    }
}

impl<'a> From<&'a LabelledBatch> for Sheet<'a> {
    fn from(batch: &'a LabelledBatch) -> Self {
        let LabelledBatch { width, lengths, input_ids, token_types, boxes, positions, .. } = batch;
        Self { width: *width, lengths, input_ids, token_types, boxes, positions }
    }
}

/// A batch as its kernels want it.
pub(crate) struct Laid {
    /// `[B, T]`, or `[1, real tokens]` for own kernels.
    pub(crate) tokens: Tokens,
    /// `[K]`, indices into all of the ids.
    pub(crate) positions: Tensor<1, Int>,
    pub(crate) path: Path,
}

/// Lays a batch out for the kernels of `place`.
pub(crate) fn lay(sheet: Sheet, place: &Place, device: &Device) -> Laid {
    let (rows, width) = (sheet.lengths.len(), sheet.width);
    let integers_of = |values: &[i32]| integers(values.to_vec(), device);
    if !(place.kernels() == Kernels::Own && place.is_cpu()) {
        let grid = |values: &[i32]| integers_of(values).reshape([rows, width]);
        let mask_pad = mask_pad(&sheet, device);
        let path = match (place.precision(), place.kernels()) {
            (Precision::Fp32, Kernels::Composed) => Path::Composed { mask_pad },
            (precision, kernels) => {
                let ids = Some(Arc::new(sheet.input_ids.to_vec()));
                Path::Mixed(Mixed { mask_pad, precision, kernels, attend: place.attend(), ids })
            }
        };
        let tokens = Tokens {
            input_ids: grid(sheet.input_ids),
            token_type_ids: (!sheet.token_types.is_empty()).then(|| grid(sheet.token_types)),
            boxes: (!sheet.boxes.is_empty()).then(|| integers_of(sheet.boxes).reshape([rows, width, 4])),
        };
        return Laid { tokens, positions: integers_of(sheet.positions), path };
    }
    let spans = Spans::new(sheet.lengths.iter().map(|length| *length as usize));
    // The rows one behind the other, without their padding; `per` numbers a token.
    let flat = |values: &[i32], per: usize| {
        let rows = values.chunks(width * per).zip(spans.all());
        integers(rows.flat_map(|(row, span)| &row[..span.count * per]).copied().collect(), device)
    };
    let moved = |at: &i32| {
        let (row, place) = (*at as usize / width, *at as usize % width);
        (spans.all()[row].first + place) as i32
    };
    let tokens = Tokens {
        input_ids: flat(sheet.input_ids, 1).unsqueeze::<2>(),
        token_type_ids: (!sheet.token_types.is_empty()).then(|| flat(sheet.token_types, 1).unsqueeze::<2>()),
        boxes: (!sheet.boxes.is_empty()).then(|| flat(sheet.boxes, 4).reshape([1, -1, 4])),
    };
    let positions = integers(sheet.positions.iter().map(moved).collect(), device);
    Laid { tokens, positions, path: Path::Own(Arc::new(spans)) }
}

/// Burn's sense of a padding mask, `[B, T]`, true = padding; none for full rows.
fn mask_pad(sheet: &Sheet, device: &Device) -> Option<Tensor<2, Bool>> {
    let Sheet { width, lengths, .. } = *sheet;
    let at = |row: usize| (0..width).map(move |t| t >= lengths[row] as usize);
    lengths.iter().any(|length| (*length as usize) < width).then(|| {
        let values = (0..lengths.len()).flat_map(at).collect::<Vec<bool>>();
        Tensor::from_data(TensorData::new(values, [lengths.len(), width]), device)
    })
}

fn integers(values: Vec<i32>, device: &Device) -> Tensor<1, Int> {
    let count = values.len();
    Tensor::from_data(TensorData::new(values, [count]), device)
}

#[cfg(test)]
mod tests {
    use corpus::{Batch, MaskKind};

    use super::Sheet;

    /// Pages were once pre-trained on with every box at 0: nothing failed, and nothing of the page was learned.
    #[test]
    fn boxes_of_hidden_words_reach_the_encoder() {
        let batch = Batch {
            step: 0,
            epoch: 0,
            rows: vec![0],
            width: 2,
            input_ids: vec![4, 9],
            boxes: vec![1, 2, 3, 4, 5, 6, 7, 8],
            lengths: vec![2],
            positions: vec![0],
            labels: vec![7],
            kinds: vec![MaskKind::Mask],
            corpora: vec![0],
            real_tokens: 2,
            mask_hash: 0,
        };
        assert_eq!(Sheet::from(&batch).boxes, batch.boxes);
    }
}
