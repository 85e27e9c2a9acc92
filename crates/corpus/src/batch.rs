//! Batches: rows with their masks, padded to one width, as plain integers.

use case::{OrderKind, RowKind};

use crate::masking::{MaskedRow, row_hash};
use crate::window::{Window, WindowCache};
use crate::{MaskKind, Masker, Order, RowSet};

/// Positions looked at for the share of padding; of more, evenly spread windows.
const MEASURED_ROWS: u64 = 1 << 20;

/// What one update learns from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Batch {
    /// The update it belongs to, counted from 0; in an evaluation the batch's number.
    pub step: u64,
    /// The pass over the data it belongs to, counted from 0.
    pub epoch: u64,
    /// Ids of its rows, for [`RowSet::read`]: `[B]`.
    pub rows: Vec<u64>,
    /// Tokens of each row T, padding included: the longest row of this batch.
    pub width: usize,
    /// Ids after masking, `[B * T]`, row after row, filled up with `[PAD]`.
    pub input_ids: Vec<i32>,
    /// Where tokens stand on their pages, `[B * T * 4]`, 0 at padding; empty where there are no pages.
    pub boxes: Vec<i32>,
    /// Real tokens of each row, `[B]`; the rest is padding.
    pub lengths: Vec<u32>,
    /// Scored positions in `[B * T]`, ascending: `[K]`.
    pub positions: Vec<i32>,
    /// The true id at each: `[K]`.
    pub labels: Vec<i32>,
    /// What stands there in the input: `[K]`.
    pub kinds: Vec<MaskKind>,
    /// The corpus each comes from, as listed: `[K]`.
    pub corpora: Vec<u16>,
    /// Tokens that are not padding.
    pub real_tokens: u64,
    /// Wrapping sum of the rows' mask hashes: equal for equal masks, whatever the order, so that sums over an epoch
    /// are equal exactly where its masks are.
    pub mask_hash: u64,
}

impl Batch {
    /// A batch that waits for its rows to be pushed.
    pub(crate) fn empty((step, epoch): (u64, u64), rows: Vec<u64>, width: usize) -> Self {
        Self {
            step,
            epoch,
            width,
            input_ids: Vec::with_capacity(rows.len() * width),
            boxes: Vec::new(),
            lengths: Vec::with_capacity(rows.len()),
            positions: Vec::new(),
            labels: Vec::new(),
            kinds: Vec::new(),
            corpora: Vec::new(),
            real_tokens: 0,
            mask_hash: 0,
            rows,
        }
    }

    /// Adds the next row, filled up with `pad`.
    pub(crate) fn push(&mut self, masked: &MaskedRow, corpus: u16, pad: u32) {
        let (start, tokens) = (self.input_ids.len(), masked.input_ids.len());
        self.input_ids.extend(masked.input_ids.iter().map(|id| *id as i32));
        self.input_ids.resize(start + self.width, pad as i32);
        self.lengths.push(tokens as u32);
        self.positions.extend(masked.scored.iter().map(|scored| start as i32 + scored.position as i32));
        self.labels.extend(masked.scored.iter().map(|scored| scored.label as i32));
        self.kinds.extend(masked.scored.iter().map(|scored| scored.kind));
        self.corpora.resize(self.labels.len(), corpus);
        self.real_tokens += tokens as u64;
        self.mask_hash = self.mask_hash.wrapping_add(masked.hash);
    }

    /// The batch in pieces of at most `micro_batch_size` rows, all of this batch's width; together they are the batch.
    ///
    /// # Panics
    /// If `micro_batch_size` is 0.
    pub fn split(&self, micro_batch_size: usize) -> Vec<Self> {
        assert!(micro_batch_size > 0, "a piece holds at least one row");
        let pieces = (0..self.rows.len()).step_by(micro_batch_size);
        pieces.map(|first| self.piece(first, (first + micro_batch_size).min(self.rows.len()))).collect()
    }

