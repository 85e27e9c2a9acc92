//! What a row loses does not depend on its neighbours, on padding, or on where in the batch it stands.

use case::{PositionKind, Precision};
use corpus::{Batch, labelled::LabelledBatch};
use encoder::{Model, flat_weights, map_weights};

use super::{
    bench::{Bench, FEW, cut, nats},
    checked::{Advice, Checked},
};
use crate::{
    TrainError,
    batch::{Lesson, Rows},
    forward::read_floats,
    setup::Setup,
};

pub(super) const NAME: &str = "padding and order";

const ADVICE: Advice = Advice {
    meaning: "padding is attended to or scored, or rows see one another: losses and predictions depend on how a batch was put \
              together, and validation on other batches measures something else",
    next: "run `casebook doctor`; if kernels = \"composed\" in [train] passes, an own kernel is wrong on this device",
};

/// Nats by which one position's loss may differ: sums of f32 in another order differ by some 1e-6 a layer, and products of
/// sixteen bits round by 5e-4 and 4e-3 of a logit, which are about 1 here ([`spoken_up`]).
fn tolerance(precision: Precision) -> f64 {
    match precision {
        Precision::Fp32 => 1e-4,
        Precision::F16 => 1e-2,
        Precision::Bf16 => 8e-2,
    }
}

/// A batch's rows told otherwise: these rows in this order, at this width.
struct Arrangement {
    rows: Vec<usize>,
    width: usize,
}

/// Computes each row alone, with padding, and in another order, and compares each scored position's nats.
pub(super) fn arrangement(bench: &Bench) -> Result<Checked, TrainError> {
    let model = spoken_up(&bench.still)?;
    compare(bench.setup, &mut |rows| nats(&model, bench.setup, rows))
}

/// The model with its small matrices so much larger that each gives back about what it is given.
///
/// Through fresh weights of deviation 0.02 a neighbour is hardly heard: padding that a narrow encoder attends to changes its
/// loss by 3e-5 nats, which is what rounding might do.
pub(super) fn spoken_up(model: &Model) -> Result<Model, TrainError> {
    let mut factors = Vec::new();
    for weight in flat_weights(model) {
        let is_matrix = weight.shape.len() == 2;
        // Tables of vectors and the head's projection have what goes in on their second axis.
        let is_table =
            weight.name.contains("embeddings.") && !weight.name.contains("project") || weight.name == "head.weight";
        let width = weight.shape[usize::from(is_matrix && is_table)] as f64;
        let values = read_floats(weight.values)?;
        let squares = values.iter().map(|value| f64::from(*value).powi(2)).sum::<f64>();
        let gain = (width * squares / values.len().max(1) as f64).sqrt();
        factors.push(if is_matrix && gain > 0.0 { (1.0 / gain).max(1.0) } else { 1.0 });
    }
    Ok(map_weights(model.clone(), |index, weight| weight * factors[index]))
}

/// The same with anything that says what each scored position loses.
pub(super) fn compare(
    setup: &Setup,
    score: &mut dyn FnMut(&Rows) -> Result<Vec<f64>, TrainError>,
) -> Result<Checked, TrainError> {
    let batch = Sheet::of(cut(setup, &Lesson::at(setup, 0), FEW).sheet).shortened();
    let pad = i32::try_from(setup.tokenizer.special().pad).unwrap_or(0);
    let (count, longest) = (batch.lengths().len(), batch.longest());
    let together = batch.told(&Arrangement { rows: (0..count).collect(), width: longest }, pad);
    let wanted = by_row(&together, score(&together.rows())?);
    // A table of positions has no row for padding beyond its end.
    let room =
        if setup.config.model.position == PositionKind::Learned { setup.config.model.seq_len } else { usize::MAX };
    let wider = (longest + longest.div_ceil(2)).min(room.max(longest));
    let mut others = vec![
        ("in reverse order", Arrangement { rows: (0..count).rev().collect(), width: longest }),
        ("with more padding", Arrangement { rows: (0..count).collect(), width: wider }),
    ];
    others
        .extend((0..count).map(|row| ("alone", Arrangement { rows: vec![row], width: batch.lengths()[row] as usize })));
    let mut worst = [("alone", 0.0f64), ("with more padding", 0.0), ("in reverse order", 0.0)];
    for (name, arrangement) in &others {
        let told = batch.told(arrangement, pad);
        let found = by_row(&told, score(&told.rows())?);
        let pairs = arrangement.rows.iter().zip(found).flat_map(|(row, nats)| wanted[*row].iter().zip(nats));
        let apart = pairs.map(|(wanted, found)| (wanted - found).abs());
        let known = worst.iter_mut().filter(|(known, _)| known == name).map(|(_, worst)| worst);
        known.for_each(|worst| *worst = apart.clone().fold(*worst, larger));
    }
    let allowed = tolerance(setup.place.precision());
    let holds = worst.iter().all(|(_, apart)| *apart <= allowed); // not a number is not below anything
    let told = |apart: f64| if apart == 0.0 { "0".to_string() } else { format!("{apart:.1e}") };
    let measured = worst.iter().map(|(name, apart)| format!("{name} {}", told(*apart))).collect::<Vec<_>>().join(", ");
    let measured = format!("{measured} nats apart at most, {count} rows of {} to {longest} tokens", batch.shortest());
    Ok(Checked::judged(NAME, holds, measured, format!("at most {allowed:.0e} nats"), ADVICE))
}

