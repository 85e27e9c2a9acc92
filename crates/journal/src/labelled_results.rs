//! The results of a run on labelled examples: its figures with their noise and baselines, classes, confusions, and the
//! figures of each evaluation.

use crate::event::{Eval, Event};
use crate::info::{ExamplesInfo, RunInfo};
use crate::labelled::{TEST, decided, figure, is_within_noise, main_figures, scores, unit, within_noise};
use crate::markdown::{Table, count, escaped};
use crate::metrics::{Figure, is_lower_better, known, with_error};
use crate::results::{VALID, best, evals};

/// More evaluations than this are shown by their first and last, the best always.
const EVALUATIONS_SHOWN: usize = 60;
/// A figure further than so many standard errors above what needs no reading of a text is taken for learned.
const CLEARLY: f64 = 2.0;

/// An evaluation and what it is called: `best, step 375`.
struct Column<'a> {
    name: String,
    eval: &'a Eval,
    place: Place,
}

/// Which evaluation of a run it is.
#[derive(Clone, Copy, PartialEq)]
enum Place {
    /// The best validation, and perhaps the last.
    Best,
    /// The last validation, where another is the best.
    Last,
    /// The examples kept for the end.
    Test,
}

/// The best and the last validation, once where they are one, and the test.
fn columns<'a>(info: &RunInfo, events: &'a [Event]) -> Vec<Column<'a>> {
    let valid = evals(events, VALID);
    let column = |words: &str, eval: &'a Eval, place| {
        let name = format!("{words}, step {}", count(eval.step));
        Column { name, eval, place }
    };
    let mut columns = Vec::new();
    if let (Some(best), Some(last)) = (best(info, &valid), valid.last()) {
        if std::ptr::eq(best, *last) {
            columns.push(column("best and last", best, Place::Best));
        } else {
            columns.extend([column("best", best, Place::Best), column("last", last, Place::Last)]);
        }
    }
    columns.extend(evals(events, TEST).last().map(|eval| column("test", eval, Place::Test)));
    columns
}

/// All figures of the best and the last validation and of the test, beside what needs no reading of a text.
pub(crate) fn figures(info: &RunInfo, examples: &ExamplesInfo, events: &[Event]) -> String {
    let columns = columns(info, events);
    if columns.is_empty() {
        return "No evaluation was recorded.\n".into();
    }
    let mut titles = vec!["figure".to_string()];
    for (at, column) in columns.iter().enumerate() {
        titles.push(format!(">{} ±", column.name));
        if is_end_of_split(&columns, at) {
            let split = if column.place == Place::Test { "test" } else { "valid" };
            titles.extend([format!(">majority, {split}"), format!(">prior, {split}")]);
        }
    }
    let mut table = Table::new(&titles.iter().map(String::as_str).collect::<Vec<&str>>());
    let mut losses = vec![format!("loss, nats per {}", unit(examples))];
    for (at, column) in columns.iter().enumerate() {
        losses.push(format!("{:.4}", column.eval.loss));
        if is_end_of_split(&columns, at) {
            losses.extend(["–".into(), format!("{:.4}", info.baselines.unigram)]);
        }
    }
    table.row(losses);
    for name in names(&columns) {
        let mut row = vec![escaped(name)];
        for (at, column) in columns.iter().enumerate() {
            let figure = figure(column.eval, name);
            row.push(figure.map_or_else(|| "–".into(), with_error));
            if is_end_of_split(&columns, at) {
                row.extend([known(figure.and_then(|it| it.majority)), known(figure.and_then(|it| it.prior))]);
            }
        }
        table.row(row);
    }
    let sizes: Vec<String> =
        columns.iter().enumerate().filter(|(at, _)| is_end_of_split(&columns, *at)).map(size).collect();
    format!("{}\n{} {}\n{}", table.text(), sizes.join(" "), LEGEND, notes(&columns))
}

const LEGEND: &str = "± is one standard error, from the number of examples. Majority: always what is most frequent in \
    training. Prior: the shares in training as probabilities, for the loss the cross-entropy of these shares in training; \
    for accuracy, drawing by them. Cross-entropy and divergence in nats; in these and in the calibration error less is \
    better, in all others more.";

/// Whether a column is the last of its split, behind which the split's baselines stand: they are of its examples.
fn is_end_of_split(columns: &[Column], at: usize) -> bool {
    columns.get(at + 1).is_none_or(|next| (next.place == Place::Test) != (columns[at].place == Place::Test))
}

fn size((_, column): (usize, &Column)) -> String {
    let scores = scores(column.eval);
    let split = if column.place == Place::Test { "Test" } else { "Validation" };
    format!("{split}: {} examples, {} scored decisions.", count(scores.examples), count(scores.scored))
}

