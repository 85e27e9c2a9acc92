//! Where there is nothing to learn, nothing may be learned: labels dealt out anew, words in any order.
//!
//! What is dealt anew is dealt before batches are made of it. Labels that were exchanged in a finished batch could not show
//! what this check is for: a label that finds its way into the input would have been parted from it again.

use burn::module::Module;
use corpus::{Batch, MaskKind};

use super::{
    bench::{Bench, Deadline, FEW, Learner, cut, mean_and_error, nats},
    checked::{Advice, Checked},
    deal::{deal, deal_words, dealer},
};
use crate::{
    Notice, Report, TrainError,
    batch::{Lesson, Rows},
    evaluate::{Found, Split, evaluate},
    labels::Labels,
    material::{self, Examples},
    setup::{Setup, Work},
};

pub(super) const NAME: &str = "shuffled labels";

/// Updates: as many as there is time for.
const UPDATES: [u64; 2] = [60, 400];
/// Updates of warm-up.
const WARMUP: u64 = 10;
/// The largest rate, whatever the case's: noise is to be learned without diverging.
const RATE: f64 = 3e-3;
/// Share of all time that may be spent.
const TIME: f64 = 0.35;

/// Decisions to be tested on, at least.
const DECISIONS: usize = 30;

/// Share of the baseline by which the loss may lie below it, besides three standard errors: the baseline is counted on other
/// tokens than those of the test and adds one to each count, which a model need not.
const BELOW: f64 = 0.02;

const ADVICE: Advice = Advice {
    meaning: "labels that belong to nothing in their inputs were guessed better than by their frequencies: the input gives the \
              label away, and what validation measures is that",
    next: "look for the label in the text, the file name or the order of the fields that the case reads; with [masking], for a \
           position that is scored and not hidden",
};

/// What may be done to examples after their labels were dealt anew: nothing but in tests.
pub(super) type TamperRows<'a> = &'a dyn Fn(&mut material::Rows);
/// What may be done to a batch of words that were dealt anew: nothing but in tests.
pub(super) type TamperBatch<'a> = &'a dyn Fn(&mut Batch);

/// Trains briefly on labelled examples whose targets were dealt anew, and tests on others.
///
/// # Source
/// Zhang et al. 2017, "Understanding deep learning requires rethinking generalization", §2.1: random labels can be learned
/// by heart, and nothing can be known of others.
pub(super) fn shuffled_labels(bench: &Bench, examples: Examples) -> Result<Checked, TrainError> {
    shuffled_labels_tampered(bench, examples, &|_| {})
}

/// The same, with the dealt rows put through `tamper`.
pub(super) fn shuffled_labels_tampered(
    bench: &Bench,
    mut examples: Examples,
    tamper: TamperRows,
) -> Result<Checked, TrainError> {
    let deadline = bench.clock.deadline(TIME);
    let effort = match Effort::of(bench, &deadline) {
        Ok(effort) => effort,
        Err(why) => return Ok(Checked::not_done(NAME, why)),
    };
    let mut rng = dealer(bench.setup.seed, 0);
    deal(&mut examples.rows, effort.tested, &mut rng);
    tamper(&mut examples.rows);
    let setup = bench.setup;
    let labels = Labels::new(&setup.config, setup.seed, examples)?;
    let decisions = labels.valid.asked().iter().sum::<usize>();
    if decisions < DECISIONS {
        return Ok(Checked::not_done(NAME, format!("{decisions} validation decisions are too few to tell")));
    }
    let dealt = setup.with_work(Work::Labels(Box::new(labels)))?;
    let Some((learner, updates)) = learn(bench, &dealt, effort, &deadline, &|_| {})? else {
        return Ok(cut_short(bench));
    };
    let evaluated = evaluate(&learner.model.valid(), &dealt, Split::Valid, bench.clock.stop(), &mut Quiet)?;
    let Some(Found::Labels(scores)) = evaluated.map(|evaluation| evaluation.found) else { return Ok(cut_short(bench)) };
    let loss = scores.value("cross-entropy").unwrap_or(f64::NAN);
    let error = scores.figure("cross-entropy").and_then(|figure| figure.error).unwrap_or(0.0);
    let prior = dealt.baselines.unigram;
    let tested =
        Tested { below: prior - loss, error, baseline: prior, what: "the labels' shares", count: scores.scored };
    Ok(tested.judge(updates, effort.rows))
}

/// The same for hidden words: text whose tokens were put in any order, in which a word's neighbours say nothing of it.
pub(super) fn shuffled_words(bench: &Bench) -> Result<Checked, TrainError> {
    shuffled_words_tampered(bench, &|_| {})
}

