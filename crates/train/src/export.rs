//! A trained run, or an imported model, as a folder that transformers loads.

use std::path::Path;

use case::Task;
use exchange::{Card, CardCorpus, CardResult, Export, Exported};
use journal::{Eval, Event, RunInfo};

use crate::{
    TrainError,
    apply::task_word,
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
    if source.config.task != Task::Mlm {
        let advice = "only encoders that guess words are exported yet".into();
        return Err(TrainError::Task { run: model.into(), found: task_word(source.config.task), advice });
    }
    let mut card = match &source.run {
        Some(run) => card_of_run(run, &source)?,
        None => card_of_import(model)?,
    };
    card.licence = licence.map(str::to_string);
    let what =
        Export { model: &source.config.model, weights: &source.weights, tokenizer: &source.tokenizer, card: &card };
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
    Ok(Card {
        name: info.run.clone(),
        source: format!("Pre-trained {from} with Casebook {}: {}", info.version, info.question),
        licence: None,
        corpora: info.data.corpora.iter().map(corpus).collect(),
        settings: info.parameters.clone(),
        results: evals.flat_map(results).collect(),
        about_results: format!(
            "After {} of {} steps. To know nothing but the words' frequencies gives a loss of {:.4}, to know nothing {:.4}.",
            source.step, info.plan.total_steps, info.baselines.unigram, info.baselines.uniform
        ),
    })
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
