//! A schedule in words: one line for the plan, and what the user may not have meant.

use super::{Curve, Path, Schedule, name};

impl Schedule {
    /// One line for a plan or a record, such as `linear: 0 → 5e-4 over 676 steps, then to 0 at step 11,267`.
    pub fn describe(&self) -> String {
        let peak = rate(self.peak);
        let rise = match self.warmup {
            0 => peak.clone(),
            warmup => format!("0 → {peak} over {}", steps(warmup)),
        };
        let fall = match &self.path {
            Path::Flat if self.warmup == 0 => " throughout".to_string(),
            Path::Flat => format!(", then {peak} throughout"),
            Path::InverseSqrt => format!(", then {peak} · sqrt({} / step)", grouped(self.warmup)),
            Path::Decay { from, until, curve } => {
                let held =
                    if *from > self.warmup { format!(", held until step {}", grouped(*from)) } else { String::new() };
                format!("{held}, then {}to {} at step {}", manner(curve), rate(self.end), grouped(*until))
            }
        };
        format!("{}: {rise}{fall}", name(self.kind))
    }

    /// What a user may not have meant: a decay that ends before or after the run, with the numbers. Empty when all fits.
    pub fn notes(&self) -> Vec<String> {
        let Path::Decay { until, .. } = self.path else { return Vec::new() };
        let last = self.total - 1;
        if until < self.total {
            let effect = if self.end == 0.0 { ", which changes no weight" } else { "" };
            return vec![format!(
                "the decay ends at step {}, before the run of {}: the last {} {} taken at a learning rate of {}{effect}",
                grouped(until),
                steps(self.total),
                steps(self.total - until),
                if self.total - until == 1 { "is" } else { "are" },
                rate(self.end)
            )];
        }
        if until > self.total {
            return vec![format!(
                "the decay ends at step {}, after the run of {}: the learning rate of the last step, {}, is {}, not {}",
                grouped(until),
                steps(self.total),
                grouped(last),
                rate(self.lr_at(last)),
                rate(self.end)
            )];
        }
        Vec::new()
    }
}

/// What [`Schedule::describe`] says of a curve, before where it leads.
fn manner(curve: &Curve) -> String {
    match *curve {
        Curve::Power(power) => format!("as (1 − progress)^{power} "),
        Curve::Geometric => "by a constant factor ".to_string(),
        Curve::Cosine { cycles, peak_decay: 1.0 } if cycles > 1 => format!("in {cycles} cycles "),
        Curve::Cosine { cycles, peak_decay } if cycles > 1 => {
            format!("in {cycles} cycles, each from {peak_decay} of the peak before, ")
        }
        Curve::Line | Curve::Cosine { .. } => String::new(),
    }
}

/// A rate to three digits: `5e-4`, `0.05`, `0`.
fn rate(value: f64) -> String {
    let short: f64 = format!("{value:.2e}").parse().unwrap_or(value);
    if short != 0.0 && !(1e-2..1e4).contains(&short) { format!("{short:e}") } else { short.to_string() }
}

/// A number of steps with its unit: `1 step`, `11,267 steps`.
fn steps(count: u64) -> String {
    format!("{} step{}", grouped(count), if count == 1 { "" } else { "s" })
}

/// A count with commas between thousands: `11,267`.
fn grouped(count: u64) -> String {
    let digits = count.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}
