//! The charts of a case as JSON for its page: by every axis, and no more points than a screen can show.

use std::collections::HashMap;
use std::fmt::Write;

use crate::axis::Axis;
use crate::case_charts::case_charts;
use crate::case_runs::CaseRuns;
use crate::chart::{Chart, Series, Style};
use crate::layout::kept;

/// Columns that a line is thinned to: a column is three or four pixels of a wide screen, of which the first, lowest, highest and
/// last stay.
const COLUMNS: f64 = 320.0;

/// The page's data, safe inside a `script` element.
pub(crate) fn page_data(case: &CaseRuns) -> String {
    let axes = Axis::ALL.map(|axis| format!("{{\"key\":{},\"label\":{}}}", text(axis.name()), text(axis.label())));
    let variants = case.variants.iter().filter(|variant| case.of_variant(variant).next().is_some());
    let variants: Vec<String> =
        variants.map(|name| format!("{{\"name\":{},\"color\":{}}}", text(name), case.color(name))).collect();
    let by_axis: Vec<Vec<(String, Chart)>> = Axis::ALL.map(|axis| case_charts(case, axis)).into();
    let mut lists = Lists::default();
    let charts: Vec<String> = (0..by_axis[0].len())
        .map(|at| {
            let drawn: Vec<&Chart> = by_axis.iter().map(|charts| &charts[at].1).collect();
            let parts: Vec<String> = drawn.iter().map(|chart| one_axis(chart, &mut lists)).collect();
            let Chart { title, y_label, y_from_zero, .. } = drawn[0];
            format!(
                "{{\"title\":{},\"yLabel\":{},\"zero\":{y_from_zero},\"byAxis\":[{}]}}",
                text(title),
                text(y_label),
                parts.join(",")
            )
        })
        .collect();
    format!(
        "{{\"axes\":[{}],\"variants\":[{}],\"charts\":[{}],\n\"lists\":[{}]}}",
        axes.join(","),
        variants.join(","),
        charts.join(",\n"),
        lists.texts.join(",\n")
    )
}

/// Lists of numbers, each once: a line has other places on each axis, but the same values on most.
#[derive(Default)]
struct Lists {
    texts: Vec<String>,
    known: HashMap<String, usize>,
}

impl Lists {
    /// The list's index.
    fn add(&mut self, values: impl Iterator<Item = f64>) -> usize {
        let mut text = String::from("[");
        for value in values {
            let comma = if text.len() == 1 { "" } else { "," };
            let _ = write!(text, "{comma}{}", number(value)); // writing to a String cannot fail
        }
        text.push(']');
        *self.known.entry(text).or_insert_with_key(|text| {
            self.texts.push(text.clone());
            self.texts.len() - 1
        })
    }
}

fn one_axis(chart: &Chart, lists: &mut Lists) -> String {
    let series = chart.series.iter().filter(|series| !series.points.is_empty());
    let series: Vec<String> = series.map(|series| one_series(series, lists)).collect();
    let lines = chart.lines.iter().filter(|line| line.y.is_finite()).map(|line| {
        let color = line.color.map_or("null".into(), |color| color.to_string());
        let (label, y, always) = (text(&line.label), number(line.y), line.always);
        format!("{{\"label\":{label},\"y\":{y},\"always\":{always},\"color\":{color}}}")
    });
    let marks = chart.marks.iter().filter(|mark| mark.x.is_finite());
    let marks = marks.map(|mark| format!("{{\"label\":{},\"x\":{}}}", text(&mark.label), number(mark.x)));
    format!(
        "{{\"log\":{},\"series\":[{}],\"lines\":[{}],\"marks\":[{}]}}",
        chart.is_log(),
        series.join(","),
        lines.collect::<Vec<_>>().join(","),
        marks.collect::<Vec<_>>().join(",")
    )
}

fn one_series(series: &Series, lists: &mut Lists) -> String {
    let style = match series.style {
        Style::Line => "line",
        Style::LineWithPoints => "points",
        Style::Dashed => "dashed",
        Style::Faint => "faint",
    };
    let chosen = thinned(series);
    let mut list = |value: &dyn Fn(usize) -> f64| lists.add(chosen.iter().map(|at| value(*at)));
    let (x, y) = (list(&|at| series.points[at].0), list(&|at| series.points[at].1));
    let band = match series.band.len() == series.points.len() {
        true => {
            let (low, high) = (list(&|at| series.band[at].1), list(&|at| series.band[at].2));
            format!(",\"low\":{low},\"high\":{high}")
        }
        false => String::new(),
    };
    let (name, color) = (text(&series.name), series.color);
    format!("{{\"name\":{name},\"color\":{color},\"style\":\"{style}\",\"x\":{x},\"y\":{y}{band}}}")
}

