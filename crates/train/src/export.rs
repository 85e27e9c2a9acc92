//! A trained run, or an imported model, as a folder that transformers loads.

use std::path::Path;

use exchange::{Card, CardCorpus, CardFigure, CardResult, CardSplit, Export, Exported, HeadOf};
use journal::{Eval, Event, ExamplesInfo, RunInfo, SplitInfo};

use crate::{
    TrainError,
    folder::journal_path,
    source::{Source, Which, read_source},
};

/// Writes a model as a folder that transformers loads, with a card of what the run's record says.
///
/// # Errors
/// [`TrainError`] for a folder that is no model, a model that no class computes, or a folder that is there already; nothing
/// is written then.
pub fn export(model: &Path, which: Which, licence: Option<&str>, to: &Path) -> Result<(Exported, u64), TrainError> {
    let source = read_source(model, which)?;
    let mut card = match &source.run {
        Some(run) => card_of_run(run, &source)?,
        None => card_of_import(model)?,
    };
    card.licence = licence.map(str::to_string);
    let what = Export {
        model: &source.config.model,
        // Without a head, what is missing is the one that pre-training would give it.
        head: source.head.as_ref().unwrap_or(&HeadOf::Words),
        weights: &source.weights,
        tokenizer: &source.tokenizer,
        rows_of_ours: source.run.is_some(),
        card: &card,
    };
    Ok((exchange::export(&what, to)?, source.step))
}

fn card_of_import(folder: &Path) -> Result<Card, TrainError> {
    let origin = exchange::read_model_folder(folder)?.origin;
    let name = folder.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned());
    let source = format!("Imported from {} ({}), not trained here.", origin.folder, origin.model_type);
    Ok(Card { name, source, ..Card::default() })
}

fn card_of_run(run: &Path, source: &Source) -> Result<Card, TrainError> {
    let info = RunInfo::read(run)?;
    let from =
        info.start.as_ref().map_or_else(|| "from scratch".into(), |start| format!("further from {}", start.folder));
    let corpus = |corpus: &journal::CorpusInfo| CardCorpus {
        name: corpus.name.clone(),
        documents: corpus.documents,
        train_tokens: corpus.train_tokens,
        valid_tokens: corpus.valid_tokens,
    };
    let events = journal::read(&journal_path(run))?;
    let evals = events.iter().filter_map(|event| match event {
        Event::Eval(eval) if eval.step == source.step => Some(eval),
        _ => None,
    });
    let evals = evals.collect::<Vec<_>>();
    let tells = source.head.as_ref().and_then(HeadOf::labels);
    let trained = if tells.is_some() { "Fine-tuned" } else { "Pre-trained" };
    let card = Card {
        name: info.run.clone(),
        source: format!("{trained} {from} with Casebook {}: {}", info.version, info.question),
        corpora: info.data.corpora.iter().map(corpus).collect(),
        splits: info.data.examples.iter().flat_map(|examples| &examples.splits).map(split).collect(),
        settings: info.parameters.clone(),
        ..Card::default()
    };
    let after = format!("After {} of {} steps.", source.step, info.plan.total_steps);
    Ok(match info.data.examples.as_ref().filter(|_| tells.is_some()) {
        Some(examples) => Card {
            figures: evals.iter().flat_map(|eval| figures(eval)).collect(),
            about_results: about_figures(&after, examples),
            ..card
        },
        None => Card {
            results: evals.iter().flat_map(|eval| results(eval)).collect(),
            about_results: format!(
                "{after} To know nothing but the words' frequencies gives a loss of {:.4}, to know nothing {:.4}.",
                info.baselines.unigram, info.baselines.uniform
            ),
            ..card
        },
    })
}

fn split(split: &SplitInfo) -> CardSplit {
    CardSplit { name: split.name.clone(), examples: split.examples, tokens: split.tokens }
}

/// All figures of an evaluation on labelled examples.
fn figures(eval: &Eval) -> Vec<CardFigure> {
    let Some(scores) = &eval.scores else { return Vec::new() };
    let one = |figure: &journal::metrics::Figure| CardFigure {
        split: eval.split.clone(),
        name: figure.name.clone(),
        value: figure.value,
        error: figure.error,
        majority: figure.majority,
        scored: scores.scored,
    };
    scores.figures.iter().map(one).collect()
}

/// What the figures are of, and what the run found to be wrong with its examples.
fn about_figures(after: &str, examples: &ExamplesInfo) -> String {
    let mut about = format!("{after} The best checkpoint is told by {} on `valid`.", examples.best_by);
    examples.notes.iter().for_each(|note| about.push_str(&format!(" Note: {note}.")));
    about
}

/// A line for all text, and one for each corpus.
fn results(eval: &Eval) -> Vec<CardResult> {
    let all = CardResult {
        split: eval.split.clone(),
        corpus: "all".into(),
        loss: eval.loss,
        accuracy: eval.accuracy,
        scored: eval.scored,
        bits_per_char: Some(eval.bits_per_char),
    };
    let one = |corpus: &journal::CorpusScore| CardResult {
        split: eval.split.clone(),
        corpus: corpus.name.clone(),
        loss: corpus.loss,
        accuracy: corpus.accuracy,
        scored: corpus.scored,
        bits_per_char: corpus.bits_per_char,
    };
    std::iter::once(all).chain(eval.corpora.iter().map(one)).collect()
}
