//! Takes off a line what terminals, Markdown and web pages put around it.

#![warn(clippy::indexing_slicing, clippy::string_slice, clippy::panic, clippy::unreachable)] // it reads what users write

use std::borrow::Cow;

/// The line without colours, cursor movements and the marks of a Markdown quotation.
pub(crate) fn clean(line: &str) -> Cow<'_, str> {
    let line = unquoted(line);
    if !line.as_bytes().contains(&0x1b) && !line.as_bytes().contains(&0x08) {
        return Cow::Borrowed(line);
    }
    let mut text = String::with_capacity(line.len());
    let mut letters = line.chars().peekable();
    while let Some(letter) = letters.next() {
        match letter {
            '\u{1b}' => match letters.next() {
                // CSI: parameters, then one letter.
                Some('[') => while letters.next().is_some_and(|letter| !('@'..='~').contains(&letter)) {},
                // OSC, a link or a title: up to the bell.
                Some(']') => while letters.next().is_some_and(|letter| letter != '\u{7}') {},
                _ => {}
            },
            '\u{8}' => {}
            _ => text.push(letter),
        }
    }
    Cow::Owned(unquoted(&text).to_string())
}

/// Without leading `>` and the blanks around them.
fn unquoted(line: &str) -> &str {
    let mut rest = line;
    while let Some(inside) = rest.trim_start().strip_prefix('>') {
        rest = inside;
    }
    // A prompt or a comparison has no more marks than a quotation has: nothing is lost on numbers.
    if rest.len() == line.len() { line } else { rest.strip_prefix(' ').unwrap_or(rest) }
}

/// The line with Markdown's escapes, curly quotes and the entities of web pages taken back; borrowed where there are none.
pub(crate) fn softened(line: &str) -> Cow<'_, str> {
    let has_any = line.bytes().any(|byte| matches!(byte, b'\\' | b'&') || byte >= 0x80);
    if !has_any {
        return Cow::Borrowed(line);
    }
    let mut text = String::with_capacity(line.len());
    let mut letters = line.chars().peekable();
    while let Some(letter) = letters.next() {
        match letter {
            '\\' if letters.peek().is_some_and(char::is_ascii_punctuation) => {}
            '‘' | '’' | '‚' | '′' => text.push('\''),
            '“' | '”' | '„' | '″' => text.push('"'),
            '\u{a0}' | '\u{200b}' | '\u{feff}' => text.push(' '),
            '−' => text.push('-'),
            other => text.push(other),
        }
    }
    if text.contains('&') {
        text = text.replace("&#39;", "'").replace("&#x27;", "'").replace("&quot;", "\"").replace("&gt;", ">");
        text = text.replace("&lt;", "<").replace("&nbsp;", " ").replace("&amp;", "&");
    }
    if text == line { Cow::Borrowed(line) } else { Cow::Owned(text) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_and_quotations_come_off() {
        assert_eq!(clean("\u{1b}[32m> {'loss': 1}\u{1b}[0m"), "{'loss': 1}");
        assert_eq!(clean(">> > step 1"), "step 1");
        assert_eq!(clean("plain"), "plain");
    }

    #[test]
    fn escapes_and_curly_quotes_are_taken_back() {
        assert_eq!(softened("{\\'eval\\_loss\\': 1}"), "{'eval_loss': 1}");
        assert_eq!(softened("{‘loss’: &quot;1&quot;}"), "{'loss': \"1\"}");
        assert_eq!(softened("a = 'b'"), Cow::Borrowed("a = 'b'"));
    }
}
