use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;
use crate::batch::testing::{FIRST_ORDINARY, SPECIAL, VOCABULARY, masker, masking};

const UNITS: [MaskUnit; 3] = [MaskUnit::Token, MaskUnit::Word, MaskUnit::Span];

fn any_row() -> impl Strategy<Value = Vec<u32>> {
    prop::collection::vec(prop_oneof![1 => 0..FIRST_ORDINARY, 12 => FIRST_ORDINARY..VOCABULARY], 0..200)
}

fn any_config() -> impl Strategy<Value = MaskingConfig> {
    let shares = prop_oneof![Just((0.8, 0.1)), Just((1.0, 0.0)), Just((0.0, 1.0)), Just((0.0, 0.0)), Just((0.3, 0.6))];
    let policy = prop_oneof![Just(MaskPolicy::PerEpoch), Just(MaskPolicy::Fixed)];
    (prop::sample::select(&UNITS[..]), policy, 0.001..0.999, 1.0..10.0, shares).prop_map(
        |(unit, policy, rate, span_length, (mask, random))| MaskingConfig {
            unit,
            policy,
            rate,
            span_length,
            mask,
            random,
            keep: if mask + random < 1.0 { 1.0 - mask - random } else { 0.0 },
        },
    )
}

/// Words of a row, as positions.
fn words(ids: &[u32]) -> Vec<Vec<usize>> {
    let mut words: Vec<Vec<usize>> = Vec::new();
    for (at, id) in ids.iter().enumerate() {
        let goes_on = at > 0 && ids[at - 1] >= FIRST_ORDINARY && id % 2 == 1;
        match words.last_mut() {
            _ if *id < FIRST_ORDINARY => {}
            Some(word) if goes_on => word.push(at),
            _ => words.push(vec![at]),
        }
    }
    words
}

/// A row of `words` words of 1 to 3 tokens between `[CLS]` and `[SEP]`.
fn row_of_words(words: u32) -> Vec<u32> {
    let mut ids = vec![SPECIAL.cls];
    for word in 0..words {
        ids.push(6 + 2 * (word % 90));
        ids.extend((0..word * 7 % 3).map(|part| 7 + 2 * part));
    }
    ids.push(SPECIAL.sep);
    ids
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]
    #[test]
    fn what_is_masked_and_scored_is_right_on_any_row(config in any_config(), ids in any_row(), seed: u64, epoch: u64, row: u64) {
        let masked = masker(&config, seed, Purpose::Masks).mask(epoch, row, &ids);
        prop_assert_eq!(masked.input_ids.len(), ids.len());
        prop_assert!(masked.scored.is_sorted_by(|a, b| a.position < b.position));
        let selected: BTreeSet<usize> = masked.scored.iter().map(|scored| scored.position as usize).collect();
        for (at, (before, after)) in ids.iter().zip(&masked.input_ids).enumerate() {
            prop_assert!(selected.contains(&at) || before == after, "token {} was not selected and changed", at);
        }
        for scored in &masked.scored {
            let (label, input) = (ids[scored.position as usize], masked.input_ids[scored.position as usize]);
            prop_assert_eq!(scored.label, label);
            prop_assert!(label >= FIRST_ORDINARY, "special token {} was selected", label);
            match scored.kind {
                MaskKind::Mask => prop_assert_eq!(input, SPECIAL.mask),
                MaskKind::Random => prop_assert!((FIRST_ORDINARY..VOCABULARY).contains(&input)),
                MaskKind::Kept => prop_assert_eq!(input, label),
            }
            prop_assert!(config.mask > 0.0 || scored.kind != MaskKind::Mask);
            prop_assert!(config.random > 0.0 || scored.kind != MaskKind::Random);
            prop_assert!(config.keep > 0.0 || scored.kind != MaskKind::Kept);
        }
    }

    #[test]
    fn the_count_is_the_rate(config in any_config(), ids in any_row(), seed: u64) {
        let masked = masker(&config, seed, Purpose::Masks).mask(0, 0, &ids);
        let ordinary = ids.iter().filter(|id| **id >= FIRST_ORDINARY).count();
        let target = if ordinary == 0 { 0 } else { ((config.rate * ordinary as f64).round() as usize).max(1) };
        let longest = match config.unit {
            MaskUnit::Token => 1,
            _ => words(&ids).iter().map(Vec::len).max().unwrap_or(1),
        };
        prop_assert!(masked.scored.len().abs_diff(target) < longest, "{} for {}", masked.scored.len(), target);
        prop_assert_eq!(masked.scored.is_empty(), ordinary == 0);
    }

    #[test]
    fn words_are_selected_whole(ids in any_row(), seed: u64, rate in 0.01..0.99, spans: bool) {
        let unit = if spans { MaskUnit::Span } else { MaskUnit::Word };
        let masked = masker(&masking(unit, MaskPolicy::Fixed, rate), seed, Purpose::Masks).mask(0, 0, &ids);
        let selected: BTreeSet<usize> = masked.scored.iter().map(|scored| scored.position as usize).collect();
        for word in words(&ids) {
            let count = word.iter().filter(|at| selected.contains(at)).count();
            prop_assert!(count == 0 || count == word.len(), "{:?} of {:?}", selected, word);
        }
    }

    #[test]
    fn masks_are_a_function_of_seed_epoch_and_row(config in any_config(), ids in any_row(), seed: u64, epoch: u64, row: u64) {
        let masked = masker(&config, seed, Purpose::Masks).mask(epoch, row, &ids);
        let again = masker(&config, seed, Purpose::Masks);
        let _ = again.mask(3, 4, &ids);
        prop_assert_eq!(&again.mask(epoch, row, &ids), &masked);
        if config.policy == MaskPolicy::Fixed {
            prop_assert_eq!(again.mask(epoch.wrapping_add(1), row, &ids), masked);
        }
    }
}

