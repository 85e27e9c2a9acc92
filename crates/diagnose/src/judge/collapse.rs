//! Runs that did not learn: numbers that are none, answers that are always the same, losses that do not move.

use super::course::{Course, Curve, Sheet};
use super::robust::{binomial, count, median, most, noise, range, stretches};
use super::{Evidence, Kind, Weight};
use crate::digits::number;

/// A loss that fell by less than this share from its start has not been learned from.
///
/// Between the 4 % of a two-class run that stays at ln 2 and the 15 % of the slowest one seen to learn.
const LEARNED_SHARE: f64 = 0.05;
/// Training rows from which a course can be seen in them.
const ENOUGH_ROWS: usize = 8;
/// Above this many nats a loss is one over a vocabulary: the prior of 100 equal classes has 4.6.
const VOCABULARY_NATS: f64 = 5.0;
/// A loss above this share of the one of knowing frequencies is no better: some thousands of scored tokens measure it to 0.3 %.
const NO_BETTER: f64 = 0.997;

/// Losses and gradients that are no numbers.
pub(super) fn non_finite(course: &Course<'_>, sheet: &mut Sheet) {
    for curve in course.train.iter().chain(&course.held_out).filter(|curve| !curve.wild.is_empty()) {
        let all = curve.wild.len() + curve.len();
        let after = curve.points.last().is_some_and(|last| last.place > curve.wild[curve.wild.len() - 1].place);
        let weight = if after && curve.wild.len() <= 2 { Weight::Watch } else { Weight::Broken };
        let end = if after { "it came back afterwards" } else { "it never came back" };
        let what = format!("the {} loss is no number in {} of {all} rows; {end}", curve.split, curve.wild.len());
        let evidence = curve.wild.iter().take(3).map(|point| curve.quote(point)).collect();
        sheet.find(
            (Kind::NonFinite, weight),
            what,
            ("rows without a finite loss", count(curve.wild.len()), 1.0),
            evidence,
        );
    }
    hidden_non_finite(course, sheet);
    if let Some(curve) = &course.gradient {
        wild_gradients(curve, sheet);
    }
}

/// Gradients overflow while a loss scale is found; beyond that they are lost updates.
fn wild_gradients(curve: &Curve, sheet: &mut Sheet) {
    let (wild, all) = (curve.wild.len(), curve.wild.len() + curve.len());
    let Some(last_wild) = curve.wild.last() else { return };
    let is_at_end = curve.points.last().is_none_or(|last| last.place < last_wild.place);
    let weight = match count(wild) / count(all) {
        share if share >= 0.5 || (is_at_end && wild >= 2) => Weight::Broken,
        share if share > 0.05 || is_at_end => Weight::Watch,
        _ => Weight::Note,
    };
    let what = format!("the gradient norm is no number in {wild} of {all} rows");
    let evidence = curve.wild.iter().take(3).map(|point| curve.quote(point)).collect();
    sheet.find((Kind::NonFinite, weight), what, ("share of rows", count(wild) / count(all), 0.05), evidence);
}

/// A loss of exactly nothing after one of something: the Hugging Face Trainer logs a loss that is no number so.
fn hidden_non_finite(course: &Course<'_>, sheet: &mut Sheet) {
    let Some(train) = &course.train else { return };
    let zeros = train.points.iter().rev().take_while(|point| point.value == 0.0).count();
    let before = &train.points[..train.len() - zeros];
    let Some(last) = before.last().filter(|last| zeros >= 2 && last.value > 0.05) else { return };
    let what = format!(
        "the training loss falls from {} to exactly 0 and stays there for {zeros} rows: some trainers write a loss that is \
         no number as 0",
        number(last.value)
    );
    let evidence = train.quotes(&[before.len(), before.len() - 1]);
    sheet.find((Kind::NonFinite, Weight::Broken), what, ("rows of exactly 0", count(zeros), 2.0), evidence);
}

