//! A diagnosis for a terminal.

use case::for_terminal;
use unicode_width::UnicodeWidthStr;

use crate::judge::{Finding, Kind, RunDiagnosis, Weight};
use crate::recover::Bearing;
use crate::show::blocks::{Block, Shown, blocks};
use crate::show::words::{aligned, count, counted, number, quote, sentence, weight, wrapped};
use crate::show::{Detail, Judged, parts, shown_runs};

/// Columns.
const WIDTH: usize = 100;
/// The words before the colon-less terms of a finding.
const TERM: usize = 10;
/// Reasons for not testing a rule that the brief form gives.
const REASONS: usize = 3;
/// A term wider than this has its text below it.
const WIDE: usize = 28;

/// What a person reads in a terminal: the verdict first. Lines are at most 100 columns wide, but for paths and tables.
pub fn text(logs: &[Judged<'_>], detail: Detail) -> String {
    let one = |judged: &Judged<'_>| match detail {
        Detail::Brief => brief(judged),
        Detail::Full => blocks(judged).iter().map(block).collect(),
    };
    let mut text = logs.iter().map(one).collect::<Vec<_>>().join("\n");
    let has_findings = |judged: &&Judged<'_>| judged.diagnosis.runs.iter().any(|run| !run.findings.is_empty());
    if detail == Detail::Brief && logs.iter().any(|judged| has_findings(&judged)) {
        text += "\n--explain says what each finding means, what it is not, what to try next, and where that is from.\n";
    }
    for_terminal(&text)
}

/// The verdict, and a line a finding.
fn brief(judged: &Judged<'_>) -> String {
    let diagnosis = judged.diagnosis;
    let mut out = headline(&diagnosis.verdict.to_string(), &parts::title(judged), &parts::why(judged));
    if diagnosis.runs.len() > 1 {
        out += &block(&parts::runs_table(judged));
    }
    out += &finding_lines(judged, &diagnosis.findings);
    let (runs, left_out) = shown_runs(diagnosis);
    for run in runs {
        if diagnosis.runs.len() > 1 {
            out.push('\n');
            let name = match parts::run_name(judged, run.run) {
                name if name.is_empty() => format!("run {}", run.run + 1),
                name => format!("run {}, {name}", run.run + 1),
            };
            out += &headline(&run.verdict.to_string(), &name, &sentence(&run.why));
        } else if let Some(log) = judged.log.runs.get(run.run) {
            out += &wrapped("  ", &format!("{}.", parts::course(log)), 2, WIDTH);
        }
        out += &finding_lines(judged, &run.findings);
        out += &asides(run);
    }
    if left_out > 0 {
        out += &format!("\n  {left_out} runs stand in the table only.\n");
    }
    if judged.log.unread.count > 0 {
        let place = judged.log.unread.first.first().map(|line| quote(judged.log, judged.name, line.place));
        let lines = match judged.log.unread.count {
            1 => "1 line".to_string(),
            lines => format!("{} lines", count(lines)),
        };
        out += &wrapped(
            "  ",
            &format!("{lines} could not be read, the first at {}.", place.unwrap_or_default()),
            2,
            WIDTH,
        );
    }
    out
}

fn finding_lines(judged: &Judged<'_>, findings: &[Finding]) -> String {
    let widest = findings.iter().map(|finding| finding.kind.about().name.len()).max().unwrap_or(0);
    let line = |finding: &Finding| {
        let first = format!("  {:<6}  {:<widest$}  ", weight(finding.weight), finding.kind.about().name);
        let place = finding.evidence.first().map(|one| format!(" ({})", quote(judged.log, judged.name, one.place)));
        let what = finding.what.trim().trim_end_matches('.');
        wrapped(&first, &format!("{what}{}", place.unwrap_or_default()), first.len(), WIDTH)
    };
    findings.iter().map(line).collect()
}

