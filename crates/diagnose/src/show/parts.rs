//! The parts of a report: runs, what was not tested, what the log proves, what could not be read.

use case::one_line;

use crate::judge::{RunDiagnosis, Verdict};
use crate::log::{Place, RunLog, Split};
use crate::recover::{Derived, Family, PeakIs, Recovered, Schedule};
use crate::show::Judged;
use crate::show::blocks::{Block, Shown};
use crate::show::words::{count, counted, epoch, figure, file, number, quote, sentence, short, step};

/// Rows of the table of runs; of more runs, the first of each verdict by alarm.
const ROWS: usize = 40;
/// Letters of a run's name in the table.
const NAME: usize = 44;
/// Notes that are shown.
const NOTES: usize = 20;
/// Unread lines that are shown.
const UNREAD: usize = 5;
/// Findings that a row of the table names.
const NAMED: usize = 3;

/// The log's name as a heading.
pub(super) fn title(judged: &Judged<'_>) -> String {
    let name = short(judged.name, judged.name);
    one_line(if name.is_empty() { judged.name } else { name })
}

/// Findings of a whole log are lettered, those of runs numbered.
pub(super) fn letter(at: usize) -> String {
    let letter = u8::try_from(at).ok().filter(|at| *at < 26).map_or('z', |at| char::from(b'a' + at));
    letter.to_string()
}

/// Why the verdict of the log, in a sentence or two.
pub(super) fn why(judged: &Judged<'_>) -> String {
    let Judged { log, diagnosis, .. } = judged;
    match diagnosis.runs.as_slice() {
        [] if log.runs.iter().all(|run| run.rows.is_empty()) => match log.unread.count {
            0 => "No measurement was found in it.".into(),
            lines => format!("No measurement could be read; {} lines look like some.", count(lines)),
        },
        [] => "Nothing was judged.".into(),
        [only] => sentence(&only.why),
        runs => {
            let each = [Verdict::Broken, Verdict::Watch, Verdict::CannotTell, Verdict::Fine];
            let of = |verdict: Verdict| (runs.iter().filter(|run| run.verdict == verdict).count(), verdict);
            let counts = each.map(of).into_iter().filter(|(count, _)| *count > 0);
            let counts: Vec<String> = counts.map(|(count, verdict)| format!("{count} {verdict}")).collect();
            let worst = runs.iter().rev().max_by_key(|run| run.verdict);
            let worst = worst.map_or_else(String::new, |run| format!(" Run {}: {}", run.run + 1, sentence(&run.why)));
            format!("{} runs: {}.{worst}", runs.len(), counts.join(", "))
        }
    }
}

/// What was read, in a sentence.
pub(super) fn read_as(judged: &Judged<'_>) -> String {
    let log = judged.log;
    let mut formats: Vec<String> = log.sources.iter().map(|source| source.format.to_string()).collect();
    formats.sort_unstable();
    formats.dedup();
    let lines: u64 = log.sources.iter().map(|source| u64::from(source.lines)).sum();
    let from = match log.sources.len() {
        0 | 1 => format!("Read as {}, {} lines", formats.join(", "), count(lines)),
        files => format!("Read from {files} sources ({}), {} lines", formats.join(", "), count(lines)),
    };
    let runs: Vec<&RunLog> = log.runs.iter().filter(|run| !run.rows.is_empty()).collect();
    let rows: usize = runs.iter().map(|run| run.rows.len()).sum();
    let evaluations: usize = runs.iter().map(|run| run.evaluations()).sum();
    format!(
        "{from}: {} of {} with {}.",
        counted(runs.len(), "run"),
        counted(rows, "row"),
        counted(evaluations, "evaluation")
    )
}

