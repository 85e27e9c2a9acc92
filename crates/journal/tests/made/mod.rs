//! A run with every field of every file set.

#![allow(clippy::unwrap_used, reason = "helpers of tests, too, fail by panicking")]
#![allow(dead_code, unreachable_pub, reason = "each file of tests takes what it needs")]

use casebook_journal::metrics::{ClassScore, Figure, Scores, Shares};
use casebook_journal::{
    Alert, Baselines, CheckpointSaved, CorpusInfo, CorpusScore, DataInfo, End, EpochEnd, Eval, Event, ExamplesInfo,
    FORMAT, GradNorm, Kinds, Log, LossScaling, Machine, ModelInfo, Note, PlanInfo, RepeatInfo, Resume, RunInfo, Score,
    SplitInfo, Start, StartInfo, Status,
};

/// Every field set; a word beyond ASCII, a quote and a control sign among the texts.
pub fn info() -> RunInfo {
    RunInfo {
        format: FORMAT,
        run: "reviews/pretrained/s1".into(),
        case: "reviews".into(),
        variant: "pretrained".into(),
        seed: u64::MAX,
        question: "Does \"pre-training\" help? 한국어\t<b>".into(),
        source: "case 6 of the training record".into(),
        created: "2026-11-21T08:59:00Z".into(),
        version: "0.1.0".into(),
        commit: Some("3e4272b4c5d6-dirty".into()),
        machine: Machine {
            os: "Linux 6.1".into(),
            cpu: "Some CPU".into(),
            cores: 2,
            memory_bytes: 8_589_934_592,
            device: "cpu".into(),
            backend: "flex".into(),
        },
        precision: "f32".into(),
        parameters: vec![("batch_size".into(), "256".into()), ("learning_rate".into(), "0.0005".into())],
        start: Some(StartInfo {
            folder: "runs/case1/layer-4/s1".into(),
            kind: "run".into(),
            step: 2_000,
            weights: "0123456789abcdef".into(),
            fresh: vec!["head.weight".into()],
        }),
        model: ModelInfo { parameters: 1_234_567, parts: vec![("embeddings".into(), 1_000_000), ("head".into(), 3)] },
        data: data(),
        plan: PlanInfo {
            seconds_per_step: Some(0.125),
            batch_size: 256,
            micro_batch_size: 64,
            steps_per_epoch: 250,
            total_steps: 1_000,
            epochs: 4.0,
            train_rows: 64_000,
            valid_rows: 7_110,
            valid_steps: 112,
            warmup_steps: 60,
            schedule: "linear to 0 after 60 steps of warm-up, peak 5e-4".into(),
            rates: vec![(0, 0.0), (60, 5e-4), (999, 5e-7)],
            notes: vec!["the schedule ends with the run".into()],
        },
        baselines: Baselines { uniform: 9.0109, unigram: 6.5, corpora: vec![("ko".into(), 6.71)] },
    }
}

fn data() -> DataInfo {
    DataInfo {
        prepared: "a1b2c3d4e5f60718".into(),
        tokenizer: "0f1e2d3c4b5a6978".into(),
        tokenizer_kind: "bpe".into(),
        vocab_size: 8_192,
        padding_share: 0.25,
        corpora: vec![CorpusInfo {
            name: "ko".into(),
            documents: 12_000,
            lines: 60_000,
            duplicates: 321,
            bad_lines: 4,
            train_tokens: 8_217_600,
            valid_tokens: 898_800,
            train_rows: 32_100,
            valid_rows: 3_566,
            unknown_share: 0.0012,
            tokens_per_char: 0.41,
        }],
        examples: Some(ExamplesInfo {
            task: "classify".into(),
            target: "single".into(),
            labels: vec!["good".into(), "나쁨".into()],
            shares: vec![0.625, 0.375],
            best_by: "f1-macro".into(),
            splits: vec![SplitInfo {
                name: "train".into(),
                examples: 800,
                inputs: 820,
                tokens: 16_400,
                cut: 3,
                lost: 1,
            }],
            repeats: vec![RepeatInfo { earlier: "train".into(), later: "test".into(), exact: 2, near: 5 }],
            notes: vec!["3 examples are cut".into()],
        }),
    }
}