#[test]
fn epoch_row_seed_and_purpose_change_the_masks() {
    let ids = row_of_words(80);
    for unit in UNITS {
        let config = masking(unit, MaskPolicy::PerEpoch, 0.15);
        let mut hashes = BTreeSet::new();
        for epoch in 0..20 {
            for row in 0..20 {
                let masked = masker(&config, 1, Purpose::Masks).mask(epoch, row, &ids);
                let positions: Vec<u32> = masked.scored.iter().map(|scored| scored.position).collect();
                assert!(hashes.insert(masked.hash), "two rows have the hash {}", masked.hash);
                assert!(
                    unit == MaskUnit::Span || row > 0 || epoch == 0 || {
                        let other = masker(&config, 1, Purpose::Masks).mask(epoch - 1, row, &ids);
                        !other.scored.iter().map(|scored| scored.position).eq(positions)
                    }
                );
            }
        }
        let of = |seed, purpose| masker(&config, seed, purpose).mask(0, 0, &ids).scored;
        assert_ne!(of(1, Purpose::Masks), of(2, Purpose::Masks));
        assert_ne!(of(1, Purpose::Masks), of(1, Purpose::ValidMasks));
    }
}

#[test]
fn shares_and_rate_are_met_over_many_rows() {
    for unit in UNITS {
        let masker = masker(&masking(unit, MaskPolicy::PerEpoch, 0.15), 1, Purpose::Masks);
        let (mut counts, mut tokens) = ([0.0_f64; 3], 0.0_f64);
        for row in 0..6_000 {
            let ids = row_of_words(30 + row as u32 % 40);
            tokens += (ids.len() - 2) as f64;
            for scored in masker.mask(0, row, &ids).scored {
                counts[scored.kind as usize] += 1.0;
            }
        }
        let scored: f64 = counts.iter().sum();
        let rate = scored / tokens;
        // Rounding to whole tokens evens out over rows of 40 lengths.
        assert!((rate - 0.15).abs() < 0.002, "{unit:?}: {rate}");
        for (count, share) in counts.iter().zip([0.8, 0.1, 0.1]) {
            // About 80,000 scored tokens, in spans 11,000 draws of some 7 tokens: four deviations.
            let bound = if unit == MaskUnit::Span { 0.02 } else { 0.006 };
            assert!((count / scored - share).abs() < bound, "{unit:?}: {count} of {scored} for {share}");
        }
    }
}

