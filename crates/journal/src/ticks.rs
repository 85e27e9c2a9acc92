//! Where an axis is marked, and how its numbers are written.

/// Marks of an axis, lowest first.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Ticks {
    pub(crate) values: Vec<f64>,
    pub(crate) labels: Vec<String>,
}

/// Multiples of 1, 2 or 5 times a power of ten inside `low..=high`, at most `at_most` of them.
pub(crate) fn linear(low: f64, high: f64, at_most: usize) -> Ticks {
    let span = high - low;
    if !(span.is_finite() && span > 0.0) || at_most < 2 {
        return Ticks::default();
    }
    let mut step = nice_step(span / at_most as f64);
    // A step of k or k + 1 intervals may touch one mark more than it has intervals.
    while count(low, high, step) > at_most {
        step = nice_step(step * 1.5);
    }
    let first = (low / step - SLACK).ceil();
    let values: Vec<f64> = (0..count(low, high, step)).map(|index| (first + index as f64) * step).collect();
    let labels = labels(&values, step);
    Ticks { values, labels }
}

/// A mark at the very end of a range is inside it, whatever rounding says.
const SLACK: f64 = 1e-9;

fn count(low: f64, high: f64, step: f64) -> usize {
    let first = (low / step - SLACK).ceil();
    let last = (high / step + SLACK).floor();
    (last - first + 1.0).max(0.0) as usize
}

/// The smallest of 1, 2 and 5 times a power of ten that is not below `least`.
fn nice_step(least: f64) -> f64 {
    let power = 10f64.powi(least.log10().floor() as i32);
    [1.0, 2.0, 5.0, 10.0]
        .map(|factor| factor * power)
        .into_iter()
        .find(|step| *step >= least * (1.0 - SLACK))
        .unwrap_or(least)
}

/// Marks of a logarithmic axis: 1, 2 and 5 times the powers of ten if they fit, else the powers, else every other, ...
/// A range too narrow for three of those is marked as a linear one.
pub(crate) fn logarithmic(low: f64, high: f64, at_most: usize) -> Ticks {
    if !(low > 0.0 && high > low && high.is_finite()) {
        return Ticks::default();
    }
    let powers = low.log10().floor() as i32..=high.log10().ceil() as i32;
    let inside = |value: &f64| *value >= low * (1.0 - SLACK) && *value <= high * (1.0 + SLACK);
    let fine: Vec<f64> = powers
        .clone()
        .flat_map(|power| [1.0, 2.0, 5.0].map(|factor| factor * 10f64.powi(power)))
        .filter(inside)
        .collect();
    let values = if fine.len() < 3 {
        return linear(low, high, at_most);
    } else if fine.len() <= at_most {
        fine
    } else {
        let decades: Vec<f64> = powers.map(|power| 10f64.powi(power)).filter(inside).collect();
        let every = decades.len().div_ceil(at_most.max(1));
        decades.into_iter().step_by(every.max(1)).collect()
    };
    let labels = values.iter().map(|value| number(*value)).collect();
    Ticks { values, labels }
}

/// Labels of equally spaced values: all with the same decimals and the same unit.
fn labels(values: &[f64], step: f64) -> Vec<String> {
    let largest = values.iter().fold(0.0, |largest: f64, value| largest.max(value.abs()));
    let label = |value: &f64| {
        if value.abs() < step * SLACK {
            "0".to_string()
        } else if !(2e-3..1e9).contains(&largest) {
            scientific(*value, digits_between(largest, step))
        } else if largest >= 1e7 {
            format!("{}M", fixed(value / 1e6, step / 1e6))
        } else if largest >= 1e4 {
            format!("{}k", fixed(value / 1e3, step / 1e3))
        } else {
            fixed(*value, step)
        }
    };
    values.iter().map(|value| signed(&label(value))).collect()
}

/// One number by itself, as short as it can be said.
pub(crate) fn number(value: f64) -> String {
    let size = value.abs();
    let text = if size != 0.0 && !(1e-3..1e6).contains(&size) {
        scientific(value, 3)
    } else {
        trimmed(&grouped(&format!("{value:.4}")))
    };
    signed(&text)
}

/// As many decimals as steps of `step` need.
fn fixed(value: f64, step: f64) -> String {
    let decimals = (-(step * (1.0 + SLACK)).log10().floor()).clamp(0.0, 12.0) as usize;
    grouped(&format!("{value:.decimals$}"))
}

fn scientific(value: f64, digits: usize) -> String {
    let text = format!("{value:.digits$e}");
    match text.split_once('e') {
        Some((mantissa, exponent)) => format!("{}e{exponent}", trimmed(mantissa)),
        None => text,
    }
}

fn digits_between(largest: f64, step: f64) -> usize {
    (largest.log10().floor() - (step * (1.0 + SLACK)).log10().floor()).clamp(0.0, 12.0) as usize
}

