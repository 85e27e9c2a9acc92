//! What lies between the loss on held-out data and that on training data.

use super::course::{Course, Curve, Sheet, position};
use super::robust::median;
use super::{Kind, Weight};

/// Held-out loss against training loss at the end.
pub(super) fn gap(course: &Course<'_>, sheet: &mut Sheet) {
    let trained = course.train.as_ref().map(|train| {
        let values = train.values();
        median(&values[values.len() - values.len().min(5)..])
    });
    let trained = trained.filter(|loss| loss.is_finite()).or(course.run.number("train_mean_loss"));
    let (Some(trained), Some(loss)) = (trained, &course.held_out) else {
        return sheet.skip(&[Kind::GeneralisationGap], "not both a training and a held-out loss");
    };
    let Some(held_out) = loss.last() else { return };
    if sheet.is_broken() || parted(course, loss, sheet) {
        return;
    }
    let ratio = held_out / trained.max(1e-9);
    if ratio < 5.0 || held_out < 0.1 {
        return;
    }
    let weight = if loss.len() < 2 { Weight::Watch } else { Weight::Note };
    let what = format!("held-out loss {held_out:.4} against a training loss of {trained:.4}");
    sheet.find(
        (Kind::GeneralisationGap, weight),
        what,
        ("held-out over training loss", ratio, 5.0),
        loss.quotes(&[loss.len() - 1]),
    );
}

/// Share of the held-out loss by which the training loss must have come away from it, and the share that it must itself have
/// fallen by, over the last third of a run, for the two to have parted.
const PARTED: f64 = 0.05;
const STILL_FALLING: f64 = 0.03;

/// Finds a language model's held-out loss that stands while its training loss falls on, away from it: too little a rise to be
/// called overfitting, and yet the text alone is being learned. Of classes it proves nothing: their scores may still rise.
fn parted(course: &Course<'_>, loss: &Curve, sheet: &mut Sheet) -> bool {
    let Some(train) = course.train.as_ref().filter(|train| train.len() >= 10 && course.is_language_model()) else {
        return false;
    };
    if sheet.has(Kind::Overfitting) {
        return false;
    }
    let pairs = side_by_side(train, loss);
    if pairs.len() < 6 {
        return false;
    }
    let third = pairs.len() * 2 / 3;
    let gaps: Vec<f64> = pairs.iter().map(|(_, held_out, trained)| held_out - trained).collect();
    let (first, last) = (median(&gaps[..pairs.len() / 2]), median(&gaps[gaps.len() - 2..]));
    let before = pairs[..third].iter().map(|(_, held_out, _)| *held_out).fold(f64::INFINITY, f64::min);
    let late: Vec<f64> = pairs[third..].iter().map(|(_, held_out, _)| *held_out).collect();
    let (at_third, at_end) = (pairs[third - 1].2, pairs[pairs.len() - 1].2);
    let opened = (last - first) / before.abs().max(1e-12);
    let stands = median(&late) > 0.995 * before;
    let falls = (at_third - at_end) / at_third.abs().max(1e-12);
    if opened < PARTED || falls < STILL_FALLING || !stands {
        return false;
    }
    let what = format!(
        "over the last third the training loss falls from {at_third:.4} to {at_end:.4}, and the held-out loss stands: {before:.4} \
         before, {:.4} at the end",
        late[late.len() - 1]
    );
    let statistic = ("what the gap has grown by, as a share of the loss", opened, PARTED);
    let evidence = loss.quotes(&[pairs[pairs.len() - 1].0, pairs[third - 1].0]);
    sheet.find((Kind::GeneralisationGap, Weight::Watch), what, statistic, evidence);
    true
}

/// Index and value of each held-out loss with the training loss just before it.
fn side_by_side(train: &Curve, loss: &Curve) -> Vec<(usize, f64, f64)> {
    let mut pairs = Vec::new();
    let (mut until, mut last) = (0, f64::NEG_INFINITY);
    for (at, point) in loss.points.iter().enumerate() {
        let here = position(point, at);
        if here < last {
            until = 0; // a part of the run is there twice
        }
        last = here;
        // Both are walked through together: a log may have a million rows.
        until +=
            train.points[until..].iter().zip(until..).take_while(|(row, rank)| position(row, *rank) <= here).count();
        if until > 0 {
            let near: Vec<f64> = train.points[until.saturating_sub(5)..until].iter().map(|row| row.value).collect();
            pairs.push((at, point.value, median(&near)));
        }
    }
    pairs
}
