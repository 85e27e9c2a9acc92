//! Two traces side by side.

use case::Precision;

use super::trace::{RATE, STEPS, Trace};

/// Largest relative difference of a loss. Sums of f32 in another order differ by some 1e-7 each; ten updates carry on what
/// they differ by.
const LOSS_TOLERANCE: f64 = 1e-3;
/// Largest difference of a gradient's values as a share of that gradient's largest.
const GRADIENT_TOLERANCE: f64 = 1e-3;
/// Largest difference of a weight after all updates, as a share of how far the weights moved at most. Adam divides by the
/// gradient's size, so a gradient of rounding errors alone still moves its weight by a whole step: such weights are few,
/// and their mean difference is held, not their largest.
const WEIGHT_TOLERANCE: f64 = 2e-2;

/// One comparison.
#[derive(Debug, Clone)]
pub struct Check {
    /// What was compared.
    pub what: String,
    /// How far the two are apart, as a share.
    pub difference: f64,
    /// How far they may be.
    pub allowed: f64,
}

impl Check {
    /// Whether the device agrees with the CPU here. Not a number never does.
    pub fn passed(&self) -> bool {
        self.difference <= self.allowed
    }
}

/// What the doctor found on a device.
#[derive(Debug, Clone)]
pub struct Diagnosis {
    /// Every comparison: the loss of each step, each gradient of the first four, each weight after the last.
    pub checks: Vec<Check>,
    /// Loss of each step on the CPU.
    pub losses_cpu: Vec<f64>,
    /// Loss of each step on the device.
    pub losses_device: Vec<f64>,
}

impl Diagnosis {
    /// Whether all comparisons hold.
    pub fn passed(&self) -> bool {
        self.checks.iter().all(Check::passed)
    }

    /// The comparisons that do not hold.
    pub fn failures(&self) -> Vec<&Check> {
        self.checks.iter().filter(|check| !check.passed()).collect()
    }
}

/// Every comparison of a device's trace with the CPU's.
pub(super) fn compare(cpu: &Trace, device: &Trace, precision: Precision) -> Diagnosis {
    let mut checks = Vec::new();
    // A device whose gradient is not finite stops early: its missing steps are differences, not agreement.
    let missing = (cpu.losses.len() - device.losses.len() + cpu.weights.len() - device.weights.len()) as f64;
    checks.push(Check { what: "steps made".into(), difference: missing, allowed: 0.0 });
    for (step, (a, b)) in cpu.losses.iter().zip(&device.losses).enumerate() {
        let check =
            Check { what: format!("loss of step {step}"), difference: ((a - b) / a).abs(), allowed: LOSS_TOLERANCE };
        checks.push(check);
    }
    for ((name, a), (_, b)) in cpu.gradients.iter().zip(&device.gradients) {
        let difference = largest_difference(a, b) / largest(a).max(f64::MIN_POSITIVE);
        checks.push(Check { what: format!("gradient of {name}"), difference, allowed: gradient_tolerance(precision) });
    }
    let moved = RATE * STEPS as f64;
    for ((name, a), (_, b)) in cpu.weights.iter().zip(&device.weights) {
        let mean = a.iter().zip(b).map(|(a, b)| f64::from(a - b).abs()).sum::<f64>() / a.len() as f64;
        let what = format!("{name} after {STEPS} steps");
        checks.push(Check { what, difference: mean / moved, allowed: WEIGHT_TOLERANCE });
    }
    Diagnosis { checks, losses_cpu: cpu.losses.clone(), losses_device: device.losses.clone() }
}

/// [`GRADIENT_TOLERANCE`], and three times what rounding the products moved a gradient by on the CPU: 0.007 in f16, 0.02 in
/// bf16. Losses and weights stayed within what fp32 may.
fn gradient_tolerance(precision: Precision) -> f64 {
    match precision {
        Precision::Fp32 => GRADIENT_TOLERANCE,
        Precision::F16 => 2e-2,
        Precision::Bf16 => 6e-2,
    }
}

fn largest(values: &[f32]) -> f64 {
    values.iter().fold(0.0, |largest, value| f64::from(value.abs()).max(largest))
}

/// The largest difference; not a number where one of the values is not.
fn largest_difference(a: &[f32], b: &[f32]) -> f64 {
    let differences = a.iter().zip(b).map(|(a, b)| f64::from(a - b).abs());
    differences.fold(0.0, |largest, one| if one.is_nan() || one > largest { one } else { largest })
}
