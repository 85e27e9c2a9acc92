//! A run's journal as charts: loss, accuracy, learning rate and gradient norm, by step and by epoch.

use crate::axis::{Axis, Scale};
use crate::chart::{Chart, HorizontalLine, PALETTE, Series, Style};
use crate::event::{CorpusScore, Eval, Event, Log};
use crate::info::RunInfo;
use crate::labelled::{drawn_figures, figure, unit};
use crate::labelled_results::accuracy_label;
use crate::marks::run_marks;
use crate::results::{VALID, evals};
use crate::ticks::number;
use crate::write::file_name;

/// The axes that each chart of a run's record is drawn by.
pub(crate) const RECORD_AXES: [Axis; 2] = [Axis::Steps, Axis::Epochs];

// Indices in the palette. The held-out lines are the result, so theirs are the strong colours.
const TRAINING: usize = 4;
const VALIDATION: usize = 0;
const PLANNED: usize = 5;
// Without yellow, which is faint on white.
const OTHERS: [usize; 5] = [1, 2, 3, 5, 6];
/// What the line of the loss from shares in training is called, and the axis of a loss of running text.
pub(crate) const CLASS_FREQUENCIES: &str = "class frequencies";
pub(crate) const LOSS_OF_TEXT: &str = "loss (nats per scored token)";
/// A curve that falls or rises further than this is drawn on a logarithmic axis.
const WIDE: f64 = 20.0;

/// The charts of a run with the names of their files, without ending.
pub(crate) fn charts(info: &RunInfo, events: &[Event]) -> Vec<(String, Chart)> {
    let mut charts = Vec::new();
    for axis in RECORD_AXES {
        let scale = &Scale::new(axis, info, events);
        let drawn = |name: String| {
            let chart = match name.as_str() {
                "loss" => loss(info, events, scale),
                "accuracy" => accuracy(info, events, scale),
                "learning-rate" => learning_rate(info, events, scale),
                "grad-norm" => grad_norm(info, events, scale),
                figure => one_figure(figure, info, events, scale),
            };
            (format!("{}-by-{}", file_name(&name), axis.name()), chart)
        };
        charts.extend(chart_names(info, events).into_iter().map(drawn));
    }
    charts
}

/// What the charts of a run show, by the names that begin those of their files.
pub(crate) fn chart_names(info: &RunInfo, events: &[Event]) -> Vec<String> {
    let mut names: Vec<String> = ["loss", "accuracy"].map(String::from).to_vec();
    names.extend(drawn_figures(info, &evals(events, VALID)));
    names.extend(["learning-rate", "grad-norm"].map(String::from));
    names
}

fn loss(info: &RunInfo, events: &[Event], scale: &Scale) -> Chart {
    let series =
        scores(events, scale, Measure { log: |log| log.loss, eval: |eval| eval.loss, corpus: |score| score.loss });
    let of_corpus = |corpus: &String| {
        let color = series.iter().find(|series| series.name == validation_of(corpus)).map(|series| series.color);
        Some(level(&format!("unigram, {corpus}"), info.baselines.corpus(corpus)?, true, color))
    };
    let (unit, prior) = match &info.data.examples {
        Some(examples) => (unit(examples), CLASS_FREQUENCIES),
        None => ("token", "unigram"),
    };
    let mut lines = vec![level(prior, info.baselines.unigram, true, None)];
    lines.extend(corpora(events).iter().filter_map(of_corpus));
    lines.push(level("uniform", info.baselines.uniform, false, None));
    let log_y = is_wide(&series);
    let y_label = if info.data.examples.is_some() { format!("loss (nats per {unit})") } else { LOSS_OF_TEXT.into() };
    Chart { y_label, series, lines, log_y, ..frame("Loss", info, events, scale) }
}

/// A value to compare losses with, its number in its label.
pub(crate) fn level(name: &str, y: f64, always: bool, color: Option<usize>) -> HorizontalLine {
    HorizontalLine { label: format!("{name} {y:.2}"), y, always, color }
}

fn validation_of(corpus: &str) -> String {
    format!("validation, {corpus}")
}

