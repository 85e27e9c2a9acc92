//! Does a device compute what the framework computes on the CPU?
//!
//! A device can compute nothing and say nothing: the loss even falls. So a tiny encoder is trained on it, by the kernels a
//! run would use, and on the CPU by the framework's operations, from the same weights on the same batch with the same
//! dropout, and everything is compared.

mod compare;
#[cfg(test)]
mod tests;
mod trace;

use std::{
    path::Path,
    sync::mpsc::{self, RecvTimeoutError},
    thread,
    time::Duration,
};

use case::{EncoderConfig, Kernels};

use crate::{
    TrainError,
    device::{PROBE_THREAD, Place},
};
use compare::compare;
pub use compare::{Check, Diagnosis};
use trace::{Trace, tiny, trace};

/// Trains a tiny encoder with the operations of `model` on the CPU and on `place`, and compares.
///
/// # Errors
/// [`TrainError::Device`] where the device fails outright.
pub fn diagnose(place: &Place, model: &EncoderConfig) -> Result<Diagnosis, TrainError> {
    let cpu = trace(&Place::open("cpu", Kernels::Composed)?, model)?;
    let device = in_time(place.clone(), model.clone())?;
    Ok(compare(&cpu, &device, place.precision()))
}

/// How long a device may take. A software GPU on two busy cores took 80 s; a driver that died never answers.
const LIMIT: Duration = Duration::from_secs(300);

/// The device's trace, or an error where it panics or does not answer: its threads may be gone, and then nothing returns.
fn in_time(place: Place, model: EncoderConfig) -> Result<Trace, TrainError> {
    let (send, answer) = mpsc::channel();
    let work = move || {
        // Nobody may be waiting any more.
        let _ = send.send(trace(&place, &model));
    };
    let failed = |cause: &str| TrainError::Device { cause: cause.into() };
    thread::Builder::new().name(PROBE_THREAD.into()).spawn(work).map_err(|_| failed("no thread could be started"))?;
    match answer.recv_timeout(LIMIT) {
        Ok(trace) => trace,
        Err(RecvTimeoutError::Timeout) => Err(failed("it gave no answer in five minutes")),
        Err(RecvTimeoutError::Disconnected) => Err(failed("a kernel panicked")),
    }
}

/// What to try when a device computes wrongly, best first.
pub fn ways_out() -> String {
    let mut ways = Vec::new();
    if cfg!(feature = "spirv") {
        ways.push("build without the feature `spirv`, so that shaders go through WGSL");
    }
    ways.extend([
        "kernels = \"composed\" in [train], so that only the framework's kernels run",
        "set CUBECL_AUTOTUNE_LEVEL=minimal, so that fewer kernels are tried",
        "take `fusion` or `autotune` off Burn's features in Cargo.toml and build again",
        "install a newer driver",
        "device = \"cpu\"",
    ]);
    ways.join("; ")
}

/// Refuses a device that computes wrongly; one that passed is not examined again by the same program on this machine.
///
/// # Errors
/// [`TrainError::DeviceWrong`] with the first difference and the ways out; [`TrainError::Device`] where it fails outright.
pub(crate) fn check_once(place: &Place, model: &EncoderConfig, cache: &Path) -> Result<(), TrainError> {
    if place.is_cpu() {
        return Ok(());
    }
    let (version, way) = (env!("CARGO_PKG_VERSION"), (place.kernels(), place.precision()));
    let examined = format!("{version} {} {way:?} {:?}", place.description, tiny(model));
    let name = blake3::hash(examined.as_bytes()).to_hex();
    let passed = cache.join("doctor").join(&name.as_str()[..16]);
    if passed.exists() {
        return Ok(());
    }
    let diagnosis = diagnose(place, model)?;
    if let Some(worst) = diagnosis.failures().first() {
        return Err(TrainError::DeviceWrong {
            word: place.word.clone(),
            description: place.description.clone(),
            finding: format!(
                "the {} is {:.1e} of its size away from the CPU's (allowed {:.0e})",
                worst.what, worst.difference, worst.allowed
            ),
            ways: ways_out(),
        });
    }
    let folder = cache.join("doctor");
    disk::create_folders(&folder).map_err(|cause| TrainError::Write { path: folder, cause })?;
    Ok(journal::write_atomically(&passed, place.description.as_bytes())?)
}
