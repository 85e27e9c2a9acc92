//! Signals, and panics that are not ours.

use std::{
    panic,
    sync::{Arc, atomic::AtomicBool},
    thread,
};

use anyhow::Context;
use signal_hook::{consts::TERM_SIGNALS, flag};

/// Keeps quiet about panics on the threads that try a GPU: kernels that do not fit are dropped there while the process
/// goes on, an adapter may be missing, and what matters comes back as an error.
pub(crate) fn quiet_the_devices() {
    let usual = panic::take_hook();
    panic::set_hook(Box::new(move |info| {
        let tries = |name: &str| name.starts_with(DEVICE_RUNNERS) || name == train::PROBE_THREAD;
        if !thread::current().name().is_some_and(tries) {
            usual(info);
        }
    }));
}

/// How Burn names the threads that talk to a GPU.
const DEVICE_RUNNERS: &str = "DSD-";

/// A flag that SIGINT, SIGTERM and their like set; a second signal ends the process at once.
pub(crate) fn stop_flag() -> anyhow::Result<Arc<AtomicBool>> {
    let stop = Arc::new(AtomicBool::new(false));
    for signal in TERM_SIGNALS {
        // In this order: the first signal finds the flag down and only sets it.
        flag::register_conditional_shutdown(*signal, EXIT_BY_SIGNAL, stop.clone()).context("listening for signals")?;
        flag::register(*signal, stop.clone()).context("listening for signals")?;
    }
    Ok(stop)
}

/// Exit status after a second signal: 128 + SIGINT, as shells have it.
const EXIT_BY_SIGNAL: i32 = 130;
