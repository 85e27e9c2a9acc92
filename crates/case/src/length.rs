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
            Self::Steps(n) => write!(f, "{n} steps"),
            Self::Epochs(x) => write!(f, "{x} epochs"),
            Self::Tokens(n) => write!(f, "{n} tokens"),
            Self::Minutes(x) => write!(f, "{x} minutes"),
            Self::Share(x) => write!(f, "{} %", x * 100.0),
        }
    }
}

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
        let unit_at = trimmed
            .find(|c: char| {
                !(c.is_ascii_digit() || matches!(c, '.' | '_' | 'e' | 'E' | '+' | '-'))
                    || c == 'e' && trimmed.contains("epoch")
            })
            .unwrap_or(trimmed.len());
        let (number, unit) = trimmed.split_at(unit_at);
        let number = number.replace('_', "");
        let value: f64 = number.trim().parse().map_err(|_| bad())?;
        if !value.is_finite() || value < 0.0 {
            return Err(bad());
        }
        let whole = || if value.fract() == 0.0 && value < 9.0e15 { Ok(value as u64) } else { Err(bad()) };
        match unit.trim() {
            "" | "step" | "steps" => Ok(Self::Steps(whole()?)),
            "epoch" | "epochs" => Ok(Self::Epochs(value)),
            "token" | "tokens" => Ok(Self::Tokens(whole()?)),
            "minute" | "minutes" | "min" => Ok(Self::Minutes(value)),
            "%" if value <= 100.0 => Ok(Self::Share(value / 100.0)),
            _ => Err(bad()),
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
            fn visit_str<E: de::Error>(self, text: &str) -> Result<Length, E> {
                text.parse().map_err(E::custom)
            }
        }
        deserializer.deserialize_any(Visitor)
    }
}

#[cfg(test)]
mod tests {
    use super::Length;

    #[test]
    fn reads_every_unit_and_refuses_the_rest() {
        assert_eq!("200".parse(), Ok(Length::Steps(200)));
        assert_eq!("1_000 steps".parse(), Ok(Length::Steps(1000)));
        assert_eq!("1.5 epochs".parse(), Ok(Length::Epochs(1.5)));
        assert_eq!("1epoch".parse(), Ok(Length::Epochs(1.0)));
        assert_eq!("2e6 tokens".parse(), Ok(Length::Tokens(2_000_000)));
        assert_eq!("30 min".parse(), Ok(Length::Minutes(30.0)));
        assert_eq!("6 %".parse(), Ok(Length::Share(0.06)));
        for bad in ["", "many", "-3", "3 weeks", "101 %", "1.5 steps", "NaN epochs", "1e400 epochs"] {
            assert!(bad.parse::<Length>().is_err(), "{bad}");
        }
    }
}
