//! Made-up runs on labelled examples for tests: their figures are of made-up predictions, counted as real ones are.

use std::sync::OnceLock;

use crate::event::*;
use crate::inference::bits;
use crate::info::*;
use crate::metrics::{Prior, Scores, TagLoss, Tagged, Targets, classification_scores, tag_scores};
use crate::synthetic::{checkpoint, ended, log, run_info, start};

const LABELS: [&str; 4] = ["delivery", "price | value", "quality", "service"];
const SHARES: [f64; 4] = [0.4, 0.3, 0.2, 0.1];
const TAGS: [&str; 5] = ["O", "B-company", "I-company", "B-total", "I-total"];
const TAG_SHARES: [f64; 5] = [0.7, 0.1, 0.1, 0.07, 0.03];

/// What a made-up run on labelled examples is to be like.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Taught {
    pub(crate) seed: u64,
    /// Share of examples whose label is known at the end, the others being guessed.
    pub(crate) skill: f64,
    pub(crate) steps: u64,
    pub(crate) has_test: bool,
}

impl Default for Taught {
    fn default() -> Self {
        Self { seed: 1, skill: 0.7, steps: 500, has_test: true }
    }
}

/// A number in 0..1.
fn random(place: u64) -> f64 {
    (bits(place) >> 11) as f64 / (1_u64 << 53) as f64
}

fn names(labels: &[&str]) -> Vec<String> {
    labels.iter().map(ToString::to_string).collect()
}

/// A class drawn by the shares.
fn drawn(shares: &[f64], place: u64) -> usize {
    let mut left = random(place);
    shares
        .iter()
        .position(|share| {
            left -= share;
            left < 0.0
        })
        .unwrap_or(0)
}

/// Figures of so many made-up examples, the share `skill` of which is known.
pub(crate) fn classified(skill: f64, examples: u64, salt: u64) -> Scores {
    let mut truth = Vec::new();
    let mut logs = Vec::new();
    for at in 0..examples {
        let place = |what: u64| salt * 1_000_003 + at * 8 + what;
        let actual = drawn(&SHARES, place(0));
        let said = if random(place(1)) < skill { actual } else { drawn(&SHARES, place(2)) };
        let sure = 0.45 + 0.5 * skill * random(place(3));
        let rest = (1.0 - sure) / (LABELS.len() - 1) as f64;
        logs.extend((0..LABELS.len()).map(|class| if class == said { sure.ln() } else { rest.ln() }));
        truth.push(actual);
    }
    classification_scores(&names(&LABELS), &logs, Targets::Hard(&truth), &Prior { shares: SHARES.to_vec() })
}

/// Figures of so many made-up sentences of twelve words.
pub(crate) fn tagged(skill: f64, sentences: u64, salt: u64) -> Scores {
    let prior = Prior { shares: TAG_SHARES.to_vec() };
    let (mut truth, mut predicted, mut nats) = (Vec::new(), Vec::new(), Vec::new());
    for at in 0..sentences {
        let words = |of: u64| -> Vec<String> {
            let tag = |word: u64| TAGS[drawn(&TAG_SHARES, salt * 1_000_003 + at * 100 + word + 40 * of)].to_string();
            (0..12).map(tag).collect()
        };
        let (actual, other) = (words(0), words(1));
        let knows = |word: usize| random(salt * 2_000_003 + at * 100 + word as u64) < skill;
        let said = (0..12).map(|word| if knows(word) { actual[word].clone() } else { other[word].clone() });
        predicted.push(said.collect::<Vec<String>>());
        truth.push(actual);
        nats.push(12.0 * (1.2 - skill));
    }
    let scored = vec![12; truth.len()];
    let loss = Some(TagLoss { nats: &nats, scored: &scored });
    tag_scores(Tagged { truth: &truth, predicted: &predicted, loss }, &names(&TAGS), &prior).unwrap()
}