/// One answer to everything.
pub(super) fn constant_prediction(course: &Course<'_>, sheet: &mut Sheet) {
    if course.metrics.is_empty() && course.held_out.is_none() {
        return sheet.skip(&[Kind::ConstantPrediction], "too few evaluations");
    }
    if sheet.has(Kind::UnigramPlateau) {
        return;
    }
    let zero =
        course.metrics.iter().find(|curve| is_balanced(&curve.metric) && curve.points.iter().all(|p| p.value == 0.0));
    if let Some(curve) = zero {
        let what = format!("{} is 0 at {}: nothing but the commonest class is found", curve.metric, times(curve.len()));
        let at = (Kind::ConstantPrediction, Weight::Broken);
        return sheet.find(at, what, (&curve.metric, 0.0, 0.0), ends(curve));
    }
    if let Some((curve, what)) = standing_metric(course) {
        let (name, range) = (format!("range of {}", curve.metric), range(&curve.values()));
        return sheet.find((Kind::ConstantPrediction, Weight::Broken), what, (&name, range, 0.0), ends(curve));
    }
    near_two_classes(course, sheet);
}

/// Metrics that are 0 for one answer to everything.
fn is_balanced(metric: &str) -> bool {
    metric.split('_').any(|word| matches!(word, "f1" | "matthews" | "kappa" | "fb1"))
}

/// A metric that says the same at every evaluation while the loss gained nothing.
fn standing_metric<'a>(course: &'a Course<'_>) -> Option<(&'a Curve, String)> {
    let curve = course.metrics.iter().find(|curve| {
        let values = curve.values();
        values.len() >= 3 && range(&values) <= 1e-9 && values[0] < 0.995 && !curve.metric.contains("recall")
    })?;
    let is_loss_flat = course.held_out.as_ref().is_none_or(|loss| gained(&loss.values()) < LEARNED_SHARE);
    let value = curve.first()?;
    is_loss_flat.then(|| {
        let what = format!(
            "{} is {} at all {} evaluations: one answer to everything",
            curve.metric,
            number(value),
            curve.len()
        );
        (curve, what)
    })
}

/// Two classes whose held-out loss stays at ln 2, the loss of not looking.
fn near_two_classes(course: &Course<'_>, sheet: &mut Sheet) {
    let Some(loss) = course.held_out.as_ref().filter(|loss| loss.len() >= 3) else { return };
    let values = loss.values();
    let is_near = values.iter().all(|value| (value / std::f64::consts::LN_2 - 1.0).abs() < 0.06);
    if !is_near || gained(&values) >= LEARNED_SHARE || sheet.has(Kind::ConstantPrediction) {
        return;
    }
    let best = values.iter().copied().fold(f64::INFINITY, f64::min);
    let what = format!(
        "the held-out loss stays between {best:.4} and {:.4}; ln 2 = 0.6931 is that of not looking",
        most(&values)
    );
    let statistic = ("best held-out loss over ln 2", best / std::f64::consts::LN_2, 1.0 - LEARNED_SHARE);
    sheet.find((Kind::ConstantPrediction, Weight::Broken), what, statistic, ends(loss));
}

/// Losses that do not move.
pub(super) fn not_learning(course: &Course<'_>, sheet: &mut Sheet) {
    let Some(train) = course.train.as_ref().filter(|train| train.len() >= ENOUGH_ROWS) else {
        return sheet.skip(&[Kind::NotLearning], "too few rows of training loss");
    };
    let values = train.values();
    let courses = stretches(&values, 10);
    let (start, end) = (values[0].max(courses[0]), median(&courses[courses.len().saturating_sub(3)..]));
    let fell = (start - end) / start.abs().max(1e-12);
    if sheet.has(Kind::UnigramPlateau) || fell >= LEARNED_SHARE || end < 0.1 || sheet.has(Kind::ConstantPrediction) {
        return;
    }
    // One that is late in its run when the log begins may have learned before.
    if begins_late(train) && !(rate_fell(course) >= 4.0 && fell < 0.005) {
        return;
    }
    let kind = if end < 3.5 && !course.is_language_model() { Kind::ConstantPrediction } else { Kind::NotLearning };
    let is_learned = course.held_out.as_ref().is_some_and(|loss| gained(&loss.values()) >= 2.0 * LEARNED_SHARE);
    if is_learned {
        return;
    }
    let rate = if rate_fell(course) >= 4.0 {
        format!(" while the learning rate falls to 1/{:.0}", rate_fell(course))
    } else {
        String::new()
    };
    let what = format!("the training loss stands at {end:.4} (noise {:.4}) from first to last{rate}", noise(&values));
    sheet.find(
        (kind, Weight::Broken),
        what,
        ("share by which the training loss fell", fell, LEARNED_SHARE),
        ends(train),
    );
}

