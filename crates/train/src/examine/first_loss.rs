//! The first loss: what a model that knows nothing should lose.

use case::InitKind;
use journal::StartInfo;

use super::{
    bench::{Bench, FEW, cut, nats},
    checked::{Advice, Checked},
};
use crate::{
    TrainError,
    batch::Lesson,
    labels::Target,
    setup::{Setup, Work},
};

pub(super) const NAME: &str = "first loss";

/// Share of ln V that a fresh model's loss may be away from it. Fresh logits are not 0: with weights of deviation 0.02 they
/// deviate by 0.02 √D, which costs half the square of that, 0.2 nats at D = 1024; a tied table adds the pull of the token
/// that stands in the input. Ten times too large weights, a sum in place of a mean, or labels of another vocabulary are
/// nats away.
const TOLERATED_OF_LN_V: f64 = 0.1;
/// Deviations of a fresh head's logits that its loss may be away from ln C: few classes, so chance does not average out.
const TOLERATED_DEVIATIONS: f64 = 3.0;

/// Rows of a batch that are looked at, and batches.
const ROWS: usize = 32;
const BATCHES: u64 = 8;
/// Share of all time that may be spent.
const TIME: f64 = 0.05;

const ADVICE: Advice = Advice {
    meaning: "before the first update the model does not know what it should and knows nothing wrong: weights are drawn too \
              large or not read, or the loss is summed, averaged or labelled otherwise than it seems",
    next: "look at `init`, `start` and the tokenizer's file in the case; train one step with kernels = \"composed\" and compare",
};

/// What the first loss should be.
struct Expected {
    loss: f64,
    tolerance: f64,
    /// Only a larger loss is wrong.
    at_most: bool,
    words: String,
}

/// Holds the loss before the first update against ln V, or ln C.
///
/// # Source
/// Karpathy 2019, "A recipe for training neural networks", §2: "verify loss @ init".
pub(super) fn first_loss(bench: &Bench) -> Result<Checked, TrainError> {
    let setup = bench.setup;
    let deadline = bench.clock.deadline(TIME);
    let mut all = Vec::new();
    for step in 0..BATCHES {
        if deadline.is_over() && !all.is_empty() {
            break;
        }
        let rows = if bench.pace.of(ROWS) < deadline.left() { ROWS } else { FEW };
        all.extend(nats(&bench.still, setup, &cut(setup, &Lesson::at(setup, step), rows).sheet)?);
    }
    let loss = all.iter().sum::<f64>() / all.len().max(1) as f64;
    let prior = match setup.work {
        Work::Words(_) => format!("word frequencies alone lose {:.3}", setup.baselines.unigram),
        Work::Labels(_) => format!("the labels' shares in training alone lose {:.3}", setup.baselines.unigram),
    };
    let measured = format!("{loss:.3} nats over {} decisions", all.len());
    let Some(Expected { loss: wanted, tolerance, at_most, words }) = expected(setup, bench.start.as_ref()) else {
        let why = "the head begins fresh on an encoder that does not, so its first loss is no known number";
        return Ok(Checked::not_applicable(NAME, format!("{why}; {measured}")));
    };
    let holds = loss.is_finite() && loss <= wanted + tolerance && (at_most || loss >= wanted - tolerance);
    let threshold = if at_most { format!("at most {words}") } else { format!("{words} ± {tolerance:.2}") };
    Ok(Checked::judged(NAME, holds, measured, threshold, ADVICE).with([prior]))
}

fn expected(setup: &Setup, start: Option<&StartInfo>) -> Option<Expected> {
    let uniform = setup.baselines.uniform;
    let is_fresh = |start: &StartInfo| start.fresh.iter().any(|name| name.starts_with("head."));
    match (&setup.work, start) {
        (Work::Words(_), None) => Some(Expected {
            loss: uniform,
            tolerance: TOLERATED_OF_LN_V * uniform,
            at_most: false,
            words: format!("ln V = {uniform:.3}"),
        }),
        (Work::Words(_), Some(start)) if is_fresh(start) => None,
        (Work::Labels(_), start) if start.is_none_or(is_fresh) => Some(Expected {
            loss: uniform,
            tolerance: fresh_head_tolerance(setup),
            at_most: false,
            words: format!("{} = {uniform:.3}", uniform_words(setup)),
        }),
        // What goes on from a start knows something: it must not be worse than what knows nothing.
        (work, Some(_)) => {
            let uniform_words = if matches!(work, Work::Words(_)) { "ln V".into() } else { uniform_words(setup) };
            let words =
                format!("{uniform_words} = {uniform:.3}, what knowing nothing loses: the head goes on from `start`");
            Some(Expected { loss: uniform, tolerance: 0.0, at_most: true, words })
        }
        (Work::Labels(_), None) => unreachable!("a head that begins with nothing is fresh"),
    }
}

/// What every label alike loses, as it is written.
fn uniform_words(setup: &Setup) -> String {
    match &setup.work {
        Work::Labels(labels) if labels.speech.target != Target::Many => format!("ln {}", labels.speech.names.len()),
        _ => "ln 2".into(),
    }
}

/// Logits of a fresh head deviate by its weights' deviation times √D at most, as norms hold hidden states to that length.
fn fresh_head_tolerance(setup: &Setup) -> f64 {
    let width = setup.config.model.d_model as f64;
    let classes = match &setup.work {
        Work::Labels(labels) => labels.speech.names.len() as f64,
        Work::Words(words) => words.char_lengths.len() as f64,
    };
    let of_weights = match setup.config.model.init {
        InitKind::Bert => 0.02,
        InitKind::Xavier => (2.0 / (width + classes)).sqrt(),
    };
    let deviation = of_weights * width.sqrt();
    TOLERATED_DEVIATIONS * deviation + deviation * deviation / 2.0
}
