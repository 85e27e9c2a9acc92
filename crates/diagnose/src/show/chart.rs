//! The chart of a run: losses, the main metric, the learning rate, and the findings where they are, numbered as in the list.

use journal::{Callout, Chart, Series, Style, VerticalMark, svg_stack};

use crate::judge::{Evidence, RunDiagnosis};
use crate::log::{Place, Point, RunLog, Split, Standing};
use crate::names::is_metric;
use crate::show::words::{figure, number};
use crate::show::{Judged, MARK, parts, shown_runs};

/// Points of a finding that are marked.
const MARKED: usize = 3;
/// A line of more points is drawn faintly behind its running mean.
const DENSE: usize = 300;
/// Parts of a dense line that its running mean is taken over.
const WINDOWS: usize = 60;
/// Lines of one panel.
const LINES: usize = 6;
/// Panels of figures that only a finding speaks of.
const EXTRA: usize = 2;
/// A curve that falls or rises further than this is drawn on a logarithmic axis.
const WIDE: f64 = 8.0;
/// Heights of panels in pixels: losses, the main metric, what stands beside them.
const HEIGHTS: [f64; 3] = [330.0, 210.0, 110.0];
/// Metrics by how much they tell, of those that a run has.
const MAIN: [&str; 10] =
    ["accuracy", "f1", "matthews", "pearson", "spearmanr", "wer", "bleu", "rougel", "rouge1", "f1_macro"];

/// The runs that are shown one by one, above one another, as an SVG document.
pub fn chart(logs: &[Judged<'_>]) -> String {
    let mut groups = Vec::new();
    for judged in logs {
        groups.extend(shown_runs(judged.diagnosis).0.into_iter().map(|run| panels(judged, run)));
    }
    let names: Vec<String> = logs.iter().map(parts::title).collect();
    let svg = svg_stack(&names.join(", "), &groups);
    svg.replacen('\n', &format!("\n{MARK}\n"), 1)
}

/// One run as an SVG element.
pub(super) fn of_run(judged: &Judged<'_>, run: &RunDiagnosis) -> String {
    svg_stack(&parts::title(judged), &[panels(judged, run)])
}

/// What is counted from left to right.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Across {
    unit: Unit,
    steps_per_epoch: Option<f64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Unit {
    Steps,
    Epochs,
    Lines,
}

impl Across {
    /// Steps, or epochs where more rows have them, or else the lines of the log.
    fn of(run: &RunLog, steps_per_epoch: Option<f64>) -> Self {
        let counting = || run.rows.iter().filter(|row| row.standing == Standing::Counts);
        let steps = counting().filter(|row| row.step.is_some()).count();
        let epochs = counting().filter(|row| row.epoch.is_some()).count();
        let unit = match (steps, epochs) {
            (0, 0) => Unit::Lines,
            _ if steps >= epochs => Unit::Steps,
            _ => Unit::Epochs,
        };
        Self { unit, steps_per_epoch }
    }

    fn at(self, step: Option<u64>, epoch: Option<f64>, place: Place) -> Option<f64> {
        #[expect(clippy::cast_precision_loss, reason = "steps are far below 2^53")]
        let step = step.map(|step| step as f64);
        match self.unit {
            Unit::Steps => step.or(epoch.zip(self.steps_per_epoch).map(|(epoch, steps)| epoch * steps)),
            Unit::Epochs => epoch.or(step.zip(self.steps_per_epoch).map(|(step, steps)| step / steps)),
            Unit::Lines => Some(f64::from(place.line)),
        }
    }

    fn of_point(self, point: &Point) -> Option<f64> {
        self.at(point.step, point.epoch, point.place)
    }

    fn label(self) -> &'static str {
        match self.unit {
            Unit::Steps => "step",
            Unit::Epochs => "epoch",
            Unit::Lines => "line of the log",
        }
    }
}

