//! Lengths of training as a user writes them: in steps, epochs, tokens, minutes or as a share of the run.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// A length of training: `200`, `"200 steps"`, `"1.5 epochs"`, `"2000000 tokens"`, `"30 minutes"` or `"6 %"`.
///
/// A bare integer counts steps (optimizer updates). Nothing is negative; a share lies in 0..=1 and is a share of the
/// whole run.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Length {
    /// Optimizer updates.
    Steps(u64),
    /// Passes over the training rows; fractions are allowed.
    Epochs(f64),
    /// Real tokens (padding excluded).
    Tokens(u64),
    /// Wall-clock minutes.
    Minutes(f64),
    /// A share of the whole run, 0..=1 (written as `"6 %"`).
    Share(f64),
}

impl fmt::Display for Length {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Steps(1) => f.write_str("1 step"),
            Self::Steps(n) => write!(f, "{n} steps"),
            Self::Epochs(1.0) => f.write_str("1 epoch"),
            Self::Epochs(x) => write!(f, "{x} epochs"),
            Self::Tokens(1) => f.write_str("1 token"),
            Self::Tokens(n) => write!(f, "{n} tokens"),
            Self::Minutes(1.0) => f.write_str("1 minute"),
            Self::Minutes(x) => write!(f, "{x} minutes"),
            Self::Share(x) => write!(f, "{} %", percent(*x)),
        }
    }
}

/// A share in percent, in the fewest digits that read back to the same share: 0.07 is `7`, though 0.07 * 100.0 is not 7.
fn percent(share: f64) -> String {
    (0..18)
        .map(|digits| format!("{:.digits$}", share * 100.0))
        .find(|text| share_of_percent(text) == Some(share))
        .unwrap_or_else(|| {
            let (digits, exponent) = scientific(share);
            format!("{digits}e{}", exponent + 2)
        })
}

/// The share of a percentage, by moving the decimal point: dividing by 100 would round twice.
fn share_of_percent(text: &str) -> Option<f64> {
    let (digits, exponent) = match text.split_once(['e', 'E']) {
        Some((digits, exponent)) => (digits, exponent.parse::<i32>().ok()?),
        None => (text, 0),
    };
    format!("{digits}e{}", exponent.checked_sub(2)?).parse().ok()
}

/// The shortest digits and the exponent of a number: 0.0625 is (`6.25`, -2).
fn scientific(x: f64) -> (String, i32) {
    let text = format!("{x:e}");
    let (digits, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    (digits.to_string(), exponent.parse().unwrap_or(0))
}

/// Every unit as it may be written.
const UNITS: [&str; 10] = ["epochs", "epoch", "steps", "step", "tokens", "token", "minutes", "minute", "min", "%"];

/// Why a text is not a [`Length`].
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error(
    "`{text}` is not a length; write a number of steps, or a text such as \"3 epochs\", \"2000000 tokens\", \"30 minutes\" or \"6 %\""
)]
pub struct LengthError {
    /// What was written.
    pub text: String,
}

impl FromStr for Length {
    type Err = LengthError;

    fn from_str(text: &str) -> Result<Self, LengthError> {
        let bad = || LengthError { text: text.to_string() };
        let trimmed = text.trim();
        let unit = UNITS.into_iter().find(|unit| trimmed.ends_with(unit)).unwrap_or_default();
        let number = trimmed.strip_suffix(unit).unwrap_or(trimmed).trim_end().replace('_', "");
        let value: f64 = number.parse().map_err(|_| bad())?;
        // "-0" is no length either, and "inf" and "nan" are numbers to `parse`
        if !value.is_finite() || value.is_sign_negative() {
            return Err(bad());
        }
        let whole = || match number.parse::<u64>() {
            Ok(whole) => Ok(whole),
            Err(_) if value.fract() == 0.0 && value < 9.0e15 => Ok(value as u64), // "2e6", exact below 2^53
            Err(_) => Err(bad()),
        };
        match unit {
            "" | "step" | "steps" => Ok(Self::Steps(whole()?)),
            "epoch" | "epochs" => Ok(Self::Epochs(value)),
            "token" | "tokens" => Ok(Self::Tokens(whole()?)),
            "%" if value <= 100.0 => Ok(Self::Share(share_of_percent(&number).ok_or_else(bad)?)),
            "%" => Err(bad()),
            _ => Ok(Self::Minutes(value)),
        }
    }
}

