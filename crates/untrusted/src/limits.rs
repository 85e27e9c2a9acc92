//! What a reader may use of the machine for what it is given.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use peak_alloc::PeakAlloc;

use crate::{Reader, Taken};

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

/// Limits are for each started piece of this length.
const PIECE_BYTES: usize = 64 << 10;
/// Computing for a piece.
const MOST_TIME: Duration = Duration::from_secs(1);
/// Memory for a piece, beyond what was taken before.
const MOST_BYTES: usize = 64 << 20;
/// The kernel counts computing in hundredths of a second for whoever asks.
const TICK: Duration = Duration::from_millis(10);

/// What is wrong with a reader.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// A panic that no caller would have caught, and where it began.
    Panic(String),
    /// It computed longer than it may.
    Slow {
        /// What it took.
        took: Duration,
        /// What it may take.
        most: Duration,
    },
    /// It held more memory than it may.
    Large {
        /// What it held.
        held: usize,
        /// What it may hold.
        most: usize,
    },
}

/// Reads the bytes and says what is wrong with that, if anything is. One at a time in a process: memory is counted for all of
/// it.
///
/// # Errors
/// A [`Fault`].
pub fn held_to_limits(reader: Reader, bytes: &[u8]) -> Result<Taken, Fault> {
    static ONE: Mutex<()> = Mutex::new(());
    let _one = ONE.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    let pieces = bytes.len().div_ceil(PIECE_BYTES).max(1);
    let before = MEMORY.current_usage();
    MEMORY.reset_peak_usage();
    let started = Instant::now();
    let taken = caught(reader, bytes)?;
    let took = started.elapsed();
    let held = MEMORY.peak_usage().saturating_sub(before);
    let most = pieces * MOST_BYTES;
    if held > most {
        return Err(Fault::Large { held, most });
    }
    // The machine may be busy with other things: only what takes too long by the clock is measured by computing.
    let most = MOST_TIME * u32::try_from(pieces).unwrap_or(u32::MAX);
    if took > most {
        let before = computed();
        caught(reader, bytes)?;
        let took = computed().zip(before).map_or(took, |(after, before)| after.saturating_sub(before));
        if took > most {
            return Err(Fault::Slow { took, most });
        }
    }
    Ok(taken)
}

fn caught(reader: Reader, bytes: &[u8]) -> Result<Taken, Fault> {
    catch_unwind(AssertUnwindSafe(|| (reader.read)(bytes))).map_err(|payload| {
        let text = payload.downcast_ref::<&str>().map(ToString::to_string);
        Fault::Panic(text.or_else(|| payload.downcast_ref::<String>().cloned()).unwrap_or_default())
    })
}

/// What this process has computed so far, all threads of it, where the system tells (Linux).
fn computed() -> Option<Duration> {
    let text = std::fs::read_to_string("/proc/self/stat").ok()?;
    // The second field is the program's name in brackets, which may hold spaces.
    let mut fields = text.rsplit_once(')')?.1.split_whitespace().skip(11);
    let mut ticks = || fields.next()?.parse::<u32>().ok();
    Some(TICK * (ticks()? + ticks()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn held(read: fn(&[u8]) -> Taken) -> Result<Taken, Fault> {
        held_to_limits(Reader { name: "test", read }, b"")
    }

    #[test]
    fn what_a_reader_does_wrong_is_found() {
        assert_eq!(held(|_| Taken::AsAnother), Ok(Taken::AsAnother));
        assert_eq!(held(|_| panic!("what")), Err(Fault::Panic("what".into())));
        let large = held(|_| {
            assert!(!std::hint::black_box(vec![1_u8; MOST_BYTES + 1]).is_empty());
            Taken::AsIts
        });
        assert!(matches!(large, Err(Fault::Large { held, most: MOST_BYTES }) if held > MOST_BYTES), "{large:?}");
        let slow = held(|_| {
            let started = computed().expect("Linux tells");
            while computed().expect("Linux tells") - started < MOST_TIME + 2 * TICK {}
            Taken::AsIts
        });
        assert!(matches!(slow, Err(Fault::Slow { took, .. }) if took > MOST_TIME), "{slow:?}");
        let waits = held(|_| {
            std::thread::sleep(MOST_TIME + TICK);
            Taken::AsIts
        });
        assert_eq!(waits, Ok(Taken::AsIts));
    }
}
