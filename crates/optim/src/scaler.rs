//! What the loss is multiplied by where gradients are made in 16-bit floats.

use case::Precision;
use serde::{Deserialize, Serialize};

/// The first factor: gradients of this size overflow f16 in few models, and then a few steps are lost.
const START: f64 = 65_536.0;
/// Good steps in a row before the factor is tried twice as large.
const GOOD_STEPS: u64 = 2000;

/// A loss scale that follows the gradients: halved when one overflows, doubled when none has for long.
///
/// # Source
/// Micikevicius et al. 2018, §3.2, in the dynamic form that its authors describe there and with the numbers of PyTorch's
/// `GradScaler`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct LossScaler {
    scale: f64,
    good_steps: u64,
    skipped: u64,
}

impl LossScaler {
    /// The scaler of a run in this precision; none where gradients have the range of f32.
    pub fn new(precision: Precision) -> Option<Self> {
        let fresh = Self { scale: START, good_steps: 0, skipped: 0 };
        (precision == Precision::F16).then_some(fresh)
    }

    /// What the loss is multiplied by, a power of two: no gradient loses a bit by it.
    pub fn scale(&self) -> f64 {
        self.scale
    }

    /// Updates left out so far.
    pub fn skipped(&self) -> u64 {
        self.skipped
    }

    /// Notes a step whose gradients were finite.
    pub fn good(&mut self) {
        self.good_steps += 1;
        if self.good_steps == GOOD_STEPS {
            (self.scale, self.good_steps) = (2.0 * self.scale, 0);
        }
    }

    /// Notes a step whose update was left out because a gradient was not finite. False where the factor is 1 already: then
    /// it is not the factor's fault, and nothing was noted.
    pub fn overflowed(&mut self) -> bool {
        if self.scale <= 1.0 {
            return false;
        }
        *self = Self { scale: self.scale / 2.0, good_steps: 0, skipped: self.skipped + 1 };
        true
    }
}

#[cfg(test)]
mod tests {
    use case::Precision;

    use super::{GOOD_STEPS, LossScaler, START};

    #[test]
    fn only_f16_is_scaled() {
        assert!(LossScaler::new(Precision::Fp32).is_none() && LossScaler::new(Precision::Bf16).is_none());
        assert_eq!(LossScaler::new(Precision::F16).map(|scaler| scaler.scale()), Some(START));
    }

    #[test]
    fn an_overflow_halves_and_two_thousand_good_steps_in_a_row_double() {
        let mut scaler = LossScaler::new(Precision::F16).expect("f16 is scaled");
        assert!(scaler.overflowed());
        assert_eq!((scaler.scale(), scaler.skipped()), (START / 2.0, 1));
        (1..GOOD_STEPS).for_each(|_| scaler.good());
        assert_eq!(scaler.scale(), START / 2.0);
        assert!(scaler.overflowed(), "one step before it would have grown");
        (0..GOOD_STEPS).for_each(|_| scaler.good());
        assert_eq!((scaler.scale(), scaler.skipped()), (START / 2.0, 2));
        (0..GOOD_STEPS).for_each(|_| scaler.good());
        assert_eq!(scaler.scale(), START);
    }

    #[test]
    fn gradients_that_overflow_unscaled_are_nobodys_fault_but_their_own() {
        let mut scaler = LossScaler::new(Precision::F16).expect("f16 is scaled");
        let halvings = (0..100).take_while(|_| scaler.overflowed()).count();
        assert_eq!((halvings, scaler.scale(), scaler.skipped()), (16, 1.0, 16));
    }

    #[test]
    fn it_survives_its_file() {
        let mut scaler = LossScaler::new(Precision::F16).expect("f16 is scaled");
        scaler.overflowed();
        scaler.good();
        let text = serde_json::to_string(&scaler).expect("numbers");
        assert_eq!(serde_json::from_str::<LossScaler>(&text).expect("what was written"), scaler);
    }
}
