//! Boxes that the case gives reach the model.

use super::{
    bench::{Bench, FEW, cut, nats},
    checked::{Advice, Checked},
};
use crate::{
    TrainError,
    batch::{Lesson, Rows},
    setup::Setup,
};

pub(super) const NAME: &str = "boxes are read";

/// Nats by which some position's loss must change where every page is turned upside down: far more than rounding, and fresh
/// tables of coordinates of deviation 0.02 change it by a hundred times that.
const CHANGE: f64 = 1e-5;
/// The far edge of a page, as `corpus::labelled::BOX_SCALE`.
const EDGE: i32 = corpus::labelled::BOX_SCALE as i32;

const ADVICE: Advice = Advice {
    meaning: "the model learns from words alone, whatever stands where on a page: nothing fails, and no curve shows it",
    next: "name the field of the boxes (`boxes` in [examples]) and look at a row of the data; if they are there this is a \
           defect of the program: please report it",
};

/// Turns every page upside down and looks whether that changes what is lost.
pub(super) fn boxes(bench: &Bench) -> Result<Checked, TrainError> {
    if !bench.setup.config.model.boxes {
        return Ok(Checked::not_applicable(NAME, "the case has none"));
    }
    compare(bench.setup, &mut |rows| nats(&bench.still, bench.setup, rows))
}

/// The same with anything that says what each scored position loses.
pub(super) fn compare(
    setup: &Setup,
    score: &mut dyn FnMut(&Rows) -> Result<Vec<f64>, TrainError>,
) -> Result<Checked, TrainError> {
    let rows = cut(setup, &Lesson::at(setup, 0), FEW).sheet;
    let mut turned = rows.clone();
    let boxes = match &mut turned {
        Rows::Words(batch) => &mut batch.boxes,
        Rows::Labels(batch) => &mut batch.boxes,
    };
    let given = boxes.chunks_exact(4).filter(|edges| edges.iter().any(|edge| *edge > 0)).count();
    for edges in boxes.chunks_exact_mut(4) {
        let [left, upper, right, lower] = [edges[0], edges[1], edges[2], edges[3]];
        edges.copy_from_slice(&[EDGE - right, EDGE - lower, EDGE - left, EDGE - upper]);
    }
    let pairs = score(&rows)?.into_iter().zip(score(&turned)?);
    let change = pairs.map(|(upright, turned)| (upright - turned).abs()).fold(0.0, f64::max);
    let measured = format!("{given} tokens have one; losses change by up to {change:.1e} nats with pages upside down");
    Ok(Checked::judged(NAME, given > 0 && change > CHANGE, measured, format!("more than {CHANGE:.0e}"), ADVICE))
}