/// The figures of all columns, in their order.
fn names<'a>(columns: &[Column<'a>]) -> Vec<&'a str> {
    let mut names: Vec<&str> = Vec::new();
    for figure in columns.iter().filter_map(|column| column.eval.scores.as_ref()).flat_map(|scores| &scores.figures) {
        if !names.contains(&figure.name.as_str()) {
            names.push(&figure.name);
        }
    }
    names
}

/// What the evaluations say beside their figures, once where they say the same.
fn notes(columns: &[Column]) -> String {
    let mut said: Vec<(&str, Vec<&str>)> = Vec::new();
    for column in columns {
        for note in column.eval.scores.iter().flat_map(|scores| &scores.notes) {
            match said.iter_mut().find(|(known, _)| known == note) {
                Some((_, names)) => names.push(&column.name),
                None => said.push((note, vec![&column.name])),
            }
        }
    }
    let line = |(note, names): (&str, Vec<&str>)| match names.len() == columns.len() {
        true => format!("\n{}\n", escaped(note)),
        false => format!("\n{}: {}\n", names.join("; "), escaped(note)),
    };
    said.into_iter().map(line).collect()
}

/// The classes of the best validation and of the test.
pub(crate) fn by_class(info: &RunInfo, events: &[Event]) -> Option<String> {
    parts(info, events, |eval| eval.scores.as_ref()?.class_table())
}

/// Which classes were taken for which, in the best validation and in the test.
pub(crate) fn confusions(info: &RunInfo, events: &[Event]) -> Option<String> {
    parts(info, events, |eval| eval.scores.as_ref()?.confusions())
}

fn parts(info: &RunInfo, events: &[Event], part: impl Fn(&Eval) -> Option<String>) -> Option<String> {
    let mut columns = columns(info, events);
    // The last validation is there for its figures: its classes would be a third table of nearly the same numbers.
    columns.retain(|column| column.place != Place::Last);
    let title = |column: &Column| {
        let split = if column.place == Place::Test { "" } else { "validation, " };
        format!("### {split}{}\n\n", column.name)
    };
    let texts: Vec<String> = columns.iter().filter_map(|column| Some(title(column) + &part(column.eval)?)).collect();
    (!texts.is_empty()).then(|| texts.join("\n"))
}

/// A line for each evaluation: the figure that tells the best, and the main others.
pub(crate) fn by_evaluation(info: &RunInfo, examples: &ExamplesInfo, events: &[Event]) -> Option<String> {
    let valid = evals(events, VALID);
    let (best, last) = (best(info, &valid)?, *valid.last()?);
    let names = main_figures(examples, &valid);
    let mut titles = vec!["evaluation".to_string(), ">step".into(), ">epoch".into(), ">loss".into()];
    titles.extend(names.iter().map(|name| format!(">{} ±", escaped(name))));
    let mut table = Table::new(&titles.iter().map(String::as_str).collect::<Vec<&str>>());
    let hidden = valid.len().saturating_sub(EVALUATIONS_SHOWN);
    let half = EVALUATIONS_SHOWN / 2;
    let is_shown = |at: usize, eval: &Eval| hidden == 0 || at < half || at >= half + hidden || std::ptr::eq(eval, best);
    for (_, eval) in valid.iter().enumerate().filter(|(at, eval)| is_shown(*at, eval)) {
        let mut words: Vec<&str> = Vec::new();
        words.extend((eval.step == 0).then_some("untrained"));
        words.extend(std::ptr::eq(*eval, best).then_some("best"));
        words.extend(is_within_noise(&examples.best_by, best, eval).then_some("within"));
        words.extend(std::ptr::eq(*eval, last).then_some("last"));
        let place = [words.join(", "), count(eval.step), format!("{:.2}", eval.epoch), format!("{:.4}", eval.loss)];
        let cells = names.iter().map(|name| figure(eval, name).map_or_else(|| "–".into(), with_error));
        table.row(place.into_iter().chain(cells).collect());
    }
    let left_out = match hidden {
        0 => String::new(),
        _ => format!(" Of {} evaluations some in the middle are left out here.", count(valid.len() as u64)),
    };
    let name = escaped(&examples.best_by);
    Some(format!(
        "{}\nWithin: {name} no further from the best's than one standard error of it.{left_out}\n",
        table.text()
    ))
}

/// What the figures allow one to say, as a list.
pub(crate) fn findings(info: &RunInfo, examples: &ExamplesInfo, events: &[Event]) -> String {
    let valid = evals(events, VALID);
    let (Some(best), Some(last)) = (best(info, &valid), valid.last()) else {
        return "- Without a validation nothing can be said of what was learned.\n".into();
    };
    let name = examples.best_by.as_str();
    let mut lines = chosen(name, best, &valid);
    lines += &match evals(events, TEST).last().copied() {
        Some(test) => on_test(name, test),
        None if examples.splits.iter().any(|split| split.name == TEST) => {
            "- The test examples are not evaluated yet: the best checkpoint was chosen on the examples that its figure is of, \
             so the figure is optimistic.\n"
                .to_string()
        }
        None => {
            "- There is no test split: the best checkpoint was chosen on the examples that its figure is of, so the \
                 figure is optimistic.\n"
                .to_string()
        }
    };
    let judged = evals(events, TEST).last().copied().unwrap_or(best);
    lines += &figure(judged, name).and_then(|figure| against_baseline(figure, judged)).unwrap_or_default();
    lines += &against_prior(info, last.loss);
    lines += &repeated(examples);
    lines
}

