//! A power cut at any moment of an import or an export, and every operation failing: the folder is there whole, or not at all.

#![allow(clippy::unwrap_used, reason = "helpers of tests, too, fail by panicking")]

mod tiny;

use std::{collections::BTreeMap, fs, path::Path};

use casebook_exchange::{Card, ExchangeError, Export, HeadOf, ModelFolder, export, import, read_model_folder};
use disk::crash::{Extent, every_state};
use disk::{Counting, Failing, Failure, Recording, watched};
use tiny::fixture;

/// All moments, and all states of each, but of many unsynced changes at once.
const ALL: Extent = Extent { every: 1, most: 64 };

/// The files of a folder, by name.
fn content(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let entries = fs::read_dir(folder).unwrap().map(Result::unwrap);
    entries.map(|entry| (entry.file_name().into_string().unwrap(), fs::read(entry.path()).unwrap())).collect()
}

/// Makes a folder `to`, again and again where a power cut or a failing disk left nothing.
fn check(make: &dyn Fn(&Path) -> Result<(), ExchangeError>) {
    let whole = tempfile::tempdir().unwrap();
    let whole = whole.path().join("whole");
    make(&whole).unwrap();
    let wanted = content(&whole);
    assert!(wanted.len() >= 4, "{:?}", wanted.keys());

    let folder = tempfile::tempdir().unwrap();
    let (base, before) = (folder.path().join("base"), folder.path().join("before"));
    fs::create_dir(&base).unwrap();
    fs::create_dir(&before).unwrap();
    let ((), recording) = watched(Recording::default(), || make(&base.join("whole")).unwrap());
    let last = recording.operations.len();
    let tried = every_state(&base, &before, &recording.operations, ALL, |state, done| {
        let to = state.join("whole");
        if !to.exists() {
            assert!(done < last, "what was reported as written is gone");
            make(&to).unwrap();
        }
        assert!(content(&to) == wanted, "after {done} of {last} operations");
        assert_eq!(fs::read_dir(state).unwrap().count(), 1, "something is left beside it");
    });
    assert!(tried.unwrap().states > last, "more states than operations");

    let to = folder.path().join("counted");
    let ((), counted) = watched(Counting::default(), || make(&to).unwrap());
    for failure in Failure::ALL {
        for (nth, for_good) in (0..counted.operations).flat_map(|nth| [(nth, false), (nth, true)]) {
            let folder = tempfile::tempdir().unwrap();
            let to = folder.path().join("whole");
            let (made, _) = watched(Failing::at(nth, failure, for_good), || make(&to));
            let error = made.unwrap_err();
            assert!(matches!(error, ExchangeError::Write { .. }), "{error}");
            if to.exists() {
                // It has its name, and the disk did not say that it keeps it.
                assert!(content(&to) == wanted);
            } else {
                make(&to).unwrap();
                assert!(content(&to) == wanted);
            }
        }
    }
}

#[test]
fn an_import_is_there_whole_or_not_at_all() {
    check(&|to| import(&fixture("bert"), to).map(|_| ()));
}

#[test]
fn an_export_is_there_whole_or_not_at_all() {
    let base = tempfile::tempdir().unwrap();
    let ours = base.path().join("ours");
    import(&fixture("bert"), &ours).unwrap();
    let ModelFolder { model, weights, tokenizer, .. } = read_model_folder(&ours).unwrap();
    let card = Card { name: "tiny".into(), ..Card::default() };
    let head = HeadOf::Words;
    let what = Export {
        model: &model,
        head: &head,
        weights: &weights,
        tokenizer: &tokenizer,
        rows_of_ours: false,
        card: &card,
    };
    check(&|to| export(&what, to).map(|_| ()));
}
