use proptest::prelude::*;

use super::*;
use crate::log::{Format, Log, Split};
use crate::read_bytes;

fn varint_of(mut number: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    while number > 0x7f {
        bytes.push((number & 0x7f) as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
    bytes
}

pub(crate) fn field(number: u64, bytes: &[u8]) -> Vec<u8> {
    [varint_of(number << 3 | 2), varint_of(bytes.len() as u64), bytes.to_vec()].concat()
}

pub(crate) fn record(data: &[u8]) -> Vec<u8> {
    let length = (data.len() as u64).to_le_bytes();
    [&length[..], &masked_crc32c(&length).to_le_bytes(), data, &masked_crc32c(data).to_le_bytes()].concat()
}

fn scalar_event(step: u64, value: &[u8]) -> Vec<u8> {
    record(&[varint_of(2 << 3), varint_of(step), field(5, &field(1, value))].concat())
}

pub(crate) fn simple(step: u64, tag: &str, number: f32) -> Vec<u8> {
    scalar_event(step, &[field(1, tag.as_bytes()), vec![2 << 3 | 5], number.to_le_bytes().to_vec()].concat())
}

fn tensor(step: u64, tag: &str, number: f32) -> Vec<u8> {
    let tensor = [vec![1 << 3, 1], field(4, &number.to_le_bytes())].concat();
    scalar_event(step, &[field(1, tag.as_bytes()), field(8, &tensor)].concat())
}

fn file() -> Vec<u8> {
    [
        record(&field(3, b"brain.Event:2")),
        simple(10, "train/loss", 0.5),
        simple(10, "train/learning_rate", 0.25),
        tensor(20, "eval/loss", 0.75),
    ]
    .concat()
}

fn of(bytes: Vec<u8>) -> Log {
    read_bytes("events", bytes)
}

#[test]
fn the_checksum_is_castagnolis() {
    // RFC 3720, B.4: 32 bytes of zeros.
    assert_eq!(crc32c(&[0; 32]), 0x8a91_36aa);
    assert_eq!(crc32c(b"123456789"), 0xe306_9283);
}

#[test]
fn scalars_of_both_kinds_are_read_and_one_step_is_one_row() {
    let log = of(file());
    assert_eq!(log.sources[0].format, Format::TensorBoard);
    let run = &log.runs[0];
    assert_eq!(run.rows.len(), 2);
    assert_eq!(run.series(&Split::Train, "lr")[0].value, 0.25);
    assert_eq!(
        (run.series(&Split::Valid, "loss")[0].step, run.series(&Split::Valid, "loss")[0].value),
        (Some(20), 0.75)
    );
    assert!(log.notes.is_empty());
}

#[test]
fn arguments_in_a_text_are_facts() {
    let tensor = [vec![1 << 3, 7], field(8, b"{\"learning_rate\": 5e-05, \"lr_scheduler_type\": \"linear\"}")].concat();
    let event = scalar_event(0, &[field(1, b"args/text_summary"), field(8, &tensor)].concat());
    let log = of([file(), event].concat());
    assert_eq!(log.runs[0].number("learning_rate"), Some(5e-5));
    assert_eq!(log.runs[0].fact("schedule").map(|fact| fact.text.as_str()), Some("linear"));
}

#[test]
fn a_flipped_byte_costs_its_record_and_is_reported() {
    let mut bytes = file();
    let at = bytes.len() - 8;
    bytes[at] ^= 1;
    let log = of(bytes);
    assert_eq!(log.runs[0].rows.len(), 1);
    assert_eq!((log.notes[0].kind, log.unread.count), (NoteKind::Damage, 1));
}

#[test]
fn a_cut_file_is_read_up_to_the_cut() {
    let mut bytes = file();
    bytes.truncate(bytes.len() - 3);
    let log = of(bytes);
    assert_eq!(log.runs[0].rows.len(), 1);
    assert!(log.notes[0].text.contains("ends within"), "{}", log.notes[0].text);
}

proptest! {
    #[test]
    fn no_bytes_make_the_reader_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300), at in 0usize..200, flip in any::<u8>()) {
        of([record(&field(3, b"brain.Event:2")), record(&bytes), bytes.clone()].concat());
        let mut damaged = file();
        let length = damaged.len();
        damaged[at % length] ^= flip;
        of(damaged);
        of(bytes);
    }
}
