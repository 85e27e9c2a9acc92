//! The facts of a run: what stands in `run.json`.

use case::{CaseConfig, FinetuneConfig, Precision, Task, TokenizerConfig};
use encoder::{Model, flat_weights};
use journal::{CorpusInfo, DataInfo, ModelInfo, PlanInfo, RunInfo, StartInfo};
use serde::Serialize;

use crate::{
    machine,
    pages::padding_share,
    plan::Plan,
    session::Spec,
    setup::{Setup, Work},
    words::{Source, Text},
};

/// All facts of a run that is about to begin.
pub(crate) fn run_info(spec: &Spec, setup: &Setup, model: &Model, start: Option<StartInfo>) -> RunInfo {
    RunInfo {
        format: journal::FORMAT,
        run: format!("{}/{}/s{}", spec.case, spec.variant, spec.seed),
        case: spec.case.clone(),
        variant: spec.variant.clone(),
        seed: spec.seed,
        question: spec.config.question.clone(),
        source: spec.config.source.clone(),
        created: machine::now(),
        version: env!("CARGO_PKG_VERSION").into(),
        commit: machine::commit(&spec.base),
        machine: machine::machine(&setup.place),
        precision: precision(spec.config.train.precision).into(),
        parameters: parameters(&spec.config),
        start,
        model: model_info(model),
        data: data_info(setup),
        plan: plan_info(setup),
        baselines: setup.baselines.clone(),
    }
}

/// The number format as records call it.
fn precision(precision: Precision) -> &'static str {
    match precision {
        Precision::Fp32 => "f32",
        Precision::F16 => "f32, matrix products in f16 with a scaled loss",
        Precision::Bf16 => "f32, matrix products in bf16",
    }
}

/// The keys that a reader of a record wants, in the users' words.
fn parameters(config: &CaseConfig) -> Vec<(String, String)> {
    let (model, masking, optimizer, schedule) = (&config.model, &config.masking, &config.optimizer, &config.schedule);
    let mut pairs = vec![
        ("batch_size", config.train.batch_size.to_string()),
        ("learning_rate", schedule.learning_rate.to_string()),
        ("schedule", word(&schedule.kind)),
        ("warmup", schedule.warmup.to_string()),
        ("optimizer", word(&optimizer.kind)),
        ("weight_decay", optimizer.weight_decay.to_string()),
        ("clip_norm", optimizer.clip_norm.to_string()),
        ("d_model", model.d_model.to_string()),
        ("h", model.h.to_string()),
        ("ff", model.ff.to_string()),
        ("n_layers", model.n_layers.to_string()),
        ("dropout", model.dropout.to_string()),
        ("seq_len", model.seq_len.to_string()),
        ("norm", word(&model.norm)),
        ("position", word(&model.position)),
        ("activation", word(&model.activation)),
        ("tied_output", model.tied_output.to_string()),
    ];
    if config.task == Task::Mlm {
        pairs.extend([("rows", word(&config.data.rows)), ("order", word(&config.data.order))]);
    }
    if config.task.hides_words() {
        pairs.extend([
            ("masking", format!("{}, {} by {}", word(&masking.policy), masking.rate, word(&masking.unit))),
            ("mask / random / kept", format!("{} / {} / {}", masking.mask, masking.random, masking.keep)),
        ]);
    } else {
        pairs.extend(tuning(config));
    }
    if config.model.boxes {
        pairs.push(("boxes", "2-D positions".into()));
    }
    pairs.push(("tokenizer", tokenizer_words(&config.tokenizer)));
    let start = config.start.clone().map(|start| ("start", start));
    start.into_iter().chain(pairs).map(|(key, value)| (key.to_string(), value)).collect()
}

