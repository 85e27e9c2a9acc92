//! What a model says of inputs.

use corpus::labelled::{LabelledBatch, ModelInput, evaluation_order};
use encoder::Model;

use crate::{
    TrainError,
    device::Place,
    forward::{Laid, Sheet, lay, read_floats},
};

use super::Truth;

/// Logits of every input at the positions that it is asked about, [`super::Part::asked`]: `[asked * C]` each. None where
/// `go_on`, told the inputs done, says to stop.
///
/// # Errors
/// [`TrainError::Device`] where the device fails.
pub(crate) fn said(
    model: &Model,
    place: &Place,
    (inputs, truth): (&[ModelInput], &Truth),
    (pad, batch_size): (u32, usize),
    go_on: &mut dyn FnMut(usize) -> bool,
) -> Result<Option<Vec<Vec<f32>>>, TrainError> {
    let lengths = inputs.iter().map(|input| input.ids.len()).collect::<Vec<_>>();
    let mut all = vec![Vec::new(); inputs.len()];
    let mut done = 0;
    for numbers in evaluation_order(&lengths, batch_size) {
        if !go_on(done) {
            return Ok(None);
        }
        let batch = LabelledBatch::of(inputs, &numbers, pad);
        let positions = positions(&batch, truth);
        let sheet = Sheet { positions: &positions, ..Sheet::from(&batch) };
        let Laid { tokens, positions: at, path } = lay(sheet, place, &place.plain());
        let logits = model.class_logits(tokens, &path, at, None);
        let classes = logits.dims()[1];
        let logits = read_floats(logits.reshape([-1]))?;
        let mut rest = logits.as_slice();
        for number in &numbers {
            let asked = if matches!(truth, Truth::Texts(_)) { 1 } else { lengths[*number] - 2 };
            let (own, others) = rest.split_at(asked * classes);
            all[*number] = own.to_vec();
            rest = others;
        }
        done += numbers.len();
    }
    Ok(Some(all))
}

/// Where each row is asked: at its first token, or at all but the special ones around it.
fn positions(batch: &LabelledBatch, truth: &Truth) -> Vec<i32> {
    let of_row = |(row, length): (usize, &u32)| {
        let first = (row * batch.width) as i32;
        match truth {
            Truth::Texts(_) => first..first + 1,
            Truth::Tags(_) => first + 1..first + *length as i32 - 1,
        }
    };
    batch.lengths.iter().enumerate().flat_map(of_row).collect()
}
