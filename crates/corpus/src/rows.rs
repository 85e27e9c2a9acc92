//! Rows: what one line of a batch holds, cut from tokens without storing anything.

use std::ops::Range;
use std::sync::Arc;

use case::RowKind;

use crate::order::MOST_ROWS;
use crate::packing::{copy_stream, stream_len};
use crate::{SpecialIds, TokenSource};

mod summary;

pub use summary::{CorpusRows, RowSummary};

/// `[CLS]`, a token, `[SEP]`.
const LEAST_SEQ_LEN: usize = 3;

/// Why tokens did not become rows.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum RowError {
    /// A row has no room for a token.
    #[error("model.seq_len = {seq_len} leaves no room for a token; [CLS], one token and [SEP] need at least 3")]
    SeqLen {
        /// What was asked.
        seq_len: usize,
    },
    /// No corpus fills a single packed row.
    #[error(
        "no rows: {tokens} tokens in {documents} documents, where one row of model.seq_len = {seq_len} needs {need} \
         tokens, [SEP] of each document included; add text or lower model.seq_len"
    )]
    NoPackedRow {
        /// Tokens in all.
        tokens: u64,
        /// Documents in all.
        documents: u64,
        /// Tokens per row T.
        seq_len: usize,
        /// What a row takes from the stream.
        need: usize,
    },
    /// No corpus has a line.
    #[error("no rows: the {corpora} corpora hold {tokens} tokens and not one line; add text")]
    NoLine {
        /// Corpora in all.
        corpora: usize,
        /// Tokens in all.
        tokens: u64,
    },
    /// A weight that says nothing.
    #[error("weight {weight} of corpus {name} is not a number above 0; 1 reads the corpus once an epoch")]
    Weight {
        /// The corpus.
        name: String,
        /// What was asked.
        weight: f64,
    },
    /// More rows than an order can hold.
    #[error("{rows} rows an epoch are more than {MOST_ROWS}; lower the weights or raise model.seq_len")]
    TooManyRows {
        /// Rows of an epoch, weights applied.
        rows: u128,
    },
    /// More corpora than a batch can name.
    #[error("{corpora} corpora are more than 65535; join some of them")]
    TooManyCorpora {
        /// What was given.
        corpora: usize,
    },
}

/// A named corpus and the sources that hold it.
#[derive(Clone)]
pub struct RowCorpus {
    /// Its name in every record.
    pub name: String,
    /// How many times an epoch reads it: 2 twice, 0.5 half of it; above 0.
    pub weight: f64,
    /// Its tokens.
    pub sources: Vec<Arc<dyn TokenSource>>,
}

/// One row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// The corpus it comes from, as listed.
    pub corpus: usize,
    /// `[CLS]` and what follows; at most T.
    pub ids: Vec<u32>,
}

/// All rows of all corpora.
///
/// A row has an id, the same in every epoch, whatever the weights and limits: its number among all corpora's rows as
/// listed. An epoch has places `0..len()`, each of which reads one row: [`RowSet::id_at`]. With weights of 1 and no
/// limit, id and place are the same number.
///
/// - packed: the stream of a source is each document's tokens followed by one `[SEP]`; a row is `[CLS]` and the next
///   T - 1 of that stream, so every row is full. What is left at the end of a source is dropped and counted.
/// - line: `[CLS]`, a line cut at T - 2 tokens, `[SEP]`. An empty line is a row without a token to mask.
///
/// Weights: a corpus of n rows and weight w has round(w n) places, at least 1, and each epoch reads on where the last
/// one stopped, round and round: with 0.5 the second epoch reads the other half, with 2 each row stands twice in an
/// epoch (under the same masks, as masks are a function of seed, epoch and row).
#[derive(Clone)]
pub struct RowSet {
    corpora: Arc<[Corpus]>,
    pieces: Arc<[Piece]>,
    kind: RowKind,
    seq_len: usize,
    special: SpecialIds,
}

