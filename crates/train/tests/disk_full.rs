//! A disk that fails at any operation, in any way, once or for good, under each policy of `disk_full`: what has its name is
//! whole, the message says what and where, and going on ends as a run that was left alone, to the bit. Some moments here;
//! each failure at every operation by `CASEBOOK_EVERY=1 cargo test --release --workspace --test disk_full`.

#![allow(clippy::unwrap_used, reason = "helpers of tests, too, fail by panicking")]

mod small;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use case::{DiskFull, Length};
use casebook_train::{Notice, Outcome, Probe, Report, TrainError, train};
use disk::{Answer, Counting, Failing, Failure, Operation, Watch, watched};
use journal::{Event, Status};
use small::{Small, events, final_bytes};

/// Moments that are left out between two that are tried.
fn every(otherwise: usize) -> usize {
    std::env::var("CASEBOOK_EVERY").ok().and_then(|text| text.parse().ok()).unwrap_or(otherwise)
}

/// A disk that fails from an operation on, heals after so many waits, and has the run stopped where it never does.
struct Full {
    failing: Failing,
    heals_after: usize,
    waits: usize,
    stop: Arc<AtomicBool>,
    free: Option<u64>,
}

/// Waits after which nobody waits any longer.
const PATIENCE: usize = 4;

impl Full {
    fn at(nth: usize, failure: Failure, for_good: bool, heals_after: usize) -> Self {
        let failing = Failing::at(nth, failure, for_good);
        Self { failing, heals_after, waits: 0, stop: Arc::new(AtomicBool::new(false)), free: None }
    }
}

impl Watch for Full {
    fn before(&mut self, operation: Operation<'_>) -> Answer {
        if self.waits >= self.heals_after { Answer::Go } else { self.failing.before(operation) }
    }

    fn waited(&mut self) {
        self.waits += 1;
        self.stop.fetch_or(self.waits >= PATIENCE, Ordering::Relaxed);
    }

    fn free(&mut self) -> Option<u64> {
        self.free
    }
}

/// Remembers warnings.
#[derive(Default)]
struct Said(Vec<String>);

impl Report for Said {
    fn say(&mut self, notice: Notice<'_>) {
        if let Notice::Warning(text) = notice {
            self.0.push(text);
        }
    }
}

/// A small case whose text is prepared, and how a run of it ends that is left alone.
struct Alone {
    small: Small,
    operations: usize,
    wanted: (Vec<Event>, [Vec<u8>; 2]),
}

/// What became of a run on a disk that fails.
struct Ended {
    outcome: Result<Outcome, TrainError>,
    said: Vec<String>,
    full: Full,
}

impl Alone {
    fn new(policy: DiskFull) -> Self {
        let mut small = Small::new();
        small.config.train.steps = Some(12);
        small.config.train.eval_every = Length::Steps(6);
        small.config.train.checkpoint_every = Length::Steps(2);
        small.config.train.keep_checkpoints = 3;
        small.config.train.disk_full = policy;
        small.train("first", None).unwrap();
        let (_, counted) = watched(Counting::default(), || small.train("alone", None).unwrap());
        let wanted = (events(&small.run("alone")), final_bytes(&small.run("alone")));
        assert!(counted.operations > 80, "{}", counted.operations);
        Self { small, operations: counted.operations, wanted }
    }

    fn train(&self, run: &str, full: Full) -> Ended {
        let (stop, mut said) = (full.stop.clone(), Said::default());
        let (outcome, full) = watched(full, || train(&self.small.spec(run), &stop, &mut said));
        Ended { outcome, said: said.0, full }
    }

    fn is_as_alone(&self, run: &str, what: &str) {
        let run = self.small.run(run);
        assert!(events(&run) == self.wanted.0, "{what}: other events");
        assert!(final_bytes(&run) == self.wanted.1, "{what}: other weights or moments");
    }

