//! The charts of a case: all its variants in one, the seeds of each as one line with a band.

use std::path::Path;

use crate::axis::{Axis, Scale};
use crate::bands::bundle;
use crate::case_runs::{CaseRuns, Run};
use crate::chart::{Chart, HorizontalLine, Series, Style};
use crate::curves::{CLASS_FREQUENCIES, LOSS_OF_TEXT, is_wide, level, logged, planned_rates};
use crate::error::JournalError;
use crate::event::{Eval, Log, Status};
use crate::inference::mean;
use crate::labelled::{drawn_figures, figure, unit};
use crate::labelled_results::accuracy_label;
use crate::marks::case_marks;
use crate::record::write_charts;
use crate::results::{VALID, evals};
use crate::write::file_name;

/// The charts of a case by one axis, each with its name: `loss`, `accuracy`, `loss-CORPUS` for each of several corpora, the
/// figures of labelled examples that tell more than these, and `learning-rate`.
///
/// A variant keeps its colour in all of them. Where a variant has several finished runs its line is their mean and its
/// band reaches from the least to the largest; runs that did not finish are drawn as thin lines of their own.
pub fn case_charts(case: &CaseRuns, axis: Axis) -> Vec<(String, Chart)> {
    let canvas = Canvas::new(case, axis);
    let mut charts = vec![
        ("loss".to_string(), canvas.loss()),
        (
            "accuracy".to_string(),
            Chart {
                y_label: canvas.accuracy_label(),
                y_from_zero: true,
                lines: canvas.majority("accuracy"),
                ..canvas.scores("Accuracy", |log| log.accuracy, |eval| Some(eval.accuracy))
            },
        ),
    ];
    charts.extend(
        case.corpora().into_iter().map(|corpus| (format!("loss-{}", file_name(corpus)), canvas.corpus_loss(corpus))),
    );
    charts.extend(case_figures(case).into_iter().map(|name| {
        let chart = canvas.one_figure(&name);
        (file_name(&name), chart)
    }));
    charts.push(("learning-rate".to_string(), canvas.learning_rate()));
    charts
}

/// The figures of labelled examples that have a chart.
pub(crate) fn case_figures(case: &CaseRuns) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for run in &case.runs {
        for name in drawn_figures(&run.info, &evals(&run.events, VALID)) {
            if !names.contains(&name) {
                names.push(name);
            }
        }
    }
    names
}

/// Writes the charts of a case into a folder as `NAME-by-AXIS.svg` and `.png`; returns their names with the charts.
///
/// # Errors
/// [`JournalError::Io`] with the file that could not be written.
pub fn write_case_charts(case: &CaseRuns, axis: Axis, folder: &Path) -> Result<Vec<(String, Chart)>, JournalError> {
    let charts = case_charts(case, axis);
    let name = |name: &str| format!("{name}-by-{}", axis.name());
    write_charts(folder, charts.iter().map(|(chart, drawn)| (name(chart), drawn)))?;
    Ok(charts)
}

/// What all charts of a case by one axis share.
struct Canvas<'a> {
    case: &'a CaseRuns,
    axis: Axis,
    /// One for each run.
    scales: Vec<Scale<'a>>,
}