#[derive(Clone)]
struct Corpus {
    name: String,
    weight: f64,
    ids: Range<u64>,
    /// Places of an epoch.
    places: Range<u64>,
    /// Its places are spread evenly over its rows instead of being read round and round.
    limited: bool,
}

/// The rows of one source.
struct Piece {
    corpus: usize,
    source: Arc<dyn TokenSource>,
    ids: Range<u64>,
}

impl RowSet {
    /// The rows of `corpora`, cut to `seq_len`.
    ///
    /// # Errors
    /// No rows at all, `seq_len` too short for a token, a weight that is not above 0, too many rows or corpora.
    pub fn new(corpora: Vec<RowCorpus>, kind: RowKind, seq_len: usize, special: SpecialIds) -> Result<Self, RowError> {
        if seq_len < LEAST_SEQ_LEN {
            return Err(RowError::SeqLen { seq_len });
        }
        if corpora.len() > usize::from(u16::MAX) {
            return Err(RowError::TooManyCorpora { corpora: corpora.len() });
        }
        let mut pieces = Vec::new();
        let mut listed = Vec::new();
        let (mut id, mut place) = (0, 0);
        for (index, corpus) in corpora.into_iter().enumerate() {
            let first = id;
            for source in corpus.sources {
                let rows = rows_of(&*source, kind, seq_len);
                pieces.push(Piece { corpus: index, source, ids: id..id + rows });
                id += rows;
            }
            let places = places_of(&corpus.name, corpus.weight, id - first)?;
            let places = place..place + places;
            place = places.end;
            if place > MOST_ROWS {
                return Err(RowError::TooManyRows { rows: u128::from(place) });
            }
            listed.push(Corpus { name: corpus.name, weight: corpus.weight, ids: first..id, places, limited: false });
        }
        if place == 0 {
            return Err(no_rows(&pieces, listed.len(), kind, seq_len));
        }
        Ok(Self { corpora: listed.into(), pieces: pieces.into(), kind, seq_len, special })
    }

    /// Rows of an epoch, weights applied; at least 1.
    pub fn len(&self) -> u64 {
        self.corpora.last().map_or(0, |corpus| corpus.places.end)
    }

    /// Never: a set has at least one row.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Rows there are, each counted once; ids are below this.
    pub fn distinct(&self) -> u64 {
        self.corpora.last().map_or(0, |corpus| corpus.ids.end)
    }

    /// Id of the row that `place` of `epoch` reads.
    ///
    /// # Panics
    /// If `place` is not below [`RowSet::len`].
    pub fn id_at(&self, epoch: u64, place: u64) -> u64 {
        assert!(place < self.len(), "place {place} is past the {} rows of an epoch", self.len());
        let corpus = &self.corpora[self.corpora.partition_point(|corpus| corpus.places.end <= place)];
        let rows = u128::from(corpus.ids.end - corpus.ids.start);
        let places = u128::from(corpus.places.end - corpus.places.start);
        let within = u128::from(place - corpus.places.start);
        let row = match corpus.limited {
            true => within * rows / places,
            false => (u128::from(epoch) * places + within) % rows,
        };
        corpus.ids.start + row as u64
    }

    /// The row with this id, as in [`crate::Batch::rows`].
    ///
    /// # Panics
    /// If `id` is not below [`RowSet::distinct`].
    pub fn read(&self, id: u64) -> Row {
        let (piece, row) = self.piece(id);
        let mut ids = Vec::with_capacity(self.seq_len);
        ids.push(self.special.cls);
        match self.kind {
            RowKind::Packed => {
                let taken = self.seq_len as u64 - 1;
                copy_stream(&*piece.source, row * taken..(row + 1) * taken, self.special.sep, &mut ids);
            }
            RowKind::Line => {
                let line = piece.source.line(row);
                let end = line.end.min(line.start + self.seq_len as u64 - 2);
                piece.source.copy_tokens(line.start..end, &mut ids);
                ids.push(self.special.sep);
            }
        }
        Row { corpus: piece.corpus, ids }
    }

