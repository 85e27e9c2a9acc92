use std::fs;

use super::*;
use crate::log::{NoteKind, Split};

const ROW: &str = "{'loss': 0.5, 'epoch': 1.0}\n";

#[test]
fn content_decides_and_not_the_ending() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log.csv");
    fs::write(&path, ROW).unwrap();
    let log = read(&path).unwrap();
    assert_eq!((log.sources[0].format, log.runs[0].rows.len()), (Format::Text, 1));
}

#[test]
fn a_folder_without_a_log_says_what_was_looked_for() {
    let folder = tempfile::tempdir().unwrap();
    let error = read(folder.path()).unwrap_err().to_string();
    assert!(error.contains("trainer_state.json"), "{error}");
    assert!(matches!(read(&folder.path().join("none")), Err(DiagnoseError::Io { .. })));
}

#[test]
fn standard_input_and_wide_characters_are_read() {
    assert_eq!(read_from("standard input", ROW.as_bytes()).unwrap().runs[0].rows.len(), 1);
    let wide: Vec<u8> = [0xff, 0xfe].into_iter().chain(ROW.encode_utf16().flat_map(u16::to_le_bytes)).collect();
    assert_eq!(read_bytes("powershell", wide).runs[0].rows.len(), 1);
    assert_eq!(read_bytes("latin", [b"caf\xe9\n", ROW.as_bytes()].concat()).runs[0].rows.len(), 1);
}

#[test]
fn an_endless_reader_is_refused() {
    let error = bytes_of("zero", Path::new("zero"), std::io::repeat(b'0').take(10)).map(|bytes| bytes.len());
    assert_eq!(error.unwrap(), 10);
}

#[test]
fn a_journal_of_a_later_version_is_read_as_far_as_its_lines_are_known() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal.jsonl");
    let mut journal = journal::Journal::create(&path).unwrap();
    let (time, run, version) = ("2026-01-01T00:00:00Z".into(), "case-a-s1".into(), "9".into());
    let start = journal::Start { format: journal::FORMAT + 1, time, run, version };
    journal.append(&journal::Event::Start(start)).unwrap();
    let rows = (1..9).map(|step| format!("{{\"event\":\"log\",\"step\":{step},\"loss\":2.5,\"wings\":2}}\n"));
    fs::write(&path, fs::read_to_string(&path).unwrap() + &rows.collect::<String>()).unwrap();
    let log = read(&path).unwrap();
    assert_eq!(log.runs[0].rows.len(), 8);
    let said = &log.notes.iter().find(|note| note.kind == NoteKind::Damage).unwrap().text;
    assert!(said.starts_with("the journal is of a later version and read line by line"), "{said}");
    assert!(said.contains("has format 2, and this program knows 1 at most"), "{said}");
}

#[test]
fn our_own_journal_is_read_with_its_lines_and_its_resumes() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal.jsonl");
    let mut journal = journal::Journal::create(&path).unwrap();
    let eval = |step, loss| {
        journal::Event::Eval(journal::Eval {
            step,
            epoch: 0.5,
            time_s: 1.0,
            split: "valid".into(),
            loss,
            accuracy: 0.5,
            perplexity: 2.0,
            bits_per_char: 1.0,
            scored: 100,
            kinds: journal::Kinds::default(),
            corpora: Vec::new(),
            duration_s: 1.0,
            best: false,
            scores: None,
        })
    };
    let start = journal::Start {
        format: journal::FORMAT,
        time: "2026-01-01T00:00:00Z".into(),
        run: "case-a-s1".into(),
        version: "0".into(),
    };
    let resume = journal::Resume {
        format: journal::FORMAT,
        time: "2026-01-01T00:00:00Z".into(),
        step: 10,
        checkpoint: "c".into(),
        changes: Vec::new(),
        version: None,
        commit: None,
        device: None,
    };
    for event in
        [journal::Event::Start(start), eval(10, 3.0), eval(20, 2.0), journal::Event::Resume(resume), eval(20, 2.5)]
    {
        journal.append(&event).unwrap();
    }
    fs::write(folder.path().join("run.json"), "{\"plan\": {\n\"total_steps\": 40}}").unwrap();
    let log = read(&path).unwrap();
    let run = &log.runs[0];
    assert_eq!(run.name, "case-a-s1");
    let valid = run.series(&Split::Valid, "loss");
    assert_eq!(
        valid.iter().map(|point| (point.step, point.value, point.place.line)).collect::<Vec<_>>(),
        [(Some(10), 3.0, 2), (Some(20), 2.5, 5)]
    );
    assert_eq!(run.number("max_steps"), Some(40.0));
    assert!(log.notes.iter().any(|note| note.kind == NoteKind::Restart));
    // A flipped digit is found by the checksum; the numbers are read all the same, and a note says so.
    let text = fs::read_to_string(&path).unwrap().replacen("\"loss\":3.0", "\"loss\":4.0", 1);
    fs::write(&path, text).unwrap();
    let log = read(&path).unwrap();
    assert_eq!(log.notes[0].kind, NoteKind::Damage);
    assert_eq!(log.runs[0].series(&Split::Valid, "loss")[0].value, 4.0);
}
