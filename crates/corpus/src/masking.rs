//! Masks: which tokens of a row are hidden and scored, as a function of (seed, epoch or 0, row).

use std::sync::Arc;

use case::{MaskPolicy, MaskUnit, MaskingConfig};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::Rng;

use crate::SpecialIds;
use crate::random::{Purpose, below, mix, stream};

/// Longest span in words (Joshi et al. 2020, §3.1).
const LONGEST_SPAN: usize = 10;

/// 1 on the scale of `next_u32`: shares are compared with draws as integers, the same on every machine.
const ONE: u64 = 1 << 32;

/// What stands in the input where a token is scored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum MaskKind {
    /// `[MASK]`.
    Mask,
    /// A random ordinary token, by chance the true one.
    Random,
    /// The true token.
    Kept,
}

/// A scored position of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Scored {
    /// Where in the row.
    pub position: u32,
    /// The true id.
    pub label: u32,
    /// What stands there instead.
    pub kind: MaskKind,
}

/// A row with its masks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MaskedRow {
    /// The row's ids after masking.
    pub input_ids: Vec<u32>,
    /// All selected positions, ascending: each is scored, whatever its kind.
    pub scored: Vec<Scored>,
    /// Hash of the row's id and of position, replacement and kind of each scored token; not of the epoch, so that
    /// equal masks are equal hashes.
    pub hash: u64,
}

/// Selects tokens and hides them.
///
/// # Selection
/// Of a row's n ordinary tokens, the target is rate · n rounded to the nearest, at least 1 where n is. Special tokens
/// are never selected. What is selected together is a unit:
/// - token: single tokens without replacement, exactly the target.
/// - word: whole words (a word starts where `starts_word` says, and after a special token) in random order.
/// - span: words as well, each with those that follow it, up to a drawn length, the row's next special token, or a
///   word already selected; these three ends make realised spans shorter than drawn ones.
///
/// A word longer than what is left to the target is taken with probability left / length, and either way is the last:
/// the count is the target on average, where skipping such words would lose long words and taking them would overshoot.
/// Only while nothing is selected the next one is tried instead, and a row with a token always gets one scored.
///
/// # Source
/// Devlin et al. 2018, §3.1: the kind is drawn for each token, so that counts of each kind vary around their shares.
/// Joshi et al. 2020, §3.1: geometric span lengths of at most 10 words with the mean asked for after truncation (p =
/// 0.2 gives 3.8); the kind is drawn once a span. Means above 5.5 need a distribution that rises with length, and 10
/// is the largest.
#[derive(Clone)]
pub struct Masker {
    rate: f64,
    unit: MaskUnit,
    fixed: bool,
    /// Draws below are [`MaskKind::Mask`].
    mask_below: u64,
    /// Other draws below are [`MaskKind::Random`].
    random_below: u64,
    /// Draws below entry l are spans of at most l + 1 words.
    span_below: [u64; LONGEST_SPAN],
    is_special: Arc<[bool]>,
    starts_word: Arc<[bool]>,
    /// What random replacements are drawn from.
    ordinary: Arc<[u32]>,
    mask_id: u32,
    seed: u64,
    purpose: Purpose,
}

/// What is selected together: tokens `start..end` of a row.
#[derive(Debug, Clone, Copy)]
struct Unit {
    start: u32,
    end: u32,
    /// No special token stands between it and the unit before.
    follows: bool,
}

impl Unit {
    fn tokens(&self) -> u32 {
        self.end - self.start
    }
}

/// What of a row is selected so far.
struct Selection {
    /// For each token: nothing, or what stands in its place.
    kinds: Vec<Option<MaskKind>>,
    /// Tokens to select.
    target: u32,
    /// Tokens left to select, 0 to end.
    left: u32,
}

impl Selection {
    fn holds(&self, unit: Unit) -> bool {
        self.kinds[unit.start as usize].is_some()
    }

    fn is_empty(&self) -> bool {
        self.left == self.target
    }
}

