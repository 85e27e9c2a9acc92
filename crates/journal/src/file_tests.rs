//! The journal's file: what is written comes back, and what was damaged is found.

use std::fs;

use super::*;
use crate::synthetic::{alert, all_kinds, checkpoint, end, eval, log, resume, start};

/// A journal of these events, and its folder, which goes with it.
fn written(events: &[Event]) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal.jsonl");
    let mut journal = Journal::create(&path).unwrap();
    for event in events {
        journal.append(event).unwrap();
    }
    (folder, path)
}

#[test]
fn every_kind_of_event_survives_the_file() {
    let (_folder, path) = written(&all_kinds());
    assert_eq!(read_all(&path).unwrap(), all_kinds());
}

#[test]
fn floats_and_strings_come_back_to_the_bit() {
    let mut event = log(50);
    if let Event::Log(log) = &mut event {
        log.loss = 0.1 + 0.2;
        log.lr = f64::MIN_POSITIVE;
        log.epoch = 1e300;
        log.tokens_seen = u64::MAX;
        log.kinds.random = None;
        log.corpora[0].name = "한국어 \"quoted\" \\ \u{0}\u{2028}\nnext".into();
        log.corpora[1].bits_per_char = None;
    }
    let (_folder, path) = written(std::slice::from_ref(&event));
    assert_eq!(read_all(&path).unwrap(), [event]);
    assert_eq!(fs::read_to_string(&path).unwrap().lines().count(), 1);
}

#[test]
fn create_refuses_an_existing_file_and_leaves_it_alone() {
    let (_folder, path) = written(&[start()]);
    let error = Journal::create(&path).unwrap_err();
    assert!(matches!(error, JournalError::JournalExists { .. }), "{error}");
    assert_eq!(read_all(&path).unwrap(), [start()]);
}

#[test]
fn a_new_journal_has_its_name_on_disk_before_anything_is_written() {
    use disk::{Recorded, Recording, watched};
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal.jsonl");
    let (_, recording) = watched(Recording::default(), || Journal::create(&path).unwrap());
    assert_eq!(recording.operations, [Recorded::Create(path), Recorded::SyncFolder(folder.path().into())]);
}

#[test]
fn a_missing_file_or_folder_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("gone").join("journal.jsonl");
    for error in [Journal::create(&path).unwrap_err(), Journal::open(&path).unwrap_err(), read(&path).unwrap_err()] {
        assert!(matches!(&error, JournalError::Io { path: named, .. } if *named == path), "{error}");
        assert!(std::error::Error::source(&error).is_some());
    }
}

#[test]
fn open_goes_on_where_the_journal_ended() {
    let (_folder, path) = written(&[start(), log(50)]);
    let (mut journal, torn) = Journal::open(&path).unwrap();
    assert_eq!(torn, None);
    journal.append(&log(100)).unwrap();
    assert_eq!(read_all(&path).unwrap(), [start(), log(50), log(100)]);
}

#[test]
fn an_empty_journal_is_read_and_opened() {
    let (_folder, path) = written(&[]);
    assert_eq!(read(&path).unwrap(), []);
    let (mut journal, torn) = Journal::open(&path).unwrap();
    assert_eq!(torn, None);
    journal.append(&start()).unwrap();
    assert_eq!(read(&path).unwrap(), [start()]);
}

#[test]
fn a_last_line_torn_at_any_byte_is_passed_over_and_cut_off() {
    let (_folder, path) = written(&[start(), eval(0), checkpoint(50)]);
    let whole = fs::read(&path).unwrap();
    let last = whole[..whole.len() - 1].iter().rposition(|&byte| byte == b'\n').unwrap() + 1;
    for length in last..whole.len() {
        fs::write(&path, &whole[..length]).unwrap();
        assert_eq!(read_all(&path).unwrap(), [start(), eval(0)], "cut to {length}");
        let (mut journal, torn) = Journal::open(&path).unwrap();
        let expected = TornTail { offset: last as u64, bytes: (length - last) as u64 };
        assert_eq!(torn, (length > last).then_some(expected), "cut to {length}");
        journal.append(&log(50)).unwrap();
        assert_eq!(read_all(&path).unwrap(), [start(), eval(0), log(50)], "cut to {length}");
    }
}

