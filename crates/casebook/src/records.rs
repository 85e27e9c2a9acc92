//! What was run, and what it proves: listed, remarked on, compared, written down.

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::{Context, bail};
use case::{Case, CaseConfig, Claim, Variant};
use journal::{
    Axis, CaseRuns, Conclusion, Filter, Note, RecordCase, TRAINING_RECORD, add_note,
    compare::{Group, Options, Run, Take, case_caveats, claim_verdicts, find_runs, grouped},
    html_page, list_runs, runs_json, runs_of_case, runs_table, write_atomically, write_training_record,
};

use crate::{
    arguments::{AlignedBy, CompareArguments, JournalArguments},
    show::{json_line, line, warning},
};

/// Columns of a comparison where the terminal does not say.
const WIDTH: usize = 100;

pub(crate) fn list(arguments: &JournalArguments) -> anyhow::Result<ExitCode> {
    if !arguments.runs.is_dir() {
        bail!("there is no folder {}: `casebook train CASE.toml` makes it", arguments.runs.display());
    }
    let listing = list_runs(&arguments.runs).with_context(|| format!("listing {}", arguments.runs.display()))?;
    if let Some(error) = &listing.index_error {
        warning(&format!("the list could not be kept for the next time: {error}"));
    }
    if let Some(since) = &arguments.since {
        check_since(since)?;
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
        json_line(runs_json(&wanted).trim_end());
    } else if all == 0 {
        line(&format!("{} holds no run yet: `casebook train CASE.toml` makes them", arguments.runs.display()));
    } else if wanted.is_empty() {
        line(&format!("no run of {all} in {} is like that", arguments.runs.display()));
    } else {
        line(runs_table(&wanted).trim_end());
    }
    Ok(ExitCode::SUCCESS)
}

/// Refuses what is not the beginning of a date and time as the journal writes them.
fn check_since(text: &str) -> anyhow::Result<()> {
    let form = "0000-00-00T00:00:00Z";
    let fits =
        |(written, wanted): (char, char)| if wanted == '0' { written.is_ascii_digit() } else { written == wanted };
    if text.len() >= 4 && text.len() <= form.len() && text.chars().zip(form.chars()).all(fits) {
        return Ok(());
    }
    bail!("--since {text}: write a date as in the journal, such as 2026-11-21, 2026-11 or 2026-11-21T09:30")
}

pub(crate) fn note(run: &Path, text: &str) -> anyhow::Result<ExitCode> {
    add_note(run, &Note { time: train::now(), text: text.to_string() })
        .with_context(|| format!("remarking on {}", run.display()))?;
    line(&format!("noted; it stands in {}", run.join("notes.jsonl").display()));
    Ok(ExitCode::SUCCESS)
}

pub(crate) fn compare(arguments: &CompareArguments) -> anyhow::Result<ExitCode> {
    let named =
        arguments.what.iter().map(|what| Named::find(what, &arguments.runs)).collect::<anyhow::Result<Vec<_>>>()?;
    let mut runs = Vec::new();
    let mut waiting = Vec::new();
    for named in &named {
        for found in
            find_runs(&named.folder).with_context(|| format!("looking for runs in {}", named.folder.display()))?
        {
            match Run::read(&found) {
                // A run that was planned only has nothing to compare.
                Ok(run) if run.events.is_empty() => waiting.push(found.display().to_string()),
                Ok(run) => {
                    named.warn_of_changes(&run);
                    runs.push(run);
                }
                Err(error) => warning(&format!("{} is left out: {error}", found.display())),
            }
        }
    }
    if runs.is_empty() {
        bail!("there is no run with a journal in {}: `casebook train` makes them", listed(&arguments.what));
    }
    let is_each_a_run = named.iter().all(|named| named.folder.join("run.json").is_file());
    let mut groups = if is_each_a_run { each_alone(runs)? } else { grouped(runs) };
    let order = named.into_iter().flat_map(|named| named.order).collect::<Vec<_>>();
    let place = |name: &str| order.iter().position(|other| other == name).unwrap_or(order.len());
    groups.sort_by_key(|group| place(&group.name));
    if groups.len() == 1 && !waiting.is_empty() {
        bail!("only {} has begun; these are planned: {}", groups[0].name, waiting.join(", "));
    }
    let options = Options {
        axis: arguments.by.map(axis),
        budget: arguments.at,
        take: if arguments.best { Take::BestUpToBudget } else { Take::AtBudget },
        metrics: arguments.metric.clone(),
        baseline: arguments.baseline.clone(),
    };
    let comparison = journal::compare::compare(&groups, &options)?;
    match (arguments.json, arguments.markdown) {
        (true, _) => json_line(comparison.json().trim_end()),
        (_, true) => line(comparison.markdown().trim_end()),
        _ => line(comparison.text(WIDTH).trim_end()),
    }
    Ok(ExitCode::SUCCESS)
}

/// Runs that were named one by one, each for itself.
fn each_alone(runs: Vec<Run>) -> anyhow::Result<Vec<Group>> {
    let mut groups: Vec<Group> = Vec::new();
    for run in runs {
        let name = run.info.run.clone();
        if groups.iter().any(|group| group.runs[0].dir.canonicalize().ok() == run.dir.canonicalize().ok()) {
            bail!("{} is named twice: a run does not differ from itself", run.dir.display());
        }
        let is_known = groups.iter().any(|group| group.name == name);
        groups.push(Group { name: if is_known { run.dir.display().to_string() } else { name }, runs: vec![run] });
    }
    Ok(groups)
}