/// Which evaluation is the best, by what, and how sure that is.
fn chosen(name: &str, best: &Eval, valid: &[&Eval]) -> String {
    let Some(figure) = figure(best, name) else {
        let name = escaped(name);
        return format!(
            "- No validation has the figure {name}: the best is that of the lowest loss, at step {}.\n",
            count(best.step)
        );
    };
    let others = valid.len() - 1;
    let others = if others == 1 {
        "the one other evaluation".into()
    } else {
        format!("the {} other evaluations", count(others as u64))
    };
    let band = match (within_noise(name, best, valid), figure.error) {
        _ if valid.len() == 1 => "it is the only one".to_string(),
        (Some(0), Some(error)) => format!("none of {others} lies within its standard error, {error:.4}"),
        (Some(near), Some(error)) => format!(
            "{near} of {others} lie{} within its standard error, {error:.4}, and {} as good as far as these examples can tell",
            if near == 1 { "s" } else { "" },
            if near == 1 { "is" } else { "are" }
        ),
        _ => "its standard error is not known".into(),
    };
    format!(
        "- The best evaluation, by {}, is that at step {}: {}; {band}. Of equal ones the earlier is kept.\n",
        escaped(name),
        count(best.step),
        with_error(figure)
    )
}

fn on_test(name: &str, test: &Eval) -> String {
    let step = count(test.step);
    let value = figure(test, name).map_or_else(|| "not known".into(), with_error);
    format!(
        "- On the test examples, which had no part in choosing it, the checkpoint of step {step} has {} {value}.\n",
        escaped(name)
    )
}

/// A figure beside that of always saying the same, where there is such.
fn against_baseline(figure: &Figure, eval: &Eval) -> Option<String> {
    let (words, baseline) = match (figure.majority, figure.prior) {
        (Some(majority), _) => ("always saying what is most frequent in training", majority),
        (None, Some(prior)) => ("giving the shares in training as probabilities", prior),
        (None, None) => return None,
    };
    let ahead = if is_lower_better(&figure.name) { baseline - figure.value } else { figure.value - baseline };
    let split = if eval.split == TEST { "test" } else { "validation" };
    let what = format!("{} in {split}, {},", escaped(&figure.name), with_error(figure));
    let than = format!("that of {words}, {baseline:.4}");
    let is_clear = figure.error.map_or(ahead > 0.0, |error| ahead > CLEARLY * error);
    Some(match (is_clear, ahead > 0.0) {
        (true, _) => format!("- The {what} is better than {than}.\n"),
        (false, true) => {
            format!("- The {what} **is hardly better** than {than}: less than two standard errors apart.\n")
        }
        (false, false) => format!("- The {what} **is no better** than {than}.\n"),
    })
}

fn against_prior(info: &RunInfo, loss: f64) -> String {
    let prior = info.baselines.unigram;
    if loss < prior {
        let below = prior - loss;
        return format!(
            "- The last validation loss is below that of class frequencies, {loss:.4} against {prior:.4} ({below:.4} nats below).\n"
        );
    }
    format!(
        "- **The last validation loss is not below that of class frequencies**, {loss:.4} against {prior:.4}: where the \
         figures above are good all the same, the probabilities are too sure of themselves.\n"
    )
}

/// Examples that are judged on and were trained on.
fn repeated(examples: &ExamplesInfo) -> String {
    let of_training = examples.repeats.iter().filter(|repeat| repeat.earlier == "train");
    let line = |repeat: &crate::info::RepeatInfo| {
        let (later, exact, near) = (escaped(&repeat.later), count(repeat.exact), count(repeat.near));
        let size = examples.splits.iter().find(|split| split.name == repeat.later).map_or(0, |split| split.examples);
        format!(
            "- Of the {} {later} examples {exact} repeat training examples and {near} nearly do: for these the figures \
             tell what was remembered.\n",
            count(size)
        )
    };
    of_training.filter(|repeat| repeat.exact + repeat.near > 0).map(line).collect()
}

/// What an accuracy chart's axis says.
pub(crate) fn accuracy_label(examples: &ExamplesInfo) -> String {
    format!("accuracy (share of {} that are right)", decided(examples))
}

#[cfg(test)]
#[path = "labelled_results_tests.rs"]
mod tests;
