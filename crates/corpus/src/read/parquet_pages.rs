//! The pages of a parquet column before the library reads them.
//!
//! The library takes as much memory as a page's header says, for the page, for its dictionary and for the names in the
//! header itself. So the headers are walked over first: they are small structures in Thrift's compact form, of which five
//! numbers matter.

use std::fs::File;
use std::io::{BufRead, BufReader, Read, Seek, SeekFrom};

use parquet::file::metadata::ColumnChunkMetaData;

use super::allowance::Allowance;

/// What one entry of a dictionary takes in the library's memory, and one of a list, at most.
const ENTRY_BYTES: u64 = 48;
/// A value by itself is read and gone; it still takes its time.
const VALUE_BYTES: u64 = 1;
/// Structures in structures; a page header has three.
const MOST_DEPTH: u32 = 8;

/// Takes what the pages of a column declare out of what the file may unpack to.
///
/// # Errors
/// A sentence, where a header is none, where a page does not fit into its column, or where too much is declared.
pub(super) fn check(file: &File, column: &ColumnChunkMetaData, allowance: &mut Allowance) -> Result<(), String> {
    let whole = file.metadata().map_err(|error| error.to_string())?.len();
    let first = column.dictionary_page_offset().unwrap_or(column.data_page_offset());
    let (start, length) = (u64::try_from(first), u64::try_from(column.compressed_size()));
    let (Ok(start), Ok(length)) = (start, length) else { return Err("a column begins before its file".into()) };
    if start.checked_add(length).is_none_or(|end| end > whole) {
        return Err("a column ends behind its file".into());
    }
    let mut reader = BufReader::new(file);
    reader.seek(SeekFrom::Start(start)).map_err(|error| error.to_string())?;
    let of_value = if column.column_descr().max_rep_level() > 0 { ENTRY_BYTES } else { VALUE_BYTES };
    let mut left = length;
    while left > 0 {
        let mut header = Header { bytes: reader.by_ref().take(left), found: Page::default() };
        header.structure(&mut Vec::new())?;
        let (rest, page) = (header.bytes.limit(), header.found);
        if page.packed > rest {
            return Err("a page ends behind its column".into());
        }
        allowance.take(page.unpacked)?;
        allowance.take(page.entries.saturating_mul(ENTRY_BYTES))?;
        allowance.take(page.values.saturating_mul(of_value))?;
        left = rest - page.packed;
        let skip = i64::try_from(page.packed).map_err(|error| error.to_string())?;
        reader.seek_relative(skip).map_err(|error| error.to_string())?;
    }
    Ok(())
}

/// What a page declares.
#[derive(Debug, Default)]
struct Page {
    unpacked: u64,
    packed: u64,
    /// Of its dictionary, if it is one.
    entries: u64,
    /// Of its data, nulls included, if it holds data.
    values: u64,
}

struct Header<R> {
    bytes: R,
    found: Page,
}

/// Types of Thrift's compact form.
const TRUE: u8 = 1;
const FALSE: u8 = 2;
const BYTE: u8 = 3;
const INTEGERS: std::ops::RangeInclusive<u8> = 4..=6;
const DOUBLE: u8 = 7;
const BINARY: u8 = 8;
const LIST: u8 = 9;
const SET: u8 = 10;
const STRUCTURE: u8 = 12;

impl<R: BufRead> Header<R> {
    /// Reads a structure to its end; `within` are the numbers of the fields around it.
    fn structure(&mut self, within: &mut Vec<u64>) -> Result<(), String> {
        let mut number = 0_u64;
        loop {
            let head = self.byte()?;
            if head == 0 {
                return Ok(());
            }
            number = match u64::from(head >> 4) {
                0 => self.integer()?.try_into().map_err(|_| broken())?,
                step => number + step,
            };
            within.push(number);
            if matches!(head & 15, TRUE | FALSE) { Ok(()) } else { self.value(head & 15, within) }?;
            within.pop();
        }
    }

