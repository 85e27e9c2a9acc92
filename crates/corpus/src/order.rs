//! The order of an epoch's rows: a permutation that is computed, not stored.

use case::OrderKind;
use rand_chacha::rand_core::Rng;

use crate::random::{Purpose, mix, stream};

/// Rounds of the Feistel network. Four make a permutation that looks random (Luby and Rackoff 1988) on large halves;
/// ours may be three bits wide, so twice as many.
const ROUNDS: usize = 8;

/// The most rows an epoch may have: halves of 20 bits.
pub(crate) const MOST_ROWS: u64 = 1 << 40;

/// The order in which an epoch's rows are read.
///
/// Any position of any epoch is answered at once, in the same short time and without memory, so a run can go on at
/// step 10,000,000 as at step 10.
///
/// # Source
/// Black and Rogaway 2002, "Ciphers with arbitrary finite domains": a balanced Feistel network over the next power of
/// four, applied again while its answer lies outside (cycle walking). The round function need not withstand an
/// attacker, so it is SplitMix64's finalizer under keys from [`stream`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Order {
    kind: OrderKind,
    seed: u64,
    rows: u64,
}

impl Order {
    /// The order of `rows` rows under `seed`.
    ///
    /// # Panics
    /// If `rows` is above 2^40.
    pub fn new(kind: OrderKind, seed: u64, rows: u64) -> Self {
        assert!(rows <= MOST_ROWS, "{rows} rows are more than {MOST_ROWS}");
        Self { kind, seed, rows }
    }

    /// The row at `position` of `epoch`: each row at exactly one position.
    ///
    /// # Panics
    /// If `position` is not below the number of rows.
    pub fn row_at(&self, epoch: u64, position: u64) -> u64 {
        self.of_epoch(epoch).row_at(position)
    }

    /// The order of one epoch, for asking it often: its keys are drawn once.
    pub(crate) fn of_epoch(&self, epoch: u64) -> EpochOrder {
        let mut rng = stream(self.seed, Purpose::Order, epoch, 0);
        let keys = (self.kind == OrderKind::Mixed).then(|| std::array::from_fn(|_| rng.next_u64()));
        EpochOrder { keys, half_bits: half_bits(self.rows), rows: self.rows }
    }

    /// Rows of an epoch.
    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// Mixed or in order.
    pub fn kind(&self) -> OrderKind {
        self.kind
    }

    /// The seed it is drawn from.
    pub fn seed(&self) -> u64 {
        self.seed
    }
}

/// Bits of half a number of the domain. At least 3: halves of 1 or 2 bits reach too few permutations.
fn half_bits(rows: u64) -> u32 {
    (u64::BITS - rows.saturating_sub(1).leading_zeros()).div_ceil(2).max(3)
}

/// One epoch's [`Order`].
#[derive(Debug, Clone, Copy)]
pub(crate) struct EpochOrder {
    keys: Option<[u64; ROUNDS]>,
    half_bits: u32,
    rows: u64,
}

impl EpochOrder {
    /// As [`Order::row_at`].
    pub(crate) fn row_at(&self, position: u64) -> u64 {
        assert!(position < self.rows, "position {position} is past the {} rows of an epoch", self.rows);
        let Some(keys) = &self.keys else { return position };
        let mut row = position;
        loop {
            row = feistel(row, self.half_bits, keys);
            if row < self.rows {
                return row;
            }
        }
    }
}

