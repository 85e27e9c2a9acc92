//! A case as one HTML page that needs nothing but itself: no network, no server, no other file.

use crate::case_runs::{CaseRuns, Run};
use crate::case_tables::{parameters, runs_table, variants_table};
use crate::compare::{LearningCurve, of_case};
use crate::conclusion::{Conclusion, Judge};
use crate::markdown::{Table, minute};
use crate::page_data::page_data;
use crate::svg::escaped;

const STYLE: &str = include_str!("../assets/report.css");
const SCRIPT: &str = include_str!("../assets/report.js");
/// SHA-256 of the two, which are all that the page may use; a test prints them when they change.
const STYLE_HASH: &str = "4y6t8HvMzuK3tTzB2wuGQP9TuZxWfYzpuBlcKeM3MgI=";
const SCRIPT_HASH: &str = "yC3xYYOZnYfXUGeCpaVl9SkwUccyY3gcQSt9yyn4N2I=";

/// The page of a case: its charts with zoom, values and a choice of axis, its runs as tables, what its author concludes,
/// and what the runs say to that. `version` is the program's.
pub fn html_page(case: &CaseRuns, conclusion: &Conclusion, judge: &Judge, version: &str) -> String {
    let title = match case.question() {
        "" => escaped(&case.name),
        question => format!("{}: {}", escaped(&case.name), escaped(question)),
    };
    let policy = format!(
        "default-src 'none'; script-src 'sha256-{SCRIPT_HASH}'; style-src 'sha256-{STYLE_HASH}'; base-uri 'none'; \
         form-action 'none'"
    );
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"{policy}\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"generator\" content=\"casebook {}\">\n<title>{title}</title>\n<style>{STYLE}</style>\n</head>\n\
         <body>\n<a class=\"skip\" href=\"#runs\">To the tables</a>\n{}<main>\n<section>\n{CONTROLS}{HELP}<div id=\"charts\"></div>\n\
         </section>\n{}{}</main>\n<script type=\"application/json\" id=\"data\">{}</script>\n<script>{SCRIPT}</script>\n</body>\n\
         </html>\n",
        escaped(version),
        header(case),
        caveats(conclusion) + &concluded(case, conclusion, judge),
        tables(case),
        page_data(case)
    )
}

const CONTROLS: &str = "<div class=\"controls\">\n\
    <fieldset id=\"axes\"><legend>Axis</legend></fieldset>\n\
    <fieldset id=\"variants\"><legend>Variants</legend></fieldset>\n\
    <label class=\"screen\"><input type=\"checkbox\" id=\"training\" checked>training lines</label>\n\
    <fieldset class=\"screen\"><legend>Zoom</legend><button id=\"in\">closer</button><button id=\"out\">wider</button>\
    <button id=\"whole\">all</button></fieldset>\n\
    <button id=\"theme\">light or dark</button>\n</div>\n\
    <noscript><p>The charts need JavaScript; the tables do not.</p></noscript>\n";

const HELP: &str = "<p class=\"hint\">Thick lines with points: validation. Thin lines: training, or a run that did not finish. \
    A line of several seeds is their mean, its band from the least to the largest of them. Drag across a chart to zoom, \
    double-click for all; with the keyboard: Tab to a chart, arrow keys for values, + and − to zoom, 0 for all.</p>\n";

fn header(case: &CaseRuns) -> String {
    let mut facts = vec![case.states()];
    let began = case.runs.iter().filter_map(|run| run.summary().began).min();
    let ended = case.runs.iter().filter_map(|run| run.summary().ended).max();
    if let (Some(began), Some(ended)) = (began, ended) {
        facts.push(format!("{} to {} (UTC)", minute(&began), minute(&ended)));
    }
    for (name, of_run) in [
        ("commit", (|run: &Run| run.info.commit.clone()) as fn(&Run) -> Option<String>),
        ("device", |run| Some(run.info.machine.device.clone())),
    ] {
        let mut values: Vec<String> = case.runs.iter().filter_map(of_run).collect();
        values.sort_unstable();
        values.dedup();
        if !values.is_empty() {
            facts.push(format!("{name} {}", values.join(", ")));
        }
    }
    let (name, question, facts) = (escaped(&case.name), escaped(case.question()), escaped(&facts.join("; ")));
    format!(
        "<header>\n<h1>{name}</h1>\n<p class=\"question\">{question}</p>\n<p class=\"facts\">{facts}</p>\n</header>\n"
    )
}

