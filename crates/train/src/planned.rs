//! Runs that are going to be made: written down before the first of them begins, so that a journal shows what is missing.

use std::sync::atomic::AtomicBool;

use case::{CaseConfig, Kernels};
use journal::RunInfo;

use crate::{
    Report, TrainError,
    device::Place,
    folder::{Found, lock, look},
    info::run_info,
    material::material,
    plan::needs_timing,
    session::Spec,
    setup::Setup,
    start::first_model,
};

/// Writes down every run of a case that has not begun: its case and its facts, without a journal.
///
/// Runs whose length is given in minutes are left out: how many steps that is shows when they begin.
///
/// # Errors
/// [`TrainError`] where text cannot be prepared or a folder cannot be written.
pub fn plan_runs(specs: &[Spec], stop: &AtomicBool, report: &mut dyn Report) -> Result<(), TrainError> {
    let mut last: Option<(CaseConfig, RunInfo)> = None;
    for spec in specs {
        let is_planned = spec.run.join("run.json").exists();
        if is_planned || needs_timing(&spec.config) || !matches!(look(&spec.run)?, Found::Nothing) {
            continue;
        }
        let info = match &last {
            // Another seed of the same variant: its facts are the same.
            Some((config, info)) if *config == spec.config => RunInfo {
                seed: spec.seed,
                run: format!("{}/{}/s{}", spec.case, spec.variant, spec.seed),
                ..info.clone()
            },
            _ => facts(spec, stop, report)?,
        };
        let Ok(held) = lock(&spec.run) else { continue }; // another process is about to begin it
        journal::write_atomically(&spec.run.join("case.toml"), spec.resolved.as_bytes())?;
        info.write(&spec.run)?;
        drop(held);
        last = Some((spec.config.clone(), info));
    }
    Ok(())
}

fn facts(spec: &Spec, stop: &AtomicBool, report: &mut dyn Report) -> Result<RunInfo, TrainError> {
    let material = material(&spec.config, &spec.base, &spec.cache, stop, report)?;
    // The device is looked at when the run begins; its facts are written anew then.
    let place = Place::open("cpu", Kernels::Own)?;
    let setup = Setup::new(&spec.config, spec.seed, material, place, None, None)?;
    let (model, start) = first_model(spec, &setup)?;
    Ok(run_info(spec, &setup, &model, start))
}