fn panels(judged: &Judged<'_>, diagnosis: &RunDiagnosis) -> Vec<Chart> {
    let Some(run) = judged.log.runs.get(diagnosis.run) else { return Vec::new() };
    let across = Across::of(run, diagnosis.recovered.steps_per_epoch.as_ref().map(|steps| steps.value));
    let mut metrics: Vec<(String, f64)> = vec![("loss".into(), HEIGHTS[0])];
    metrics.extend(main_metric(run).map(|metric| (metric, HEIGHTS[1])));
    let spoken =
        diagnosis.findings.iter().flat_map(|finding| &finding.evidence).map(|evidence| evidence.metric.as_str());
    let mut extra: Vec<&str> = Vec::new();
    for metric in spoken.filter(|metric| *metric != "lr") {
        if !extra.contains(&metric) && !metrics.iter().any(|(drawn, _)| drawn == metric) {
            extra.push(metric);
        }
    }
    metrics.extend(extra.into_iter().take(EXTRA).map(|metric| (metric.to_string(), HEIGHTS[2])));
    metrics.push(("lr".into(), HEIGHTS[2]));
    let mut charts: Vec<Chart> =
        metrics.iter().filter_map(|(metric, height)| panel(run, metric, *height, across)).collect();
    if charts.is_empty() {
        charts.push(Chart::default());
    }
    mark(diagnosis, across, &metrics, &mut charts);
    for (at, seam) in run.seams.iter().enumerate().take(LINES) {
        let first = run.rows.get(seam.row);
        let x = first.and_then(|row| across.at(row.step, row.epoch, row.place));
        let label = if at == 0 { "went back to here" } else { "" };
        charts[0].marks.extend(x.map(|x| VerticalMark { label: label.into(), x }));
    }
    head(judged, diagnosis, &mut charts[0]);
    if let Some(last) = charts.last_mut() {
        last.x_label = across.label().into();
    }
    charts
}

/// The verdict as the title, the list of findings below it.
fn head(judged: &Judged<'_>, diagnosis: &RunDiagnosis, chart: &mut Chart) {
    let name = parts::run_name(judged, diagnosis.run);
    let run = if judged.diagnosis.runs.len() > 1 { format!(", run {}", diagnosis.run + 1) } else { String::new() };
    let name = if name.is_empty() || judged.diagnosis.runs.len() == 1 { String::new() } else { format!(" ({name})") };
    chart.title = format!("{}{run}{name}: {}", parts::title(judged), diagnosis.verdict);
    let numbered = (1..).zip(&diagnosis.findings).map(|(at, finding)| format!("{at} {}", finding.kind));
    chart.subtitle = numbered.collect::<Vec<_>>().join(" · ");
}

/// The figure of held-out data that tells most.
fn main_metric(run: &RunLog) -> Option<String> {
    let held_out = || {
        let is_figure =
            |metric: &str| is_metric(metric) && !["loss", "perplexity", "ppl"].iter().any(|word| metric.contains(word));
        run.columns.iter().filter(move |column| column.split != Split::Train && is_figure(&column.metric))
    };
    let known = MAIN.iter().find(|metric| held_out().any(|column| column.metric == **metric));
    known.map(ToString::to_string).or_else(|| held_out().next().map(|column| column.metric.clone()))
}

/// Every split's line of a metric; none where nothing can be drawn.
fn panel(run: &RunLog, metric: &str, height: f64, across: Across) -> Option<Chart> {
    let mut splits: Vec<&Split> =
        run.columns.iter().filter(|column| column.metric == metric).map(|column| &column.split).collect();
    splits.sort();
    splits.dedup();
    splits.truncate(LINES);
    let only = (splits.len() == 1).then(|| splits[0].clone());
    let mut series: Vec<Series> = Vec::new();
    for (at, split) in splits.into_iter().enumerate() {
        lines(run, split, metric, at, across, &mut series);
    }
    let values = || series.iter().flat_map(|series| &series.points).map(|point| point.1).filter(|y| y.is_finite());
    values().next()?;
    let (low, high) = (values().fold(f64::INFINITY, f64::min), values().fold(0.0, f64::max));
    let is_rate = metric == "lr";
    let y_label = only.map_or_else(|| metric.replace('_', " "), |split| figure(&split, metric));
    Some(Chart {
        y_label,
        series,
        // A share keeps its axis: from 0 to 1 it says what it is.
        log_y: low > 0.0 && high / low > WIDE && !is_rate && (metric.contains("loss") || high > 1.5),
        y_from_zero: is_rate,
        height: Some(height),
        ..Chart::default()
    })
}

