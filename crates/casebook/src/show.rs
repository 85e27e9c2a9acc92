//! What a run looks like on a terminal, in a pipe, and as JSON.

use std::{
    io::{IsTerminal, Write, stderr, stdout},
    time::Duration,
};

use case::{for_terminal, json_for_terminal};
use indicatif::{ProgressBar, ProgressStyle};
use journal::{
    Baselines, CorpusScore, Eval, Event, Log,
    metrics::{Figure, Scores},
};
use train::{Notice, Report, grouped};

use crate::{probe, signals::Signals};

/// Shows an error as `error: what: why`.
pub(crate) fn error(error: &anyhow::Error) {
    // If even this cannot be written there is nobody to tell.
    let _ = writeln!(stderr(), "{}", for_terminal(&format!("error: {error:#}")));
}

/// Shows a warning, on standard error.
pub(crate) fn warning(text: &str) {
    let _ = writeln!(stderr(), "{}", for_terminal(&format!("warning: {text}")));
}

/// Writes a line to standard output. Where nobody reads it any more (`| head`) a run goes on all the same: its record is
/// what counts. Names and texts of others may stand in it: no sign in it moves the cursor or turns the text.
pub(crate) fn line(text: &str) {
    let _ = writeln!(stdout(), "{}", for_terminal(text));
}

/// The format of what `fill-mask`, `predict` and `evaluate` print with `--json`; it changes when a field is taken away or
/// changes its meaning.
pub(crate) const JSON_FORMAT: u32 = 1;

/// Writes a value as JSON to standard output, as [`line()`] writes text; it reads back the same.
pub(crate) fn json_line(json: &str) {
    let _ = writeln!(stdout(), "{}", json_for_terminal(json));
}

/// Shows a run.
pub(crate) struct Show {
    json: bool,
    bar: Option<ProgressBar>,
    seconds_per_step: Option<f64>,
    steps_left: u64,
    signals: Signals,
}

impl Show {
    /// JSON lines, or text with a progress bar where standard error is a terminal.
    pub(crate) fn new(json: bool, signals: &Signals) -> Self {
        let bar = (!json && stderr().is_terminal()).then(|| {
            let style =
                ProgressStyle::with_template("{wide_bar} {msg}").unwrap_or_else(|_| ProgressStyle::default_bar());
            ProgressBar::new(0).with_style(style)
        });
        Self { json, bar, seconds_per_step: None, steps_left: 0, signals: signals.clone() }
    }

    /// A line for people; above the bar where there is one, and not at all among JSON lines.
    pub(crate) fn say(&self, text: &str) {
        match self.drawn() {
            Some(bar) => bar.suspend(|| line(text)),
            None if self.json => {}
            None => line(text),
        }
    }

    /// A warning goes to standard error, whatever the form.
    fn warn(&self, text: &str) {
        let write = || warning(text);
        match self.drawn() {
            Some(bar) => bar.suspend(write),
            None => write(),
        }
    }

    /// The bar, once there is progress to show.
    fn drawn(&self) -> Option<&ProgressBar> {
        self.bar.as_ref().filter(|bar| bar.length().is_some_and(|length| length > 0))
    }

    fn progress(&self, done: u64, total: u64, message: String) {
        if let Some(bar) = &self.bar {
            bar.set_length(total);
            bar.set_position(done);
            bar.set_message(message);
        }
    }

    fn event(&self, event: &Event, baselines: &Baselines) {
        if self.json {
            // An event that the journal took has a JSON form.
            json_line(&serde_json::to_string(event).unwrap_or_default());
            return;
        }
        match event {
            Event::Log(log) => self.say(&self.log_line(log, baselines)),
            Event::Eval(eval) => eval_lines(eval, baselines).iter().for_each(|text| self.say(text)),
            Event::Alert(alert) => self.warn(&alert.text),
            Event::Resume(resume) => {
                self.say(&format!("resumed  at step {} from {}", grouped(resume.step), resume.checkpoint));
                resume.changes.iter().for_each(|change| self.say(&format!("changed  {change}")));
            }
            Event::Epoch(epoch) => self.say(&format!(
                "epoch    {} ended: masks {}; {:.2} % of real tokens scored ({:.1} % masked, {:.1} % random, {:.1} % kept)",
                epoch.epoch,
                epoch.mask_hash,
                100.0 * epoch.scored_share,
                100.0 * epoch.mask_share,
                100.0 * epoch.random_share,
                100.0 * epoch.kept_share
            )),
            Event::End(end) => {
                let time = duration(end.time_s);
                self.say(&format!("{}{} at step {}, {time}: {}", end.status, pad(&end.status), grouped(end.step), end.reason));
            }
            Event::Start(_) | Event::Checkpoint(_) => {}
        }
    }

    fn log_line(&self, log: &Log, baselines: &Baselines) -> String {
        let left = self
            .seconds_per_step
            .map_or_else(String::new, |seconds| format!("  left {}", duration(seconds * self.steps_left as f64)));
        let blind = if log.corpora.is_empty() { "by shares" } else { "unigram" }; // labelled examples have no corpora
        format!(
            "step {:>7}  epoch {:.2}  loss {:.4} ({blind} {:.3})  accuracy {:.4}  rate {:.2e}  gradient {:.2} (max {:.2}, clipped {:.0} %)  {} tokens/s  waiting {:.1} %{left}",
            grouped(log.step),
            log.epoch,
            log.loss,
            baselines.unigram,
            log.accuracy,
            log.lr,
            log.grad_norm.median,
            log.grad_norm.max,
            100.0 * log.grad_norm.clipped_share,
            grouped(log.tokens_per_s as u64),
            100.0 * log.wait_share,
        )
    }
}

