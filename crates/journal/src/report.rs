//! `record.md`: the page a person reads, section by section.

use crate::axis::Axis;
use crate::curves::chart_names;
use crate::event::{Alert, CheckpointSaved, End, EpochEnd, Event, Log, Resume, Status};
use crate::info::{ExamplesInfo, RunInfo};
use crate::labelled_data::{examples_section, task};
use crate::labelled_results;
use crate::markdown::{Table, bytes, code, count, duration, escaped, minute, percent};
use crate::notes::Note;
use crate::results;
use crate::statistics::quantile;
use crate::write::file_name;

/// More epochs than this are shown by their first and last.
const EPOCHS_SHOWN: usize = 60;
/// More alerts than this are counted, not shown.
const ALERTS_SHOWN: usize = 50;

/// The page of a run, made of what [`crate::read`] and [`crate::read_notes`] give.
pub(crate) fn page(info: &RunInfo, events: &[Event], notes: &[Note]) -> String {
    let mut page = format!("# {}\n\n{}", escaped(&info.run), heading(info, events));
    let sections = [
        ("What this run allows one to say", Some(allows(info, events))),
        ("Params", Some(params(info))),
        ("Datasets", Some(datasets(info))),
    ];
    let results = match &info.data.examples {
        Some(examples) => labelled_sections(info, examples, events),
        None => vec![
            ("Result", Some(results::results(info, events))),
            ("Result by kind of position", results::by_kind(info, events)),
            ("Masks", masks(info, events)),
        ],
    };
    let rest = [
        ("Speed", speed(events)),
        ("Alerts", alerts(events)),
        ("Interruptions", interruptions(events)),
        ("Remarks", remarks(notes)),
        ("Machine", Some(machine(info, events))),
        ("Charts", Some(charts(info, events))),
    ];
    for (title, text) in sections.into_iter().chain(results).chain(rest) {
        if let Some(text) = text {
            page += &format!("\n## {title}\n\n{text}");
        }
    }
    page
}

/// What stands in the place of results by corpus and by kind of position.
fn labelled_sections(info: &RunInfo, examples: &ExamplesInfo, events: &[Event]) -> Vec<(&'static str, Option<String>)> {
    vec![
        ("Result", Some(labelled_results::figures(info, examples, events))),
        ("Result by class", labelled_results::by_class(info, events)),
        ("Confusions", labelled_results::confusions(info, events)),
        ("Every evaluation", labelled_results::by_evaluation(info, examples, events)),
    ]
}

/// What became of a run: the last word of its journal.
pub(crate) fn status(events: &[Event]) -> (Status, Option<&End>) {
    let decisive = events.iter().rfind(|event| matches!(event, Event::Start(_) | Event::Resume(_) | Event::End(_)));
    match decisive {
        Some(Event::End(end)) => (end.status, Some(end)),
        Some(_) => (Status::Running, None),
        None if events.is_empty() => (Status::Planned, None),
        None => (Status::Running, None),
    }
}

fn heading(info: &RunInfo, events: &[Event]) -> String {
    let mut lines = format!("- description: {}\n", escaped(&info.question));
    if !info.source.is_empty() {
        lines += &format!("- source: {}\n", escaped(&info.source));
    }
    let (case, variant) = (escaped(&info.case), escaped(&info.variant));
    lines += &format!("- case: {case}, variant: {variant}, seed: {}\n", info.seed);
    lines += &format!("- date: {}\n", dates(info, events));
    lines += &format!("- status: {}\n", status_line(info, events));
    lines
}

fn dates(info: &RunInfo, events: &[Event]) -> String {
    let start = events.iter().find_map(|event| match event {
        Event::Start(start) => Some(escaped(&minute(&start.time))),
        _ => None,
    });
    let Some(start) = start else { return format!("planned {} (UTC), not begun", escaped(&minute(&info.created))) };
    match status(events).1 {
        Some(end) => {
            format!("{start} ~ {} (UTC), {} of training", escaped(&minute(&end.time)), duration(end.time_s))
        }
        None => format!("{start} ~ (UTC), no end is written"),
    }
}

