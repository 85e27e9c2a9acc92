//! Where and when a run was made.

use std::{path::Path, process::Command};

use journal::Machine;
use sysinfo::{CpuRefreshKind, MemoryRefreshKind, RefreshKind, System};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

use crate::device::Place;

/// The time, UTC, RFC 3339, whole seconds.
pub fn now() -> String {
    let now = OffsetDateTime::now_utc().replace_nanosecond(0).expect("0 is a nanosecond");
    now.format(&Rfc3339).expect("a year of four digits")
}

/// This machine, without its name or anything personal.
pub(crate) fn machine(place: &Place) -> Machine {
    let what =
        RefreshKind::nothing().with_cpu(CpuRefreshKind::nothing()).with_memory(MemoryRefreshKind::nothing().with_ram());
    let system = System::new_with_specifics(what).ok();
    let brand = |system: &System| system.cpus().first().map(|cpu| cpu.brand().trim().to_string());
    Machine {
        os: System::long_os_version().unwrap_or_else(|_| std::env::consts::OS.to_string()),
        cpu: system.as_ref().and_then(brand).unwrap_or_else(|| "unknown".to_string()),
        cores: std::thread::available_parallelism().map_or(1, usize::from),
        memory_bytes: system.as_ref().map_or(0, System::total_memory),
        device: place.word.clone(),
        backend: place.description.clone(),
    }
}

/// The commit of the checkout around `base`, with `-dirty` where tracked files were changed; none outside of one.
pub(crate) fn commit(base: &Path) -> Option<String> {
    let git = |arguments: &[&str]| {
        let output = Command::new("git").arg("-C").arg(base).args(arguments).output().ok()?;
        output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_string())
    };
    let head = git(&["rev-parse", "--short=12", "HEAD"])?;
    let changed = !git(&["status", "--porcelain", "--untracked-files=no"])?.is_empty();
    Some(if changed { format!("{head}-dirty") } else { head })
}

/// The largest resident size of this process so far; none where the system does not say.
pub(crate) fn peak_memory_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kilobytes = line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()?;
    Some(kilobytes * 1024)
}
