//! Text of others on a screen: a name, a label, a remark or a line of a log may hold signs that are obeyed in place of being
//! shown.

use std::fmt::Write;

/// Whether a sign is obeyed in place of being shown: control signs, which colour a terminal, move its cursor or write its
/// title, the ends of lines and paragraphs, and what turns the direction of the text behind it, so that one reads what does
/// not stand there.
///
/// # Source
/// Boucher and Anderson 2021, Trojan Source, table 1, for the signs of direction. Marks that turn no text but their
/// neighbours (U+200E, U+200F, U+061C) stay: Arabic and Hebrew are written with them.
pub fn is_obeyed(letter: char) -> bool {
    letter.is_control() || matches!(letter, '\u{2028}'..='\u{202E}' | '\u{2066}'..='\u{2069}')
}

/// The text on one line: ends of lines and tabs as spaces, what else is obeyed as U+FFFD.
pub fn one_line(text: &str) -> String {
    text.chars().map(|letter| shown(letter, false)).collect()
}

/// The text for a terminal, on as many lines as it has: as [`one_line`], but for line feeds and tabs, which stay.
pub fn for_terminal(text: &str) -> String {
    text.chars().map(|letter| shown(letter, true)).collect()
}

/// JSON that reads back the same and in which nothing is obeyed: such signs stand in its strings alone, there as escapes.
pub fn json_for_terminal(json: &str) -> String {
    let mut out = String::with_capacity(json.len());
    for letter in json.chars() {
        if letter != '\n' && is_obeyed(letter) {
            let _ = write!(out, "\\u{:04x}", u32::from(letter)); // a String takes all
        } else {
            out.push(letter);
        }
    }
    out
}

fn shown(letter: char, keeps_lines: bool) -> char {
    match letter {
        '\n' | '\t' if keeps_lines => letter,
        '\n' | '\t' | '\r' | '\u{2028}' | '\u{2029}' => ' ',
        letter if is_obeyed(letter) => '\u{FFFD}',
        letter => letter,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_a_terminal_obeys_is_seen_in_its_place() {
        let text = "a\u{1b}[31mb\u{7}\u{8}\0\u{7f}\u{9b}2J\u{202e}cba\u{2066}\r\nnext\tcell\u{2028}end";
        assert_eq!(
            one_line(text),
            "a\u{FFFD}[31mb\u{FFFD}\u{FFFD}\u{FFFD}\u{FFFD}\u{FFFD}2J\u{FFFD}cba\u{FFFD}  next cell end"
        );
        assert_eq!(for_terminal("one\r\n\ttwo\u{1b}c"), "one \n\ttwo\u{FFFD}c");
        let plain = "한국어 العربية\u{200f} é ’ 0.5e-4 👩\u{200d}🔬";
        assert_eq!((one_line(plain).as_str(), for_terminal(plain).as_str()), (plain, plain));
    }

    proptest! {
        #[test]
        fn json_reads_back_the_same_and_holds_nothing_that_is_obeyed(text in any::<String>(), more in "[\u{0}-\u{a0}\u{2020}-\u{2070}]{0,20}") {
            let value = serde_json::json!({ "text": text, "more": [more] });
            let json = json_for_terminal(&serde_json::to_string_pretty(&value).expect("text is JSON"));
            prop_assert!(!json.chars().any(|letter| letter != '\n' && is_obeyed(letter)));
            prop_assert_eq!(serde_json::from_str::<serde_json::Value>(&json).expect("it was JSON"), value);
        }
    }
}
