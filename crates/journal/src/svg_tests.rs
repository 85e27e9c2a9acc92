//! What is drawn: everything that was asked for, inside the picture, and as text.

use super::*;
use crate::chart::{Callout, HorizontalLine, VerticalMark};

fn series(name: &str, points: &[(f64, f64)], color: usize) -> Series {
    Series { name: name.into(), points: points.to_vec(), band: Vec::new(), style: Style::LineWithPoints, color }
}

fn example() -> Chart {
    Chart {
        title: "Loss".into(),
        subtitle: "case1/layer-4/s1".into(),
        x_label: "step".into(),
        y_label: "loss (nats per scored token)".into(),
        series: vec![
            series("training", &[(0.0, 9.0), (500.0, 6.0), (1_000.0, 4.2)], 4),
            series("validation", &[(0.0, 9.0), (500.0, 6.1), (1_000.0, 4.4)], 0),
            series("validation, ko", &[(0.0, 9.1), (500.0, 6.3), (1_000.0, 4.5)], 1),
        ],
        lines: vec![HorizontalLine { label: "unigram 6.50".into(), y: 6.5, always: true, color: None }],
        marks: vec![VerticalMark { label: "end of warm-up".into(), x: 60.0 }],
        ..Chart::default()
    }
}

#[test]
fn every_name_and_label_is_written() {
    let svg = svg(&example());
    for text in [
        "Loss",
        "case1/layer-4/s1",
        "step",
        "loss (nats per scored token)",
        "training",
        "validation",
        "validation, ko",
        "unigram 6.50",
        "end of warm-up",
        ">6<",
        ">1,000<",
    ] {
        assert!(svg.contains(text), "{text} in {svg}");
    }
}

#[test]
fn text_of_users_cannot_become_markup() {
    let mut chart = example();
    let text = "<script>&\"'\u{0}\u{8}\u{FFFF}";
    chart.title = text.into();
    chart.subtitle = text.into();
    chart.series[0].name = text.into();
    chart.marks[0].label = text.into();
    chart.lines[0].label = text.into();
    let svg = svg(&chart);
    assert!(!svg.contains("<script>") && svg.contains("&lt;script&gt;&amp;&quot;"));
    assert!(resvg::usvg::Tree::from_str(&svg, &resvg::usvg::Options::default()).is_ok());
}

#[test]
fn labels_beside_the_plot_neither_touch_nor_leave_the_picture() {
    let mut chart = example();
    for color in 0..20 {
        let name = format!("validation, corpus-{color} with a name that goes on and on and on_and_on");
        chart.series.push(series(&name, &[(0.0, 9.0), (1_000.0, 4.4 + color as f64 * 0.001)], color));
    }
    let plan = Plan::new(&chart);
    let mut spans: Vec<(f64, f64)> = plan
        .labels
        .iter()
        .map(|label| (label.centre, line_height(LABEL) * label.text.len() as f64 / 2.0))
        .map(|(centre, half)| (centre - half, centre + half))
        .collect();
    spans.sort_by(|a, b| a.0.total_cmp(&b.0));
    assert_eq!(spans.len(), 24);
    assert!(spans.windows(2).all(|pair| pair[0].1 <= pair[1].0 + 1e-6), "{spans:?}");
    assert!(spans[0].0 >= plan.top - 1e-6 && spans[23].1 <= plan.bottom + 1e-6);
    for line in plan.labels.iter().flat_map(|label| &label.text) {
        assert!(plan.right + LEADER + SAMPLE + width(line, LABEL) <= WIDTH - EDGE + 1e-6, "{line}");
    }
    assert!(plan.right - plan.left > 400.0, "the plot keeps its room");
}

#[test]
fn labels_above_the_plot_neither_touch_nor_leave_the_picture() {
    let mut chart = example();
    let mark = |label: &str, x: f64| VerticalMark { label: label.into(), x };
    chart.marks = (0..6).map(|i| mark(&format!("moment number {i}"), 500.0 + f64::from(i))).collect();
    chart.marks.extend([
        mark("at the start", 0.0),
        mark("at the very end of everything", 1_000.0),
        mark("outside", 2_000.0),
    ]);
    let plan = Plan::new(&chart);
    assert_eq!(plan.marks.len(), 8);
    let boxes: Vec<(f64, f64, f64)> =
        plan.marks.iter().map(|mark| (mark.baseline, mark.centre, width(&mark.text, MARK) / 2.0)).collect();
    for (index, (row, centre, half)) in boxes.iter().enumerate() {
        assert!(centre - half >= plan.left - 1e-6 && centre + half <= WIDTH - EDGE + 1e-6);
        assert!(*row < plan.top);
        for (other_row, other, other_half) in &boxes[..index] {
            assert!(row != other_row || (centre - other).abs() >= half + other_half, "{boxes:?}");
        }
    }
}

#[test]
fn moments_that_repeat_close_together_share_a_label() {
    let mut chart = example();
    chart.marks = [100.0, 110.0, 120.0, 900.0].map(|x| VerticalMark { label: "resumed".into(), x }).to_vec();
    let plan = Plan::new(&chart);
    let texts: Vec<&str> = plan.marks.iter().map(|mark| mark.text.as_str()).collect();
    assert_eq!(texts, ["resumed × 3", "", "", "resumed"]);
}

