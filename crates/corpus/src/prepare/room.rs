//! Whether prepared text will find room, as far as that can be told before it is read.

use std::path::Path;

use case::DataConfig;

use super::PrepareEvent;
use super::inputs::{Input, Inputs};
use crate::read::Compression;
use crate::shard::token_width;

/// Bytes of text a token stands for: 3.1 in the sample with 4,000 tokens, 4.7 in its English part with 30,000.
const BYTES_PER_TOKEN: f64 = 3.0;
/// Bytes of text in a compressed byte: 2.6 in the sample.
const UNPACKED: f64 = 2.6;

/// A warning where the text, once prepared, is likely to be larger than what is free.
pub(super) fn little_room(data: &DataConfig, inputs: &Inputs, vocab_size: usize, cache: &Path) -> Option<PrepareEvent> {
    let of_file = |input: &Input| {
        let unpacked = if input.file.compression == Compression::None { 1.0 } else { UNPACKED };
        input.facts.bytes as f64 * unpacked
    };
    let corpora = data.corpora.iter().zip(&inputs.corpora);
    let text: f64 = corpora.map(|(corpus, files)| corpus.fraction * files.iter().map(of_file).sum::<f64>()).sum();
    let wanted = (text / BYTES_PER_TOKEN * token_width(vocab_size) as f64) as u64;
    let free = disk::free(cache)?;
    (free < wanted).then(|| PrepareEvent::LittleRoom { folder: cache.to_owned(), wanted, free })
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use case::{CorpusConfig, DocumentKind, Paths, TextFormat};

    use super::super::inputs::sized;
    use super::*;

    #[test]
    fn text_that_will_not_fit_is_warned_of_and_a_part_of_it_that_does_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let Some(free) = disk::free(folder.path()) else { return };
        let corpus = |fraction| CorpusConfig {
            name: "all".into(),
            path: Paths::One("all.txt".into()),
            format: Some(TextFormat::Txt),
            field: "text".into(),
            documents: DocumentKind::Line,
            fraction,
            weight: 1.0,
        };
        // Twice as much text as two bytes for each three of it would let in.
        let inputs = sized(PathBuf::from("all.txt"), 3 * free);
        let asked = |fraction| {
            let data = DataConfig { corpora: vec![corpus(fraction)], ..DataConfig::default() };
            little_room(&data, &inputs, 4_000, folder.path())
        };
        let Some(PrepareEvent::LittleRoom { wanted, .. }) = asked(1.0) else { panic!("no warning") };
        assert!(wanted > free + free / 2, "{wanted} of {free}");
        assert_eq!(asked(0.1), None);
    }
}