fn status_line(info: &RunInfo, events: &[Event]) -> String {
    let reached = events.iter().filter(|event| !matches!(event, Event::Start(_))).map(Event::step).max().unwrap_or(0);
    let steps = |step| format!("step {} of {}", count(step), count(info.plan.total_steps));
    match status(events) {
        (Status::Planned, None) => "planned: nothing is in the journal".into(),
        (status, None) => format!(
            "{status} when this was written, or killed without warning: the journal reaches {} and holds no end",
            steps(reached)
        ),
        (status, Some(end)) if end.reason.is_empty() => format!("{status} at {}", steps(end.step)),
        (status, Some(end)) => format!("{status} at {}: {}", steps(end.step), escaped(&end.reason)),
    }
}

fn allows(info: &RunInfo, events: &[Event]) -> String {
    let unfinished = match status(events).0 {
        Status::Finished => "",
        Status::Planned => "- The run has not begun.\n",
        _ => "- The run did not finish: its last values are those of an unfinished run.\n",
    };
    let anecdote =
        "- One run, one seed: an anecdote. A difference from another run may be chance until more seeds are run.\n";
    let findings = match &info.data.examples {
        Some(examples) => labelled_results::findings(info, examples, events),
        None => results::findings(info, events),
    };
    format!("{unfinished}{findings}{anecdote}")
}

fn params(info: &RunInfo) -> String {
    let mut table = Table::new(&["param", "value"]);
    for (key, value) in &info.parameters {
        table.row(vec![escaped(key), escaped(value)]);
    }
    for (key, value) in [("schedule", &info.plan.schedule), ("precision", &info.precision)] {
        if info.parameters.iter().all(|(listed, _)| listed != key) {
            table.row(vec![key.into(), escaped(value)]);
        }
    }
    let parts: Vec<String> =
        info.model.parts.iter().map(|(part, numbers)| format!("{} {}", escaped(part), count(*numbers))).collect();
    let parts = if parts.is_empty() { String::new() } else { format!(" ({})", parts.join(", ")) };
    table.row(vec!["parameters of the model".into(), format!("{}{parts}", count(info.model.parameters))]);
    table.text()
}

fn datasets(info: &RunInfo) -> String {
    let (plan, data) = (&info.plan, &info.data);
    let rows = if data.examples.is_some() { "inputs" } else { "rows" };
    let mut text =
        data.examples.as_ref().map_or_else(String::new, |examples| format!("- task: {}\n", escaped(&task(examples))));
    text += &format!(
        "- trains: {}, steps per epoch: {}, valids: {}, steps per evaluation: {}\n",
        count(plan.train_rows),
        count(plan.steps_per_epoch),
        count(plan.valid_rows),
        count(plan.valid_steps)
    );
    text += &format!(
        "- plan: {} steps, {:.2} epochs, {} {rows} per update in passes of {}, {} steps of warm-up\n",
        count(plan.total_steps),
        plan.epochs,
        count(plan.batch_size),
        count(plan.micro_batch_size),
        count(plan.warmup_steps)
    );
    for note in &plan.notes {
        text += &format!("- {}\n", escaped(note));
    }
    text += &format!(
        "- tokenizer: {}, vocabulary {}, hash {}\n",
        escaped(&data.tokenizer_kind),
        count(data.vocab_size),
        code(&data.tokenizer)
    );
    text += &format!("- prepared data: hash {}, padding {}\n", code(&data.prepared), percent(data.padding_share));
    match &data.examples {
        Some(examples) => text + &examples_section(info, examples),
        None => text + "\n" + &corpora(info),
    }
}

