//! TensorBoard's event files: framed records with checksums, of which the scalars are read.
//!
//! # Source
//! The frame: `tensorflow/core/lib/io/record_writer.h`. The messages: `tensorflow/core/util/event.proto` and
//! `framework/summary.proto`; fields that hold no scalar are passed over by their length.

use crate::collect::{Collector, Context};
use crate::literal::parse;
use crate::log::{NoteKind, Place};

/// A record larger than this holds an image or a graph, or the length is damaged.
const MAX_RECORD: u64 = 64 << 20;
/// Records of one file.
const MAX_RECORDS: u32 = 20_000_000;

/// Whether bytes begin with a sound record header of a first event, which says `brain.Event`.
pub(crate) fn is_events(bytes: &[u8]) -> bool {
    let Some((length, _)) = frame(bytes) else { return false };
    bytes.len() > 24 && length < MAX_RECORD && bytes.windows(11).take(64).any(|window| window == b"brain.Event")
}

/// The length of the record at the front and whether the checksum of the length is right.
fn frame(bytes: &[u8]) -> Option<(u64, bool)> {
    let length: [u8; 8] = bytes.get(..8)?.try_into().ok()?;
    let sum: [u8; 4] = bytes.get(8..12)?.try_into().ok()?;
    Some((u64::from_le_bytes(length), masked_crc32c(&length) == u32::from_le_bytes(sum)))
}

/// Reads the scalars, those of one step in one row. A damaged record ends the reading, and a note says so.
pub(crate) fn read(collector: &mut Collector, source: u32, bytes: &[u8]) {
    let mut rest = bytes;
    let mut record = 0u32;
    let mut row = Row::default();
    while !rest.is_empty() && record < MAX_RECORDS {
        record += 1;
        let place = Place { source, line: record };
        let Some((length, is_sound)) = frame(rest) else {
            collector.note(
                place,
                NoteKind::Damage,
                "the file ends within a record's header: it was cut or is being written",
            );
            break;
        };
        if !is_sound || length > MAX_RECORD {
            collector.note(
                place,
                NoteKind::Damage,
                "the checksum of a record's length is wrong: nothing behind it is read",
            );
            break;
        }
        #[expect(clippy::cast_possible_truncation, reason = "below MAX_RECORD")]
        let end = 12 + length as usize;
        let (Some(data), Some(sum)) = (rest.get(12..end), rest.get(end..end + 4)) else {
            collector.note(place, NoteKind::Damage, "the file ends within a record: it was cut or is being written");
            break;
        };
        if sum == masked_crc32c(data).to_le_bytes() {
            event(collector, place, data, &mut row);
        } else {
            collector.note(place, NoteKind::Damage, "the checksum of a record is wrong: the record is left out");
            collector.unread.add(place, "wrong checksum", "");
        }
        rest = rest.get(end + 4..).unwrap_or_default();
    }
    row.flush(collector);
    collector.lines(source, record);
}

/// Scalars of one step.
#[derive(Default)]
struct Row {
    step: u64,
    place: Option<Place>,
    scalars: Vec<(String, f64)>,
}

impl Row {
    fn flush(&mut self, collector: &mut Collector) {
        if let Some(place) = self.place.take() {
            let context = Context { step: Some(self.step), ..Context::default() };
            // What the trainer logs once at its end.
            let is_final = self.scalars.iter().any(|(name, _)| name.ends_with("train_runtime"));
            if is_final {
                for (name, number) in &self.scalars {
                    let name = name.rsplit('/').next().unwrap_or(name);
                    crate::dictionary::final_figure(collector, name, *number, place);
                }
            } else {
                collector.row(place, &context, self.scalars.iter().map(|(name, number)| (name.as_str(), *number)));
            }
        }
        self.scalars.clear();
    }
}

fn event(collector: &mut Collector, place: Place, data: &[u8], row: &mut Row) {
    let mut step = 0u64;
    let (mut scalars, mut texts) = (Vec::new(), Vec::new());
    let is_whole = fields(data, |field, value| match (field, value) {
        (2, Wire::Number(number)) => step = number,
        (5, Wire::Bytes(summary)) => {
            fields(summary, |field, value| {
                if let (1, Wire::Bytes(value)) = (field, value)
                    && scalars.len() < 4096
                {
                    match scalar(value) {
                        Some(scalar) => scalars.push(scalar),
                        None => texts.extend(text_of(value)),
                    }
                }
            });
        }
        _ => {}
    });
    if !is_whole {
        collector.unread.add(place, "not a message of the event format", "");
    }
    for text in texts {
        settings(collector, place, &text);
    }
    // A negative step is a huge number here.
    if scalars.is_empty() || step > 1 << 50 {
        return;
    }
    let is_repeat = scalars.iter().any(|(name, _)| row.scalars.iter().any(|(other, _)| other == name));
    if row.place.is_some() && (row.step != step || is_repeat) {
        row.flush(collector);
    }
    row.step = step;
    row.place = row.place.or(Some(place));
    row.scalars.append(&mut scalars);
}

/// A summary value's name and number, where it is a scalar.
fn scalar(value: &[u8]) -> Option<(String, f64)> {
    let mut name = None;
    let mut number = None;
    fields(value, |field, value| match (field, value) {
        (1, Wire::Bytes(tag)) => {
            name = Some(String::from_utf8_lossy(tag.get(..tag.len().min(512)).unwrap_or_default()).into_owned())
        }
        (2, Wire::Word(word)) => number = Some(f64::from(f32::from_bits(word))),
        (8, Wire::Bytes(tensor)) => number = number.or(tensor_scalar(tensor)),
        _ => {}
    });
    Some((name?, number?))
}