fn accuracy(info: &RunInfo, events: &[Event], scale: &Scale) -> Chart {
    let measure = Measure { log: |log| log.accuracy, eval: |eval| eval.accuracy, corpus: |score| score.accuracy };
    let of_text = || "accuracy (share of scored tokens)".into();
    let y_label = info.data.examples.as_ref().map_or_else(of_text, accuracy_label);
    let mut series = scores(events, scale, measure);
    if info.data.examples.is_some() {
        series.iter_mut().filter(|series| series.name == "validation").for_each(|valid| {
            valid.band = noise_band("accuracy", events, scale);
            name_band(valid);
        });
    }
    Chart {
        y_label,
        lines: majority("accuracy", events),
        series,
        y_from_zero: true,
        ..frame("Accuracy", info, events, scale)
    }
}

/// A figure of labelled examples: the validations with their noise, the test, and always saying what is most frequent.
fn one_figure(name: &str, info: &RunInfo, events: &[Event], scale: &Scale) -> Chart {
    let points = |split: &str| -> Vec<(f64, f64)> {
        let point = |eval: &Eval| Some((scale.of_eval(eval), figure(eval, name)?.value));
        evals(events, split).into_iter().filter_map(point).collect()
    };
    let mut series = Vec::new();
    // The test is one point, which a line would hide.
    for split in splits(events).into_iter().rev() {
        let (title, color) = if split == VALID { ("validation", VALIDATION) } else { (split.as_str(), OTHERS[0]) };
        let band = if split == VALID { noise_band(name, events, scale) } else { Vec::new() };
        let style = Style::LineWithPoints;
        let mut of_split = Series { name: title.into(), points: points(&split), band, style, color };
        name_band(&mut of_split);
        series.push(of_split);
    }
    Chart { y_label: name.into(), lines: majority(name, events), series, ..frame(name, info, events, scale) }
}

/// One standard error to either side of a figure's validations; empty where one has none.
fn noise_band(name: &str, events: &[Event], scale: &Scale) -> Vec<(f64, f64, f64)> {
    let end = |eval: &&Eval| {
        let figure = figure(eval, name)?;
        let error = figure.error?;
        Some((scale.of_eval(eval), figure.value - error, figure.value + error))
    };
    evals(events, VALID).iter().map(end).collect::<Option<Vec<_>>>().unwrap_or_default()
}

fn name_band(series: &mut Series) {
    if !series.band.is_empty() {
        series.name += ", band ± one standard error";
    }
}

/// The figure of always saying what is most frequent in training, on the examples validated on.
pub(crate) fn majority(name: &str, events: &[Event]) -> Vec<HorizontalLine> {
    let of_eval = |eval: &&Eval| figure(eval, name)?.majority;
    let value = evals(events, VALID).iter().find_map(of_eval);
    value.map(|value| level("majority", value, false, None)).into_iter().collect()
}

fn learning_rate(info: &RunInfo, events: &[Event], scale: &Scale) -> Chart {
    let mut series = vec![logged("learning rate", events, scale, Style::Line, VALIDATION, |log| log.lr)];
    series.splice(0..0, planned_rates(info, scale, PLANNED));
    let y_label = "learning rate of the update".into();
    Chart { y_label, series, y_from_zero: true, ..frame("Learning rate", info, events, scale) }
}

/// The schedule as it was planned, where that was kept.
pub(crate) fn planned_rates(info: &RunInfo, scale: &Scale, color: usize) -> Option<Series> {
    let points: Vec<(f64, f64)> = info.plan.rates.iter().map(|(step, rate)| (scale.of_step(*step), *rate)).collect();
    (!points.is_empty()).then(|| Series {
        name: "planned".into(),
        points,
        band: Vec::new(),
        style: Style::Dashed,
        color,
    })
}

fn grad_norm(info: &RunInfo, events: &[Event], scale: &Scale) -> Chart {
    let series = vec![
        logged("largest", events, scale, Style::Line, 5, |log| log.grad_norm.max),
        logged("95th percentile", events, scale, Style::Line, 1, |log| log.grad_norm.p95),
        logged("median", events, scale, Style::Line, VALIDATION, |log| log.grad_norm.median),
    ];
    let clip = info.parameters.iter().find(|(key, _)| key.rsplit('.').next() == Some("clip_norm"));
    let clip = clip.and_then(|(_, value)| value.parse::<f64>().ok()).filter(|norm| *norm > 0.0);
    let line = |y| HorizontalLine { label: format!("clipped above {}", number(y)), y, always: true, color: None };
    let log_y = is_wide(&series);
    Chart {
        y_label: "gradient norm before clipping".into(),
        lines: clip.map(line).into_iter().collect(),
        log_y,
        y_from_zero: true,
        series,
        ..frame("Gradient norm in each window of steps", info, events, scale)
    }
}

