//! Prepares text files and says what came of them:
//! `cargo run --release -p casebook-corpus --example prepare -- byte-bpe 16000 ko.txt.gz en.txt.gz`.
//!
//! The prepared folder lies under `data/prepared`; a second run finds it there.
#![allow(clippy::print_stdout)] // its output is what it is for

use std::error::Error;
use std::path::Path;
use std::sync::atomic::AtomicBool;

use case::{CorpusConfig, DataConfig, Paths, TokenizerConfig};
use casebook_corpus::{PrepareRequest, prepare};

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let kind = arguments.next().ok_or("which kind of tokenizer?")?;
    let kind = serde_json::from_value(serde_json::Value::String(kind))?;
    let vocab_size = arguments.next().ok_or("how many tokens?")?.parse()?;
    let corpora = arguments.enumerate().map(|(index, path)| CorpusConfig {
        name: format!("text-{index}"),
        path: Paths::One(path),
        format: None,
        field: "text".into(),
        documents: case::DocumentKind::Auto,
        fraction: 1.0,
        weight: 1.0,
    });
    let data = DataConfig { corpora: corpora.collect(), valid: 0.1, max_bad_share: 0.001, ..DataConfig::default() };
    let tokenizer = TokenizerConfig { kind, vocab_size, ..TokenizerConfig::default() };
    let request = PrepareRequest {
        data: &data,
        tokenizer: &tokenizer,
        base: Path::new("."),
        cache: Path::new("data/prepared"),
        threads: std::thread::available_parallelism()?.get(),
    };
    let prepared = prepare(&request, &mut |event| println!("{event}"), &AtomicBool::new(false))?;
    println!("{}", serde_json::to_string_pretty(prepared.manifest())?);
    let sample = "The quick brown 다람쥐가 쳇바퀴를 돈다.";
    let ids = prepared.tokenizer().encode(sample)?;
    println!("{:?}", ids.iter().map(|id| prepared.tokenizer().token(*id)).collect::<Vec<_>>());
    println!("{}", prepared.tokenizer().decode(&ids));
    Ok(())
}
