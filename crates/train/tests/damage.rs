//! A flipped bit or a cut in a checkpoint, a shard, a journal or a manifest is found, and the run ends as one that was left
//! alone. A sample here; `CASEBOOK_FLIPS=1000000 cargo test --release --workspace --test damage` tries as many.

#![allow(clippy::unwrap_used, reason = "helpers of tests, too, fail by panicking")]

mod small;

use std::fs;
use std::path::{Path, PathBuf};

use casebook_train::{Outcome, Probe};
use journal::Status;
use small::{Small, events, final_bytes};

/// Files below a folder, in order.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { found.extend(files(&path)) } else { found.push(path) }
    }
    found.sort();
    found
}

/// Bits spread over a length by the golden ratio, so that any number of them covers it evenly.
fn bits(length: usize, count: usize) -> impl Iterator<Item = usize> {
    let all = 8 * length;
    let spread = move |nth: usize| (((nth as f64 + 0.5) * 0.618_033_988_749_895).fract() * all as f64) as usize;
    (0..count.min(all)).map(spread)
}

fn flips() -> usize {
    std::env::var("CASEBOOK_FLIPS").ok().and_then(|text| text.parse().ok()).unwrap_or(4_000)
}

/// Bytes of `path` with one bit flipped, and cut, in turn; `is_found` is asked of each, and the file is put back.
fn damage(path: &Path, count: usize, mut is_found: impl FnMut() -> bool) -> usize {
    let whole = fs::read(path).unwrap();
    let mut tried = 0;
    for bit in bits(whole.len(), count) {
        let mut flipped = whole.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        fs::write(path, &flipped).unwrap();
        assert!(is_found(), "bit {bit} of {}", path.display());
        tried += 1;
    }
    for cut in bits(whole.len() / 8, count / 8) {
        fs::write(path, &whole[..cut]).unwrap();
        assert!(is_found(), "{} cut to {cut} bytes", path.display());
        tried += 1;
    }
    fs::write(path, &whole).unwrap();
    tried
}

#[test]
fn damaged_checkpoints_are_not_loaded() {
    let small = Small::new();
    small.train("whole", None).unwrap();
    let run = small.run("whole");
    let last = run.join("checkpoints/step-0000040");
    let can_start = || Probe::load(&last, "cpu").is_ok();
    assert!(can_start());
    let all = files(&last);
    assert_eq!(all.len(), 4);
    let tried: usize = all.iter().map(|file| damage(file, flips() / 8, || !can_start())).sum();
    assert!(tried >= flips() / 4 && can_start());
}

#[test]
fn damaged_text_is_not_trained_on() {
    let small = Small::new();
    small.train("whole", None).unwrap();
    let prepared = fs::read_dir(small.folder.path().join("prepared")).unwrap().map(|entry| entry.unwrap().path());
    let folder = prepared.into_iter().find(|path| path.join("manifest.json").exists()).unwrap();
    assert!(corpus::Prepared::open(&folder).is_ok());
    let all = files(&folder);
    assert!(all.len() >= 5, "{all:?}");
    let each = flips() / all.len() / 2;
    let tried: usize = all.iter().map(|file| damage(file, each, || corpus::Prepared::open(&folder).is_err())).sum();
    assert!(tried >= flips() / 4 && corpus::Prepared::open(&folder).is_ok());
}

#[test]
fn damaged_journals_are_not_believed() {
    let small = Small::new();
    small.train("whole", None).unwrap();
    let path = small.run("whole").join("journal.jsonl");
    let wanted = journal::read_all(&path).unwrap();
    // A cut at the end of a line, and damage to the last line, look like what a crash leaves: a shorter journal.
    let is_shorter =
        || journal::read_all(&path).map_or(true, |found| found.len() < wanted.len() && wanted.starts_with(&found));
    let tried = damage(&path, flips() / 2, is_shorter);
    assert!(tried >= flips() / 4);
}

#[test]
fn a_run_goes_back_to_the_newest_checkpoint_that_holds_and_ends_as_one_left_alone() {
    let small = Small::new();
    small.train("whole", None).unwrap();
    let wanted = (events(&small.run("whole")), final_bytes(&small.run("whole")));
    for file in ["model.safetensors", "optimizer.safetensors", "state.json", "manifest.json"] {
        let name = format!("damaged-{file}");
        small.train(&name, Some(24)).unwrap();
        let run = small.run(&name);
        let path = run.join("checkpoints/step-0000024").join(file);
        let mut bytes = fs::read(&path).unwrap();
        if file == "optimizer.safetensors" {
            bytes.push(0);
        } else {
            let middle = bytes.len() / 2;
            bytes[middle] ^= 4;
        }
        fs::write(&path, bytes).unwrap();
        let (outcome, said) = small.watched(&name, None);
        assert_eq!(outcome.unwrap(), Outcome::Ended(Status::Finished));
        let told = said.iter().find(|line| line.contains("put aside")).unwrap();
        assert!(told.contains(file) && told.contains("step 21"), "{told}");
        assert!((events(&run), final_bytes(&run)) == wanted, "{file}");
    }
}
