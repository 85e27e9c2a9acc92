//! Dropout whose mask is a function of a key and the element's index.
//!
//! There is no random state: the same key drops the same elements, on every device, at any time. That is what lets a run
//! resume from one integer, and a device be compared with another while dropout is on.

use burn::{
    backend::Dispatch,
    tensor::{Int, Tensor, TensorData},
};

use crate::{Path, ops::KernelOps};

/// Where the dropped elements of one forward pass are drawn from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DropSource {
    /// A number for this (seed, step, micro-step).
    pub key: u64,
    /// Make masks on the host (the CPU backend, whose integer operations are slower than a loop) or by tensor operations
    /// on the device. Both give the same mask.
    pub on_host: bool,
}

impl DropSource {
    /// The source for one place in the model; `place` differs between any two uses in a forward pass.
    pub fn site(&self, place: u64) -> DropSite {
        let mixed = splitmix(self.key ^ splitmix(place.wrapping_add(1)));
        DropSite { keys: [mixed as u32, (mixed >> 32) as u32], on_host: self.on_host }
    }
}

/// The source of dropped elements for one place in the model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DropSite {
    keys: [u32; 2],
    on_host: bool,
}

impl DropSite {
    /// What an own kernel drops by; none where nothing is dropped.
    pub(crate) fn dropper(self, prob: f64) -> Option<Dropper> {
        (prob > 0.0).then(|| Dropper { keys: self.keys, threshold: threshold(prob), scale: scale(prob) as f32 })
    }
}

/// One place's dropout, as a kernel applies it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Dropper {
    /// Of the hash.
    pub(crate) keys: [u32; 2],
    /// Elements whose hash lies below are dropped.
    pub(crate) threshold: i32,
    /// What the others are multiplied by.
    pub(crate) scale: f32,
}

impl Dropper {
    /// What the element at this index is multiplied by: 0, or 1 / (1 − the drop probability).
    #[inline(always)]
    pub(crate) fn factor(&self, at: u32) -> f32 {
        if hash(at, self.keys) >= self.threshold { self.scale } else { 0.0 }
    }

    /// Drops in place; `first` is the index of the first element.
    #[inline(always)]
    pub(crate) fn apply(&self, values: &mut [f32], first: usize) {
        for (at, value) in values.iter_mut().enumerate() {
            *value *= self.factor((first + at) as u32);
        }
    }
}

/// An element is dropped when its hash, as a 31-bit number, lies below this.
fn threshold(prob: f64) -> i32 {
    (prob * f64::from(1u32 << 31)) as i32
}

/// What kept elements are multiplied by, so that the mean stays.
fn scale(prob: f64) -> f64 {
    1.0 / (1.0 - prob)
}

/// Sets each element to 0 with probability `prob` and divides the rest by `1 − prob`; the input itself without a site.
///
/// # Shapes
/// - `input`: any; returns the same shape. At most 2^32 elements.
///
/// # Source
/// Srivastava et al. 2014, §4, in the inverted form.
pub fn dropout<const R: usize>(input: Tensor<R>, prob: f64, site: Option<DropSite>, path: &Path) -> Tensor<R> {
    let Some(site) = site.filter(|_| prob > 0.0) else { return input };
    if let (true, Some(dropper)) = (path.has_kernels(), site.dropper(prob)) {
        return Tensor::from_dispatch(Dispatch::drop_elements(input.into_dispatch(), dropper));
    }
    let (shape, device) = (input.dims(), input.device());
    let count = shape.iter().product::<usize>();
    let (scale, threshold) = (scale(prob), threshold(prob));
    let factor = if site.on_host {
        let keep = |at: u32| if hash(at, site.keys) >= threshold { scale as f32 } else { 0.0 };
        let values = (0..count).map(|at| keep(at as u32)).collect::<Vec<_>>();
        Tensor::from_data(TensorData::new(values, shape), &device)
    } else {
        let kept =
            hash_tensor(Tensor::<1, Int>::arange(0..count as i64, &device), site.keys).greater_equal_elem(threshold);
        (kept.float() * scale).reshape(shape)
    };
    input * factor
}

