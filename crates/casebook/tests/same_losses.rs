//! The losses of a hundred steps are those that are written down, to the bit, and the same with other threads, in other
//! folders, under other locales and on another day.
//!
//! Products of matrices and the C library's functions add up in an order that depends on the processor's instructions, so
//! there is a file for each kind of processor: `golden/losses-avx512.txt`. On one without a file `GOLDEN=write` makes it:
//!
//!     GOLDEN=write cargo test --release --workspace --test same_losses
//!
//! A change of any loss is a change of what Casebook computes. Whoever makes it says so in the commit that changes the file.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "helpers of tests, too, fail by panicking")]

use std::{
    fmt::Write,
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use journal::{Event, Status};
use tempfile::TempDir;

const CASE: &str = r#"
question = "Are the losses those that were written down?"

[model]
d_model = 32
h = 2
ff = 64
n_layers = 2
seq_len = 16

[data]
corpora = [{ name = "made", path = "made.txt" }]
valid = 0.2

[tokenizer]
vocab_size = 150

[schedule]
learning_rate = 3e-3

[train]
batch_size = 16
steps = 100
device = "cpu"
log_every = 1
eval_every = 50
checkpoint_every = 25
"#;

/// A folder with a case and its text.
fn folder() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    fill(folder.path());
    folder
}

fn fill(folder: &Path) {
    let words =
        ["seoul", "is", "the", "capital", "of", "south", "korea", "and", "has", "a", "river", "한강이", "흐른다"];
    let line =
        |row: usize| (0..9).map(|at| words[(row * 3 + at * (1 + row % 4)) % words.len()]).collect::<Vec<_>>().join(" ");
    fs::write(folder.join("made.txt"), (0..400).map(|row| format!("{} {row}\n", line(row))).collect::<String>())
        .unwrap();
    fs::write(folder.join("case.toml"), CASE).unwrap();
}

fn train(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_casebook"));
    command.current_dir(folder).args(["train", "case.toml"]).stdout(Stdio::null());
    command
}

fn run(folder: &Path) -> PathBuf {
    folder.join("runs/case/base/s1")
}

fn events(folder: &Path) -> Vec<Event> {
    journal::read(&run(folder).join("journal.jsonl")).unwrap()
}

/// Runs to the end, which must be a good one.
fn done(command: &mut Command) {
    let ended = command.output().unwrap();
    assert!(ended.status.success(), "{}", String::from_utf8_lossy(&ended.stderr));
}

/// Loss and gradient norm of every step, a line each: bits, then decimals for the reader.
fn losses(folder: &Path) -> String {
    let mut text = String::new();
    for event in events(folder) {
        if let Event::Log(log) = event {
            let norm = log.grad_norm.max;
            let bits = [log.loss, norm].map(f64::to_bits);
            writeln!(text, "{:3} {:016x} {:016x} {:.6} {norm:.6}", log.step, bits[0], bits[1], log.loss).unwrap();
        }
    }
    text
}

fn weights(folder: &Path) -> Vec<u8> {
    let all = fs::read_dir(run(folder).join("checkpoints")).unwrap().map(|entry| entry.unwrap().path());
    fs::read(all.filter(|path| path.is_dir()).max().unwrap().join("model.safetensors")).unwrap()
}

/// What the order of sums depends on.
fn processor() -> &'static str {
    #[cfg(target_arch = "x86_64")]
    {
        if is_x86_feature_detected!("avx512f") {
            return "avx512";
        }
        if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
            return "avx2";
        }
    }
    std::env::consts::ARCH
}

/// On a processor without a file the losses are near those of another: sums in another order, a hundred steps long.
const NEAR: f64 = 2e-3;

