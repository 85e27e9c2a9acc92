//! The facts of a run: what stands in `run.json`, and what is printed before the first step.

use case::{CaseConfig, FinetuneConfig, Precision, Task, TokenizerConfig, TokenizerKind};
use encoder::{Model, flat_weights};
use journal::{Baselines, CorpusInfo, DataInfo, ExamplesInfo, ModelInfo, PlanInfo, RunInfo, SplitInfo, StartInfo};
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
            Source::Pages(pages) => (pages.padding_share(), Vec::new(), Some(pages.info.clone())),
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
        notes: case::warnings(&setup.config).into_iter().chain(plan.notes()).collect(),
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

/// What is printed before the first step.
pub(crate) fn facts(spec: &Spec, setup: &Setup, info: &RunInfo) -> Vec<String> {
    let (data, plan) = (&info.data, &info.plan);
    let mut lines = vec![format!("run      {} in {}", info.run, spec.run.display())];
    for corpus in &data.corpora {
        lines.push(format!(
            "text     {}: {} documents, {} training and {} validation rows; {} duplicates removed, {} bad lines",
            corpus.name,
            grouped(corpus.documents),
            grouped(corpus.train_rows),
            grouped(corpus.valid_rows),
            grouped(corpus.duplicates),
            grouped(corpus.bad_lines)
        ));
    }
    let words = format!("words    {}: vocabulary {}", data.tokenizer_kind, grouped(data.vocab_size));
    let asked = match setup.config.tokenizer.kind {
        TokenizerKind::File => String::new(),
        _ => format!(" (asked for {})", grouped(setup.config.tokenizer.vocab_size as u64)),
    };
    lines.push(words + &asked + &word_shares(data));
    match &setup.work {
        Work::Words(words) => match &words.source {
            Source::Text(text) => lines.extend(leak(text)),
            Source::Pages(pages) => lines.extend(example_lines(&pages.info)),
        },
        Work::Labels(labels) => lines.extend(example_lines(&labels.info)),
    }
    let parts = info.model.parts.iter().map(|(name, count)| format!("{name} {}", grouped(*count))).collect::<Vec<_>>();
    lines.push(format!("model    {} parameters: {}", grouped(info.model.parameters), parts.join(", ")));
    lines.push(format!(
        "plan     {} steps = {:.2} epochs of {}; {} rows of {} tokens a step; padding {:.1} %",
        grouped(plan.total_steps),
        plan.epochs,
        grouped(plan.steps_per_epoch),
        plan.batch_size,
        tokens_of_a_row(setup),
        100.0 * data.padding_share
    ));
    if let Some(start) = &info.start {
        let fresh = match start.fresh.len() {
            0 => "every weight taken over".to_string(),
            _ => format!("{} begin fresh", start.fresh.join(", ")),
        };
        lines.push(format!("start    {} at step {}: {fresh}", start.folder, grouped(start.step)));
    }
    lines.push(format!("rate     {}", plan.schedule));
    lines.push(to_beat(info));
    lines.push(format!("device   {}: {}; {}", setup.place.word, setup.place.description, info.precision));
    lines
}

/// How long a row is: always, or at most.
fn tokens_of_a_row(setup: &Setup) -> String {
    match setup.config.task {
        Task::Mlm => setup.config.model.seq_len.to_string(),
        _ => format!("at most {}", setup.config.max_tokens()),
    }
}

/// The losses of predicting without looking.
fn to_beat(info: &RunInfo) -> String {
    let Baselines { uniform, unigram, corpora } = &info.baselines;
    if let Some(examples) = info.data.examples.as_ref().filter(|examples| !examples.labels.is_empty()) {
        let unit = if examples.task == "tag" { "token" } else { "decision" };
        return format!(
            "to beat  every label alike {uniform:.3}, each by its share in training {unigram:.3} nats per {unit}: no better is \
             to look at nothing"
        );
    }
    let corpora = corpora.iter().map(|(name, loss)| format!("{name} {loss:.3}")).collect::<Vec<_>>();
    format!(
        "to beat  uniform {uniform:.3}, unigram {unigram:.3} ({}) nats per token: no better is to know nothing but frequencies",
        corpora.join(", ")
    )
}

/// Lines of validation that stand in training text too.
fn leak(text: &Text) -> Option<String> {
    let leak = &text.prepared.manifest().leak;
    (leak.found > 0).then(|| {
        format!(
            "leak     {} of {} validation lines stand word for word in training documents too",
            grouped(leak.found),
            grouped(leak.looked_for)
        )
    })
}

/// Sizes and shares of labelled examples, and what a reader should know.
fn example_lines(examples: &ExamplesInfo) -> Vec<String> {
    let split = |split: &SplitInfo| {
        let mut words = format!("{} {} examples", split.name, grouped(split.examples));
        if split.inputs != split.examples {
            words += &format!(" in {} windows", grouped(split.inputs));
        }
        if split.cut > 0 {
            words += &format!(", {} of them cut", grouped(split.cut));
        }
        if split.lost > 0 {
            words += &format!(", {} words whose tag no token can say", grouped(split.lost));
        }
        words
    };
    let mut labels =
        examples.labels.iter().zip(&examples.shares).map(|(name, share)| format!("{name} {:.1} %", 100.0 * share));
    let named = labels.by_ref().take(LABELS_NAMED).collect::<Vec<_>>().join(", ");
    let more = labels.count();
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    let mut lines = Vec::new();
    if !examples.labels.is_empty() {
        lines.push(format!("labels   {}: {named}{more}", examples.labels.len()));
    }
    lines.push(format!("examples {}", examples.splits.iter().map(split).collect::<Vec<_>>().join("; ")));
    lines.extend(examples.notes.iter().map(|note| format!("note     {note}")));
    lines
}

/// Labels named before the first step.
const LABELS_NAMED: usize = 8;

fn word_shares(data: &DataInfo) -> String {
    let one = |corpus: &CorpusInfo| {
        format!(
            "; {}: {:.3} tokens a character, {:.3} % unknown",
            corpus.name,
            corpus.tokens_per_char,
            100.0 * corpus.unknown_share
        )
    };
    data.corpora.iter().map(one).collect()
}

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