fn listed(paths: &[PathBuf]) -> String {
    paths.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(", ")
}

/// What somebody named by a case file, a case's name or a folder.
struct Named {
    /// Where its runs are.
    folder: PathBuf,
    /// The case's variants in its order; none where no case file was named.
    order: Vec<String>,
    /// The case file's variants, by name.
    variants: Vec<(String, Option<CaseConfig>)>,
}

impl Named {
    fn find(what: &Path, runs: &Path) -> anyhow::Result<Self> {
        if is_case_file(what) {
            let case = case::load(what, &[])?;
            let folder = runs.join(&case.name);
            if !folder.is_dir() {
                bail!("{} has no runs in {}: `casebook train` makes them", case.name, runs.display());
            }
            let variants = case.variants.iter().map(|variant| (variant.name.clone(), as_trained(variant))).collect();
            return Ok(Self { folder, order: names(&case), variants });
        }
        let folder = folder_of(what, runs)?;
        Ok(Self { folder, order: Vec::new(), variants: Vec::new() })
    }

    /// Says where a run was trained by another case file than this.
    fn warn_of_changes(&self, run: &Run) {
        if self.variants.is_empty() {
            return;
        }
        let Some((_, now)) = self.variants.iter().find(|(name, _)| *name == run.info.variant) else {
            return warning(&format!(
                "the case file has no variant {} any more, of which {} is",
                run.info.variant, run.info.run
            ));
        };
        let Some(now) = now else { return };
        let changed = case::differences(&run.config, now).into_iter().map(|difference| difference.key);
        let changed = changed.filter(|key| !journal::compare::WORDS.contains(&key.as_str())).collect::<Vec<_>>();
        if !changed.is_empty() {
            warning(&format!(
                "{} was trained by another case file: {} differ from it now",
                run.info.run,
                changed.join(", ")
            ));
        }
    }
}

/// A variant with what it takes over from its start; none where that is not there any more, so that it can't be said.
fn as_trained(variant: &Variant) -> Option<CaseConfig> {
    let mut variant = variant.clone();
    let base = std::env::current_dir().ok()?;
    train::take_over(&mut variant, &base).ok()?;
    Some(variant.config)
}

/// Where the runs are that somebody named by a folder or a case's name.
fn folder_of(what: &Path, runs: &Path) -> anyhow::Result<PathBuf> {
    let named = runs.join(what);
    match (what.is_dir(), named.is_dir()) {
        (true, _) => Ok(what.into()),
        (_, true) => Ok(named),
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

pub(crate) fn report(case: &Path, out: Option<&Path>, runs: &Path) -> anyhow::Result<ExitCode> {
    let (read, conclusion) = case_runs(case, runs)?;
    let page = html_page(&read, &conclusion, &judge, env!("CARGO_PKG_VERSION"));
    let path = out.map_or_else(|| runs.join(&read.name).join("report.html"), Path::to_path_buf);
    write_atomically(&path, page.as_bytes()).with_context(|| format!("writing {}", path.display()))?;
    line(&format!("{}", path.display()));
    Ok(ExitCode::SUCCESS)
}

pub(crate) fn record(what: &[PathBuf], out: Option<&Path>, runs: &Path) -> anyhow::Result<ExitCode> {
    if let [run] = what
        && run.join("run.json").is_file()
    {
        journal::write_record(run).with_context(|| format!("writing the record of {}", run.display()))?;
        line(&format!("{}", run.join("record.md").display()));
        return Ok(ExitCode::SUCCESS);
    }
    let cases = if what.is_empty() { cases_with_runs(runs)? } else { what.to_vec() };
    let read = cases.iter().map(|case| case_runs(case, runs)).collect::<anyhow::Result<Vec<_>>>()?;
    let folder = out.unwrap_or(runs);
    keeps_all(&folder.join(TRAINING_RECORD), &read)?;
    let cases = read.iter().map(|(runs, conclusion)| RecordCase { runs, conclusion }).collect::<Vec<_>>();
    write_training_record(folder, &cases, &judge, env!("CARGO_PKG_VERSION"))
        .with_context(|| format!("writing the training record into {}", folder.display()))?;
    line(&format!("{}", folder.join(TRAINING_RECORD).display()));
    Ok(ExitCode::SUCCESS)
}

/// Refuses to write a record of fewer cases over one of more.
fn keeps_all(path: &Path, cases: &[(CaseRuns, Conclusion)]) -> anyhow::Result<()> {
    let before = std::fs::read_to_string(path).unwrap_or_default();
    let headings = before.lines().filter_map(|line| line.strip_prefix("### "));
    let names = headings.map(|name| name.replace('\\', "")); // as Markdown shows them
    let lost = names.filter(|name| !cases.iter().any(|(runs, _)| runs.name == *name)).collect::<Vec<_>>();
    if lost.is_empty() {
        return Ok(());
    }
    bail!(
        "{} holds {} too, which would be lost: name every case, or write elsewhere with --out FOLDER",
        path.display(),
        lost.join(", ")
    )
}

fn judge(case: &CaseRuns, claims: &[Claim]) -> Vec<journal::ClaimVerdict> {
    claim_verdicts(case, claims)
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
    let caveats = case_caveats(&read);
    let conclusion = config.map(|config| Conclusion { text: config.conclusion, claims: config.claims, caveats });
    Ok((read, conclusion.unwrap_or_default()))
}
