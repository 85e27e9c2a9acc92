//! Everything random here, as a function of (seed, purpose, epoch, index): there is no state to save.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

/// What a stream of random numbers is drawn for. Two purposes never share a stream.
///
/// The numbers are part of every run ever recorded: they are never changed and never used again.
#[non_exhaustive]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u64)]
pub enum Purpose {
    /// The order of an epoch's rows (index 0) and of the batches of its windows (index 1 + window).
    Order = 1,
    /// Masks of training rows; index is the row's id.
    Masks = 2,
    /// What dropout drops.
    Dropout = 3,
    /// Initial weights.
    Init = 4,
    /// Masks of validation rows; index is the row's id, the epoch always 0.
    ValidMasks = 5,
    /// Which documents a tokenizer is trained on.
    TokenizerSample = 6,
}

/// The random numbers of one (seed, purpose, epoch, index), from their beginning.
///
/// The four numbers, little-endian and in this order, are the key of a ChaCha8 block counter: any stream is reached at
/// once, two different keys give unrelated streams, and every machine gives the same numbers.
pub fn stream(seed: u64, purpose: Purpose, epoch: u64, index: u64) -> ChaCha8Rng {
    let mut key = [0; 32];
    for (part, number) in key.chunks_exact_mut(8).zip([seed, purpose as u64, epoch, index]) {
        part.copy_from_slice(&number.to_le_bytes());
    }
    ChaCha8Rng::from_seed(key)
}

/// A number below `bound`, each equally likely.
///
/// # Panics
/// If `bound` is 0.
///
/// # Source
/// Lemire 2019, "Fast random integer generation in an interval", algorithm 5.
pub(crate) fn below(rng: &mut ChaCha8Rng, bound: u32) -> u32 {
    assert!(bound > 0, "nothing lies below 0");
    let mut product = u64::from(rng.next_u32()) * u64::from(bound);
    if (product as u32) < bound {
        let unfair = bound.wrapping_neg() % bound;
        while (product as u32) < unfair {
            product = u64::from(rng.next_u32()) * u64::from(bound);
        }
    }
    (product >> 32) as u32
}

/// Spreads every bit of `value` over all 64: a bijection, cheap enough for each token.
///
/// # Source
/// Steele, Lea and Flood 2014, "Fast splittable pseudorandom number generators" (SplitMix64's finalizer).
pub(crate) fn mix(value: u64) -> u64 {
    let value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn purposes_keep_their_numbers_for_ever() {
        let purposes = [
            Purpose::Order,
            Purpose::Masks,
            Purpose::Dropout,
            Purpose::Init,
            Purpose::ValidMasks,
            Purpose::TokenizerSample,
        ];
        assert_eq!(purposes.map(|purpose| purpose as u64), [1, 2, 3, 4, 5, 6]);
    }

    #[test]
    fn streams_keep_their_values_for_ever() {
        // From a ChaCha8 written apart, in Python.
        let first = |seed, purpose, epoch, index| {
            let mut rng = stream(seed, purpose, epoch, index);
            [rng.next_u64(), rng.next_u64()]
        };
        assert_eq!(first(1, Purpose::Masks, 0, 0), [6_082_804_599_785_255_738, 5_100_844_500_663_306_037]);
        assert_eq!(first(1, Purpose::Masks, 2, 3), [7_721_313_440_808_763_356, 4_010_224_085_778_835_155]);
        assert_eq!(
            first(u64::MAX, Purpose::Order, 7, 1 << 40),
            [4_135_330_261_451_677_872, 12_810_025_744_936_337_509]
        );
    }

    #[test]
    fn each_of_the_four_numbers_changes_the_stream() {
        let first = |seed, purpose, epoch, index| stream(seed, purpose, epoch, index).next_u64();
        let firsts = [
            first(1, Purpose::Masks, 2, 3),
            first(2, Purpose::Masks, 2, 3),
            first(1, Purpose::ValidMasks, 2, 3),
            first(1, Purpose::Masks, 3, 3),
            first(1, Purpose::Masks, 3, 2),
        ];
        for (at, value) in firsts.iter().enumerate() {
            assert!(!firsts[..at].contains(value));
        }
    }

    #[test]
    fn spreading_keeps_its_values_for_ever() {
        // The first outputs of SplitMix64 with seed 0, as published: its state rises by this constant.
        let golden = 0x9e37_79b9_7f4a_7c15_u64;
        let outputs = [1, 2, 3].map(|turn| mix(golden.wrapping_mul(turn)));
        assert_eq!(outputs, [0xe220_a839_7b1d_cdaf, 0x6e78_9e6a_a1b9_65f4, 0x06c4_5d18_8009_454f]);
    }

    #[test]
    fn numbers_below_a_large_bound_are_even_too() {
        // Of 2^32 draws a quarter is left over for this bound: taken as they fall, the lower third would come twice as often.
        let bound = 3 << 30;
        let mut rng = stream(1, Purpose::Init, 0, 1);
        let mut counts = [0_u32; 3];
        for _ in 0..60_000 {
            let value = below(&mut rng, bound);
            assert!(value < bound);
            // What is left over falls on every third number.
            counts[(value % 3) as usize] += 1;
        }
        // 20,000 each, deviation 115: five of them.
        assert!(counts.iter().all(|count| count.abs_diff(20_000) < 575), "{counts:?}");
    }

    #[test]
    fn below_keeps_its_values_for_ever() {
        let mut rng = stream(1, Purpose::Init, 0, 2);
        let drawn: Vec<u32> = [1, 2, 7, 1_000, 3 << 30, u32::MAX].iter().map(|bound| below(&mut rng, *bound)).collect();
        assert_eq!(drawn, [0_u32, 0, 1, 607, 1_552_387_290, 1_153_366_357]);
    }

    #[test]
    #[should_panic(expected = "nothing lies below 0")]
    fn nothing_lies_below_0() {
        below(&mut stream(1, Purpose::Init, 0, 0), 0);
    }

    #[test]
    fn below_is_even() {
        let mut rng = stream(1, Purpose::Init, 0, 0);
        let mut counts = [0_u32; 7];
        for _ in 0..70_000 {
            counts[below(&mut rng, 7) as usize] += 1;
        }
        // 10,000 each, deviation 93: five of them.
        assert!(counts.iter().all(|count| count.abs_diff(10_000) < 465), "{counts:?}");
        assert_eq!(below(&mut rng, 1), 0);
    }
}
