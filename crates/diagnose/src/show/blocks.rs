//! What a full report consists of, whatever it is written as.

use crate::judge::{Evidence, Finding, Weight};
use crate::show::words::{evidence, line, number, sentence, weight};
use crate::show::{Judged, parts};

/// A piece of a report.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Block {
    /// The log's name and its verdict.
    Log { name: String, verdict: String, why: String },
    /// A run's name and its verdict.
    Run { title: String, verdict: String, why: String, index: usize },
    /// What follows is about this.
    Heading(String),
    /// A sentence or two.
    Paragraph(String),
    /// A finding.
    Finding(Shown),
    /// Words and what is said of them.
    Terms(Vec<(String, String)>),
    /// A table: titles, rows.
    Table(Vec<&'static str>, Vec<Vec<String>>),
}

/// A finding in words.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Shown {
    /// Counted from 1 within its run; findings of the log as a whole have letters.
    pub(super) label: String,
    pub(super) name: &'static str,
    pub(super) weight: &'static str,
    pub(super) is_note: bool,
    pub(super) what: String,
    /// Place, step, epoch, figure, value; and the line as it stands in the log, where it can be quoted.
    pub(super) evidence: Vec<([String; 5], Option<String>)>,
    /// Pieces of evidence that are not shown.
    pub(super) more: usize,
    /// Statistic, meaning, what it is not, what to try, source.
    pub(super) terms: Vec<(&'static str, String)>,
}

/// Pieces of evidence that are quoted; `--json` has all.
const QUOTED: usize = 6;

impl Shown {
    pub(super) fn of(judged: &Judged<'_>, label: String, finding: &Finding) -> Self {
        let about = finding.kind.about();
        let quoted = |one: &Evidence| (evidence(judged.log, judged.name, one), line(judged.log, one));
        let statistic = &finding.statistic;
        let mut terms = Vec::new();
        if !statistic.name.is_empty() {
            let against = match statistic.threshold {
                threshold if threshold.is_nan() => String::new(),
                threshold => format!(" (threshold {})", number(threshold)),
            };
            terms.push(("measured", format!("{}: {}{against}", statistic.name, number(statistic.value))));
        }
        let texts = [("means", about.means), ("is not", about.is_not), ("next", about.next), ("source", about.source)];
        terms.extend(texts.map(|(term, text)| (term, text.to_string())));
        Self {
            label,
            name: about.name,
            weight: weight(finding.weight),
            is_note: finding.weight == Weight::Note,
            what: sentence(&finding.what),
            evidence: finding.evidence.iter().take(QUOTED).map(quoted).collect(),
            more: finding.evidence.len().saturating_sub(QUOTED),
            terms,
        }
    }
}

/// The whole report of a log.
pub(super) fn blocks(judged: &Judged<'_>) -> Vec<Block> {
    let Judged { log, diagnosis, .. } = judged;
    let mut blocks = vec![Block::Log {
        name: parts::title(judged),
        verdict: diagnosis.verdict.to_string(),
        why: parts::why(judged),
    }];
    blocks.push(Block::Paragraph(parts::read_as(judged)));
    if diagnosis.runs.len() > 1 {
        blocks.push(parts::runs_table(judged));
    }
    for (at, finding) in diagnosis.findings.iter().enumerate() {
        blocks.push(Block::Finding(Shown::of(judged, parts::letter(at), finding)));
    }
    let (runs, left_out) = super::shown_runs(diagnosis);
    for run in runs {
        parts::run(judged, run, &mut blocks);
    }
    if left_out > 0 {
        let text = format!("{left_out} runs stand in the table only; --json has everything about each.");
        blocks.push(Block::Paragraph(text));
    }
    if log.unread.count > 0 {
        blocks.push(Block::Heading("Lines that could not be read".into()));
        blocks.extend(parts::unread(judged));
    }
    if !log.notes.is_empty() {
        blocks.push(Block::Heading("How it was read".into()));
        blocks.extend(parts::notes(judged));
    }
    blocks
}
