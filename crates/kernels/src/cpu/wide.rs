//! Loops with the widest vectors the processor has, and the functions they call on each element.
//!
//! Everything called from a [`wide`] function is marked for inlining, so that it is compiled once more for each instruction
//! set. The functions have no branches: a compiler turns a loop over them into vector code by itself.

/// Defines functions that run compiled for the widest vectors of the processor they find themselves on.
///
/// A function's body is compiled three times: for AVX-512, for AVX2 with fused multiply-add, and for any processor.
macro_rules! wide {
    ($($(#[$meta:meta])* $vis:vis fn $name:ident($($argument:ident: $type:ty),* $(,)?) $(-> $result:ty)? $body:block)*) => {$(
        $(#[$meta])*
        #[allow(clippy::too_many_arguments)]
        $vis fn $name($($argument: $type),*) $(-> $result)? {
            #[inline(always)]
            fn plain($($argument: $type),*) $(-> $result)? $body

            #[cfg(target_arch = "x86_64")]
            {
                #[target_feature(enable = "avx512f,avx512bw,avx512cd,avx512dq,avx512vl,avx2,bmi1,bmi2,fma")]
                fn avx512($($argument: $type),*) $(-> $result)? {
                    plain($($argument),*)
                }

                #[target_feature(enable = "avx2,bmi1,bmi2,fma")]
                fn avx2($($argument: $type),*) $(-> $result)? {
                    plain($($argument),*)
                }

                // SAFETY: each is called only on a processor that was found to have what it was compiled for.
                #[allow(unsafe_code)]
                match $crate::cpu::wide::level() {
                    $crate::cpu::wide::Level::Avx512 => return unsafe { avx512($($argument),*) },
                    $crate::cpu::wide::Level::Avx2 => return unsafe { avx2($($argument),*) },
                    $crate::cpu::wide::Level::Any => {}
                }
            }
            plain($($argument),*)
        }
    )*};
}
pub(crate) use wide;

/// What a processor has.
#[cfg(target_arch = "x86_64")]
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Level {
    /// Vectors of 16 floats.
    Avx512,
    /// Vectors of 8 floats, and multiply-add in one instruction.
    Avx2,
    /// What every processor has.
    Any,
}

/// What this processor has; the answer is remembered by the standard library.
#[cfg(target_arch = "x86_64")]
#[inline]
pub(crate) fn level() -> Level {
    let bits = is_x86_feature_detected!("bmi1") && is_x86_feature_detected!("bmi2");
    let avx2 = bits && is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma");
    let has = is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("avx512bw");
    let has = has && is_x86_feature_detected!("avx512cd") && is_x86_feature_detected!("avx512dq");
    match (avx2, has && is_x86_feature_detected!("avx512vl")) {
        (true, true) => Level::Avx512,
        (true, false) => Level::Avx2,
        (false, _) => Level::Any,
    }
}

/// Elements summed side by side: the floats of the widest vector, so that the order of a sum is the same on every machine.
const LANES: usize = 16;

/// Sum of `f` over a slice's elements.
#[inline(always)]
pub(crate) fn sum(values: &[f32], f: impl Fn(f32) -> f32) -> f32 {
    let mut lanes = [0.0f32; LANES];
    let (chunks, rest) = values.as_chunks::<LANES>();
    for chunk in chunks {
        for lane in 0..LANES {
            lanes[lane] += f(chunk[lane]);
        }
    }
    for (lane, value) in lanes.iter_mut().zip(rest) {
        *lane += f(*value);
    }
    fold(lanes, |a, b| a + b)
}

/// Sum of products of two slices' elements.
#[inline(always)]
pub(crate) fn dot(a: &[f32], b: &[f32]) -> f32 {
    let mut lanes = [0.0f32; LANES];
    let ((a, a_rest), (b, b_rest)) = (a.as_chunks::<LANES>(), b.as_chunks::<LANES>());
    for (a, b) in a.iter().zip(b) {
        for lane in 0..LANES {
            lanes[lane] = a[lane].mul_add(b[lane], lanes[lane]);
        }
    }
    for (lane, (a, b)) in lanes.iter_mut().zip(a_rest.iter().zip(b_rest)) {
        *lane = a.mul_add(*b, *lane);
    }
    fold(lanes, |a, b| a + b)
}

/// Largest element; minus infinity for none.
#[inline(always)]
pub(crate) fn max(values: &[f32]) -> f32 {
    let larger = |a: f32, b: f32| if b > a { b } else { a };
    let mut lanes = [f32::NEG_INFINITY; LANES];
    let (chunks, rest) = values.as_chunks::<LANES>();
    for chunk in chunks {
        for lane in 0..LANES {
            lanes[lane] = larger(lanes[lane], chunk[lane]);
        }
    }
    for (lane, value) in lanes.iter_mut().zip(rest) {
        *lane = larger(*lane, *value);
    }
    fold(lanes, larger)
}

/// `e^(x − shift)` in place of each x; returns their sum.
#[inline(always)]
pub(crate) fn exp_in_place(values: &mut [f32], shift: f32) -> f32 {
    let mut lanes = [0.0f32; LANES];
    let (chunks, rest) = values.as_chunks_mut::<LANES>();
    for chunk in chunks {
        for lane in 0..LANES {
            chunk[lane] = exp(chunk[lane] - shift);
            lanes[lane] += chunk[lane];
        }
    }
    for (lane, value) in lanes.iter_mut().zip(rest) {
        *value = exp(*value - shift);
        *lane += *value;
    }
    fold(lanes, |a, b| a + b)
}

#[inline(always)]
fn fold(lanes: [f32; LANES], f: impl Fn(f32, f32) -> f32) -> f32 {
    let mut lanes = lanes;
    let mut width = LANES / 2;
    while width > 0 {
        for lane in 0..width {
            lanes[lane] = f(lanes[lane], lanes[lane + width]);
        }
        width /= 2;
    }
    lanes[0]
}

/// `e^x`, within 2 units in the last place; 0 below −87.3 (where a float has no normal result), infinite above 88.7.
///
/// # Source
/// x = k·ln 2 + r with |r| ≤ ln 2 / 2, and the polynomial of Cephes' `expf` (Moshier 1989) for e^r.
#[inline(always)]
pub(crate) fn exp(x: f32) -> f32 {
    const LN_2_HIGH: f32 = 0.693_359_4;
    const LN_2_LOW: f32 = -2.121_944_4e-4;
    let clamped = if x > 89.0 { 89.0 } else { x };
    let k = (clamped * std::f32::consts::LOG2_E).round_ties_even();
    let r = (-k).mul_add(LN_2_LOW, (-k).mul_add(LN_2_HIGH, clamped));
    let mut p = 1.987_569_1e-4f32;
    for coefficient in [1.398_199_9e-3, 8.333_452e-3, 4.166_579_6e-2, 1.666_666_5e-1, 0.5] {
        p = p.mul_add(r, coefficient);
    }
    let e_r = p.mul_add(r * r, r + 1.0);
    // 2^k in two halves: 2^128 alone is not a float, yet e^88.7 is.
    let power = |k: i32| f32::from_bits(((k + 127) as u32) << 23);
    let k = k.clamp(-127.0, 128.0) as i32;
    let result = e_r * power(k >> 1) * power(k - (k >> 1));
    if x < -87.3 { 0.0 } else { result }
}

/// The error function, within 4e-7.
///
/// # Source
/// The rational approximation on [−4, 4] of Eigen's `erf` for floats; beyond it the function is ±1 in a float.
#[inline(always)]
pub(crate) fn erf(x: f32) -> f32 {
    let x = if x > 4.0 { 4.0 } else { x };
    let x = if x < -4.0 { -4.0 } else { x };
    let square = x * x;
    let mut top = -2.726_142e-10f32;
    for coefficient in [2.770_681_4e-8, -2.101_024_1e-6, -5.692_506_5e-5, -7.349_906e-4, -2.954_6e-3, -1.609_603_3e-2] {
        top = top.mul_add(square, coefficient);
    }
    let mut bottom = -1.456_607_2e-5f32;
    for coefficient in [-2.133_740_6e-4, -1.682_827e-3, -7.373_329_3e-3, -1.426_474_1e-2] {
        bottom = bottom.mul_add(square, coefficient);
    }
    x * top / bottom
}

/// Φ(x), the share of a standard normal below x.
#[inline(always)]
pub(crate) fn normal_share(x: f32) -> f32 {
    0.5 * (1.0 + erf(x * std::f32::consts::FRAC_1_SQRT_2))
}

/// φ(x), the density of a standard normal.
#[inline(always)]
pub(crate) fn normal_density(x: f32) -> f32 {
    const ROOT: f32 = 0.398_942_3; // 1 / sqrt(2 pi)
    ROOT * exp(-0.5 * x * x)
}

#[cfg(test)]
mod tests {
    use super::{dot, erf, exp, exp_in_place, max, sum};

    #[test]
    fn exp_is_that_of_double_precision() {
        let worst = (0..2_000_000).map(|at| -87.0 + at as f32 * 8.75e-5).map(|x| {
            let exact = f64::from(x).exp();
            (f64::from(exp(x)) - exact).abs() / exact
        });
        let worst = worst.fold(0.0, f64::max);
        assert!(worst < 2.4e-7, "{worst:e}"); // two units in the last place
        assert_eq!((exp(0.0), exp(-100.0), exp(f32::NEG_INFINITY), exp(100.0)), (1.0, 0.0, 0.0, f32::INFINITY));
        assert!(exp(f32::NAN).is_nan());
    }

    #[test]
    fn erf_is_the_integral_of_its_density() {
        // Simpson's rule in double precision over [0, x].
        let integral = |x: f64| {
            let (steps, h) = (2000, x / 2000.0);
            let density = |at: usize| (-(at as f64 * h).powi(2)).exp();
            let weight = |at: usize| if at == 0 || at == steps { 1.0 } else { 2.0 + 2.0 * (at % 2) as f64 };
            (0..=steps).map(|at| weight(at) * density(at)).sum::<f64>() * h / 3.0 * std::f64::consts::FRAC_2_SQRT_PI
        };
        for at in 0..=100 {
            let x = at as f32 * 0.05;
            let exact = integral(f64::from(x));
            assert!((f64::from(erf(x)) - exact).abs() < 4e-7, "{x}: {} {exact}", erf(x));
            assert_eq!(erf(-x), -erf(x));
        }
    }

    #[test]
    fn sums_take_every_element_whatever_the_length() {
        for length in [0, 1, 15, 16, 17, 40] {
            let values = (0..length).map(|at| at as f32 - 3.0).collect::<Vec<_>>();
            assert_eq!(sum(&values, |x| x), values.iter().sum::<f32>());
            assert_eq!(dot(&values, &values), values.iter().map(|x| x * x).sum::<f32>());
            assert_eq!(max(&values), values.iter().copied().fold(f32::NEG_INFINITY, f32::max));
            let mut shifted = values.clone();
            let total = exp_in_place(&mut shifted, 2.0);
            let exact = values.iter().map(|x| f64::from(x - 2.0).exp()).sum::<f64>();
            assert!((f64::from(total) - exact).abs() <= 1e-6 * exact, "{total} {exact}");
        }
    }
}
