//! Formats whose lines are records: jsonl, csv and tsv. Each record is a document.

use std::fmt;
use std::io::{self, BufRead};

use serde::de::{DeserializeSeed, IgnoredAny, MapAccess, Visitor};

use super::files::{InputFile, open_counted};
use super::lines::{Line, Lines, TOO_LONG};
use super::{Documents, MAX_LINE_BYTES, Watch};
use crate::CorpusError;

/// The widest table. A line of nothing but commas is a field a byte, and each field takes twenty times that to hold.
pub(super) const MAX_COLUMNS: usize = 1 << 14;
pub(super) const TOO_WIDE: &str = "more than 16,384 columns";

/// Reads one JSON object a line and takes the string `field` of each.
pub(super) fn read_jsonl(
    file: &InputFile,
    field: &str,
    watch: &Watch,
    into: &mut Documents<'_>,
) -> Result<(), CorpusError> {
    let mut lines = Lines::new(open_counted(file, watch)?);
    while let Some((number, line)) = lines.next().map_err(CorpusError::read(&file.path))? {
        match line {
            Line::TooLong => into.bad(number, TOO_LONG),
            Line::Text(bytes) if bytes.trim_ascii().is_empty() => into.record("", number)?,
            Line::Text(bytes) => match json_field(bytes, field) {
                Ok(Some(text)) => into.record(&text, number)?,
                Ok(None) => into.bad(number, format_args!("no field `{field}`")),
                Err(error) => into.bad(number, error),
            },
        }
    }
    Ok(())
}

/// The string at `field` of a JSON object; other fields are skipped without being built.
fn json_field(bytes: &[u8], field: &str) -> Result<Option<String>, serde_json::Error> {
    let mut parser = serde_json::Deserializer::from_slice(bytes);
    let found = Field(field).deserialize(&mut parser)?;
    parser.end()?;
    Ok(found)
}

struct Field<'a>(&'a str);

impl<'de> DeserializeSeed<'de> for Field<'_> {
    type Value = Option<String>;
    fn deserialize<D: serde::Deserializer<'de>>(self, from: D) -> Result<Self::Value, D::Error> {
        from.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Field<'_> {
    type Value = Option<String>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "an object with a string `{}`", self.0)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut found = None;
        while let Some(key) = map.next_key::<std::borrow::Cow<'de, str>>()? {
            if key == self.0 {
                found = Some(map.next_value::<String>()?);
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(found)
    }
}

/// Reads tab-separated columns with a header line; a quote is a character like any other.
pub(super) fn read_tsv(
    file: &InputFile,
    column: &str,
    watch: &Watch,
    into: &mut Documents<'_>,
) -> Result<(), CorpusError> {
    let mut lines = Lines::new(open_counted(file, watch)?);
    let mut header: Option<(usize, usize)> = None;
    while let Some((number, line)) = lines.next().map_err(CorpusError::read(&file.path))? {
        let Line::Text(bytes) = line else {
            into.bad(number, TOO_LONG);
            continue;
        };
        let bytes = bytes.strip_suffix(b"\r").unwrap_or(bytes);
        let fields: Vec<&[u8]> = bytes.split(|byte| *byte == b'\t').take(MAX_COLUMNS + 1).collect();
        if fields.len() > MAX_COLUMNS {
            into.bad(number, TOO_WIDE);
            continue;
        }
        let Some((place, width)) = header else {
            header = Some((find_column(file, &fields, column)?, fields.len()));
            continue;
        };
        record_field(&fields, place, width, number, into)?;
    }
    require_header(file, column, header)
}

/// Reads comma-separated values with a header (RFC 4180): quoted fields may hold commas, line ends and doubled quotes.
pub(super) fn read_csv(
    file: &InputFile,
    column: &str,
    watch: &Watch,
    into: &mut Documents<'_>,
) -> Result<(), CorpusError> {
    let mut rows = CsvRows::new(open_counted(file, watch)?);
    let mut header: Option<(usize, usize)> = None;
    while let Some((number, row)) = rows.next().map_err(CorpusError::read(&file.path))? {
        let fields = match row {
            Ok(fields) => fields,
            Err(why) => {
                into.bad(number, why);
                continue;
            }
        };
        let fields: Vec<&[u8]> = fields.iter().map(Vec::as_slice).collect();
        let Some((place, width)) = header else {
            header = Some((find_column(file, &fields, column)?, fields.len()));
            continue;
        };
        record_field(&fields, place, width, number, into)?;
    }
    require_header(file, column, header)
}