    /// Rows `first..end` as a batch.
    fn piece(&self, first: usize, end: usize) -> Self {
        let offset = (first * self.width) as i32;
        let scored_first = self.positions.partition_point(|position| *position < offset);
        let scored_end = self.positions.partition_point(|position| *position < (end * self.width) as i32);
        let mut piece = Self {
            step: self.step,
            epoch: self.epoch,
            rows: self.rows[first..end].to_vec(),
            width: self.width,
            input_ids: self.input_ids[first * self.width..end * self.width].to_vec(),
            boxes: match self.boxes.is_empty() {
                true => Vec::new(),
                false => self.boxes[first * self.width * 4..end * self.width * 4].to_vec(),
            },
            lengths: self.lengths[first..end].to_vec(),
            positions: self.positions[scored_first..scored_end].iter().map(|position| position - offset).collect(),
            labels: self.labels[scored_first..scored_end].to_vec(),
            kinds: self.kinds[scored_first..scored_end].to_vec(),
            corpora: self.corpora[scored_first..scored_end].to_vec(),
            real_tokens: self.lengths[first..end].iter().map(|length| u64::from(*length)).sum(),
            mask_hash: 0,
        };
        piece.mask_hash = piece.hash_masks();
        piece
    }

    /// Tokens with padding: B * T.
    pub fn padded_tokens(&self) -> u64 {
        self.input_ids.len() as u64
    }

    /// Whether some row is shorter than the batch is wide.
    pub fn has_padding(&self) -> bool {
        self.real_tokens < self.padded_tokens()
    }

    /// [`Batch::mask_hash`] from what the batch holds.
    fn hash_masks(&self) -> u64 {
        let mut first = 0;
        let row_hashes = self.rows.iter().enumerate().map(|(row, id)| {
            let start = (row * self.width) as i32;
            let scored = self.positions[first..].partition_point(|position| *position < start + self.width as i32);
            let range = first..first + scored;
            first = range.end;
            row_hash(
                *id,
                range.map(|at| {
                    let position = self.positions[at];
                    ((position - start) as u32, self.input_ids[position as usize] as u32, self.kinds[at])
                }),
            )
        });
        row_hashes.fold(0, u64::wrapping_add)
    }
}

/// Positions of a batch are counted in `i32`.
fn assert_size(rows: &RowSet, batch_size: usize) {
    assert!(batch_size > 0, "a batch holds at least one row");
    let tokens = batch_size.checked_mul(rows.seq_len());
    let fits = tokens.is_some_and(|tokens| i32::try_from(tokens).is_ok());
    assert!(fits, "{batch_size} rows of {} tokens are more than 2^31 - 1 tokens a batch", rows.seq_len());
}

/// Reads the rows with these ids, masks them and puts them into one batch.
fn assemble(rows: &RowSet, masker: &Masker, step: u64, epoch: u64, ids: Vec<u64>) -> Batch {
    let width = ids.iter().map(|id| rows.tokens_of(*id)).max().unwrap_or(0);
    let mut batch = Batch::empty((step, epoch), ids, width);
    for id in batch.rows.clone() {
        let row = rows.read(id);
        batch.push(&masker.mask(epoch, id, &row.ids), row.corpus as u16, rows.special().pad);
    }
    batch
}

/// All training batches of a run, each of which can be asked for directly.
///
/// Packed rows are taken as the order says. Line rows of a mixed order are sorted by length within windows of 64
/// batches of that order, cut to batches, and the window's batches shuffled: little padding, and still any step at
/// once. In order, nothing is sorted: that order is there to show what reading one corpus after the other does, and
/// what moves rows would hide it.
pub struct BatchPlan {
    rows: RowSet,
    order: Order,
    masker: Masker,
    batch_size: usize,
    windows: WindowCache,
}

impl BatchPlan {
    /// Batches of `batch_size` of `rows`, in `order`, under the masks of `masker`.
    ///
    /// # Panics
    /// If `batch_size` is 0, a batch of it has more than 2^31 - 1 tokens, or `order` is not of as many rows as `rows`
    /// has in an epoch.
    pub fn new(rows: RowSet, order: Order, masker: Masker, batch_size: usize) -> Self {
        assert_size(&rows, batch_size);
        assert_eq!(rows.len(), order.rows(), "the order is of another number of rows");
        Self { rows, order, masker, batch_size, windows: WindowCache::default() }
    }

