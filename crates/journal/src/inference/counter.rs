//! Random bits that are a function of a counter, so that the same numbers always give the same answer.

/// The 64 bits of a place in the sequence.
///
/// # Source
/// Steele, Lea and Flood 2014, "Fast splittable pseudorandom number generators" (SplitMix64), as a function
/// of the number of calls.
pub(crate) fn bits(place: u64) -> u64 {
    let mut mixed = place.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

/// A whole number in `0..below`; the bias is below `below` / 2^64.
pub(crate) fn index(place: u64, below: usize) -> usize {
    ((u128::from(bits(place)) * below as u128) >> 64) as usize
}
