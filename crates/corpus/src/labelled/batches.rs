//! Batches of labelled inputs: by length, in an order that any step can be asked for.

use case::OrderKind;

use super::inputs::ModelInput;
use crate::Order;
use crate::window::{Window, WindowCache};

/// Inputs padded to one width, as plain integers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LabelledBatch {
    /// Numbers of its inputs: `[B]`.
    pub inputs: Vec<usize>,
    /// Tokens of each row T, padding included: the longest input.
    pub width: usize,
    /// Ids, `[B * T]`, filled up with `[PAD]`.
    pub input_ids: Vec<i32>,
    /// Segments, `[B * T]`, 0 at padding.
    pub token_types: Vec<i32>,
    /// Real tokens of each row: `[B]`.
    pub lengths: Vec<u32>,
    /// Boxes `[B * T * 4]`, 0 at padding; empty where the inputs have none.
    pub boxes: Vec<i32>,
    /// Scored positions in `[B * T]`, ascending: `[K]`.
    pub positions: Vec<i32>,
    /// The class at each: `[K]`.
    pub labels: Vec<i32>,
}

impl LabelledBatch {
    /// The batch of the inputs with these numbers.
    ///
    /// # Panics
    /// If there is no input of a number, some have boxes and others not, or the batch has more than 2^31 - 1 tokens.
    pub fn of(inputs: &[ModelInput], numbers: &[usize], pad: u32) -> Self {
        let width = numbers.iter().map(|at| inputs[*at].ids.len()).max().unwrap_or(0);
        assert!(i32::try_from(numbers.len() * width).is_ok(), "{} rows of {width} tokens", numbers.len());
        let mut batch = Self {
            inputs: numbers.to_vec(),
            width,
            input_ids: Vec::with_capacity(numbers.len() * width),
            token_types: Vec::with_capacity(numbers.len() * width),
            lengths: Vec::with_capacity(numbers.len()),
            boxes: Vec::new(),
            positions: Vec::new(),
            labels: Vec::new(),
        };
        let has_boxes = numbers.iter().any(|at| !inputs[*at].boxes.is_empty());
        for (row, at) in numbers.iter().enumerate() {
            batch.push(row * width, &inputs[*at], pad, has_boxes);
        }
        batch
    }

    fn push(&mut self, start: usize, input: &ModelInput, pad: u32, has_boxes: bool) {
        let end = start + self.width;
        self.input_ids.extend(input.ids.iter().map(|id| *id as i32));
        self.input_ids.resize(end, pad as i32);
        self.token_types.extend(input.token_types.iter().map(|kind| i32::from(*kind)));
        self.token_types.resize(end, 0);
        self.lengths.push(input.ids.len() as u32);
        if has_boxes {
            assert_eq!(input.boxes.len(), input.ids.len(), "one box a token");
            self.boxes.extend(input.boxes.iter().flatten().map(|edge| i32::from(*edge)));
            self.boxes.resize(end * 4, 0);
        }
        for (at, label) in input.labels.iter().enumerate() {
            if let Some(label) = label {
                self.positions.push((start + at) as i32);
                self.labels.push(*label as i32);
            }
        }
    }

    /// Tokens that are not padding.
    pub fn real_tokens(&self) -> u64 {
        self.lengths.iter().map(|length| u64::from(*length)).sum()
    }
}

/// Which inputs each update learns from: an epoch is a permutation of all, sorted by length within windows of 64 batches,
/// cut, and the batches shuffled, as lines of text are.
pub struct LabelledPlan {
    lengths: Vec<usize>,
    order: Order,
    batch_size: usize,
    windows: WindowCache,
}

impl LabelledPlan {
    /// Batches of `batch_size` inputs of these lengths, mixed anew each epoch under `seed`.
    ///
    /// # Panics
    /// If `batch_size` is 0.
    pub fn new(lengths: Vec<usize>, seed: u64, batch_size: usize) -> Self {
        assert!(batch_size > 0, "a batch holds at least one input");
        let order = Order::new(OrderKind::Mixed, seed, lengths.len() as u64);
        Self { lengths, order, batch_size, windows: WindowCache::default() }
    }

