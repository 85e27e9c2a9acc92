//! Tables: Markdown's, HTML's, and rows below a header of names.

#![warn(clippy::indexing_slicing, clippy::string_slice, clippy::panic, clippy::unreachable)] // it reads what users write

/// The cells of a Markdown row: `| a | b |`.
pub(crate) fn cells(line: &str) -> Vec<&str> {
    let line = line.trim();
    let line = line.strip_prefix('|').unwrap_or(line);
    let line = line.strip_suffix('|').unwrap_or(line);
    line.split('|').map(str::trim).collect()
}

/// Whether a line is the rule below a Markdown header: `|:---:|---|`.
pub(crate) fn is_rule(line: &str) -> bool {
    let line = line.trim();
    line.contains("--") && line.contains('|') && line.bytes().all(|byte| matches!(byte, b'|' | b'-' | b':' | b' '))
}

/// A cell's number; `No log`, empty and `-` are none.
pub(crate) fn cell_number(cell: &str) -> Option<f64> {
    let cell = cell.trim().trim_matches(['*', '`', '%', '"', '\'']).trim();
    if cell.is_empty() { None } else { crate::facts::amount(cell) }
}

/// The rows of the cells of every table in HTML, tags within cells taken out. Bounded by the text's length.
pub(crate) fn html_rows(html: &str) -> Vec<Vec<String>> {
    let mut rows: Vec<Vec<String>> = Vec::new();
    let mut cell: Option<String> = None;
    let mut rest = html;
    while let Some(open) = rest.find('<') {
        let (text, tag) = rest.split_at(open);
        if let Some(cell) = &mut cell {
            cell.push_str(text);
        }
        let Some(close) = tag.find('>') else { break };
        let name = tag.get(1..close).unwrap_or_default().trim().to_ascii_lowercase();
        let name = name.split_whitespace().next().unwrap_or_default();
        match name {
            "tr" | "/tr" | "/table" => {
                finish_cell(&mut cell, &mut rows);
                if name == "tr" {
                    rows.push(Vec::new());
                }
            }
            "td" | "th" => {
                finish_cell(&mut cell, &mut rows);
                cell = Some(String::new());
            }
            "/td" | "/th" => finish_cell(&mut cell, &mut rows),
            _ => {}
        }
        rest = tag.get(close + 1..).unwrap_or_default();
    }
    finish_cell(&mut cell, &mut rows);
    rows.retain(|row| !row.is_empty());
    rows
}

fn finish_cell(cell: &mut Option<String>, rows: &mut Vec<Vec<String>>) {
    let Some(text) = cell.take() else { return };
    let text = text.trim().replace("&nbsp;", " ").replace("&amp;", "&");
    match rows.last_mut() {
        Some(row) => row.push(text),
        None => rows.push(vec![text]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_of_a_notebook_is_rows_of_cells() {
        let html = "<table border='1'><thead><tr style='x'><th>Epoch</th><th>Training Loss</th></tr></thead>\n\
                    <tr><td>1</td><td><b>0.5</b></td></tr><tr><td>2<td>No log</table><p>";
        let rows = html_rows(html);
        assert_eq!(rows, [vec!["Epoch", "Training Loss"], vec!["1", "0.5"], vec!["2", "No log"]]);
        assert_eq!(cell_number(&rows[2][1]), None);
        assert_eq!(cell_number("**0.75**"), Some(0.75));
    }

    #[test]
    fn markdown_rules_are_told_from_rows() {
        assert!(is_rule("|:---:|-----|") && !is_rule("| -- a |") && !is_rule("-----"));
        assert_eq!(cells("| a | b  |"), ["a", "b"]);
    }
}
