//! `run.json`, `journal.jsonl` and `notes.jsonl` as they were released: read for ever, and written no other way under the same
//! number.
//!
//! The fixtures in `formats/N` are of format N and are never changed. A new format has a folder of its own, which
//!
//! ```text
//! CASEBOOK_WRITE_FORMATS=1 cargo test --release -p casebook-journal --test formats what_is_written
//! ```
//!
//! makes from what is below, where there is none yet.

#![allow(clippy::unwrap_used, reason = "helpers of tests, too, fail by panicking")]

mod made;

use std::fs;
use std::path::{Path, PathBuf};

use casebook_journal::{
    Event, FORMAT, Journal, JournalError, NOTES_FORMAT, RunInfo, RunState, Status, add_note, list_runs, read, read_all,
    read_notes,
};
use made::{events, info, notes};

fn fixtures(format: u32) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/formats").join(format.to_string())
}

/// The three files, as this version writes them.
fn write(folder: &Path) {
    info().write(folder).unwrap();
    let mut journal = Journal::create(&folder.join("journal.jsonl")).unwrap();
    events().iter().for_each(|event| journal.append(event).unwrap());
    notes().iter().for_each(|note| add_note(folder, note).unwrap());
}

const FILES: [&str; 3] = ["run.json", "journal.jsonl", "notes.jsonl"];

#[test]
fn what_is_written_under_a_number_is_what_was_always_written_under_it() {
    assert_eq!(NOTES_FORMAT, FORMAT, "with numbers of their own these need fixtures of their own");
    let released = fixtures(FORMAT);
    if std::env::var_os("CASEBOOK_WRITE_FORMATS").is_some() && !released.join(FILES[0]).exists() {
        fs::create_dir_all(&released).unwrap();
        write(&released);
    }
    let folder = tempfile::tempdir().unwrap();
    write(folder.path());
    for file in FILES {
        let (ours, theirs) = (folder.path().join(file), released.join(file));
        assert_eq!(
            fs::read_to_string(ours).unwrap(),
            fs::read_to_string(theirs).unwrap(),
            "{file} is written otherwise than format {FORMAT} was: count its format up, and read both"
        );
    }
}

#[test]
fn every_released_format_is_read() {
    let released = fixtures(1);
    assert_eq!(RunInfo::read(&released).unwrap(), info());
    assert_eq!(read_all(&released.join("journal.jsonl")).unwrap(), events());
    assert_eq!(read_notes(&released).unwrap(), notes());
    // What a clock of this program's reader makes of it: the resume takes nothing back, its step was the last.
    assert_eq!(read(&released.join("journal.jsonl")).unwrap(), events());
}