    /// The same command where nothing fails any more.
    fn goes_on(&self, run: &str, what: &str) {
        let outcome = self.small.watched(run, None).0.unwrap();
        assert!(matches!(outcome, Outcome::Ended(Status::Finished) | Outcome::EndedBefore(Status::Finished)), "{what}");
        self.is_as_alone(run, what);
    }

    /// Each failure at some operations; `check` says what must have become of the run.
    fn every_failure(&self, step: usize, mut check: impl FnMut(Failure, bool, &Ended, &str)) {
        let ways: Vec<(Failure, bool)> =
            Failure::ALL.into_iter().flat_map(|failure| [(failure, false), (failure, true)]).collect();
        for (turn, nth) in (0..self.operations).step_by(every(step)).enumerate() {
            let chosen = if every(step) == 1 { ways.clone() } else { vec![ways[turn % ways.len()]] };
            for (failure, for_good) in chosen {
                let what = format!("{failure:?} at {nth}, for good: {for_good}");
                let run = format!("run-{nth}-{failure:?}-{for_good}");
                let heals = if turn % 2 == 0 { 2 } else { usize::MAX };
                let ended = self.train(&run, Full::at(nth, failure, for_good, heals));
                all_named_are_whole(&self.small.run(&run), &what);
                if let Err(error) = &ended.outcome {
                    says_what_helps(error, failure, &what);
                }
                check(failure, for_good, &ended, &what);
                self.goes_on(&run, &what);
                fs::remove_dir_all(self.small.run(&run)).unwrap();
            }
        }
    }
}

/// Every folder that is named as a checkpoint is one, hashes and all.
fn all_named_are_whole(run: &Path, what: &str) {
    for entry in fs::read_dir(run.join("checkpoints")).into_iter().flatten() {
        let path = entry.unwrap().path();
        if path.file_name().unwrap().to_string_lossy().starts_with("step-") {
            assert!(Probe::load(&path, "cpu").is_ok(), "{what}: {}", path.display());
        }
    }
}

/// File, cause and remedy.
fn says_what_helps(error: &TrainError, failure: Failure, what: &str) {
    let cause = std::error::Error::source(error).or(Some(error)).map(|source| format!("{error}: {source}")).unwrap();
    let text = match error {
        TrainError::Journal(inner) => {
            let source = std::error::Error::source(inner).unwrap();
            format!("{inner}: {source}")
        }
        _ => cause,
    };
    let (cause, remedies) = match failure {
        Failure::DiskFull | Failure::ShortWrite => ("No space left on device", ["ake room", "ake room"]),
        // Of a checkpoint, and of what is written before there can be one.
        Failure::QuotaFull => ("uota exceeded", ["ake room", "remove something or have it raised"]),
        Failure::InputOutput => ("nput/output error", ["system's log", "system's log"]),
        Failure::ReadOnly => ("ead-only file system", ["mount it anew", "mount it anew"]),
    };
    assert!(text.contains(cause) && remedies.iter().any(|part| text.contains(part)), "{what}: {text}");
    assert!(text.contains("cannot") && text.contains("/runs/run-"), "{what}: {text}");
}

fn is_full(failure: Failure) -> bool {
    !matches!(failure, Failure::InputOutput | Failure::ReadOnly)
}

#[test]
fn a_run_that_stops_ends_there_and_goes_on_when_there_is_room() {
    let mut stopped = 0;
    Alone::new(DiskFull::Stop).every_failure(13, |failure, _, ended, what| {
        assert_eq!(ended.full.waits, 0, "{what}");
        let told = matches!(ended.outcome, Err(TrainError::DiskFull { .. }));
        assert!(!told || is_full(failure), "{what}: {:?}", ended.outcome);
        stopped += usize::from(told);
    });
    assert!(stopped > 3, "{stopped}");
}

