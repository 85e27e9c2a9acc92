//! What is printed before the first step.

use case::{Task, TokenizerKind};
use journal::{Baselines, CorpusInfo, DataInfo, ExamplesInfo, RunInfo, SplitInfo};

use crate::{
    info::grouped,
    session::Spec,
    setup::{Setup, Work},
    words::{Source, Text},
};

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
    if let Some(examples) = &info.data.examples {
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
    lines.extend(examples.repeats.iter().map(|repeat| {
        format!(
            "repeats  {} examples of {} stand in {} too, {} of them word for word: what is measured on them is memory",
            grouped(repeat.exact + repeat.near),
            repeat.later,
            repeat.earlier,
            grouped(repeat.exact)
        )
    }));
    if !examples.splits.iter().any(|split| split.name == "test") && !examples.labels.is_empty() {
        lines.push(
            "note     no `test` split: what is chosen by the validation examples is also measured on them".into(),
        );
    }
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