#[test]
fn files_from_before_the_numbers_are_of_the_first_format() {
    let path = fixtures(1).join("before-its-number.jsonl");
    let events = read_all(&path).unwrap();
    let kinds: Vec<&str> = events.iter().map(Event::name).collect();
    assert_eq!(kinds, ["start", "eval", "log", "epoch", "checkpoint", "alert", "resume", "end"]);
    let [Event::Start(start), Event::Eval(eval), .., Event::Resume(resume), Event::End(end)] = &events[..] else {
        panic!("{events:?}");
    };
    assert_eq!((start.format, start.run.as_str()), (1, "case1/layer-4/s1"));
    assert_eq!((eval.loss, eval.scored, eval.corpora[1].bits_per_char), (9.1, 123_456, Some(4.936_325_351_905_677)));
    assert_eq!((resume.format, resume.step, &resume.version), (1, 250, &None));
    assert_eq!((end.status, end.time_s), (Status::Finished, 640.0));

    let folder = tempfile::tempdir().unwrap();
    info().write(folder.path()).unwrap();
    fs::write(
        folder.path().join("notes.jsonl"),
        sealed(r#"{"time":"2026-11-21T12:00:00Z","text":"again"}"#) + &sealed(r#"{"time":"t","text":"and \"again\""}"#),
    )
    .unwrap();
    let read = read_notes(folder.path()).unwrap();
    assert_eq!(read.iter().map(|note| note.text.as_str()).collect::<Vec<_>>(), ["again", "and \"again\""]);
}

/// A line with its checksum.
fn sealed(line: &str) -> String {
    let checksum = crc32fast::hash(line.as_bytes());
    format!("{},\"crc32\":\"{checksum:08x}\"}}\n", line.strip_suffix('}').unwrap())
}

/// The released files with their formats replaced, and what reading each says.
fn with_format(number: &str) -> [JournalError; 3] {
    let folder = tempfile::tempdir().unwrap();
    let replaced = |file: &str| {
        let text = fs::read_to_string(fixtures(FORMAT).join(file)).unwrap();
        assert!(text.contains(&format!("\"format\":{FORMAT}")) || text.contains(&format!("\"format\": {FORMAT}")));
        text.replace(&format!("\"format\":{FORMAT}"), &format!("\"format\":{number}"))
            .replace(&format!("\"format\": {FORMAT}"), &format!("\"format\": {number}"))
    };
    // A later format may hold what is not known here: a field, and another type in place of a known one.
    let later = replaced("run.json").replacen("\"seed\": ", "\"wings\": 2, \"seed\": [], \"was_seed\": ", 1);
    fs::write(folder.path().join("run.json"), later).unwrap();
    for file in ["journal.jsonl", "notes.jsonl"] {
        let line = |line: &str| {
            sealed(
                &(line
                    .rsplit_once(",\"crc32\"")
                    .unwrap()
                    .0
                    .replace("\"time\":\"", "\"wings\":2,\"time\":[],\"was\":\"")
                    + "}"),
            )
        };
        fs::write(folder.path().join(file), replaced(file).lines().map(line).collect::<String>()).unwrap();
    }
    assert_eq!(list_runs(folder.path()).unwrap().runs[0].state, RunState::Damaged);
    [
        RunInfo::read(folder.path()).unwrap_err(),
        read_all(&folder.path().join("journal.jsonl")).unwrap_err(),
        read_notes(folder.path()).unwrap_err(),
    ]
}

#[test]
fn a_later_format_is_refused_by_its_number_whatever_else_it_holds() {
    for (error, file) in with_format(&(FORMAT + 1).to_string()).into_iter().zip(FILES) {
        assert!(matches!(error, JournalError::Format { found, known: FORMAT, .. } if found == FORMAT + 1), "{error}");
        let said = error.to_string();
        let wanted = format!(
            "{file} has format {}, and this program knows {FORMAT} at most: use the version of casebook that wrote it, or a newer one",
            FORMAT + 1
        );
        assert!(said.ends_with(&wanted), "{said}");
    }
}

#[test]
fn a_format_that_never_was_is_refused() {
    assert!(with_format("0").iter().all(|error| matches!(error, JournalError::Format { found: 0, .. })));
    for number in ["-1", "1.5", "\"1\"", "null", "4294967296"] {
        let [info, journal, notes] = with_format(number);
        assert!(matches!(info, JournalError::InfoSyntax { .. }), "{number}: {info}");
        assert!(matches!(journal, JournalError::UnknownEvent { line: 1, .. }), "{number}: {journal}");
        assert!(matches!(notes, JournalError::UnknownEvent { line: 1, .. }), "{number}: {notes}");
    }
}

/// `runs` and `docs/records` of this repository: records of real runs, as the versions that made them wrote them.
#[test]
fn every_committed_record_is_read_whole() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let committed = ["runs", "docs/records"].map(|folder| folders_with(&root.join(folder), "run.json")).concat();
    for folder in &committed {
        let folder = folder.as_path();
        let info = RunInfo::read(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
        assert!(info.format == 1 && info.plan.total_steps > 0 && info.model.parameters > 0, "{}", folder.display());
        let events = read_all(&folder.join("journal.jsonl")).unwrap();
        let ends = events.iter().filter(|event| matches!(event, Event::End(_))).count();
        assert!(matches!(events[0], Event::Start(_)) && ends > 0, "{}", folder.display());
        let case = fs::read_to_string(folder.join("case.toml")).unwrap();
        let config = case::read_resolved(&case).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
        assert_eq!(config.question, info.question, "{}", folder.display());
        read_notes(folder).unwrap();
    }
    assert!(committed.len() >= 195, "only {} committed runs are there", committed.len());
}

fn folders_with(root: &Path, file: &str) -> Vec<PathBuf> {
    if root.join(file).is_file() {
        return vec![root.to_path_buf()];
    }
    let entries = fs::read_dir(root).unwrap().map(|entry| entry.unwrap().path());
    entries.filter(|path| path.is_dir()).flat_map(|path| folders_with(&path, file)).collect()
}
