//! Whether a log agrees with itself: seams, figures with two names, perplexities, times.

use super::course::{Course, Curve, Sheet, position};
use super::robust::{count, median, noise};
use super::{Evidence, Finding, Kind, Statistic, Weight};
use crate::digits::number;
use crate::log::{Log, Point, RunLog, Split, Standing};

/// Where a run was interrupted and went on.
pub(super) fn seams(course: &Course<'_>, sheet: &mut Sheet) {
    for seam in &course.run.seams {
        let Some(row) = course.run.rows.get(seam.row.min(course.run.rows.len().saturating_sub(1))) else { continue };
        let jump = course.train.as_ref().and_then(|train| jump_at(train, row.place.line));
        let (weight, how) = match jump {
            Some((jump, deviations)) if deviations > 6.0 => {
                (Weight::Watch, format!("; the loss changes by {jump:+.4} across it"))
            }
            _ => (Weight::Note, String::new()),
        };
        let what = format!("the run was at {} and went on from {}{how}", number(seam.from), number(seam.to));
        let evidence = Evidence {
            place: row.place,
            step: row.step,
            epoch: row.epoch,
            split: Split::Train,
            metric: "position".into(),
            value: seam.to,
        };
        let deviations = jump.map_or(0.0, |(_, deviations)| deviations);
        sheet.find(
            (Kind::ResumeSeam, weight),
            what,
            ("jump of the loss in deviations", deviations, 6.0),
            vec![evidence],
        );
    }
}

/// Change of the loss across a line, and in deviations of the noise around it.
fn jump_at(train: &Curve, line: u32) -> Option<(f64, f64)> {
    let at = train.points.iter().position(|point| point.place.line >= line)?;
    let values = train.values();
    let (before, after) = (&values[at.saturating_sub(5)..at], &values[at..(at + 5).min(values.len())]);
    if before.len() < 3 || after.len() < 3 {
        return None;
    }
    let jump = median(after) - median(before);
    Some((jump, jump.abs() / noise(&values).max(1e-3 * median(before).abs()).max(1e-12)))
}

/// Two figures that are the same throughout.
pub(super) fn duplicates(course: &Course<'_>, sheet: &mut Sheet) {
    for (nth, one) in course.metrics.iter().enumerate() {
        for other in &course.metrics[nth + 1..] {
            let (a, b) = (one.values(), other.values());
            let is_same = a.len() >= 3 && a == b && a.iter().any(|value| *value != a[0]);
            // Recall weighted by class is the accuracy by its definition.
            let is_known = [one, other].iter().any(|curve| curve.metric.contains("recall"));
            if is_same && !is_known {
                let what = format!("{} and {} are the same at all {} evaluations", one.metric, other.metric, a.len());
                let evidence = vec![one.quote(&one.points[a.len() - 1]), other.quote(&other.points[a.len() - 1])];
                sheet.find(
                    (Kind::DuplicateMetrics, Weight::Note),
                    what,
                    ("evaluations at which they are equal", count(a.len()), 3.0),
                    evidence,
                );
                return;
            }
        }
    }
}

/// Perplexities that are not the exponential of the loss beside them.
pub(super) fn perplexities(course: &Course<'_>, sheet: &mut Sheet) {
    let mut seen = false;
    for split in splits(course.run) {
        let mut off: Vec<(f64, Point)> = Vec::new();
        let mut rows = 0usize;
        for (loss, perplexity) in pairs(course.run, &split) {
            let nats = perplexity.value.ln();
            // fairseq takes its losses to the base of two.
            let bits = nats / std::f64::consts::LN_2;
            let distance = (nats - loss).abs().min((bits - loss).abs());
            rows += 1;
            if distance > 0.02 + 0.005 * loss.abs() + 0.006 / perplexity.value.abs().max(0.1) {
                off.push((distance, perplexity));
            }
        }
        seen |= rows > 0;
        if rows > 0 && off.len() * 2 > rows {
            let (distance, point) = off[off.len() - 1];
            let what = format!(
                "a {split} perplexity of {} is a loss of {:.4}; the log has another beside it",
                number(point.value),
                point.value.ln()
            );
            let evidence = Evidence {
                place: point.place,
                step: point.step,
                epoch: point.epoch,
                split: split.clone(),
                metric: "perplexity".into(),
                value: point.value,
            };
            sheet.find(
                (Kind::PerplexityMismatch, Weight::Watch),
                what,
                ("distance in nats", distance, 0.02),
                vec![evidence],
            );
        }
    }
    if !seen {
        sheet.skip(&[Kind::PerplexityMismatch], "no perplexity");
    }
}