fn pad(status: &journal::Status) -> String {
    " ".repeat(9usize.saturating_sub(status.to_string().len()))
}

/// The validation's line, and one for each corpus where there is more than one.
fn eval_lines(eval: &Eval, baselines: &Baselines) -> Vec<String> {
    if let Some(scores) = &eval.scores {
        return vec![scores_line(eval, scores, baselines)];
    }
    let mut lines = vec![format!(
        "{:<5} {:>6}  loss {:.4} (unigram {:.3}, uniform {:.3})  accuracy {:.4}  perplexity {:.1}  {:.3} bits/char{}",
        eval.split,
        grouped(eval.step),
        eval.loss,
        baselines.unigram,
        baselines.uniform,
        eval.accuracy,
        eval.perplexity,
        eval.bits_per_char,
        if eval.best { "  best so far" } else { "" }
    )];
    if eval.corpora.len() > 1 {
        lines.extend(eval.corpora.iter().map(|corpus| corpus_line(corpus, baselines)));
    }
    lines
}

/// The figures that one looks at while a fine-tuning goes on: at most so many.
const FIGURES: usize = 4;

/// An evaluation of labelled examples.
fn scores_line(eval: &Eval, scores: &Scores, baselines: &Baselines) -> String {
    let is_tags = scores.figure("strict-f1-micro").is_some();
    let order: &[&str] = if is_tags {
        &["f1-micro", "precision-micro", "recall-micro", "accuracy"]
    } else {
        match scores.figure("subset-accuracy") {
            Some(_) => &["f1-micro", "f1-macro", "subset-accuracy", "calibration-error"],
            None => &["accuracy", "kl-divergence", "f1-macro", "mcc", "calibration-error"],
        }
    };
    let shown = order.iter().filter_map(|name| scores.figure(name)).take(FIGURES);
    let one = |figure: &Figure| {
        let error = figure.error.map_or_else(String::new, |error| format!(" ± {error:.4}"));
        let majority = figure.majority.map_or_else(String::new, |value| format!(" (majority {value:.3})"));
        format!("  {} {:.4}{error}{majority}", figure.name, figure.value)
    };
    let figures = shown.map(one).collect::<String>();
    let best = if eval.best { "  best so far" } else { "" };
    let (split, step, loss) = (&eval.split, grouped(eval.step), eval.loss);
    format!("{split:<5} {step:>6}  loss {loss:.4} (by shares {:.3}){figures}{best}", baselines.unigram)
}

fn corpus_line(corpus: &CorpusScore, baselines: &Baselines) -> String {
    let own = baselines.corpora.iter().find(|(name, _)| *name == corpus.name).map_or(f64::NAN, |(_, loss)| *loss);
    format!("{:>12}  loss {:.4} (its own unigram {own:.3})  accuracy {:.4}", corpus.name, corpus.loss, corpus.accuracy)
}

/// Seconds as people read them: `2 h 05 min`, `3 min 20 s`, `12.3 s`.
fn duration(seconds: f64) -> String {
    let whole = Duration::from_secs_f64(seconds.max(0.0)).as_secs();
    match whole {
        0..60 => format!("{seconds:.1} s"),
        60..3600 => format!("{} min {:02} s", whole / 60, whole % 60),
        _ => format!("{} h {:02} min", whole / 3600, whole % 3600 / 60),
    }
}

/// How much the newest step counts in the running mean of their seconds.
const NEWEST: f64 = 0.05;

impl Report for Show {
    fn say(&mut self, notice: Notice<'_>) {
        match notice {
            Notice::Prepare(event @ corpus::PrepareEvent::Progress { bytes_done, bytes_total, .. }) => {
                self.progress(*bytes_done, *bytes_total, event.to_string());
            }
            Notice::Prepare(event @ corpus::PrepareEvent::LittleRoom { .. }) => self.warn(&event.to_string()),
            Notice::Prepare(event) => Show::say(self, &format!("text     {event}")),
            Notice::Fact(text) => Show::say(self, &text),
            Notice::Warning(text) => self.warn(&text),
            Notice::Checked(checked) => probe::rows(checked).iter().for_each(|row| Show::say(self, row)),
            Notice::Event { event, baselines } => {
                if matches!(event, Event::Start(_) | Event::Resume(_)) {
                    self.signals.training(true);
                }
                self.event(event, baselines);
            }
            Notice::Step { step, total, seconds } => {
                let mean = self.seconds_per_step.map_or(seconds, |mean| mean + NEWEST * (seconds - mean));
                self.seconds_per_step = Some(mean);
                self.steps_left = total - step;
                let left = duration(mean * self.steps_left as f64);
                self.progress(step, total, format!("step {} of {}, {left} left", grouped(step), grouped(total)));
            }
            Notice::Evaluating { done, total } => {
                self.progress(done, total, format!("validating, row {} of {}", grouped(done), grouped(total)));
            }
        }
    }
}

impl Drop for Show {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::duration;

    #[test]
    fn durations_read_like_a_persons() {
        assert_eq!([1.25, 200.0, 7500.0].map(duration), ["1.2 s", "3 min 20 s", "2 h 05 min"]);
    }
}
