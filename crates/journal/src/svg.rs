//! A chart as SVG, drawn where [`Plan`] says.

use std::fmt::Write;

use crate::chart::{Chart, PALETTE, Series, Style};
use crate::layout::thinned;
use crate::plan::{
    AXIS, EDGE, LABEL, LEADER, Label, MARK, Plan, SAMPLE, SUBTITLE, Sample, Shared, TICK, TITLE, WIDTH, line_height,
};
use crate::text::{Face, width};

const INK: &str = "#222222";
const GREY: &str = "#595959"; // 7 : 1 on white
const FAINT: &str = "#E4E4E4";
const FRAME: &str = "#8A8A8A";
/// The embedded font first; a browser takes the next that it has.
pub(crate) const FAMILY: &str = "'Casebook Sans','Open Sans','Noto Sans',Helvetica,Arial,sans-serif";
/// Least pixels between two point marks of a line; closer ones would make it a blob.
const POINT_GAP: f64 = 13.0;
/// Callouts nearer to one another than this, in pixels, share a ring.
const RING: f64 = 14.0;
const CALLOUT: Face = Face { size: 12.5, bold: true };

/// The chart as an SVG document: 820 pixels wide, as high as its labels need, on white.
pub fn svg(chart: &Chart) -> String {
    let plan = Plan::new(chart);
    let body = drawn(chart, &plan);
    document(&chart.title, plan.height, &body)
}

/// Charts above one another as one SVG document. Those of a group share their horizontal axis and their margins.
pub fn svg_stack(title: &str, groups: &[Vec<Chart>]) -> String {
    let (mut height, mut body) = (0.0, String::new());
    for group in groups {
        let shared = Shared::of(group);
        for chart in group {
            let plan = Plan::aligned(chart, &shared);
            // Writing into a `String` cannot fail.
            let _ = write!(body, "<g transform=\"translate(0 {})\">\n{}</g>\n", px(height), drawn(chart, &plan));
            height += plan.height;
        }
    }
    document(title, height, &body)
}

fn document(title: &str, height: f64, body: &str) -> String {
    let (height, title) = (px(height), escaped(title));
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{WIDTH}\" height=\"{height}\" \
         viewBox=\"0 0 {WIDTH} {height}\" role=\"img\" font-family=\"{FAMILY}\">\n<title>{title}</title>\n\
         <rect width=\"{WIDTH}\" height=\"{height}\" fill=\"#FFFFFF\"/>\n{body}</svg>\n"
    )
}

/// The elements of a chart.
fn drawn(chart: &Chart, plan: &Plan) -> String {
    let mut drawing = Drawing::default();
    drawing.heading(plan);
    drawing.axes(plan);
    for series in &chart.series {
        drawing.band(chart, series, plan);
    }
    drawing.marks(plan);
    drawing.horizontal_lines(chart, plan);
    for series in &chart.series {
        drawing.series(chart, series, plan);
    }
    drawing.callouts(chart, plan);
    for label in &plan.labels {
        drawing.label(label, plan);
    }
    if plan.x.is_none() {
        let middle = ((plan.left + plan.right) / 2.0, (plan.top + plan.bottom) / 2.0);
        drawing.text("no values were recorded", middle, AXIS, Look { anchor: "middle", ..Look::new(GREY) });
    }
    drawing.body
}

/// The elements so far.
#[derive(Default)]
struct Drawing {
    body: String,
}

/// Colour, alignment and turn of a text.
#[derive(Clone, Copy)]
struct Look<'a> {
    fill: &'a str,
    anchor: &'a str,
    upwards: bool,
    /// White around the letters.
    halo: bool,
}

impl<'a> Look<'a> {
    fn new(fill: &'a str) -> Self {
        Self { fill, anchor: "start", upwards: false, halo: false }
    }
}

/// Colour, width and dashes of a line.
#[derive(Clone, Copy)]
struct Pen<'a> {
    stroke: &'a str,
    width: f64,
    dashes: &'a str,
    opacity: f64,
}

impl<'a> Pen<'a> {
    fn new(stroke: &'a str, width: f64) -> Self {
        Self { stroke, width, dashes: "", opacity: 1.0 }
    }

    fn of_series(style: Style, color: usize) -> Self {
        let stroke = PALETTE[color % PALETTE.len()];
        // The second time round the palette, dashes tell a line from the one of its colour.
        let dashes = if color / PALETTE.len() % 2 == 1 { "9 3" } else { "" };
        match style {
            Style::Line => Self { dashes, ..Self::new(stroke, 1.1) },
            Style::LineWithPoints => Self { dashes, ..Self::new(stroke, 1.8) },
            Style::Dashed => Self { dashes: "6 3", ..Self::new(stroke, 1.1) },
            Style::Faint => Self { dashes, opacity: 0.6, ..Self::new(stroke, 0.9) },
        }
    }