fn concluded(case: &CaseRuns, conclusion: &Conclusion, judge: &Judge) -> String {
    if conclusion.text.is_empty() && conclusion.claims.is_empty() {
        return String::new();
    }
    let verdicts = judge(case, &conclusion.claims);
    let claims = conclusion.claims.iter().zip(&verdicts).map(|(claim, verdict)| {
        let (claim, reason) = (escaped(&claim.to_string()), escaped(&verdict.reason));
        format!("<li>{claim}: <span class=\"verdict\">{}</span>. {reason}</li>\n", verdict.standing.word())
    });
    let claims: String = claims.collect();
    let list = if claims.is_empty() { String::new() } else { format!("<ul>\n{claims}</ul>\n") };
    format!("<section>\n<h2>What its author concludes</h2>\n<p>{}</p>\n{list}</section>\n", escaped(&conclusion.text))
}

fn caveats(conclusion: &Conclusion) -> String {
    let items: String = conclusion.caveats.iter().map(|caveat| format!("<li>{}</li>\n", escaped(caveat))).collect();
    if items.is_empty() {
        return items;
    }
    format!("<section>\n<h2>Before the numbers</h2>\n<ul>\n{items}</ul>\n</section>\n")
}

fn tables(case: &CaseRuns) -> String {
    let color = |variant: &str| format!("c{}", case.color(variant) % crate::chart::PALETTE.len());
    let by_variant = |row: &[String]| color(&row[0]);
    let mut differing = Table::new(&["parameter", "values"]);
    let mut shared = Table::new(&["parameter", "value"]);
    for parameter in parameters(case) {
        let table = if parameter.values.len() > 1 { &mut differing } else { &mut shared };
        table.row(vec![parameter.key.clone(), parameter.text()]);
    }
    let none = |_: &[String]| String::new();
    let mut sections = vec![
        ("variants-table", "Variants", variants_table(case).html(&by_variant)),
        ("runs", "Runs", runs_table(case).html(&by_variant)),
    ];
    sections.extend(examples(case));
    for (id, title, table) in
        [("differ", "Parameters that differ", differing), ("shared", "Parameters that all share", shared)]
    {
        if !table.is_empty() {
            sections.push((id, title, table.html(&none)));
        }
    }
    for (id, title, table) in [("remarks", "Remarks", remarks(case)), ("unreadable", "Unreadable", unreadable(case))] {
        if !table.is_empty() {
            sections.push((id, title, table.html(&none)));
        }
    }
    let section = |(id, title, table): (&str, &str, String)| {
        format!(
            "<section id=\"{id}\">\n<h2>{title}</h2>\n<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"{title}\">\n{table}</div>\n</section>\n"
        )
    };
    sections.into_iter().map(section).collect()
}

/// What folds and shares of labelled examples say together, where the case sweeps them.
fn examples(case: &CaseRuns) -> Vec<(&'static str, &'static str, String)> {
    let none = |_: &[String]| String::new();
    let (folds, curves) = of_case(case);
    let mut over_folds = Table::new(&["figure over folds"]);
    folds.iter().for_each(|folds| over_folds.row(vec![folds.text()]));
    let curve = |curve: &LearningCurve| format!("<p>{}</p>\n{}", escaped(&curve.title()), curve.table().html(&none));
    let curves: String = curves.iter().map(curve).collect();
    let mut sections = Vec::new();
    if !over_folds.is_empty() {
        sections.push(("folds", "Over folds", over_folds.html(&none)));
    }
    if !curves.is_empty() {
        sections.push(("curve", "Learning curve", curves));
    }
    sections
}

fn remarks(case: &CaseRuns) -> Table {
    let mut table = Table::new(&["run", "when (UTC)", "remark"]);
    for run in &case.runs {
        for note in &run.notes {
            let name = format!("{} s{}", run.info.variant, run.info.seed);
            table.row(vec![name, minute(&note.time), note.text.clone()]);
        }
    }
    table
}

fn unreadable(case: &CaseRuns) -> Table {
    let mut table = Table::new(&["run", "why it cannot be read"]);
    for (folder, error) in &case.unreadable {
        table.row(vec![folder.display().to_string(), error.to_string()]);
    }
    table
}

#[cfg(test)]
#[path = "html_tests.rs"]
mod tests;
