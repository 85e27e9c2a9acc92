//! Made-up runs for tests: every field of every event is set.

use crate::event::*;
use crate::info::*;

pub(crate) fn start() -> Event {
    Event::Start(Start {
        format: FORMAT,
        time: "2026-11-21T09:00:00Z".into(),
        run: "case1/layer-4/s1".into(),
        version: "0.1.0".into(),
    })
}

pub(crate) fn log(step: u64) -> Event {
    let progress = step as f64 / 1_000.0;
    let loss = 4.2 + 4.8 * (-3.0 * progress).exp();
    let accuracy = 0.32 - 0.31 * (-2.0 * progress).exp();
    Event::Log(Log {
        step,
        epoch: step as f64 / 250.0,
        time_s: step as f64 * 0.64,
        lr: 5e-4 * (progress / 0.06).min((1.0 - progress).max(0.0) / 0.94),
        loss,
        accuracy,
        scored: 61_234,
        kinds: kinds(loss, accuracy, 61_234),
        corpora: corpora(loss, accuracy, 61_234),
        grad_norm: GradNorm { max: 2.5 + loss / 4.0, median: 0.8, p95: 1.75, clipped_share: 0.125 },
        tokens_per_s: 51_234.5,
        padded_tokens_per_s: 70_000.25,
        wait_share: 0.015625,
        tokens_seen: step * 8_192,
        window_steps: 50,
        loss_scaling: Some(LossScaling { scale: 65_536.0, skipped: 1 }),
    })
}

pub(crate) fn eval(step: u64) -> Event {
    let progress = step as f64 / 1_000.0;
    let loss = 4.5 + 4.6 * (-3.0 * progress).exp();
    let accuracy = 0.30 - 0.29 * (-2.0 * progress).exp();
    Event::Eval(Eval {
        step,
        epoch: step as f64 / 250.0,
        time_s: step as f64 * 0.64,
        split: "valid".into(),
        loss,
        accuracy,
        perplexity: loss.exp(),
        bits_per_char: loss * 0.4 / std::f64::consts::LN_2,
        scored: 123_456,
        kinds: kinds(loss, accuracy, 123_456),
        corpora: corpora(loss, accuracy, 123_456),
        duration_s: 12.5,
        best: true,
        scores: None,
    })
}

fn kinds(loss: f64, accuracy: f64, scored: u64) -> Kinds {
    let score = |by: f64, share: f64| {
        Some(Score { loss: loss * by, accuracy: accuracy / by, scored: (scored as f64 * share) as u64 })
    };
    Kinds { mask: score(1.02, 0.8), random: score(1.3, 0.1), kept: score(0.5, 0.1) }
}

fn corpora(loss: f64, accuracy: f64, scored: u64) -> Vec<CorpusScore> {
    [("ko", 1.06), ("en", 0.94)]
        .map(|(name, by)| CorpusScore {
            name: name.into(),
            loss: loss * by,
            accuracy: accuracy / by,
            scored: scored / 2,
            bits_per_char: Some(loss * by * 0.4 / std::f64::consts::LN_2),
        })
        .to_vec()
}

pub(crate) fn epoch_end(epoch: u64, step: u64) -> Event {
    Event::Epoch(EpochEnd {
        epoch,
        step,
        rows: 64_000,
        mask_hash: format!("{:016x}", 0x9e37_79b9_7f4a_7c15_u64.wrapping_mul(epoch + 1)),
        scored_share: 0.15,
        mask_share: 0.8,
        random_share: 0.1,
        kept_share: 0.1,
        padding_share: 0.25,
    })
}

pub(crate) fn checkpoint(step: u64) -> Event {
    let folder = format!("checkpoints/step-{step:07}");
    Event::Checkpoint(CheckpointSaved { step, folder, best: true, bytes: 123_456_789, duration_s: 0.75 })
}

pub(crate) fn alert(step: u64) -> Event {
    Event::Alert(Alert {
        step,
        kind: "slow-data".into(),
        text: "half the time is spent waiting: raise `workers`".into(),
    })
}

pub(crate) fn resume(step: u64) -> Event {
    Event::Resume(Resume {
        format: FORMAT,
        version: None,
        commit: None,
        device: None,
        time: "2026-11-21T10:00:00Z".into(),
        step,
        checkpoint: format!("checkpoints/step-{step:07}"),
        changes: vec!["train.log_every: 50 -> 100".into()],
    })
}

pub(crate) fn end(step: u64) -> Event {
    ended(step, Status::Finished, "all steps are done")
}

pub(crate) fn ended(step: u64, status: Status, reason: &str) -> Event {
    let time = "2026-11-21T11:30:00Z".into();
    Event::End(End { time, step, status, reason: reason.into(), time_s: step as f64 * 0.64 })
}

/// A run's folder with this journal; it goes when the value does.
pub(crate) fn written_run(events: &[Event]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    write_run(folder.path(), &run_info(), events);
    folder
}

/// Writes a run into a folder.
pub(crate) fn write_run(folder: &std::path::Path, info: &RunInfo, events: &[Event]) {
    std::fs::create_dir_all(folder).unwrap();
    info.write(folder).unwrap();
    let mut journal = crate::file::Journal::create(&folder.join("journal.jsonl")).unwrap();
    events.iter().for_each(|event| journal.append(event).unwrap());
}