/// A loss over a vocabulary that stands far above what an encoder that reads would have.
pub(super) fn unigram_plateau(course: &Course<'_>, sheet: &mut Sheet) {
    match course.run.number("baseline_loss").filter(|line| *line > 0.0) {
        Some(line) => against_line(course, line, sheet),
        None => high_plateau(course, sheet),
    }
}

/// A held-out loss that is no better than knowing frequencies, where the log tells what that would be.
fn against_line(course: &Course<'_>, line: f64, sheet: &mut Sheet) {
    let curve = course.held_out.as_ref().filter(|loss| loss.len() >= 2).or(course.train.as_ref());
    let Some(curve) = curve.filter(|curve| curve.len() >= 2) else {
        return sheet.skip(&[Kind::UnigramPlateau], "too few evaluations");
    };
    let values = curve.values();
    let best = values.iter().copied().fold(f64::INFINITY, f64::min);
    let half = &values[values.len() / 2..];
    let falls = (half[0] - half[half.len() - 1]) / line;
    let share = best / line;
    if share < NO_BETTER {
        return;
    }
    let (kind, knows) = match course.run.number("majority_accuracy") {
        Some(majority) if !is_above(course, majority) => (Kind::ConstantPrediction, "the shares of the labels"),
        Some(_) => return,
        None => (Kind::UnigramPlateau, "the frequencies of the tokens"),
    };
    let (weight, course_of_it) = match falls {
        fall if fall > 0.02 => (Weight::Watch, "it still falls"),
        _ => (Weight::Broken, "it hardly falls any more"),
    };
    let what = format!(
        "the {} loss is {best:.4} at best; knowing nothing but {knows} gives {line:.4}; {course_of_it}",
        curve.split
    );
    let evidence = curve.quotes(&[curve.lowest().unwrap_or(0), values.len() - 1, 0]);
    sheet.find((kind, weight), what, ("best loss over that of knowing frequencies", share, NO_BETTER), evidence);
}

/// Whether the accuracy ever rose above the commonest class's share, by more than two standard errors.
fn is_above(course: &Course<'_>, majority: f64) -> bool {
    let accuracy = course.metrics.iter().find(|curve| curve.metric == "accuracy");
    let best = accuracy.map_or(0.0, |curve| most(&curve.values()));
    let error = course.evaluated().map_or(0.0, |examples| binomial(majority, examples));
    best > majority + 2.0 * error
}

/// An accuracy below the commonest class's share by more than chance explains, or never above it.
pub(super) fn below_baseline(course: &Course<'_>, sheet: &mut Sheet) {
    if course.is_language_model() {
        return; // there are no classes
    }
    let Some(majority) = course.run.number("majority_accuracy") else {
        return sheet.skip(&[Kind::BelowBaseline], "the log does not tell the commonest class's share");
    };
    let Some(accuracy) = course.metrics.iter().find(|curve| curve.metric == "accuracy") else { return };
    let (Some(last), Some(examples)) = (accuracy.last(), course.evaluated()) else { return };
    let bound = majority - 3.0 * binomial(majority, examples);
    // Before the first update a fresh head says anything.
    if last < bound && accuracy.len() >= 2 {
        let what = format!(
            "accuracy is {last:.4} at the end; the commonest class has {majority:.4} of {examples:.0} examples"
        );
        let evidence = accuracy.quotes(&[accuracy.len() - 1]);
        return sheet.find((Kind::BelowBaseline, Weight::Broken), what, ("accuracy", last, bound), evidence);
    }
    let values = accuracy.values();
    let highest = accuracy.highest().unwrap_or(0);
    let bound = majority + binomial(majority, examples);
    if values.len() >= 3 && values[highest] < bound && !sheet.has(Kind::ConstantPrediction) {
        let what = format!(
            "accuracy is {:.4} at best; to name the commonest class always would be right for {majority:.4}",
            values[highest]
        );
        let evidence = accuracy.quotes(&[highest, values.len() - 1]);
        sheet.find((Kind::BelowBaseline, Weight::Watch), what, ("accuracy", values[highest], bound), evidence);
    }
}