/// What all charts of a run share.
fn frame(title: &str, info: &RunInfo, events: &[Event], scale: &Scale) -> Chart {
    Chart {
        title: title.into(),
        subtitle: if info.question.is_empty() { info.run.clone() } else { format!("{}: {}", info.run, info.question) },
        x_label: scale.axis.label().into(),
        x_from_zero: true,
        marks: run_marks(info, events, scale),
        ..Chart::default()
    }
}

/// Which number of each line is drawn.
struct Measure {
    log: fn(&Log) -> f64,
    eval: fn(&Eval) -> f64,
    corpus: fn(&CorpusScore) -> f64,
}

/// Training in windows, then each held-out split, then the validation split's corpora where there are several.
fn scores(events: &[Event], scale: &Scale, measure: Measure) -> Vec<Series> {
    let mut series = vec![logged("training", events, scale, Style::Line, TRAINING, measure.log)];
    let mut colors = (0..).map(|index| OTHERS[index % OTHERS.len()] + PALETTE.len() * (index / OTHERS.len()));
    let mut color = || colors.next().unwrap_or(VALIDATION);
    for corpus in corpora(events) {
        let score = |eval: &&Eval| {
            let score = eval.corpora.iter().find(|score| score.name == corpus)?;
            Some((scale.of_eval(eval), (measure.corpus)(score)))
        };
        let points = evals(events, VALID).iter().filter_map(score).collect();
        series.push(Series {
            name: validation_of(&corpus),
            points,
            band: Vec::new(),
            style: Style::LineWithPoints,
            color: color(),
        });
    }
    for split in splits(events) {
        let points = evals(events, &split).iter().map(|eval| (scale.of_eval(eval), (measure.eval)(eval))).collect();
        let (name, color) = if split == VALID { ("validation".into(), VALIDATION) } else { (split, color()) };
        series.push(Series { name, points, band: Vec::new(), style: Style::LineWithPoints, color });
    }
    series
}

/// Corpora of the validation split; none when there is only one, which is the whole.
fn corpora(events: &[Event]) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for score in evals(events, VALID).iter().flat_map(|eval| &eval.corpora) {
        if !names.contains(&score.name) {
            names.push(score.name.clone());
        }
    }
    if names.len() > 1 { names } else { Vec::new() }
}

/// Held-out splits; validation last, so that it is drawn over the others.
fn splits(events: &[Event]) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for event in events {
        if let Event::Eval(eval) = event
            && !names.contains(&eval.split)
        {
            names.push(eval.split.clone());
        }
    }
    names.sort_by_key(|name| name == VALID);
    names
}

pub(crate) fn logged(
    name: &str,
    events: &[Event],
    scale: &Scale,
    style: Style,
    color: usize,
    value: fn(&Log) -> f64,
) -> Series {
    let point = |event: &Event| match event {
        Event::Log(log) => Some((scale.of_log(log), value(log))),
        _ => None,
    };
    Series { name: name.into(), points: events.iter().filter_map(point).collect(), band: Vec::new(), style, color }
}

