//! A run that begins from a model instead of fresh weights.

use std::path::Path;

use case::Variant;
use encoder::Model;
use exchange::HeadOf;
use journal::{RunInfo, StartInfo};

use crate::{
    TrainError,
    session::Spec,
    setup::{Setup, Work},
    source::{Source, Which, filled, head_of, read_head, read_source},
};

/// Takes `[model]` and the tokenizer over from the model that `start` names, relative to `base`; nothing changes where
/// it names none.
///
/// # Errors
/// [`TrainError`] for a folder that is no model, [`TrainError::Case`] where the case says otherwise than the model.
pub fn take_over(variant: &mut Variant, base: &Path) -> Result<(), TrainError> {
    let Some(start) = variant.config.start.clone() else { return Ok(()) };
    let head = read_head(&base.join(&start))?;
    // As the case would write it: relative where the folder's name is.
    let tokenizer = head.tokenizer.strip_prefix(base).unwrap_or(&head.tokenizer);
    Ok(variant.take_over(&head.config.model, &tokenizer.to_string_lossy())?)
}

/// The model before its first update, and what it began from where that is named.
///
/// # Errors
/// [`TrainError`] where that model cannot be read, or is of another shape; [`TrainError::Head`] where its head is to be kept
/// and says something else.
pub(crate) fn first_model(spec: &Spec, setup: &Setup) -> Result<(Model, Option<StartInfo>), TrainError> {
    let model = setup.fresh_model();
    let Some(start) = &spec.config.start else { return Ok((model, None)) };
    let mut source = read_source(&spec.base.join(start), Which::Best)?;
    if !keeps_head(start, setup, &source)? {
        source.drop_head();
    }
    let (model, fresh) = filled(model, &source.weights, &setup.place)?;
    let kind = if source.run.is_some() { "run" } else { "import" };
    let info = StartInfo { folder: start.clone(), kind: kind.into(), step: source.step, weights: source.hash, fresh };
    Ok((model, Some(info)))
}

/// Whether the start's head goes on: of words where the start guesses words too, of labels where the case asks for it.
fn keeps_head(start: &str, setup: &Setup, source: &Source) -> Result<bool, TrainError> {
    let Work::Labels(labels) = &setup.work else { return Ok(source.head == Some(HeadOf::Words)) };
    if setup.config.finetune.fresh_head {
        return Ok(false);
    }
    let refuse = |why: &str| Err(TrainError::Head { start: start.into(), why: why.into() });
    match &source.head {
        Some(theirs) if *theirs == head_of(&labels.info) => Ok(true),
        Some(HeadOf::Labels(_)) => refuse("tells other labels apart, or the same in another order or to another end"),
        Some(HeadOf::Words) => refuse("guesses words"),
        None => refuse("is a model without a head"),
    }
}

/// Refuses to begin again from weights that are not those that a run began from.
///
/// # Errors
/// [`TrainError::Changed`].
pub(crate) fn same_start(spec: &Spec, info: &RunInfo, now: Option<&StartInfo>) -> Result<(), TrainError> {
    let hash = |start: Option<&StartInfo>| start.map_or_else(|| "none".to_string(), |start| start.weights.clone());
    let (before, now) = (hash(info.start.as_ref()), hash(now));
    if before == now {
        return Ok(());
    }
    let differences = vec![format!("weights of `start`: {before} → {now}")];
    Err(TrainError::Changed { run: spec.run.clone(), differences })
}
