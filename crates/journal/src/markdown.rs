//! Markdown that says what was meant: text of users, tables, numbers with units.

use unicode_width::UnicodeWidthStr;

use crate::svg;
use crate::ticks::grouped;

/// Text that Markdown shows letter by letter, on one line, also inside a table.
pub fn escaped(text: &str) -> String {
    let letters: Vec<char> = case::one_line(text).trim_start().chars().collect(); // four blanks would begin code
    let mut out = String::with_capacity(text.len());
    for (index, letter) in letters.iter().enumerate() {
        match letter {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '_' if is_within_word(&letters, index) => out.push('_'),
            letter if begins_a_block(&letters, index) => out.extend(['\\', *letter]),
            '\\' | '`' | '*' | '_' | '[' | ']' | '|' | '~' | '$' | '#' | '!' => out.extend(['\\', *letter]),
            letter => out.push(*letter),
        }
    }
    out
}

/// Whether a sign makes a list or a rule of a line that begins so: `- a`, `+ a`, `===`, `1. a`, `2) a`.
fn begins_a_block(letters: &[char], index: usize) -> bool {
    let is_alone = letters.get(index + 1).is_none_or(|next| matches!(next, ' ' | '-' | '+' | '='));
    match letters[index] {
        '-' | '+' | '=' => index == 0 && is_alone,
        '.' | ')' => index > 0 && is_alone && letters[..index].iter().all(char::is_ascii_digit),
        _ => false,
    }
}

/// `_` between letters, as in `batch_size`, never begins emphasis.
fn is_within_word(letters: &[char], index: usize) -> bool {
    let is_word =
        |index: Option<usize>| index.and_then(|at| letters.get(at)).is_some_and(|letter| letter.is_alphanumeric());
    is_word(index.checked_sub(1)) && is_word(Some(index + 1))
}

/// Text as inline code, on one line, also inside a table.
pub fn code(text: &str) -> String {
    let text = case::one_line(text);
    let longest = text.split(|letter| letter != '`').map(str::len).max().unwrap_or(0);
    let fence = "`".repeat(longest + 1);
    let space = if text.starts_with('`') || text.ends_with('`') { " " } else { "" };
    format!("{fence}{space}{}{space}{fence}", text.replace('|', "\\|"))
}

/// A cell of HTML longer than this may be broken.
const LONG: usize = 40;

/// A table whose columns line up in the source as well; `-:` aligns right.
pub struct Table {
    header: Vec<String>,
    right: Vec<bool>,
    rows: Vec<Vec<String>>,
}

impl Table {
    /// Column titles; one that begins with `>` is aligned right, as numbers are.
    pub fn new(columns: &[&str]) -> Self {
        let header = columns.iter().map(|title| title.trim_start_matches('>').to_string()).collect();
        Self { header, right: columns.iter().map(|title| title.starts_with('>')).collect(), rows: Vec::new() }
    }

    /// Cells are Markdown: text of users is [`escaped`] before.
    pub fn row(&mut self, cells: Vec<String>) {
        debug_assert_eq!(cells.len(), self.header.len());
        self.rows.push(cells);
    }

    /// Whether it has no row.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The table as Markdown, ending in a newline.
    pub fn text(&self) -> String {
        let widths = self.widths(3);
        let line = |cells: &[String]| format!("| {} |\n", self.padded(cells, &widths).join(" | "));
        let rule = |column: usize| {
            let dashes = "-".repeat(widths[column] - 1);
            if self.right[column] { format!("{dashes}:") } else { format!("{dashes}-") }
        };
        let rules: Vec<String> = (0..widths.len()).map(rule).collect();
        let body: String = self.rows.iter().map(|row| line(row)).collect();
        format!("{}{}{body}", line(&self.header), line(&rules))
    }

    /// The table for a terminal, ending in a newline.
    pub fn plain(&self) -> String {
        let widths = self.widths(0);
        let line = |cells: &Vec<String>| format!("{}\n", self.padded(cells, &widths).join("  ").trim_end());
        std::iter::once(&self.header).chain(&self.rows).map(line).collect()
    }

    /// The table as HTML. Cells are plain text, escaped here; `class` names a row's class, or none.
    pub fn html(&self, class: &dyn Fn(&[String]) -> String) -> String {
        let cell = |tag: &str, column: usize, text: &String| {
            // A sentence may be broken; a number or a name is not.
            let kind = if self.right[column] {
                " class=\"n\""
            } else if text.len() > LONG {
                " class=\"wide\""
            } else {
                ""
            };
            format!("<{tag}{kind}>{}</{tag}>", svg::escaped(text))
        };
        let cells = |tag: &str, row: &[String]| -> String {
            row.iter().enumerate().map(|(column, text)| cell(tag, column, text)).collect()
        };
        let row = |row: &Vec<String>| match class(row).as_str() {
            "" => format!("<tr>{}</tr>\n", cells("td", row)),
            class => format!("<tr class=\"{class}\">{}</tr>\n", cells("td", row)),
        };
        let body: String = self.rows.iter().map(row).collect();
        format!("<table>\n<thead><tr>{}</tr></thead>\n<tbody>\n{body}</tbody>\n</table>\n", cells("th", &self.header))
    }

    /// The table with its cells, plain text until now, as Markdown.
    pub fn escaped(mut self) -> Self {
        self.rows.iter_mut().flatten().for_each(|cell| *cell = escaped(cell));
        self
    }

