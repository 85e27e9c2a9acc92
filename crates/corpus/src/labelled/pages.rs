//! Pages with hidden words: masked language modelling where tokens have boxes.

use super::inputs::ModelInput;
use crate::{Batch, Masker};

/// Inputs with hidden words as a batch of update `step`: the same masks for the same input and epoch, whatever the batch.
///
/// # Panics
/// If there is no input of a number, or the batch has more than 2^31 - 1 tokens.
///
/// # Source
/// Xu et al. 2020, LayoutLM, §2.3: words are hidden, their boxes are not.
pub fn page_batch(
    inputs: &[ModelInput],
    numbers: &[usize],
    masker: &Masker,
    (step, epoch): (u64, u64),
    pad: u32,
) -> Batch {
    let width = numbers.iter().map(|at| inputs[*at].ids.len()).max().unwrap_or(0);
    assert!(i32::try_from(numbers.len() * width).is_ok(), "{} rows of {width} tokens", numbers.len());
    let has_boxes = numbers.iter().any(|at| !inputs[*at].boxes.is_empty());
    let rows = numbers.iter().map(|number| *number as u64).collect();
    let mut batch = Batch::empty((step, epoch), rows, width);
    for number in numbers {
        let input = &inputs[*number];
        batch.push(&masker.mask(epoch, *number as u64, &input.ids), 0, pad);
        if has_boxes {
            batch.boxes.extend(input.boxes.iter().flatten().map(|edge| i32::from(*edge)));
            batch.boxes.resize(batch.input_ids.len() * 4, 0);
        }
    }
    batch
}

#[cfg(test)]
mod tests {
    use case::MaskingConfig;

    use super::super::testing::tokenizer;
    use super::*;
    use crate::Purpose;

    #[test]
    fn words_are_hidden_boxes_are_not_and_pieces_are_the_batch() {
        let tokenizer = tokenizer();
        let ids = tokenizer.encode("the dog and the fox and the dog").unwrap();
        let input = |count: usize| ModelInput {
            ids: ids[..count].to_vec(),
            token_types: vec![0; count],
            boxes: (0..count).map(|at| [at as u16, 1, at as u16 + 5, 9]).collect(),
            labels: Vec::new(),
            cut: 0,
        };
        let inputs = [input(ids.len()), input(ids.len() / 2)];
        let (special, is_special) = (tokenizer.special(), tokenizer.is_special());
        let config = MaskingConfig { rate: 0.5, ..MaskingConfig::default() };
        let masker = Masker::new(&config, special, is_special, tokenizer.starts_word(), 1, Purpose::Masks);
        let batch = page_batch(&inputs, &[1, 0], &masker, (7, 2), special.pad);
        assert_eq!((batch.width, batch.boxes.len()), (ids.len(), 2 * ids.len() * 4));
        assert_eq!(batch.boxes[..4], [0, 1, 5, 9]);
        assert_eq!(batch.boxes[ids.len() / 2 * 4..ids.len() * 4], vec![0; (ids.len() - ids.len() / 2) * 4]);
        for (position, label) in batch.positions.iter().zip(&batch.labels) {
            let (row, at) = (*position as usize / batch.width, *position as usize % batch.width);
            assert_eq!(inputs[[1, 0][row]].ids[at] as i32, *label);
        }
        let pieces = batch.split(1);
        assert_eq!(pieces[1].boxes, batch.boxes[ids.len() * 4..]);
        let alone = page_batch(&inputs, &[0], &masker, (9, 2), special.pad);
        assert_eq!((&alone.input_ids, &alone.labels), (&pieces[1].input_ids, &pieces[1].labels));
    }
}
