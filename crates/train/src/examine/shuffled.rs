//! Where there is nothing to learn, nothing may be learned: labels dealt out anew, words in any order.
//!
//! What is dealt anew is dealt before batches are made of it. Labels that were exchanged in a finished batch could not show
//! what this check is for: a label that finds its way into the input would have been parted from it again.

use std::sync::Arc;

use corpus::{
    Batch, MaskKind, MemorySource, Prepared, Purpose, RowCorpus, RowSet, Split, TokenSource, labelled::Splits, stream,
};
use rand_chacha::{ChaCha8Rng, rand_core::Rng};

use super::{
    bench::{Bench, Deadline, Learner, mean_and_error, nats},
    checked::{Advice, Checked},
};
use crate::{
    Report, TrainError,
    batch::{Lesson, Rows},
    evaluate::{Found, Split as Part, evaluate},
    labels::Labels,
    material::{self, Examples},
    setup::{Setup, Work},
    words::{Parts, Source, Words},
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

/// Tokens of text to learn from and to be tested on, at most.
const TOKENS: [usize; 2] = [400_000, 40_000];
/// Examples to learn from and to be tested on, at most.
const EXAMPLES: [usize; 2] = [10_000, 1_000];
/// Decisions to be tested on, at least.
const DECISIONS: usize = 50;

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
pub(super) fn shuffled_labels(
    bench: &Bench,
    examples: Examples,
    report: &mut dyn Report,
) -> Result<Checked, TrainError> {
    shuffled_labels_tampered(bench, examples, &|_| {}, report)
}

/// The same, with the dealt rows put through `tamper`.
pub(super) fn shuffled_labels_tampered(
    bench: &Bench,
    mut examples: Examples,
    tamper: TamperRows,
    report: &mut dyn Report,
) -> Result<Checked, TrainError> {
    let deadline = bench.clock.deadline(TIME);
    let updates = match updates(bench, &deadline) {
        Ok(updates) => updates,
        Err(why) => return Ok(Checked::not_done(NAME, why)),
    };
    let mut rng = dealer(bench.setup.seed, 0);
    deal(&mut examples.rows, &mut rng);
    tamper(&mut examples.rows);
    let setup = bench.setup;
    let labels = Labels::new(&setup.config, setup.seed, examples)?;
    let decisions = labels.valid.asked().iter().sum::<usize>();
    if decisions < DECISIONS {
        return Ok(Checked::not_done(NAME, format!("{decisions} validation decisions are too few to tell")));
    }
    let dealt = setup.with_work(Work::Labels(Box::new(labels)))?;
    let Some((learner, updates)) = learn(bench, &dealt, updates, &deadline, &|_| {})? else {
        return Ok(cut_short(bench));
    };
    let never = std::sync::atomic::AtomicBool::new(false);
    let evaluated = evaluate(&learner.model, &dealt, Part::Valid, &never, report)?;
    let Some(Found::Labels(scores)) = evaluated.map(|evaluation| evaluation.found) else { return Ok(cut_short(bench)) };
    let loss = scores.value("cross-entropy").unwrap_or(f64::NAN);
    let error = scores.figure("cross-entropy").and_then(|figure| figure.error).unwrap_or(0.0);
    let prior = dealt.baselines.unigram;
    let tested =
        Tested { below: prior - loss, error, baseline: prior, what: "the labels' shares", count: scores.scored };
    Ok(tested.judge(updates))
}

/// The same for hidden words: text whose tokens were put in any order, in which a word's neighbours say nothing of it.
pub(super) fn shuffled_words(bench: &Bench) -> Result<Checked, TrainError> {
    shuffled_words_tampered(bench, &|_| {})
}

/// The same, with every batch put through `tamper`.
pub(super) fn shuffled_words_tampered(bench: &Bench, tamper: TamperBatch) -> Result<Checked, TrainError> {
    let deadline = bench.clock.deadline(TIME);
    let updates = match updates(bench, &deadline) {
        Ok(updates) => updates,
        Err(why) => return Ok(Checked::not_done(NAME, why)),
    };
    let Work::Words(words) = &bench.setup.work else { unreachable!("labels are dealt, words are shuffled") };
    let Some((dealt, known)) = deal_words(bench.setup, words)? else {
        return Ok(Checked::not_done(NAME, "there is no validation text of one row, or nothing is hidden by [MASK]"));
    };
    let Some((learner, updates)) = learn(bench, &dealt, updates, &deadline, tamper)? else {
        return Ok(cut_short(bench));
    };
    let (mut gains, mut baseline) = (Vec::new(), 0.0);
    let Work::Words(words) = &dealt.work else { unreachable!("made of words just now") };
    let evaluation = words.evaluation(Part::Valid, dealt.plan.micro_batch_size);
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
    Ok(Tested { below, error, baseline, what: "word frequencies", count }.judge(updates))
}

/// How many updates there is time for; why it is left out where they are too few.
fn updates(bench: &Bench, deadline: &Deadline) -> Result<u64, String> {
    let updates = ((0.8 * deadline.left() / bench.pace.whole) as u64).min(UPDATES[1]);
    if updates >= UPDATES[0] {
        return Ok(updates);
    }
    let needed = (bench.pace.whole * UPDATES[0] as f64 / 0.8 / TIME / 60.0).ceil();
    Err(match bench.clock.over() {
        Some(why) => why.into(),
        None => format!("{} updates of the case's batch would want --minutes {needed:.0} or more", UPDATES[0]),
    })
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
    updates: u64,
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
    fn judge(self, updates: u64) -> Checked {
        let Self { below, error, baseline, what, count } = self;
        let allowed = 3.0 * error + BELOW * baseline;
        let measured = format!("{:.3} nats after {updates} updates, {what} lose {baseline:.3}", baseline - below);
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

/// Random numbers of this check alone: an epoch of initial weights that no run has.
fn dealer(seed: u64, index: u64) -> ChaCha8Rng {
    stream(seed, Purpose::Init, u64::MAX, index)
}

/// Puts values in any order, each equally likely (Fisher and Yates).
fn shuffle<T>(values: &mut [T], rng: &mut ChaCha8Rng) {
    for at in (1..values.len()).rev() {
        values.swap(at, (rng.next_u64() % (at as u64 + 1)) as usize);
    }
}

/// Deals the targets of each split's examples anew; of many examples only the first are kept.
fn deal(rows: &mut material::Rows, rng: &mut ChaCha8Rng) {
    match rows {
        material::Rows::Texts(_, splits) => {
            for rows in kept(splits) {
                let mut targets = rows.iter().map(|row| row.target.clone()).collect::<Vec<_>>();
                shuffle(&mut targets, rng);
                rows.iter_mut().zip(targets).for_each(|(row, target)| row.target = target);
            }
        }
        material::Rows::Tagged(_, splits, _) => {
            for rows in kept(splits) {
                let mut tags = rows.iter().flat_map(|row| row.tags.iter().copied()).collect::<Vec<_>>();
                shuffle(&mut tags, rng);
                rows.iter_mut().flat_map(|row| &mut row.tags).zip(tags).for_each(|(tag, dealt)| *tag = dealt);
            }
        }
    }
}

/// Training and validation rows, as many as are wanted; the test split is dropped.
fn kept<Row>(splits: &mut Splits<Row>) -> [&mut Vec<Row>; 2] {
    splits.train.truncate(EXAMPLES[0]);
    splits.valid.truncate(EXAMPLES[1]);
    splits.test.clear();
    [&mut splits.train, &mut splits.valid]
}

/// How often each token was there to be learned from.
struct Frequencies {
    counts: Vec<f64>,
    all: f64,
}

impl Frequencies {
    /// Of `ids`; special tokens, which are never hidden, are not counted.
    fn of<'a>(ids: impl Iterator<Item = &'a u32>, is_special: &[bool]) -> Self {
        let mut counts = vec![0.0; is_special.len()];
        ids.filter(|id| !is_special[**id as usize]).for_each(|id| counts[*id as usize] += 1.0);
        let ordinary = is_special.iter().filter(|is_special| !**is_special).count();
        let all = counts.iter().sum::<f64>() + ordinary as f64;
        Self { counts, all }
    }

    /// Nats that a token costs who knows these frequencies alone, each count plus one.
    fn nats(&self, id: i32) -> f64 {
        -((self.counts[id as usize] + 1.0) / self.all).ln()
    }
}

/// The case with tokens in any order, and their frequencies; nothing where there is no row to test on.
fn deal_words(setup: &Setup, words: &Words) -> Result<Option<(Setup, Frequencies)>, TrainError> {
    if setup.config.masking.mask == 0.0 {
        return Ok(None);
    }
    let is_special = setup.tokenizer.is_special();
    match &words.source {
        Source::Text(text) => {
            let mut lines = [Split::Train, Split::Valid].map(|split| sample(&text.prepared, split));
            lines
                .iter_mut()
                .enumerate()
                .for_each(|(at, lines)| shuffle_lines(lines, &mut dealer(setup.seed, at as u64)));
            let known = Frequencies::of(lines[0].iter().flatten(), &is_special);
            let [train, valid] = lines.map(|lines| rows(setup, lines));
            let (Ok(train), Ok(valid)) = (train, valid) else { return Ok(None) };
            let parts = Parts { train, valid, test: None };
            let names = vec![SHUFFLED.to_string()];
            let words = Words::of_rows(&setup.config, setup.seed, text.prepared.clone(), names, parts);
            Ok(Some((setup.with_work(Work::Words(Box::new(words)))?, known)))
        }
        Source::Pages(pages) => {
            if pages.valid.is_empty() {
                return Ok(None);
            }
            let mut at = 0;
            let pages = pages.dealt(&setup.config, setup.seed, &mut |ids| {
                shuffle(ids, &mut dealer(setup.seed, at));
                at += 1;
            });
            let text = pages.train.iter().flat_map(|input| &input.ids[1..input.ids.len() - 1]);
            let known = Frequencies::of(text, &is_special);
            let (names, char_lengths) = (vec![SHUFFLED.to_string()], words.char_lengths.clone());
            let words = Words { names, char_lengths, source: Source::Pages(Box::new(pages)) };
            Ok(Some((setup.with_work(Work::Words(Box::new(words)))?, known)))
        }
    }
}

/// What the text is called whose words stand in any order.
const SHUFFLED: &str = "shuffled";

/// The first lines of each corpus's split, up to its part of [`TOKENS`].
fn sample(prepared: &Prepared, split: Split) -> Vec<Vec<u32>> {
    let corpora = prepared.manifest().corpora.len();
    let most = TOKENS[usize::from(split != Split::Train)] / corpora.max(1);
    let mut lines = Vec::new();
    for corpus in 0..corpora {
        let mut taken = 0;
        for source in prepared.sources(split, corpus) {
            for line in 0..source.line_count() {
                if taken >= most {
                    break;
                }
                let mut ids = Vec::new();
                source.copy_tokens(source.line(line), &mut ids);
                taken += ids.len();
                lines.push(ids);
            }
        }
    }
    lines
}

/// Tokens of all lines in any order, the lines as long as they were.
fn shuffle_lines(lines: &mut [Vec<u32>], rng: &mut ChaCha8Rng) {
    let mut all = lines.concat();
    shuffle(&mut all, rng);
    lines.iter_mut().flatten().zip(all).for_each(|(id, dealt)| *id = dealt);
}

/// Rows of lines, each a document of its own.
fn rows(setup: &Setup, lines: Vec<Vec<u32>>) -> Result<RowSet, TrainError> {
    let documents = lines.into_iter().map(|line| vec![line]).collect::<Vec<_>>();
    let source = Arc::new(MemorySource::new(&documents)) as Arc<dyn TokenSource>;
    let corpus = RowCorpus { name: SHUFFLED.into(), weight: 1.0, sources: vec![source] };
    let (kind, special) = (setup.config.data.rows, setup.tokenizer.special());
    Ok(RowSet::new(vec![corpus], kind, setup.config.model.seq_len, special)?)
}
