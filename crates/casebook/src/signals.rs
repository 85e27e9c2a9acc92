//! SIGINT, SIGTERM, SIGHUP and SIGQUIT: what asks the process to leave.
//!
//! A run that trains ends the step it is at, saves and leaves. All else writes nothing that is not whole or known to be
//! half-written ([`disk::abandon`]): it may leave by itself within [`GRACE`] where it looks at the flag, and is ended then.
//! Either way the exit status is [`STOPPED`] and the same command goes on. A second signal ends the process where it stands,
//! as `kill -9` would, with 128 and the signal's number.

use std::{
    fs,
    io::{Write, stderr},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use anyhow::Context;
use signal_hook::{consts, flag, low_level};

/// The exit status of a command that was asked to stop and goes on when given again: EX_TEMPFAIL of sysexits.h.
pub(crate) const STOPPED: u8 = 75;

/// How long a command that looks at the flag may take to leave by itself, with what it has found so far.
const GRACE: Duration = Duration::from_secs(1);
/// How often somebody looks whether there was a signal.
const LOOK: Duration = Duration::from_millis(50);

/// What a signal sets, and what is done then.
#[derive(Clone, Default)]
pub(crate) struct Signals {
    stop: Arc<AtomicBool>,
    /// The signal's number.
    which: Arc<AtomicUsize>,
    /// Somebody looks at `stop`.
    is_looked_at: Arc<AtomicBool>,
    /// A run is in its loop.
    is_training: Arc<AtomicBool>,
}

impl Signals {
    /// Listens, from now on until the process ends. What whoever started the process had it ignore (`nohup`) stays ignored.
    pub(crate) fn listen() -> anyhow::Result<Self> {
        let signals = Self::default();
        for signal in heard() {
            // In this order: the first signal finds the flag down and only sets it.
            let listening = "listening for signals";
            flag::register_conditional_shutdown(signal, 128 + signal, signals.stop.clone()).context(listening)?;
            flag::register_usize(signal, signals.which.clone(), signal as usize).context(listening)?;
            flag::register(signal, signals.stop.clone()).context(listening)?;
        }
        let watching = signals.clone();
        thread::Builder::new()
            .name("signals".into())
            .spawn(move || watching.watch())
            .context("watching for signals")?;
        Ok(signals)
    }

    /// The flag, for somebody who looks at it.
    pub(crate) fn flag(&self) -> &AtomicBool {
        self.is_looked_at.store(true, Ordering::Relaxed);
        &self.stop
    }

    /// Whether a run is in its loop from now on: it leaves by itself, however long its step takes.
    pub(crate) fn training(&self, is_training: bool) {
        self.is_training.store(is_training, Ordering::Relaxed);
    }

    /// Says why a command ended before its end.
    pub(crate) fn say_stopped(&self) {
        let name = low_level::signal_name(self.which.load(Ordering::Relaxed) as i32).unwrap_or("a signal");
        say(&format!("stopped by {name}: nothing half-written is left, and the same command goes on"));
    }

    fn watch(&self) {
        while !self.stop.load(Ordering::Relaxed) {
            thread::sleep(LOOK);
        }
        let (mut asked, mut told) = (Instant::now(), false);
        loop {
            if self.is_training.load(Ordering::Relaxed) {
                asked = Instant::now();
                if !told {
                    say(
                        "asked to stop: the run ends this step, saves and leaves; a second signal ends it where it stands",
                    );
                }
                told = true;
            } else if !self.is_looked_at.load(Ordering::Relaxed) || asked.elapsed() >= GRACE {
                disk::abandon();
                self.say_stopped();
                low_level::exit(i32::from(STOPPED));
            }
            thread::sleep(LOOK);
        }
    }
}

/// Writes a line to standard error, if somebody still reads it: after a SIGHUP there may be no terminal.
fn say(text: &str) {
    let _ = writeln!(stderr(), "{text}");
}

/// The signals that are listened for.
fn heard() -> Vec<i32> {
    let ignored = ignored();
    let is_ignored = |signal: i32| ignored.is_some_and(|mask| mask >> (signal - 1) & 1 == 1);
    let mut all = consts::TERM_SIGNALS.to_vec();
    #[cfg(unix)]
    // Where the system does not say what is ignored, a SIGHUP does what it did before.
    all.extend(ignored.map(|_| consts::SIGHUP));
    all.into_iter().filter(|signal| !is_ignored(*signal)).collect()
}

/// The signals that this process was started with ignoring, a bit each, the lowest for signal 1; none where the system does
/// not say.
fn ignored() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"))?;
    u64::from_str_radix(mask.trim(), 16).ok()
}
