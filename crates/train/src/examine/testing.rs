//! Cases of a second: text of two made-up languages, texts of two classes, tagged words, pages.

use std::{fs, path::PathBuf, sync::atomic::AtomicBool};

use case::{
    CaseConfig, CorpusConfig, DocumentKind, EncoderConfig, Length, Paths, Task, TokenizerConfig, TokenizerKind,
};
use tempfile::TempDir;

use super::bench::{Bench, Clock};
use crate::{
    Notice, Report,
    device::Place,
    material::{Material, material},
    session::Spec,
    setup::Setup,
};

/// Says nothing.
pub(super) struct Silent;

impl Report for Silent {
    fn say(&mut self, _: Notice<'_>) {}
}

/// A folder with data, and a case over it.
pub(crate) struct Tiny {
    pub(crate) folder: TempDir,
    pub(crate) config: CaseConfig,
}

const ENGLISH: [&str; 12] = ["cat", "sees", "a", "red", "house", "and", "then", "it", "sleeps", "on", "the", "mat"];
const KOREAN: [&str; 10] = ["고양이가", "집을", "보고", "나서", "방석", "위에서", "잠을", "잔다", "그리고", "강아지는"];

/// Sentences whose words follow one another by rule, so that there is something to learn.
fn text(words: &[&str], lines: usize) -> String {
    let line = |index: usize| {
        let word = |at: usize| words[(index * 7 + at * (1 + index % 3)) % words.len()];
        (0..9 + index % 5).map(word).collect::<Vec<_>>().join(" ") + &format!(" {index}.\n")
    };
    (0..lines).map(line).collect()
}

impl Tiny {
    /// Hidden words of two languages.
    pub(crate) fn words() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        fs::write(folder.path().join("en.txt"), text(&ENGLISH, 400)).expect("a file");
        fs::write(folder.path().join("ko.txt"), text(&KOREAN, 400)).expect("a file");
        let mut config = CaseConfig { question: "Is it fit?".into(), seeds: vec![1], ..CaseConfig::default() };
        config.model =
            EncoderConfig { d_model: 32, h: 2, ff: 64, n_layers: 2, seq_len: 16, ..EncoderConfig::default() };
        let corpus = |name: &str| CorpusConfig {
            name: name.into(),
            path: Paths::One(format!("{name}.txt")),
            format: None,
            field: "text".into(),
            documents: DocumentKind::Line,
            fraction: 1.0,
            weight: 1.0,
        };
        config.data.corpora = vec![corpus("ko"), corpus("en")];
        config.data.valid = 0.2;
        config.tokenizer.vocab_size = 150;
        config.schedule.learning_rate = 3e-3;
        config.train.batch_size = 16;
        config.train.steps = Some(200);
        config.train.eval_every = Length::Steps(100);
        Self { folder, config }
    }

    /// Texts with a cat in them, and others.
    pub(crate) fn classes() -> Self {
        let mut tiny = Self::words();
        for (name, count, salt) in [("train", 240, 0), ("valid", 120, 1)] {
            let row = |at: usize| {
                let is_cat = (at * 7 + salt).is_multiple_of(2);
                // Like drawn at random: sentences in both splits that differ in a word or two would be near repeats.
                let drawn =
                    |turn: usize| (at * 40_503 + turn * 9_973 + salt * 65_537 + (at * turn * turn) / 3) / 7 % 11;
                let words = (0..8).map(|turn| ENGLISH[1 + drawn(turn)]);
                let animal = if is_cat { "cat" } else { "dog" };
                format!("{animal} {} {}\t{animal}\n", words.collect::<Vec<_>>().join(" "), 1000 * salt + at)
            };
            let rows = "text\tlabel\n".to_string() + &(0..count).map(row).collect::<String>();
            tiny.write(&format!("{name}.tsv"), &rows);
        }
        tiny.of_examples(Task::Classify, "tsv")
    }

    /// Words of which animals and houses are entities, longer than a window, with boxes.
    pub(super) fn tags() -> Self {
        let mut tiny = Self::words();
        tiny.config.tokenizer = tiny.tokenizer();
        for (name, count, salt) in [("train", 80, 0), ("valid", 40, 1)] {
            let row = |at: usize| {
                let (mut words, mut tags) = (Vec::new(), Vec::new());
                for turn in 0..2 + at % 5 {
                    let animal = if (at + turn + salt).is_multiple_of(2) { "cat" } else { "강아지는" };
                    let number = format!("{}", 1000 * salt + 10 * at + turn);
                    words.extend([animal.to_string(), "sees".into(), "a".into(), "red".into(), "house".into(), number]);
                    tags.extend(["B-ANIMAL", "O", "O", "B-PLACE", "I-PLACE", "O"]);
                }
                let boxes = (0..words.len()).map(|at| [at % 6 * 10, at / 6 * 20, at % 6 * 10 + 8, at / 6 * 20 + 9]);
                let boxes = boxes.collect::<Vec<_>>();
                let row =
                    serde_json::json!({"tokens": words, "tags": tags, "boxes": boxes, "width": 60, "height": 200});
                format!("{row}\n")
            };
            tiny.write(&format!("{name}.jsonl"), &(0..count).map(row).collect::<String>());
        }
        tiny.of_examples(Task::Tag, "jsonl")
    }

    /// The same words hidden, on pages.
    pub(super) fn pages() -> Self {
        let mut tiny = Self::tags();
        tiny.config.task = Task::PageMlm;
        tiny.config.examples.boxes = Some("boxes".into());
        tiny.config.model.boxes = true;
        tiny
    }

    fn of_examples(mut self, task: Task, ending: &str) -> Self {
        let config = &mut self.config;
        config.task = task;
        config.data = case::DataConfig::default();
        let file = |name: &str| Some(Paths::One(format!("{name}.{ending}")));
        (config.examples.train, config.examples.valid) = (file("train"), file("valid"));
        self
    }

    pub(super) fn write(&mut self, name: &str, text: &str) {
        fs::write(self.folder.path().join(name), text).expect("a file");
    }

    /// The tokenizer of its text, as a file.
    fn tokenizer(&self) -> TokenizerConfig {
        let Material::Text(prepared) = self.material() else { panic!("a case of text") };
        let path = prepared.folder().join("tokenizer.json").to_string_lossy().into_owned();
        TokenizerConfig { kind: TokenizerKind::File, path: Some(path), ..TokenizerConfig::default() }
    }

    pub(super) fn material(&self) -> Material {
        let spec = self.spec();
        let never = AtomicBool::new(false);
        material(&self.config, &spec.base, &spec.cache, &never, &mut Silent).expect("data")
    }

    pub(crate) fn setup(&self) -> Setup {
        let place = Place::open("cpu", self.config.train.kernels).expect("every machine has one");
        Setup::new(&self.config, 1, self.material(), place, None, None).expect("a setup")
    }

    pub(super) fn spec(&self) -> Spec {
        Spec {
            case: "tiny".into(),
            variant: "base".into(),
            seed: 1,
            config: self.config.clone(),
            resolved: case::resolved_toml(&self.config, &case::Origins::default()),
            run: PathBuf::new(),
            base: self.folder.path().into(),
            cache: self.folder.path().join("prepared"),
            force_device: false,
        }
    }

    /// Gives a check what it stands on, and an hour.
    pub(super) fn with_bench<T>(&self, check: impl FnOnce(Bench) -> T) -> T {
        let (stop, mut setup) = (AtomicBool::new(false), self.setup());
        let clock = Clock::start(60.0, &stop);
        check(Bench::new(&self.spec(), &mut setup, &clock).expect("a first model"))
    }
}