    /// Length of the row with this id, without reading its tokens.
    ///
    /// # Panics
    /// If `id` is not below [`RowSet::distinct`].
    pub fn tokens_of(&self, id: u64) -> usize {
        match self.kind {
            RowKind::Packed => self.seq_len,
            RowKind::Line => {
                let (piece, row) = self.piece(id);
                let line = piece.source.line(row);
                (line.end - line.start).min(self.seq_len as u64 - 2) as usize + 2
            }
        }
    }

    /// The row at place `index` of the first epoch.
    ///
    /// # Panics
    /// If `index` is not below [`RowSet::len`].
    pub fn row(&self, index: u64) -> Row {
        self.read(self.id_at(0, index))
    }

    /// Length of the row at place `index` of the first epoch, without reading its tokens.
    ///
    /// # Panics
    /// If `index` is not below [`RowSet::len`].
    pub fn row_tokens(&self, index: u64) -> usize {
        self.tokens_of(self.id_at(0, index))
    }

    /// For evaluation: each row once, at most `rows_per_corpus` of each corpus, spread evenly over it (0: all).
    ///
    /// Weights are set aside. Rows keep their ids, and with them their masks, whatever the limit.
    #[must_use]
    pub fn limited(self, rows_per_corpus: u64) -> Self {
        let limit = if rows_per_corpus == 0 { u64::MAX } else { rows_per_corpus };
        let mut place = 0;
        let limited = |corpus: &Corpus| {
            let places = place..place + (corpus.ids.end - corpus.ids.start).min(limit);
            place = places.end;
            Corpus { weight: 1.0, places, limited: true, ..corpus.clone() }
        };
        Self { corpora: self.corpora.iter().map(limited).collect(), ..self }
    }

    /// Names of the corpora, as listed.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.corpora.iter().map(|corpus| corpus.name.as_str())
    }

    /// Packed or line.
    pub fn kind(&self) -> RowKind {
        self.kind
    }

    /// Tokens per row T, at most.
    pub fn seq_len(&self) -> usize {
        self.seq_len
    }

    /// The special tokens rows are made with.
    pub fn special(&self) -> SpecialIds {
        self.special
    }

    /// The source that holds row `id`, and the row's number there.
    fn piece(&self, id: u64) -> (&Piece, u64) {
        assert!(id < self.distinct(), "row {id} is past the {} rows there are", self.distinct());
        let piece = &self.pieces[self.pieces.partition_point(|piece| piece.ids.end <= id)];
        (piece, id - piece.ids.start)
    }
}

/// Rows that `source` gives.
fn rows_of(source: &dyn TokenSource, kind: RowKind, seq_len: usize) -> u64 {
    match kind {
        RowKind::Packed => stream_len(source) / (seq_len as u64 - 1),
        RowKind::Line => source.line_count(),
    }
}

/// Places of an epoch that a corpus of `rows` rows gets.
fn places_of(name: &str, weight: f64, rows: u64) -> Result<u64, RowError> {
    if !(weight.is_finite() && weight > 0.0) {
        return Err(RowError::Weight { name: name.into(), weight });
    }
    let places = rows as f64 * weight;
    if places > MOST_ROWS as f64 {
        return Err(RowError::TooManyRows { rows: places as u128 });
    }
    Ok((places.round() as u64).max(rows.min(1)))
}

fn no_rows(pieces: &[Piece], corpora: usize, kind: RowKind, seq_len: usize) -> RowError {
    let tokens = pieces.iter().map(|piece| piece.source.token_count()).sum();
    let documents = pieces.iter().map(|piece| piece.source.document_count()).sum();
    match kind {
        RowKind::Packed => RowError::NoPackedRow { tokens, documents, seq_len, need: seq_len - 1 },
        RowKind::Line => RowError::NoLine { corpora, tokens },
    }
}

#[cfg(test)]
mod tests;
