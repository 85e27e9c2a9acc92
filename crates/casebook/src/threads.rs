//! Panics that are not ours.

use std::{panic, thread};

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