/// A split's line, and where it is dense its running mean over it.
fn lines(run: &RunLog, split: &Split, metric: &str, at: usize, across: Across, series: &mut Vec<Series>) {
    let points = run.series(split, metric);
    let points: Vec<(f64, f64)> =
        points.iter().filter_map(|point| Some((across.of_point(point)?, point.value))).collect();
    let is_training = *split == Split::Train;
    let color = match split {
        Split::Train => 4,
        Split::Valid => 0,
        Split::Test => 1,
        Split::Named(_) => 2 + at,
    };
    let name = match split {
        Split::Train => "training".to_string(),
        Split::Valid => "held out".to_string(),
        other => other.to_string(),
    };
    let one = |name: String, points, style| Series { name, points, band: Vec::new(), style, color };
    if points.len() <= DENSE || metric == "lr" {
        let style = if is_training && points.len() > 1 { Style::Line } else { Style::LineWithPoints };
        series.push(one(name, points, style));
    } else {
        let smooth = running_mean(&points);
        series.push(one(String::new(), points, Style::Faint));
        let line = Series { color: if is_training { 6 } else { color }, ..one(name, smooth, Style::Line) };
        series.push(line);
    }
}

/// The mean of each point's neighbours to both sides; what is not finite is left out of it.
fn running_mean(points: &[(f64, f64)]) -> Vec<(f64, f64)> {
    let half = (points.len() / WINDOWS / 2).max(2);
    let mut sums = vec![(0.0, 0u32)];
    let (mut sum, mut count) = (0.0, 0u32);
    for (_, y) in points.iter().map(|point| (point.0, point.1)) {
        if y.is_finite() {
            sum += y;
            count += 1;
        }
        sums.push((sum, count));
    }
    let mean = |(at, (x, y)): (usize, &(f64, f64))| {
        let (first, end) = (at.saturating_sub(half), (at + half + 1).min(points.len()));
        let (from, to) = (sums[first], sums[end]);
        let count = to.1 - from.1;
        let value = if y.is_finite() && count > 0 { (to.0 - from.0) / f64::from(count) } else { f64::NAN };
        (*x, value)
    };
    points.iter().enumerate().map(mean).collect()
}

/// Rings at the points that findings rest on; a line across where a point cannot be drawn.
fn mark(diagnosis: &RunDiagnosis, across: Across, metrics: &[(String, f64)], charts: &mut [Chart]) {
    let drawn: Vec<String> = charts.iter().map(|chart| chart.y_label.clone()).collect();
    let panel_of = |evidence: &Evidence| {
        let is_known = metrics.iter().any(|(metric, _)| *metric == evidence.metric);
        let names = [evidence.metric.replace('_', " "), figure(&evidence.split, &evidence.metric)];
        drawn.iter().position(|label| names.contains(label)).filter(|_| is_known)
    };
    for (number_of, finding) in (1..).zip(&diagnosis.findings) {
        for evidence in finding.evidence.iter().take(MARKED) {
            let Some(x) = across.at(evidence.step, evidence.epoch, evidence.place) else { continue };
            match panel_of(evidence).filter(|_| evidence.value.is_finite()) {
                Some(panel) => {
                    charts[panel].callouts.push(Callout { label: number_of.to_string(), x, y: evidence.value });
                }
                None => {
                    let label = format!("{number_of} {} {}", finding.kind, number(evidence.value));
                    charts[0].marks.push(VerticalMark { label, x });
                }
            }
        }
    }
}