fn splits(run: &RunLog) -> Vec<Split> {
    let mut found: Vec<Split> = Vec::new();
    for column in run.columns.iter().filter(|column| column.metric == "perplexity") {
        if !found.contains(&column.split) {
            found.push(column.split.clone());
        }
    }
    found
}

/// Losses and perplexities of one split that stand in one row.
fn pairs(run: &RunLog, split: &Split) -> Vec<(f64, Point)> {
    let perplexities = run.series(split, "perplexity");
    // Where both are logged, the perplexity is that of the likelihood, not of a smoothed loss.
    let likelihoods = run.series(split, "nll_loss");
    let losses = if likelihoods.is_empty() { run.series(split, "loss") } else { likelihoods };
    let mut losses = losses.into_iter().peekable();
    let mut found = Vec::new();
    for perplexity in perplexities {
        while losses.next_if(|loss| loss.place < perplexity.place).is_some() {}
        if let Some(loss) = losses.peek().filter(|loss| loss.place == perplexity.place)
            && loss.value.is_finite()
            && perplexity.value.is_finite()
            && perplexity.value > 0.0
        {
            found.push((loss.value, perplexity));
        }
    }
    found
}

/// Stretches in which hardly any steps were made.
pub(super) fn stalls(course: &Course<'_>, sheet: &mut Sheet) {
    let clock = course.run.series(&Split::Train, "time_s");
    if clock.len() < 10 {
        return sheet.skip(&[Kind::Stall], "no clock in the log");
    }
    let pace = |pair: &[Point]| {
        let steps = position(&pair[1], 1) - position(&pair[0], 0);
        (pair[1].value - pair[0].value) / steps.max(1e-12)
    };
    let paces: Vec<f64> = clock.windows(2).map(pace).collect();
    let usual = median(&paces);
    let Some(worst) = (0..paces.len()).max_by(|a, b| paces[*a].total_cmp(&paces[*b])) else { return };
    if paces[worst] > 10.0 * usual && usual > 0.0 {
        let point = clock[worst + 1];
        let what = format!("a step took {:.2} s here and usually {usual:.2} s", paces[worst]);
        let evidence = Evidence {
            place: point.place,
            step: point.step,
            epoch: point.epoch,
            split: Split::Train,
            metric: "time_s".into(),
            value: point.value,
        };
        sheet.find(
            (Kind::Stall, Weight::Note),
            what,
            ("seconds a step over the median", paces[worst] / usual, 10.0),
            vec![evidence],
        );
    }
}

/// Several runs in one file.
pub(super) fn mixed_runs(log: &Log) -> Option<Finding> {
    let with_rows = |run: &&RunLog| run.rows.iter().filter(|row| row.standing == Standing::Counts).count() >= 2;
    let first = |run: &RunLog| run.rows.first().map(|row| row.place);
    let places: Vec<_> = log.runs.iter().filter(with_rows).filter_map(first).collect();
    let file = |source: u32| {
        log.sources.get(source as usize).map(|source| source.name.split(" cell ").next().unwrap_or("").to_string())
    };
    let mut of_file =
        places.iter().filter(|place| file(place.source) == places.first().and_then(|first| file(first.source)));
    let (_, second) = (of_file.next()?, of_file.next()?);
    let runs = 2 + of_file.count();
    let evidence =
        Evidence { place: *second, step: None, epoch: None, split: Split::Train, metric: "run".into(), value: 2.0 };
    Some(Finding {
        kind: Kind::MixedRuns,
        weight: Weight::Watch,
        what: format!("the file holds {runs} runs, the second from here on"),
        statistic: Statistic { name: "runs in the file".into(), value: count(runs), threshold: 2.0 },
        evidence: vec![evidence],
    })
}
