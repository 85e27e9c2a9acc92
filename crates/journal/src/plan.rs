//! Where everything on a chart goes: every text is measured before anything is drawn.

use crate::chart::{Chart, Range, Style, VerticalMark};
use crate::layout::{rows, spread};
use crate::text::{Face, LEADING, width, wrap};
use crate::ticks::{Ticks, linear, logarithmic};

pub(crate) const WIDTH: f64 = 820.0;
pub(crate) const TITLE: Face = Face { size: 17.0, bold: true };
pub(crate) const SUBTITLE: Face = Face { size: 12.5, bold: false };
pub(crate) const AXIS: Face = Face { size: 13.0, bold: false };
pub(crate) const TICK: Face = Face { size: 12.0, bold: false };
pub(crate) const LABEL: Face = Face { size: 12.5, bold: false };
pub(crate) const MARK: Face = Face { size: 11.5, bold: false };
/// Room for the thin lines that lead from the plot to the labels.
pub(crate) const LEADER: f64 = 18.0;
/// Room for the sample of a line before its label.
pub(crate) const SAMPLE: f64 = 26.0;
pub(crate) const EDGE: f64 = 14.0;

const LEAST_HEIGHT: f64 = 330.0;
const LABEL_LIMIT: f64 = 190.0;
const LABEL_LINES: usize = 4;
const MARK_LIMIT: f64 = 320.0;
const MARK_ROW: f64 = 16.0;
const Y_TICK_ROOM: f64 = 44.0;
const X_TICK_GAP: f64 = 26.0;

/// Where everything goes, in pixels.
#[derive(Debug, Default)]
pub(crate) struct Plan {
    pub(crate) title: Vec<String>,
    pub(crate) subtitle: Vec<String>,
    pub(crate) x_label: Vec<String>,
    pub(crate) y_label: Vec<String>,
    /// `None` when no point can be drawn.
    pub(crate) x: Option<Range>,
    /// `None` when neither a point nor a line can be drawn.
    pub(crate) y: Option<Range>,
    pub(crate) x_ticks: Ticks,
    pub(crate) y_ticks: Ticks,
    /// The frame of the plot.
    pub(crate) left: f64,
    pub(crate) right: f64,
    pub(crate) top: f64,
    pub(crate) bottom: f64,
    pub(crate) height: f64,
    pub(crate) labels: Vec<Label>,
    pub(crate) marks: Vec<Mark>,
}

/// A name beside the plot.
#[derive(Debug)]
pub(crate) struct Label {
    pub(crate) text: Vec<String>,
    pub(crate) sample: Sample,
    /// Where its line ends.
    pub(crate) from: (f64, f64),
    pub(crate) centre: f64,
}

/// What is drawn before a name.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Sample {
    /// A series: its style and its colour.
    Series(Style, usize),
    /// A horizontal line: its colour.
    Line(Option<usize>),
}

/// A moment and its label above the plot.
#[derive(Debug)]
pub(crate) struct Mark {
    pub(crate) x: f64,
    pub(crate) text: String,
    pub(crate) centre: f64,
    pub(crate) baseline: f64,
}

/// What charts that stand above one another have in common.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Shared {
    left: f64,
    right: f64,
    x: Option<Range>,
}

impl Shared {
    /// The widest margins, and the whole of all horizontal axes.
    pub(crate) fn of(charts: &[Chart]) -> Self {
        let mut shared = Self { left: 0.0, right: WIDTH, x: None };
        for plan in charts.iter().map(Plan::new) {
            shared.left = shared.left.max(plan.left);
            shared.right = shared.right.min(plan.right);
            shared.x = match (shared.x, plan.x) {
                (Some(all), Some(one)) => {
                    Some(Range { low: all.low.min(one.low), high: all.high.max(one.high), ..all })
                }
                (all, one) => all.or(one),
            };
        }
        shared
    }
}

/// A name before it has a place: wrapped, with the value and the place its line ends at.
struct Name {
    text: Vec<String>,
    sample: Sample,
    /// The last point; for a horizontal line, its height alone.
    end: (Option<f64>, f64),
}

impl Plan {
    pub(crate) fn new(chart: &Chart) -> Self {
        Self::with(chart, None)
    }