/// The same, with every batch put through `tamper`.
pub(super) fn shuffled_words_tampered(bench: &Bench, tamper: TamperBatch) -> Result<Checked, TrainError> {
    let deadline = bench.clock.deadline(TIME);
    let effort = match Effort::of(bench, &deadline) {
        Ok(effort) => effort,
        Err(why) => return Ok(Checked::not_done(NAME, why)),
    };
    let Work::Words(words) = &bench.setup.work else { unreachable!("labels are dealt, words are shuffled") };
    let Some((dealt, known)) = deal_words(bench.setup, words)? else {
        return Ok(Checked::not_done(NAME, "there is no validation text of one row, or nothing is hidden by [MASK]"));
    };
    let Some((learner, updates)) = learn(bench, &dealt, effort, &deadline, tamper)? else {
        return Ok(cut_short(bench));
    };
    let (mut gains, mut baseline) = (Vec::new(), 0.0);
    let Work::Words(words) = &dealt.work else { unreachable!("made of words just now") };
    let evaluation = words.evaluation(Split::Valid, dealt.plan.micro_batch_size);
    for mut batch in evaluation.into_iter().flat_map(|(_, batches)| batches) {
        if bench.clock.over().is_some() || gains.len() > DECISIONS && deadline.is_over() {
            break;
        }
        tamper(&mut batch);
        let (kinds, labels) = (batch.kinds.clone(), batch.labels.clone());
        let lost = nats(&learner.model, &dealt, &Rows::Words(batch))?;
        // Only where [MASK] stands: a token that was kept, or drawn and by chance the true one, is there to be read.
        let hidden = kinds.iter().zip(&labels).zip(lost).filter(|((kind, _), _)| **kind == MaskKind::Mask);
        for ((_, label), lost) in hidden {
            let by_frequency = known.nats(*label);
            baseline += by_frequency;
            gains.push(by_frequency - lost);
        }
    }
    if gains.len() < DECISIONS {
        return Ok(Checked::not_done(NAME, format!("{} hidden validation words are too few to tell", gains.len())));
    }
    let (below, error) = mean_and_error(&gains);
    let baseline = baseline / gains.len() as f64;
    let count = gains.len() as u64;
    Ok(Tested { below, error, baseline, what: "word frequencies", count }.judge(updates, effort.rows))
}

/// An evaluation's progress is nobody's business here.
struct Quiet;

impl Report for Quiet {
    fn say(&mut self, _: Notice<'_>) {}
}

/// How much is trained.
#[derive(Debug, Clone, Copy)]
struct Effort {
    /// Rows of an update: fewer than the case's where these would take too long. What gives labels away does so in any batch.
    rows: usize,
    updates: u64,
    /// Examples that are tested on, at most.
    tested: usize,
}

impl Effort {
    /// What there is time for; why it is left out where that is too little.
    fn of(bench: &Bench, deadline: &Deadline) -> Result<Self, String> {
        let whole = bench.setup.config.train.batch_size;
        let cost = |rows: usize| if rows == whole { bench.pace.whole } else { bench.pace.of(rows) };
        // A forward pass is about a third of an update.
        let tested = (0.2 * deadline.left() * 3.0 * FEW as f64 / bench.pace.few) as usize;
        let mut rows = whole;
        loop {
            let updates = ((0.7 * deadline.left() / cost(rows)) as u64).min(UPDATES[1]);
            if updates >= UPDATES[0] {
                return Ok(Self { rows, updates, tested });
            }
            if rows <= FEW {
                break;
            }
            rows = (rows / 2).max(FEW);
        }
        let needed = (cost(rows) * UPDATES[0] as f64 / 0.7 / TIME / 60.0).ceil();
        Err(match bench.clock.over() {
            Some(why) => why.into(),
            None => format!("{} updates of {rows} rows would want --minutes {needed:.0} or more", UPDATES[0]),
        })
    }
}

fn cut_short(bench: &Bench) -> Checked {
    Checked::not_done(
        NAME,
        bench.clock.over().unwrap_or("time ran short, or a loss was no number (see the learning rate)"),
    )
}

/// Learns from `dealt`, and how many updates there was time for; nothing where they are too few or a loss was no number.
fn learn<'a>(
    bench: &Bench,
    dealt: &'a Setup,
    Effort { rows, updates, .. }: Effort,
    deadline: &Deadline,
    tamper: TamperBatch,
) -> Result<Option<(Learner<'a>, u64)>, TrainError> {
    let rate = bench.setup.config.schedule.learning_rate.min(RATE);
    let mut learner = Learner::new(dealt, &bench.model);
    for update in 0..updates {
        if deadline.is_over() {
            let is_enough = update >= UPDATES[0] && bench.clock.over().is_none();
            return Ok(is_enough.then_some((learner, update)));
        }
        let mut lesson = Lesson::at(dealt, update);
        if rows < lesson.rows.len() {
            lesson = cut(dealt, &lesson, rows);
        }
        if let Rows::Words(batch) = &mut lesson.sheet {
            tamper(batch);
        }
        let lr = rate * ((update + 1) as f64 / WARMUP as f64).min(1.0);
        let Some((next, _)) = learner.learn(&lesson, lr)? else { return Ok(None) };
        learner = next;
    }
    Ok(Some((learner, updates)))
}

/// What a test on held-out examples or words found.
struct Tested {
    /// Nats by which the loss lies below the baseline.
    below: f64,
    error: f64,
    baseline: f64,
    what: &'static str,
    count: u64,
}

impl Tested {
    fn judge(self, updates: u64, rows: usize) -> Checked {
        let Self { below, error, baseline, what, count } = self;
        let allowed = 3.0 * error + BELOW * baseline;
        let measured =
            format!("{:.3} nats after {updates} updates of {rows} rows, {what} lose {baseline:.3}", baseline - below);
        let threshold = format!("not below {:.3}", baseline - allowed);
        let mut remarks = vec![format!("{count} held-out decisions, three standard errors {:.3}", 3.0 * error)];
        if below < -0.5 * baseline {
            remarks.push(
                "far above the frequencies still: a leak had little time to show; give more with --minutes".into(),
            );
        }
        Checked::judged(NAME, below <= allowed, measured, threshold, ADVICE).with(remarks)
    }
}