fn evaluation(step: u64, split: &str, scores: Scores) -> Event {
    let loss = scores.value("cross-entropy").unwrap();
    Event::Eval(Eval {
        step,
        epoch: step as f64 / 125.0,
        time_s: step as f64 * 0.25,
        split: split.into(),
        loss,
        accuracy: scores.value("accuracy").unwrap(),
        perplexity: loss.exp(),
        bits_per_char: 0.0,
        scored: scores.scored,
        kinds: Kinds::default(),
        corpora: Vec::new(),
        duration_s: 0.5,
        best: true,
        scores: Some(scores),
    })
}

/// A log line without kinds and corpora.
fn plain_log(step: u64, loss: f64) -> Event {
    let Event::Log(log) = log(step) else { unreachable!("a log was asked for") };
    let accuracy = (-loss).exp();
    let epoch = step as f64 / 125.0;
    Event::Log(Log { loss, accuracy, epoch, kinds: Kinds::default(), corpora: Vec::new(), loss_scaling: None, ..log })
}

/// A run's events: a log line every 25 steps, a validation every 125, and the test examples at the last checkpoint but one.
fn taught(made: Taught, scores: fn(f64, u64, u64) -> Scores) -> Vec<Event> {
    let skill = |step: u64| made.skill * (1.0 - (-4.0 * step as f64 / made.steps as f64).exp());
    let valid = |step: u64| evaluation(step, "valid", scores(skill(step), 400, made.seed * 10_000 + step));
    let mut events = vec![start(), valid(0)];
    for step in (25..=made.steps).step_by(25) {
        events.push(plain_log(step, 1.3 - skill(step)));
        if step % 125 == 0 {
            events.extend([valid(step), checkpoint(step)]);
        }
    }
    if made.has_test {
        let step = made.steps - 125;
        events.push(evaluation(step, "test", scores(skill(step), 300, made.seed * 10_000 + 9_999)));
    }
    events.push(ended(made.steps, Status::Finished, "all steps are done"));
    events
}

/// A run that learned to classify.
pub(crate) fn classify_run(made: Taught) -> Vec<Event> {
    taught(made, classified)
}

/// The run of [`labelled_info`].
pub(crate) fn labelled_run() -> Vec<Event> {
    static RUN: OnceLock<Vec<Event>> = OnceLock::new();
    RUN.get_or_init(|| classify_run(Taught::default())).clone()
}

/// The run of [`tagged_info`].
pub(crate) fn tagged_run() -> Vec<Event> {
    static RUN: OnceLock<Vec<Event>> = OnceLock::new();
    RUN.get_or_init(|| taught(Taught { seed: 3, ..Taught::default() }, tagged)).clone()
}

fn split(name: &str, examples: u64) -> SplitInfo {
    SplitInfo { name: name.into(), examples, inputs: examples, tokens: examples * 23, cut: examples / 100, lost: 0 }
}

/// A description of a run that classifies.
pub(crate) fn labelled_info() -> RunInfo {
    let mut info = run_info();
    info.run = "reviews/pretrained/s1".into();
    (info.case, info.variant) = ("reviews".into(), "pretrained".into());
    info.question = "Does pre-training help to tell what a review is about?".into();
    info.source = String::new();
    info.data.corpora.clear();
    info.data.examples = Some(ExamplesInfo {
        task: "classify".into(),
        target: "single".into(),
        labels: names(&LABELS),
        shares: SHARES.to_vec(),
        best_by: "accuracy".into(),
        splits: vec![split("train", 4_000), split("valid", 400), split("test", 300)],
        repeats: vec![RepeatInfo { earlier: "train".into(), later: "valid".into(), exact: 3, near: 2 }],
        notes: vec!["labels are those of the training examples, sorted".into()],
    });
    info.plan.batch_size = 32;
    info.plan.micro_batch_size = 32;
    (info.plan.steps_per_epoch, info.plan.total_steps, info.plan.epochs) = (125, 500, 4.0);
    (info.plan.train_rows, info.plan.valid_rows, info.plan.valid_steps) = (4_000, 400, 13);
    (info.plan.warmup_steps, info.plan.rates) = (50, vec![(0, 0.0), (50, 5e-4), (500, 0.0)]);
    let prior = SHARES.iter().map(|share: &f64| -share * share.ln()).sum();
    info.baselines = Baselines { uniform: 4.0_f64.ln(), unigram: prior, corpora: Vec::new() };
    info
}