/// How far a run goes: `step 1,200, epoch 3`.
fn reaches(run: &RunLog) -> String {
    let last_step = run.rows.iter().filter_map(|row| row.step).max();
    let last_epoch = run.rows.iter().filter_map(|row| row.epoch).filter(|epoch| epoch.is_finite()).reduce(f64::max);
    let both = [step(last_step), epoch(last_epoch)];
    let both: Vec<String> = both.into_iter().filter(|text| !text.is_empty()).collect();
    if both.is_empty() { counted(run.rows.len(), "row") } else { both.join(", ") }
}

/// What a run is called: its own name, its file where the log has several, or nothing.
pub(super) fn run_name(judged: &Judged<'_>, index: usize) -> String {
    let Some(run) = judged.log.runs.get(index) else { return String::new() };
    if !run.name.is_empty() {
        return one_line(&run.name);
    }
    let places = run.rows.first().map(|row| row.place);
    let place = places.filter(|_| judged.log.sources.len() > 1);
    place.map_or_else(String::new, |place| one_line(file(judged.log, judged.name, place)))
}

/// A name of at most [`NAME`] letters, the middle of a longer one left out.
fn shortened(name: &str) -> String {
    let letters: Vec<char> = name.chars().collect();
    if letters.len() <= NAME {
        return name.into();
    }
    let (head, tail) = (&letters[..NAME / 2], &letters[letters.len() - NAME / 2 + 1..]);
    head.iter().chain(&['…']).chain(tail).collect()
}

/// Every run in a line.
pub(super) fn runs_table(judged: &Judged<'_>) -> Block {
    let mut order: Vec<&RunDiagnosis> = judged.diagnosis.runs.iter().collect();
    if order.len() > ROWS {
        order.sort_by_key(|run| (std::cmp::Reverse(run.verdict), run.run));
        order.truncate(ROWS);
    }
    let row = |run: &&RunDiagnosis| {
        let log = judged.log.runs.get(run.run);
        let last = |split: &Split| {
            let last = log.and_then(|log| log.series(split, "loss").last().map(|point| point.value));
            last.map_or_else(String::new, number)
        };
        let mut findings: Vec<String> =
            run.findings.iter().take(NAMED).map(|finding| finding.kind.to_string()).collect();
        if run.findings.len() > NAMED {
            findings.push(format!("and {} more", run.findings.len() - NAMED));
        }
        vec![
            (run.run + 1).to_string(),
            run.verdict.to_string(),
            shortened(&run_name(judged, run.run)),
            log.map_or_else(String::new, reaches),
            last(&Split::Train),
            last(&Split::Valid),
            findings.join(", "),
        ]
    };
    let titles = [">run", "verdict", "name", "up to", ">training loss", ">held-out loss", "findings"];
    let rows: Vec<Vec<String>> = order.iter().map(row).collect();
    let is_used: Vec<bool> = (0..titles.len()).map(|at| rows.iter().any(|row| !row[at].is_empty())).collect();
    let used =
        |row: Vec<String>| row.into_iter().zip(&is_used).filter(|(_, used)| **used).map(|(cell, _)| cell).collect();
    let titles = titles.into_iter().zip(&is_used).filter(|(_, used)| **used).map(|(title, _)| title).collect();
    Block::Table(titles, rows.into_iter().map(used).collect())
}

/// Everything about a run.
pub(super) fn run(judged: &Judged<'_>, run: &RunDiagnosis, blocks: &mut Vec<Block>) {
    // Of one run alone the log's heading says it all.
    let name = run_name(judged, run.run);
    let title = match (judged.diagnosis.runs.len(), name.is_empty()) {
        (..=1, true) => String::new(),
        (..=1, false) => name,
        (runs, true) => format!("Run {} of {runs}", run.run + 1),
        (runs, false) => format!("Run {} of {runs}: {name}", run.run + 1),
    };
    blocks.push(Block::Run { title, verdict: run.verdict.to_string(), why: sentence(&run.why), index: run.run });
    if run.findings.is_empty() {
        blocks.push(Block::Paragraph("No rule has anything to say about it.".into()));
    }
    for (at, finding) in run.findings.iter().enumerate() {
        blocks.push(Block::Finding(Shown::of(judged, (at + 1).to_string(), finding)));
    }
    let sections = [
        ("What could not be tested", untested(run)),
        ("What the log proves about the run", recovered(judged, &run.recovered)),
        ("What is claimed, held against it", claims(judged, run)),
    ];
    for (heading, terms) in sections.into_iter().filter(|(_, terms)| !terms.is_empty()) {
        blocks.push(Block::Heading(heading.into()));
        blocks.push(Block::Terms(terms));
    }
}

