//! A diagnosis as one HTML page that needs nothing but itself: no network, no script, no other file.

use journal::escaped;

use crate::show::blocks::{Block, Shown, blocks};
use crate::show::words::count;
use crate::show::{Judged, MARK, chart};

pub(super) const STYLE: &str = include_str!("../../assets/diagnosis.css");
/// SHA-256 of the style, which is all that the page may use; a test prints it when it changes.
pub(super) const STYLE_HASH: &str = "YEk71BqpWwW6V6qwa+mb7zySJuj1H9NK9KPVhdZyYUA=";

/// The whole diagnosis as a page, with a chart of each run that is shown. `version` is the program's.
pub fn html(logs: &[Judged<'_>], version: &str) -> String {
    let body: String = logs.iter().map(one).collect();
    let names: Vec<String> = logs.iter().map(|judged| escaped(&super::parts::title(judged))).collect();
    let title = format!("{}: {}", super::worst(logs), names.join(", "));
    let policy = format!("default-src 'none'; style-src 'sha256-{STYLE_HASH}'; base-uri 'none'; form-action 'none'");
    format!(
        "<!DOCTYPE html>\n{MARK}\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"{policy}\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"generator\" content=\"casebook {}\">\n<title>{title}</title>\n<style>{STYLE}</style>\n</head>\n\
         <body>\n<main>\n{body}</main>\n</body>\n</html>\n",
        escaped(version)
    )
}

fn one(judged: &Judged<'_>) -> String {
    blocks(judged).iter().map(|one| block(judged, one)).collect()
}

/// A verdict as a badge; its word is also its class.
fn badge(verdict: &str) -> String {
    format!("<span class=\"verdict {}\">{verdict}</span>", verdict.to_lowercase().replace(' ', "-"))
}

fn block(judged: &Judged<'_>, block: &Block) -> String {
    match block {
        Block::Log { name, verdict, why } => {
            format!("<h1>{} {}</h1>\n<p class=\"why\">{}</p>\n", badge(verdict), escaped(name), escaped(why))
        }
        Block::Run { title, verdict, why, index } => {
            let picture = judged.diagnosis.runs.iter().find(|run| run.run == *index);
            let picture = picture.map_or_else(String::new, |run| chart::of_run(judged, run));
            let picture = format!("<figure class=\"scroll\">\n{picture}</figure>\n");
            if title.is_empty() {
                return picture;
            }
            format!("<h2>{} {}</h2>\n<p class=\"why\">{}</p>\n{picture}", badge(verdict), escaped(title), escaped(why))
        }
        Block::Heading(text) => format!("<h3>{}</h3>\n", escaped(text)),
        Block::Paragraph(text) => format!("<p>{}</p>\n", escaped(text)),
        Block::Finding(finding) => self::finding(finding),
        Block::Terms(terms) => {
            let one =
                |(term, text): &(String, String)| format!("<dt>{}</dt><dd>{}</dd>\n", escaped(term), escaped(text));
            format!("<dl>\n{}</dl>\n", terms.iter().map(one).collect::<String>())
        }
        Block::Table(titles, rows) => {
            let mut table = journal::markdown::Table::new(titles);
            rows.iter().for_each(|row| table.row(row.clone()));
            format!("<div class=\"scroll\" tabindex=\"0\">\n{}</div>\n", table.html(&|_| String::new()))
        }
    }
}

fn finding(finding: &Shown) -> String {
    // The number first: on a phone a long file name would push it out of sight.
    let row = |([place, step, epoch, figure, value], line): &([String; 5], Option<String>)| {
        let cell = |text: &String| format!("<td>{}</td>", escaped(text));
        let line = line.as_ref().map_or_else(String::new, |line| format!("<code>{}</code>", escaped(line)));
        format!(
            "<tr><td class=\"n\">{value}</td>{}<td>{line}</td></tr>\n",
            [figure, step, epoch, place].map(cell).concat()
        )
    };
    let more = if finding.more > 0 {
        format!("<p class=\"more\">and {} more</p>\n", count(finding.more))
    } else {
        String::new()
    };
    let rows: String = finding.evidence.iter().map(row).collect();
    let rows = if rows.is_empty() {
        rows
    } else {
        format!("<div class=\"scroll\" tabindex=\"0\">\n<table>\n{rows}</table>\n</div>\n")
    };
    let terms = finding.terms.iter().map(|(term, text)| format!("<dt>{term}</dt><dd>{}</dd>\n", escaped(text)));
    format!(
        "<article class=\"{}\">\n<h4><span class=\"label\">{}</span> {} <small>{}</small></h4>\n<p class=\"what\">{}</p>\n{rows}{more}<dl>\n{}</dl>\n</article>\n",
        finding.weight,
        escaped(&finding.label),
        finding.name,
        finding.weight,
        escaped(&finding.what),
        terms.collect::<String>()
    )
}