fn corpora(info: &RunInfo) -> String {
    let mut table = Table::new(&[
        "corpus",
        ">documents",
        ">lines",
        ">duplicates",
        ">bad lines",
        ">train rows",
        ">valid rows",
        ">train tokens",
        ">valid tokens",
        ">unknown",
        ">tokens/char",
        ">unigram",
    ]);
    for corpus in &info.data.corpora {
        let counts = [
            corpus.documents,
            corpus.lines,
            corpus.duplicates,
            corpus.bad_lines,
            corpus.train_rows,
            corpus.valid_rows,
            corpus.train_tokens,
            corpus.valid_tokens,
        ];
        let unigram = info.baselines.corpus(&corpus.name).map_or("–".into(), |loss| format!("{loss:.4}"));
        let shares = [percent(corpus.unknown_share), format!("{:.3}", corpus.tokens_per_char), unigram];
        table.row([escaped(&corpus.name)].into_iter().chain(counts.map(count)).chain(shares).collect());
    }
    table.text()
}

/// Whether masks were what the case asked for, by their hashes.
fn masks(info: &RunInfo, events: &[Event]) -> Option<String> {
    let epochs: Vec<&EpochEnd> = events
        .iter()
        .filter_map(|event| match event {
            Event::Epoch(epoch) => Some(epoch),
            _ => None,
        })
        .collect();
    let mut hashes: Vec<&str> = epochs.iter().map(|epoch| epoch.mask_hash.as_str()).collect();
    hashes.sort_unstable();
    hashes.dedup();
    let asked = info.parameters.iter().find(|(key, _)| key == "masking").map_or("", |(_, value)| value.as_str());
    let verdict = match (epochs.len(), hashes.len()) {
        (0, _) => return None,
        (epochs, distinct) if distinct > 1 && asked.starts_with("fixed") => format!(
            "**The case asks for fixed masks, but {epochs} epochs have {distinct} different sets of them: they are not fixed.**"
        ),
        (epochs, 1) if epochs > 1 && asked.starts_with("per-epoch") => {
            format!("**The case asks for masks drawn anew, but those of all {epochs} epochs are the same.**")
        }
        (1, _) => "One epoch ended; whether masks change between epochs does not show.".to_string(),
        (epochs, 1) => format!("The masks of all {epochs} epochs are the same: fixed."),
        (epochs, distinct) if epochs == distinct => format!("The masks of all {epochs} epochs differ: drawn anew."),
        (epochs, distinct) => format!("{epochs} epochs have {distinct} different sets of masks."),
    };
    let hidden = epochs.len().saturating_sub(EPOCHS_SHOWN);
    let left_out =
        if hidden > 0 { format!(" {hidden} epochs in the middle are left out here.") } else { String::new() };
    Some(format!("{verdict}{left_out}\n\n{}", mask_table(&epochs, hidden)))
}

/// The epochs' realised rates and hashes, without `hidden` of them in the middle.
fn mask_table(epochs: &[&EpochEnd], hidden: usize) -> String {
    let mut table = Table::new(&[
        "epoch",
        ">step",
        ">rows",
        ">scored of tokens",
        ">masked of scored",
        ">random of scored",
        ">kept of scored",
        ">padding",
        "hash of the masks",
    ]);
    let half = EPOCHS_SHOWN / 2;
    for epoch in
        epochs.iter().enumerate().filter(|(at, _)| hidden == 0 || *at < half || *at >= half + hidden).map(|(_, e)| e)
    {
        let shares = [epoch.scored_share, epoch.mask_share, epoch.random_share, epoch.kept_share, epoch.padding_share];
        let counts = [epoch.epoch.to_string(), count(epoch.step), count(epoch.rows)];
        table.row(counts.into_iter().chain(shares.map(percent)).chain([code(&epoch.mask_hash)]).collect());
    }
    table.text()
}

fn speed(events: &[Event]) -> Option<String> {
    let logs: Vec<&Log> = events
        .iter()
        .filter_map(|event| match event {
            Event::Log(log) => Some(log),
            _ => None,
        })
        .collect();
    let last = logs.last()?;
    let median = |value: fn(&Log) -> f64| {
        let values: Vec<f64> = logs.iter().map(|log| value(log)).collect();
        quantile(&values, 0.5).unwrap_or_default()
    };
    let whole = |value: f64| count(value.max(0.0).round() as u64);
    let skipped = logs.iter().filter_map(|log| log.loss_scaling).map(|scaling| scaling.skipped).sum::<u64>();
    let overflows = match skipped {
        0 => String::new(),
        _ => format!(
            "- {} of {} updates were left out because a scaled gradient was not finite\n",
            count(skipped),
            count(last.step)
        ),
    };
    Some(format!(
        "- real tokens seen: {}, in {} of training\n- real tokens per second, median of the windows: {} (with padding {})\n\
         - time spent waiting for data, median of the windows: {}\n{overflows}",
        count(last.tokens_seen),
        duration(last.time_s),
        whole(median(|log| log.tokens_per_s)),
        whole(median(|log| log.padded_tokens_per_s)),
        percent(median(|log| log.wait_share)),
    ))
}

