//! A chart as data: lines, what stands beside them, and the ranges they need.

/// Colours that people with any kind of colour vision can tell apart, by index; darkest and best apart first.
///
/// # Source
/// Okabe and Ito 2008, "Color universal design"; the order is ours, yellow last because it is faint on white.
pub const PALETTE: [&str; 8] = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#000000", "#F0E442"];

/// A line chart.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Chart {
    /// What is shown.
    pub title: String,
    /// Of what it is shown; may be empty.
    pub subtitle: String,
    /// What the horizontal axis counts, with its unit.
    pub x_label: String,
    /// What the vertical axis measures, with its unit.
    pub y_label: String,
    /// The lines; later ones are drawn over earlier ones.
    pub series: Vec<Series>,
    /// Values to compare the lines with.
    pub lines: Vec<HorizontalLine>,
    /// Moments that explain the lines.
    pub marks: Vec<VerticalMark>,
    /// A logarithmic vertical axis. Values of 0 and below are then left out; without any above 0 it stays linear.
    pub log_y: bool,
    /// The vertical axis begins at 0.
    pub y_from_zero: bool,
    /// The horizontal axis begins at 0.
    pub x_from_zero: bool,
    /// Points that a text beside the chart speaks of.
    pub callouts: Vec<Callout>,
    /// Height of the plot in pixels; more where its names need more, and that of a chart by itself where not given.
    pub height: Option<f64>,
}

/// A point with a ring round it and a few letters beside it. Where it cannot be drawn it is left out.
#[derive(Debug, Clone, PartialEq)]
pub struct Callout {
    /// A number or a letter that the text repeats.
    pub label: String,
    /// Where it lies on the horizontal axis.
    pub x: f64,
    /// Where it lies on the vertical axis.
    pub y: f64,
}

/// One line of a chart.
#[derive(Debug, Clone, PartialEq)]
pub struct Series {
    /// Written beside the line's end; a line without a name has no label.
    pub name: String,
    /// Places from left to right. Where one is not finite, the line is broken.
    pub points: Vec<(f64, f64)>,
    /// An area around the line: place, lower and upper end, from left to right. May be empty.
    pub band: Vec<(f64, f64, f64)>,
    /// How the line looks.
    pub style: Style,
    /// Index in [`PALETTE`], counted round.
    pub color: usize,
}

/// How a line looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Style {
    /// A thin line.
    Line,
    /// A thicker line with a mark at each point; with many points, at some of them.
    LineWithPoints,
    /// A thin dashed line.
    Dashed,
    /// A thin, half transparent line: what stands behind the result.
    Faint,
}

/// A dashed line across the chart.
#[derive(Debug, Clone, PartialEq)]
pub struct HorizontalLine {
    /// Written beside it.
    pub label: String,
    /// Where it lies.
    pub y: f64,
    /// Whether the axis is widened to show it; otherwise it is left out where it lies far outside.
    pub always: bool,
    /// Index in [`PALETTE`], counted round; grey when it belongs to no line.
    pub color: Option<usize>,
}

/// A moment: a dotted line from top to bottom.
#[derive(Debug, Clone, PartialEq)]
pub struct VerticalMark {
    /// Written above it.
    pub label: String,
    /// Where it lies.
    pub x: f64,
}

/// The part of an axis that a chart shows.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Range {
    pub(crate) low: f64,
    pub(crate) high: f64,
    pub(crate) log: bool,
}

impl Range {
    /// Where a value lies between the ends: 0 at the low one, 1 at the high one.
    pub(crate) fn place(self, value: f64) -> f64 {
        if self.log {
            (value / self.low).ln() / (self.high / self.low).ln()
        } else {
            (value - self.low) / (self.high - self.low)
        }
    }

    pub(crate) fn contains(self, value: f64) -> bool {
        (self.low..=self.high).contains(&value)
    }
}

/// Room between the outermost values and the frame, as a share of their span.
const MARGIN: f64 = 0.05;
/// A line this far outside, as a share of the values' span, is still shown.
const NEAR: f64 = 0.25;

impl Chart {
    /// Whether a point can be drawn.
    pub(crate) fn is_drawable(&self, (x, y): (f64, f64), log_y: bool) -> bool {
        x.is_finite() && y.is_finite() && (!log_y || y > 0.0)
    }

    fn drawable(&self, log_y: bool) -> impl Iterator<Item = (f64, f64)> {
        let ends =
            self.series.iter().flat_map(|series| &series.band).flat_map(|(x, low, high)| [(*x, *low), (*x, *high)]);
        let points = self.series.iter().flat_map(|series| &series.points).copied();
        points.chain(ends).filter(move |point| self.is_drawable(*point, log_y))
    }

