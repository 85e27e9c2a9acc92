//! What is hidden is what the case asks for, and nothing else.

use case::{MaskPolicy, MaskUnit, MaskingConfig, OrderKind};
use corpus::{Batch, MaskKind};

use super::{
    bench::Clock,
    checked::{Advice, Checked, percent},
};
use crate::{
    setup::Setup,
    tally::kind_index,
    words::{Source, Words},
};

pub(super) const NAME: &str = "masks";

/// Deviations by which a share may be away: one in 16,000 is further by chance.
const DEVIATIONS: f64 = 4.0;
/// A span's tokens are one draw: it is as if there were so many times fewer.
const TOKENS_OF_A_SPAN: f64 = 30.0;
/// Real tokens that are looked at, at most.
const TOKENS: u64 = 4_000_000;
/// Updates of an epoch whose masks are compared with the next one's, at most.
const EPOCH: u64 = 5_000;
/// Share of all time that may be spent.
const TIME: f64 = 0.1;

const ADVICE: Advice = Advice {
    meaning: "the model is asked something else than the case says: losses of other runs with the same [masking] do not compare",
    next: "compare [masking] with `casebook check --resolved`; if they agree this is a defect of the program: please report it",
};

/// What was counted in batches.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Counted {
    /// Ordinary tokens.
    pub(super) ordinary: u64,
    /// Scored tokens that the plan makes of them, row by row.
    pub(super) planned: u64,
    /// Scored positions that hold `[MASK]`, a random word, the word itself.
    pub(super) kinds: [u64; 3],
    /// Scored positions whose word is a special token.
    pub(super) special: u64,
    /// Scored positions whose input is not what its kind says.
    pub(super) untrue: u64,
}

impl Counted {
    /// Adds a batch.
    pub(super) fn add(&mut self, batch: &Batch, setup: &Setup) {
        let (is_special, mask) = (setup.tokenizer.is_special(), setup.tokenizer.special().mask as i32);
        let special = |id: i32| is_special[id as usize];
        let mut before = batch.input_ids.clone();
        for (at, label) in batch.labels.iter().enumerate() {
            let (position, kind) = (batch.positions[at] as usize, batch.kinds[at]);
            let input = batch.input_ids[position];
            self.kinds[kind_index(kind)] += 1;
            self.special += u64::from(special(*label));
            self.untrue += u64::from(match kind {
                MaskKind::Mask => input != mask,
                MaskKind::Random => special(input),
                MaskKind::Kept => input != *label,
            });
            before[position] = *label;
        }
        for (row, length) in before.chunks(batch.width.max(1)).zip(&batch.lengths) {
            let ordinary = row[..*length as usize].iter().filter(|id| !special(**id)).count() as u64;
            self.ordinary += ordinary;
            // Rounded to the nearest, and at least one of a row that has any: `corpus::Masker`.
            let planned = (setup.config.masking.rate * ordinary as f64).round() as u64;
            self.planned += planned.max(1).min(ordinary);
        }
    }

    /// Whether all is as planned.
    pub(super) fn judge(&self, masking: &MaskingConfig) -> Checked {
        let scored = self.kinds.iter().sum::<u64>();
        let draws = if masking.unit == MaskUnit::Span { TOKENS_OF_A_SPAN } else { 1.0 };
        let allowed = |share: f64, of: u64| DEVIATIONS * (share * (1.0 - share) * draws / of.max(1) as f64).sqrt();
        let planned = self.planned as f64 / self.ordinary.max(1) as f64;
        let rates = [
            ("scored", scored, self.ordinary, planned),
            ("[MASK]", self.kinds[0], scored, masking.mask),
            ("random", self.kinds[1], scored, masking.random),
            ("kept", self.kinds[2], scored, masking.keep),
        ];
        let share = |part: u64, whole: u64| part as f64 / whole.max(1) as f64;
        let is_right = |(_, part, whole, wanted): &(&str, u64, u64, f64)| {
            (share(*part, *whole) - wanted).abs() <= allowed(*wanted, *whole)
        };
        let holds = scored > 0 && rates.iter().all(is_right) && self.special == 0 && self.untrue == 0;
        let measured = rates.iter().map(|(name, part, whole, _)| format!("{} {name}", percent(share(*part, *whole))));
        let wanted = rates
            .iter()
            .map(|(_, _, whole, wanted)| format!("{} ± {}", percent(*wanted), percent(allowed(*wanted, *whole))));
        let rate = percent(masking.rate);
        let mut remarks = vec![format!(
            "{scored} scored of {} ordinary tokens; the rate of {rate} is rounded to whole tokens in each row",
            self.ordinary
        )];
        if self.special > 0 {
            remarks.push(format!("{} special tokens are scored, of which there must be none", self.special));
        }
        if self.untrue > 0 {
            remarks.push(format!(
                "{} inputs are not what stands beside them: [MASK], a random word, the word",
                self.untrue
            ));
        }
        let (measured, wanted) = (joined(measured), joined(wanted));
        Checked::judged(NAME, holds, measured, wanted, ADVICE).with(remarks)
    }
}

fn joined(parts: impl Iterator<Item = String>) -> String {
    parts.collect::<Vec<_>>().join(", ")
}

/// Counts what is hidden in the first batches of training, and whether the next epoch hides the same.
pub(super) fn masks(setup: &Setup, words: &Words, clock: &Clock) -> Checked {
    let deadline = clock.deadline(TIME);
    let mut counted = Counted::default();
    let (mut tokens, mut step, mut first_epoch) = (0, 0, 0u64);
    let steps = words.steps_per_epoch();
    while step < steps && tokens < TOKENS && !(deadline.is_over() && step > 0) {
        let batch = words.batch(step);
        counted.add(&batch, setup);
        tokens += batch.real_tokens;
        first_epoch = first_epoch.wrapping_add(batch.mask_hash);
        step += 1;
    }
    let checked = counted.judge(&setup.config.masking);
    if step < steps || steps > EPOCH || deadline.is_over() || !reads_all(setup, words) {
        return checked.with([format!("{step} of an epoch's {steps} batches were looked at, of one epoch")]);
    }
    let second = (steps..2 * steps).fold(0u64, |sum, step| sum.wrapping_add(words.batch(step).mask_hash));
    judge_epochs(checked, setup.config.masking.policy, first_epoch == second)
}

/// Whether every epoch reads the same rows, so that its masks can be compared.
fn reads_all(setup: &Setup, words: &Words) -> bool {
    let is_text = matches!(words.source, Source::Text(_));
    !is_text
        || setup.config.data.order == OrderKind::Mixed
            && setup.config.data.corpora.iter().all(|corpus| corpus.weight == 1.0)
}

/// Adds whether two epochs' masks are the same to what was found.
pub(super) fn judge_epochs(checked: Checked, policy: MaskPolicy, are_same: bool) -> Checked {
    let wanted = policy == MaskPolicy::Fixed;
    let word = if are_same { "the same" } else { "others" };
    let measured = format!("{}; {word} in the second epoch", checked.measured);
    let threshold = format!("{}; {}", checked.threshold, if wanted { "the same" } else { "others" });
    let holds = checked.passed() && are_same == wanted;
    Checked::judged(NAME, holds, measured, threshold, ADVICE).with(checked.remarks)
}
