//! Numbers as people read them.

/// A number as short as six digits allow: `0.6931`, `12,345`, `5e-5`, `NaN`.
pub fn number(value: f64) -> String {
    let size = value.abs();
    if !value.is_finite() || value == 0.0 {
        return if value == 0.0 { "0".into() } else { value.to_string() };
    }
    if !(1e-3..1e9).contains(&size) {
        let text = format!("{value:.4e}");
        let (digits, exponent) = text.split_once('e').unwrap_or((&text, "0"));
        return format!("{}e{exponent}", without_zeros(digits));
    }
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between -3 and 9")]
    let decimals = (5.0 - size.log10().floor()).clamp(0.0, 8.0) as usize;
    grouped(&without_zeros(&format!("{value:.decimals$}")))
}

fn without_zeros(text: &str) -> String {
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').into() } else { text.into() }
}

/// A comma between thousands; decimals stay as they are.
pub(crate) fn grouped(text: &str) -> String {
    let (sign, digits) = text.strip_prefix('-').map_or(("", text), |rest| ("-", rest));
    let (whole, decimals) = digits.find('.').map_or((digits, ""), |dot| digits.split_at(dot));
    let mut out = String::new();
    for (at, digit) in whole.chars().enumerate() {
        if at > 0 && (whole.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    format!("{sign}{out}{decimals}")
}