#[test]
fn an_only_line_torn_leaves_an_empty_journal() {
    let (_folder, path) = written(&[start()]);
    let whole = fs::read(&path).unwrap();
    fs::write(&path, &whole[..10]).unwrap();
    assert_eq!(read_all(&path).unwrap(), []);
    let (journal, torn) = Journal::open(&path).unwrap();
    assert_eq!(torn, Some(TornTail { offset: 0, bytes: 10 }));
    assert_eq!(fs::metadata(journal.path()).unwrap().len(), 0);
}

#[test]
fn a_last_line_of_zeros_is_a_torn_one() {
    let (_folder, path) = written(&[start(), log(50)]);
    let mut bytes = fs::read(&path).unwrap();
    let length = bytes.len() as u64;
    bytes.extend([0; 4096]);
    fs::write(&path, &bytes).unwrap();
    assert_eq!(read_all(&path).unwrap(), [start(), log(50)]);
    assert_eq!(Journal::open(&path).unwrap().1, Some(TornTail { offset: length, bytes: 4096 }));
}

#[test]
fn any_flipped_bit_of_a_line_in_the_middle_is_found_with_its_number() {
    let (_folder, path) = written(&[start(), alert(10), resume(5), end(20)]);
    let whole = fs::read(&path).unwrap();
    let ends: Vec<usize> = (0..whole.len()).filter(|&at| whole[at] == b'\n').collect();
    for at in ends[0] + 1..=ends[2] {
        for bit in 0..8 {
            let mut bytes = whole.clone();
            bytes[at] ^= 1 << bit;
            fs::write(&path, &bytes).unwrap();
            let expected = 1 + ends.iter().filter(|&&end| end < at).count() as u64;
            // The lost newline of the last line but one makes one line of two, and that one is the last.
            if at == ends[2] {
                assert_eq!(read_all(&path).unwrap().len(), 2);
                continue;
            }
            match read_all(&path) {
                Err(JournalError::DamagedLine { line, .. }) => assert_eq!(line, expected, "byte {at}, bit {bit}"),
                other => panic!("byte {at}, bit {bit}: {other:?}"),
            }
        }
    }
}

#[test]
fn a_damaged_line_says_what_is_wrong_and_what_to_do() {
    let (_folder, path) = written(&[start(), log(50), log(100)]);
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, text.replacen("\"step\":50", "\"step\":51", 1)).unwrap();
    let message = read(&path).unwrap_err().to_string();
    assert!(message.contains("line 2: the line says crc32") && message.contains("keep lines 1 to 1"), "{message}");
    fs::write(&path, text.replacen("\"step\":50", "\n", 1)).unwrap();
    let message = read(&path).unwrap_err().to_string();
    assert!(message.contains("line 2: the line does not end with its `crc32`"), "{message}");
}

#[test]
fn open_refuses_a_torn_line_behind_a_damaged_one() {
    let (_folder, path) = written(&[start(), log(50), log(100)]);
    let text = fs::read_to_string(&path).unwrap();
    let damaged = text.replacen("\"step\":50", "\"step\":51", 1);
    let damaged = &damaged.as_bytes()[..damaged.len() - 5];
    fs::write(&path, damaged).unwrap();
    let error = Journal::open(&path).unwrap_err();
    assert!(matches!(error, JournalError::DamagedLine { line: 2, .. }), "{error}");
    assert_eq!(fs::read(&path).unwrap(), damaged, "nothing is cut off a file that needs a person");
}