#[test]
fn a_run_that_pauses_goes_on_by_itself_or_until_it_is_asked_to_stop() {
    let alone = Alone::new(DiskFull::Pause);
    let (mut healed, mut left) = (0, 0);
    alone.every_failure(11, |failure, for_good, ended, what| {
        if !is_full(failure) {
            assert!(ended.full.waits == 0, "{what}: nobody waits for a broken disk");
        } else if ended.full.waits > 0 {
            assert_eq!(
                ended.said.iter().filter(|text| text.contains("paused at step")).count(),
                1,
                "{what}: {:?}",
                ended.said
            );
            let is_healed = !for_good || ended.full.heals_after < PATIENCE;
            let status = if is_healed { Status::Finished } else { Status::Stopped };
            assert_eq!(*ended.outcome.as_ref().unwrap(), Outcome::Ended(status), "{what}");
            (healed, left) = (healed + usize::from(is_healed), left + usize::from(!is_healed));
        }
    });
    assert!(healed > 2 && left > 0, "{healed} {left}");
}

#[test]
fn a_paused_run_ends_as_if_nothing_had_been() {
    let alone = Alone::new(DiskFull::Pause);
    // In the middle of a checkpoint's files, after the first steps: half of the operations are behind it.
    let ended = alone.train("paused", Full::at(alone.operations / 2, Failure::ShortWrite, true, 3));
    assert_eq!(ended.outcome.unwrap(), Outcome::Ended(Status::Finished));
    assert_eq!(ended.full.waits, 3);
    alone.is_as_alone("paused", "paused");
}

#[test]
fn a_run_that_thins_removes_the_older_and_never_the_best_or_the_newest() {
    let alone = Alone::new(DiskFull::Thin);
    let mut thinned = 0;
    alone.every_failure(12, |failure, _, ended, what| {
        assert_eq!(ended.full.waits, 0, "{what}");
        let removed = ended.said.iter().filter(|text| text.contains("was removed")).count();
        assert!(removed == 0 || is_full(failure), "{what}");
        thinned += removed;
    });
    assert!(thinned > 0, "{thinned}");
}

/// A disk of so many bytes, which grows after two waits.
struct Limited {
    run: PathBuf,
    bytes: u64,
    waits: usize,
}

impl Limited {
    /// Bytes of the run; its charts are written by other threads, of which no watch knows.
    fn taken(&self) -> u64 {
        bytes_below(&self.run) - bytes_below(&self.run.join("charts"))
    }
}

/// Bytes below a folder.
fn bytes_below(folder: &Path) -> u64 {
    let bytes =
        |path: PathBuf| if path.is_dir() { bytes_below(&path) } else { path.metadata().map_or(0, |file| file.len()) };
    fs::read_dir(folder).into_iter().flatten().map(|entry| bytes(entry.unwrap().path())).sum()
}

impl Watch for Limited {
    fn before(&mut self, operation: Operation<'_>) -> Answer {
        let Operation::Write(_, _, bytes) = operation else { return Answer::Go };
        let left = self.bytes.saturating_sub(self.taken());
        if bytes.len() as u64 <= left { Answer::Go } else { Answer::Short(left as usize, Failure::DiskFull.error()) }
    }

    fn waited(&mut self) {
        self.waits += 1;
        self.bytes += if self.waits == 2 { 1 << 40 } else { 0 };
    }

    fn free(&mut self) -> Option<u64> {
        Some(self.bytes.saturating_sub(self.taken()))
    }
}

impl Alone {
    /// Bytes of a checkpoint.
    fn one(&self) -> u64 {
        bytes_below(&self.small.run("alone").join("checkpoints/step-0000012"))
    }

