//! What is in a labelled set: `cargo run --release -p casebook-corpus --example labelled -- TRAIN DEV [TOKENIZER]`, for tsv
//! files with `text` and `label`, or jsonl files with `tokens` and `tags`.
#![allow(clippy::print_stdout)] // what it is for

use std::error::Error;
use std::path::PathBuf;
use std::time::Instant;

use casebook_corpus::TextTokenizer;
use casebook_corpus::labelled::*;

fn main() -> Result<(), Box<dyn Error>> {
    let paths: Vec<PathBuf> = std::env::args().skip(1).map(PathBuf::from).collect();
    let [train, dev, tokenizer @ ..] = paths.as_slice() else { return Err("name two files".into()) };
    let splits = [vec![train.clone()], vec![dev.clone()]];
    let started = Instant::now();
    let texts = if train.to_string_lossy().contains(".tsv") {
        let target = Some(TargetColumns::Single("label".into()));
        let columns = TextColumns { text: "text".into(), second: None, target, group: None, format: None };
        let set = text_set(&splits, &columns, None)?;
        println!("{:?}, shares {:.3?}", set.labels.names(), target_shares(&set.splits[0], set.labels.len()));
        set.splits.iter().map(|rows| rows.iter().map(|row| row.first.clone()).collect()).collect::<Vec<Vec<_>>>()
    } else {
        let tags = if train.to_string_lossy().contains("klue") { "tags" } else { "labels" };
        let boxes = BoxColumns { boxes: "boxes".into(), width: "width".into(), height: "height".into() };
        let (words, tags, group) = ("tokens".into(), Some(tags.to_string()), None);
        let boxes = (tags.as_deref() == Some("labels")).then_some(boxes);
        let set = tagged_set(&splits, &TagColumns { format: TagFormat::Lists(None), words, tags, boxes, group }, None)?;
        println!("{} entity types, {} stray I- tags", set.tags.kinds().len(), set.stray);
        for path in tokenizer {
            alignment(&set, &TextTokenizer::load(path)?)?;
        }
        set.splits.iter().map(|rows| rows.iter().map(|row| row.words.join(" ")).collect()).collect()
    };
    println!("{} and {} rows in {:.1?}", texts[0].len(), texts[1].len(), started.elapsed());
    let started = Instant::now();
    let [train, dev] = [0, 1].map(|split| texts[split].iter().map(String::as_str).collect::<Vec<&str>>());
    let found = repeats(&train, &dev);
    println!("{} exact, {} near, in {:.1?}", found.exact.len(), found.near.len(), started.elapsed());
    for repeat in found.near.iter().take(3) {
        println!("{:.2}: {:?} / {:?}", repeat.likeness, train[repeat.earlier], dev[repeat.later]);
    }
    Ok(())
}

fn alignment(set: &TaggedSet, tokenizer: &TextTokenizer) -> Result<(), Box<dyn Error>> {
    let (mut words, mut lost, mut tokens, mut cut) = (0, 0, 0, 0);
    for row in set.splits.iter().flatten() {
        let is_spaced = row.words.iter().any(|word| word.chars().count() > 1);
        let join = if is_spaced { WordJoin::Spaces } else { WordJoin::Nothing };
        let aligned = Alignment::of(tokenizer, &row.words, join)?;
        words += row.words.len();
        lost += aligned.lost(&row.tags, &set.tags);
        tokens += aligned.len();
        cut += windows(aligned.len(), 126, 32).len();
    }
    println!("{words} words, {tokens} tokens in {cut} windows of 128, {lost} words whose tag no token can say");
    Ok(())
}
