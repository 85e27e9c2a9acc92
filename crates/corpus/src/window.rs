//! Bucketing by length: a stretch of an epoch's order, sorted, cut to batches, and the batches shuffled.

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};

use crate::random::{Purpose, below, stream};
use crate::{Order, RowSet};

/// Windows kept: the one in use and, where workers stand on both sides of a border, its neighbour.
const KEPT: usize = 2;

/// The batches of one window.
pub(crate) struct Window {
    /// Ids by length.
    ids: Vec<u64>,
    /// The batches in the order in which they are read.
    batches: Vec<Range<usize>>,
}

impl Window {
    /// Batches of a window: enough that rows of like length are found, few enough that a window is made in a blink.
    pub(crate) const BATCHES: u64 = 64;

    /// Window `window` of `epoch`.
    pub(crate) fn new(rows: &RowSet, order: &Order, batch_size: u64, epoch: u64, window: u64) -> Self {
        Self::of(order, rows.len(), batch_size, (epoch, window), |place| {
            let id = rows.id_at(epoch, place);
            (rows.tokens_of(id), id)
        })
    }

    /// Window `window` of `epoch`, of `rows` places whose length and id `row` gives.
    ///
    /// Where rows are left that fill no batch, the batch that falls short is drawn among the lengths and read last.
    pub(crate) fn of(
        order: &Order,
        rows: u64,
        batch_size: u64,
        (epoch, window): (u64, u64),
        row: impl Fn(u64) -> (usize, u64),
    ) -> Self {
        let permutation = order.of_epoch(epoch);
        let first = window * Self::BATCHES * batch_size;
        let positions = first..(first + Self::BATCHES * batch_size).min(rows);
        let mut by_length: Vec<(usize, u64)> = positions.map(|position| row(permutation.row_at(position))).collect();
        by_length.sort_by_key(|(length, _)| *length); // stable: ties by position
        let mut rng = stream(order.seed(), Purpose::Order, epoch, 1 + window);
        let full = by_length.len() / batch_size as usize;
        let left = by_length.len() % batch_size as usize;
        let short = if left > 0 { below(&mut rng, full as u32 + 1) as usize } else { full };
        let mut start = 0;
        let mut batches = Vec::with_capacity(full + 1);
        let mut last = None;
        for index in 0..full + usize::from(left > 0) {
            let is_short = left > 0 && index == short;
            let range = start..start + if is_short { left } else { batch_size as usize };
            start = range.end;
            if is_short { last = Some(range) } else { batches.push(range) }
        }
        for turn in 0..batches.len() {
            batches.swap(turn, turn + below(&mut rng, (full - turn) as u32) as usize);
        }
        batches.extend(last);
        Self { ids: by_length.into_iter().map(|(_, id)| id).collect(), batches }
    }
}

/// The windows last used. What is kept changes no batch: a window is a function of (seed, epoch, window).
#[derive(Default)]
pub(crate) struct WindowCache {
    kept: Mutex<VecDeque<(u64, u64, Arc<Window>)>>,
}

impl WindowCache {
    /// Ids of batch `index` of `epoch`, from a kept window or from the one that `make` makes of the window's number.
    pub(crate) fn batch(&self, epoch: u64, index: u64, make: impl FnOnce(u64) -> Window) -> Vec<u64> {
        let number = index / Window::BATCHES;
        let window = self.window(epoch, number, make);
        window.ids[window.batches[(index % Window::BATCHES) as usize].clone()].to_vec()
    }

    /// Held while a window is made: other workers need the same one and wait for it instead of making it again.
    fn window(&self, epoch: u64, number: u64, make: impl FnOnce(u64) -> Window) -> Arc<Window> {
        // A worker that panicked while making a window has left the list whole.
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, _, window)) = kept.iter().find(|(at, window, _)| (*at, *window) == (epoch, number)) {
            return Arc::clone(window);
        }
        let window = Arc::new(make(number));
        if kept.len() == KEPT {
            kept.pop_front();
        }
        kept.push_back((epoch, number, Arc::clone(&window)));
        window
    }
}

#[cfg(test)]
mod tests {
    use case::{OrderKind, RowKind};

    use super::*;
    use crate::batch::testing::{corpus, rows, source};

    /// Which of a window's batches, by length, is read first, second, ...
    fn ranks(order: &Order, set: &RowSet, epoch: u64, window: u64) -> Vec<usize> {
        Window::new(set, order, 4, epoch, window).batches.iter().map(|range| range.start / 4).collect()
    }

    #[test]
    fn each_window_of_each_epoch_shuffles_its_batches_anew() {
        let lengths: Vec<usize> = (0..1_024).map(|at| 1 + at % 50).collect();
        let set = rows(vec![corpus("a", 1.0, vec![source(&lengths, 0)])], RowKind::Line, 64);
        let order = Order::new(OrderKind::Mixed, 1, set.len());
        let all = [ranks(&order, &set, 0, 0), ranks(&order, &set, 0, 1), ranks(&order, &set, 1, 0)];
        for (at, one) in all.iter().enumerate() {
            let mut sorted = one.clone();
            sorted.sort_unstable();
            assert!(sorted.into_iter().eq(0..64));
            assert!(!all[..at].contains(one));
        }
    }

    #[test]
    fn batches_are_shuffled_evenly() {
        let set = rows(vec![corpus("a", 1.0, vec![source(&[3; 16], 0)])], RowKind::Line, 64);
        let order = Order::new(OrderKind::Mixed, 1, set.len());
        let mut counts = std::collections::BTreeMap::<Vec<usize>, u32>::new();
        for epoch in 0..24_000 {
            *counts.entry(ranks(&order, &set, epoch, 0)).or_default() += 1;
        }
        assert_eq!(counts.len(), 24);
        // 1,000 each, deviation 31: six of them.
        assert!(counts.values().all(|count| count.abs_diff(1_000) < 186), "{counts:?}");
    }

    #[test]
    fn a_window_is_sorted_by_length_with_ties_by_position() {
        let set = rows(vec![corpus("a", 1.0, vec![source(&[9, 3, 9, 3, 3, 1], 0)])], RowKind::Line, 64);
        let order = Order::new(OrderKind::Mixed, 1, set.len());
        let window = Window::new(&set, &order, 4, 0, 0);
        let position = |id: u64| (0..6).find(|position| order.row_at(0, *position) == id);
        assert!(window.ids.is_sorted_by_key(|id| (set.tokens_of(*id), position(*id))));
        assert_eq!(window.batches.iter().map(Range::len).collect::<Vec<_>>(), [4, 2]);
    }
}
