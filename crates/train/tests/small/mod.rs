//! A case that trains in a second: two made-up languages, 64 hidden units, rows of 16.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::atomic::{AtomicBool, Ordering},
};

use case::{CaseConfig, CorpusConfig, EncoderConfig, Length, Paths, TokenizerKind};
use casebook_train::{Notice, Outcome, Report, Spec, TrainError, train};
use journal::{Event, Status};
use tempfile::TempDir;

/// A folder with text, and a case over it.
pub(crate) struct Small {
    pub(crate) folder: TempDir,
    pub(crate) config: CaseConfig,
}

/// Stops a run after a step, and remembers what was said.
#[derive(Default)]
pub(crate) struct Watch {
    pub(crate) stop: AtomicBool,
    pub(crate) stop_after: Option<u64>,
    pub(crate) said: Vec<String>,
}

impl Report for Watch {
    fn say(&mut self, notice: Notice<'_>) {
        match notice {
            Notice::Step { step, .. } if self.stop_after == Some(step) => self.stop.store(true, Ordering::Relaxed),
            Notice::Fact(text) | Notice::Warning(text) => self.said.push(text),
            _ => {}
        }
    }
}

/// Sentences of two languages whose words follow one another by rule, so that there is something to learn.
fn text(words: &[&str], lines: usize, salt: usize) -> String {
    let line = |index: usize| {
        let start = index * 7 + salt;
        let word = |at: usize| words[(start + at * (1 + index % 3)) % words.len()];
        (0..8 + index % 5).map(word).collect::<Vec<_>>().join(" ") + &format!(" {index}.\n")
    };
    (0..lines).map(line).collect()
}

impl Small {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let english = ["the", "cat", "sees", "a", "red", "house", "and", "then", "it", "sleeps", "on", "the", "mat"];
        let korean =
            ["고양이가", "집을", "보고", "나서", "방석", "위에서", "잠을", "잔다", "그리고", "강아지는", "논다"];
        fs::write(folder.path().join("en.txt"), text(&english, 150, 0)).unwrap();
        fs::write(folder.path().join("ko.txt"), text(&korean, 150, 3)).unwrap();
        let mut config =
            CaseConfig { question: "Does it go on as if it had never stopped?".into(), ..CaseConfig::default() };
        config.seeds = vec![1];
        config.model =
            EncoderConfig { d_model: 32, h: 2, ff: 64, n_layers: 2, seq_len: 16, ..EncoderConfig::default() };
        let corpus = |name: &str| CorpusConfig {
            name: name.into(),
            path: Paths::One(format!("{name}.txt")),
            format: None,
            field: "text".into(),
            documents: case::DocumentKind::Line,
            fraction: 1.0,
            weight: 1.0,
        };
        config.data.corpora = vec![corpus("ko"), corpus("en")];
        config.data.valid = 0.2;
        config.data.max_bad_share = 0.001;
        config.tokenizer.kind = TokenizerKind::Bpe;
        config.tokenizer.vocab_size = 150;
        config.train.batch_size = 16;
        config.train.steps = Some(40);
        config.train.log_every = Length::Steps(3);
        config.train.eval_every = Length::Steps(10);
        config.train.checkpoint_every = Length::Steps(7);
        Self { folder, config }
    }

    pub(crate) fn spec(&self, run: &str) -> Spec {
        Spec {
            case: "small".into(),
            variant: "base".into(),
            seed: self.config.seeds[0],
            config: self.config.clone(),
            resolved: resolved(&self.config),
            run: self.run(run),
            base: self.folder.path().into(),
            cache: self.folder.path().join("prepared"),
            force_device: false,
        }
    }

    pub(crate) fn run(&self, run: &str) -> PathBuf {
        self.folder.path().join("runs").join(run)
    }

    /// Trains, or goes on with, a run; stops after `stop_after` steps.
    pub(crate) fn train(&self, run: &str, stop_after: Option<u64>) -> Result<Status, TrainError> {
        match self.watched(run, stop_after).0? {
            Outcome::Ended(status) => Ok(status),
            Outcome::EndedBefore(status) => panic!("the run was {status} before"),
        }
    }

    /// The same, with what was said.
    pub(crate) fn watched(&self, run: &str, stop_after: Option<u64>) -> (Result<Outcome, TrainError>, Vec<String>) {
        let mut watch = Watch { stop_after, ..Watch::default() };
        // The flag is shared with the reporter as the binary's is with its signal handlers.
        let stop: &'static AtomicBool = Box::leak(Box::new(AtomicBool::new(false)));
        struct Shared<'a>(&'a mut Watch, &'static AtomicBool);
        impl Report for Shared<'_> {
            fn say(&mut self, notice: Notice<'_>) {
                self.0.say(notice);
                self.1.store(self.0.stop.load(Ordering::Relaxed), Ordering::Relaxed);
            }
        }
        let outcome = train(&self.spec(run), stop, &mut Shared(&mut watch, stop));
        (outcome, watch.said)
    }
}

/// The resolved text of a configuration that was made in code.
fn resolved(config: &CaseConfig) -> String {
    case::resolved_toml(config, &case::Origins::default())
}

/// A run's events without what a clock made, in order; superseded ones dropped.
pub(crate) fn events(run: &Path) -> Vec<Event> {
    let timeless = |mut event: Event| {
        match &mut event {
            Event::Log(log) => {
                (log.time_s, log.tokens_per_s, log.padded_tokens_per_s, log.wait_share) = (0.0, 0.0, 0.0, 0.0);
            }
            Event::Eval(eval) => (eval.time_s, eval.duration_s) = (0.0, 0.0),
            _ => {}
        }
        event
    };
    let numbers = |event: &Event| matches!(event, Event::Log(_) | Event::Eval(_) | Event::Epoch(_));
    journal::read(&run.join("journal.jsonl")).unwrap().into_iter().filter(numbers).map(timeless).collect()
}

/// The bytes of a run's last weights and moments.
pub(crate) fn final_bytes(run: &Path) -> [Vec<u8>; 2] {
    let mut steps =
        fs::read_dir(run.join("checkpoints")).unwrap().map(|entry| entry.unwrap().path()).collect::<Vec<_>>();
    steps.retain(|path| path.is_dir());
    steps.sort();
    ["model.safetensors", "optimizer.safetensors"].map(|file| fs::read(steps.last().unwrap().join(file)).unwrap())
}
