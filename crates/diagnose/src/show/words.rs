//! Numbers, places and sentences as people read them.

use case::one_line;
use journal::grouped;
use unicode_width::UnicodeWidthStr;

pub use crate::digits::number;
use crate::judge::{Evidence, Weight};
use crate::log::{Log, Place, Split};

/// Columns of a quoted line.
const LINE: usize = 80;

pub(super) fn count(number: impl TryInto<u64>) -> String {
    grouped(&number.try_into().unwrap_or(u64::MAX).to_string())
}

/// `1 run`, `3 runs`.
pub(super) fn counted(number: usize, noun: &str) -> String {
    format!("{} {noun}{}", count(number), if number == 1 { "" } else { "s" })
}

/// A source's name without what all names of the log begin with.
pub(super) fn short<'a>(source: &'a str, name: &str) -> &'a str {
    let within = source.strip_prefix(name).and_then(|rest| rest.strip_prefix(['/', '\\']));
    let folder = name.rfind(['/', '\\']).and_then(|end| name.get(..=end)).unwrap_or_default();
    within.or_else(|| source.strip_prefix(folder)).unwrap_or(source)
}

/// The file or the part of one that a place is in.
pub(super) fn file<'a>(log: &'a Log, name: &str, place: Place) -> &'a str {
    log.sources.get(place.source as usize).map_or("", |source| short(&source.name, name))
}

/// `train.log:120`.
pub(super) fn quote(log: &Log, name: &str, place: Place) -> String {
    one_line(&format!("{}:{}", file(log, name, place), place.line))
}

/// `step 1,200`, or nothing.
pub(super) fn step(step: Option<u64>) -> String {
    step.map_or_else(String::new, |step| format!("step {}", count(step)))
}

/// `epoch 1.5`, or nothing.
pub(super) fn epoch(epoch: Option<f64>) -> String {
    epoch.map_or_else(String::new, |epoch| format!("epoch {}", number((epoch * 1e3).round() / 1e3)))
}

/// `training loss`, `held-out accuracy`, `learning rate`.
pub(super) fn figure(split: &Split, metric: &str) -> String {
    let metric = match metric {
        "lr" => "learning rate".to_string(),
        "grad_norm" => "gradient norm".to_string(),
        other => other.replace('_', " "),
    };
    let figure = match split {
        Split::Train if matches!(metric.as_str(), "learning rate" | "gradient norm") => metric,
        Split::Train => format!("training {metric}"),
        Split::Valid => format!("held-out {metric}"),
        Split::Test => format!("test {metric}"),
        Split::Named(split) => format!("{split} {metric}"),
    };
    one_line(&figure)
}

pub(super) fn weight(weight: Weight) -> &'static str {
    match weight {
        Weight::Note => "note",
        Weight::Watch => "watch",
        Weight::Broken => "broken",
    }
}

/// The cells of a piece of evidence: place, step, epoch, figure, value.
pub(super) fn evidence(log: &Log, name: &str, evidence: &Evidence) -> [String; 5] {
    [
        quote(log, name, evidence.place),
        step(evidence.step),
        epoch(evidence.epoch),
        figure(&evidence.split, &evidence.metric),
        number(evidence.value),
    ]
}

/// The line of a piece of evidence as it stands in the log, where it can be quoted.
pub(super) fn line(log: &Log, evidence: &Evidence) -> Option<String> {
    log.quote(evidence.place, evidence.value, LINE)
}

/// A sentence with a capital letter and a full stop. A first word that is a name, as `eval_loss`, stays as it is.
pub(super) fn sentence(text: &str) -> String {
    let text = text.trim();
    let stop = if text.is_empty() || text.ends_with(['.', '!', '?']) { "" } else { "." };
    let first = text.split_whitespace().next().unwrap_or_default();
    let is_word = first.chars().all(char::is_lowercase);
    let mut letters = text.chars();
    match letters.next().filter(|_| is_word) {
        Some(letter) => format!("{}{}{stop}", letter.to_uppercase(), letters.as_str()),
        None => format!("{text}{stop}"),
    }
}

/// Lines no wider than `width`, the first after `first`, the others after as many spaces as `indent`. A word that is wider
/// stays whole, so that a path can be copied.
pub(super) fn wrapped(first: &str, text: &str, indent: usize, width: usize) -> String {
    let mut out = String::from(first);
    let mut used = first.width();
    for word in text.split_whitespace() {
        let space = usize::from(!out.is_empty() && !out.ends_with([' ', '\n']));
        if used + space + word.width() > width && used > indent {
            let line = out.trim_end().len();
            out.truncate(line);
            out.push('\n');
            out.extend(std::iter::repeat_n(' ', indent));
            used = indent;
        } else if space == 1 {
            out.push(' ');
            used += 1;
        }
        out.push_str(word);
        used += word.width();
    }
    let line = out.trim_end().len();
    out.truncate(line);
    out.push('\n');
    out
}

/// Rows with their columns below one another.
pub(super) fn aligned<const N: usize>(rows: &[[String; N]]) -> Vec<String> {
    let widest = |column: usize| rows.iter().map(|row| row[column].width()).max().unwrap_or(0);
    let widths: [usize; N] = std::array::from_fn(widest);
    let line = |row: &[String; N]| {
        let cells = row.iter().zip(widths).filter(|(_, width)| *width > 0);
        let cells = cells.map(|(cell, width)| format!("{cell}{}", " ".repeat(width - cell.width())));
        cells.collect::<Vec<_>>().join("  ").trim_end().to_string()
    };
    rows.iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short_and_keep_what_they_are() {
        let shown = [0.0, 1.3853, 0.987_654_32, 12_345.0, 5e-5, -2.5, 1e12, f64::NAN, f64::NEG_INFINITY].map(number);
        assert_eq!(shown, ["0", "1.3853", "0.987654", "12,345", "5e-5", "-2.5", "1e12", "NaN", "-inf"]);
        assert_eq!(number(123_456.789), "123,457");
    }

    #[test]
    fn sentences_begin_and_end_as_sentences_do() {
        assert_eq!(
            ["it rose", "eval_loss rose.", "", "5 rows"].map(sentence),
            ["It rose.", "eval_loss rose.", "", "5 rows."]
        );
    }

    #[test]
    fn a_source_is_named_within_its_log() {
        assert_eq!(short("/a/b/train.log", "/a/b/train.log"), "train.log");
        assert_eq!(short("/a/b/c/train.log", "/a/b"), "c/train.log");
        assert_eq!(short("/a/x.ipynb, cell 3, output", "/a/x.ipynb"), "x.ipynb, cell 3, output");
        assert_eq!(short("standard input", "standard input"), "standard input");
    }

    #[test]
    fn lines_are_broken_at_the_width_and_a_long_word_stays_whole() {
        assert_eq!(wrapped("  a  ", "one two three four", 5, 14), "  a  one two\n     three\n     four\n");
        assert_eq!(wrapped("", "0123456789 a", 2, 5), "0123456789\n  a\n");
        assert_eq!(wrapped("x ", "", 2, 5), "x\n");
    }

    #[test]
    fn columns_stand_below_one_another_and_an_empty_one_takes_no_room() {
        let rows = [["a".into(), String::new(), "1".into()], ["한국".into(), String::new(), "22".into()]];
        assert_eq!(aligned(&rows), ["a     1", "한국  22"]);
    }
}