/// The finalizer of SplitMix64 (Steele et al. 2014, §4): scrambles a key so that near keys differ in every bit.
fn splitmix(key: u64) -> u64 {
    let mut z = key.wrapping_add(0x9E37_79B9_7F4A_7C15);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

/// Two rounds of MurmurHash3's 32-bit finalizer, each behind half of the key, as a number in 0..2^31.
///
/// One round with one key would drop the same set of elements in another order for keys that differ in low bits.
#[inline(always)]
fn hash(at: u32, keys: [u32; 2]) -> i32 {
    let round = |mut x: u32| {
        x = (x ^ (x >> 16)).wrapping_mul(MULTIPLIER_A);
        x = (x ^ (x >> 13)).wrapping_mul(MULTIPLIER_B);
        x ^ (x >> 16)
    };
    (round(round(at ^ keys[0]) ^ keys[1]) >> 1) as i32
}

const MULTIPLIER_A: u32 = 0x85EB_CA6B;
const MULTIPLIER_B: u32 = 0xC2B2_AE35;

/// [`hash`] by tensor operations, on 32-bit integers that wrap.
fn hash_tensor(at: Tensor<1, Int>, keys: [u32; 2]) -> Tensor<1, Int> {
    // A signed shift drags the sign along; the mask takes it off again.
    let shift =
        |x: Tensor<1, Int>, by: i32| x.bitwise_right_shift_scalar(by).bitwise_and_scalar((u32::MAX >> by) as i32);
    let round = |x: Tensor<1, Int>| {
        let x = (x.clone().bitwise_xor(shift(x, 16))).mul_scalar(MULTIPLIER_A as i32);
        let x = (x.clone().bitwise_xor(shift(x, 13))).mul_scalar(MULTIPLIER_B as i32);
        x.clone().bitwise_xor(shift(x, 16))
    };
    let mixed = round(round(at.bitwise_xor_scalar(keys[0] as i32)).bitwise_xor_scalar(keys[1] as i32));
    shift(mixed, 1)
}

#[cfg(test)]
mod tests {
    use burn::tensor::{Device, Tensor};

    use super::{DropSource, dropout, hash};
    use crate::Path;

    fn composed() -> Path {
        Path::Composed { mask_pad: None }
    }

    #[test]
    fn drops_the_asked_share_and_keeps_the_mean() {
        let source = DropSource { key: 7, on_host: true };
        let ones = Tensor::<1>::ones([100_000], &Device::flex());
        let values =
            dropout(ones, 0.1, Some(source.site(3)), &composed()).into_data().try_to_vec::<f32>().expect("floats");
        let dropped = values.iter().filter(|v| **v == 0.0).count() as f64 / 1e5;
        let mean = values.iter().sum::<f32>() / 1e5;
        // Four standard errors: sqrt(0.1 * 0.9 / 1e5) = 0.00095.
        assert!((dropped - 0.1).abs() < 0.004, "{dropped}");
        assert!((mean - 1.0).abs() < 0.005, "{mean}");
    }

    #[test]
    fn neighbouring_keys_and_places_drop_independently() {
        let below = |key: u64, place: u64| {
            let keys = DropSource { key, on_host: true }.site(place).keys;
            (0..20_000).map(|at| hash(at, keys) < i32::MAX / 10).collect::<Vec<_>>()
        };
        for ((a, at_a), (b, at_b)) in [((1, 0), (2, 0)), ((1, 0), (1, 1)), ((5, 7), (7, 5)), ((0, 0), (u64::MAX, 0))] {
            let both = below(a, at_a).iter().zip(below(b, at_b)).filter(|(x, y)| **x && *y).count() as f64 / 2e4;
            // Independent: 0.01, one standard error 0.0007.
            assert!((both - 0.01).abs() < 0.003, "keys {a} and {b}: {both}");
        }
    }

    #[test]
    fn no_site_or_no_probability_changes_nothing() {
        let input = Tensor::<1>::from_floats([1.0, 2.0], &Device::flex());
        let source = DropSource { key: 1, on_host: true };
        dropout(input.clone(), 0.5, None, &composed()).into_data().assert_eq(&input.clone().into_data(), true);
        dropout(input.clone(), 0.0, Some(source.site(0)), &composed()).into_data().assert_eq(&input.into_data(), true);
    }
}