/// What is only asked of labelled examples.
fn tuning(config: &CaseConfig) -> Vec<(&'static str, String)> {
    let tune = &config.finetune;
    let mut pairs = vec![
        ("task", word(&config.task)),
        ("max_tokens", config.max_tokens().to_string()),
        ("metric", config.best_by().name().to_string()),
    ];
    let usual = FinetuneConfig::default();
    if tune.freeze != usual.freeze {
        pairs.push(("freeze", word(&tune.freeze)));
    }
    if tune.layer_decay != usual.layer_decay {
        pairs.push(("layer_decay", tune.layer_decay.to_string()));
    }
    if tune.class_weights != usual.class_weights {
        pairs.push(("class_weights", word(&tune.class_weights)));
    }
    if tune.label_smoothing != usual.label_smoothing {
        pairs.push(("label_smoothing", tune.label_smoothing.to_string()));
    }
    if tune.patience > 0 {
        pairs.push(("patience", tune.patience.to_string()));
    }
    pairs
}

/// The algorithm and the size asked for, or the file brought along.
fn tokenizer_words(tokenizer: &TokenizerConfig) -> String {
    match &tokenizer.path {
        Some(path) => path.clone(),
        None => format!("{}, vocab_size {}", word(&tokenizer.kind), tokenizer.vocab_size),
    }
}

/// A choice as the case file writes it.
fn word(choice: &impl Serialize) -> String {
    let value = serde_json::to_value(choice).expect("a choice is a word");
    value.as_str().map_or_else(|| value.to_string(), str::to_string)
}

fn model_info(model: &Model) -> ModelInfo {
    let mut parts: Vec<(String, u64)> = Vec::new();
    for flat in flat_weights(model) {
        let part = flat.name.split('.').take(2).collect::<Vec<_>>();
        let part = if part[0] == "head" { "head" } else { part[1] };
        let count = flat.shape.iter().product::<usize>() as u64;
        match parts.iter_mut().find(|(name, _)| name == part) {
            Some((_, sum)) => *sum += count,
            None => parts.push((part.to_string(), count)),
        }
    }
    ModelInfo { parameters: parts.iter().map(|(_, count)| count).sum(), parts }
}

/// What tells this run's data from any other.
pub(crate) fn data_hash(setup: &Setup) -> String {
    match &setup.work {
        Work::Words(words) => match &words.source {
            Source::Text(text) => text.prepared.hash(),
            Source::Pages(pages) => pages.hash.clone(),
        },
        Work::Labels(labels) => labels.hash.clone(),
    }
}

fn data_info(setup: &Setup) -> DataInfo {
    let (padding_share, corpora, examples) = match &setup.work {
        Work::Words(words) => match &words.source {
            Source::Text(text) => (text.batches.padding_share(), corpora(text), None),
            Source::Pages(pages) => (pages.padding_share(), vec![pages.corpus.clone()], None),
        },
        Work::Labels(labels) => {
            (padding_share(&labels.plan, &labels.train.inputs), Vec::new(), Some(labels.info.clone()))
        }
    };
    DataInfo {
        prepared: data_hash(setup),
        tokenizer: setup.tokenizer.hash(),
        tokenizer_kind: setup.tokenizer.kind(),
        vocab_size: setup.tokenizer.vocab_size() as u64,
        padding_share,
        corpora,
        examples,
    }
}

fn corpora(text: &Text) -> Vec<CorpusInfo> {
    let train = text.batches.rows().summary();
    let valid = text.valid_rows.summary();
    let rows = |summary: &corpus::RowSummary, name: &str| {
        summary.corpora.iter().find(|corpus| corpus.name == name).map_or(0, |corpus| corpus.rows)
    };
    let one = |corpus: &corpus::CorpusFacts| CorpusInfo {
        name: corpus.name.clone(),
        documents: corpus.read.documents,
        lines: corpus.read.lines,
        duplicates: corpus.duplicate_documents,
        bad_lines: corpus.read.bad_lines,
        train_tokens: corpus.train.tokens,
        valid_tokens: corpus.valid.tokens,
        train_rows: rows(&train, &corpus.name),
        valid_rows: rows(&valid, &corpus.name),
        unknown_share: corpus.unknown_share,
        tokens_per_char: corpus.tokens_per_character,
    };
    text.prepared.manifest().corpora.iter().map(one).collect()
}