    /// The plan of a chart that is one of several above one another.
    pub(crate) fn aligned(chart: &Chart, shared: &Shared) -> Self {
        Self::with(chart, Some(shared))
    }

    fn with(chart: &Chart, shared: Option<&Shared>) -> Self {
        let (x, y) = (chart.x_range(), chart.y_range());
        let x = x.and_then(|own| shared.and_then(|shared| shared.x).or(Some(own)));
        let names = names(chart, y);
        let least = chart.height.unwrap_or(LEAST_HEIGHT);
        let plot_height = names.iter().map(Name::height).sum::<f64>().max(least);
        let mut plan = Self { x, y, y_label: wrap(&chart.y_label, AXIS, plot_height, 2), ..Self::default() };
        plan.y_ticks = y.map_or_else(Ticks::default, |range| ticks(range, (plot_height / Y_TICK_ROOM) as usize));
        let widest =
            |texts: &mut dyn Iterator<Item = &String>, face| texts.map(|text| width(text, face)).fold(0.0, f64::max);
        let tick_width = widest(&mut plan.y_ticks.labels.iter(), TICK);
        plan.left = EDGE + line_height(AXIS) * plan.y_label.len() as f64 + 8.0 + tick_width + 8.0;
        let name_width = widest(&mut names.iter().flat_map(|name| &name.text), LABEL);
        plan.right = WIDTH - EDGE - if names.is_empty() { 16.0 } else { name_width + SAMPLE + LEADER };
        if let Some(shared) = shared {
            (plan.left, plan.right) = (shared.left, shared.right);
        }
        plan.x_ticks = x.map_or_else(Ticks::default, |range| fitting_x_ticks(range, plan.right - plan.left));
        plan.title = wrap(&chart.title, TITLE, WIDTH - plan.left - EDGE, 3);
        plan.subtitle = wrap(&chart.subtitle, SUBTITLE, WIDTH - plan.left - EDGE, 3);
        plan.x_label = wrap(&chart.x_label, AXIS, plan.right - plan.left, 2);
        let (marks, mark_rows) = plan.marks(&chart.marks);
        plan.top = plan.heading_height() + MARK_ROW * mark_rows as f64 + 6.0;
        plan.bottom = plan.top + plot_height;
        plan.height = plan.bottom + 22.0 + line_height(AXIS) * plan.x_label.len() as f64 + EDGE;
        plan.marks = marks;
        for mark in &mut plan.marks {
            mark.baseline += plan.top;
        }
        plan.labels = plan.labels(names);
        plan
    }

    /// Pixels from the top edge to below the subtitle.
    fn heading_height(&self) -> f64 {
        let lines = |lines: &[String], face| line_height(face) * lines.len() as f64;
        EDGE + lines(&self.title, TITLE) + lines(&self.subtitle, SUBTITLE) + 6.0
    }

    /// Pixels from the left edge.
    pub(crate) fn at_x(&self, value: f64) -> f64 {
        self.x.map_or(self.right, |range| self.left + range.place(value) * (self.right - self.left))
    }

    /// Pixels from the top edge.
    pub(crate) fn at_y(&self, value: f64) -> f64 {
        self.y.map_or(self.bottom, |range| self.bottom - range.place(value) * (self.bottom - self.top))
    }

    /// Moments inside the plot with their labels, baselines relative to the plot's top, and how many rows they need.
    fn marks(&self, marks: &[VerticalMark]) -> (Vec<Mark>, usize) {
        let inside = |mark: &&VerticalMark| self.x.is_some_and(|range| range.contains(mark.x));
        let mut placed: Vec<Mark> = marks.iter().filter(inside).map(|mark| self.mark(mark)).collect();
        placed.sort_by(|a, b| a.x.total_cmp(&b.x));
        merge_repeats(&mut placed);
        for mark in &mut placed {
            mark.centre = self.centred(mark.x, &mark.text);
        }
        placed.sort_by(|a, b| span(a).0.total_cmp(&span(b).0));
        let spans: Vec<(f64, f64)> = placed.iter().filter(|mark| !mark.text.is_empty()).map(span).collect();
        let row_of = rows(&spans, 10.0);
        for (mark, row) in placed.iter_mut().filter(|mark| !mark.text.is_empty()).zip(&row_of) {
            mark.baseline = -5.0 - MARK_ROW * *row as f64;
        }
        (placed, row_of.iter().max().map_or(0, |row| row + 1))
    }