#[test]
fn every_token_is_as_likely_as_any_other() {
    for unit in [MaskUnit::Token, MaskUnit::Word] {
        let masker = masker(&masking(unit, MaskPolicy::PerEpoch, 0.15), 1, Purpose::Masks);
        let ids = row_of_words(40);
        let mut counts = vec![0_u32; ids.len()];
        for row in 0..20_000 {
            masker.mask(0, row, &ids).scored.iter().for_each(|scored| counts[scored.position as usize] += 1);
        }
        let expected = 0.15 * 20_000.0;
        // Long words too: the last one is taken by lot. Four deviations are 200, and words' ends cost a little.
        for (at, count) in counts.iter().enumerate().take(ids.len() - 1).skip(1) {
            assert!((f64::from(*count) - expected).abs() < 300.0, "{unit:?}: token {at} was selected {count} times");
        }
    }
}

#[test]
fn random_replacements_are_even_over_the_ordinary_ids() {
    let config = MaskingConfig { mask: 0.0, random: 1.0, keep: 0.0, rate: 0.5, ..MaskingConfig::default() };
    let masker = masker(&config, 1, Purpose::Masks);
    let ids = vec![100; 200];
    let mut counts = vec![0_u32; VOCABULARY as usize];
    for row in 0..2_000 {
        let masked = masker.mask(0, row, &ids);
        masked.scored.iter().for_each(|scored| counts[masked.input_ids[scored.position as usize] as usize] += 1);
    }
    assert!(counts[..FIRST_ORDINARY as usize].iter().all(|count| *count == 0));
    // 1,000 each, deviation 32: five of them.
    assert!(counts[FIRST_ORDINARY as usize..].iter().all(|count| count.abs_diff(1_000) < 160), "{counts:?}");
}

#[test]
fn a_span_has_one_kind() {
    let config = MaskingConfig { span_length: 10.0, ..masking(MaskUnit::Span, MaskPolicy::PerEpoch, 0.3) };
    let masker = masker(&config, 1, Purpose::Masks);
    let mut ids = vec![6; 12];
    ids.push(SPECIAL.sep);
    ids.extend([6; 12]);
    let mut changes = 0;
    for row in 0..500 {
        let masked = masker.mask(0, row, &ids);
        assert!(masked.scored.iter().all(|scored| scored.position != 12));
        assert_eq!(masked.scored.len(), 7);
        changes += masked.scored.windows(2).filter(|pair| pair[0].kind != pair[1].kind).count();
    }
    // One or two spans a row, never seven draws: with a draw a token there would be about 1,000 changes.
    assert!(changes < 400, "{changes}");
}

#[test]
fn a_span_ends_at_the_next_special_token() {
    // Documents of one word each: every word is a span of its own and draws its own kind.
    let shares = MaskingConfig { mask: 0.5, random: 0.0, keep: 0.5, span_length: 9.0, ..MaskingConfig::default() };
    let masker = masker(&MaskingConfig { unit: MaskUnit::Span, rate: 0.9, ..shares }, 1, Purpose::Masks);
    let ids: Vec<u32> = (0..400).map(|at| if at % 2 == 0 { 6 } else { SPECIAL.sep }).collect();
    let (mut changes, mut pairs) = (0_u32, 0_u32);
    for row in 0..50 {
        let scored = masker.mask(0, row, &ids).scored;
        changes += scored.windows(2).filter(|pair| pair[0].kind != pair[1].kind).count() as u32;
        pairs += scored.len() as u32 - 1;
    }
    // Half of 8,950, deviation 47: five of them.
    assert!(changes.abs_diff(pairs / 2) < 235, "{changes} of {pairs}");
}

#[test]
fn special_tokens_are_special_whatever_the_table_says() {
    let table: Arc<[bool]> = vec![false; VOCABULARY as usize].into();
    let config = MaskingConfig { mask: 0.0, random: 1.0, keep: 0.0, rate: 0.9, ..MaskingConfig::default() };
    let masker = Masker::new(&config, SPECIAL, table.clone(), table, 1, Purpose::Masks);
    let ids = [SPECIAL.cls, 9, SPECIAL.mask, 9, SPECIAL.sep, SPECIAL.pad];
    for row in 0..2_000 {
        let masked = masker.mask(0, row, &ids);
        assert_eq!(masked.scored.iter().map(|scored| scored.position).collect::<Vec<_>>(), [1, 3]);
        let drawn = [masked.input_ids[1], masked.input_ids[3]];
        assert!(drawn.iter().all(|id| ![SPECIAL.pad, SPECIAL.cls, SPECIAL.sep, SPECIAL.mask].contains(id)));
    }
}