    fn of_line(color: Option<usize>) -> Self {
        color.map_or(Self::REFERENCE, |color| Self { stroke: PALETTE[color % PALETTE.len()], ..Self::REFERENCE })
    }

    const REFERENCE: Pen<'static> = Pen { stroke: "#555555", width: 1.2, dashes: "7 4", opacity: 1.0 };
    const MARK: Pen<'static> = Pen { stroke: "#8A8A8A", width: 1.0, dashes: "2 3", opacity: 1.0 };
}

impl Drawing {
    fn heading(&mut self, plan: &Plan) {
        let mut y = EDGE;
        for (lines, face, fill) in [(&plan.title, TITLE, INK), (&plan.subtitle, SUBTITLE, GREY)] {
            for line in lines {
                y += line_height(face);
                self.text(line, (plan.left, y - 0.3 * face.size), face, Look::new(fill));
            }
        }
    }

    fn axes(&mut self, plan: &Plan) {
        for (value, label) in plan.y_ticks.values.iter().zip(&plan.y_ticks.labels) {
            let y = plan.at_y(*value);
            self.line(&[(plan.left, y), (plan.right, y)], Pen::new(FAINT, 1.0));
            let look = Look { anchor: "end", ..Look::new(GREY) };
            self.text(label, (plan.left - 8.0, y + 0.35 * TICK.size), TICK, look);
        }
        for (value, label) in plan.x_ticks.values.iter().zip(&plan.x_ticks.labels) {
            let x = plan.at_x(*value);
            self.line(&[(x, plan.top), (x, plan.bottom)], Pen::new(FAINT, 1.0));
            self.line(&[(x, plan.bottom), (x, plan.bottom + 4.0)], Pen::new(FRAME, 1.0));
            let look = Look { anchor: "middle", ..Look::new(GREY) };
            self.text(label, (x, plan.bottom + 18.0), TICK, look);
        }
        let corner = [(plan.left, plan.top), (plan.left, plan.bottom), (plan.right, plan.bottom)];
        self.line(&corner, Pen::new(FRAME, 1.0));
        let look = Look { anchor: "middle", ..Look::new(INK) };
        for (index, line) in plan.x_label.iter().enumerate() {
            let y = plan.bottom + 22.0 + line_height(AXIS) * (index + 1) as f64;
            self.text(line, ((plan.left + plan.right) / 2.0, y), AXIS, look);
        }
        for (index, line) in plan.y_label.iter().enumerate() {
            let x = EDGE + line_height(AXIS) * (index as f64 + 0.8);
            self.text(line, (x, (plan.top + plan.bottom) / 2.0), AXIS, Look { upwards: true, ..look });
        }
    }

    fn marks(&mut self, plan: &Plan) {
        for mark in &plan.marks {
            let top = if mark.text.is_empty() { plan.top } else { mark.baseline + 3.0 };
            self.line(&[(mark.x, top), (mark.x, plan.bottom)], Pen::MARK);
        }
        // After all lines, and on white: a line to a label further up passes behind one further down.
        for mark in plan.marks.iter().filter(|mark| !mark.text.is_empty()) {
            let look = Look { anchor: "middle", halo: true, ..Look::new(GREY) };
            self.text(&mark.text, (mark.centre, mark.baseline), MARK, look);
        }
    }

    fn horizontal_lines(&mut self, chart: &Chart, plan: &Plan) {
        for line in chart.lines.iter().filter(|line| plan.y.is_some_and(|range| range.contains(line.y))) {
            let y = plan.at_y(line.y);
            self.line(&[(plan.left, y), (plan.right, y)], Pen::of_line(line.color));
        }
    }

    /// An area, its edges as thinned as a line is.
    fn band(&mut self, chart: &Chart, series: &Series, plan: &Plan) {
        let log_y = plan.y.is_some_and(|range| range.log);
        let is_drawable = |(x, low, high): &(f64, f64, f64)| {
            chart.is_drawable((*x, *low), log_y) && chart.is_drawable((*x, *high), log_y)
        };
        let edge = |end: fn(&(f64, f64, f64)) -> f64| {
            let placed = series.band.iter().filter(|point| is_drawable(point));
            let placed: Vec<(f64, f64)> = placed.map(|point| (plan.at_x(point.0), plan.at_y(end(point)))).collect();
            thinned(&placed)
        };
        let (low, high) = (edge(|point| point.1), edge(|point| point.2));
        let corners: Vec<String> =
            high.iter().chain(low.iter().rev()).map(|(x, y)| format!("{},{}", px(*x), px(*y))).collect();
        if corners.len() > 2 {
            let fill = PALETTE[series.color % PALETTE.len()];
            self.push(format_args!(
                "<polygon points=\"{}\" fill=\"{fill}\" fill-opacity=\"0.16\"/>",
                corners.join(" ")
            ));
        }
    }