#[test]
fn a_hundred_losses_are_those_that_were_written_down() {
    let folder = folder();
    done(&mut train(folder.path()));
    let found = losses(folder.path());
    assert_eq!(found.lines().count(), 100);
    let kept = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    let file = kept.join(format!("losses-{}.txt", processor()));
    if std::env::var("GOLDEN").is_ok_and(|word| word == "write") {
        fs::write(&file, &found).unwrap();
    }
    if let Ok(golden) = fs::read_to_string(&file) {
        let first = golden.lines().zip(found.lines()).find(|(golden, found)| golden != found);
        assert_eq!(first, None, "the first step that differs from {}", file.display());
        assert_eq!(golden.len(), found.len());
        return;
    }
    let other = fs::read_to_string(kept.join("losses-avx512.txt")).unwrap();
    let number = |line: &str| line.split_whitespace().nth(3).unwrap().parse::<f64>().unwrap();
    for (golden, found) in other.lines().zip(found.lines()) {
        let (golden, found) = (number(golden), number(found));
        assert!((golden - found).abs() < NEAR * golden, "{found} where another processor has {golden}");
    }
}

/// Large enough that products of matrices are shared out among threads.
const LARGER: [&str; 5] =
    ["model.d_model=192", "model.ff=768", "model.seq_len=64", "train.steps=30", "train.workers=3"];

#[test]
fn threads_folder_locale_and_time_zone_change_nothing() {
    let sets = LARGER.iter().flat_map(|set| ["--set", set]);
    let plain = folder();
    done(train(plain.path()).args(sets.clone()));
    assert_eq!(losses(plain.path()).lines().count(), 30);
    let other = tempfile::tempdir().unwrap();
    let far = other.path().join("a folder/with 빈칸/and 'quotes'");
    for (threads, locale, zone) in [("1", "tr_TR.UTF-8", "Asia/Seoul"), ("3", "C", "Pacific/Apia")] {
        let _ = fs::remove_dir_all(&far);
        fs::create_dir_all(&far).unwrap();
        fill(&far);
        let mut command = train(&far);
        command.env("RAYON_NUM_THREADS", threads).env("LC_ALL", locale).env("LANG", locale).env("TZ", zone);
        done(command.args(sets.clone()));
        assert_eq!(losses(plain.path()), losses(&far), "with {threads} threads, {locale}, {zone}");
        assert!(weights(plain.path()) == weights(&far), "weights with {threads} threads, {locale}, {zone}");
    }
}

#[test]
fn a_clock_set_back_ten_years_in_the_middle_of_a_run_changes_nothing() {
    let (plain, back) = (folder(), folder());
    done(&mut train(plain.path()));

    let mut child = train(back.path()).stderr(Stdio::null()).spawn().unwrap();
    let began = Instant::now();
    while !run(back.path()).join("checkpoints/step-0000025").exists() && child.try_wait().unwrap().is_none() {
        assert!(began.elapsed() < Duration::from_secs(300), "no checkpoint in five minutes");
        thread::sleep(Duration::from_millis(2));
    }
    child.kill().unwrap();
    child.wait().unwrap();

    let clock = back.path().join("clock.so");
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/clock.c");
    // Rust links by the C compiler, so there is one wherever this is tested.
    let made = Command::new("cc").args(["-shared", "-fPIC", "-o"]).args([&clock, &source]).arg("-ldl").status();
    assert!(made.unwrap().success());
    done(train(back.path()).env("LD_PRELOAD", &clock));

    assert_eq!(losses(plain.path()), losses(back.path()));
    assert!(weights(plain.path()) == weights(back.path()));
    assert_eq!(losses(back.path()).lines().count(), 100);
    let all = events(back.path());
    let begun =
        all.iter().find_map(|event| if let Event::Start(start) = event { Some(start.time.clone()) } else { None });
    let ended = all.iter().rev().find_map(|event| if let Event::End(end) = event { Some(end.clone()) } else { None });
    let (begun, ended) = (begun.unwrap(), ended.unwrap());
    assert!(ended.time < begun, "the clock was not set back: {begun} to {}", ended.time);
    assert_eq!(ended.status, Status::Finished);
    assert!(ended.time_s > 0.0, "seconds that passed are not taken from the clock on the wall");
    let shown = Command::new(env!("CARGO_BIN_EXE_casebook")).current_dir(back.path()).arg("journal").output();
    assert!(shown.unwrap().status.success());
}
