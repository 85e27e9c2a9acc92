//! A diagnosis as Markdown.

use journal::markdown::{Table, code, escaped};

use crate::show::blocks::{Block, Shown, blocks};
use crate::show::words::count;
use crate::show::{Judged, MARK};

/// The whole diagnosis as Markdown, for an issue, a pull request or a model card. `picture` is the path of a chart to show.
pub fn markdown(logs: &[Judged<'_>], picture: Option<&str>) -> String {
    let mut out = format!("{MARK}\n");
    if let Some(path) = picture {
        // Angle brackets hold a path with spaces; its own would end it.
        let path: String = path.chars().filter(|letter| !matches!(letter, '<' | '>' | '\n' | '\r')).collect();
        out += &format!("\n![training log with its findings marked](<{path}>)\n");
    }
    for judged in logs {
        out.extend(blocks(judged).iter().map(block));
    }
    out
}

fn block(block: &Block) -> String {
    match block {
        Block::Log { name, verdict, why } => format!("\n# {verdict}: {}\n\n{}\n", escaped(name), escaped(why)),
        Block::Run { title, .. } if title.is_empty() => String::new(),
        Block::Run { title, verdict, why, .. } => format!("\n## {verdict}: {}\n\n{}\n", escaped(title), escaped(why)),
        Block::Heading(text) => format!("\n### {}\n", escaped(text)),
        Block::Paragraph(text) => format!("\n{}\n", escaped(text)),
        Block::Finding(finding) => self::finding(finding),
        Block::Terms(terms) => {
            let one = |(term, text): &(String, String)| format!("- {}: {}\n", escaped(term), escaped(text));
            format!("\n{}", terms.iter().map(one).collect::<String>())
        }
        Block::Table(titles, rows) => format!("\n{}", table(titles, rows)),
    }
}

fn table(titles: &[&str], rows: &[Vec<String>]) -> String {
    let mut table = Table::new(titles);
    rows.iter().for_each(|row| table.row(row.clone()));
    table.escaped().text()
}

fn finding(finding: &Shown) -> String {
    let mut out =
        format!("\n### {}. {} ({})\n\n**{}**\n", finding.label, finding.name, finding.weight, escaped(&finding.what));
    if !finding.evidence.is_empty() {
        let mut rows = Table::new(&["line", "step", "epoch", "figure", ">value", "as it stands there"]);
        for ([place, step, epoch, figure, value], line) in &finding.evidence {
            let bare = |text: &str| text.split_once(' ').map_or_else(String::new, |(_, number)| number.to_string());
            let line = line.as_deref().map_or_else(String::new, code);
            rows.row(vec![code(place), bare(step), bare(epoch), escaped(figure), value.clone(), line]);
        }
        out += &format!("\n{}", rows.text());
    }
    if finding.more > 0 {
        out += &format!("\nand {} more.\n", count(finding.more));
    }
    let terms = finding.terms.iter().map(|(term, text)| format!("- *{term}*: {}\n", escaped(text)));
    out + "\n" + &terms.collect::<String>()
}