impl Serialize for Length {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Steps(n) => serializer.serialize_u64(*n),
            other => serializer.serialize_str(&other.to_string()),
        }
    }
}

impl<'de> Deserialize<'de> for Length {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl de::Visitor<'_> for Visitor {
            type Value = Length;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a number of steps, or a text such as \"3 epochs\" or \"6 %\"")
            }
            fn visit_i64<E: de::Error>(self, n: i64) -> Result<Length, E> {
                u64::try_from(n).map(Length::Steps).map_err(|_| E::custom(LengthError { text: n.to_string() }))
            }
            fn visit_u64<E: de::Error>(self, n: u64) -> Result<Length, E> {
                Ok(Length::Steps(n))
            }
            fn visit_f64<E: de::Error>(self, x: f64) -> Result<Length, E> {
                let share = if x > 0.0 && x < 1.0 {
                    format!("; for a share write \"{} %\"", percent(x))
                } else {
                    String::new()
                };
                Err(E::custom(format!(
                    "a bare number counts steps, and {x} is not whole{share}; for passes write \"{x} epochs\""
                )))
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<Length, E> {
                text.parse().map_err(E::custom)
            }
        }
        deserializer.deserialize_any(Visitor)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::Length;

    #[test]
    fn reads_every_unit_and_refuses_the_rest() {
        assert_eq!("200".parse(), Ok(Length::Steps(200)));
        assert_eq!("1_000 steps".parse(), Ok(Length::Steps(1000)));
        assert_eq!("1.5 epochs".parse(), Ok(Length::Epochs(1.5)));
        assert_eq!("2.5e1 epochs".parse(), Ok(Length::Epochs(25.0)));
        assert_eq!("1epoch".parse(), Ok(Length::Epochs(1.0)));
        assert_eq!("2e6 tokens".parse(), Ok(Length::Tokens(2_000_000)));
        assert_eq!("30 min".parse(), Ok(Length::Minutes(30.0)));
        assert_eq!("6 %".parse(), Ok(Length::Share(0.06)));
        for bad in
            ["", "many", "-3", "-0", "3 weeks", "101 %", "1.5 steps", "NaN epochs", "inf steps", "1e400 epochs", "%"]
        {
            assert!(bad.parse::<Length>().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_share_is_written_in_few_digits() {
        for (share, text) in [(0.06, "6 %"), (0.07, "7 %"), (0.125, "12.5 %"), (1.0, "100 %"), (0.0, "0 %")] {
            assert_eq!(Length::Share(share).to_string(), text);
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn what_is_written_reads_back(
            length in prop_oneof![
                any::<u64>().prop_map(Length::Steps),
                any::<u64>().prop_map(Length::Tokens),
                (0.0..f64::MAX).prop_map(Length::Epochs),
                (0.0..1e9).prop_map(Length::Minutes),
                (0.0..=1.0).prop_map(Length::Share),
                (0u32..=10_000).prop_map(|n| Length::Share(f64::from(n) / 10_000.0)),
                proptest::num::f64::POSITIVE.prop_filter_map("a share", |x| (x <= 1.0).then_some(Length::Share(x))),
            ]
        ) {
            prop_assert_eq!(length.to_string().parse::<Length>(), Ok(length));
            let json = serde_json::to_value(length).expect("a length is text or a number");
            prop_assert_eq!(serde_json::from_value::<Length>(json).expect("it was one"), length);
        }
    }
}