/// Whether values spread so far that only a logarithmic axis shows them all.
pub(crate) fn is_wide(series: &[Series]) -> bool {
    let values = || series.iter().flat_map(|series| &series.points).map(|point| point.1).filter(|y| y.is_finite());
    let (low, high) = (values().fold(f64::INFINITY, f64::min), values().fold(0.0, f64::max));
    low > 0.0 && high / low > WIDE
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Status;
    use crate::synthetic::{ended, eval, finished_run, log, resume, run_info, start};
    use crate::synthetic_labelled::{tagged_info, tagged_run};

    fn chart(name: &str, events: &[Event]) -> Chart {
        charts(&run_info(), events).into_iter().find(|(chart, _)| chart == name).unwrap().1
    }

    fn labels(chart: &Chart) -> Vec<&str> {
        chart.marks.iter().map(|mark| mark.label.as_str()).collect()
    }

    #[test]
    fn every_measure_is_drawn_by_step_and_by_epoch() {
        let names: Vec<String> = charts(&run_info(), &[]).into_iter().map(|(name, _)| name).collect();
        let expected = ["loss", "accuracy", "learning-rate", "grad-norm"];
        let expected = ["step", "epoch"].map(|by| expected.map(|name| format!("{name}-by-{by}"))).concat();
        assert_eq!(names, expected);
    }

    #[test]
    fn the_loss_chart_shows_training_validation_corpora_and_baselines() {
        let chart = chart("loss-by-step", &finished_run());
        let names: Vec<&str> = chart.series.iter().map(|series| series.name.as_str()).collect();
        assert_eq!(names, ["training", "validation, ko", "validation, en", "validation"]);
        assert_eq!(chart.series[0].points.len(), 20);
        assert_eq!(chart.series[3].points.first(), Some(&(0.0, 9.1)));
        let lines: Vec<&str> = chart.lines.iter().map(|line| line.label.as_str()).collect();
        assert_eq!(lines, ["unigram 6.50", "unigram, ko 6.71", "unigram, en 6.29", "uniform 9.01"]);
        assert_eq!(chart.lines[1].color, Some(chart.series[1].color), "a corpus has one colour");
        assert_eq!(labels(&chart), ["end of warm-up"]);
    }

    #[test]
    fn by_epoch_uses_the_epochs_of_the_journal() {
        let chart = chart("accuracy-by-epoch", &finished_run());
        assert_eq!(chart.series[3].points.last().unwrap().0, 4.0);
        assert_eq!(chart.marks[0].x, 60.0 / 250.0);
    }

    #[test]
    fn the_clipping_norm_stands_in_the_gradient_chart() {
        let chart = chart("grad-norm-by-step", &finished_run());
        assert_eq!(chart.lines[0].label, "clipped above 1");
    }

    #[test]
    fn the_planned_rates_stand_behind_those_used_and_reach_the_plan_s_end() {
        let chart = chart("learning-rate-by-epoch", &[start(), log(50), log(100)]);
        assert_eq!((chart.series[0].name.as_str(), chart.series[0].style), ("planned", Style::Dashed));
        assert_eq!(chart.series[0].points, [(0.0, 0.0), (0.24, 5e-4), (4.0, 0.0)]);
        let mut info = run_info();
        info.plan.rates.clear();
        let charts = charts(&info, &finished_run());
        assert_eq!(charts[2].1.series.len(), 1);
    }

    #[test]
    fn interruptions_and_a_best_point_before_the_last_are_marked() {
        let mut worse = eval(400);
        if let Event::Eval(eval) = &mut worse {
            eval.loss = 8.0;
        }
        let events = [
            start(),
            eval(0),
            eval(200),
            resume(300),
            resume(250),
            log(350),
            worse,
            ended(400, Status::Diverged, "NaN"),
        ];
        let chart = chart("loss-by-step", &events);
        assert_eq!(labels(&chart), ["end of warm-up", "best validation loss", "resumed", "diverged"]);
        assert_eq!(chart.marks[2].x, 250.0);
    }

    #[test]
    fn a_loss_that_explodes_is_drawn_on_a_logarithmic_axis() {
        let mut exploded = log(100);
        if let Event::Log(log) = &mut exploded {
            log.loss = 1e6;
        }
        assert!(chart("loss-by-step", &[log(50), exploded]).log_y);
        assert!(!chart("loss-by-step", &finished_run()).log_y);
    }

    #[test]
    fn labelled_examples_have_charts_of_their_figures_with_their_noise() {
        let (info, events) = (tagged_info(), tagged_run());
        let names = chart_names(&info, &events);
        let wanted = ["loss", "accuracy", "strict-f1-micro", "f1-macro", "f1-micro", "learning-rate", "grad-norm"];
        assert_eq!(names, wanted);
        let charts = charts(&info, &events);
        assert_eq!(charts.len(), 14);
        let (name, strict) = &charts[2];
        assert_eq!(name, "strict-f1-micro-by-step");
        assert_eq!(strict.series[0].name, "validation, band ± one standard error");
        assert_eq!((strict.series[0].points.len(), strict.series[0].band.len()), (5, 5));
        assert_eq!((strict.series[1].name.as_str(), strict.series[1].points.len()), ("test", 1));
        assert_eq!(strict.lines[0].label, "majority 0.00");
        let lines: Vec<&str> = charts[0].1.lines.iter().map(|line| line.label.as_str()).collect();
        assert_eq!(lines, ["class frequencies 1.00", "uniform 1.61"]);
        assert_eq!(charts[0].1.y_label, "loss (nats per token)");
    }
}