/// Rules that could not be applied, by what the log lacks for them.
pub(super) fn untested(run: &RunDiagnosis) -> Vec<(String, String)> {
    let mut reasons: Vec<(String, Vec<&str>)> = Vec::new();
    for one in &run.untested {
        let name = one.kind.about().name;
        match reasons.iter_mut().find(|(why, _)| *why == one.why) {
            Some((_, names)) => names.push(name),
            None => reasons.push((one.why.clone(), vec![name])),
        }
    }
    reasons.into_iter().map(|(why, names)| (why, names.join(", "))).collect()
}

/// Places as ` (lines 3, 120)`; with the file's name where the log has several.
fn at(judged: &Judged<'_>, places: &[Place]) -> String {
    let (Some(first), last) = (places.first(), places.last().copied().unwrap_or_default()) else {
        return String::new();
    };
    let only_file = judged.log.sources.len() == 1;
    let place = |place: Place| if only_file { place.line.to_string() } else { quote(judged.log, judged.name, place) };
    match (*first == last, only_file, first.source == last.source) {
        (true, true, _) => format!(" (line {})", first.line),
        (true, false, _) => format!(" ({})", place(*first)),
        (false, true, _) => format!(" (lines {} and {})", first.line, last.line),
        (false, false, true) => format!(" ({} and {})", place(*first), last.line),
        (false, false, false) => format!(" ({} and {})", place(*first), place(last)),
    }
}

fn derived(judged: &Judged<'_>, derived: &Derived) -> String {
    let range = if derived.is_exact() {
        number(derived.value)
    } else {
        format!("{}, between {} and {}", number(derived.value), number(derived.low), number(derived.high))
    };
    format!("{range}: {}{}", derived.how, at(judged, &derived.places))
}

/// The plan as the log proves it.
pub(super) fn recovered(judged: &Judged<'_>, found: &Recovered) -> Vec<(String, String)> {
    let all = [
        ("steps per epoch", &found.steps_per_epoch),
        ("steps between lines", &found.log_every),
        ("between evaluations", &found.eval_every),
        ("last step", &found.last_step),
        ("steps of the plan", &found.total_steps),
        ("batch size", &found.batch_size),
        ("training examples", &found.train_examples),
        ("held-out examples", &found.eval_examples),
    ];
    let mut terms: Vec<(String, String)> = all
        .into_iter()
        .filter_map(|(name, value)| Some((name.to_string(), derived(judged, value.as_ref()?))))
        .collect();
    if let Some(schedule) = &found.schedule {
        terms.extend(of_schedule(judged, schedule));
    }
    terms
}

