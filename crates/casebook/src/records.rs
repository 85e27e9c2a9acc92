//! What was run, and what it proves: listed, remarked on, compared, written down.

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::{Context, bail};
use case::{Case, Claim};
use journal::{
    Axis, CaseRuns, Conclusion, Filter, Note, RecordCase, TRAINING_RECORD, add_note,
    compare::{Metric, Options, Run, Take, claim_verdict, find_runs, grouped},
    html_page, list_runs, runs_json, runs_of_case, runs_table, write_atomically, write_training_record,
};

use crate::{
    arguments::{AlignedBy, CompareArguments, JournalArguments, MetricWord},
    show::{line, warning},
};

/// Columns of a comparison where the terminal does not say.
const WIDTH: usize = 100;

pub(crate) fn list(arguments: &JournalArguments) -> anyhow::Result<ExitCode> {
    let listing = list_runs(&arguments.runs).with_context(|| format!("listing {}", arguments.runs.display()))?;
    if let Some(error) = &listing.index_error {
        warning(&format!("the list could not be kept for the next time: {error}"));
    }
    let filter = Filter {
        case: arguments.case.clone(),
        variant: arguments.variant.clone(),
        seed: arguments.seed,
        states: arguments.state.clone(),
        commit: arguments.commit.clone(),
        since: arguments.since.clone(),
    };
    let all = listing.runs.len();
    let wanted = listing.runs.into_iter().filter(|run| filter.matches(run)).collect::<Vec<_>>();
    if arguments.json {
        line(runs_json(&wanted).trim_end());
    } else if wanted.is_empty() {
        line(&format!("no run of {all} in {} is like that", arguments.runs.display()));
    } else {
        line(runs_table(&wanted).trim_end());
    }
    Ok(ExitCode::SUCCESS)
}

pub(crate) fn note(run: &Path, text: &str) -> anyhow::Result<ExitCode> {
    add_note(run, &Note { time: train::now(), text: text.to_string() })
        .with_context(|| format!("remarking on {}", run.display()))?;
    line(&format!("noted; it stands in {}", run.join("notes.jsonl").display()));
    Ok(ExitCode::SUCCESS)
}

pub(crate) fn compare(arguments: &CompareArguments) -> anyhow::Result<ExitCode> {
    let mut runs = Vec::new();
    let mut order = Vec::new();
    for what in &arguments.what {
        let (folder, names) = folder_of(what, &arguments.runs)?;
        order.extend(names);
        for found in find_runs(&folder).with_context(|| format!("looking for runs in {}", folder.display()))? {
            let run = Run::read(&found).with_context(|| format!("reading {}", found.display()))?;
            // A run that was planned only has nothing to compare.
            if !run.events.is_empty() {
                runs.push(run);
            }
        }
    }
    let mut groups = if runs.is_empty() { Vec::new() } else { grouped(runs) };
    let place = |name: &str| order.iter().position(|other| other == name).unwrap_or(order.len());
    groups.sort_by_key(|group| place(&group.name));
    let options = Options {
        axis: arguments.by.map(axis),
        budget: arguments.at,
        take: if arguments.best { Take::BestUpToBudget } else { Take::AtBudget },
        metrics: arguments.metric.iter().map(|word| metric(*word)).collect(),
        baseline: arguments.baseline.clone(),
    };
    let comparison = journal::compare::compare(&groups, &options)?;
    let text = match (arguments.json, arguments.markdown) {
        (true, _) => comparison.json(),
        (_, true) => comparison.markdown(),
        _ => comparison.text(WIDTH),
    };
    line(text.trim_end());
    Ok(ExitCode::SUCCESS)
}

/// Where the runs are that somebody named by a case file, a case's name or a folder; and the case's variants in its order.
fn folder_of(what: &Path, runs: &Path) -> anyhow::Result<(PathBuf, Vec<String>)> {
    if is_case_file(what) {
        let case = case::load(what, &[])?;
        return Ok((runs.join(&case.name), names(&case)));
    }
    let named = runs.join(what);
    match (what.is_dir(), named.is_dir()) {
        (true, _) => Ok((what.into(), Vec::new())),
        (_, true) => Ok((named, Vec::new())),
        _ => bail!(
            "{} is no folder, no case file, and no case in {}: `casebook journal` lists the runs there are",
            what.display(),
            runs.display()
        ),
    }
}