impl Masker {
    /// A masker for a vocabulary whose ids are described by `is_special` and `starts_word`, both of V entries.
    ///
    /// `[PAD]`, `[CLS]`, `[SEP]` and `[MASK]` are special whatever `is_special` says.
    ///
    /// # Panics
    /// If the tables differ in length, or leave out a special id.
    pub fn new(
        config: &MaskingConfig,
        special: SpecialIds,
        is_special: Arc<[bool]>,
        starts_word: Arc<[bool]>,
        seed: u64,
        purpose: Purpose,
    ) -> Self {
        assert_eq!(is_special.len(), starts_word.len(), "one entry for each id of the vocabulary");
        let mut table = is_special.to_vec();
        for id in [special.pad, special.cls, special.sep, special.mask] {
            table[id as usize] = true;
        }
        let (mask_below, random_below) = kind_limits(config);
        Self {
            rate: config.rate,
            unit: config.unit,
            fixed: config.policy == MaskPolicy::Fixed,
            mask_below,
            random_below,
            span_below: span_limits(config.span_length),
            ordinary: (0..table.len() as u32).filter(|id| !table[*id as usize]).collect(),
            is_special: table.into(),
            starts_word,
            mask_id: special.mask,
            seed,
            purpose,
        }
    }

    /// Masks the row with id `row`: the same answer whatever batch, worker or order it is asked in.
    ///
    /// The fixed policy takes every epoch for epoch 0.
    ///
    /// # Panics
    /// If an id is outside the vocabulary.
    pub fn mask(&self, epoch: u64, row: u64, ids: &[u32]) -> MaskedRow {
        let epoch = if self.fixed { 0 } else { epoch };
        let mut rng = stream(self.seed, self.purpose, epoch, row);
        let kinds = self.select(&self.units(ids), ids.len(), &mut rng);
        let mut input_ids = ids.to_vec();
        let mut scored = Vec::with_capacity((self.rate * ids.len() as f64) as usize + LONGEST_SPAN);
        for (position, kind) in kinds.into_iter().enumerate() {
            let Some(kind) = kind else { continue };
            scored.push(Scored { position: position as u32, label: ids[position], kind });
            match kind {
                MaskKind::Mask => input_ids[position] = self.mask_id,
                MaskKind::Random => {
                    input_ids[position] = self.ordinary[below(&mut rng, self.ordinary.len() as u32) as usize];
                }
                MaskKind::Kept => {}
            }
        }
        let hash = row_hash(row, scored.iter().map(|s| (s.position, input_ids[s.position as usize], s.kind)));
        MaskedRow { input_ids, scored, hash }
    }

    /// The row's ordinary tokens as units; a span is put together from units later.
    fn units(&self, ids: &[u32]) -> Vec<Unit> {
        let mut units: Vec<Unit> = Vec::with_capacity(ids.len());
        let mut after_special = true;
        for (position, &id) in ids.iter().enumerate() {
            let position = position as u32;
            if self.is_special[id as usize] {
                after_special = true;
                continue;
            }
            let starts = after_special || self.unit == MaskUnit::Token || self.starts_word[id as usize];
            match units.last_mut() {
                Some(unit) if !starts => unit.end = position + 1,
                _ => units.push(Unit { start: position, end: position + 1, follows: !after_special }),
            }
            after_special = false;
        }
        units
    }

    /// For each token of the row: nothing, or what stands in its place when it is scored.
    fn select(&self, units: &[Unit], row_len: usize, rng: &mut ChaCha8Rng) -> Vec<Option<MaskKind>> {
        let target = self.target(units);
        let mut selection = Selection { kinds: vec![None; row_len], target, left: target };
        let mut order: Vec<u32> = (0..units.len() as u32).collect();
        for turn in 0..order.len() {
            if selection.left == 0 {
                return selection.kinds;
            }
            order.swap(turn, turn + below(rng, (units.len() - turn) as u32) as usize);
            let first = order[turn] as usize;
            if !selection.holds(units[first]) {
                self.select_from(first, units, &mut selection, rng);
            }
        }
        if let (true, Some(&first)) = (selection.is_empty(), order.first()) {
            let kind = self.span_kind(rng);
            self.take(units[first as usize], kind, &mut selection, rng);
        }
        selection.kinds
    }

    /// How many of the row's ordinary tokens are to be selected.
    fn target(&self, units: &[Unit]) -> u32 {
        let tokens: u32 = units.iter().map(Unit::tokens).sum();
        ((self.rate * f64::from(tokens)).round() as u32).max(1).min(tokens)
    }