    /// The horizontal axis: exactly the points, `None` when there is none.
    pub(crate) fn x_range(&self) -> Option<Range> {
        let (log_y, start) = (self.is_log(), if self.x_from_zero { 0.0 } else { f64::INFINITY });
        let (low, high) = ends(self.drawable(log_y).map(|(x, _)| x))?;
        let low = low.min(start);
        let high = if high > low { high } else { low + 1.0 };
        Some(Range { low, high, log: false })
    }

    /// The vertical axis: the points, the lines that must be shown or are near, and a margin.
    pub(crate) fn y_range(&self) -> Option<Range> {
        let log = self.is_log();
        let points = ends(self.drawable(log).map(|(_, y)| y));
        let usable = |line: &&HorizontalLine| line.y.is_finite() && (!log || line.y > 0.0);
        let wanted = self.lines.iter().filter(usable).filter(|line| line.always || points.is_none()).map(|line| line.y);
        let (low, high) = ends(points.iter().flat_map(|(low, high)| [*low, *high]).chain(wanted))?;
        let reach = NEAR * (high - low);
        let near = self.lines.iter().filter(usable).map(|line| line.y);
        let near = near.filter(|y| !log && *y >= low - reach && *y <= high + reach);
        let (low, high) = ends([low, high].into_iter().chain(near))?;
        Some(padded(low, high, log, self.y_from_zero))
    }

    pub(crate) fn is_log(&self) -> bool {
        self.log_y && self.drawable(true).next().is_some()
    }
}

/// A little more than `low..=high`, and never an empty range.
fn padded(low: f64, high: f64, log: bool, from_zero: bool) -> Range {
    if log {
        // At least a tenth each way, so that one value lies on an axis too.
        let factor = (high / low).powf(MARGIN).max(1.1);
        return Range { low: low / factor, high: high * factor, log };
    }
    let from_zero = from_zero && low >= 0.0;
    let low = if from_zero { 0.0 } else { low };
    let margin = match high - low {
        span if span > 0.0 => span * MARGIN,
        _ if low == 0.0 => 1.0,
        _ => low.abs() * 0.1,
    };
    Range { low: if from_zero { 0.0 } else { low - margin }, high: high + margin, log }
}

/// The least and the largest.
fn ends(values: impl Iterator<Item = f64>) -> Option<(f64, f64)> {
    values.fold(None, |ends, value| {
        let (low, high) = ends.unwrap_or((value, value));
        Some((low.min(value), high.max(value)))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chart(ys: &[f64]) -> Chart {
        let points = ys.iter().enumerate().map(|(x, y)| (x as f64, *y)).collect();
        let series = vec![Series { name: "a".into(), points, band: Vec::new(), style: Style::Line, color: 0 }];
        Chart { series, ..Chart::default() }
    }

    fn line(y: f64, always: bool) -> HorizontalLine {
        HorizontalLine { label: "line".into(), y, always, color: None }
    }

    #[test]
    fn the_range_holds_every_finite_point_with_room() {
        let range = chart(&[4.0, f64::NAN, 9.0, f64::INFINITY]).y_range().unwrap();
        assert_eq!((range.low, range.high), (3.75, 9.25));
        assert_eq!(chart(&[4.0, 5.0, f64::NAN]).x_range().unwrap().high, 1.0);
    }

    #[test]
    fn nothing_to_draw_has_no_range_and_one_value_has_one() {
        assert_eq!(chart(&[]).y_range(), None);
        assert_eq!(chart(&[f64::NAN]).x_range(), None);
        let range = chart(&[5.0]).y_range().unwrap();
        assert!(range.low < 5.0 && range.high > 5.0);
        let range = chart(&[0.0]).y_range().unwrap();
        assert!(range.low < range.high);
        let range = Chart { y_from_zero: true, ..chart(&[0.0]) }.y_range().unwrap();
        assert_eq!((range.low, range.high), (0.0, 1.0));
    }

    #[test]
    fn a_wanted_line_widens_the_range_and_a_far_one_does_not() {
        let mut chart = chart(&[4.0, 6.0]);
        chart.lines = vec![line(8.0, true), line(12.0, false), line(8.9, false)];
        let range = chart.y_range().unwrap();
        assert!(range.contains(8.0) && range.contains(8.9) && !range.contains(12.0), "{range:?}");
        chart.series.clear();
        assert!(chart.y_range().unwrap().contains(12.0));
    }

    #[test]
    fn a_logarithmic_axis_leaves_out_what_has_no_logarithm() {
        let mut chart = Chart { log_y: true, ..chart(&[0.0, 1.0, 100.0, -1.0]) };
        let range = chart.y_range().unwrap();
        assert!(range.log && range.low > 0.0 && range.low < 1.0 && range.high > 100.0);
        assert!((range.place((range.low * range.high).sqrt()) - 0.5).abs() < 1e-12);
        chart.series[0].points = vec![(0.0, 0.0)];
        assert!(!chart.y_range().unwrap().log);
    }
}