    fn mark(&self, mark: &VerticalMark) -> Mark {
        let x = self.at_x(mark.x);
        let text = wrap(&mark.label, MARK, MARK_LIMIT, 1).join("");
        Mark { x, centre: self.centred(x, &text), text, baseline: 0.0 }
    }

    /// As near to `x` as a label may be centred without leaving the picture.
    fn centred(&self, x: f64, text: &str) -> f64 {
        let half = width(text, MARK) / 2.0;
        x.max(self.left + half).min(WIDTH - EDGE - half)
    }

    fn labels(&self, names: Vec<Name>) -> Vec<Label> {
        let wanted: Vec<(f64, f64)> = names.iter().map(|name| (self.at_y(name.end.1), name.height())).collect();
        let centres = spread(&wanted, self.top, self.bottom);
        let label = |(name, centre): (Name, f64)| Label {
            from: (name.end.0.map_or(self.right, |x| self.at_x(x)), self.at_y(name.end.1)),
            text: name.text,
            sample: name.sample,
            centre,
        };
        names.into_iter().zip(centres).map(label).collect()
    }
}

impl Name {
    fn height(&self) -> f64 {
        self.text.len() as f64 * line_height(LABEL) + 3.0
    }
}

pub(crate) fn line_height(face: Face) -> f64 {
    face.size * LEADING
}

fn span(mark: &Mark) -> (f64, f64) {
    let half = width(&mark.text, MARK) / 2.0;
    (mark.centre - half, mark.centre + half)
}

/// Moments with one label that would touch share it, with their number: `resumed × 3`.
fn merge_repeats(marks: &mut [Mark]) {
    let mut first = 0;
    for at in 1..marks.len() {
        let touches = span(&marks[at]).0 < span(&marks[first]).1 + 24.0;
        if marks[at].text == marks[first].text && touches {
            marks[at].text.clear();
        } else {
            first = at;
        }
    }
    let mut at = 0;
    while at < marks.len() {
        let repeats = marks[at + 1..].iter().take_while(|mark| mark.text.is_empty()).count();
        if repeats > 0 && !marks[at].text.is_empty() {
            marks[at].text = format!("{} × {}", marks[at].text, repeats + 1);
        }
        at += repeats + 1;
    }
}

/// What stands beside the plot: every named series with a point and every line inside the range. A chart of one series and no
/// line needs no names.
fn names(chart: &Chart, y: Option<Range>) -> Vec<Name> {
    let text = |name: &str| wrap(name, LABEL, LABEL_LIMIT, LABEL_LINES);
    let mut names = Vec::new();
    for series in chart.series.iter().filter(|series| !series.name.is_empty()) {
        let last = series.points.iter().rfind(|point| chart.is_drawable(**point, chart.is_log()));
        if let Some((x, y)) = last {
            let sample = Sample::Series(series.style, series.color);
            names.push(Name { text: text(&series.name), sample, end: (Some(*x), *y) });
        }
    }
    for line in chart.lines.iter().filter(|line| y.is_some_and(|range| range.contains(line.y))) {
        names.push(Name { text: text(&line.label), sample: Sample::Line(line.color), end: (None, line.y) });
    }
    if names.len() == 1 && chart.series.len() == 1 { Vec::new() } else { names }
}

fn ticks(range: Range, at_most: usize) -> Ticks {
    if range.log { logarithmic(range.low, range.high, at_most) } else { linear(range.low, range.high, at_most) }
}

/// As many marks as their labels leave room for.
fn fitting_x_ticks(range: Range, room: f64) -> Ticks {
    let fits = |ticks: &Ticks| {
        let widest = ticks.labels.iter().map(|label| width(label, TICK)).fold(0.0, f64::max);
        let apart = match ticks.values.as_slice() {
            [first, second, ..] => (range.place(*second) - range.place(*first)) * room,
            _ => f64::INFINITY,
        };
        apart >= widest + X_TICK_GAP
    };
    (2..=10).rev().map(|at_most| ticks(range, at_most)).find(fits).unwrap_or_default()
}
