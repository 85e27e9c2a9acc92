//! A power cut at any moment, and every operation failing: the journal holds what it said it holds.

#![allow(clippy::unwrap_used, reason = "helpers of tests, too, fail by panicking")]

use std::fs;
use std::path::Path;

use casebook_journal::{Event, Journal, JournalError, Note, add_note, read_all, read_notes, write_atomically};
use disk::crash::{Extent, every_state};
use disk::{Counting, Failing, Failure, Recording, watched};

/// All moments, and all states of each, but of many unsynced changes at once.
const ALL: Extent = Extent { every: 1, most: 256 };

fn events() -> Vec<Event> {
    read_all(Path::new("tests/formats/1/before-its-number.jsonl")).unwrap()
}

fn append_all(path: &Path, events: &[Event]) -> Result<usize, JournalError> {
    let mut journal = if path.exists() { Journal::open(path)?.0 } else { Journal::create(path)? };
    for (nth, event) in events.iter().enumerate() {
        if let Err(error) = journal.append(event) {
            assert!(matches!(error, JournalError::Io { .. }), "{error}");
            return Ok(nth);
        }
    }
    Ok(events.len())
}

/// Folders `base`, to be written to, and `before`, as it is now.
fn folders(content: Option<&[u8]>) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for name in ["base", "before"] {
        fs::create_dir(folder.path().join(name)).unwrap();
        if let Some(content) = content {
            fs::write(folder.path().join(name).join("journal.jsonl"), content).unwrap();
        }
    }
    folder
}

#[test]
fn after_a_power_cut_a_journal_holds_every_event_that_was_reported_as_written() {
    let (folder, events) = (folders(None), events());
    let (base, before) = (folder.path().join("base"), folder.path().join("before"));
    let (appended, recording) =
        watched(Recording::default(), || append_all(&base.join("journal.jsonl"), &events).unwrap());
    assert_eq!(appended, events.len());
    // Made and named: two operations. Written and synced: two for each event.
    assert_eq!(recording.operations.len(), 2 + 2 * events.len());
    let tried = every_state(&base, &before, &recording.operations, ALL, |state, done| {
        let path = state.join("journal.jsonl");
        if !path.exists() {
            return assert!(done < 2);
        }
        let (mut journal, _) = Journal::open(&path).unwrap();
        let found = read_all(&path).unwrap();
        assert!(found.len() >= done.saturating_sub(2) / 2 && found == events[..found.len()], "{done}");
        journal.append(&events[0]).unwrap();
        assert_eq!(read_all(&path).unwrap().len(), found.len() + 1);
    });
    assert_eq!(tried.unwrap().sampled, 0);
}

#[test]
fn a_torn_line_is_cut_off_and_a_power_cut_meanwhile_loses_nothing() {
    let (folder, events) = (folders(None), events());
    let path = folder.path().join("whole.jsonl");
    append_all(&path, &events[..4]).unwrap();
    let whole = fs::read(&path).unwrap();
    let third = whole.len() - 20;
    let folder = folders(Some(&whole[..third]));
    let (base, before) = (folder.path().join("base"), folder.path().join("before"));
    let path = base.join("journal.jsonl");
    let (appended, recording) = watched(Recording::default(), || append_all(&path, &events[4..]).unwrap());
    assert_eq!(appended, events.len() - 4);
    let wanted = [&events[..3], &events[4..]].concat();
    let tried = every_state(&base, &before, &recording.operations, ALL, |state, done| {
        let path = state.join("journal.jsonl");
        drop(Journal::open(&path).unwrap());
        let found = read_all(&path).unwrap();
        assert!(found.len() >= 3 + done.saturating_sub(2) / 2 && found == wanted[..found.len()], "{done}");
    });
    assert_eq!(tried.unwrap().sampled, 0);
}

#[test]
fn whatever_fails_the_journal_is_as_it_was_before_and_goes_on_when_it_can() {
    let events = events();
    let folder = folders(None);
    let ((), counted) = watched(Counting::default(), || {
        append_all(&folder.path().join("counted.jsonl"), &events).unwrap();
    });
    for failure in Failure::ALL {
        for for_good in [false, true] {
            for nth in 2..counted.operations {
                let folder = folders(None);
                let path = folder.path().join("journal.jsonl");
                let (before, _) = watched(Failing::at(nth, failure, for_good), || append_all(&path, &events).unwrap());
                assert_eq!(before, (nth - 2) / 2, "{failure:?}");
                // A line whose sync failed alone may have reached the disk, and is cut off where anything can be.
                assert_eq!(read_all(&path).unwrap()[..before], events[..before]);
                if !for_good {
                    assert_eq!(read_all(&path).unwrap().len(), before, "{nth} {failure:?}");
                }
                let after = append_all(&path, &events[before..]).unwrap();
                assert_eq!(before + after, events.len());
            }
        }
    }
}

#[test]
fn a_journal_that_could_not_append_appends_later_in_the_same_process() {
    let events = events();
    for failure in Failure::ALL {
        let folder = folders(None);
        let path = folder.path().join("journal.jsonl");
        let mut journal = Journal::create(&path).unwrap();
        journal.append(&events[0]).unwrap();
        // The write fails, and so does cutting it off.
        let (failed, _) = watched(Failing::at(0, failure, true), || journal.append(&events[1]));
        assert!(failed.is_err());
        journal.append(&events[2]).unwrap();
        assert_eq!(read_all(&path).unwrap(), [events[0].clone(), events[2].clone()], "{failure:?}");
    }
}

#[test]
fn a_remark_is_there_whole_or_not_at_all() {
    let folder = folders(None);
    let (base, before) = (folder.path().join("base"), folder.path().join("before"));
    for at in [&base, &before] {
        fs::write(at.join("run.json"), "{}").unwrap();
    }
    let note = |text: &str| Note { time: "2026-11-21T08:00:00Z".into(), text: text.into() };
    let ((), recording) = watched(Recording::default(), || {
        add_note(&base, &note("one")).unwrap();
        add_note(&base, &note("two")).unwrap();
    });
    let all = [note("one"), note("two")];
    let end = recording.operations.len();
    let tried = every_state(&base, &before, &recording.operations, ALL, |state, done| {
        let found = read_notes(state).unwrap();
        assert!(found == all[..found.len()] && (done < end || found.len() == 2), "{done}: {found:?}");
    });
    assert_eq!(tried.unwrap().sampled, 0);
}

#[test]
fn a_page_is_the_old_one_or_the_new() {
    let folder = folders(Some(b"old"));
    let (base, before) = (folder.path().join("base"), folder.path().join("before"));
    let ((), recording) =
        watched(Recording::default(), || write_atomically(&base.join("journal.jsonl"), b"the new one").unwrap());
    let tried = every_state(&base, &before, &recording.operations, ALL, |state, _| {
        let found = fs::read(state.join("journal.jsonl")).unwrap();
        assert!(found == b"old" || found == b"the new one");
    });
    assert!(tried.unwrap().states > 10);
}