    /// Selects the unit `first`, and for spans those that follow.
    fn select_from(&self, first: usize, units: &[Unit], selection: &mut Selection, rng: &mut ChaCha8Rng) {
        let length = if self.unit == MaskUnit::Span { self.span_length(rng) } else { 1 };
        let kind = self.span_kind(rng);
        for (index, &unit) in units.iter().enumerate().skip(first).take(length) {
            if index > first && (!unit.follows || selection.holds(unit)) {
                return;
            }
            if unit.tokens() > selection.left && below(rng, unit.tokens()) >= selection.left {
                // The lot went against it, and it is the last, unless the row would score nothing.
                selection.left = if selection.is_empty() { selection.left } else { 0 };
                return;
            }
            self.take(unit, kind, selection, rng);
            if selection.left == 0 {
                return;
            }
        }
    }

    /// Selects one unit, as `kind` or each token as drawn for it.
    fn take(&self, unit: Unit, kind: Option<MaskKind>, selection: &mut Selection, rng: &mut ChaCha8Rng) {
        for position in unit.start..unit.end {
            selection.kinds[position as usize] = Some(kind.unwrap_or_else(|| self.kind(rng)));
        }
        selection.left = selection.left.saturating_sub(unit.tokens());
    }

    /// The kind of a whole span; nothing where each token draws its own.
    fn span_kind(&self, rng: &mut ChaCha8Rng) -> Option<MaskKind> {
        (self.unit == MaskUnit::Span).then(|| self.kind(rng))
    }

    fn kind(&self, rng: &mut ChaCha8Rng) -> MaskKind {
        self.kind_of(u64::from(rng.next_u32()))
    }

    fn kind_of(&self, draw: u64) -> MaskKind {
        if draw < self.mask_below {
            MaskKind::Mask
        } else if draw < self.random_below {
            MaskKind::Random
        } else {
            MaskKind::Kept
        }
    }

    /// Words of a span, at least 1.
    fn span_length(&self, rng: &mut ChaCha8Rng) -> usize {
        let draw = u64::from(rng.next_u32());
        1 + self.span_below.partition_point(|limit| *limit <= draw)
    }
}

/// Hash of one row's masks: of its id, and of position, id in the input and kind of each scored token.
pub(crate) fn row_hash(row: u64, scored: impl Iterator<Item = (u32, u32, MaskKind)>) -> u64 {
    scored.fold(mix(row), |hash, (position, input, kind)| {
        let hash = mix(hash ^ (u64::from(position) << 32 | u64::from(input)));
        mix(hash.wrapping_add(1 + kind as u64))
    })
}

/// Where draws end that are [`MaskKind::Mask`], and where those end that are [`MaskKind::Random`].
///
/// A share of 0 gives its kind no draw at all, whatever the rounding of the others.
fn kind_limits(config: &MaskingConfig) -> (u64, u64) {
    let on_scale = |share: f64| (share * ONE as f64).round() as u64;
    let random_below = if config.keep > 0.0 { on_scale(config.mask + config.random) } else { ONE };
    let mask_below = if config.random > 0.0 { on_scale(config.mask) } else { random_below };
    (mask_below, random_below)
}

/// Where draws end that are spans of at most 1, 2, ... words: weights 1, r, r², ... with the r that gives `mean`.
fn span_limits(mean: f64) -> [u64; LONGEST_SPAN] {
    // The mean rises with r from 1 (r = 0) towards 10; by halving, without a logarithm that machines may round apart.
    let (mut low, mut high) = (0.0, 1e6);
    for _ in 0..200 {
        let middle = (low + high) / 2.0;
        let (weights, sum) = span_weights(middle);
        let middle_mean = weights.iter().zip(1..).map(|(weight, words)| weight * f64::from(words)).sum::<f64>() / sum;
        if middle_mean < mean { low = middle } else { high = middle }
    }
    let (weights, sum) = span_weights(low);
    let mut below = 0.0;
    let mut limits = weights.map(|weight| {
        below += weight / sum;
        (below * ONE as f64).round() as u64
    });
    limits[LONGEST_SPAN - 1] = ONE;
    limits
}

fn span_weights(ratio: f64) -> ([f64; LONGEST_SPAN], f64) {
    let mut weights = [1.0; LONGEST_SPAN];
    for words in 1..LONGEST_SPAN {
        weights[words] = weights[words - 1] * ratio;
    }
    (weights, weights.iter().sum())
}

#[cfg(test)]
mod tests;
