//! Text and labelled sets in every format that they are read in, and the tokenizer.

use std::hint::black_box;
use std::path::Path;
use std::sync::OnceLock;

use case::{CorpusConfig, DocumentKind, Paths, TextFormat};
use corpus::labelled::{
    Alignment, BoxColumns, TagColumns, TagFormat, TargetColumns, TextColumns, WordJoin, tagged_set, text_set, windows,
};
use corpus::{TextTokenizer, tokenize_file};

use crate::seeds::{TEXT, prepared_files};
use crate::{Taken, in_file};

/// A `tokenizer.json`: loaded, and what it does with text.
pub(crate) fn tokenizer(bytes: &[u8]) -> Taken {
    in_file("tokenizer.json", bytes, |path| {
        let Ok(tokenizer) = TextTokenizer::load(path).inspect_err(|error| drop(black_box(error.to_string()))) else {
            return;
        };
        let size = tokenizer.vocab_size();
        assert!(tokenizer.starts_word().len() == size && tokenizer.char_lengths().len() == size, "a row for each id");
        for text in [TEXT, "", " [MASK]\u{1f600} a\u{301}"] {
            for ids in [tokenizer.encode(text), tokenizer.encode_marked(text)].into_iter().flatten() {
                assert!(ids.iter().all(|id| (*id as usize) < size), "ids are of the vocabulary");
                black_box(tokenizer.decode(&ids));
            }
            let words: Vec<String> = text.split(' ').map(String::from).collect();
            black_box(Alignment::of(&tokenizer, &words, WordJoin::Spaces).is_ok());
        }
        black_box((0..size as u32 + 1).map(|id| tokenizer.token(id).len()).sum::<usize>());
    });
    Taken::AsIts
}

fn small_tokenizer() -> &'static TextTokenizer {
    static ONE: OnceLock<TextTokenizer> = OnceLock::new();
    ONE.get_or_init(|| {
        let (_, bytes) = prepared_files().iter().find(|(name, _)| name == "tokenizer.json").expect("it was prepared");
        in_file("tokenizer.json", bytes, TextTokenizer::load).expect("what was prepared here is sound")
    })
}

/// Reads a file of running text as evaluation does, to its tokens.
fn running(name: &str, format: TextFormat, bytes: &[u8]) -> Taken {
    in_file(name, bytes, |path| {
        let corpus = CorpusConfig {
            name: "a".into(),
            path: Paths::One(name.into()),
            format: Some(format),
            field: "text".into(),
            documents: DocumentKind::Auto,
            fraction: 1.0,
            weight: 1.0,
        };
        let folder = path.parent().unwrap_or(Path::new("."));
        let read = tokenize_file(&corpus, folder, small_tokenizer());
        black_box(read.map(|sources| sources.len()).map_err(|error| error.to_string()).is_ok());
    });
    Taken::AsIts
}

pub(crate) fn txt(bytes: &[u8]) -> Taken {
    running("a.txt", TextFormat::Txt, bytes)
}

pub(crate) fn tsv(bytes: &[u8]) -> Taken {
    running("a.tsv", TextFormat::Tsv, bytes)
}

pub(crate) fn csv(bytes: &[u8]) -> Taken {
    running("a.csv", TextFormat::Csv, bytes)
}

pub(crate) fn jsonl(bytes: &[u8]) -> Taken {
    running("a.jsonl", TextFormat::Jsonl, bytes)
}

pub(crate) fn parquet(bytes: &[u8]) -> Taken {
    running("a.parquet", TextFormat::Parquet, bytes)
}

pub(crate) fn gz(bytes: &[u8]) -> Taken {
    running("a.txt.gz", TextFormat::Txt, bytes)
}

pub(crate) fn zst(bytes: &[u8]) -> Taken {
    running("a.txt.zst", TextFormat::Txt, bytes)
}

/// The first byte says how what follows is packed before it is read: what grows is the text, not the packing.
pub(crate) fn packed_jsonl(bytes: &[u8]) -> Taken {
    let Some((how, text)) = bytes.split_first() else { return Taken::AsAnother };
    if how % 2 == 0 {
        running("a.jsonl.gz", TextFormat::Jsonl, &crate::seeds::gzip(text))
    } else {
        running("a.csv.zst", TextFormat::Csv, &crate::seeds::zst(text))
    }
}

/// Reads a labelled set as each kind of target.
fn texts(name: &str, bytes: &[u8]) -> Taken {
    in_file(name, bytes, |path| {
        let column = || "label".to_string();
        let many = TargetColumns::Many { column: column(), separator: ",".into() };
        let soft = TargetColumns::SoftColumns(vec!["yes".into(), "no".into()]);
        for target in [TargetColumns::Single(column()), many, TargetColumns::SoftList(column()), soft] {
            let labels = matches!(target, TargetColumns::SoftList(_)).then(|| vec!["yes".into(), "no".into()]);
            let columns =
                TextColumns { text: "text".into(), second: None, target: Some(target), group: None, format: None };
            let set = text_set(&[vec![path.to_owned()], vec![path.to_owned()]], &columns, labels);
            black_box(set.map_err(|error| error.to_string()).is_ok());
        }
    });
    Taken::AsIts
}

pub(crate) fn labelled_tsv(bytes: &[u8]) -> Taken {
    texts("a.tsv", bytes)
}

pub(crate) fn labelled_jsonl(bytes: &[u8]) -> Taken {
    texts("a.jsonl", bytes)
}

pub(crate) fn labelled_parquet(bytes: &[u8]) -> Taken {
    texts("a.parquet", bytes)
}

/// Reads tagged words, and aligns them with tokens.
fn tagged(name: &str, columns: &TagColumns, bytes: &[u8]) {
    in_file(name, bytes, |path| {
        let set = tagged_set(&[vec![path.to_owned()], Vec::new()], columns, None);
        let Ok(set) = set.inspect_err(|error| drop(black_box(error.to_string()))) else { return };
        for row in set.splits.iter().flatten() {
            let Ok(aligned) = Alignment::of(small_tokenizer(), &row.words, WordJoin::Spaces) else { continue };
            black_box((aligned.lost(&row.tags, &set.tags), windows(aligned.len(), 126, 32)));
        }
    });
}

pub(crate) fn tagged_jsonl(bytes: &[u8]) -> Taken {
    let boxes = BoxColumns { boxes: "boxes".into(), width: "width".into(), height: "height".into() };
    for boxes in [None, Some(boxes)] {
        let (words, tags) = ("tokens".into(), Some("tags".into()));
        let columns = TagColumns { format: TagFormat::Lists(None), words, tags, boxes, group: None };
        tagged("a.jsonl", &columns, bytes);
    }
    Taken::AsIts
}

pub(crate) fn conll(bytes: &[u8]) -> Taken {
    let (words, tags) = (String::new(), Some(String::new()));
    let columns = TagColumns { format: TagFormat::Conll, words, tags, boxes: None, group: Some("document".into()) };
    tagged("a.conll", &columns, bytes);
    Taken::AsIts
}