/// A high loss that hardly falls, where the log does not tell the line.
fn high_plateau(course: &Course<'_>, sheet: &mut Sheet) {
    let Some(train) = course.train.as_ref().filter(|train| train.len() >= ENOUGH_ROWS) else {
        return sheet.skip(&[Kind::UnigramPlateau], "too few rows of training loss");
    };
    let values = train.values();
    let late = &values[values.len() / 4..];
    let third = late.len().div_ceil(3);
    let (start, end) = (median(&late[..third]), median(&late[late.len() - third..]));
    let fell = (start - end) / start.abs().max(1e-12);
    if end < VOCABULARY_NATS || fell.abs() >= 0.01 || begins_late(train) || late.len() < ENOUGH_ROWS {
        return;
    }
    let fell_percent = 100.0 * fell;
    let what = format!(
        "the training loss is {end:.4} and fell by {fell_percent:.2} % over the last three quarters of the run"
    );
    let at = (Kind::UnigramPlateau, Weight::Broken);
    let evidence = train.quotes(&[values.len() / 4, values.len() - 1]);
    sheet.find(at, what, ("share by which the loss fell over three quarters", fell, 0.01), evidence);
}

/// Figures that are the same to the last digit.
pub(super) fn frozen(course: &Course<'_>, sheet: &mut Sheet) {
    let Some(loss) = course.held_out.as_ref().filter(|loss| loss.len() >= 3) else {
        return sheet.skip(&[Kind::FrozenModel], "too few evaluations");
    };
    let values = loss.values();
    if range(&values) == 0.0 && values[0] != 0.0 {
        let what = format!("the held-out loss is {} at all {} evaluations", number(values[0]), values.len());
        sheet.find((Kind::FrozenModel, Weight::Broken), what, ("range of the held-out loss", 0.0, 0.0), ends(loss));
    }
}

/// Share of its first value that a loss gained at best.
pub(super) fn gained(losses: &[f64]) -> f64 {
    let Some(&first) = losses.first() else { return 0.0 };
    let best = losses.iter().copied().fold(f64::INFINITY, f64::min);
    (first - best) / first.abs().max(1e-12)
}

/// Whether the first row lies beyond a fifth of the run.
pub(super) fn begins_late(curve: &Curve) -> bool {
    let place = |at: usize| curve.points.get(at).map(|point| super::course::position(point, at));
    match (place(0), place(curve.len().saturating_sub(1))) {
        (Some(first), Some(last)) => first > 0.2 * last && curve.len() > 1,
        _ => false,
    }
}

/// How many times smaller the learning rate is at the end than at its highest.
fn rate_fell(course: &Course<'_>) -> f64 {
    let Some(rate) = &course.rate else { return 1.0 };
    let values: Vec<f64> = rate.values().into_iter().filter(|rate| *rate > 0.0).collect();
    values.last().map_or(1.0, |last| most(&values) / last)
}

/// The first and the last point.
pub(super) fn ends(curve: &Curve) -> Vec<Evidence> {
    curve.quotes(&[0, curve.len().saturating_sub(1)])
}

fn times(count: usize) -> String {
    if count == 1 { "the only evaluation".into() } else { format!("all {count} evaluations") }
}