fn corpus(name: &str, loss: f64) -> CorpusScore {
    CorpusScore { name: name.into(), loss, accuracy: 0.25, scored: 30_617, bits_per_char: Some(4.5) }
}

fn kinds() -> Kinds {
    let score = |loss| Some(Score { loss, accuracy: 0.125, scored: 6_123 });
    Kinds { mask: score(8.5), random: score(10.75), kept: score(4.25) }
}

fn log() -> Event {
    Event::Log(Log {
        step: 50,
        epoch: 0.2,
        time_s: 32.5,
        lr: 0.000_416_666_666_666_666_7,
        loss: 8.331_398_286_840_278,
        accuracy: 0.0395,
        scored: 61_234,
        kinds: kinds(),
        corpora: vec![corpus("ko", 8.75), corpus("en", 7.875)],
        grad_norm: GradNorm { max: 4.5, median: 0.75, p95: 1.75, clipped_share: 0.125 },
        tokens_per_s: 51_234.5,
        padded_tokens_per_s: 70_000.25,
        wait_share: 0.015_625,
        tokens_seen: 409_600,
        window_steps: 50,
        loss_scaling: Some(LossScaling { scale: 65_536.0, skipped: 1 }),
    })
}

fn scores() -> Scores {
    let shares = Shares { precision: 0.75, recall: 0.5, f1: 0.6 };
    Scores {
        examples: 100,
        scored: 100,
        figures: vec![Figure {
            name: "accuracy".into(),
            value: 0.8125,
            error: Some(0.039),
            majority: Some(0.625),
            prior: Some(0.53),
        }],
        classes: vec![ClassScore {
            name: "나쁨".into(),
            support: 40,
            predicted: 36,
            shares,
            f1_error: Some(0.05),
            strict: Some(shares),
        }],
        confusion: vec![vec![50, 10], vec![9, 31]],
        notes: vec!["mcc is left out: it is not finite".into()],
    }
}

fn eval() -> Event {
    Event::Eval(Eval {
        step: 250,
        epoch: 1.0,
        time_s: 160.0,
        split: "valid".into(),
        loss: 0.4375,
        accuracy: 0.8125,
        perplexity: 1.548_833_192_354_656_6,
        bits_per_char: 5.25,
        scored: 100,
        kinds: kinds(),
        corpora: vec![corpus("ko", 9.625)],
        duration_s: 12.5,
        best: true,
        scores: Some(scores()),
    })
}

/// One of each kind, every field set.
pub fn events() -> Vec<Event> {
    let time = || "2026-11-21T10:00:00Z".to_string();
    vec![
        Event::Start(Start {
            format: FORMAT,
            time: time(),
            run: "reviews/pretrained/s1".into(),
            version: "0.1.0".into(),
        }),
        log(),
        eval(),
        Event::Epoch(EpochEnd {
            epoch: 0,
            step: 250,
            rows: 64_000,
            mask_hash: "9e3779b97f4a7c15".into(),
            scored_share: 0.15,
            mask_share: 0.8,
            random_share: 0.1,
            kept_share: 0.1,
            padding_share: 0.25,
        }),
        Event::Checkpoint(CheckpointSaved {
            step: 250,
            folder: "checkpoints/step-0000250".into(),
            best: true,
            bytes: 123_456_789,
            duration_s: 0.75,
        }),
        Event::Resume(Resume {
            format: FORMAT,
            time: time(),
            step: 250,
            checkpoint: "checkpoints/step-0000250".into(),
            changes: vec!["train.log_every: 50 → 100".into()],
            version: Some("0.1.0".into()),
            commit: Some("3e4272b4c5d6".into()),
            device: Some("cpu: Some CPU".into()),
        }),
        Event::Alert(Alert { step: 300, kind: "slow-data".into(), text: "half the time is spent waiting".into() }),
        Event::End(End {
            time: time(),
            step: 1_000,
            status: Status::Finished,
            reason: "all steps are done".into(),
            time_s: 640.0,
        }),
    ]
}

pub fn notes() -> Vec<Note> {
    let note = |text: &str| Note { time: "2026-11-21T12:00:00Z".into(), text: text.into() };
    vec![note("the loss jumps at 250:\n한국어 \"begins\" there"), note("again")]
}
