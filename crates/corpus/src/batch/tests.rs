use std::collections::BTreeMap;

use case::{MaskPolicy, MaskUnit, MaskingConfig};
use proptest::prelude::*;

use super::testing::*;
use super::*;
use crate::{Purpose, RowCorpus};

fn epoch(plan: &BatchPlan, epoch: u64) -> Vec<Batch> {
    let steps = plan.steps_per_epoch();
    (epoch * steps..(epoch + 1) * steps).map(|step| plan.batch(step)).collect()
}

fn hash_of(batches: &[Batch]) -> u64 {
    batches.iter().fold(0, |sum, batch| sum.wrapping_add(batch.mask_hash))
}

/// What each row of the batches looks like on its own: ids, scored (position, label, kind), corpora.
type Seen = (Vec<i32>, Vec<(i32, i32, MaskKind)>, Vec<u16>);

fn by_row(batches: &[Batch]) -> BTreeMap<u64, Seen> {
    let mut seen = BTreeMap::new();
    for batch in batches {
        for (row, id) in batch.rows.iter().enumerate() {
            let start = row * batch.width;
            let ids = batch.input_ids[start..start + batch.lengths[row] as usize].to_vec();
            let of_row: Vec<usize> = (0..batch.positions.len())
                .filter(|at| (start..start + batch.width).contains(&(batch.positions[*at] as usize)))
                .collect();
            let scored =
                of_row.iter().map(|at| (batch.positions[*at] - start as i32, batch.labels[*at], batch.kinds[*at]));
            let corpora = of_row.iter().map(|at| batch.corpora[*at]).collect();
            assert!(seen.insert(*id, (ids, scored.collect(), corpora)).is_none(), "row {id} stands twice");
        }
    }
    seen
}

fn assert_whole(batch: &Batch) {
    let padded = batch.rows.len() * batch.width;
    assert_eq!(batch.input_ids.len(), padded);
    assert_eq!(batch.lengths.len(), batch.rows.len());
    assert_eq!(batch.padded_tokens(), padded as u64);
    assert_eq!(batch.lengths.iter().map(|length| u64::from(*length)).sum::<u64>(), batch.real_tokens);
    assert_eq!(batch.lengths.iter().max().map(|length| *length as usize), Some(batch.width));
    assert!(batch.positions.is_sorted_by(|a, b| a < b));
    assert!([batch.labels.len(), batch.kinds.len(), batch.corpora.len()].iter().all(|k| *k == batch.positions.len()));
    for (row, length) in batch.lengths.iter().enumerate() {
        let ids = &batch.input_ids[row * batch.width..(row + 1) * batch.width];
        assert!(ids[..*length as usize].iter().all(|id| *id != SPECIAL.pad as i32));
        assert!(ids[*length as usize..].iter().all(|id| *id == SPECIAL.pad as i32));
    }
    assert_eq!(batch.has_padding(), batch.input_ids.contains(&(SPECIAL.pad as i32)));
}

#[test]
fn every_row_stands_once_in_every_epoch() {
    for batch_size in [1, 7, 64, 5_000] {
        for plan in [packed_plan(batch_size), line_plan(batch_size)] {
            for number in [0, 1, 1_000_003] {
                let batches = epoch(&plan, number);
                batches.iter().for_each(assert_whole);
                assert!(by_row(&batches).into_keys().eq(0..plan.rows().len()));
                let (last, full) = batches.split_last().expect("an epoch has a batch");
                assert!(full.iter().all(|batch| batch.rows.len() == batch_size));
                assert!((1..=batch_size).contains(&last.rows.len()));
                assert!(batches.iter().all(|batch| batch.epoch == number));
            }
        }
    }
}

#[test]
fn a_rows_masks_do_not_depend_on_its_batch() {
    let masks = |plan: &BatchPlan| by_row(&epoch(plan, 2));
    for kind in [RowKind::Packed, RowKind::Line] {
        let make = |order, batch_size| plan(rows(corpora(), kind, 32), order, &MaskingConfig::default(), batch_size);
        let wanted = masks(&make(OrderKind::Mixed, 1));
        assert_eq!(masks(&make(OrderKind::Mixed, 16)), wanted);
        assert_eq!(masks(&make(OrderKind::InOrder, 33)), wanted);
    }
}

#[test]
fn fixed_masks_stay_and_per_epoch_masks_change() {
    for kind in [RowKind::Packed, RowKind::Line] {
        let hashes = |policy| {
            let config = masking(MaskUnit::Token, policy, 0.15);
            let plan = plan(rows(corpora(), kind, 32), OrderKind::Mixed, &config, 16);
            [0, 1, 2].map(|number| hash_of(&epoch(&plan, number)))
        };
        let fixed = hashes(MaskPolicy::Fixed);
        assert!(fixed[0] == fixed[1] && fixed[1] == fixed[2]);
        let drawn = hashes(MaskPolicy::PerEpoch);
        assert!(drawn[0] != drawn[1] && drawn[1] != drawn[2] && drawn[0] != drawn[2]);
        assert_eq!(drawn[0], fixed[0], "the fixed masks are those of epoch 0");
    }
}