fn of_schedule(judged: &Judged<'_>, schedule: &Schedule) -> Vec<(String, String)> {
    let unit = if schedule.is_in_steps { "step" } else { "epoch" };
    let mut course = match schedule.family {
        Family::Unknown => "of no known family".to_string(),
        family => family.to_string(),
    };
    if let Some(power) = schedule.power {
        course += &format!(" of power {}", number(power));
    }
    if let Some(end) = schedule.end {
        course += &format!(", down to {} at {unit} {}", number(schedule.floor), number(end.round()));
    }
    course += &match round(100.0 * schedule.error) {
        0.0 => format!("; {} fit it exactly", counted(schedule.points, "rate")),
        error => format!("; {} fit it within {} % of the peak", counted(schedule.points, "rate"), number(error)),
    };
    course += &at(judged, &schedule.places);
    let peak = match schedule.peak_is {
        PeakIs::Seen => number(four_digits(schedule.peak)),
        PeakIs::Inferred => format!("{}, inferred: the log begins later", number(four_digits(schedule.peak))),
        PeakIs::AtLeast => format!("at least {}: the log begins later", number(schedule.highest_seen)),
    };
    let mut terms = vec![("schedule".to_string(), course), ("peak rate".to_string(), peak)];
    let whole = |end: f64| number(if schedule.is_in_steps { end.round() } else { round(end) });
    let warmup = schedule.warmup.map(|end| match end {
        end if end <= 1.0 => "none".to_string(),
        end if schedule.peak_is == PeakIs::Seen => format!("until {unit} {}", whole(end)),
        end => format!("until {unit} {}, inferred with the peak", whole(end)),
    });
    terms.extend(warmup.map(|text| ("warm-up".to_string(), text)));
    terms
}

/// A peak follows from a fit: more digits would be its error.
fn four_digits(value: f64) -> f64 {
    format!("{value:.3e}").parse().unwrap_or(value)
}

fn round(value: f64) -> f64 {
    (value * 1e3).round() / 1e3
}

fn claims(judged: &Judged<'_>, run: &RunDiagnosis) -> Vec<(String, String)> {
    let one = |held: &crate::recover::Held| {
        let claim = &held.claim;
        let from = claim.place.map(|place| match judged.log.sources.len() {
            1 => format!("; stated at line {}", place.line),
            _ => format!("; stated at {}", quote(judged.log, judged.name, place)),
        });
        let said = format!("{} = {}", claim.key, number(claim.value));
        let text = format!("{}: {}{}{}", held.verdict, held.why, at(judged, &held.places), from.unwrap_or_default());
        (said, text)
    };
    run.claims.iter().map(one).collect()
}

/// The first lines that could not be read.
pub(super) fn unread(judged: &Judged<'_>) -> Vec<Block> {
    let unread = &judged.log.unread;
    let row = |line: &crate::log::UnreadLine| {
        let place = quote(judged.log, judged.name, line.place);
        (place, format!("{}: {}", line.reason, one_line(line.text.trim())))
    };
    let count = count(unread.count);
    let are = if unread.count == 1 {
        "1 line looks like a measurement and was".into()
    } else {
        format!("{count} lines look like measurements and were")
    };
    vec![
        Block::Paragraph(format!("{are} passed over:")),
        Block::Terms(unread.first.iter().take(UNREAD).map(row).collect()),
    ]
}

/// What was done with what was read.
pub(super) fn notes(judged: &Judged<'_>) -> Vec<Block> {
    let notes = &judged.log.notes;
    let row = |note: &crate::log::Note| (quote(judged.log, judged.name, note.place), one_line(&note.text));
    let mut blocks = vec![Block::Terms(notes.iter().take(NOTES).map(row).collect())];
    if notes.len() > NOTES {
        blocks.push(Block::Paragraph(format!("and {} more, which --json lists.", notes.len() - NOTES)));
    }
    blocks
}

/// The value that a figure ends with, for people: `training loss 0.31 to 0.12`.
pub(super) fn course(run: &RunLog) -> String {
    let ends = [(Split::Train, "loss"), (Split::Valid, "loss")].into_iter().filter_map(|(split, metric)| {
        let series = run.series(&split, metric);
        let (first, last) = (series.first()?, series.last()?);
        let name = figure(&split, metric);
        Some(if series.len() == 1 {
            format!("{name} {}", number(first.value))
        } else {
            format!("{name} {} to {}", number(first.value), number(last.value))
        })
    });
    let ends: Vec<String> = ends.collect();
    format!("{}; {}", reaches(run), ends.join("; ")).trim_end_matches("; ").to_string()
}