fn is_case_file(path: &Path) -> bool {
    path.extension().is_some_and(|ending| ending == "toml")
}

fn names(case: &Case) -> Vec<String> {
    case.variants.iter().map(|variant| variant.name.clone()).collect()
}

fn axis(word: AlignedBy) -> Axis {
    match word {
        AlignedBy::Steps => Axis::Steps,
        AlignedBy::Epochs => Axis::Epochs,
        AlignedBy::Examples => Axis::Examples,
        AlignedBy::Tokens => Axis::Tokens,
        AlignedBy::Hours => Axis::Hours,
    }
}

fn metric(word: MetricWord) -> Metric {
    match word {
        MetricWord::Loss => Metric::Loss,
        MetricWord::BitsPerChar => Metric::BitsPerChar,
        MetricWord::Accuracy => Metric::Accuracy,
        MetricWord::Perplexity => Metric::Perplexity,
    }
}

pub(crate) fn report(case: &Path, out: Option<&Path>, runs: &Path) -> anyhow::Result<ExitCode> {
    let (read, conclusion) = case_runs(case, runs)?;
    let page = html_page(&read, &conclusion, &judge, env!("CARGO_PKG_VERSION"));
    let path = out.map_or_else(|| runs.join(&read.name).join("report.html"), Path::to_path_buf);
    write_atomically(&path, page.as_bytes()).with_context(|| format!("writing {}", path.display()))?;
    line(&format!("{}", path.display()));
    Ok(ExitCode::SUCCESS)
}

pub(crate) fn record(what: &[PathBuf], runs: &Path) -> anyhow::Result<ExitCode> {
    if let [run] = what
        && run.join("run.json").is_file()
    {
        journal::write_record(run).with_context(|| format!("writing the record of {}", run.display()))?;
        line(&format!("{}", run.join("record.md").display()));
        return Ok(ExitCode::SUCCESS);
    }
    let cases = if what.is_empty() { cases_with_runs(runs)? } else { what.to_vec() };
    let read = cases.iter().map(|case| case_runs(case, runs)).collect::<anyhow::Result<Vec<_>>>()?;
    let cases = read.iter().map(|(runs, conclusion)| RecordCase { runs, conclusion }).collect::<Vec<_>>();
    write_training_record(runs, &cases, &judge, env!("CARGO_PKG_VERSION"))
        .with_context(|| format!("writing the training record into {}", runs.display()))?;
    line(&format!("{}", runs.join(TRAINING_RECORD).display()));
    Ok(ExitCode::SUCCESS)
}

fn judge(case: &CaseRuns, claim: &Claim) -> journal::ClaimVerdict {
    claim_verdict(case, claim)
}

/// The names of all cases that have runs, in alphabetical order.
fn cases_with_runs(runs: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let listing = list_runs(runs).with_context(|| format!("listing {}", runs.display()))?;
    let mut names = listing.runs.into_iter().map(|run| PathBuf::from(run.case)).collect::<Vec<_>>();
    names.sort_unstable();
    names.dedup();
    if names.is_empty() {
        bail!("there are no runs in {}: train a case first", runs.display());
    }
    Ok(names)
}

/// A case's runs and its author's conclusion: from the case file, or as its newest run was told where a name was given.
fn case_runs(case: &Path, runs: &Path) -> anyhow::Result<(CaseRuns, Conclusion)> {
    let (name, order, config) = if is_case_file(case) {
        let case = case::load(case, &[])?;
        (case.name.clone(), names(&case), Some(case.variants[0].config.clone()))
    } else {
        (case.display().to_string(), Vec::new(), None)
    };
    let folders = runs_of_case(runs, &name).with_context(|| format!("looking for runs of {name}"))?;
    if folders.is_empty() {
        bail!("{name} has no runs in {}: `casebook train` makes them", runs.display());
    }
    let read = CaseRuns::read(&name, &folders, &order);
    for (folder, error) in &read.unreadable {
        warning(&format!("{}: {error}", folder.display()));
    }
    let newest = read.runs.iter().max_by_key(|run| &run.info.created);
    let config = match (config, newest) {
        (None, Some(run)) => Some(train::read_case(&run.folder)?),
        (config, _) => config,
    };
    let conclusion = config.map(|config| Conclusion { text: config.conclusion, claims: config.claims });
    Ok((read, conclusion.unwrap_or_default()))
}
