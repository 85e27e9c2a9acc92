//! Where a value came from: default, file and line, variant, or command line.

#![warn(clippy::indexing_slicing, clippy::string_slice, clippy::panic, clippy::unreachable)] // it reads what users write

use std::{collections::BTreeMap, fmt, ops::Range, path::PathBuf};

/// A stretch of one line of a case file.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The file, as it was named.
    pub path: PathBuf,
    /// Line, counted from 1.
    pub line: usize,
    /// Column in characters, counted from 1.
    pub column: usize,
    /// Length of the stretch in characters, at least 1, never past the line's end.
    pub length: usize,
    /// The whole line, without its end.
    pub text: String,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.path.display(), self.line, self.column)
    }
}

/// Where a value came from.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum Origin {
    /// Nobody wrote it.
    #[default]
    Default,
    /// The case file's own tables.
    File(Place),
    /// A `[variant.NAME]` table of the case file.
    Variant {
        /// The variant.
        name: String,
        /// Where in the file.
        place: Place,
    },
    /// The `[sweep]` table of the case file.
    Sweep(Place),
    /// The command line.
    Set {
        /// The flag's argument, `key=value`.
        text: String,
    },
    /// The model that the case starts from.
    Start {
        /// Its folder.
        from: String,
    },
}

impl Origin {
    /// The place in the file, unless the value is a default or came from the command line.
    pub fn place(&self) -> Option<&Place> {
        match self {
            Self::File(place) | Self::Variant { place, .. } | Self::Sweep(place) => Some(place),
            Self::Default | Self::Set { .. } | Self::Start { .. } => None,
        }
    }
}

/// As the resolved file's comments say it: `default`, `configs/case1.toml:14`, `variant layer-6, configs/case1.toml:40`,
/// `sweep, configs/case6.toml:38`, `--set` or `start, imported/bert`.
impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File(place) => write!(f, "{}:{}", place.path.display(), place.line),
            Self::Variant { name, place } => write!(f, "variant {name}, {}:{}", place.path.display(), place.line),
            Self::Sweep(place) => write!(f, "sweep, {}:{}", place.path.display(), place.line),
            Self::Set { .. } => f.write_str("--set"),
            Self::Start { from } => write!(f, "start, {from}"),
        }
    }
}

/// The origin of every value of a resolved case, by dotted key (`model.n_layers`, `data.corpora.0.path`).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Origins {
    by_key: BTreeMap<String, Origin>,
}

impl Origins {
    /// Where the value of `key` came from; [`Origin::Default`] for a key that nobody wrote.
    pub fn of(&self, key: &str) -> &Origin {
        self.by_key.get(key).unwrap_or(&Origin::Default)
    }

    /// Every key that has an origin, with it.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &Origin)> {
        self.by_key.iter().map(|(key, origin)| (key.as_str(), origin))
    }

    pub(crate) fn insert(&mut self, key: String, origin: Origin) {
        self.by_key.insert(key, origin);
    }
}

/// A case file's text, able to turn byte spans into places.
pub(crate) struct Source<'a> {
    path: PathBuf,
    text: &'a str,
    line_starts: Vec<usize>,
}

impl<'a> Source<'a> {
    pub(crate) fn new(path: PathBuf, text: &'a str) -> Self {
        let after_ends = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n').map(|(at, _)| at + 1);
        Self { path, text, line_starts: std::iter::once(0).chain(after_ends).collect() }
    }

    /// The first line's part of `span`; a span outside the text or inside a character is moved to the nearest one.
    pub(crate) fn place(&self, span: Range<usize>) -> Place {
        let start = floor_boundary(self.text, span.start);
        let index = self.line_starts.partition_point(|line_start| *line_start <= start) - 1;
        let line_start = self.line_starts.get(index).copied().unwrap_or_default();
        let part = |range: Range<usize>| self.text.get(range).unwrap_or_default();
        let line_end = part(line_start..self.text.len()).find('\n').map_or(self.text.len(), |at| line_start + at);
        let line = part(line_start..line_end).trim_end_matches('\r');
        let end = floor_boundary(self.text, span.end).clamp(start, line_start + line.len().max(start - line_start));
        Place {
            path: self.path.clone(),
            line: index + 1,
            column: part(line_start..start).chars().count() + 1,
            length: part(start..end).chars().count().max(1),
            text: line.to_string(),
        }
    }
}

/// The largest character boundary not past `at`.
fn floor_boundary(text: &str, at: usize) -> usize {
    let mut at = at.min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

#[cfg(test)]
mod tests {
    use super::Source;

    #[test]
    fn places_count_lines_and_characters_from_one() {
        let text = "a = 1\r\n한글 = \"값\"\r\n";
        let source = Source::new("x.toml".into(), text);
        let at = text.find('"').expect("there is a quote");
        let place = source.place(at..at + 5);
        assert_eq!((place.line, place.column, place.length), (2, 6, 3));
        assert_eq!(place.text, "한글 = \"값\"");
    }

    #[test]
    fn a_span_over_lines_or_past_the_end_stays_on_one_line() {
        let source = Source::new("x.toml".into(), "ab\ncd");
        assert_eq!(source.place(1..4).length, 1);
        let end = source.place(99..120);
        assert_eq!((end.line, end.column, end.length), (2, 3, 1));
        let empty = Source::new("x.toml".into(), "");
        assert_eq!((empty.place(0..0).line, empty.place(0..0).column), (1, 1));
    }
}