/// The plan's numbers.
pub(crate) fn plan_info(setup: &Setup) -> PlanInfo {
    let plan = &setup.plan;
    let (batch_size, train_rows, valid_rows) = match &setup.work {
        Work::Words(words) => match &words.source {
            Source::Text(text) => (text.batches.batch_size(), text.batches.rows().len(), text.valid_rows.len()),
            Source::Pages(pages) => (pages.batch_size, pages.train.len() as u64, pages.valid.len() as u64),
        },
        Work::Labels(labels) => {
            (labels.batch_size(), labels.train.inputs.len() as u64, labels.valid.inputs.len() as u64)
        }
    };
    PlanInfo {
        seconds_per_step: setup.timed,
        batch_size: batch_size as u64,
        micro_batch_size: plan.micro_batch_size as u64,
        steps_per_epoch: plan.steps_per_epoch,
        total_steps: plan.total_steps,
        epochs: plan.total_steps as f64 / plan.steps_per_epoch as f64,
        train_rows,
        valid_rows,
        valid_steps: valid_rows.div_ceil(plan.micro_batch_size as u64),
        warmup_steps: plan.warmup_steps,
        schedule: plan.schedule.describe(),
        rates: planned_rates(plan),
        notes: case::warnings(&setup.config).into_iter().chain(plan.notes()).chain(page_notes(setup)).collect(),
    }
}

/// What a reader should know about pages.
fn page_notes(setup: &Setup) -> Vec<String> {
    match &setup.work {
        Work::Words(words) => match &words.source {
            Source::Pages(pages) => pages.info.notes.clone(),
            Source::Text(_) => Vec::new(),
        },
        Work::Labels(_) => Vec::new(),
    }
}

/// The rates of the plan at evenly spaced updates, at the end of warm-up, and on either side of every restart.
fn planned_rates(plan: &Plan) -> Vec<(u64, f64)> {
    let rate = |step| plan.schedule.lr_at(step);
    let last = plan.total_steps.saturating_sub(1);
    let even = (0..=RATES_KEPT).map(|at| (u128::from(last) * at / RATES_KEPT) as u64);
    let mut steps: Vec<u64> = even.chain([plan.warmup_steps.min(last)]).collect();
    steps.sort_unstable();
    let is_rise = |pair: &&[u64]| pair[0] >= plan.warmup_steps && rate(pair[1]) > rate(pair[0]);
    let rises = steps.windows(2).filter(is_rise).flat_map(|pair| {
        let (mut before, mut after) = (pair[0], pair[1]);
        while after - before > 1 {
            let middle = before.midpoint(after);
            if rate(middle) > rate(pair[0]) { after = middle } else { before = middle }
        }
        [before, after]
    });
    let rises: Vec<u64> = rises.collect();
    steps.extend(rises);
    steps.sort_unstable();
    steps.dedup();
    steps.into_iter().map(|step| (step, rate(step))).collect()
}

/// A fifth of a chart's pixels: straight lines between so many points cannot be told from the schedule.
const RATES_KEPT: u128 = 160;

/// A count with its thousands parted: 11,267.
pub fn grouped(count: u64) -> String {
    let digits = count.to_string();
    let parted = |(at, digit): (usize, char)| {
        let comma = at > 0 && (digits.len() - at).is_multiple_of(3);
        comma.then_some(',').into_iter().chain([digit])
    };
    digits.chars().enumerate().flat_map(parted).collect()
}

#[cfg(test)]
mod tests {
    use super::grouped;

    #[test]
    fn thousands_are_parted() {
        let shown = [0, 999, 1000, 11_267, 2_884_352].map(grouped);
        assert_eq!(shown, ["0", "999", "1,000", "11,267", "2,884,352"]);
    }
}
