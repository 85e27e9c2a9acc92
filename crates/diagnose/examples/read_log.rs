//! Prints what is read from logs and what it proves: `read_log [--table] [--claim key=value]... PATH... | -`.
#![allow(clippy::print_stdout)] // an example's business

use std::path::Path;

use casebook_diagnose::{Claim, DiagnoseError, Log, RunLog, Standing, hold, read, read_from, recover};

fn main() -> Result<(), DiagnoseError> {
    let (mut claims, mut paths, mut is_table) = (Vec::new(), Vec::new(), false);
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--table" => is_table = true,
            "--claim" => claims.push(Claim::parse(&arguments.next().unwrap_or_default())?),
            _ => paths.push(argument),
        }
    }
    if is_table {
        println!(
            "| file | format | runs | rows | evaluations | unread | steps/epoch | total | schedule | peak | batch |"
        );
        println!("|---|---|---|---|---|---|---|---|---|---|---|");
    }
    for path in &paths {
        let log =
            if path == "-" { read_from("standard input", std::io::stdin().lock())? } else { read(Path::new(path))? };
        if is_table { table_row(path, &log) } else { details(&log, &claims) }
    }
    Ok(())
}

/// One row a file: of several runs the one with most rows.
fn table_row(path: &str, log: &Log) {
    let name = Path::new(path).file_name().map_or(path.into(), |name| name.to_string_lossy());
    let format = log.sources.first().map_or(String::new(), |source| source.format.to_string());
    let rows: usize = log.runs.iter().map(|run| run.rows.len()).sum();
    let evaluations: usize = log.runs.iter().map(RunLog::evaluations).sum();
    let found = log.runs.iter().max_by_key(|run| run.rows.len()).map(recover).unwrap_or_default();
    let number = |derived: Option<casebook_diagnose::recover::Derived>| {
        derived.map_or("".into(), |derived| {
            if derived.is_exact() {
                format!("{}", derived.value)
            } else {
                format!("{:.1}..{:.1}", derived.low, derived.high)
            }
        })
    };
    let (schedule, peak) = found.schedule.as_ref().map_or((String::new(), String::new()), |schedule| {
        (
            format!("{} (error {:.1e})", schedule.family, schedule.error),
            format!("{:.3e} {:?}", schedule.peak, schedule.peak_is),
        )
    });
    println!(
        "| {name} | {format} | {} | {rows} | {evaluations} | {} | {} | {} | {schedule} | {peak} | {} |",
        log.runs.len(),
        log.unread.count,
        number(found.steps_per_epoch),
        number(found.total_steps),
        number(found.batch_size)
    );
}

fn details(log: &Log, claims: &[Claim]) {
    let quote = |place: casebook_diagnose::Place| {
        format!("{}:{}", log.sources.get(place.source as usize).map_or("", |source| &source.name), place.line)
    };
    for source in &log.sources {
        println!("source {} ({}, {} lines)", source.name, source.format, source.lines);
    }
    for note in &log.notes {
        println!("note {}: {}", quote(note.place), note.text);
    }
    for line in &log.unread.first {
        println!("unread {}: {}: {}", quote(line.place), line.reason, line.text);
    }
    println!("unread lines: {}", log.unread.count);
    for (nth, run) in log.runs.iter().enumerate() {
        let counting = run.rows.iter().filter(|row| row.standing == Standing::Counts).count();
        println!("run {} {:?}: {} rows, {counting} count", nth + 1, run.name, run.rows.len());
        for column in &run.columns {
            let series = run.series(&column.split, &column.metric);
            if let (Some(first), Some(last)) = (series.first(), series.last()) {
                println!(
                    "  {} {}: {} numbers, {} at {} to {} at {}",
                    column.split,
                    column.metric,
                    series.len(),
                    first.value,
                    quote(first.place),
                    last.value,
                    quote(last.place)
                );
            }
        }
        for fact in &run.facts {
            println!("  fact {} = {} at {}", fact.key, fact.text, quote(fact.place));
        }
        println!("  lacks: {}", run.lacks().iter().map(ToString::to_string).collect::<Vec<_>>().join(", "));
        let found = recover(run);
        println!("  {found:#?}");
        for claim in claims.iter().cloned().chain(Claim::of_log(run)) {
            let held = hold(&claim, &found);
            println!("  claim {} = {}: {}: {}", claim.key, claim.value, held.verdict, held.why);
        }
    }
}
