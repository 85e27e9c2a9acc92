//! Ids with the part of the text that each stands for, to carry labels of words over to them.

use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};

use super::{TextTokenizer, failed};
use crate::CorpusError;

/// A token of a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Piece {
    /// Its id.
    pub id: u32,
    /// The bytes of the text that it stands for. A space before a word may be among them; several pieces may share a
    /// character that no single token spells.
    pub bytes: Range<usize>,
}

impl TextTokenizer {
    /// As [`TextTokenizer::encode`], each id with its part of the text.
    ///
    /// # Errors
    /// If the tokenizer fails on this text.
    pub fn encode_pieces(&self, text: &str) -> Result<Vec<Piece>, CorpusError> {
        let encoded = catch_unwind(AssertUnwindSafe(|| self.0.plain.encode(text, false)));
        let encoding = match encoded {
            Ok(Ok(encoding)) => encoding,
            Ok(Err(error)) => return Err(failed(text, &error)),
            Err(_) => return Err(failed(text, &"its parts do not fit together")),
        };
        let mut ids = encoding.get_ids().to_vec();
        self.refuse_special(&mut ids, None);
        let pieces = ids.into_iter().zip(encoding.get_offsets());
        Ok(pieces.map(|(id, (start, end))| Piece { id, bytes: *start..*end }).collect())
    }
}
