//! Numbers as people read them.

#![warn(clippy::indexing_slicing, clippy::string_slice, clippy::panic, clippy::unreachable)] // it reads what users write

use journal::{grouped, trimmed};

/// A number as short as six digits allow: `0.6931`, `12,345`, `5e-5`, `NaN`.
pub fn number(value: f64) -> String {
    let size = value.abs();
    if !value.is_finite() || value == 0.0 {
        return if value == 0.0 { "0".into() } else { value.to_string() };
    }
    if !(1e-3..1e9).contains(&size) {
        let text = format!("{value:.4e}");
        let (digits, exponent) = text.split_once('e').unwrap_or((&text, "0"));
        return format!("{}e{exponent}", trimmed(digits));
    }
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between -3 and 9")]
    let decimals = (5.0 - size.log10().floor()).clamp(0.0, 8.0) as usize;
    grouped(&trimmed(&format!("{value:.decimals$}")))
}
