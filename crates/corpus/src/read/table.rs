//! Chosen columns of a table: tsv, csv, jsonl or parquet, row by row, as JSON values. Nothing is skipped: in a labelled set
//! a row that cannot be read is an error.

use std::fmt::Display;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};

use case::TextFormat;
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::record::Field;
use parquet::schema::types::Type;
use serde_json::Value;

use super::files::{InputFile, open_counted};
use super::lines::{Line, Lines, TOO_LONG};
use super::parquet_column::{broken, open_for_seeking, opened_twice};
use super::records::{CsvRows, MAX_COLUMNS, TOO_WIDE};
use super::{Watch, parquet_pages};
use crate::CorpusError;

/// One row: its values in the order of the columns asked for, none where a jsonl object lacks the field or it is null.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Record {
    /// Its line in the file, or its number in parquet, from 1.
    pub(crate) row: u64,
    pub(crate) values: Vec<Option<Value>>,
}

type Sink<'a> = &'a mut dyn FnMut(Record) -> Result<(), CorpusError>;

/// Reads `columns` of every row; empty lines are passed over.
pub(crate) fn read_table(file: &InputFile, columns: &[&str], sink: Sink<'_>) -> Result<(), CorpusError> {
    match file.format {
        TextFormat::Jsonl => read_objects(file, columns, sink),
        TextFormat::Tsv => read_tsv(file, columns, sink),
        TextFormat::Csv => read_csv(file, columns, sink),
        TextFormat::Parquet => {
            let read = catch_unwind(AssertUnwindSafe(|| read_parquet(file, columns, sink)));
            read.unwrap_or_else(|_| Err(broken(file, "its structure is broken")))
        }
        TextFormat::Txt => Err(CorpusError::NotATable { path: file.path.clone() }),
    }
}

/// Reads the lines of a file that is parted by white space or tabs into columns of its own kind: each line with its
/// number, empty ones too.
pub(crate) fn read_lines(
    file: &InputFile,
    sink: &mut dyn FnMut(u64, &str) -> Result<(), CorpusError>,
) -> Result<(), CorpusError> {
    let watch = Watch::default();
    let mut lines = Lines::new(open_counted(file, &watch)?);
    while let Some((row, line)) = lines.next().map_err(CorpusError::read(&file.path))? {
        sink(row, text_of(file, row, line)?)?;
    }
    Ok(())
}

fn text_of<'a>(file: &InputFile, row: u64, line: Line<'a>) -> Result<&'a str, CorpusError> {
    let Line::Text(bytes) = line else { return Err(CorpusError::row(file, row, TOO_LONG)) };
    let bytes = bytes.strip_suffix(b"\r").unwrap_or(bytes);
    std::str::from_utf8(bytes).map_err(|error| {
        CorpusError::row(file, row, format_args!("byte {} is not UTF-8; save the file as UTF-8", error.valid_up_to()))
    })
}

fn read_objects(file: &InputFile, columns: &[&str], sink: Sink<'_>) -> Result<(), CorpusError> {
    read_lines(file, &mut |row, line| {
        if line.trim().is_empty() {
            return Ok(());
        }
        let object: serde_json::Map<String, Value> = serde_json::from_str(line)
            .map_err(|error| CorpusError::row(file, row, format_args!("{error}; write one JSON object a line")))?;
        let value = |column: &&str| object.get(*column).filter(|value| !value.is_null()).cloned();
        sink(Record { row, values: columns.iter().map(value).collect() })
    })
}

fn read_tsv(file: &InputFile, columns: &[&str], sink: Sink<'_>) -> Result<(), CorpusError> {
    let mut header: Option<Header> = None;
    read_lines(file, &mut |row, line| {
        let fields: Vec<&str> = line.split('\t').take(MAX_COLUMNS + 1).collect();
        if fields.len() > MAX_COLUMNS {
            return Err(CorpusError::row(file, row, TOO_WIDE));
        }
        match &header {
            None => header = Some(Header::of(file, &fields, columns)?),
            Some(_) if line.is_empty() => {}
            Some(header) => sink(header.record(file, row, &fields)?)?,
        }
        Ok(())
    })?;
    header.map_or_else(|| Header::of(file, &[], columns).map(|_| ()), |_| Ok(()))
}

fn read_csv(file: &InputFile, columns: &[&str], sink: Sink<'_>) -> Result<(), CorpusError> {
    let watch = Watch::default();
    let mut rows = CsvRows::new(open_counted(file, &watch)?);
    let mut header: Option<Header> = None;
    while let Some((row, fields)) = rows.next().map_err(CorpusError::read(&file.path))? {
        let fields = fields.map_err(|why| CorpusError::row(file, row, why))?;
        let utf8 = |field: &Vec<u8>| std::str::from_utf8(field).map(ToOwned::to_owned);
        let fields: Result<Vec<String>, _> = fields.iter().map(utf8).collect();
        let fields = fields.map_err(|_| CorpusError::row(file, row, "it is not UTF-8; save the file as UTF-8"))?;
        let fields: Vec<&str> = fields.iter().map(String::as_str).collect();
        match &header {
            None => header = Some(Header::of(file, &fields, columns)?),
            Some(_) if fields == [""] => {}
            Some(header) => sink(header.record(file, row, &fields)?)?,
        }
    }
    header.map_or_else(|| Header::of(file, &[], columns).map(|_| ()), |_| Ok(()))
}