#[test]
fn a_chart_without_points_says_so_and_keeps_its_lines() {
    let mut chart = example();
    for series in &mut chart.series {
        series.points.clear();
    }
    let svg = svg(&chart);
    assert!(svg.contains("no values were recorded") && svg.contains("unigram 6.50"), "{svg}");
    assert!(!svg.contains("NaN") && !svg.contains("inf"));
}

#[test]
fn points_that_are_no_numbers_break_the_line_and_are_not_written() {
    let mut chart = example();
    chart.series[0].points =
        vec![(0.0, 5.0), (1.0, 5.5), (2.0, f64::NAN), (3.0, f64::INFINITY), (4.0, 6.0), (5.0, 6.0)];
    let plan = Plan::new(&chart);
    let mut drawing = Drawing::default();
    drawing.series(&chart, &chart.series[0], &plan);
    assert_eq!(drawing.body.matches("<polyline").count(), 2);
    let svg = svg(&chart);
    assert!(!svg.contains("NaN") && !svg.contains("inf"));
}

#[test]
fn one_series_alone_needs_no_name() {
    let mut chart = example();
    chart.series.truncate(1);
    chart.lines.clear();
    assert!(Plan::new(&chart).labels.is_empty());
    assert!(!svg(&chart).contains("training"));
}

#[test]
fn a_long_line_is_drawn_with_as_many_points_as_can_be_seen() {
    let mut chart = example();
    chart.series[0].style = Style::Line;
    chart.series[0].points = (0..200_000).map(|i| (f64::from(i), 5.0 + f64::from(i % 11))).collect();
    let size = svg(&chart).len();
    assert!(size < 60_000, "{size} bytes");
}

#[test]
fn point_marks_stay_apart() {
    let points: Vec<(f64, f64)> = (0..1_000).map(|i| (f64::from(i) / 2.0, 1.0)).collect();
    let kept = apart(&points);
    assert!(kept.len() < 50 && kept[0] == points[999]);
}

#[test]
fn a_band_widens_the_axis_and_a_line_without_a_name_has_no_label() {
    let mut chart = example();
    chart.series[0].band = vec![(0.0, 8.0, 12.0), (500.0, 5.0, 7.0), (1_000.0, f64::NAN, 5.0)];
    chart.series.push(Series { style: Style::Faint, ..series("", &[(0.0, 9.0), (1_000.0, 4.0)], 1) });
    let plan = Plan::new(&chart);
    assert!(plan.y.unwrap().contains(12.0));
    assert_eq!(plan.labels.len(), 4);
    let svg = svg(&chart);
    assert!(svg.contains("fill-opacity") && !svg.contains("NaN"), "{svg}");
}

#[test]
fn a_long_band_is_drawn_with_as_many_points_as_can_be_seen() {
    let mut chart = example();
    let points = (0..100_000).map(|i| (f64::from(i) / 100.0, 5.0 - f64::from(i % 7), 6.0 + f64::from(i % 5))).collect();
    chart.series[0].band = points;
    let size = svg(&chart).len();
    assert!(size < 90_000, "{size} bytes");
}

#[test]
fn callouts_of_one_place_share_a_ring_and_those_that_cannot_be_drawn_are_left_out() {
    let mut chart = example();
    let callout = |label: &str, x, y| Callout { label: label.into(), x, y };
    chart.callouts = vec![
        callout("a", 500.0, 6.0),
        callout("b", 500.0, 6.1),
        callout("a", 500.0, 6.0),
        callout("c", 0.0, 9.0),
        callout("d", 1.0, f64::NAN),
    ];
    let svg = svg(&chart);
    assert_eq!(svg.matches("r=\"6.5\"").count(), 2, "{svg}");
    assert!(svg.contains(">a, b</text>") && svg.contains(">c</text>") && !svg.contains(">d</text>"));
}

#[test]
fn charts_of_a_group_share_their_axis_and_stand_above_one_another() {
    let wide = Chart { y_label: "a label".into(), ..example() };
    let mut thin = Chart { title: String::new(), height: Some(110.0), ..example() };
    thin.series = vec![series("rate", &[(200.0, 1e-5), (2_000.0, 1e-4)], 2)];
    let group = [wide, thin];
    let shared = Shared::of(&group);
    let plans = group.each_ref().map(|chart| Plan::aligned(chart, &shared));
    assert_eq!((plans[0].left, plans[0].right), (plans[1].left, plans[1].right));
    assert_eq!(plans[0].at_x(1_000.0), plans[1].at_x(1_000.0));
    assert!(plans[1].height < 0.6 * plans[0].height, "{} {}", plans[1].height, plans[0].height);
    let stacked = svg_stack("two", &[group.to_vec(), vec![example()]]);
    assert_eq!(stacked.matches("<g transform=\"translate(0 ").count(), 3);
    assert!(resvg::usvg::Tree::from_str(&stacked, &resvg::usvg::Options::default()).is_ok());
    assert!(
        stacked
            .contains(&format!("height=\"{}\"", px(plans[0].height + plans[1].height + Plan::new(&example()).height)))
    );
}