/// The larger of two; not a number where one of them is not.
fn larger(largest: f64, value: f64) -> f64 {
    if value.is_nan() || value > largest { value } else { largest }
}

/// Nats of each row's scored positions.
fn by_row(sheet: &Sheet, nats: Vec<f64>) -> Vec<Vec<f64>> {
    let (width, positions) = (sheet.width(), sheet.positions());
    let mut rows = vec![Vec::new(); sheet.lengths().len()];
    positions.iter().zip(nats).for_each(|(position, nats)| rows[*position as usize / width].push(nats));
    rows
}

/// A batch of either kind.
#[derive(Clone)]
enum Sheet {
    Words(Batch),
    Labels(LabelledBatch),
}

impl Sheet {
    fn of(rows: Rows) -> Self {
        match rows {
            Rows::Words(batch) => Self::Words(batch),
            Rows::Labels(batch) => Self::Labels(batch),
        }
    }

    fn rows(&self) -> Rows {
        match self.clone() {
            Self::Words(batch) => Rows::Words(batch),
            Self::Labels(batch) => Rows::Labels(batch),
        }
    }

    fn lengths(&self) -> &[u32] {
        match self {
            Self::Words(batch) => &batch.lengths,
            Self::Labels(batch) => &batch.lengths,
        }
    }

    fn width(&self) -> usize {
        match self {
            Self::Words(batch) => batch.width,
            Self::Labels(batch) => batch.width,
        }
    }

    fn positions(&self) -> &[i32] {
        match self {
            Self::Words(batch) => &batch.positions,
            Self::Labels(batch) => &batch.positions,
        }
    }

    fn longest(&self) -> usize {
        self.lengths().iter().max().copied().unwrap_or(0) as usize
    }

    fn shortest(&self) -> usize {
        self.lengths().iter().min().copied().unwrap_or(0) as usize
    }

    /// Each row but the first cut shorter than the one before it, so that there is padding also where all rows are full.
    fn shortened(mut self) -> Self {
        let lengths = match &mut self {
            Self::Words(batch) => &mut batch.lengths,
            Self::Labels(batch) => &mut batch.lengths,
        };
        let rows = lengths.len() as u32 + 1;
        for (row, length) in lengths.iter_mut().enumerate() {
            *length = (*length - *length * row as u32 / rows).max(2.min(*length));
        }
        self
    }

    /// Some of its rows, their real tokens alone, padded with `pad`; what was scored beyond a row's end is scored no more.
    fn told(&self, arrangement: &Arrangement, pad: i32) -> Self {
        let frame = Frame { from: self.width(), lengths: self.lengths(), to: arrangement };
        let (rows, width) = (&arrangement.rows, arrangement.width);
        let lengths = rows.iter().map(|row| self.lengths()[*row]).collect::<Vec<_>>();
        let scored = frame.scored(self.positions());
        let positions = scored.iter().map(|(at, _)| *at).collect();
        let of = |labels: &[i32]| scored.iter().map(|(_, index)| labels[*index]).collect();
        match self {
            Self::Words(batch) => Self::Words(Batch {
                step: batch.step,
                epoch: batch.epoch,
                rows: rows.iter().map(|row| batch.rows[*row]).collect(),
                width,
                input_ids: frame.cells(&batch.input_ids, 1, pad),
                boxes: frame.cells(&batch.boxes, 4, 0),
                real_tokens: lengths.iter().map(|length| u64::from(*length)).sum(),
                lengths,
                positions,
                labels: of(&batch.labels),
                kinds: scored.iter().map(|(_, index)| batch.kinds[*index]).collect(),
                corpora: scored.iter().map(|(_, index)| batch.corpora[*index]).collect(),
                mask_hash: 0,
            }),
            Self::Labels(batch) => Self::Labels(LabelledBatch {
                inputs: rows.iter().map(|row| batch.inputs[*row]).collect(),
                width,
                input_ids: frame.cells(&batch.input_ids, 1, pad),
                token_types: frame.cells(&batch.token_types, 1, 0),
                lengths,
                boxes: frame.cells(&batch.boxes, 4, 0),
                positions,
                labels: of(&batch.labels),
            }),
        }
    }
}

/// From one arrangement of rows to another.
struct Frame<'a> {
    /// Tokens of a row before, with padding.
    from: usize,
    /// Real tokens of each row before.
    lengths: &'a [u32],
    to: &'a Arrangement,
}

impl Frame<'_> {
    /// What stands at each token, `per` numbers each; padding holds `fill`. Empty where there is nothing of the kind.
    fn cells(&self, values: &[i32], per: usize, fill: i32) -> Vec<i32> {
        if values.is_empty() {
            return Vec::new();
        }
        let row = |row: &usize| {
            let (start, real) = (row * self.from * per, self.lengths[*row] as usize * per);
            let padding = std::iter::repeat_n(fill, self.to.width * per - real);
            values[start..start + real].iter().copied().chain(padding).collect::<Vec<_>>()
        };
        self.to.rows.iter().flat_map(row).collect()
    }

    /// The scored positions that are kept, in order, each with its number in the list it comes from.
    fn scored(&self, positions: &[i32]) -> Vec<(i32, usize)> {
        let mut kept = Vec::new();
        for (to, row) in self.to.rows.iter().enumerate() {
            let first = row * self.from;
            let own = first..first + self.lengths[*row] as usize;
            for (index, position) in positions.iter().enumerate() {
                if own.contains(&(*position as usize)) {
                    kept.push(((to * self.to.width + *position as usize - first) as i32, index));
                }
            }
        }
        kept
    }
}
