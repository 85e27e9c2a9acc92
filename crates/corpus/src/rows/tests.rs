use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::batch::testing::{SPECIAL, corpora, corpus, rows, source};
use crate::{MemorySource, TokenSource};

fn error(corpora: Vec<RowCorpus>, kind: RowKind, seq_len: usize) -> String {
    RowSet::new(corpora, kind, seq_len, SPECIAL).err().expect("it is refused").to_string()
}

fn tokens(source: &MemorySource, range: Range<u64>) -> Vec<u32> {
    let mut ids = Vec::new();
    source.copy_tokens(range, &mut ids);
    ids
}

proptest! {
    #[test]
    fn packed_rows_are_the_document_stream(
        lengths in prop::collection::vec(0_usize..30, 1..30), more in prop::collection::vec(1_usize..30, 0..30),
        seq_len in 3_usize..20,
    ) {
        let sources = [source(&lengths, 0), source(&more, 50)];
        let mut wanted = Vec::new();
        let mut dropped = 0;
        for source in &sources {
            let mut stream = Vec::new();
            for document in 0..source.document_count() {
                stream.extend(tokens(source, source.document(document)));
                stream.push(SPECIAL.sep);
            }
            let rows = stream.chunks_exact(seq_len - 1);
            dropped += rows.remainder().iter().filter(|id| **id != SPECIAL.sep).count() as u64;
            wanted.extend(rows.map(<[u32]>::to_vec));
        }
        match RowSet::new(vec![corpus("a", 1.0, sources.to_vec())], RowKind::Packed, seq_len, SPECIAL) {
            Err(error) => {
                prop_assert!(wanted.is_empty());
                let too_little = matches!(error, RowError::NoPackedRow { .. });
                prop_assert!(too_little, "{}", error);
            }
            Ok(set) => {
                prop_assert_eq!(set.len(), wanted.len() as u64);
                for (index, wanted) in wanted.iter().enumerate() {
                    let row = set.row(index as u64);
                    prop_assert_eq!(row.ids.len(), seq_len);
                    prop_assert_eq!(set.row_tokens(index as u64), seq_len);
                    prop_assert_eq!(row.ids[0], SPECIAL.cls);
                    prop_assert_eq!(&row.ids[1..], wanted);
                }
                let summary = &set.summary().corpora[0];
                prop_assert_eq!(summary.tokens_dropped, dropped);
                prop_assert_eq!(summary.tokens_used + dropped, sources[0].token_count() + sources[1].token_count());
            }
        }
    }

    #[test]
    fn line_rows_are_the_lines_cut(lengths in prop::collection::vec(0_usize..30, 1..30), seq_len in 3_usize..20) {
        let source = source(&lengths, 0);
        let set = rows(vec![corpus("a", 1.0, vec![source.clone()])], RowKind::Line, seq_len);
        prop_assert_eq!(set.len(), lengths.len() as u64);
        for index in 0..set.len() {
            let mut wanted = vec![SPECIAL.cls];
            wanted.extend(tokens(&source, source.line(index)).iter().take(seq_len - 2));
            wanted.push(SPECIAL.sep);
            prop_assert_eq!(set.row_tokens(index), wanted.len());
            prop_assert_eq!(set.row(index).ids, wanted);
        }
        let summary = &set.summary().corpora[0];
        prop_assert_eq!(summary.lines_cut, lengths.iter().filter(|length| **length > seq_len - 2).count() as u64);
        prop_assert_eq!(summary.tokens_used, lengths.iter().map(|length| (*length).min(seq_len - 2) as u64).sum::<u64>());
        prop_assert_eq!(summary.tokens_used + summary.tokens_dropped, summary.tokens);
        prop_assert!(summary.exact);
    }

    #[test]
    fn weights_are_met_over_the_epochs(weight in 0.05_f64..4.0, documents in 1_usize..60) {
        let set = rows(vec![corpus("a", weight, vec![source(&vec![9; documents], 0)])], RowKind::Packed, 11);
        prop_assert_eq!(set.distinct(), documents as u64);
        prop_assert_eq!(set.len(), ((documents as f64 * weight).round() as u64).max(1));
        let mut read = vec![0_u64; documents];
        for epoch in 0..7 {
            for place in 0..set.len() {
                read[set.id_at(epoch, place) as usize] += 1;
            }
            // However often, every row was read as often as any other, but for one time.
            let most = read.iter().max().copied().unwrap_or(0);
            prop_assert!(read.iter().all(|times| most - times <= 1), "{:?}", read);
        }
    }

    #[test]
    fn a_limit_spreads_its_rows_evenly(limit in 1_u64..500) {
        let set = rows(corpora(), RowKind::Line, 32).limited(limit);
        prop_assert_eq!(set.len(), limit.min(400) + limit.min(500));
        let ids: Vec<u64> = (0..set.len()).map(|place| set.id_at(0, place)).collect();
        prop_assert!(ids.is_sorted_by(|a, b| a < b));
        let first = &ids[..limit.min(400) as usize];
        prop_assert!(first.iter().all(|id| *id < 400));
        for pair in first.windows(2) {
            let gap = pair[1] - pair[0];
            prop_assert!(gap == 400 / limit.min(400) || gap == 400_u64.div_ceil(limit.min(400)));
        }
    }
}

