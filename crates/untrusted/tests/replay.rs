//! What fuzzing begins with and what it has grown before, each read within the limits of time and memory.

use std::path::{Path, PathBuf};

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use casebook_untrusted::{READERS, Taken, held_to_limits, seeds};

fn corpora() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus")
}

/// The inputs of a file, one a line in base64; none of a reader that was not fuzzed yet.
fn grown(reader: &str) -> Vec<Vec<u8>> {
    let text = std::fs::read_to_string(corpora().join(format!("{reader}.txt"))).unwrap_or_default();
    text.lines().map(|line| BASE64_STANDARD.decode(line).expect("a line is base64")).collect()
}

#[test]
fn nothing_that_fuzzing_has_grown_breaks_a_reader_or_its_limits() {
    for reader in READERS {
        let inputs = [seeds::of(reader.name), grown(reader.name)].concat();
        assert!(!inputs.is_empty(), "{} has nothing to read", reader.name);
        let mut taken = 0;
        for (nth, bytes) in inputs.iter().enumerate() {
            match held_to_limits(*reader, bytes) {
                Ok(how) => taken += usize::from(how == Taken::AsIts),
                Err(fault) => panic!("{}, input {nth} of {} bytes: {fault:?}", reader.name, bytes.len()),
            }
        }
        assert!(taken > 0, "{}: none of {} inputs is in its format", reader.name, inputs.len());
    }
}

#[test]
fn every_corpus_belongs_to_a_reader() {
    for entry in std::fs::read_dir(corpora()).expect("there are corpora").flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        assert!(READERS.iter().any(|reader| name == format!("{}.txt", reader.name)), "{name} belongs to no reader");
    }
}