/// A description of a run that tags words.
pub(crate) fn tagged_info() -> RunInfo {
    let mut info = labelled_info();
    info.run = "receipts/pretrained/s3".into();
    (info.case, info.seed) = ("receipts".into(), 3);
    info.question = "What stands where on a receipt?".into();
    if let Some(examples) = &mut info.data.examples {
        (examples.task, examples.best_by) = ("tag".into(), "strict-f1-micro".into());
        (examples.labels, examples.shares) = (names(&TAGS), TAG_SHARES.to_vec());
        examples.repeats.clear();
    }
    let prior = TAG_SHARES.iter().map(|share: &f64| -share * share.ln()).sum();
    info.baselines = Baselines { uniform: 5.0_f64.ln(), unigram: prior, corpora: Vec::new() };
    info
}

/// Finished runs of two variants with three seeds each, of which the first learned more.
pub(crate) fn labelled_case() -> crate::case_runs::CaseRuns {
    let root = tempfile::tempdir().unwrap();
    let mut folders = Vec::new();
    for (variant, skill) in [("pretrained", 0.8), ("scratch", 0.5)] {
        for seed in 1..=3 {
            let folder = root.path().join(variant).join(format!("s{seed}"));
            let info =
                RunInfo { run: format!("reviews/{variant}/s{seed}"), variant: variant.into(), seed, ..labelled_info() };
            let events = classify_run(Taught { seed, skill, ..Taught::default() });
            crate::synthetic::write_run(&folder, &info, &events);
            folders.push(folder);
        }
    }
    crate::case_runs::CaseRuns::read("reviews", &folders, &["pretrained", "scratch"].map(String::from))
}

/// Runs of a case that sweeps one key of `[examples]`, two seeds each, in the folder that they were read from.
pub(crate) fn swept_case(examples: &str, sweep: &str) -> (tempfile::TempDir, crate::case_runs::CaseRuns) {
    let root = tempfile::tempdir().unwrap();
    let file = root.path().join("reviews.toml");
    let head = "question = \"How much is learned?\"\ntask = \"classify\"\nseeds = [1, 2]\n";
    let text = format!("{head}[train]\nepochs = 4\n[examples]\ntrain = \"reviews.tsv\"\n{examples}[sweep]\n{sweep}");
    std::fs::write(&file, text).unwrap();
    let case = case::load(&file, &[]).unwrap();
    let mut folders = Vec::new();
    for (at, variant) in case.variants.iter().enumerate() {
        for seed in 1..=2 {
            let folder = root.path().join(&variant.name).join(format!("s{seed}"));
            let mut info = RunInfo { variant: variant.name.clone(), seed, ..labelled_info() };
            if let Some(examples) = &mut info.data.examples {
                examples.splits[0].examples = (4_000.0 * variant.config.examples.share) as u64;
            }
            let skill = 0.5 + 0.1 * at as f64;
            crate::synthetic::write_run(&folder, &info, &classify_run(Taught { seed, skill, ..Taught::default() }));
            std::fs::write(folder.join("case.toml"), variant.resolved_toml()).unwrap();
            folders.push(folder);
        }
    }
    let order: Vec<String> = case.variants.iter().map(|variant| variant.name.clone()).collect();
    let runs = crate::case_runs::CaseRuns::read("reviews", &folders, &order);
    (root, runs)
}