fn alerts(events: &[Event]) -> Option<String> {
    let mut lines: Vec<String> = events
        .iter()
        .filter_map(|event| match event {
            Event::Alert(Alert { step, kind, text }) => {
                Some(format!("- step {}, {}: {}\n", count(*step), escaped(kind), escaped(text)))
            }
            _ => None,
        })
        .collect();
    let hidden = lines.len().saturating_sub(ALERTS_SHOWN);
    lines.truncate(ALERTS_SHOWN);
    if hidden > 0 {
        lines.push(format!("- {hidden} more are in the journal\n"));
    }
    (!lines.is_empty()).then(|| lines.concat())
}

fn interruptions(events: &[Event]) -> Option<String> {
    let line = |resume: &Resume| {
        let (step, time, checkpoint) = (count(resume.step), escaped(&minute(&resume.time)), code(&resume.checkpoint));
        let changes: String =
            resume.changes.iter().map(|change| format!("  - changed: {}\n", escaped(change))).collect();
        format!("- {time} (UTC): resumed at step {step} from {checkpoint}\n{changes}")
    };
    let lines: String = events
        .iter()
        .filter_map(|event| match event {
            Event::Resume(resume) => Some(line(resume)),
            _ => None,
        })
        .collect();
    (!lines.is_empty()).then_some(lines)
}

fn remarks(notes: &[Note]) -> Option<String> {
    let line = |note: &Note| format!("- {} (UTC): {}\n", escaped(&minute(&note.time)), escaped(note.text.trim()));
    (!notes.is_empty()).then(|| notes.iter().map(line).collect())
}

fn machine(info: &RunInfo, events: &[Event]) -> String {
    let machine = &info.machine;
    let commit = info.commit.as_deref().map_or("unknown".into(), code);
    let mut text = format!("- casebook {}, commit {commit}\n", escaped(&info.version));
    text += &format!("- device: {}, backend: {}\n", escaped(&machine.device), escaped(&machine.backend));
    let (os, cpu, memory) = (escaped(&machine.os), escaped(&machine.cpu), bytes(machine.memory_bytes));
    text += &format!("- {os}; {cpu}, {} cores; {memory} of memory\n", machine.cores);
    for (name, wanted) in [("best", true), ("last", false)] {
        let saved = events.iter().rev().find_map(|event| match event {
            Event::Checkpoint(saved) if saved.best || !wanted => Some(saved),
            _ => None,
        });
        if let Some(CheckpointSaved { step, folder, bytes: size, .. }) = saved {
            text += &format!("- {name} checkpoint: {}, step {}, {}\n", code(folder), count(*step), bytes(*size));
        }
    }
    text
}

fn charts(info: &RunInfo, events: &[Event]) -> String {
    let chart = |name: &str, by: Axis| format!("charts/{}-by-{}", file_name(name), by.name());
    let image = |name: &str| {
        let (step, epoch) = (chart(name, Axis::Steps), chart(name, Axis::Epochs));
        let name = file_name(name).replace('-', " ");
        format!(
            "<p align=\"center\"><img src=\"{step}.png\" width=\"800\" alt=\"{name} by step\"/></p>\n\n\
             [{name} by step, as SVG]({step}.svg) · by epoch: [PNG]({epoch}.png), [SVG]({epoch}.svg)\n"
        )
    };
    chart_names(info, events).iter().map(|name| image(name)).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
#[path = "report_tests.rs"]
mod tests;