/// A variant's runs with their scales: those that make its line, and the others.
struct Arm<'a, 'b> {
    banded: Vec<(&'a Run, &'b Scale<'a>)>,
    apart: Vec<(&'a Run, &'b Scale<'a>)>,
}

type Points = Vec<(f64, f64)>;

impl<'a> Canvas<'a> {
    fn new(case: &'a CaseRuns, axis: Axis) -> Self {
        let scales = case.runs.iter().map(|run| Scale::new(axis, &run.info, &run.events)).collect();
        Self { case, axis, scales }
    }

    fn loss(&self) -> Chart {
        let chart = self.scores("Loss", |log| log.loss, |eval| Some(eval.loss));
        let examples = self.case.examples();
        let (prior, y_label) = match examples {
            Some(examples) => (CLASS_FREQUENCIES, format!("loss (nats per {})", unit(examples))),
            None => ("unigram", LOSS_OF_TEXT.into()),
        };
        let mut lines = self.unigrams(prior, |run| Some(run.info.baselines.unigram));
        if examples.is_some() {
            let uniform = self.unigrams("uniform", |run| Some(run.info.baselines.uniform));
            lines.extend(uniform.into_iter().map(|line| HorizontalLine { always: false, ..line }));
        }
        Chart { y_label, lines, log_y: is_wide(&chart.series), ..chart }
    }

    /// A figure of labelled examples, of validation alone: training windows have loss and accuracy only.
    fn one_figure(&self, name: &str) -> Chart {
        let mut chart = Chart { y_label: name.into(), ..self.frame(&format!("Validation {name}")) };
        self.validation(&mut chart, |eval| Some(figure(eval, name)?.value));
        chart.lines = self.majority(name);
        chart
    }

    /// The figure of always saying what is most frequent in training.
    fn majority(&self, name: &str) -> Vec<HorizontalLine> {
        let of_run = |run: &Run| evals(&run.events, VALID).iter().find_map(|eval| figure(eval, name)?.majority);
        let lines = self.unigrams("majority", of_run).into_iter();
        lines.map(|line| HorizontalLine { always: false, ..line }).collect()
    }

    fn accuracy_label(&self) -> String {
        self.case.examples().map_or_else(|| "accuracy (share of scored tokens)".into(), accuracy_label)
    }

    /// Validation on one corpus: training windows hold whatever corpus came, so they have no line of their own here.
    fn corpus_loss(&self, corpus: &str) -> Chart {
        let of_eval = |eval: &Eval| eval.corpora.iter().find(|score| score.name == corpus).map(|score| score.loss);
        let mut chart = Chart { y_label: LOSS_OF_TEXT.into(), ..self.frame(&format!("Validation loss, {corpus}")) };
        self.validation(&mut chart, of_eval);
        chart.log_y = is_wide(&chart.series);
        chart.lines = self.unigrams(&format!("unigram, {corpus}"), |run| run.info.baselines.corpus(corpus));
        chart
    }

    fn learning_rate(&self) -> Chart {
        let mut chart = Chart {
            y_label: "learning rate of the update".into(),
            y_from_zero: true,
            ..self.frame("Learning rate, one seed of each variant")
        };
        for (variant, arm) in self.arms() {
            let color = self.case.color(variant);
            let Some((run, scale)) = arm.banded.first().or(arm.apart.first()) else { continue };
            let planned = planned_rates(&run.info, scale, color);
            if planned.is_some() {
                chart.title = "Learning rate, one seed of each variant; as planned, dashed".into();
            }
            chart.series.extend(planned.map(|series| Series { name: String::new(), ..series }));
            chart.series.push(logged(variant, &run.events, scale, Style::Line, color, |log| log.lr));
        }
        chart
    }

    /// Training as thin lines, validation above them.
    fn scores(&self, title: &str, of_log: fn(&Log) -> f64, of_eval: fn(&Eval) -> Option<f64>) -> Chart {
        let mut chart = self.frame(title);
        for (variant, arm) in self.arms() {
            let points = |(run, scale): &(&Run, &Scale)| logged("", &run.events, scale, Style::Faint, 0, of_log).points;
            let name = format!("{variant}, training");
            self.add(&mut chart, variant, &arm, Look { style: Style::Faint, name }, &points);
        }
        self.validation(&mut chart, of_eval);
        chart
    }

    fn validation(&self, chart: &mut Chart, of_eval: impl Fn(&Eval) -> Option<f64>) {
        for (variant, arm) in self.arms() {
            let points = |(run, scale): &(&Run, &Scale)| {
                let evals = evals(&run.events, VALID);
                evals.into_iter().filter_map(|eval| Some((scale.of_eval(eval), of_eval(eval)?))).collect()
            };
            let name = arm.name(variant);
            self.add(chart, variant, &arm, Look { style: Style::LineWithPoints, name }, &points);
        }
    }

    /// Adds a variant's line and band, and its other runs, to a chart.
    fn add(
        &self,
        chart: &mut Chart,
        variant: &str,
        arm: &Arm<'a, '_>,
        look: Look,
        points: &dyn Fn(&(&Run, &Scale)) -> Points,
    ) {
        let color = self.case.color(variant);
        let seeds: Vec<Points> = arm.banded.iter().map(points).collect();
        let bundle = bundle(&seeds);
        let others = bundle.rests.into_iter().chain(arm.apart.iter().map(points));
        let thin = |points| Series { name: String::new(), points, band: Vec::new(), style: Style::Faint, color };
        let mut others: Vec<Series> = others.filter(|points| !points.is_empty()).map(thin).collect();
        // A variant of which nothing can be averaged still has its name.
        match others.first_mut() {
            Some(first) if bundle.mean.is_empty() => first.name.clone_from(&look.name),
            _ => {}
        }
        chart.series.extend(others);
        let (points, band) = (bundle.mean, bundle.band);
        chart.series.push(Series { name: look.name, points, band, style: look.style, color });
    }

    /// Each variant that has been run.
    fn arms(&self) -> impl Iterator<Item = (&'a str, Arm<'a, '_>)> {
        self.case.variants.iter().filter_map(|variant| {
            let all = || self.case.runs.iter().zip(&self.scales).filter(move |(run, _)| run.info.variant == *variant);
            let begun = || all().filter(|(run, _)| !run.events.is_empty());
            let (finished, rest): (Vec<_>, Vec<_>) = begun().partition(|(run, _)| run.status() == Status::Finished);
            let arm = match finished.is_empty() {
                true => Arm { banded: rest, apart: Vec::new() },
                false => Arm { banded: finished, apart: rest },
            };
            (!arm.banded.is_empty()).then_some((variant.as_str(), arm))
        })
    }

    /// One line where all runs share the value; else one for each value, with the variant's name and colour where it has the
    /// value alone. Of labelled examples their mean.
    fn unigrams(&self, name: &str, of_run: impl Fn(&Run) -> Option<f64>) -> Vec<HorizontalLine> {
        let mut levels: Vec<(f64, Vec<&str>)> = Vec::new();
        for run in &self.case.runs {
            let Some(value) = of_run(run) else { continue };
            let variant = run.info.variant.as_str();
            match levels.iter_mut().find(|(known, _)| (known - value).abs() < SAME) {
                Some((_, variants)) if variants.contains(&variant) => {}
                Some((_, variants)) => variants.push(variant),
                None => levels.push((value, vec![variant])),
            }
        }
        let is_shared = levels.len() == 1;
        if self.case.examples().is_some() && !is_shared {
            // Each fold has shares of its own, and ten lines between them say no more than one.
            let values: Vec<f64> = self.case.runs.iter().filter_map(of_run).collect();
            let mean = mean(&values).map(|mean| level(&format!("{name}, mean of the runs"), mean, true, None));
            return mean.into_iter().collect();
        }
        let line = |(value, variants): &(f64, Vec<&str>)| match variants.as_slice() {
            _ if is_shared => level(name, *value, true, None),
            [variant] => level(&format!("{name}, {variant}"), *value, true, Some(self.case.color(variant))),
            [first, second] => level(&format!("{name}, {first} and {second}"), *value, true, None),
            variants => level(&format!("{name}, {} variants", variants.len()), *value, true, None),
        };
        levels.iter().map(line).collect()
    }

    fn frame(&self, title: &str) -> Chart {
        let question = self.case.question();
        let name = &self.case.name;
        Chart {
            title: title.into(),
            subtitle: if question.is_empty() { name.clone() } else { format!("{name}: {question}") },
            x_label: self.axis.label().into(),
            x_from_zero: true,
            marks: case_marks(self.case, &self.scales),
            ..Chart::default()
        }
    }
}

/// Unigram losses of one corpus under one tokenizer agree to the last bit; this forgives a machine's rounding.
const SAME: f64 = 1e-6;

/// How a variant's line looks and what it is called.
struct Look {
    style: Style,
    name: String,
}

impl Arm<'_, '_> {
    /// The variant with what its line is: a seed, or the mean of some.
    fn name(&self, variant: &str) -> String {
        // Runs that did not finish make a line only where none did.
        let is_finished = self.banded.iter().all(|(run, _)| run.status() == Status::Finished);
        let unfinished = if is_finished { "" } else { "unfinished " };
        let line = match self.banded.as_slice() {
            [(run, _)] => format!("{variant}, {unfinished}seed {}", run.info.seed),
            runs => format!("{variant}: mean of {} {unfinished}seeds, band from least to largest", runs.len()),
        };
        match self.apart.len() {
            0 => line,
            apart => format!("{line}; {apart} unfinished, thin"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::synthetic::{case_runs, case_runs_of, ended, eval, log, start};
    use crate::synthetic_labelled::labelled_case;

    fn chart(case: &CaseRuns, name: &str, axis: Axis) -> Chart {
        case_charts(case, axis).into_iter().find(|(other, _)| other == name).unwrap().1
    }

    fn names(chart: &Chart) -> Vec<&str> {
        chart.series.iter().map(|series| series.name.as_str()).filter(|name| !name.is_empty()).collect()
    }

    #[test]
    fn a_case_has_its_charts_by_every_axis() {
        for axis in Axis::ALL {
            let charts = case_charts(&case_runs(), axis);
            let names: Vec<&str> = charts.iter().map(|(name, _)| name.as_str()).collect();
            assert_eq!(names, ["loss", "accuracy", "loss-ko", "loss-en", "learning-rate"]);
            for (name, chart) in charts {
                assert!(chart.x_range().is_some(), "{name} by {}", axis.name());
            }
        }
    }

    #[test]
    fn variants_are_named_and_seeds_are_one_line_with_a_band() {
        let chart = chart(&case_runs(), "loss", Axis::Steps);
        let expected = [
            "layer-6, training",
            "layer-4, training",
            "layer-6: mean of 2 seeds, band from least to largest",
            "layer-4: mean of 3 seeds, band from least to largest",
        ];
        assert_eq!(names(&chart), expected);
        let band = &chart.series[3].band;
        assert!((band[0].2 - band[0].1 - 0.09).abs() < 1e-9, "seeds 1 to 10");
        assert_eq!(chart.series[0].color, chart.series[2].color);
        assert_eq!(chart.lines.iter().map(|line| line.label.as_str()).collect::<Vec<_>>(), ["unigram 6.50"]);
    }

    #[test]
    fn a_seed_that_did_not_finish_is_drawn_apart_and_said() {
        let mut case = case_runs();
        case.runs[0].events = vec![start(), eval(0), log(50), ended(50, Status::Failed, "disk full")];
        let chart = chart(&case, "loss", Axis::Steps);
        assert!(names(&chart).contains(&"layer-6, seed 2; 1 unfinished, thin"), "{:?}", names(&chart));
        assert!(chart.marks.iter().any(|mark| mark.label == "layer-6 s1: failed"));
    }

    #[test]
    fn a_variant_of_which_nothing_has_finished_says_so() {
        let mut case = case_runs();
        case.runs[0].events.pop();
        case.runs[1].events.pop();
        let chart = chart(&case, "loss", Axis::Steps);
        let name = "layer-6: mean of 2 unfinished seeds, band from least to largest";
        assert!(names(&chart).contains(&name), "{:?}", names(&chart));
    }

    #[test]
    fn other_vocabularies_have_unigram_lines_of_their_own() {
        let mut case = case_runs();
        for run in case.runs.iter_mut().filter(|run| run.info.variant == "layer-4") {
            run.info.baselines.unigram = 7.25;
        }
        let lines = chart(&case, "loss", Axis::Steps).lines;
        let labels: Vec<&str> = lines.iter().map(|line| line.label.as_str()).collect();
        assert_eq!(labels, ["unigram, layer-6 6.50", "unigram, layer-4 7.25"]);
        assert_eq!(lines[1].color, Some(case.color("layer-4")));
        let order = ["a", "b", "c"].map(String::from);
        let mut case = case_runs_of(&order, &[("a", 1), ("b", 1), ("c", 1)]);
        case.runs[1].info.baselines.unigram = 7.25;
        let labels: Vec<String> = chart(&case, "loss", Axis::Steps).lines.into_iter().map(|line| line.label).collect();
        assert_eq!(labels, ["unigram, a and c 6.50", "unigram, b 7.25"]);
    }

    #[test]
    fn a_case_of_one_run_and_one_of_none_are_drawn() {
        let one = case_runs_of(&[], &[("layer-4", 3)]);
        assert!(names(&chart(&one, "loss", Axis::Hours)).contains(&"layer-4, seed 3"));
        let none = case_runs_of(&["layer-4".into()], &[]);
        assert!(chart(&none, "loss", Axis::Steps).series.is_empty());
    }

    #[test]
    fn labelled_examples_have_their_figures_and_baselines_and_no_corpora() {
        let mut case = labelled_case();
        let charts = case_charts(&case, Axis::Steps);
        let names: Vec<&str> = charts.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["loss", "accuracy", "f1-macro", "learning-rate"]);
        let labels = |at: usize| charts[at].1.lines.iter().map(|line| line.label.as_str()).collect::<Vec<_>>();
        assert_eq!(labels(0), ["class frequencies 1.28", "uniform 1.39"]);
        assert_eq!(charts[0].1.y_label, "loss (nats per example)");
        assert!(labels(2)[0].starts_with("majority, mean of the runs"), "{:?}", labels(2));
        assert!(charts[2].1.series.iter().all(|series| series.style == Style::LineWithPoints));
        case.runs[0].info.data.examples = None;
        assert_eq!(chart(&case, "loss", Axis::Steps).y_label, "loss (nats per scored token)");
    }
}