/// One of each.
pub(crate) fn all_kinds() -> Vec<Event> {
    vec![start(), eval(0), log(50), epoch_end(0, 250), checkpoint(250), alert(300), resume(250), end(1_000)]
}

/// A run of 1,000 steps, finished.
pub(crate) fn finished_run() -> Vec<Event> {
    let mut events = vec![start(), eval(0)];
    for step in (50..=1_000).step_by(50) {
        events.push(log(step));
        if step % 250 == 0 {
            events.push(epoch_end(step / 250 - 1, step));
            events.push(eval(step));
            events.push(checkpoint(step));
        }
    }
    events.push(end(1_000));
    events
}

pub(crate) fn run_info() -> RunInfo {
    let corpus = |name: &str, train_rows| CorpusInfo {
        name: name.into(),
        documents: 12_000,
        lines: 60_000,
        duplicates: 321,
        bad_lines: 4,
        train_tokens: train_rows * 256,
        valid_tokens: train_rows * 28,
        train_rows,
        valid_rows: train_rows / 9,
        unknown_share: 0.0012,
        tokens_per_char: 0.41,
    };
    RunInfo {
        format: FORMAT,
        run: "case1/layer-4/s1".into(),
        case: "case1".into(),
        variant: "layer-4".into(),
        seed: 1,
        question: "Do six layers beat four on the unified Korean and English corpus?".into(),
        source: "case 1 of the training record".into(),
        created: "2026-11-21T08:59:00Z".into(),
        version: "0.1.0".into(),
        commit: Some("3e4272b".into()),
        machine: Machine {
            os: "Linux 6.1".into(),
            cpu: "Some CPU".into(),
            cores: 2,
            memory_bytes: 8 << 30,
            device: "cpu".into(),
            backend: "flex".into(),
        },
        precision: "f32".into(),
        start: None,
        parameters: [
            ("batch_size", "256"),
            ("learning_rate", "0.0005"),
            ("weight_decay", "0"),
            ("clip_norm", "1"),
            ("d_model", "512"),
            ("h", "8"),
            ("ff", "2048"),
            ("n_layers", "4"),
            ("dropout", "0.1"),
            ("seq_len", "256"),
        ]
        .map(|(key, value)| (key.to_string(), value.to_string()))
        .to_vec(),
        model: ModelInfo {
            parameters: 39_471_338,
            parts: vec![("embeddings".into(), 26_858_496), ("layers".into(), 12_609_536), ("head".into(), 3_306)],
        },
        data: DataInfo {
            prepared: "a1b2c3d4e5f60718".into(),
            tokenizer: "0f1e2d3c4b5a6978".into(),
            tokenizer_kind: "bpe".into(),
            vocab_size: 8_192,
            padding_share: 0.25,
            corpora: vec![corpus("ko", 32_100), corpus("en", 31_900)],
            examples: None,
        },
        plan: PlanInfo {
            seconds_per_step: None,
            batch_size: 256,
            micro_batch_size: 64,
            steps_per_epoch: 250,
            total_steps: 1_000,
            epochs: 4.0,
            train_rows: 64_000,
            valid_rows: 7_110,
            valid_steps: 28,
            warmup_steps: 60,
            schedule: "linear to 0 after 60 steps of warm-up, peak 5e-4".into(),
            rates: vec![(0, 0.0), (60, 5e-4), (1_000, 0.0)],
            notes: vec!["the schedule ends with the run".into()],
        },
        baselines: Baselines {
            uniform: 8_192.0_f64.ln(),
            unigram: 6.5,
            corpora: vec![("ko".into(), 6.71), ("en".into(), 6.29)],
        },
    }
}

/// Runs of two variants, with two and three seeds, the case file naming layer-6 first.
pub(crate) fn case_runs() -> crate::case_runs::CaseRuns {
    let order = ["layer-6", "layer-4"].map(String::from);
    case_runs_of(&order, &[("layer-4", 10), ("layer-4", 1), ("layer-4", 2), ("layer-6", 2), ("layer-6", 1)])
}

/// Finished runs of case1; each seed's losses are its own, and layer-6's are lower.
pub(crate) fn case_runs_of(order: &[String], runs: &[(&str, u64)]) -> crate::case_runs::CaseRuns {
    let root = tempfile::tempdir().unwrap();
    let folders: Vec<std::path::PathBuf> = runs
        .iter()
        .map(|(variant, seed)| {
            let folder = root.path().join(variant).join(format!("s{seed}"));
            let run = format!("case1/{variant}/s{seed}");
            let mut info = RunInfo { run, variant: (*variant).into(), seed: *seed, ..run_info() };
            let layers = variant.rsplit('-').next().unwrap_or_default();
            info.parameters
                .iter_mut()
                .filter(|(key, _)| key == "n_layers")
                .for_each(|(_, value)| *value = layers.into());
            let better = if *variant == "layer-6" { -0.2 } else { 0.0 };
            write_run(&folder, &info, &shifted(&finished_run(), better + 0.01 * (*seed as f64)));
            folder
        })
        .collect();
    crate::case_runs::CaseRuns::read("case1", &folders, order)
}

/// The same run with other losses.
pub(crate) fn shifted(events: &[Event], by: f64) -> Vec<Event> {
    let mut events = events.to_vec();
    for event in &mut events {
        match event {
            Event::Log(log) => log.loss += by,
            Event::Eval(eval) => eval.loss += by,
            _ => {}
        }
    }
    events
}
