//! What is not TOML, in words for people who never read TOML's grammar.

#![warn(clippy::indexing_slicing, clippy::string_slice, clippy::panic, clippy::unreachable)] // it reads what users write

use std::{ops::Range, path::Path};

use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

use crate::{CaseError, Origin, Problem, error::ProblemKind, keys::invalid, origin::Source};

/// The table of a text.
///
/// # Errors
/// The first place where the text stops being TOML.
pub(crate) fn parse<'a>(text: &'a str, path: &Path, source: &Source<'a>) -> Result<Spanned<DeTable<'a>>, CaseError> {
    DeTable::parse(text).map_err(|error| {
        let span = error.span().unwrap_or(0..0);
        let mut origins = vec![Origin::File(source.place(span.clone()))];
        let message = match error.message() {
            message if message.starts_with("duplicate key") => {
                let (recovered, _) = DeTable::parse_recoverable(text);
                let key = text.get(span.clone()).unwrap_or_default();
                let mut first = None;
                find_before(recovered.get_ref(), key, span.start, &mut first);
                let first = first.or_else(|| same_line_before(text, &span));
                origins.extend(first.map(|span| Origin::File(source.place(span))));
                format!("`{key}` stands twice; keep one")
            }
            message => in_words(message, text, &span),
        };
        invalid(vec![Problem { kind: ProblemKind::Syntax, message, origins, path: path.to_path_buf() }])
    })
}

/// The last place before `end` where `key` was written.
fn find_before(table: &DeTable<'_>, key: &str, end: usize, last: &mut Option<Range<usize>>) {
    for (name, value) in table {
        let span = name.span();
        if name.get_ref() == key && span.start < end && last.as_ref().is_none_or(|last| last.start < span.start) {
            *last = Some(span);
        }
        if let DeValue::Table(table) = value.get_ref() {
            find_before(table, key, end, last);
        }
    }
}

/// The same words on an earlier line that reads the same: a table's head, which the parser forgets at its second.
fn same_line_before(text: &str, span: &Range<usize>) -> Option<Range<usize>> {
    let start = text.get(..span.start)?.rfind('\n').map_or(0, |at| at + 1);
    let line = text.get(start..)?.lines().next()?.trim_end();
    let mut at = 0;
    for earlier in text.get(..start)?.split_inclusive('\n') {
        if earlier.trim_end() == line {
            return Some(at + span.start - start..at + span.end - start);
        }
        at += earlier.len();
    }
    None
}

/// The parser's messages, where they can be said better; others as they are.
fn in_words(message: &str, text: &str, span: &Range<usize>) -> String {
    let at_fault = text.get(span.clone()).unwrap_or_default().trim();
    let before = text.get(..span.start).unwrap_or_default().lines().next_back().unwrap_or_default();
    if message.starts_with("invalid basic string") || message.starts_with("invalid literal string") {
        return "the text is not closed; end it with the quote it begins with".into();
    }
    if message.starts_with("string values must be quoted") {
        return match at_fault {
            "" => "there is no value after `=`".into(),
            word => format!("text needs quotes; write \"{word}\""),
        };
    }
    if message.starts_with("key with no value") {
        return "a key needs `=` and a value, such as n_layers = 4".into();
    }
    if message.starts_with("missing comma between array elements") || message.starts_with("unclosed array") {
        return "a list above is not closed; end it with `]` and part its elements by commas".into();
    }
    if message.starts_with("unexpected key or value")
        && text.get(span.start..).is_some_and(|rest| rest.starts_with(','))
    {
        return match before.ends_with(|c: char| c.is_ascii_digit()) {
            true => "a comma after a number; decimals take a point, such as 0.0005".into(),
            false => "a comma after a value; each key stands on a line of its own, without commas".into(),
        };
    }
    format!("not TOML: {}", message.replace('\n', "; "))
}
