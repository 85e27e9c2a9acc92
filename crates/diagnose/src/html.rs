//! Tables of web pages and notebooks as rows.

use crate::collect::{Collector, Context};
use crate::log::Place;
use crate::table;

/// The tables of HTML as rows; all stand at the place where the first begins.
pub(crate) fn read_html(collector: &mut Collector, place: Place, html: &str, context: &Context) {
    // `[230/230 00:44, Epoch 2/2]` above the table of a notebook.
    if let Some(bar) = html
        .split_once("</progress>")
        .and_then(|(_, rest)| rest.split_once('['))
        .and_then(|(_, rest)| rest.split_once(']'))
    {
        let total = bar.0.split_once('/').map(|(_, rest)| rest.trim_start());
        let digits = total.map(|rest| rest.split(|letter: char| !letter.is_ascii_digit()).next().unwrap_or_default());
        if let Some(digits) = digits {
            collector.fact("max_steps", digits, place, false);
        }
        if let Some((_, epochs)) = bar.0.split_once("Epoch ").and_then(|(_, epochs)| epochs.split_once('/')) {
            collector.fact("num_epochs", epochs, place, false);
        }
    }
    let mut header: Option<Vec<String>> = None;
    for cells in table::html_rows(html) {
        let is_header = cells.iter().filter(|cell| collector.is_measured(cell)).count() > 0
            && cells.iter().all(|cell| table::cell_number(cell).is_none());
        if is_header {
            header = Some(cells);
            continue;
        }
        let Some(names) = &header else { continue };
        let pairs: Vec<(&str, f64)> = names
            .iter()
            .zip(&cells)
            .filter(|(name, _)| !name.is_empty())
            .filter_map(|(name, cell)| Some((name.as_str(), table::cell_number(cell)?)))
            .collect();
        collector.row(place, context, pairs.iter().copied());
    }
}