/// A bijection on `0..4^half_bits`: each round can be undone, whatever its function.
fn feistel(value: u64, half_bits: u32, keys: &[u64; ROUNDS]) -> u64 {
    let mut left = value >> half_bits;
    let mut right = value & ((1 << half_bits) - 1);
    for key in keys {
        (left, right) = (right, left ^ (mix(right ^ key) >> (u64::BITS - half_bits)));
    }
    (left << half_bits) | right
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn rows_of(order: Order, epoch: u64) -> Vec<u64> {
        (0..order.rows()).map(|position| order.row_at(epoch, position)).collect()
    }

    fn assert_bijection(order: Order, epoch: u64) {
        let mut rows = rows_of(order, epoch);
        rows.sort_unstable();
        assert!(rows.iter().copied().eq(0..order.rows()), "{order:?} repeats a row in epoch {epoch}");
    }

    #[test]
    fn every_small_number_of_rows_is_permuted() {
        for rows in 1..=300 {
            assert_bijection(Order::new(OrderKind::Mixed, 7, rows), 3);
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]
        #[test]
        fn any_number_of_rows_is_permuted(seed: u64, epoch: u64, rows in 1_u64..50_000) {
            assert_bijection(Order::new(OrderKind::Mixed, seed, rows), epoch);
        }

        #[test]
        fn huge_orders_answer_at_once_and_stay_inside(
            seed: u64, epoch: u64, rows in 1_u64 << 32..=MOST_ROWS, part in 0.0..1.0,
        ) {
            let order = Order::new(OrderKind::Mixed, seed, rows);
            let position = (part * rows as f64) as u64;
            prop_assert!(order.row_at(epoch, position) < rows);
            prop_assert_ne!(order.row_at(epoch, 0), order.row_at(epoch, rows - 1));
        }
    }

    #[test]
    fn epochs_and_seeds_differ() {
        let order = Order::new(OrderKind::Mixed, 1, 10_000);
        let first = rows_of(order, 0);
        for other in [rows_of(order, 1), rows_of(order, 2), rows_of(Order::new(OrderKind::Mixed, 2, 10_000), 0)] {
            let same = first.iter().zip(&other).filter(|(a, b)| a == b).count();
            assert!(same < 12, "{same} of 10,000 rows stayed; chance leaves about 1");
        }
    }

    #[test]
    fn orders_keep_their_values_for_ever() {
        // From the same network written apart, in Python.
        assert_eq!(rows_of(Order::new(OrderKind::Mixed, 1, 10), 0), vec![7, 1, 6, 5, 9, 3, 0, 4, 2, 8]);
        assert_eq!(Order::new(OrderKind::Mixed, 1, MOST_ROWS).row_at(5, 12_345_678), 1_082_164_724_569);
    }

    #[test]
    fn a_permutation_looks_shuffled() {
        for (seed, rows) in [(1, 1_000_u64), (2, 4_096), (3, 70_000)] {
            let order = rows_of(Order::new(OrderKind::Mixed, seed, rows), 0);
            let n = rows as f64;
            let mean = (n - 1.0) / 2.0;
            let variance = (n * n - 1.0) / 12.0;
            let correlation = |pairs: &mut dyn Iterator<Item = (f64, f64)>| {
                pairs.map(|(a, b)| (a - mean) * (b - mean)).sum::<f64>() / n / variance
            };
            let with_position = correlation(&mut order.iter().enumerate().map(|(at, row)| (at as f64, *row as f64)));
            let with_next = correlation(&mut order.windows(2).map(|pair| (pair[0] as f64, pair[1] as f64)));
            // Deviation 1 / sqrt(n): five of them.
            assert!(with_position.abs() < 5.0 / n.sqrt(), "{with_position} at {rows}");
            assert!(with_next.abs() < 5.0 / n.sqrt(), "{with_next} at {rows}");
            let moved = order.iter().enumerate().map(|(at, row)| (at as u64).abs_diff(*row) as f64).sum::<f64>() / n;
            assert!((moved / n - 1.0 / 3.0).abs() < 2.0 / n.sqrt(), "moved {moved} of {rows}");
            let rising = order.windows(2).filter(|pair| pair[0] < pair[1]).count() as f64 / n;
            assert!((rising - 0.5).abs() < 5.0 * (1.0 / (12.0 * n)).sqrt() + 1.0 / n, "{rising} rise at {rows}");
        }
    }

    #[test]
    fn every_window_holds_every_part() {
        // Two corpora, one after the other: any 512 positions in a row hold about as many of each.
        let rows = 40_000;
        let order = rows_of(Order::new(OrderKind::Mixed, 5, rows), 1);
        for window in order.chunks_exact(512) {
            let first = window.iter().filter(|row| **row < rows / 2).count();
            assert!((190..=322).contains(&first), "{first} of 512"); // 256, deviation 11.3: six of them
        }
    }

    #[test]
    fn small_orders_reach_every_permutation_evenly() {
        let mut counts = std::collections::BTreeMap::<Vec<u64>, u32>::new();
        let order = Order::new(OrderKind::Mixed, 1, 4);
        for epoch in 0..24_000 {
            *counts.entry(rows_of(order, epoch)).or_default() += 1;
        }
        assert_eq!(counts.len(), 24);
        // 1,000 each, deviation 31: six of them.
        assert!(counts.values().all(|count| count.abs_diff(1_000) < 186), "{counts:?}");
    }

    #[test]
    fn an_order_says_what_it_was_made_of() {
        for (kind, seed, rows) in [(OrderKind::Mixed, 7, 9), (OrderKind::InOrder, 8, MOST_ROWS)] {
            let order = Order::new(kind, seed, rows);
            assert_eq!((order.kind(), order.seed(), order.rows()), (kind, seed, rows));
        }
        assert_eq!(MOST_ROWS, 1_099_511_627_776);
    }

    #[test]
    #[should_panic(expected = "are more than 1099511627776")]
    fn more_rows_than_an_order_holds_are_a_fault() {
        Order::new(OrderKind::InOrder, 1, 1_099_511_627_777);
    }

    #[test]
    fn in_order_is_the_same_every_epoch() {
        let order = Order::new(OrderKind::InOrder, 1, 100);
        assert!(rows_of(order, 0).into_iter().eq(0..100));
        assert_eq!(rows_of(order, 0), rows_of(order, 9));
    }

    #[test]
    #[should_panic(expected = "past the 10 rows")]
    fn a_position_past_the_epoch_is_a_fault() {
        Order::new(OrderKind::InOrder, 1, 10).row_at(0, 10);
    }
}