    /// Batches of an epoch: the last one holds what is left.
    pub fn steps_per_epoch(&self) -> u64 {
        (self.lengths.len() as u64).div_ceil(self.batch_size as u64)
    }

    /// The epoch of update `step` and the numbers of its inputs, at the same cost for any step.
    ///
    /// # Panics
    /// If there is no input.
    pub fn batch(&self, step: u64) -> (u64, Vec<usize>) {
        let (epoch, index) = (step / self.steps_per_epoch(), step % self.steps_per_epoch());
        let make = |window| {
            let row = |place| (self.lengths[place as usize], place);
            Window::of(&self.order, self.lengths.len() as u64, self.batch_size as u64, (epoch, window), row)
        };
        (epoch, self.windows.batch(epoch, index, make).into_iter().map(|at| at as usize).collect())
    }
}

/// The batches of an evaluation: by length, ties in order, the same at every call.
///
/// # Panics
/// If `batch_size` is 0.
pub fn evaluation_order(lengths: &[usize], batch_size: usize) -> Vec<Vec<usize>> {
    let mut order: Vec<usize> = (0..lengths.len()).collect();
    order.sort_by_key(|at| lengths[*at]);
    order.chunks(batch_size).map(<[usize]>::to_vec).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn every_epoch_reads_every_input_once(count in 1_usize..900, batch_size in 1_usize..9, seed: u64, epoch in 0_u64..3) {
            let plan = LabelledPlan::new((0..count).map(|at| at * 7 % 31).collect(), seed, batch_size);
            let first = epoch * plan.steps_per_epoch();
            let batches = (first..first + plan.steps_per_epoch()).map(|step| plan.batch(step));
            let mut seen = Vec::new();
            for (of, inputs) in batches {
                prop_assert_eq!(of, epoch);
                prop_assert!(!inputs.is_empty() && inputs.len() <= batch_size);
                seen.extend(inputs);
            }
            seen.sort_unstable();
            prop_assert!(seen.into_iter().eq(0..count));
        }
    }

    #[test]
    fn batches_hold_like_lengths_and_epochs_differ() {
        let lengths: Vec<usize> = (0..640).map(|at| 1 + at * 37 % 200).collect();
        let plan = LabelledPlan::new(lengths.clone(), 5, 16);
        let padding = |step| {
            let (_, inputs) = plan.batch(step);
            let longest = inputs.iter().map(|at| lengths[*at]).max().unwrap();
            (longest * inputs.len() - inputs.iter().map(|at| lengths[*at]).sum::<usize>(), longest * inputs.len())
        };
        let (padded, all) = (0..40).map(padding).fold((0, 0), |sum, next| (sum.0 + next.0, sum.1 + next.1));
        assert!(padded * 20 < all, "{padded} of {all} tokens are padding");
        assert_ne!(plan.batch(0).1, plan.batch(40).1);
        assert_eq!(plan.batch(10_000_000), LabelledPlan::new(lengths.clone(), 5, 16).batch(10_000_000));
        let order = evaluation_order(&lengths, 16);
        assert!(order.concat().windows(2).all(|pair| lengths[pair[0]] <= lengths[pair[1]]));
    }

    #[test]
    fn inputs_are_padded_and_labels_keep_their_places() {
        let input = |ids: &[u32], labels: &[Option<usize>]| ModelInput {
            ids: ids.to_vec(),
            token_types: vec![0; ids.len()],
            boxes: vec![[1, 2, 3, 4]; ids.len()],
            labels: labels.to_vec(),
            cut: 0,
        };
        let inputs = [input(&[2, 9, 3], &[None, Some(4), None]), input(&[2, 3], &[None, None])];
        let batch = LabelledBatch::of(&inputs, &[1, 0], 0);
        assert_eq!((batch.width, batch.input_ids.as_slice()), (3, [2, 3, 0, 2, 9, 3].as_slice()));
        assert_eq!((batch.lengths.as_slice(), batch.real_tokens()), ([2, 3].as_slice(), 5));
        assert_eq!((batch.positions.as_slice(), batch.labels.as_slice()), ([4].as_slice(), [4].as_slice()));
        assert_eq!(batch.boxes[..12], [1, 2, 3, 4, 1, 2, 3, 4, 0, 0, 0, 0]);
        assert_eq!(batch.boxes.len(), 24);
    }
}
