//! Logs, each format from its bytes to all that is shown of it, and plans beside a log.

use std::hint::black_box;
use std::path::Path;

use diagnose::show::{self, Detail, Judged};
use diagnose::{Format, Log, hold, judge, read, read_bytes, read_plan, recover};

use crate::{Taken, in_file};

/// All that `casebook diagnose` does but for the terminal.
fn shown(name: &str, log: &Log) {
    let diagnosis = judge(log, &[]);
    let judged = [Judged { name, log, diagnosis: &diagnosis }];
    black_box(show::text(&judged, Detail::Full));
    black_box(show::json(&judged));
    black_box(show::markdown(&judged, None));
    black_box(show::html(&judged, "0"));
}

/// Bytes that are recognised as of another format are that format's reader's business.
fn of(format: Format, bytes: &[u8]) -> Taken {
    let log = read_bytes("log", bytes.to_vec());
    if log.sources.first().is_none_or(|source| source.format != format) {
        return Taken::AsAnother;
    }
    shown("log", &log);
    Taken::AsIts
}

pub(crate) fn trainer_state(bytes: &[u8]) -> Taken {
    of(Format::TrainerState, bytes)
}

pub(crate) fn results(bytes: &[u8]) -> Taken {
    of(Format::Results, bytes)
}

pub(crate) fn json_lines(bytes: &[u8]) -> Taken {
    of(Format::JsonLines, bytes)
}

pub(crate) fn notebook(bytes: &[u8]) -> Taken {
    of(Format::Notebook, bytes)
}

pub(crate) fn csv(bytes: &[u8]) -> Taken {
    of(Format::Csv, bytes)
}

pub(crate) fn tensorboard(bytes: &[u8]) -> Taken {
    of(Format::TensorBoard, bytes)
}

/// An event file in pieces, each behind one byte of length: what grows are events, not checksums.
pub(crate) fn tensorboard_records(bytes: &[u8]) -> Taken {
    let (mut rest, mut records) = (bytes, Vec::new());
    while let Some((length, data)) = rest.split_first() {
        let (data, after) = data.split_at(usize::from(*length).min(data.len()));
        records.push(data.to_vec());
        rest = after;
    }
    of(Format::TensorBoard, &crate::seeds::events(&records))
}

pub(crate) fn text(bytes: &[u8]) -> Taken {
    of(Format::Text, bytes)
}

/// Our own journal as a log; lines get the checksum that they lack, which nothing grows by chance.
pub(crate) fn journal(bytes: &[u8]) -> Taken {
    in_file("journal.jsonl", &crate::journals::with_checksums(bytes), |path| {
        let Ok(log) = read(path) else { return Taken::AsIts };
        if log.sources.first().is_none_or(|source| source.format != Format::Journal) {
            return Taken::AsAnother;
        }
        shown("log", &log);
        Taken::AsIts
    })
}

/// A plan, as TOML and as anything else, and what a log says to it.
pub(crate) fn plan(bytes: &[u8]) -> Taken {
    let log = read_bytes("log", crate::seeds::CONSOLE.as_bytes().to_vec());
    let recovered: Vec<_> = log.runs.iter().map(recover).collect();
    let against = |path: &Path| {
        let Ok(claims) = read_plan(path) else { return };
        for recovered in &recovered {
            black_box(claims.iter().map(|claim| hold(claim, recovered)).collect::<Vec<_>>());
        }
        black_box(judge(&log, &claims));
    };
    in_file("plan.toml", bytes, against);
    in_file("plan.txt", bytes, against);
    Taken::AsIts
}