#[test]
fn draws_are_parted_where_the_shares_end() {
    let of = |mask, random, keep| {
        let config = MaskingConfig { mask, random, keep, ..MaskingConfig::default() };
        let masker = masker(&config, 1, Purpose::Masks);
        move |draw| masker.kind_of(draw)
    };
    let quarters = of(0.25, 0.5, 0.25);
    let [first, third] = [ONE / 4, 3 * ONE / 4];
    let kinds = [0, first - 1, first, third - 1, third, ONE - 1].map(quarters);
    assert_eq!(kinds.map(|kind| kind as u8), [0, 0, 1, 1, 2, 2]);
    // A share of 0 has no draw, however the others are rounded, and the last share has the last one.
    assert_eq!(of(0.5, 0.499, 0.0)(ONE - 1), MaskKind::Random);
    assert_eq!(of(0.999, 0.0, 0.0)(ONE - 1), MaskKind::Mask);
    assert_eq!([0, ONE - 1].map(of(1.0, 0.0, 0.0)), [MaskKind::Mask; 2]);
    assert_eq!([0, ONE - 1].map(of(0.0, 1.0, 0.0)), [MaskKind::Random; 2]);
    assert_eq!([0, ONE - 1].map(of(0.0, 0.0, 1.0)), [MaskKind::Kept; 2]);
    assert_eq!([ONE / 2 - 1, ONE / 2].map(of(0.5, 0.0, 0.5)), [MaskKind::Mask, MaskKind::Kept]);
    assert_eq!([ONE / 2 - 1, ONE / 2].map(of(0.5, 0.5, 0.0)), [MaskKind::Mask, MaskKind::Random]);
}

#[test]
fn span_lengths_have_the_mean_asked_for() {
    for mean in [1.0, 2.0, 3.8, 5.5, 8.0] {
        let config = MaskingConfig { span_length: mean, unit: MaskUnit::Span, ..MaskingConfig::default() };
        let masker = masker(&config, 1, Purpose::Masks);
        let mut rng = stream(1, Purpose::Masks, 0, 0);
        let lengths: Vec<usize> = (0..40_000).map(|_| masker.span_length(&mut rng)).collect();
        assert!(lengths.iter().all(|length| (1..=LONGEST_SPAN).contains(length)));
        let realised = lengths.iter().sum::<usize>() as f64 / lengths.len() as f64;
        assert!((realised - mean).abs() < 0.06, "{realised} for {mean}"); // deviation of the mean at most 0.015
    }
}

#[test]
fn spans_of_3_8_words_are_those_of_spanbert() {
    // Geometric with p = 0.2, cut at 10: 0.2 / (1 - 0.8^10) of all spans are single words.
    let limits = span_limits(3.797);
    let single = limits[0] as f64 / ONE as f64;
    assert!((single - 0.224).abs() < 0.001, "{single}");
}

#[test]
fn realised_spans_are_runs_near_the_mean() {
    let masker = masker(&masking(MaskUnit::Span, MaskPolicy::PerEpoch, 0.05), 1, Purpose::Masks);
    let ids = vec![6; 2_000];
    let (mut tokens, mut runs) = (0_usize, 0_usize);
    for row in 0..200 {
        let scored = masker.mask(0, row, &ids).scored;
        tokens += scored.len();
        runs += 1 + scored.windows(2).filter(|pair| pair[1].position > pair[0].position + 1).count();
    }
    let mean = tokens as f64 / runs as f64;
    assert!((3.5..4.4).contains(&mean), "{mean}"); // neighbours that touch count as one run
}

#[test]
fn a_row_of_special_tokens_alone_scores_nothing() {
    for unit in UNITS {
        let masked = masker(&masking(unit, MaskPolicy::Fixed, 0.9), 1, Purpose::Masks).mask(0, 0, &[2, 3, 0, 0]);
        assert_eq!((masked.input_ids, masked.scored), (vec![2, 3, 0, 0], vec![]));
    }
}

#[test]
fn masks_keep_their_values_for_ever() {
    let ids = row_of_words(16);
    let hashes =
        UNITS.map(|unit| masker(&masking(unit, MaskPolicy::PerEpoch, 0.15), 1, Purpose::Masks).mask(2, 3, &ids).hash);
    assert_eq!(hashes, [17_845_341_726_578_672_553, 239_412_886_125_908_058, 9_319_862_580_508_222_759]);
}