#[test]
fn open_looks_at_the_last_two_lines_alone() {
    let (_folder, path) = written(&[start(), log(50), log(100)]);
    let text = fs::read_to_string(&path).unwrap();
    let damaged = text.replacen("\"event\":\"start\"", "\"event\":\"stars\"", 1);
    fs::write(&path, &damaged.as_bytes()[..damaged.len() - 5]).unwrap();
    assert!(Journal::open(&path).unwrap().1.is_some(), "the torn line is cut off");
    assert!(matches!(read(&path), Err(JournalError::DamagedLine { line: 1, .. })), "who reads is told");
}

#[test]
fn a_sound_line_of_a_newer_version_is_no_damage() {
    let (_folder, path) = written(&[start()]);
    let content = r#"{"event":"telepathy","step":1}"#;
    let open = content.strip_suffix('}').unwrap();
    let line = format!("{open},\"crc32\":\"{:08x}\"}}\n", crc32fast::hash(content.as_bytes()));
    fs::write(&path, fs::read_to_string(&path).unwrap() + &line).unwrap();
    let error = read(&path).unwrap_err();
    assert!(matches!(error, JournalError::UnknownEvent { line: 2, .. }), "{error}");
    assert!(Journal::open(&path).unwrap().1.is_none());
}

#[test]
fn a_non_finite_float_is_refused_by_name_and_nothing_is_written() {
    let (_folder, path) = written(&[start()]);
    let before = fs::read(&path).unwrap();
    let (mut journal, _) = Journal::open(&path).unwrap();
    let mut event = log(150);
    if let Event::Log(log) = &mut event {
        log.grad_norm.p95 = f64::INFINITY;
    }
    let message = journal.append(&event).unwrap_err().to_string();
    assert!(message.starts_with("`grad_norm.p95` of the log event at step 150 is not a finite number"), "{message}");
    let mut event = eval(100);
    if let Event::Eval(eval) = &mut event {
        eval.corpora[1].bits_per_char = Some(f64::NAN);
    }
    let message = journal.append(&event).unwrap_err().to_string();
    assert!(message.starts_with("`corpora[1].bits_per_char` of the eval event at step 100"), "{message}");
    assert_eq!(fs::read(&path).unwrap(), before);
}

#[test]
fn a_line_that_failed_is_cut_off_at_once_or_before_the_next_one() {
    use disk::{Failing, Failure, watched};
    for for_good in [false, true] {
        let (_folder, path) = written(&[start()]);
        let (mut journal, _) = Journal::open(&path).unwrap();
        for step in [50, 100, 150] {
            journal.append(&log(step)).unwrap();
            let length = fs::metadata(&path).unwrap().len();
            let (failed, _) = watched(Failing::at(0, Failure::ShortWrite, for_good), || journal.append(&log(step + 1)));
            assert!(matches!(failed, Err(JournalError::Io { action: "write to", .. })));
            // For good: cutting failed as well, and half a line is left until something can be written again.
            assert_eq!(fs::metadata(&path).unwrap().len() > length, for_good);
        }
        journal.append(&end(200)).unwrap();
        assert_eq!(read_all(&path).unwrap(), [start(), log(50), log(100), log(150), end(200)]);
    }
}

#[test]
fn read_leaves_out_what_a_resume_took_back() {
    let events = [start(), log(50), log(100), end(100), resume(50), log(100)];
    let (_folder, path) = written(&events);
    assert_eq!(read_all(&path).unwrap(), events);
    assert_eq!(read(&path).unwrap(), [start(), log(50), resume(50), log(100)]);
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_passed_up_with_path_and_cause() {
    let full = Path::new("/dev/full");
    let file = DiskFile::append(full).unwrap();
    let mut journal = Journal { file, path: full.to_path_buf(), length: 0, torn: false };
    let error = journal.append(&start()).unwrap_err();
    assert_eq!(error.to_string(), "cannot write to /dev/full (make room, then run the same command again)");
    assert!(std::error::Error::source(&error).unwrap().to_string().contains("No space left"));
    // A device cannot be cut: the journal remembers that its end may be torn, and does not write behind it.
    assert!(journal.torn);
    assert!(matches!(journal.append(&start()), Err(JournalError::Io { action: "repair", .. })));
}
