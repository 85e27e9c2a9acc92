//! How long one thread takes to make a batch of 256 rows of 256 tokens.
//!
//! `cargo run --release -p casebook-corpus --example batch_speed`

#![allow(clippy::print_stdout, reason = "the numbers are what it is for")]

use std::sync::Arc;
use std::time::Instant;

use case::{MaskUnit, MaskingConfig, OrderKind, RowKind};
use casebook_corpus::{BatchPlan, Masker, MemorySource, Order, Purpose, RowCorpus, RowError, RowSet, SpecialIds};

const SPECIAL: SpecialIds = SpecialIds { pad: 0, unk: 1, cls: 2, sep: 3, mask: 4 };
const VOCABULARY: u32 = 30_000;
const STEPS: u64 = 200;

fn main() -> Result<(), RowError> {
    let line = |at: u32| (0..20 + at * 37 % 200).map(|token| 5 + (at * 31 + token * 77) % (VOCABULARY - 5)).collect();
    let text = Arc::new(MemorySource::new(&(0..100_000).map(|at| vec![line(at)]).collect::<Vec<_>>()));
    for kind in [RowKind::Packed, RowKind::Line] {
        for unit in [MaskUnit::Token, MaskUnit::Word, MaskUnit::Span] {
            let corpus = RowCorpus { name: "made up".into(), weight: 1.0, sources: vec![text.clone()] };
            let rows = RowSet::new(vec![corpus], kind, 256, SPECIAL)?;
            let config = MaskingConfig { unit, ..MaskingConfig::default() };
            let is_special = (0..VOCABULARY).map(|id| id < 5).collect();
            let starts_word = (0..VOCABULARY).map(|id| id % 3 > 0).collect();
            let masker = Masker::new(&config, SPECIAL, is_special, starts_word, 1, Purpose::Masks);
            let order = Order::new(OrderKind::Mixed, 1, rows.len());
            let plan = BatchPlan::new(rows, order, masker, 256);
            let started = Instant::now();
            let tokens: u64 = (0..STEPS).map(|step| plan.batch(step).real_tokens).sum();
            let seconds = started.elapsed().as_secs_f64();
            let (ms, rate) = (1e3 * seconds / STEPS as f64, tokens as f64 / seconds / 1e6);
            println!("{kind:?} {unit:?}: {ms:.2} ms a batch, {rate:.1} million real tokens a second");
        }
    }
    Ok(())
}