/// Where the columns asked for stand.
struct Header {
    places: Vec<usize>,
    width: usize,
}

impl Header {
    fn of(file: &InputFile, names: &[&str], columns: &[&str]) -> Result<Self, CorpusError> {
        let place = |column: &&str| {
            let found = names.iter().position(|name| name == column);
            found.ok_or_else(|| CorpusError::NoColumn {
                path: file.path.clone(),
                column: (*column).into(),
                found: names.join(", "),
            })
        };
        Ok(Self { places: columns.iter().map(place).collect::<Result<_, _>>()?, width: names.len() })
    }

    fn record(&self, file: &InputFile, row: u64, fields: &[&str]) -> Result<Record, CorpusError> {
        if fields.len() != self.width {
            let (found, width) = (fields.len(), self.width);
            return Err(CorpusError::row(file, row, format_args!("{found} columns where the header has {width}")));
        }
        let value = |place: &usize| fields.get(*place).map(|field| Value::String((*field).into()));
        Ok(Record { row, values: self.places.iter().map(value).collect() })
    }
}

fn read_parquet(file: &InputFile, columns: &[&str], sink: Sink<'_>) -> Result<(), CorpusError> {
    let broken = |why: &dyn Display| broken(file, why);
    let raw = open_for_seeking(file, &Watch::default())?;
    let (pages, mut allowance) = opened_twice(file, &raw)?;
    let reader = SerializedFileReader::new(raw).map_err(|error| broken(&error))?;
    let schema = reader.metadata().file_metadata().schema();
    let names: Vec<&str> = schema.get_fields().iter().map(|field| field.name()).collect();
    Header::of(file, &names, columns)?;
    let is_wanted = |name: &str| columns.contains(&name);
    for column in reader.metadata().row_groups().iter().flat_map(|group| group.columns()) {
        if column.column_path().parts().first().is_some_and(|name| is_wanted(name)) {
            parquet_pages::check(&pages, column, &mut allowance).map_err(|why| broken(&why))?;
        }
    }
    let fields = schema.get_fields().iter().filter(|field| is_wanted(field.name())).cloned().collect();
    let wanted = Type::group_type_builder(schema.name()).with_fields(fields).build().map_err(|error| broken(&error))?;
    for (number, row) in reader.get_row_iter(Some(wanted)).map_err(|error| broken(&error))?.enumerate() {
        let row = row.map_err(|error| broken(&error))?;
        let value = |column: &&str| {
            row.get_column_iter().find(|(name, _)| name == column).and_then(|(_, field)| json_of(field))
        };
        let values: Vec<Option<Value>> = columns.iter().map(value).collect();
        allowance.take(values.iter().flatten().map(text_bytes).sum()).map_err(|why| broken(&why))?;
        sink(Record { row: number as u64 + 1, values })?;
    }
    Ok(())
}

/// Bytes of text in a value: a dictionary's may stand in any number of rows.
fn text_bytes(value: &Value) -> u64 {
    match value {
        Value::String(text) => text.len() as u64,
        Value::Array(items) => items.iter().map(text_bytes).sum(),
        _ => 0,
    }
}

/// Text, numbers and lists of such; none for null and for what no labelled set holds.
fn json_of(field: &Field) -> Option<Value> {
    Some(match field {
        Field::Bool(flag) => (*flag).into(),
        Field::Byte(number) => (*number).into(),
        Field::Short(number) => (*number).into(),
        Field::Int(number) => (*number).into(),
        Field::Long(number) => (*number).into(),
        Field::UByte(number) => (*number).into(),
        Field::UShort(number) => (*number).into(),
        Field::UInt(number) => (*number).into(),
        Field::ULong(number) => (*number).into(),
        Field::Float(number) => f64::from(*number).into(),
        Field::Double(number) => (*number).into(),
        Field::Str(text) => text.clone().into(),
        Field::Bytes(bytes) => std::str::from_utf8(bytes.data()).ok()?.into(),
        Field::ListInternal(list) => list.elements().iter().map(json_of).collect::<Option<Vec<Value>>>()?.into(),
        _ => return None,
    })
}

impl CorpusError {
    /// A row that cannot be used, and why.
    pub(crate) fn row(file: &InputFile, row: u64, why: impl ToString) -> Self {
        Self::Row { path: file.path.clone(), row, why: why.to_string() }
    }
}

/// The file at `path`, which must be there, with its format by its ending unless given.
pub(crate) fn table_file(path: &std::path::Path, format: Option<TextFormat>) -> Result<InputFile, CorpusError> {
    if !path.is_file() {
        let source = io::Error::new(io::ErrorKind::NotFound, "there is no such file");
        return Err(CorpusError::Read { path: path.to_owned(), source });
    }
    super::files::describe_one(path, format)
}