    fn value(&mut self, kind: u8, within: &mut Vec<u64>) -> Result<(), String> {
        if within.len() > MOST_DEPTH as usize {
            return Err(broken());
        }
        match kind {
            TRUE | FALSE | BYTE => self.byte().map(drop),
            kind if INTEGERS.contains(&kind) => {
                let number = self.integer()?;
                self.note(within, number)
            }
            DOUBLE => self.skip(8),
            BINARY => {
                let length = self.varint()?;
                self.skip(length)
            }
            LIST | SET => {
                let head = self.byte()?;
                let length = if head >> 4 == 15 { self.varint()? } else { u64::from(head >> 4) };
                within.push(0);
                for _ in 0..length {
                    self.value(head & 15, within)?;
                }
                within.pop();
                Ok(())
            }
            STRUCTURE => self.structure(within),
            _ => Err(broken()),
        }
    }

    /// Keeps the numbers that matter. By parquet.thrift, the sizes are fields 2 and 3 of a page header; the number of values is
    /// field 1 of its fields 5 and 8 (data), that of entries of its field 7 (a dictionary).
    fn note(&mut self, within: &[u64], number: i64) -> Result<(), String> {
        let place = match within {
            [2] => &mut self.found.unpacked,
            [3] => &mut self.found.packed,
            [5 | 8, 1] => &mut self.found.values,
            [7, 1] => &mut self.found.entries,
            _ => return Ok(()),
        };
        *place = number.try_into().map_err(|_| "a page of a negative size".to_string())?;
        Ok(())
    }

    fn byte(&mut self) -> Result<u8, String> {
        let mut byte = [0];
        self.bytes.read_exact(&mut byte).map_err(|_| broken())?;
        Ok(byte[0])
    }

    fn varint(&mut self) -> Result<u64, String> {
        let mut number = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            number |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok(number);
            }
        }
        Err(broken())
    }

    fn integer(&mut self) -> Result<i64, String> {
        let number = self.varint()?;
        Ok((number >> 1) as i64 ^ -((number & 1) as i64)) // the sign is the lowest bit
    }

    fn skip(&mut self, bytes: u64) -> Result<(), String> {
        let skipped = std::io::copy(&mut self.bytes.by_ref().take(bytes), &mut std::io::sink());
        if skipped.is_ok_and(|skipped| skipped == bytes) { Ok(()) } else { Err(broken()) }
    }
}

fn broken() -> String {
    "the header of a page is broken".into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(bytes: &[u8]) -> Result<(Page, usize), String> {
        let mut header = Header { bytes, found: Page::default() };
        header.structure(&mut Vec::new())?;
        Ok((header.found, header.bytes.len()))
    }

    #[test]
    fn sizes_are_found_among_other_fields() {
        // Type 2 (a dictionary), sizes 300 and 5, field 7 with 64 entries, plain, sorted; then one byte of the page.
        let dictionary = b"\x15\x04\x15\xd8\x04\x15\x0a\x4c\x15\x80\x01\x15\x00\x11\x00\x00!";
        let (page, rest) = read(dictionary).unwrap();
        assert_eq!((page.unpacked, page.packed, page.entries, page.values, rest), (300, 5, 64, 0, 1));
        // Type 0 (data), sizes 4 and 4, field 5 with 7 values and statistics of two texts, a list and a floating number.
        let data = b"\x15\x00\x15\x08\x15\x08\x2c\x15\x0e\x15\x00\x3c\x28\x01a\x18\x02bc\x19\x25\x02\x04\x1712345678\x00\x00\x00";
        let (page, rest) = read(data).unwrap();
        assert_eq!((page.unpacked, page.packed, page.entries, page.values, rest), (4, 4, 0, 7, 0));
    }

    #[test]
    fn headers_that_are_none_are_refused() {
        assert_eq!(read(b"\x25\x01\x00").unwrap_err(), "a page of a negative size");
        for bytes in [
            &b""[..],
            b"\x15",
            b"\x15\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01\x00", // a number without end
            b"\x18\xff\xff\xff\xff\x0f\x00",                             // a name longer than all there is
            b"\x1e\x00",                                                 // no type
            &b"\x1c".repeat(1000),                                       // structures in structures
            &[b"\x19".as_slice(), &b"\x19".repeat(1000)].concat(),       // lists of lists
        ] {
            assert_eq!(read(bytes).unwrap_err(), broken(), "{bytes:?}");
        }
    }
}