#[test]
fn rows_know_their_corpus_across_sources() {
    let set = rows(corpora(), RowKind::Line, 32);
    let mut counts = BTreeMap::<usize, u64>::new();
    for index in 0..set.len() {
        *counts.entry(set.row(index).corpus).or_default() += 1;
    }
    assert!(counts.into_iter().eq([(0, 400), (1, 500)]));
    assert!(set.names().eq(["ko", "en"]));
}

#[test]
fn a_light_corpus_reads_another_part_each_epoch_and_a_heavy_one_repeats() {
    let light = rows(vec![corpus("a", 0.5, vec![source(&[100], 0)])], RowKind::Packed, 11);
    let ids = |set: &RowSet, epoch| (0..set.len()).map(|place| set.id_at(epoch, place)).collect::<Vec<_>>();
    assert_eq!([ids(&light, 0), ids(&light, 1)], [[0, 1, 2, 3, 4], [5, 6, 7, 8, 9]]);
    assert_eq!(ids(&light, 2), ids(&light, 0));
    let heavy = rows(vec![corpus("a", 2.0, vec![source(&[30], 0)])], RowKind::Packed, 11);
    assert_eq!(ids(&heavy, 4), [0, 1, 2, 0, 1, 2]);
    assert_eq!(ids(&heavy.limited(0), 0), [0, 1, 2]);
}

#[test]
fn a_corpus_without_a_row_is_told_and_the_others_are_read() {
    let set = rows(
        vec![
            corpus("a", 1.0, vec![source(&[3], 0)]),
            corpus("b", 1.0, vec![]),
            corpus("c", 2.0, vec![source(&[40], 0)]),
        ],
        RowKind::Packed,
        11,
    );
    let summary = set.summary().corpora;
    assert_eq!(summary.iter().map(|corpus| corpus.rows_per_epoch).collect::<Vec<_>>(), [0, 0, 8]);
    assert_eq!((summary[0].tokens_used, summary[0].tokens_dropped), (0, 3));
    assert_eq!(set.row(0).corpus, 2);
    assert_eq!(set.limited(3).len(), 3);
}

#[test]
fn what_cannot_be_rows_is_refused_with_the_arithmetic() {
    let one = |weight| vec![corpus("ko", weight, vec![source(&[4, 5], 0)])];
    assert_eq!(
        error(one(1.0), RowKind::Packed, 64),
        "no rows: 9 tokens in 2 documents, where one row of model.seq_len = 64 needs 63 tokens, [SEP] of each document \
         included; add text or lower model.seq_len"
    );
    assert_eq!(
        error(vec![corpus("ko", 1.0, vec![source(&[], 0)])], RowKind::Line, 64),
        "no rows: the 1 corpora hold 0 tokens and not one line; add text"
    );
    assert_eq!(
        error(one(1.0), RowKind::Line, 2),
        "model.seq_len = 2 leaves no room for a token; [CLS], one token and [SEP] need at least 3"
    );
    for weight in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        let wanted = format!("weight {weight} of corpus ko is not a number above 0; 1 reads the corpus once an epoch");
        assert_eq!(error(one(weight), RowKind::Line, 8), wanted);
    }
    assert!(error(one(1e18), RowKind::Line, 8).contains("lower the weights"));
    assert!(error(vec![corpus("a", 1.0, vec![]); 70_000], RowKind::Line, 8).contains("70000 corpora"));
}