#[test]
fn step_ten_million_is_there_at_once() {
    for plan in [packed_plan(32), line_plan(32)] {
        let batch = plan.batch(10_000_000);
        assert_whole(&batch);
        assert_eq!(batch.epoch, 10_000_000 / plan.steps_per_epoch());
        assert_eq!(batch, plan.batch(10_000_000));
    }
}

/// A plan over 2^39 lines, more text than there is.
fn endless_plan(kind: RowKind) -> BatchPlan {
    let source = std::sync::Arc::new(EndlessSource { lines: 1 << 39 });
    let corpus = RowCorpus { name: "a".into(), weight: 1.0, sources: vec![source] };
    plan(rows(vec![corpus], kind, 12), OrderKind::Mixed, &MaskingConfig::default(), 64)
}

#[test]
fn any_step_of_more_text_than_there_is_costs_the_same() {
    for kind in [RowKind::Packed, RowKind::Line] {
        let plan = endless_plan(kind);
        let steps = plan.steps_per_epoch();
        assert_eq!(plan.rows().len().div_ceil(64), steps);
        for step in [0, 10_000_000, steps / 2, steps - 1, 3 * steps + 5] {
            let batch = plan.batch(step);
            assert_whole(&batch);
            let spread = batch.rows.iter().max().zip(batch.rows.iter().min()).map(|(most, least)| most - least);
            assert!(spread > Some(plan.rows().len() / 2), "a batch of neighbours at step {step}");
        }
    }
}

#[test]
fn what_is_too_much_to_look_at_is_sampled_and_said() {
    let plan = endless_plan(RowKind::Line);
    let summary = &plan.rows().summary().corpora[0];
    assert!(!summary.exact);
    // Every second line has 15 tokens, of which 10 stand in its row.
    let share = |part: u64, of: u64| part as f64 / of as f64;
    assert!((share(summary.lines_cut, summary.rows) - 0.5).abs() < 0.002, "{summary:?}");
    assert!((share(summary.tokens_used, summary.tokens) - 0.75).abs() < 0.002, "{summary:?}");
    // One batch of 64 holds both lengths, 7 and 12, half of each: 0.3 % of 64 batches.
    assert!((0.0005..0.005).contains(&plan.padding_share()), "{}", plan.padding_share());
    assert!(endless_plan(RowKind::Packed).rows().summary().corpora[0].exact);
}

#[test]
#[should_panic(expected = "more than 2^31 - 1 tokens a batch")]
fn a_batch_too_large_to_count_is_a_fault() {
    packed_plan(usize::MAX / 16);
}

#[test]
fn windows_kept_or_made_anew_give_the_same_batches() {
    let jumping = line_plan(4);
    for step in [0, 300, 64, 1, 900, 65, 0, 299, 1_000_000, 2] {
        assert_eq!(jumping.batch(step), line_plan(4).batch(step));
    }
}

#[test]
fn corpora_are_mixed_in_every_batch_and_apart_in_order() {
    let share = |batch: &Batch| {
        let english = batch.corpora.iter().filter(|corpus| **corpus == 1).count();
        english as f64 / batch.corpora.len() as f64
    };
    let mixed = epoch(&packed_plan(128), 0);
    assert!(mixed.iter().take(mixed.len() - 1).all(|batch| (0.3..0.8).contains(&share(batch))));
    let in_order = epoch(&in_order_plan(corpora(), 32, 32), 0);
    assert!(in_order.iter().filter(|batch| share(batch) > 0.0 && share(batch) < 1.0).count() <= 1);
    assert_eq!((share(&in_order[0]), in_order.last().map(share)), (0.0, Some(1.0)));
}

#[test]
fn in_order_reads_the_rows_as_listed_every_epoch() {
    let plan = in_order_plan(corpora(), 32, 10);
    for number in [0, 3] {
        let rows = epoch(&plan, number).into_iter().flat_map(|batch| batch.rows);
        assert!(rows.eq(0..plan.rows().len()));
    }
}

#[test]
fn in_order_reads_the_same_part_of_a_light_corpus_every_epoch() {
    let plan = in_order_plan(vec![corpus("a", 0.5, vec![source(&[100], 0)])], 11, 2);
    let rows = |number| epoch(&plan, number).into_iter().flat_map(|batch| batch.rows).collect::<Vec<_>>();
    assert_eq!(rows(0), [0, 1, 2, 3, 4]);
    assert_eq!(rows(1), rows(0));
}

#[test]
fn sorting_by_length_spares_padding_and_shuffles_lengths() {
    let sorted = line_plan(8);
    let in_order = plan(rows(corpora(), RowKind::Line, 32), OrderKind::InOrder, &MaskingConfig::default(), 8);
    assert!(sorted.padding_share() < 0.03, "{}", sorted.padding_share());
    assert!(in_order.padding_share() > 0.15, "{}", in_order.padding_share());
    let widths: Vec<usize> = epoch(&sorted, 0).iter().map(|batch| batch.width).collect();
    let rising = widths[..64].windows(2).filter(|pair| pair[0] < pair[1]).count();
    assert!((10..=45).contains(&rising), "{rising} of 63 batches are wider than the one before: {widths:?}");
}

