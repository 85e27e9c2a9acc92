//! Where each row's tokens lie, when rows of unequal length stand one behind the other without padding.

/// The tokens of one row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// Index of its first token.
    pub first: usize,
    /// How many it has.
    pub count: usize,
}

/// The rows of a batch, one behind the other: no token between them, none twice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Spans {
    all: Vec<Span>,
    total: usize,
}

impl Spans {
    /// Rows of these lengths.
    pub fn new(lengths: impl IntoIterator<Item = usize>) -> Self {
        let mut total = 0;
        let span = |count: usize| {
            total += count;
            Span { first: total - count, count }
        };
        let all = lengths.into_iter().map(span).collect();
        Self { all, total }
    }

    /// In order.
    pub fn all(&self) -> &[Span] {
        &self.all
    }

    /// Tokens of all rows.
    pub fn total(&self) -> usize {
        self.total
    }

    /// Tokens of the longest row.
    pub fn longest(&self) -> usize {
        self.all.iter().map(|span| span.count).max().unwrap_or(0)
    }
}