/// A number's text without zeros at the end of its decimals.
pub fn trimmed(text: &str) -> String {
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_string() } else { text.to_string() }
}

/// With a real minus sign.
fn signed(text: &str) -> String {
    text.strip_prefix('-').map_or_else(|| text.to_string(), |rest| format!("−{rest}"))
}

/// A number's text with a comma between thousands; decimals stay as they are.
pub fn grouped(text: &str) -> String {
    let (sign, digits) = text.strip_prefix('-').map_or(("", text), |rest| ("-", rest));
    let (whole, decimals) = digits.find('.').map_or((digits, ""), |dot| digits.split_at(dot));
    let mut out = String::new();
    for (index, digit) in whole.chars().enumerate() {
        if index > 0 && (whole.len() - index).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    format!("{sign}{out}{decimals}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn joined(ticks: &Ticks) -> String {
        ticks.labels.join(" ")
    }

    #[test]
    fn ticks_are_multiples_of_one_two_or_five() {
        assert_eq!(joined(&linear(0.0, 1_000.0, 6)), "0 200 400 600 800 1,000");
        assert_eq!(joined(&linear(4.13, 9.2, 6)), "5 6 7 8 9");
        assert_eq!(joined(&linear(4.13, 9.2, 11)), "4.5 5.0 5.5 6.0 6.5 7.0 7.5 8.0 8.5 9.0");
        assert_eq!(joined(&linear(0.0, 0.35, 8)), "0 0.05 0.10 0.15 0.20 0.25 0.30 0.35");
        assert_eq!(joined(&linear(-1.0, 1.0, 5)), "−1.0 −0.5 0 0.5 1.0");
    }

    #[test]
    fn large_numbers_get_one_unit_and_small_ones_an_exponent() {
        assert_eq!(joined(&linear(0.0, 300_000.0, 7)), "0 50k 100k 150k 200k 250k 300k");
        assert_eq!(joined(&linear(0.0, 10_000.0, 5)), "0 2k 4k 6k 8k 10k".replace("2k 4k 6k 8k", "5k"));
        assert_eq!(joined(&linear(0.0, 2.4e7, 5)), "0 5M 10M 15M 20M");
        assert_eq!(joined(&linear(0.0, 5.2e-4, 6)), "0 1e-4 2e-4 3e-4 4e-4 5e-4");
        assert_eq!(joined(&linear(1e-4, 2e-4, 6)), "1e-4 1.2e-4 1.4e-4 1.6e-4 1.8e-4 2e-4");
    }

    #[test]
    fn there_are_never_more_ticks_than_asked_for_and_not_fewer_than_a_third() {
        for at_most in 2..=12 {
            for high in [0.013, 0.9, 1.0, 3.7, 9.9, 10.0, 49.0, 12_345.0, 9.9e7] {
                for low in [0.0, 0.3 * high, 0.97 * high, -high] {
                    let ticks = linear(low, high, at_most);
                    assert!(ticks.values.len() <= at_most, "{low}..{high} by {at_most}: {ticks:?}");
                    assert!(ticks.values.len() * 3 >= at_most || at_most < 5, "{low}..{high} by {at_most}: {ticks:?}");
                    assert!(ticks.values.iter().all(|value| *value >= low - 1e-6 * high && *value <= high * 1.000_001));
                    let mut labels = ticks.labels.clone();
                    labels.dedup();
                    assert_eq!(labels, ticks.labels);
                }
            }
        }
    }

    #[test]
    fn an_empty_or_endless_range_has_no_ticks() {
        for (low, high) in [(1.0, 1.0), (2.0, 1.0), (0.0, f64::INFINITY), (f64::NAN, 1.0)] {
            assert_eq!(linear(low, high, 5), Ticks::default());
            assert_eq!(logarithmic(low, high, 5), Ticks::default());
        }
    }

    #[test]
    fn a_logarithmic_axis_thins_its_marks_as_its_range_grows() {
        assert_eq!(joined(&logarithmic(0.1, 20.0, 8)), "0.1 0.2 0.5 1 2 5 10 20");
        assert_eq!(joined(&logarithmic(0.01, 2_000.0, 7)), "0.01 0.1 1 10 100 1,000");
        assert_eq!(joined(&logarithmic(1e-8, 1e8, 6)), "1e-8 1e-5 0.01 10 10,000 1e7");
        assert_eq!(joined(&logarithmic(2.1, 4.2, 6)), "2.5 3.0 3.5 4.0");
    }

    #[test]
    fn a_number_alone_is_short() {
        let numbers = [0.0, 1.0, 6.5, 1_234.5, 5e-4, -2.0, 1e6];
        assert_eq!(numbers.map(number), ["0", "1", "6.5", "1,234.5", "5e-4", "−2", "1e6"]);
    }
}
