//! One text column of a parquet file, row group by row group.

use std::fs::File;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::Ordering;

use parquet::column::reader::{ColumnReader, ColumnReaderImpl};
use parquet::data_type::{ByteArray, ByteArrayType};
use parquet::errors::ParquetError;
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::schema::types::SchemaDescriptor;

use super::allowance::Allowance;
use super::files::{Compression, InputFile, open_counted};
use super::{Documents, Watch, parquet_pages};
use crate::CorpusError;

/// Rows taken from the reader at a time.
const ROWS_AT_ONCE: usize = 1024;

/// Reads the column `column`, a string a row; null counts as empty.
pub(super) fn read(file: &InputFile, column: &str, watch: &Watch, into: &mut Documents<'_>) -> Result<(), CorpusError> {
    // The parquet crate is known to panic on some crafted files; the documents so far are dropped with the error.
    let read = catch_unwind(AssertUnwindSafe(|| read_groups(file, column, watch, into)));
    read.unwrap_or_else(|_| Err(broken(file, "its structure is broken")))
}

pub(super) fn broken(file: &InputFile, why: impl ToString) -> CorpusError {
    CorpusError::Parquet { path: file.path.clone(), why: why.to_string() }
}

fn read_groups(file: &InputFile, column: &str, watch: &Watch, into: &mut Documents<'_>) -> Result<(), CorpusError> {
    let raw = open_for_seeking(file, watch)?;
    let (pages, mut allowance) = opened_twice(file, &raw)?;
    let reader = SerializedFileReader::new(raw).map_err(|error| broken(file, error))?;
    let schema = reader.metadata().file_metadata().schema_descr();
    let place = find_column(file, schema, column)?;
    let present = schema.column(place).max_def_level();
    let mut row = 0;
    for index in 0..reader.num_row_groups() {
        let group = reader.get_row_group(index).map_err(|error| broken(file, error))?;
        let bytes = group.metadata().column(place).compressed_size();
        parquet_pages::check(&pages, group.metadata().column(place), &mut allowance)
            .map_err(|why| broken(file, why))?;
        let ColumnReader::ByteArrayColumnReader(values) =
            group.get_column_reader(place).map_err(|error| broken(file, error))?
        else {
            return Err(broken(file, format!("column `{column}` is not text")));
        };
        row = read_column(values, present, row, &mut allowance, file, into)?;
        watch.bytes.fetch_add(u64::try_from(bytes).unwrap_or(0), Ordering::Relaxed);
    }
    Ok(())
}

/// The same open file once more, to look at its pages, and what all of them may unpack to.
pub(super) fn opened_twice(file: &InputFile, raw: &File) -> Result<(File, Allowance), CorpusError> {
    let again = || Ok((raw.try_clone()?, Allowance::of(raw.metadata()?.len())));
    again().map_err(CorpusError::read(&file.path))
}

/// Parquet is read from its end: a compressed file is unpacked first, into a temporary file that the system deletes.
pub(super) fn open_for_seeking(file: &InputFile, watch: &Watch) -> Result<File, CorpusError> {
    if file.compression == Compression::None {
        return File::open(&file.path).map_err(CorpusError::read(&file.path));
    }
    let mut unpacked = tempfile::tempfile().map_err(CorpusError::write(&std::env::temp_dir()))?;
    io::copy(&mut open_counted(file, watch)?, &mut unpacked).map_err(CorpusError::read(&file.path))?;
    Ok(unpacked)
}

fn find_column(file: &InputFile, schema: &SchemaDescriptor, column: &str) -> Result<usize, CorpusError> {
    let names: Vec<String> = schema.columns().iter().map(|column| column.path().string()).collect();
    let Some(place) = names.iter().position(|name| name == column) else {
        return Err(CorpusError::MissingColumn {
            path: file.path.clone(),
            column: column.into(),
            found: names.join(", "),
        });
    };
    let found = schema.column(place);
    if found.max_rep_level() > 0 || found.physical_type() != parquet::basic::Type::BYTE_ARRAY {
        return Err(broken(file, format!("column `{column}` is not one text a row")));
    }
    Ok(place)
}

/// Reads one row group's values; the number of the last row. A value is there where its level is `present`.
fn read_column(
    mut reader: ColumnReaderImpl<ByteArrayType>,
    present: i16,
    mut row: u64,
    allowance: &mut Allowance,
    file: &InputFile,
    into: &mut Documents<'_>,
) -> Result<u64, CorpusError> {
    let mut values: Vec<ByteArray> = Vec::new();
    let mut levels: Vec<i16> = Vec::new();
    loop {
        values.clear();
        levels.clear();
        let (rows, _, _) = reader
            .read_records(ROWS_AT_ONCE, Some(&mut levels), None, &mut values)
            .map_err(|error: ParquetError| broken(file, error))?;
        if rows == 0 {
            return Ok(row);
        }
        // A value of a dictionary may stand in any number of rows: a few bytes for as many texts as one likes.
        let bytes: u64 = values.iter().map(|text| text.len() as u64).sum();
        allowance.take(bytes).map_err(|why| broken(file, why))?;
        let mut texts = values.iter();
        for index in 0..rows {
            row += 1;
            let is_null = present > 0 && levels.get(index).is_none_or(|level| *level < present);
            let text = if is_null { None } else { texts.next() };
            match text.map(|bytes| std::str::from_utf8(bytes.data())) {
                None => into.record("", row)?,
                Some(Ok(text)) => into.record(text, row)?,
                Some(Err(_)) => into.bad(row, "the text is not UTF-8"),
            }
        }
    }
}