    /// Trains on a disk on which so many checkpoints fit; steps that are kept afterwards.
    fn on_a_small_disk(&self, run: &str, checkpoints: u64) -> (Result<Outcome, TrainError>, Vec<String>, Vec<String>) {
        let alone = self.small.run("alone");
        let rest = bytes_below(&alone) - bytes_below(&alone.join("charts")) - bytes_below(&alone.join("checkpoints"));
        let bytes = self.one() * checkpoints + self.one() / 2 + rest;
        let limited = Limited { run: self.small.run(run), bytes, waits: 0 };
        let (stop, mut said) = (AtomicBool::new(false), Said::default());
        let (outcome, _) = watched(limited, || train(&self.small.spec(run), &stop, &mut said));
        let names = fs::read_dir(self.small.run(run).join("checkpoints")).unwrap();
        let mut names: Vec<String> = names.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.retain(|name| name != "tokenizer.json");
        names.sort();
        (outcome, said.0, names)
    }
}

#[test]
fn on_a_small_disk_each_policy_does_what_it_says() {
    let alone = Alone::new(DiskFull::Stop);
    let (outcome, _, kept) = alone.on_a_small_disk("stops", 2);
    let error = outcome.unwrap_err();
    assert!(matches!(error, TrainError::DiskFull { .. }), "{error}");
    let text = error.to_string();
    assert!(text.contains("bytes are wanted and") && text.contains("Step 4 is kept whole"), "{text}");
    assert_eq!(kept, ["step-0000002", "step-0000004"]);
    let end = journal::read(&alone.small.run("stops").join("journal.jsonl")).unwrap().pop();
    assert!(matches!(&end, Some(Event::End(end)) if end.status == Status::Stopped && end.step == 6), "{end:?}");
    alone.goes_on("stops", "stops");

    let alone = Alone::new(DiskFull::Pause);
    let (outcome, said, _) = alone.on_a_small_disk("pauses", 2);
    assert_eq!(outcome.unwrap(), Outcome::Ended(Status::Finished));
    assert_eq!(said.iter().filter(|text| text.contains("paused at step 6")).count(), 1, "{said:?}");
    let all = journal::read(&alone.small.run("pauses").join("journal.jsonl")).unwrap();
    let told = all.iter().filter(|event| matches!(event, Event::Alert(alert) if alert.kind == "disk-full"));
    assert_eq!(told.count(), 1, "the journal has it too");
    alone.is_as_alone("pauses", "pauses");

    let alone = Alone::new(DiskFull::Thin);
    let (outcome, said, kept) = alone.on_a_small_disk("thins", 3);
    assert_eq!(outcome.unwrap(), Outcome::Ended(Status::Finished), "{said:?}");
    assert!(said.iter().any(|text| text.contains("the checkpoint of step 2 was removed")), "{said:?}");
    // When the last was written, 10 was the newest, and 6 the best it knew.
    assert_eq!(kept, ["step-0000006", "step-0000010", "step-0000012"], "{said:?}");
    alone.is_as_alone("thins", "thins");
    let (outcome, _, kept) = alone.on_a_small_disk("thins-and-stops", 1);
    assert!(matches!(outcome.unwrap_err(), TrainError::DiskFull { .. }));
    assert_eq!(kept, ["step-0000002"], "the only one is never removed");
    alone.goes_on("thins-and-stops", "thins and stops");
}

#[test]
fn that_it_will_not_fit_is_said_before_the_first_step() {
    let alone = Alone::new(DiskFull::Stop);
    let one = alone.one();
    let with_free = |run: &str, free: u64| {
        alone.train(run, Full { free: Some(free), ..Full::at(usize::MAX, Failure::DiskFull, false, 0) })
    };
    let error = with_free("none", one / 2).outcome.unwrap_err();
    let TrainError::NoRoom { one: said, .. } = error else { panic!("{error}") };
    assert!((one..one + one / 4).contains(&said), "{said} said, {one} written");
    assert!(!alone.small.run("none").exists(), "nothing is begun");
    let ended = with_free("little", 3 * one);
    assert_eq!(ended.outcome.unwrap(), Outcome::Ended(Status::Finished));
    assert!(ended.said.iter().any(|text| text.starts_with("little room")), "{:?}", ended.said);
    let ended = with_free("much", 1 << 40);
    assert!(!ended.said.iter().any(|text| text.starts_with("little room")), "{:?}", ended.said);
}