    /// Batches of an epoch: the last one holds what is left, so that nothing is dropped.
    pub fn steps_per_epoch(&self) -> u64 {
        self.rows.len().div_ceil(self.batch_size as u64)
    }

    /// The batch of update `step`, counted from 0 over all epochs, at the same cost for any step.
    pub fn batch(&self, step: u64) -> Batch {
        let epoch = step / self.steps_per_epoch();
        let ids = self.ids(epoch, step % self.steps_per_epoch());
        assemble(&self.rows, &self.masker, step, epoch, ids)
    }

    /// Ids of the rows of an epoch's batch `index`.
    fn ids(&self, epoch: u64, index: u64) -> Vec<u64> {
        if self.rows.kind() == RowKind::Line && self.order.kind() == OrderKind::Mixed {
            let make = |window| Window::new(&self.rows, &self.order, self.batch_size as u64, epoch, window);
            return self.windows.batch(epoch, index, make);
        }
        // In order, every epoch is the first: weights below 1 read the same part again.
        let reading = if self.order.kind() == OrderKind::Mixed { epoch } else { 0 };
        let order = self.order.of_epoch(epoch);
        let first = index * self.batch_size as u64;
        let places = first..(first + self.batch_size as u64).min(self.rows.len());
        places.map(|place| self.rows.id_at(reading, order.row_at(place))).collect()
    }

    /// Share of padding among all tokens of the first epoch's batches, 0..1; 0 for packed rows.
    ///
    /// Of epochs of more than 1,048,576 rows, evenly spread runs of 64 batches of about that many rows are measured.
    pub fn padding_share(&self) -> f64 {
        if self.rows.kind() == RowKind::Packed {
            return 0.0;
        }
        let windows = self.steps_per_epoch().div_ceil(Window::BATCHES);
        let most = (MEASURED_ROWS / (Window::BATCHES * self.batch_size as u64)).max(1);
        let measured = windows.min(most);
        let (mut real, mut padded) = (0_u64, 0_u64);
        for turn in 0..measured {
            let first = turn * windows / measured * Window::BATCHES;
            for index in first..(first + Window::BATCHES).min(self.steps_per_epoch()) {
                let lengths = self.ids(0, index).into_iter().map(|id| self.rows.tokens_of(id) as u64);
                let (count, sum, longest) = lengths
                    .fold((0, 0, 0), |(count, sum, longest), length| (count + 1, sum + length, length.max(longest)));
                real += sum;
                padded += count * longest;
            }
        }
        1.0 - real as f64 / padded as f64
    }

    /// The rows.
    pub fn rows(&self) -> &RowSet {
        &self.rows
    }

    /// Rows per batch B, but for an epoch's last.
    pub fn batch_size(&self) -> usize {
        self.batch_size
    }
}

/// The batches of an evaluation: rows as listed (line rows by length), masks of epoch 0, the same at every call.
///
/// # Panics
/// If `batch_size` is 0, or a batch of it has more than 2^31 - 1 tokens.
pub fn evaluation_batches(rows: &RowSet, masker: &Masker, batch_size: usize) -> impl Iterator<Item = Batch> {
    assert_size(rows, batch_size);
    let by_length = (rows.kind() == RowKind::Line).then(|| {
        let mut ids: Vec<u64> = (0..rows.len()).map(|place| rows.id_at(0, place)).collect();
        ids.sort_by_cached_key(|id| (rows.tokens_of(*id), *id));
        ids
    });
    let batches = rows.len().div_ceil(batch_size as u64);
    (0..batches).map(move |step| {
        let first = step * batch_size as u64;
        let places = first..(first + batch_size as u64).min(rows.len());
        let ids = match &by_length {
            Some(ids) => ids[places.start as usize..places.end as usize].to_vec(),
            None => places.map(|place| rows.id_at(0, place)).collect(),
        };
        assemble(rows, masker, step, 0, ids)
    })
}

#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;
