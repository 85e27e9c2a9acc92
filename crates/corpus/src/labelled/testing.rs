//! A small tokenizer and files, for the tests of several modules.

use std::path::PathBuf;
use std::sync::LazyLock;
use std::sync::atomic::AtomicBool;

use case::{TokenizerConfig, TokenizerKind};

use crate::TextTokenizer;
use crate::tokenizer::{TrainingText, train};

const TEXT: &str = "The quick brown fox jumps over the lazy dog, and the dog sleeps.\n\
    다람쥐 헌 쳇바퀴에 타고파. 다람쥐가 바퀴를 돌린다, 그리고 잔다.";

/// A tokenizer of `kind` trained on two lines.
pub(super) fn tokenizer_of(kind: TokenizerKind) -> TextTokenizer {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("tokenizer.json");
    let config = TokenizerConfig { kind, vocab_size: 400, ..TokenizerConfig::default() };
    let mut text = TrainingText::default();
    (0..4).for_each(|_| text.add(TEXT));
    train(&config, text, &path, &AtomicBool::new(false)).expect("two lines are enough");
    TextTokenizer::load(&path).expect("it was just written")
}

/// One of kind BPE.
pub(super) fn tokenizer() -> TextTokenizer {
    static TOKENIZER: LazyLock<TextTokenizer> = LazyLock::new(|| tokenizer_of(TokenizerKind::Bpe));
    TOKENIZER.clone()
}

/// A folder with one file in it, and the file's path.
pub(super) fn file(name: &str, content: &[u8]) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join(name);
    std::fs::write(&path, content).expect("it can be written");
    (folder, path)
}