/// What to try first, what was not tested, and claims that the log rules out.
fn asides(run: &RunDiagnosis) -> String {
    let mut out = String::new();
    if let Some(gravest) = run.findings.iter().find(|finding| finding.weight > Weight::Note) {
        out += &wrapped("  next: ", gravest.kind.about().next, 8, WIDTH);
    }
    // A finding about the rate says the same.
    let is_found = run.findings.iter().any(|finding| finding.kind == Kind::RateOffPlan);
    for held in run.claims.iter().filter(|held| held.verdict == Bearing::Contradicts && !is_found) {
        let text = format!("{} = {}: {}", held.claim.key, number(held.claim.value), sentence(&held.why));
        out += &wrapped("  not as claimed: ", &text, 4, WIDTH);
    }
    if !run.untested.is_empty() {
        let mut reasons: Vec<String> = parts::untested(run).into_iter().map(|(why, _)| why).collect();
        if reasons.len() > REASONS {
            let more = reasons.len() - REASONS;
            reasons.truncate(REASONS);
            reasons.push(format!("and {} more", counted(more, "reason")));
        }
        let text = format!("{}: {}.", counted(run.untested.len(), "rule"), reasons.join("; "));
        out += &wrapped("  not tested: ", &text, 4, WIDTH);
    }
    out
}

/// `WATCH  train.log: why.`
fn headline(verdict: &str, name: &str, why: &str) -> String {
    wrapped(&format!("{verdict}  "), &format!("{name}: {why}"), 4, WIDTH)
}

/// A block of the full report.
fn block(block: &Block) -> String {
    match block {
        Block::Log { name, verdict, why } => headline(verdict, name, why),
        // One run alone: its verdict is the log's.
        Block::Run { title, .. } if title.is_empty() => String::new(),
        Block::Run { title, verdict, why, .. } => {
            let line = "─".repeat(WIDTH.min(title.width() + verdict.width() + 2));
            format!("\n{verdict}  {title}\n{line}\n{}", wrapped("", why, 0, WIDTH))
        }
        Block::Heading(text) => format!("\n{text}\n"),
        Block::Paragraph(text) => wrapped("", text, 0, WIDTH),
        Block::Finding(finding) => self::finding(finding),
        Block::Terms(terms) => self::terms(terms),
        Block::Table(titles, rows) => {
            let mut table = journal::markdown::Table::new(titles);
            rows.iter().for_each(|row| table.row(row.clone()));
            table.plain().lines().map(|line| format!("  {line}\n")).collect()
        }
    }
}

fn finding(finding: &Shown) -> String {
    let mut out = format!("\n{:>3}  {} ({})\n", finding.label, finding.name, finding.weight);
    out += &wrapped("     ", &finding.what, 5, WIDTH);
    let indent = 5 + TERM;
    let rows: Vec<[String; 5]> = finding.evidence.iter().map(|(row, _)| row.clone()).collect();
    for (at, (row, (_, line))) in aligned(&rows).iter().zip(&finding.evidence).enumerate() {
        out += &format!("     {:<TERM$}{row}\n", if at == 0 { "evidence" } else { "" });
        if let Some(line) = line {
            out += &format!("     {:<TERM$}| {line}\n", "");
        }
    }
    if finding.more > 0 {
        out += &format!("     {:<TERM$}and {} more\n", "", count(finding.more));
    }
    for (term, text) in &finding.terms {
        out += &wrapped(&format!("     {term:<TERM$}"), text, indent, WIDTH);
    }
    out
}

/// Terms in a column of their own, as wide as the widest that is not very wide.
fn terms(terms: &[(String, String)]) -> String {
    let widest = terms.iter().map(|(term, _)| term.width()).filter(|width| *width <= WIDE).max().unwrap_or(2);
    let indent = 2 + widest + 2;
    let one = |(term, text): &(String, String)| {
        if term.width() > widest {
            return format!("  {term}\n{}", wrapped(&" ".repeat(indent), text, indent, WIDTH));
        }
        let space = " ".repeat(widest - term.width() + 2);
        wrapped(&format!("  {term}{space}"), text, indent, WIDTH)
    };
    terms.iter().map(one).collect()
}
