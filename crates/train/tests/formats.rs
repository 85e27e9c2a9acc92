//! A run as it was released is used, and gone on with, for ever; one of a later version is refused by its number.
//!
//! The run in `formats/N` is of format N and is never changed. A new format has a folder of its own, which
//!
//! ```text
//! CASEBOOK_WRITE_FORMATS=1 cargo test --release --workspace --test formats a_released_run
//! ```
//!
//! makes where there is none yet. That the same is still written the same way is tested beside the checkpoints themselves:
//! how weights come out depends on the processor.

#![allow(clippy::unwrap_used, reason = "helpers of tests, too, fail by panicking")]

#[allow(dead_code, reason = "each file of tests takes what it needs")]
mod small;

use std::fs;
use std::path::{Path, PathBuf};

use case::EncoderConfig;
use casebook_train::{CHECKPOINT_FORMAT, Outcome, Probe, TrainError, Trained};
use journal::{Event, Status};
use small::Small;

/// Where the committed run was stopped.
const STOPPED: u64 = 20;

fn released(format: u32) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/formats").join(format.to_string())
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for path in fs::read_dir(from).unwrap().map(|entry| entry.unwrap().path()) {
        let to = to.join(path.file_name().unwrap());
        if path.is_dir() {
            copy(&path, &to);
        } else {
            fs::copy(&path, &to).unwrap();
        }
    }
}

/// As few weights as are worth the name.
fn tiny() -> Small {
    let mut small = Small::new();
    small.config.model = EncoderConfig { d_model: 8, h: 2, ff: 16, n_layers: 1, ..small.config.model };
    small.config.train.keep_checkpoints = 1;
    small
}

/// A run of today's format in its folder, if there is none yet.
fn write() {
    let to = released(CHECKPOINT_FORMAT);
    if to.exists() {
        return;
    }
    let small = tiny();
    small.train("released", Some(STOPPED)).unwrap();
    copy(&small.run("released"), &to);
    for rest in ["lock", "record.md"] {
        let _ = fs::remove_file(to.join(rest)); // not read back
    }
    let _ = fs::remove_dir_all(to.join("charts"));
    let checkpoints = fs::read_dir(to.join("checkpoints")).unwrap().map(|entry| entry.unwrap().path());
    let last = format!("step-{STOPPED:07}");
    for path in checkpoints.filter(|path| path.is_dir() && !path.ends_with(&last)) {
        fs::remove_dir_all(path).unwrap();
    }
}

#[test]
fn a_released_run_is_used_and_gone_on_with() {
    if std::env::var_os("CASEBOOK_WRITE_FORMATS").is_some() {
        write();
    }
    for format in 1..=CHECKPOINT_FORMAT {
        let small = tiny();
        let run = small.run("released");
        copy(&released(format), &run);
        let trained = Trained::load(&run, "cpu").unwrap();
        assert_eq!((trained.step, trained.seed, trained.refused.len()), (STOPPED, 1, 0));
        let places = trained.fill_mask("the cat sees a [MASK] house", 3).unwrap();
        assert_eq!((places.len(), places[0].len()), (1, 3));
        // As the program that wrote it said; f32 sums in another order on another processor.
        let likeliest = places[0][0].probability;
        assert!((likeliest - 0.007_654_246_874).abs() < 1e-7, "{likeliest}");

        let (outcome, said) = small.watched("released", None);
        assert_eq!(outcome.unwrap(), Outcome::Ended(Status::Finished), "{said:?}");
        let events = journal::read_all(&run.join("journal.jsonl")).unwrap();
        let resumed = events.iter().find_map(|event| match event {
            Event::Resume(resume) => Some((resume.step, resume.format)),
            _ => None,
        });
        assert_eq!(resumed, Some((STOPPED, journal::FORMAT)));
        assert!(events.iter().any(|event| matches!(event, Event::End(end) if end.step == 40)));
    }
}

/// The released run with another format in its checkpoint's manifest, sealed as a later version would seal it.
fn with_format(small: &Small, number: &str) -> PathBuf {
    let run = small.run("released");
    copy(&released(CHECKPOINT_FORMAT), &run);
    let path = run.join(format!("checkpoints/step-{STOPPED:07}/manifest.json"));
    let text = String::from_utf8(disk::unsealed(&fs::read(&path).unwrap()).unwrap()).unwrap();
    let written = format!("\"format\": {CHECKPOINT_FORMAT}");
    assert!(text.contains(&written), "{text}");
    let other = text.replacen(&written, &format!("\"format\": {number},\n  \"wings\": 2"), 1);
    fs::write(&path, disk::sealed(other.into())).unwrap();
    run
}

#[test]
fn a_later_checkpoint_is_refused_by_its_number_and_not_passed_over() {
    let small = tiny();
    let later = CHECKPOINT_FORMAT + 1;
    let run = with_format(&small, &later.to_string());
    let wanted = format!(
        "has format {later}, and this program knows {CHECKPOINT_FORMAT} at most: use the program that wrote it, or a newer one"
    );
    let checkpoint = run.join(format!("checkpoints/step-{STOPPED:07}"));
    let errors = [
        Trained::load(&run, "cpu").err().unwrap(),
        Probe::load(&checkpoint, "cpu").err().unwrap(),
        small.train("released", None).unwrap_err(),
    ];
    for error in errors {
        assert!(matches!(&error, TrainError::NewerCheckpoint { found, .. } if *found == later), "{error}");
        assert!(error.to_string().ends_with(&wanted), "{error}");
    }
    assert!(checkpoint.join("manifest.json").is_file(), "it is not put aside as damaged");
}

#[test]
fn a_format_that_never_was_is_refused_as_damage() {
    for (number, said) in [
        ("0", "it has format 0, and the first was 1"),
        ("-1", "not a manifest: invalid value: integer `-1`"),
        ("\"1\"", "not a manifest: invalid type: string \"1\""),
        ("1.5", "not a manifest: invalid type: floating point `1.5`"),
    ] {
        let small = tiny();
        let run = with_format(&small, number);
        let error = Probe::load(&run.join(format!("checkpoints/step-{STOPPED:07}")), "cpu").err().unwrap();
        assert!(matches!(error, TrainError::Checkpoint { .. }) && error.to_string().contains(said), "{error}");
    }
}