    /// The widest cell of each column, at least `least`.
    fn widths(&self, least: usize) -> Vec<usize> {
        let widest = |column: usize| {
            let cells = std::iter::once(&self.header).chain(&self.rows).map(|row| row[column].width());
            cells.fold(least, usize::max)
        };
        (0..self.header.len()).map(widest).collect()
    }

    fn padded(&self, cells: &[String], widths: &[usize]) -> Vec<String> {
        let pad = |(column, cell): (usize, &String)| {
            let space = " ".repeat(widths[column] - cell.width());
            if self.right[column] { format!("{space}{cell}") } else { format!("{cell}{space}") }
        };
        cells.iter().enumerate().map(pad).collect()
    }
}

/// `1,234,567`.
pub(crate) fn count(number: u64) -> String {
    grouped(&number.to_string())
}

/// `12.34 %`.
pub(crate) fn percent(share: f64) -> String {
    format!("{:.2} %", share * 100.0)
}

/// `117.7 MiB`.
pub(crate) fn bytes(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["bytes", "KiB", "MiB", "GiB", "TiB"];
    let mut value = bytes as f64;
    let mut unit = 0;
    while value >= 1024.0 && unit + 1 < UNITS.len() {
        value /= 1024.0;
        unit += 1;
    }
    if unit == 0 { format!("{} {}", count(bytes), UNITS[0]) } else { format!("{value:.1} {}", UNITS[unit]) }
}

/// `2 d 3 h`, `1 h 23 min`, `4 min 5 s`, `6.5 s`.
pub(crate) fn duration(seconds: f64) -> String {
    let whole = seconds.max(0.0).round() as u64;
    let (days, hours, minutes) = (whole / 86_400, whole / 3_600 % 24, whole / 60 % 60);
    match whole {
        0..60 => format!("{seconds:.1} s"),
        60..3_600 => format!("{minutes} min {} s", whole % 60),
        3_600..86_400 => format!("{hours} h {minutes} min"),
        _ => format!("{days} d {hours} h"),
    }
}

/// `2026-11-21 09:00` of an RFC 3339 time in UTC; anything else as it is, so escape it like any text.
pub(crate) fn minute(time: &str) -> String {
    let shape: String =
        time.chars().map(|letter| if letter.is_ascii_digit() { '0' } else { letter }).collect::<String>();
    if shape.starts_with("0000-00-00T00:00:00") { time[..16].replace('T', " ") } else { time.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_of_users_is_shown_and_never_obeyed() {
        assert_eq!(
            escaped("a | b\n`c` <b>d</b> *e* [f](g) batch_size _h_"),
            "a \\| b \\`c\\` &lt;b&gt;d&lt;/b&gt; \\*e\\* \\[f\\](g) batch_size \\_h\\_"
        );
        assert_eq!(escaped("a\\|b & $x$"), "a\\\\\\|b &amp; \\$x\\$");
        assert_eq!(escaped("한국어, 0.5e-4 – fine."), "한국어, 0.5e-4 – fine.");
        assert_eq!(escaped("a\u{1b}[31m\u{202e}b\u{2028}c\0"), "a\u{FFFD}\\[31m\u{FFFD}b c\u{FFFD}");
    }

    #[test]
    fn a_text_never_begins_a_list_a_rule_or_a_heading() {
        let shown = ["- a", " - a", "+ a", "---", "===", "1. a", "23) a", "1.", "# a"].map(escaped);
        assert_eq!(shown, ["\\- a", "\\- a", "\\+ a", "\\---", "\\===", "1\\. a", "23\\) a", "1\\.", "\\# a"]);
        let plain = ["-0.5", "+1", "a - b", "1.5", "in 2. b", "(1) a", "layer-4 = 3", ""];
        assert_eq!(plain.map(escaped), plain);
    }

    #[test]
    fn code_holds_backticks_and_pipes() {
        assert_eq!(code("abc"), "`abc`");
        assert_eq!(code("a`b|c\nd"), "``a`b\\|c d``");
        assert_eq!(code("`a"), "`` `a ``");
    }

    #[test]
    fn a_table_lines_up() {
        let mut table = Table::new(&["corpus", ">loss"]);
        table.row(vec!["ko".into(), "12.50".into()]);
        assert_eq!(table.text(), "| corpus |  loss |\n| ------ | ----: |\n| ko     | 12.50 |\n");
    }

    #[test]
    fn a_table_for_a_terminal_lines_up_below_wide_letters() {
        let mut table = Table::new(&["corpus", ">loss"]);
        table.row(vec!["한국어".into(), "12.50".into()]);
        table.row(vec!["en".into(), "9".into()]);
        assert_eq!(table.plain(), "corpus   loss\n한국어  12.50\nen          9\n");
    }

    #[test]
    fn numbers_have_units() {
        assert_eq!([0, 999, 1_000, 1_234_567].map(count), ["0", "999", "1,000", "1,234,567"]);
        assert_eq!([0, 1_023, 1_024, 123_456_789].map(bytes), ["0 bytes", "1,023 bytes", "1.0 KiB", "117.7 MiB"]);
        assert_eq!([6.5, 245.0, 4_980.0, 183_600.0].map(duration), ["6.5 s", "4 min 5 s", "1 h 23 min", "2 d 3 h"]);
        assert_eq!(percent(0.1234), "12.34 %");
    }

    #[test]
    fn times_are_cut_to_the_minute_and_other_text_is_kept() {
        assert_eq!(minute("2026-11-21T09:00:59Z"), "2026-11-21 09:00");
        assert_eq!(minute("yesterday|"), "yesterday|");
    }
}