fn find_column(file: &InputFile, header: &[&[u8]], column: &str) -> Result<usize, CorpusError> {
    header.iter().position(|name| *name == column.as_bytes()).ok_or_else(|| CorpusError::MissingColumn {
        path: file.path.clone(),
        column: column.into(),
        found: header.iter().map(|name| String::from_utf8_lossy(name)).collect::<Vec<_>>().join(", "),
    })
}

fn require_header(file: &InputFile, column: &str, header: Option<(usize, usize)>) -> Result<(), CorpusError> {
    match header {
        Some(_) => Ok(()),
        None => find_column(file, &[], column).map(|_| ()),
    }
}

fn record_field(
    fields: &[&[u8]],
    place: usize,
    width: usize,
    number: u64,
    into: &mut Documents<'_>,
) -> Result<(), CorpusError> {
    if fields == [b"".as_slice()] {
        return into.record("", number); // an empty line
    }
    let Some(field) = fields.get(place).filter(|_| fields.len() == width) else {
        into.bad(number, format_args!("{} columns where the header has {width}", fields.len()));
        return Ok(());
    };
    match std::str::from_utf8(field) {
        Ok(text) => into.record(text, number),
        Err(error) => {
            into.bad(number, format_args!("byte {} of the text is not UTF-8", error.valid_up_to()));
            Ok(())
        }
    }
}

/// Rows of a csv file with the number of their first line. A row that never ends is malformed, not memory.
pub(super) struct CsvRows<R> {
    lines: Lines<R>,
    fields: Vec<Vec<u8>>,
}

impl<R: BufRead> CsvRows<R> {
    pub(super) fn new(reader: R) -> Self {
        Self { lines: Lines::new(reader), fields: Vec::new() }
    }

    /// The next row's fields, or why it has none.
    #[allow(clippy::type_complexity)] // a row number and a row or a reason, read once
    pub(super) fn next(&mut self) -> io::Result<Option<(u64, Result<&[Vec<u8>], &'static str>)>> {
        self.fields.clear();
        let mut first = None;
        let mut open = false;
        let mut bytes = 0;
        loop {
            let Some((number, line)) = self.lines.next()? else {
                return Ok(first.map(|number| (number, Err("a quoted field that is never closed"))));
            };
            let first = *first.get_or_insert(number);
            let Line::Text(line) = line else { return Ok(Some((first, Err(TOO_LONG)))) };
            bytes += line.len();
            if bytes > MAX_LINE_BYTES {
                return Ok(Some((first, Err("a quoted field that is not closed within 16 MiB"))));
            }
            match take_csv_line(line, open, &mut self.fields) {
                Ok(true) => open = true,
                Ok(false) => return Ok(Some((first, Ok(&self.fields)))),
                Err(why) => return Ok(Some((first, Err(why)))),
            }
        }
    }
}

/// Adds the fields of one line; whether a quoted field is still open at its end.
fn take_csv_line(line: &[u8], mut open: bool, fields: &mut Vec<Vec<u8>>) -> Result<bool, &'static str> {
    let mut bytes = line.iter().copied().peekable();
    let mut field = if open {
        let mut field = fields.pop().unwrap_or_default();
        field.push(b'\n');
        field
    } else {
        Vec::new()
    };
    let mut was_quoted = open;
    while let Some(byte) = bytes.next() {
        match byte {
            b'"' if open && bytes.peek() == Some(&b'"') => {
                bytes.next();
                field.push(b'"');
            }
            b'"' if open => open = false,
            _ if open => field.push(byte),
            b'"' if field.is_empty() && !was_quoted => (open, was_quoted) = (true, true),
            b',' => {
                fields.push(std::mem::take(&mut field));
                was_quoted = false;
                if fields.len() >= MAX_COLUMNS {
                    return Err(TOO_WIDE);
                }
            }
            b'\r' if bytes.peek().is_none() => {}
            _ if was_quoted => return Err("text after a closing quote"),
            _ => field.push(byte),
        }
    }
    fields.push(field);
    Ok(open)
}
