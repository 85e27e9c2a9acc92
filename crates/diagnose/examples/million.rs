//! Writes a console log of so many lines to standard output, to measure the reader with: `million 1000000 > log`.
#![allow(clippy::print_stdout)] // an example's business

use std::io::Write;

fn main() -> std::io::Result<()> {
    let lines: u32 = std::env::args().nth(1).and_then(|text| text.parse().ok()).unwrap_or(1_000_000);
    let mut out = std::io::BufWriter::new(std::io::stdout().lock());
    for line in 1..=lines {
        let done = f64::from(line) / f64::from(lines);
        let (loss, rate, epoch) = (0.5 + 5.0 * (-8.0 * done).exp(), 5e-5 * (1.0 - done), done * 3.0);
        if line % 10 == 0 {
            writeln!(
                out,
                "{{'eval_loss': {loss}, 'eval_accuracy': {done}, 'eval_runtime': 1.5, 'epoch': {epoch:.2}}}"
            )?;
        } else {
            writeln!(
                out,
                "{{'loss': {loss:.4}, 'grad_norm': {}, 'learning_rate': {rate}, 'epoch': {epoch:.2}}}",
                1.0 + loss
            )?;
        }
    }
    out.flush()
}
