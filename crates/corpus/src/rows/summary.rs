//! What became of the tokens: which stand in rows and which do not.

use case::RowKind;

use super::{Corpus, Piece, RowSet};
use crate::packing::tokens_before;
use crate::random::mix;

/// Lines looked at for a summary; of more, every n-th, so that a summary of 100 GB takes no minutes.
const SUMMARY_LINES: u64 = 1 << 22;

/// What became of the tokens.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct RowSummary {
    /// For each corpus, as listed.
    pub corpora: Vec<CorpusRows>,
}

/// What became of one corpus's tokens. Special tokens are not counted.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct CorpusRows {
    /// Its name.
    pub name: String,
    /// How many times an epoch reads it.
    pub weight: f64,
    /// Rows there are, each counted once.
    pub rows: u64,
    /// Rows of an epoch: weight or limit applied.
    pub rows_per_epoch: u64,
    /// Tokens of its text.
    pub tokens: u64,
    /// Tokens that stand in some row.
    pub tokens_used: u64,
    /// Tokens in none: the ends of sources (packed), the ends of lines too long (line).
    pub tokens_dropped: u64,
    /// Lines with more tokens than a row holds (line).
    pub lines_cut: u64,
    /// Whether every line was looked at; otherwise the last three are estimated from evenly spread lines.
    pub exact: bool,
}

impl RowSet {
    /// What became of each corpus's tokens.
    ///
    /// Line rows of a corpus with more than 4,194,304 lines are measured on that many or fewer, evenly spread, and
    /// [`CorpusRows::exact`] says so.
    pub fn summary(&self) -> RowSummary {
        let summary_of = |(index, corpus): (usize, &Corpus)| {
            let pieces = self.pieces.iter().filter(|piece| piece.corpus == index);
            let mut rows = CorpusRows {
                name: corpus.name.clone(),
                weight: corpus.weight,
                rows: corpus.ids.end - corpus.ids.start,
                rows_per_epoch: corpus.places.end - corpus.places.start,
                tokens: pieces.clone().map(|piece| piece.source.token_count()).sum(),
                tokens_used: 0,
                tokens_dropped: 0,
                lines_cut: 0,
                exact: true,
            };
            match self.kind {
                RowKind::Packed => rows.tokens_used = pieces.map(|piece| piece.packed_tokens(self.seq_len)).sum(),
                RowKind::Line => self.measure_lines(corpus, &mut rows),
            }
            rows.tokens_dropped = rows.tokens - rows.tokens_used.min(rows.tokens);
            rows
        };
        RowSummary { corpora: self.corpora.iter().enumerate().map(summary_of).collect() }
    }

    fn measure_lines(&self, corpus: &Corpus, rows: &mut CorpusRows) {
        let stride = rows.rows.div_ceil(SUMMARY_LINES).max(1);
        let room = self.seq_len as u64 - 2;
        let (mut measured, mut used) = (0_u64, 0_u64);
        for turn in 0..rows.rows.div_ceil(stride) {
            // Anywhere in its stretch: a bare stride would see one side of text that takes turns.
            let within = turn * stride + mix(turn) % stride;
            let (piece, row) = self.piece(corpus.ids.start + within.min(rows.rows - 1));
            let line = piece.source.line(row);
            measured += 1;
            used += (line.end - line.start).min(room);
            rows.lines_cut += u64::from(line.end - line.start > room);
        }
        let whole = |part: u64| (u128::from(part) * u128::from(rows.rows) / u128::from(measured.max(1))) as u64;
        (rows.tokens_used, rows.lines_cut, rows.exact) = (whole(used), whole(rows.lines_cut), stride == 1);
    }
}

impl Piece {
    /// Tokens, separators not counted, that its packed rows hold.
    fn packed_tokens(&self, seq_len: usize) -> u64 {
        tokens_before(&*self.source, (self.ids.end - self.ids.start) * (seq_len as u64 - 1))
    }
}
