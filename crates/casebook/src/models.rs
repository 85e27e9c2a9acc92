//! Models in and out: other libraries' folders, and what scripts compare with them.

use std::{fs, path::Path, process::ExitCode};

use anyhow::Context;
use serde_json::json;
use train::{GivenRows, Probe, grouped};

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
pub(crate) fn forward(probe: &Probe, ids: &Path) -> anyhow::Result<ExitCode> {
    let text = fs::read_to_string(ids).with_context(|| format!("reading {}", ids.display()))?;
    let rows: GivenRows = serde_json::from_str(&text).with_context(|| format!("reading {}", ids.display()))?;
    let states = probe.states(&rows)?;
    let hidden = states.iter().map(|row| &row.hidden).collect::<Vec<_>>();
    let logits = states.iter().map(|row| &row.logits).collect::<Vec<_>>();
    line(&json!({"hidden": hidden, "logits": logits}).to_string());
    Ok(ExitCode::SUCCESS)
}

/// Each line's ids as a JSON list.
pub(crate) fn encode(probe: &Probe, data: &Path) -> anyhow::Result<ExitCode> {
    let text = fs::read_to_string(data).with_context(|| format!("reading {}", data.display()))?;
    for text in text.lines() {
        line(&json!(probe.encode(text)?).to_string());
    }
    Ok(ExitCode::SUCCESS)
}
