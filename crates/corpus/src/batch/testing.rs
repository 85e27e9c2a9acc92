//! Small plans over made-up text, for the tests of several modules.

use std::ops::Range;
use std::sync::Arc;

use case::{MaskPolicy, MaskUnit, MaskingConfig, OrderKind, RowKind};

use crate::{BatchPlan, Masker, MemorySource, Order, Purpose, RowCorpus, RowSet, SpecialIds, TokenSource};

pub(crate) const SPECIAL: SpecialIds = SpecialIds { pad: 0, unk: 1, cls: 2, sep: 3, mask: 4 };
/// Ids below are special.
pub(crate) const FIRST_ORDINARY: u32 = 5;
pub(crate) const VOCABULARY: u32 = 205;

pub(crate) fn masker(config: &MaskingConfig, seed: u64, purpose: Purpose) -> Masker {
    let is_special = (0..VOCABULARY).map(|id| id < FIRST_ORDINARY).collect();
    // Even ids start words, odd ids go on with them.
    let starts_word = (0..VOCABULARY).map(|id| id % 2 == 0).collect();
    Masker::new(config, SPECIAL, is_special, starts_word, seed, purpose)
}

pub(crate) fn masking(unit: MaskUnit, policy: MaskPolicy, rate: f64) -> MaskingConfig {
    MaskingConfig { unit, policy, rate, ..MaskingConfig::default() }
}

/// Documents of one line, of the given lengths, with ids that never repeat the one before.
pub(crate) fn source(lengths: &[usize], first: u32) -> MemorySource {
    let mut id = first;
    let mut line = |length: &usize| {
        let ids = (0..*length).map(|_| {
            id += 1;
            FIRST_ORDINARY + id * 7 % (VOCABULARY - FIRST_ORDINARY)
        });
        vec![ids.collect()]
    };
    MemorySource::new(&lengths.iter().map(&mut line).collect::<Vec<_>>())
}

pub(crate) fn corpus(name: &str, weight: f64, sources: Vec<MemorySource>) -> RowCorpus {
    let sources = sources.into_iter().map(|source| Arc::new(source) as Arc<dyn TokenSource>).collect();
    RowCorpus { name: name.into(), weight, sources }
}

/// Two corpora of documents between 1 and 59 tokens, 900 in all, in three sources.
pub(crate) fn corpora() -> Vec<RowCorpus> {
    let lengths = |count: usize, step: usize| (0..count).map(|at| 1 + at * step % 59).collect::<Vec<_>>();
    vec![
        corpus("ko", 1.0, vec![source(&lengths(300, 7), 1), source(&lengths(100, 11), 2)]),
        corpus("en", 1.0, vec![source(&lengths(500, 13), 3)]),
    ]
}

/// Lines of 5 and 15 tokens in turn, each a document, made when asked for: as many as one likes.
pub(crate) struct EndlessSource {
    pub(crate) lines: u64,
}

impl TokenSource for EndlessSource {
    fn token_count(&self) -> u64 {
        self.lines * 10
    }

    fn copy_tokens(&self, range: Range<u64>, into: &mut Vec<u32>) {
        into.extend(range.map(|at| FIRST_ORDINARY + (at % u64::from(VOCABULARY - FIRST_ORDINARY)) as u32));
    }

    fn line_count(&self) -> u64 {
        self.lines
    }

    fn line(&self, index: u64) -> Range<u64> {
        let start = index / 2 * 20;
        if index.is_multiple_of(2) { start..start + 5 } else { start + 5..start + 20 }
    }

    fn document_count(&self) -> u64 {
        self.lines
    }

    fn document(&self, index: u64) -> Range<u64> {
        self.line(index)
    }
}

pub(crate) fn plan(rows: RowSet, order: OrderKind, config: &MaskingConfig, batch_size: usize) -> BatchPlan {
    let order = Order::new(order, 1, rows.len());
    BatchPlan::new(rows, order, masker(config, 1, Purpose::Masks), batch_size)
}

pub(crate) fn rows(corpora: Vec<RowCorpus>, kind: RowKind, seq_len: usize) -> RowSet {
    RowSet::new(corpora, kind, seq_len, SPECIAL).expect("there is text")
}

pub(crate) fn packed_plan(batch_size: usize) -> BatchPlan {
    plan(rows(corpora(), RowKind::Packed, 32), OrderKind::Mixed, &MaskingConfig::default(), batch_size)
}

pub(crate) fn line_plan(batch_size: usize) -> BatchPlan {
    plan(rows(corpora(), RowKind::Line, 32), OrderKind::Mixed, &MaskingConfig::default(), batch_size)
}

pub(crate) fn in_order_plan(corpora: Vec<RowCorpus>, seq_len: usize, batch_size: usize) -> BatchPlan {
    plan(rows(corpora, RowKind::Packed, seq_len), OrderKind::InOrder, &MaskingConfig::default(), batch_size)
}
