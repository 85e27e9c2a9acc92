//! What a few numbers allow one to say: intervals, tests and their limits, for differences paired by seed.

mod correction;
mod counter;
#[cfg(test)]
mod fixture_tests;
mod interval;
mod normal;
mod paired;
mod power;
mod sign_flip;
#[cfg(test)]
mod simulation_tests;
mod student;

pub use correction::holm;
pub(crate) use counter::bits;
pub use interval::{Interval, bca_interval, mean_interval, t_interval};
pub use paired::{Outcome, Study, Verdict, judge, study};
pub use power::{pairs_needed, smallest_shown};
pub use sign_flip::{least_p, sign_flip_p};

/// Largest share of true nulls that may be called a difference, two-sided.
pub(crate) const LEVEL: f64 = 0.05;

/// Mean of some numbers; `None` for none.
pub(crate) fn mean(values: &[f64]) -> Option<f64> {
    (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
}

/// Standard deviation of a sample, divided by n − 1; `None` for fewer than two numbers.
pub(crate) fn deviation(values: &[f64]) -> Option<f64> {
    let mean = mean(values).filter(|_| values.len() > 1)?;
    let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
    Some((squares / (values.len() - 1) as f64).sqrt())
}
