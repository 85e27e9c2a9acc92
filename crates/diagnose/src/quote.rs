//! The line that a number came from, as it stands in the log.

#![warn(clippy::indexing_slicing, clippy::string_slice, clippy::panic, clippy::unreachable)] // it reads what users write

use unicode_width::UnicodeWidthChar;

use crate::clean::clean;
use crate::log::{Log, Place};

/// A larger text is not kept: its lines are told by their numbers alone.
const KEPT: usize = 4 << 20;
/// What is kept of all files of a folder.
const KEPT_IN_ALL: usize = 32 << 20;
/// An object of JSON that has a line for each of its fields is quoted up to this many.
const OBJECT_LINES: usize = 40;
/// A longer line holds more than one row: where in it the number stands is not certain.
const LONGEST: usize = 4000;

/// Texts of sources, by their index.
#[derive(Debug, Clone, Default)]
pub(crate) struct Texts {
    texts: Vec<(u32, String)>,
    bytes: usize,
}

impl Texts {
    /// Keeps the text of a source for quoting, unless it is too large.
    pub(crate) fn keep(&mut self, source: u32, text: String) {
        let is_small = text.len() <= KEPT && self.bytes + text.len() <= KEPT_IN_ALL;
        if is_small {
            self.bytes += text.len();
            self.texts.push((source, text));
        }
    }

    fn lines_from(&self, place: Place) -> Option<impl Iterator<Item = &str>> {
        let (_, text) = self.texts.iter().find(|(source, _)| *source == place.source)?;
        Some(text.split('\n').skip(place.line.checked_sub(1)? as usize))
    }
}

impl Log {
    /// The line of a number as it stands in the log, in at most `width` columns around the number, without what a terminal
    /// obeys. An object of JSON that is broken over lines is put on one. None for a record of a binary file, for a text of
    /// more than 4 MiB, and for a line that holds no digit.
    pub fn quote(&self, place: Place, number: f64, width: usize) -> Option<String> {
        let mut lines = self.texts.lines_from(place)?;
        let first = lines.next()?;
        let line = if matches!(first.trim(), "{" | "[{") { object(first, lines) } else { first.to_string() };
        let forms = written(number);
        let find = |text: &str| forms.iter().find_map(|form| find_number(text, form));
        // Of a line that was overwritten, the version that holds the number, or else the last.
        let versions = || line.split('\r').filter(|version| !version.trim().is_empty());
        let version = versions().find(|version| find(version).is_some()).or(versions().next_back())?;
        let shown: String = clean(version).split_whitespace().collect::<Vec<_>>().join(" ");
        let shown: String = shown.chars().filter(|letter| !case::is_obeyed(*letter)).collect();
        let is_telling =
            shown.len() <= LONGEST && (shown.bytes().any(|byte| byte.is_ascii_digit()) || !number.is_finite());
        is_telling.then(|| around(&shown, find(&shown).unwrap_or(0), width))
    }
}

/// The lines of an object up to its end, as one.
fn object<'a>(first: &str, rest: impl Iterator<Item = &'a str>) -> String {
    let mut whole = first.trim().to_string();
    for line in rest.take(OBJECT_LINES).map(str::trim) {
        whole.push(' ');
        whole.push_str(line.strip_suffix(',').filter(|line| *line == "}").unwrap_or(line));
        if line.starts_with('}') {
            break;
        }
    }
    whole
}

/// How a number may have been written; the shortest form is the beginning of one with more zeros.
fn written(number: f64) -> Vec<String> {
    if number.is_nan() {
        return ["nan", "NaN", "NAN"].map(String::from).to_vec();
    }
    if number.is_infinite() {
        return ["inf", "Inf"].map(String::from).to_vec();
    }
    vec![number.to_string(), format!("{number:e}")]
}

/// Where a number stands in a text, zeros at its end ignored: `0.5` is found in `0.50`, and not in `10.5` or `0.55`.
fn find_number(text: &str, form: &str) -> Option<usize> {
    let is_it = |at: &usize| {
        let (before, rest) = text.split_at_checked(*at).unwrap_or_default();
        let is_inside = before.ends_with(|letter: char| letter.is_ascii_digit() || letter == '.');
        let rest = rest.strip_prefix(form).unwrap_or(rest);
        let decimals = if form.contains('.') { Some(rest) } else { rest.strip_prefix('.') };
        let rest = decimals.map_or(rest, |decimals| decimals.trim_start_matches('0'));
        !is_inside && !rest.starts_with(|letter: char| letter.is_ascii_digit())
    };
    text.match_indices(form).map(|(at, _)| at).find(is_it)
}