/// The points of a series that are kept: those its line needs, and those its band needs.
fn thinned(series: &Series) -> Vec<usize> {
    let last = series.points.last().map_or(0.0, |point| point.0);
    let column = |x: f64| if last > 0.0 { x / last * COLUMNS } else { 0.0 };
    let of_points: Vec<(f64, f64)> = series.points.iter().map(|(x, y)| (column(*x), *y)).collect();
    let mut chosen = kept(&of_points);
    if series.band.len() == series.points.len() {
        let edge = |end: fn(&(f64, f64, f64)) -> f64| -> Vec<(f64, f64)> {
            series.band.iter().map(|point| (column(point.0), end(point))).collect()
        };
        chosen.extend(kept(&edge(|point| point.1)));
        chosen.extend(kept(&edge(|point| point.2)));
    }
    chosen.sort_unstable();
    chosen.dedup();
    chosen
}

/// Six significant digits: more than a screen shows; whole numbers stay whole.
fn number(value: f64) -> String {
    if !value.is_finite() {
        return "null".into();
    }
    let is_whole = value.fract() == 0.0 && value.abs() < 1e15;
    let rounded: f64 = if is_whole { value } else { format!("{value:.5e}").parse().unwrap_or(value) };
    if rounded != 0.0 && !(1e-4..1e15).contains(&rounded.abs()) { format!("{rounded:e}") } else { rounded.to_string() }
}

/// JSON that holds no sign of HTML, so that nothing in it can end the `script` element or begin a comment, and none that a
/// reader would not see.
fn text(text: &str) -> String {
    let json = serde_json::to_string(&case::one_line(text)).expect("text is JSON");
    let mut out = String::with_capacity(json.len());
    for letter in json.chars() {
        match letter {
            '<' | '>' | '&' => {
                let _ = write!(out, "\\u{:04x}", u32::from(letter));
            }
            letter => out.push(letter),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::synthetic::case_runs;

    #[test]
    fn the_data_is_json_with_every_chart_by_every_axis() {
        let data: serde_json::Value = serde_json::from_str(&page_data(&case_runs())).unwrap();
        assert_eq!(data["axes"].as_array().unwrap().len(), 5);
        assert_eq!(data["variants"][0]["name"], "layer-6");
        for chart in data["charts"].as_array().unwrap() {
            assert_eq!(chart["byAxis"].as_array().unwrap().len(), 5);
        }
        let loss = &data["charts"][0]["byAxis"][0]["series"];
        let validation = loss.as_array().unwrap().iter().find(|series| series["style"] == "points").unwrap();
        let list = |key: &str| &data["lists"][validation[key].as_u64().unwrap() as usize];
        assert_eq!(*list("x"), serde_json::json!([0, 250, 500, 750, 1000]));
        assert_eq!(list("low").as_array().unwrap().len(), 5);
        let by_tokens = &data["charts"][0]["byAxis"][3]["series"][0];
        assert_eq!(by_tokens["y"], data["charts"][0]["byAxis"][0]["series"][0]["y"], "the same values stand once");
    }

    #[test]
    fn no_text_can_leave_the_script_element() {
        let evil = "</script><!--<b>&\u{2028}\"\\";
        let mut case = case_runs();
        case.variants[0] = evil.into();
        for run in &mut case.runs {
            run.info.variant = evil.into();
            run.info.question = evil.into();
            run.info.data.corpora[0].name = evil.into();
        }
        let data = page_data(&case);
        assert!(!data.contains(['<', '>', '&', '\u{2028}']), "{data}");
        let read: serde_json::Value = serde_json::from_str(&data).unwrap();
        assert_eq!(read["variants"][0]["name"], case::one_line(evil));
    }

    #[test]
    fn long_lines_are_thinned_and_keep_their_spikes_with_their_bands() {
        let mut points: Vec<(f64, f64)> = (0..50_000).map(|at| (f64::from(at), f64::from(at % 7))).collect();
        points[31_415].1 = 99.0;
        let mut band: Vec<(f64, f64, f64)> = points.iter().map(|(x, y)| (*x, y - 1.0, y + 1.0)).collect();
        band[27_182].1 = -99.0;
        let series = Series { name: "a".into(), points, band, style: Style::Faint, color: 0 };
        let chosen = thinned(&series);
        assert!(chosen.len() < 5_000, "{}", chosen.len());
        assert!(chosen.contains(&31_415) && chosen.contains(&27_182) && chosen.contains(&49_999));
    }

    #[test]
    fn numbers_are_short_and_what_is_none_is_null() {
        let numbers = [4.123_456_789, 12_345_678.0, 1e-9, 0.0, 1.5e300, f64::NAN].map(number);
        assert_eq!(numbers, ["4.12346", "12345678", "1e-9", "0", "1.5e300", "null"]);
    }
}
