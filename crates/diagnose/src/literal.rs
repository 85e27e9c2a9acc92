//! Numbers, text, lists and dictionaries as Python prints them and JSON writes them. Parsed, never evaluated.

#![warn(clippy::indexing_slicing, clippy::string_slice, clippy::panic, clippy::unreachable)] // it reads what users write

use std::borrow::Cow;

/// Deeper nesting is refused.
const MAX_DEPTH: usize = 48;

/// A value and where it begins.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Node<'a> {
    /// Byte offset in the text.
    pub(crate) at: usize,
    pub(crate) value: Literal<'a>,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Literal<'a> {
    Number(f64),
    Text(Cow<'a, str>),
    List(Vec<Node<'a>>),
    Map(Vec<(Cow<'a, str>, Node<'a>)>),
    /// `None`, `True`, `<object at 0x...>`, `Value(dtype=...)`: nothing that is measured.
    Other(&'a str),
}

/// Why nothing was parsed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The text ended inside the value.
    Ended,
    /// Something that does not belong here.
    Unexpected(usize),
    /// Nested too deep.
    Deep,
}

/// The value that begins at `at`, and where it ends.
pub(crate) fn parse(text: &str, at: usize) -> Result<(Node<'_>, usize), Fault> {
    let mut parser = Parser { text, bytes: text.as_bytes(), at };
    let node = parser.value(0)?;
    Ok((node, parser.at))
}

/// A number as Python and C print it, `nan` and `inf` among them.
pub(crate) fn number(text: &str) -> Option<f64> {
    let text = text.trim();
    let first = *text.as_bytes().first()?;
    if first.is_ascii_digit() || matches!(first, b'-' | b'+' | b'.') || text.len() <= 9 {
        // Rust's own grammar: digits, exponent, and inf, infinity, nan without regard to case.
        return text.parse().ok();
    }
    None
}

impl<'a> Node<'a> {
    pub(crate) fn get(&self, key: &str) -> Option<&Node<'a>> {
        match &self.value {
            Literal::Map(entries) => entries.iter().find(|(name, _)| name == key).map(|(_, node)| node),
            _ => None,
        }
    }

    pub(crate) fn list(&self) -> &[Node<'a>] {
        match &self.value {
            Literal::List(nodes) => nodes,
            _ => &[],
        }
    }

    pub(crate) fn entries(&self) -> &[(Cow<'a, str>, Node<'a>)] {
        match &self.value {
            Literal::Map(entries) => entries,
            _ => &[],
        }
    }

    /// The number, also where it stands in quotes: recent trainers print `'loss': '0.0026'`.
    pub(crate) fn number(&self) -> Option<f64> {
        match &self.value {
            Literal::Number(number) => Some(*number),
            Literal::Text(text) => number(text),
            _ => None,
        }
    }

    pub(crate) fn text(&self) -> Option<&str> {
        match &self.value {
            Literal::Text(text) => Some(text),
            _ => None,
        }
    }

    /// Text, or lines of text in a list, as notebooks keep it.
    pub(crate) fn joined(&self) -> String {
        match &self.value {
            Literal::Text(text) => text.to_string(),
            Literal::List(lines) => lines.iter().filter_map(Node::text).collect(),
            _ => String::new(),
        }
    }
}

struct Parser<'a> {
    text: &'a str,
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Parser<'a> {
    fn peek(&mut self) -> Result<u8, Fault> {
        while self.bytes.get(self.at).is_some_and(u8::is_ascii_whitespace) {
            self.at += 1;
        }
        self.bytes.get(self.at).copied().ok_or(Fault::Ended)
    }

    fn value(&mut self, depth: usize) -> Result<Node<'a>, Fault> {
        if depth > MAX_DEPTH {
            return Err(Fault::Deep);
        }
        let first = self.peek()?;
        let at = self.at;
        let value = match first {
            b'{' => self.map(depth)?,
            b'[' => self.list(depth, b']')?,
            b'(' => self.list(depth, b')')?,
            b'\'' | b'"' => Literal::Text(self.quoted(first)?),
            b'}' | b']' | b')' | b',' | b':' => return Err(Fault::Unexpected(at)),
            _ => self.bare(depth)?,
        };
        Ok(Node { at, value })
    }

    fn map(&mut self, depth: usize) -> Result<Literal<'a>, Fault> {
        self.at += 1;
        let mut entries = Vec::new();
        loop {
            let first = self.peek()?;
            if first == b'}' {
                self.at += 1;
                return Ok(Literal::Map(entries));
            }
            let key = match first {
                b'\'' | b'"' => self.quoted(first)?,
                b'0'..=b'9' | b'-' => Cow::Borrowed(self.word()),
                _ => return Err(Fault::Unexpected(self.at)),
            };
            if self.peek()? != b':' {
                return Err(Fault::Unexpected(self.at));
            }
            self.at += 1;
            entries.push((key, self.value(depth + 1)?));
            match self.peek()? {
                b',' => self.at += 1,
                b'}' => {}
                _ => return Err(Fault::Unexpected(self.at)),
            }
        }
    }

    fn list(&mut self, depth: usize, close: u8) -> Result<Literal<'a>, Fault> {
        self.at += 1;
        let mut nodes = Vec::new();
        loop {
            if self.peek()? == close {
                self.at += 1;
                return Ok(Literal::List(nodes));
            }
            nodes.push(self.value(depth + 1)?);
            match self.peek()? {
                b',' => self.at += 1,
                byte if byte == close => {}
                _ => return Err(Fault::Unexpected(self.at)),
            }
        }
    }

    /// Text in quotes; borrowed where nothing is escaped.
    fn quoted(&mut self, quote: u8) -> Result<Cow<'a, str>, Fault> {
        let start = self.at + 1;
        let mut at = start;
        loop {
            match self.bytes.get(at).ok_or(Fault::Ended)? {
                b'\\' => return self.escaped(start, at, quote),
                byte if *byte == quote => break,
                _ => at += 1,
            }
        }
        self.at = at + 1;
        Ok(Cow::Borrowed(self.text.get(start..at).unwrap_or_default()))
    }

    fn escaped(&mut self, start: usize, first: usize, quote: u8) -> Result<Cow<'a, str>, Fault> {
        let mut text = self.text.get(start..first).unwrap_or_default().to_string();
        let mut letters = self.text.get(first..).unwrap_or_default().char_indices();
        while let Some((at, letter)) = letters.next() {
            if letter as u32 == u32::from(quote) {
                self.at = first + at + 1;
                return Ok(Cow::Owned(text));
            }
            if letter != '\\' {
                text.push(letter);
                continue;
            }
            match letters.next().ok_or(Fault::Ended)?.1 {
                'n' => text.push('\n'),
                'r' => text.push('\r'),
                't' => text.push('\t'),
                'u' => {
                    let digits: String = letters.by_ref().take(4).map(|(_, digit)| digit).collect();
                    text.push(u32::from_str_radix(&digits, 16).ok().and_then(char::from_u32).unwrap_or('\u{fffd}'));
                }
                other => text.push(other),
            }
        }
        Err(Fault::Ended)
    }

    fn word(&mut self) -> &'a str {
        let start = self.at;
        let ends =
            |byte: &u8| matches!(byte, b',' | b'}' | b']' | b')' | b'(' | b':' | b'{' | b'[' | b'\'' | b'"' | b'\n');
        while self.bytes.get(self.at).is_some_and(|byte| !ends(byte)) {
            self.at += 1;
        }
        self.text.get(start..self.at).unwrap_or_default().trim_end()
    }

    /// A number, a word, or a call: of `np.float64(0.5)` and `tensor(0.5, device='cuda:0')` the first argument.
    fn bare(&mut self, depth: usize) -> Result<Literal<'a>, Fault> {
        let word = self.word();
        let next = self.bytes.get(self.at).copied().ok_or(Fault::Ended)?;
        if next == b'(' {
            self.call()?;
            let _ = depth;
            let inside = self.text.get(..self.at).unwrap_or_default();
            let open = word.as_ptr() as usize - self.text.as_ptr() as usize + word.len();
            let argument = inside.get(open..).unwrap_or_default().trim_start_matches('(');
            let argument = argument.split([',', ')']).next().unwrap_or_default();
            return Ok(number(argument).map_or(Literal::Other(word), Literal::Number));
        }
        match number(word) {
            Some(number) => Ok(Literal::Number(number)),
            None if word.is_empty() => Err(Fault::Unexpected(self.at)),
            None => Ok(Literal::Other(word)),
        }
    }

    /// Goes past balanced parentheses without looking inside.
    fn call(&mut self) -> Result<(), Fault> {
        let mut open = 0usize;
        loop {
            match self.bytes.get(self.at).ok_or(Fault::Ended)? {
                b'(' => open += 1,
                b')' => open -= 1, // the first byte opened one, so this never goes below 0
                b'\n' => return Err(Fault::Unexpected(self.at)),
                _ => {}
            }
            self.at += 1;
            if open == 0 {
                return Ok(());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn numbers(text: &str) -> Vec<(String, Option<f64>)> {
        let (node, _) = parse(text, 0).unwrap();
        node.entries().iter().map(|(key, node)| (key.to_string(), node.number())).collect()
    }

    #[test]
    fn a_dictionary_of_python_is_read_whatever_its_numbers_look_like() {
        let found = numbers("{'loss': 0.5, 'lr': '3.24e-05', 'n': nan, 'i': -inf, 'a': np.float64(2.5), 'none': None}");
        assert_eq!(found[0], ("loss".into(), Some(0.5)));
        assert_eq!(found[1].1, Some(3.24e-5));
        assert!(found[2].1.unwrap().is_nan());
        assert_eq!(found[3].1, Some(f64::NEG_INFINITY));
        assert_eq!(found[4].1, Some(2.5));
        assert_eq!(found[5].1, None);
        assert_eq!(numbers("{'t': tensor(0.25, device='cuda:0'), 'e': 1.0}")[0].1, Some(0.25));
    }

    #[test]
    fn json_with_what_json_forbids_is_read() {
        let text = "{\"loss\": NaN, \"up\": Infinity, \"list\": [1, {\"a\": \"b\\n\\u0041\"}]} rest";
        let (node, end) = parse(text, 0).unwrap();
        assert!(node.get("loss").unwrap().number().unwrap().is_nan());
        assert_eq!(node.get("up").unwrap().number(), Some(f64::INFINITY));
        assert_eq!(node.get("list").unwrap().list()[1].get("a").unwrap().text(), Some("b\nA"));
        assert_eq!(text.get(end..), Some(" rest"));
    }

    #[test]
    fn what_ends_too_soon_is_told_from_what_is_wrong() {
        assert_eq!(parse("{'loss': 0.", 0), Err(Fault::Ended));
        assert_eq!(parse("{'loss", 0), Err(Fault::Ended));
        assert!(matches!(parse("{loss: 1}", 0), Err(Fault::Unexpected(1))));
        assert_eq!(parse(&"[".repeat(1000), 0), Err(Fault::Deep));
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "\\PC{0,80}", like in "[\\[\\](){}'\",:.0-9a-zé\\\\ \n-]{0,60}") {
            let _ = parse(&text, 0);
            let _ = parse(&like, 0);
        }
    }
}