#[test]
fn the_padding_share_is_that_of_the_batches() {
    assert_eq!(packed_plan(8).padding_share(), 0.0);
    for plan in [line_plan(8), line_plan(100)] {
        let batches = epoch(&plan, 0);
        let real: u64 = batches.iter().map(|batch| batch.real_tokens).sum();
        let padded: u64 = batches.iter().map(Batch::padded_tokens).sum();
        assert_eq!(plan.padding_share(), 1.0 - real as f64 / padded as f64);
    }
}

#[test]
fn no_length_is_always_read_last() {
    // 30 rows of 30 lengths in batches of 4: two are left over, and not always the longest.
    let lengths: Vec<usize> = (1..=30).collect();
    let rows = rows(vec![corpus("a", 1.0, vec![source(&lengths, 0)])], RowKind::Line, 40);
    let plan = plan(rows, OrderKind::Mixed, &MaskingConfig::default(), 4);
    let widths: std::collections::BTreeSet<usize> =
        (0..60).map(|number| epoch(&plan, number).last().map_or(0, |batch| batch.width)).collect();
    assert!(widths.len() >= 6, "{widths:?}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn pieces_put_together_are_the_batch(step in 0_u64..2_000, batch_size in 1_usize..40, piece in 1_usize..50, lines: bool) {
        let plan = if lines { line_plan(batch_size) } else { packed_plan(batch_size) };
        let whole = plan.batch(step);
        let pieces = whole.split(piece);
        prop_assert_eq!(pieces.len(), whole.rows.len().div_ceil(piece));
        let mut joined = Batch { mask_hash: 0, real_tokens: 0, ..Batch::default_of(&whole) };
        for part in &pieces {
            prop_assert!(part.rows.len() <= piece);
            let offset = joined.input_ids.len() as i32;
            joined.positions.extend(part.positions.iter().map(|position| position + offset));
            joined.rows.extend(&part.rows);
            joined.input_ids.extend(&part.input_ids);
            joined.lengths.extend(&part.lengths);
            joined.labels.extend(&part.labels);
            joined.kinds.extend(&part.kinds);
            joined.corpora.extend(&part.corpora);
            joined.real_tokens += part.real_tokens;
            joined.mask_hash = joined.mask_hash.wrapping_add(part.mask_hash);
        }
        prop_assert_eq!(joined, whole);
    }
}

impl Batch {
    /// An empty batch of the same step and width.
    fn default_of(batch: &Self) -> Self {
        Self {
            rows: vec![],
            input_ids: vec![],
            lengths: vec![],
            positions: vec![],
            labels: vec![],
            kinds: vec![],
            corpora: vec![],
            ..batch.clone()
        }
    }
}

#[test]
fn an_evaluation_reads_each_row_once_and_the_same_at_every_call() {
    for kind in [RowKind::Packed, RowKind::Line] {
        let rows = rows(corpora(), kind, 32);
        let masker = masker(&MaskingConfig::default(), 1, Purpose::ValidMasks);
        let batches: Vec<Batch> = evaluation_batches(&rows, &masker, 16).collect();
        batches.iter().for_each(assert_whole);
        assert!(by_row(&batches).into_keys().eq(0..rows.len()));
        assert!(batches.iter().map(|batch| batch.step).eq(0..rows.len().div_ceil(16)));
        assert!(evaluation_batches(&rows, &masker, 16).eq(batches.iter().cloned()));
        let other: Vec<Batch> = evaluation_batches(&rows, &masker, 50).collect();
        assert_eq!(hash_of(&other), hash_of(&batches), "the batch size changed the masks");
        assert!(batches.windows(2).all(|pair| pair[0].width <= pair[1].width));
    }
}

#[test]
fn a_limited_evaluation_sees_the_masks_of_the_whole_one() {
    let rows = rows(corpora(), RowKind::Packed, 32);
    let masker = masker(&MaskingConfig::default(), 1, Purpose::ValidMasks);
    let whole = by_row(&evaluation_batches(&rows, &masker, 16).collect::<Vec<_>>());
    let part = by_row(&evaluation_batches(&rows.limited(20), &masker, 16).collect::<Vec<_>>());
    assert_eq!(part.len(), 40);
    assert!(part.iter().all(|(id, row)| whole.get(id) == Some(row)));
}

#[test]
fn batches_keep_their_rows_and_masks_for_ever() {
    let of = |plan: &BatchPlan| {
        let batch = plan.batch(1_000);
        (batch.rows, batch.mask_hash)
    };
    assert_eq!(of(&packed_plan(4)), (vec![279, 737, 251, 345], 10_185_477_028_054_094_756));
    assert_eq!(of(&line_plan(4)), (vec![729, 407, 412, 100], 14_362_905_656_264_348_509));
}