/// The part of a text that fits into `width` columns and holds the byte `at`, with an ellipsis where something is left out.
fn around(text: &str, at: usize, width: usize) -> String {
    let widths: Vec<(usize, usize)> =
        text.char_indices().map(|(at, letter)| (at, UnicodeWidthChar::width(letter).unwrap_or(0))).collect();
    if widths.iter().map(|(_, width)| width).sum::<usize>() <= width {
        return text.to_string();
    }
    let columns_before: usize = widths.iter().take_while(|(start, _)| *start < at).map(|(_, width)| width).sum();
    // The number in the middle, but no empty room behind the end.
    let all: usize = widths.iter().map(|(_, width)| width).sum();
    let skipped = columns_before.saturating_sub(width / 2).min(all - width + 1);
    let mut column = 0;
    let mut shown = String::from(if skipped > 0 { "…" } else { "" });
    let mut used = shown.chars().count();
    for ((start, letters), letter) in widths.iter().zip(text.chars()) {
        column += letters;
        if column <= skipped {
            continue;
        }
        // One column is left for the second ellipsis, unless this is the last letter.
        let is_last = start + letter.len_utf8() == text.len();
        if used + letters > width - usize::from(!is_last) {
            shown.push('…');
            break;
        }
        used += letters;
        shown.push(letter);
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::read_bytes;

    fn quoted(text: &str, line: u32, number: f64) -> Option<String> {
        read_bytes("train.log", text.as_bytes().to_vec()).quote(Place { source: 0, line }, number, 60)
    }

    #[test]
    fn a_line_is_quoted_as_it_stands_without_colours() {
        let text = "starting\n\u{1b}[31m{'loss': 0.2510, 'epoch': 1.0}\u{1b}[0m\n";
        assert_eq!(quoted(text, 2, 0.251).as_deref(), Some("{'loss': 0.2510, 'epoch': 1.0}"));
        assert_eq!(quoted(text, 1, 0.251), None);
        assert_eq!(quoted(text, 9, 0.251), None);
    }

    #[test]
    fn of_an_overwritten_line_the_version_with_the_number_is_quoted() {
        let text = "step 1 loss 0.75\rstep 2 loss 0.5\r10%|# | 3/30\n{'loss': 1.0}\n";
        assert_eq!(quoted(text, 1, 0.5).as_deref(), Some("step 2 loss 0.5"));
        assert_eq!(quoted(text, 1, 7.0).as_deref(), Some("10%|# | 3/30"));
    }

    #[test]
    fn a_row_of_a_trainers_state_is_put_on_one_line() {
        let text = "{\n \"log_history\": [\n  {\n   \"epoch\": 1.0,\n   \"loss\": NaN,\n   \"step\": 10\n  },\n  {\n   \"loss\": 2.0,\n   \"step\": 20\n  }\n ]\n}\n";
        assert_eq!(quoted(text, 3, f64::NAN).as_deref(), Some("{ \"epoch\": 1.0, \"loss\": NaN, \"step\": 10 }"));
    }

    #[test]
    fn of_a_long_line_the_part_around_the_number_is_quoted() {
        let text = format!("{}{{'loss': 0.125, 'epoch': 1.0}}{}\n", "a ".repeat(100), " b".repeat(100));
        let part = quoted(&text, 1, 0.125).unwrap();
        assert!(part.starts_with("… a a") && part.contains("'loss': 0.125") && part.ends_with(" b…"), "{part}");
        assert_eq!(part.chars().count(), 60);
        assert_eq!(quoted(&text, 1, 77.0).unwrap().chars().count(), 60);
        assert_eq!(quoted(&"{'loss': 0.5} ".repeat(1000), 1, 0.5), None);
    }

    #[test]
    fn a_number_is_found_whole_and_with_zeros_behind_it() {
        let found = ["a 0.50", "a 10.5", "a 0.55", "a 1.0.5", "0.5", "0.5e"].map(|text| find_number(text, "0.5"));
        assert_eq!(found, [Some(2), None, None, None, Some(0), Some(0)]);
        let found = ["1.00", "10", "1.5", "3 1", "1,000"].map(|text| find_number(text, "1"));
        assert_eq!(found, [Some(0), None, None, Some(2), Some(0)]);
    }

    #[test]
    fn letters_of_two_columns_count_as_two() {
        assert_eq!(around("손실손실손실손실", 0, 9), "손실손실…");
        assert_eq!(around("손실손실손실손실", 22, 9), "…손실손실");
        assert_eq!(around("손실", 0, 4), "손실");
    }
}