/// The text of a value that holds one: the Hugging Face Trainer writes its arguments as JSON under `args/text_summary`.
fn text_of(value: &[u8]) -> Option<String> {
    let (mut kind, mut text) = (0, None);
    fields(value, |field, value| {
        if let (8, Wire::Bytes(tensor)) = (field, value) {
            fields(tensor, |field, value| match (field, value) {
                (1, Wire::Number(number)) => kind = number,
                (8, Wire::Bytes(bytes)) => text = Some(String::from_utf8_lossy(bytes).into_owned()),
                _ => {}
            });
        }
    });
    // DT_STRING
    text.filter(|_| kind == 7)
}

/// Settings in a JSON text; other texts say nothing here.
fn settings(collector: &mut Collector, place: Place, text: &str) {
    let Ok((node, _)) = parse(text, 0) else { return };
    for (name, node) in node.entries() {
        match (node.number(), node.text()) {
            (Some(number), _) => collector.fact(name, &number.to_string(), place, false),
            (None, Some(text)) => collector.fact(name, text, place, false),
            _ => {}
        }
    }
}

/// The number of a tensor with one element.
fn tensor_scalar(tensor: &[u8]) -> Option<f64> {
    let (mut kind, mut content, mut float, mut double) = (0, None, None, None);
    fields(tensor, |field, value| match (field, value) {
        (1, Wire::Number(number)) => kind = number,
        (4, Wire::Bytes(bytes)) => content = Some(bytes),
        (5, Wire::Word(word)) => float = Some(f64::from(f32::from_bits(word))),
        (5, Wire::Bytes(bytes)) => float = bytes.try_into().ok().map(|bytes| f64::from(f32::from_le_bytes(bytes))),
        (6, Wire::Long(long)) => double = Some(f64::from_bits(long)),
        (6, Wire::Bytes(bytes)) => double = bytes.try_into().ok().map(f64::from_le_bytes),
        _ => {}
    });
    let of_content = |bytes: &[u8]| match kind {
        1 => bytes.try_into().ok().map(|bytes| f64::from(f32::from_le_bytes(bytes))),
        2 => bytes.try_into().ok().map(f64::from_le_bytes),
        _ => None,
    };
    // DT_FLOAT is 1, DT_DOUBLE 2; texts and histograms are other kinds.
    match kind {
        1 => float.or_else(|| content.and_then(of_content)),
        2 => double.or_else(|| content.and_then(of_content)),
        _ => None,
    }
}

enum Wire<'a> {
    Number(u64),
    Long(u64),
    Bytes(&'a [u8]),
    Word(u32),
}

/// Visits the fields of a message; false where the bytes are no message.
fn fields<'a>(mut bytes: &'a [u8], mut visit: impl FnMut(u64, Wire<'a>)) -> bool {
    while !bytes.is_empty() {
        let Some((key, rest)) = varint(bytes) else { return false };
        let field = key >> 3;
        let (value, rest) = match key & 7 {
            0 => match varint(rest) {
                Some((number, rest)) => (Wire::Number(number), rest),
                None => return false,
            },
            1 => match rest.split_first_chunk::<8>() {
                Some((long, rest)) => (Wire::Long(u64::from_le_bytes(*long)), rest),
                None => return false,
            },
            2 => {
                let Some((length, rest)) = varint(rest) else { return false };
                let Ok(length) = usize::try_from(length) else { return false };
                match rest.split_at_checked(length) {
                    Some((bytes, rest)) => (Wire::Bytes(bytes), rest),
                    None => return false,
                }
            }
            5 => match rest.split_first_chunk::<4>() {
                Some((word, rest)) => (Wire::Word(u32::from_le_bytes(*word)), rest),
                None => return false,
            },
            _ => return false,
        };
        visit(field, value);
        bytes = rest;
    }
    true
}

fn varint(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let mut number = 0u64;
    for (at, &byte) in bytes.iter().enumerate().take(10) {
        number |= u64::from(byte & 0x7f).checked_shl(7 * u32::try_from(at).ok()?).unwrap_or(0);
        if byte & 0x80 == 0 {
            return Some((number, bytes.get(at + 1..)?));
        }
    }
    None
}

/// CRC-32C, rotated and shifted so that a checksum of data with checksums in it stays a good one.
pub(crate) fn masked_crc32c(bytes: &[u8]) -> u32 {
    let sum = crc32c(bytes);
    sum.rotate_right(15).wrapping_add(0xa282_ead8)
}

/// Castagnoli's polynomial, reflected; a byte at a time.
fn crc32c(bytes: &[u8]) -> u32 {
    const TABLE: [u32; 256] = table();
    !bytes.iter().fold(!0u32, |sum, byte| (sum >> 8) ^ TABLE[((sum ^ u32::from(*byte)) & 0xff) as usize])
}

const fn table() -> [u32; 256] {
    let mut table = [0u32; 256];
    let mut at = 0;
    while at < 256 {
        #[expect(clippy::cast_possible_truncation, reason = "below 256")]
        let mut sum = at as u32;
        let mut bit = 0;
        while bit < 8 {
            sum = if sum & 1 == 1 { (sum >> 1) ^ 0x82f6_3b78 } else { sum >> 1 };
            bit += 1;
        }
        table[at] = sum;
        at += 1;
    }
    table
}

#[cfg(test)]
#[path = "tfevents_tests.rs"]
pub(crate) mod tests;
