//! `casebook doctor`: what devices there are, and whether one computes rightly.

use std::process::ExitCode;

use case::{Kernels, Precision};
use train::{Check, Diagnosis, Place, diagnose, found, shader_language, ways_out};

use crate::show::line;

/// Lists devices and checks the one asked for; the CPU, and the first GPU if there is one, where none is named.
pub(crate) fn run(device: Option<&str>, kernels: Kernels, precision: Precision, all: bool) -> anyhow::Result<ExitCode> {
    line(&format!("casebook {}, shaders in {}", env!("CARGO_PKG_VERSION"), shader_language()));
    line(&format!("  cpu: {}", Place::open("cpu", Kernels::Own)?.description));
    let adapters = found();
    for adapter in &adapters {
        line(&format!("  {adapter}"));
    }
    if adapters.is_empty() {
        line("  no GPU adapter: no Vulkan driver was found, or none that this program can use");
    }
    let word = match device {
        Some(word) => word,
        None if adapters.is_empty() => "cpu",
        None => "gpu",
    };
    let place = Place::open(word, kernels)?.in_precision(precision)?;
    line(&format!(
        "\nchecking {word} ({}): ten steps of a tiny encoder there and on the CPU.\nThe first one compiles kernels: seconds on a card, a minute or two on a software GPU",
        place.description
    ));
    Ok(tell(&diagnose(&place, &case::EncoderConfig::default())?, word, all))
}

fn tell(diagnosis: &Diagnosis, word: &str, all: bool) -> ExitCode {
    line("  step  loss on the CPU  loss here");
    for (step, (cpu, here)) in diagnosis.losses_cpu.iter().zip(&diagnosis.losses_device).enumerate() {
        line(&format!("  {step:>4}  {cpu:>15.6}  {here:>9.6}"));
    }
    let failures = diagnosis.failures();
    let shown = if all { diagnosis.checks.iter().collect() } else { failures.clone() };
    for check in &shown {
        line(&check_line(check));
    }
    let total = diagnosis.checks.len();
    if failures.is_empty() {
        let used = |check: &Check| if check.allowed > 0.0 { check.difference / check.allowed } else { 0.0 };
        let worst = diagnosis.checks.iter().map(used).fold(0.0, f64::max);
        line(&format!(
            "\npassed: all {total} comparisons hold; the closest one uses {:.1} % of what it may",
            100.0 * worst
        ));
        return ExitCode::SUCCESS;
    }
    line(&format!("\nFAILED: {} of {total} comparisons do not hold. `{word}` must not be trained on.", failures.len()));
    line(&format!("ways out: {}", ways_out()));
    ExitCode::FAILURE
}

fn check_line(check: &Check) -> String {
    let verdict = if check.passed() { "ok  " } else { "FAIL" };
    format!(
        "  {verdict} {:<55} {:>9.2e} of its size away (allowed {:.0e})",
        check.what, check.difference, check.allowed
    )
}
