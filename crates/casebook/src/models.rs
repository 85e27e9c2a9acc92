//! Models in and out: other libraries' folders, and what scripts compare with them.

use std::{fs, path::Path, process::ExitCode};

use anyhow::Context;
use serde_json::{Value, json};
use train::{Trained, grouped};

use crate::{arguments::ExportArguments, show::line};

/// Writes a run as a folder that transformers loads.
pub(crate) fn export(arguments: &ExportArguments) -> anyhow::Result<ExitCode> {
    let ExportArguments { run, to, checkpoint, licence } = arguments;
    let (exported, step) = train::export(run, *checkpoint, licence.as_deref(), to)?;
    let (class, parameters) = (&exported.architecture, grouped(exported.parameters));
    line(&format!("{}: {class}, {parameters} parameters, weights of step {}", to.display(), grouped(step)));
    exported.notes.iter().for_each(|note| line(&format!("note     {note}")));
    if licence.is_none() {
        line("note     the model card says that no licence is stated; say one with --licence");
    }
    Ok(ExitCode::SUCCESS)
}

/// Reads another library's folder.
pub(crate) fn import(from: &Path, to: &Path) -> anyhow::Result<ExitCode> {
    let imported = exchange::import(from, to)?;
    let (model, origin) = (&imported.model, &imported.origin);
    line(&format!(
        "{}: {} of {} layers, d_model {}, {} words, {} parameters",
        to.display(),
        origin.model_type,
        model.n_layers,
        model.d_model,
        grouped(imported.vocab_size as u64),
        grouped(imported.parameters)
    ));
    origin.notes.iter().for_each(|note| line(&format!("note     {note}")));
    if !origin.dropped.is_empty() {
        line(&format!("dropped  {}", origin.dropped.join(", ")));
    }
    line(&format!("start from it: start = \"{}\" at the top of a case", to.display()));
    Ok(ExitCode::SUCCESS)
}

/// Hidden states and logits as one JSON object.
pub(crate) fn forward(trained: &Trained, ids: &Path) -> anyhow::Result<ExitCode> {
    let text = fs::read_to_string(ids).with_context(|| format!("reading {}", ids.display()))?;
    let given: Value = serde_json::from_str(&text).with_context(|| format!("reading {}", ids.display()))?;
    let rows = |key: &str| {
        let value = given.get(key).filter(|value| !value.is_null()).cloned();
        let rows = value.map(serde_json::from_value::<Vec<Vec<u32>>>).transpose();
        rows.with_context(|| format!("`{key}` in {} is no list of rows of ids", ids.display()))
    };
    let input_ids = rows("input_ids")?.with_context(|| format!("{} has no `input_ids`", ids.display()))?;
    let states = trained.states(&input_ids, rows("token_type_ids")?.as_deref())?;
    let hidden = states.iter().map(|row| &row.hidden).collect::<Vec<_>>();
    let logits = states.iter().map(|row| &row.logits).collect::<Vec<_>>();
    line(&json!({"hidden": hidden, "logits": logits}).to_string());
    Ok(ExitCode::SUCCESS)
}

/// Each line's ids as a JSON list.
pub(crate) fn encode(trained: &Trained, data: &Path) -> anyhow::Result<ExitCode> {
    let text = fs::read_to_string(data).with_context(|| format!("reading {}", data.display()))?;
    for text in text.lines() {
        line(&json!(trained.encode(text)?).to_string());
    }
    Ok(ExitCode::SUCCESS)
}