    fn series(&mut self, chart: &Chart, series: &Series, plan: &Plan) {
        let log_y = plan.y.is_some_and(|range| range.log);
        let pen = Pen::of_series(series.style, series.color);
        let mut points = Vec::new();
        for part in series.points.split(|point| !chart.is_drawable(*point, log_y)) {
            let placed: Vec<(f64, f64)> = part.iter().map(|(x, y)| (plan.at_x(*x), plan.at_y(*y))).collect();
            match placed.as_slice() {
                [] => {}
                // A line of one point would not be seen.
                [only] if series.style != Style::LineWithPoints => self.dot(*only, 2.2, pen.stroke),
                _ => self.line(&thinned(&placed), pen),
            }
            points.extend(placed);
        }
        if series.style == Style::LineWithPoints {
            for (x, y) in apart(&points) {
                self.shape(series.color, (x, y), pen.stroke);
            }
        }
    }

    /// Rings with their letters; those of one place share a ring.
    fn callouts(&mut self, chart: &Chart, plan: &Plan) {
        let log_y = plan.y.is_some_and(|range| range.log);
        let mut rings: Vec<((f64, f64), String)> = Vec::new();
        for callout in chart.callouts.iter().filter(|callout| chart.is_drawable((callout.x, callout.y), log_y)) {
            let at = (plan.at_x(callout.x), plan.at_y(callout.y));
            let near = |other: &(f64, f64)| (other.0 - at.0).abs() < RING && (other.1 - at.1).abs() < RING;
            match rings.iter_mut().find(|(other, _)| near(other)) {
                Some((_, text)) if text.split(", ").any(|label| label == callout.label) => {}
                Some((_, text)) => *text += &format!(", {}", callout.label),
                None => rings.push((at, callout.label.clone())),
            }
        }
        for ((x, y), text) in &rings {
            self.push(format_args!(
                "<circle cx=\"{}\" cy=\"{}\" r=\"6.5\" fill=\"none\" stroke=\"{INK}\" stroke-width=\"1.4\"/>",
                px(*x),
                px(*y)
            ));
            let half = width(text, CALLOUT) / 2.0;
            let centre = x.clamp(plan.left + half, (WIDTH - EDGE - half).max(plan.left + half));
            let above = y - 11.0;
            let baseline = if above - CALLOUT.size < plan.top { y + 10.0 + CALLOUT.size } else { above };
            let look = Look { anchor: "middle", halo: true, ..Look::new(INK) };
            self.text(text, (centre, baseline), CALLOUT, look);
        }
    }

    /// A name beside the plot, with a sample of its line and a thin line from where that ends.
    fn label(&mut self, label: &Label, plan: &Plan) {
        let start = plan.right + LEADER;
        let pen = match label.sample {
            Sample::Series(style, color) => Pen::of_series(style, color),
            Sample::Line(color) => Pen::of_line(color),
        };
        let (x, y) = label.from;
        let leader = [(x.max(plan.right) + 3.0, y), (start - 3.0, label.centre)];
        self.line(&leader, Pen { width: 0.8, dashes: "", opacity: 0.55, ..pen });
        if plan.right - x > 8.0 {
            self.line(&[(x + 5.0, y), (plan.right, y)], Pen { width: 0.8, dashes: "1 3", opacity: 0.7, ..pen });
        }
        self.line(&[(start, label.centre), (start + SAMPLE - 6.0, label.centre)], pen);
        if let Sample::Series(Style::LineWithPoints, color) = label.sample {
            self.shape(color, (start + SAMPLE / 2.0 - 3.0, label.centre), pen.stroke);
        }
        let first = label.centre - line_height(LABEL) * (label.text.len() as f64 - 1.0) / 2.0 + 0.35 * LABEL.size;
        for (index, line) in label.text.iter().enumerate() {
            let y = first + line_height(LABEL) * index as f64;
            self.text(line, (start + SAMPLE, y), LABEL, Look::new(INK));
        }
    }

