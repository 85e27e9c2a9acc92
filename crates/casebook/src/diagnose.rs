//! Whether a model is fine, as far as its log tells: anybody's log is read, judged, and shown.

use std::{
    fs::File,
    io::Read,
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::{Context, bail};
use diagnose::{
    Claim, Diagnosis, Log, Verdict, judge, read, read_from, read_plan,
    show::{self, Detail, Judged},
};
use journal::write_atomically;

use crate::{
    arguments::DiagnoseArguments,
    show::{json_line, line},
};

/// What standard input is called, in arguments and in reports.
const STANDARD_INPUT: (&str, &str) = ("-", "standard input");
/// What a file that this command has written holds near its beginning.
const OURS: &str = "casebook diagnose";
/// Bytes that are looked through for it.
const HEAD: u64 = 4096;

/// Reads, judges and shows; the exit status is the worst verdict.
pub(crate) fn diagnose(arguments: &DiagnoseArguments) -> anyhow::Result<ExitCode> {
    check_outputs(arguments)?;
    let claims = claims(arguments)?;
    let mut logs: Vec<(String, Log, Diagnosis)> = Vec::new();
    for path in &arguments.logs {
        let (name, log) = read_log(path)?;
        let diagnosis = judge(&log, &claims);
        logs.push((name, log, diagnosis));
    }
    let judged: Vec<Judged<'_>> = logs.iter().map(|(name, log, diagnosis)| Judged { name, log, diagnosis }).collect();
    let detail = if arguments.explain { Detail::Full } else { Detail::Brief };
    match arguments.json {
        true => json_line(show::json(&judged).trim_end()),
        false => line(show::text(&judged, detail).trim_end()),
    }
    write_files(arguments, &judged)?;
    Ok(ExitCode::from(status(show::worst(&judged))))
}

/// The exit status of a verdict; 1 and 2 are errors.
fn status(verdict: Verdict) -> u8 {
    match verdict {
        Verdict::Fine => 0,
        Verdict::Watch => 10,
        Verdict::Broken => 20,
        Verdict::CannotTell => 30,
    }
}

/// What the author says of the plan: on the command line, and in a file beside the log.
fn claims(arguments: &DiagnoseArguments) -> anyhow::Result<Vec<Claim>> {
    let mut claims = arguments.claim.clone();
    if let Some(path) = &arguments.plan {
        let planned = read_plan(path).with_context(|| format!("reading the plan {}", path.display()))?;
        let is_new = |claim: &Claim| !arguments.claim.contains(claim);
        claims.extend(planned.into_iter().filter(is_new));
    }
    Ok(claims)
}

fn read_log(path: &Path) -> anyhow::Result<(String, Log)> {
    let (dash, name) = STANDARD_INPUT;
    if path == Path::new(dash) {
        return Ok((name.into(), read_from(name, std::io::stdin().lock())?));
    }
    let log = read(path).with_context(|| format!("reading {}", path.display()))?;
    Ok((path.display().to_string(), log))
}

/// The files to write.
fn outputs(arguments: &DiagnoseArguments) -> impl Iterator<Item = &PathBuf> {
    [&arguments.markdown, &arguments.html, &arguments.chart].into_iter().flatten()
}

/// Refuses what would be overwritten and is no report of this command, such as the log itself.
fn check_outputs(arguments: &DiagnoseArguments) -> anyhow::Result<()> {
    let paths: Vec<&PathBuf> = outputs(arguments).collect();
    for (at, path) in paths.iter().enumerate() {
        if paths[..at].contains(path) {
            bail!("{} is named twice: each report needs a file of its own", path.display());
        }
        if path.exists() && !is_ours(path)? {
            bail!("{} is there already and is no diagnosis: name another file", path.display());
        }
    }
    Ok(())
}

fn is_ours(path: &Path) -> anyhow::Result<bool> {
    if !path.is_file() {
        return Ok(false);
    }
    let mut head = Vec::new();
    let file = File::open(path).with_context(|| format!("looking at {}", path.display()))?;
    file.take(HEAD).read_to_end(&mut head).with_context(|| format!("looking at {}", path.display()))?;
    Ok(String::from_utf8_lossy(&head).contains(OURS))
}

fn write_files(arguments: &DiagnoseArguments, judged: &[Judged<'_>]) -> anyhow::Result<()> {
    let picture = arguments.markdown.as_ref().zip(arguments.chart.as_ref()).map(|(page, chart)| beside(page, chart));
    let reports = [
        (&arguments.markdown, &(|| show::markdown(judged, picture.as_deref())) as &dyn Fn() -> String),
        (&arguments.html, &|| show::html(judged, env!("CARGO_PKG_VERSION"))),
        (&arguments.chart, &|| show::chart(judged)),
    ];
    for (path, report) in reports {
        let Some(path) = path else { continue };
        write_atomically(path, report().as_bytes()).with_context(|| format!("writing {}", path.display()))?;
        if !arguments.json {
            line(&format!("wrote {}", path.display()));
        }
    }
    Ok(())
}

/// A chart's path as the page names it: its name alone where both are in one folder.
fn beside(page: &Path, chart: &Path) -> String {
    let name = chart.file_name().filter(|_| page.parent() == chart.parent());
    name.map_or_else(|| chart.display().to_string(), |name| name.to_string_lossy().into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_worse_verdict_is_not_always_a_larger_status_but_each_has_its_own() {
        let all = [Verdict::Fine, Verdict::Watch, Verdict::Broken, Verdict::CannotTell];
        assert_eq!(all.map(status), [0, 10, 20, 30]);
    }

    #[test]
    fn a_chart_beside_its_page_is_named_without_a_folder() {
        let name = |page: &str, chart: &str| beside(Path::new(page), Path::new(chart));
        assert_eq!(name("out/a.md", "out/a.svg"), "a.svg");
        assert_eq!(name("out/a.md", "/charts/a.svg"), "/charts/a.svg");
    }

    #[test]
    fn reports_carry_the_mark_that_allows_writing_them_again() {
        assert!(show::MARK.contains(OURS));
    }
}