    fn line(&mut self, points: &[(f64, f64)], pen: Pen) {
        let Pen { stroke, width, dashes, opacity } = pen;
        let list: Vec<String> = points.iter().map(|(x, y)| format!("{},{}", px(*x), px(*y))).collect();
        let dashes = if dashes.is_empty() { String::new() } else { format!(" stroke-dasharray=\"{dashes}\"") };
        let opacity = if opacity < 1.0 { format!(" stroke-opacity=\"{opacity}\"") } else { String::new() };
        self.push(format_args!(
            "<polyline points=\"{}\" fill=\"none\" stroke=\"{stroke}\" stroke-width=\"{width}\" \
             stroke-linejoin=\"round\"{dashes}{opacity}/>",
            list.join(" ")
        ));
    }

    fn dot(&mut self, (x, y): (f64, f64), radius: f64, fill: &str) {
        self.push(format_args!("<circle cx=\"{}\" cy=\"{}\" r=\"{radius}\" fill=\"{fill}\"/>", px(x), px(y)));
    }

    /// The mark of a point: another shape for each colour, so that a print in grey can be read too.
    fn shape(&mut self, color: usize, (x, y): (f64, f64), fill: &str) {
        const ROUND: f64 = 3.4;
        let corners: &[(f64, f64)] = match (color + color / PALETTE.len()) % 4 {
            0 => &[],
            1 => &[(-3.0, -3.0), (3.0, -3.0), (3.0, 3.0), (-3.0, 3.0)],
            2 => &[(0.0, -4.2), (3.9, 2.8), (-3.9, 2.8)],
            _ => &[(0.0, -4.3), (4.3, 0.0), (0.0, 4.3), (-4.3, 0.0)],
        };
        let outline = "stroke=\"#FFFFFF\" stroke-width=\"0.9\"";
        if corners.is_empty() {
            let (x, y) = (px(x), px(y));
            self.push(format_args!("<circle cx=\"{x}\" cy=\"{y}\" r=\"{ROUND}\" fill=\"{fill}\" {outline}/>"));
        } else {
            let corners: Vec<String> =
                corners.iter().map(|(dx, dy)| format!("{},{}", px(x + dx), px(y + dy))).collect();
            self.push(format_args!("<polygon points=\"{}\" fill=\"{fill}\" {outline}/>", corners.join(" ")));
        }
    }

    fn text(&mut self, text: &str, (x, y): (f64, f64), face: Face, look: Look) {
        let (x, y, text) = (px(x), px(y), escaped(text));
        let Look { fill, anchor, upwards, halo } = look;
        let turn = if upwards { format!(" transform=\"rotate(-90 {x} {y})\"") } else { String::new() };
        let halo = if halo { " stroke=\"#FFFFFF\" stroke-width=\"5\" paint-order=\"stroke\"" } else { "" };
        let weight = if face.bold { " font-weight=\"600\"" } else { "" };
        self.push(format_args!(
            "<text x=\"{x}\" y=\"{y}\" font-size=\"{}\" fill=\"{fill}\" text-anchor=\"{anchor}\"{weight}{halo}{turn}>{text}</text>",
            face.size
        ));
    }

    fn push(&mut self, element: std::fmt::Arguments) {
        // Writing into a `String` cannot fail.
        let _ = writeln!(self.body, "{element}");
    }
}

/// The points to mark: all, or as many as leave [`POINT_GAP`] between them, the last always.
fn apart(points: &[(f64, f64)]) -> Vec<(f64, f64)> {
    let mut kept: Vec<(f64, f64)> = Vec::new();
    for point in points.iter().rev() {
        if kept.last().is_none_or(|later| later.0 - point.0 >= POINT_GAP) {
            kept.push(*point);
        }
    }
    kept
}

/// A length with at most two decimals.
pub(crate) fn px(value: f64) -> String {
    let text = format!("{value:.2}");
    text.trim_end_matches('0').trim_end_matches('.').to_string()
}

/// Text that XML and HTML take for text: their own signs as entities, and what XML 1.0 forbids or a reader would not see
/// ([`case::is_obeyed`]) as U+FFFD.
pub fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\t' | '\n' | '\r' | '\u{2028}' | '\u{2029}' => out.push(' '),
            '\u{FFFE}' | '\u{FFFF}' => out.push('\u{FFFD}'),
            letter if case::is_obeyed(letter) => out.push('\u{FFFD}'),
            letter => out.push(letter),
        }
    }
    out
}

#[cfg(test)]
#[path = "svg_tests.rs"]
mod tests;
