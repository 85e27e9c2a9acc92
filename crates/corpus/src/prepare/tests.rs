use std::collections::BTreeSet;
use std::error::Error;

use case::{DocumentKind, Paths};

use super::*;
use crate::Split;

type Tested = Result<(), Box<dyn Error>>;

/// A folder with text, and a request for it.
struct Bench {
    folder: tempfile::TempDir,
    data: DataConfig,
    tokenizer: TokenizerConfig,
    threads: usize,
}

fn corpus(name: &str, path: &str) -> CorpusConfig {
    CorpusConfig {
        name: name.into(),
        path: Paths::One(path.into()),
        format: None,
        field: "text".into(),
        documents: DocumentKind::Auto,
        fraction: 1.0,
        weight: 1.0,
    }
}

/// `count` sentences that differ, from `first` on.
fn sentences(first: usize, count: usize) -> String {
    let animals = ["fox", "dog", "다람쥐", "고양이", "bird"];
    let verbs = ["jumps over", "looks at", "sleeps beside", "돌아본다"];
    (first..first + count)
        .map(|n| format!("the {} {} {} {n}\n", animals[n % 5], verbs[n % 4], animals[n / 5 % 5]))
        .collect()
}

impl Bench {
    fn new() -> Result<Self, Box<dyn Error>> {
        let folder = tempfile::tempdir()?;
        std::fs::write(folder.path().join("a.txt"), sentences(0, 600))?;
        std::fs::write(folder.path().join("b.txt"), sentences(1000, 300))?;
        let data = DataConfig {
            corpora: vec![corpus("a", "a.txt"), corpus("b", "b.txt")],
            valid: 0.2,
            test: 0.1,
            max_bad_share: 0.01,
            ..DataConfig::default()
        };
        let tokenizer = TokenizerConfig { vocab_size: 200, ..TokenizerConfig::default() };
        Ok(Self { folder, data, tokenizer, threads: 2 })
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn cache(&self) -> PathBuf {
        self.path("prepared")
    }

    fn prepare_with(&self, report: &mut dyn FnMut(&PrepareEvent), stop: &AtomicBool) -> Result<Prepared, CorpusError> {
        let request = PrepareRequest {
            data: &self.data,
            tokenizer: &self.tokenizer,
            base: self.folder.path(),
            cache: &self.cache(),
            threads: self.threads,
        };
        prepare(&request, report, stop)
    }

    /// Prepares; whether it was found.
    fn prepare(&self) -> Result<(Prepared, bool), CorpusError> {
        let mut reused = false;
        let mut note = |event: &PrepareEvent| reused |= matches!(event, PrepareEvent::Reused { .. });
        let prepared = self.prepare_with(&mut note, &AtomicBool::new(false))?;
        Ok((prepared, reused))
    }

    fn fails(&self) -> Result<CorpusError, Box<dyn Error>> {
        Ok(self.prepare().err().ok_or("it was prepared")?)
    }

    /// Folders in the cache, finished or not.
    fn folders(&self) -> Result<Vec<PathBuf>, Box<dyn Error>> {
        let entries = std::fs::read_dir(self.cache())?.collect::<Result<Vec<_>, _>>()?;
        Ok(entries.into_iter().map(|entry| entry.path()).filter(|path| path.is_dir()).collect())
    }
}

/// The documents of a split, decoded.
fn texts(prepared: &Prepared, split: Split, corpus: usize) -> Vec<String> {
    let mut texts = Vec::new();
    for source in prepared.sources(split, corpus) {
        for document in 0..source.document_count() {
            let mut ids = Vec::new();
            source.copy_tokens(source.document(document), &mut ids);
            texts.push(prepared.tokenizer().decode(&ids).trim().to_owned());
        }
    }
    texts
}

#[test]
fn every_document_is_in_one_split_and_in_order() -> Tested {
    let bench = Bench::new()?;
    let (prepared, reused) = bench.prepare()?;
    assert!(!reused);
    for (corpus, (first, count)) in [(0, 600), (1000, 300)].into_iter().enumerate() {
        let all: Vec<String> = sentences(first, count).lines().map(str::to_owned).collect();
        let mut seen = BTreeSet::new();
        for split in Split::ALL {
            let texts = texts(&prepared, split, corpus);
            let facts = *prepared.manifest().corpora[corpus].split(split);
            assert_eq!(facts.documents, texts.len() as u64);
            assert_eq!(facts.characters, texts.iter().map(|text| text.chars().count() as u64).sum::<u64>());
            let places: Vec<_> = texts.iter().map(|text| all.iter().position(|known| known == text)).collect();
            assert!(places.iter().all(Option::is_some) && places.is_sorted(), "{split:?}");
            seen.extend(texts);
        }
        assert_eq!(seen.len(), count);
    }
    let valid = prepared.manifest().corpora[0].valid.documents;
    assert!((80..160).contains(&valid), "{valid} of 600, where 120 are expected");
    Ok(())
}

#[test]
fn counts_and_shares_are_those_of_the_tokens() -> Tested {
    let bench = Bench::new()?;
    let (prepared, _) = bench.prepare()?;
    for corpus in 0..2 {
        let facts = &prepared.manifest().corpora[corpus];
        let (mut all, mut unknown, mut characters) = (0, 0, 0);
        for split in Split::ALL {
            let mut counts = vec![0; prepared.tokenizer().vocab_size()];
            let mut ids = Vec::new();
            let (mut lines, mut tokens) = (0, 0);
            for source in prepared.sources(split, corpus) {
                source.copy_tokens(0..source.token_count(), &mut ids);
                lines += source.line_count();
                tokens += (0..source.line_count()).map(|line| source.line(line).count() as u64).sum::<u64>();
            }
            ids.iter().for_each(|id| counts[*id as usize] += 1);
            assert_eq!(prepared.token_counts(split, corpus), counts);
            assert_eq!((facts.split(split).lines, facts.split(split).tokens), (lines, tokens));
            assert_eq!(facts.split(split).unknown, counts[1]);
            all += tokens;
            unknown += counts[1];
            characters += facts.split(split).characters;
        }
        assert!((facts.unknown_share - unknown as f64 / all as f64).abs() < 1e-12);
        assert!((facts.tokens_per_character - all as f64 / characters as f64).abs() < 1e-12);
    }
    assert_eq!(prepared.token_counts(Split::Train, 9), vec![0; prepared.tokenizer().vocab_size()]);
    Ok(())
}

#[test]
fn adding_text_moves_no_document() -> Tested {
    let mut bench = Bench::new()?;
    let file = bench.path("t.json");
    let (before, _) = bench.prepare()?;
    std::fs::copy(before.folder().join("tokenizer.json"), &file)?;
    // The same tokenizer, so that texts can be compared.
    bench.tokenizer.kind = TokenizerKind::File;
    bench.tokenizer.path = Some("t.json".into());
    let (before, _) = bench.prepare()?;
    std::fs::write(bench.path("a.txt"), sentences(2000, 400) + &sentences(0, 600))?;
    let (after, reused) = bench.prepare()?;
    assert!(!reused);
    for split in Split::ALL {
        let (old, new) = (texts(&before, split, 0), texts(&after, split, 0));
        let new: BTreeSet<&String> = new.iter().collect();
        assert!(!old.is_empty() && old.iter().all(|text| new.contains(text)), "{split:?}");
    }
    assert_eq!(after.manifest().tokenizer.trained_on_documents, 0);
    Ok(())
}

#[test]
fn duplicates_go_wherever_they_stand_and_are_counted() -> Tested {
    let bench = Bench::new()?;
    // 100 documents of a again, in a and in b; 50 of b again.
    std::fs::write(bench.path("a.txt"), sentences(0, 600) + &sentences(0, 100))?;
    std::fs::write(bench.path("b.txt"), sentences(1000, 300) + &sentences(50, 100) + &sentences(1000, 50))?;
    let (prepared, _) = bench.prepare()?;
    let facts = &prepared.manifest().corpora;
    assert_eq!((facts[0].duplicate_documents, facts[1].duplicate_documents), (100, 150));
    assert_eq!((facts[0].read.documents, facts[1].read.documents), (700, 450));
    let all: Vec<String> =
        (0..2).flat_map(|corpus| Split::ALL.map(|split| texts(&prepared, split, corpus))).flatten().collect();
    assert_eq!(all.len(), 900);
    assert_eq!(all.iter().collect::<BTreeSet<_>>().len(), 900);
    Ok(())
}

#[test]
fn validation_lines_that_stand_in_training_documents_are_counted() -> Tested {
    let mut bench = Bench::new()?;
    bench.data.corpora[0].documents = DocumentKind::BlankLine;
    bench.data.corpora.pop();
    // Each document has a line of its own, and one that all share.
    let text: String = (0..200).map(|n| format!("number {n} is its own\nthe same everywhere\n\n")).collect();
    std::fs::write(bench.path("a.txt"), text)?;
    let (prepared, _) = bench.prepare()?;
    let (valid, leak) = (prepared.manifest().corpora[0].valid, prepared.manifest().leak);
    assert!(valid.documents > 10);
    assert_eq!(leak, LeakCount { looked_for: valid.lines, found: valid.documents });
    Ok(())
}

#[test]
fn a_fraction_is_chosen_by_hash() -> Tested {
    let mut bench = Bench::new()?;
    bench.data.corpora[0].fraction = 0.5;
    let (half, _) = bench.prepare()?;
    bench.data.corpora[0].fraction = 0.75;
    let (more, _) = bench.prepare()?;
    let facts = &half.manifest().corpora[0];
    let kept = facts.train.documents + facts.valid.documents + facts.test.documents;
    assert_eq!(kept + facts.unused_documents, 600);
    assert!((250..350).contains(&kept), "{kept}");
    let more_train: BTreeSet<String> = texts(&more, Split::Train, 0).into_iter().collect();
    assert!(texts(&half, Split::Train, 0).iter().all(|text| more_train.contains(text)));
    Ok(())
}

#[test]
fn the_same_request_is_found_again() -> Tested {
    let mut bench = Bench::new()?;
    let (first, _) = bench.prepare()?;
    // How shards are read does not matter.
    bench.data.order = case::OrderKind::InOrder;
    bench.data.rows = case::RowKind::Line;
    bench.data.corpora[0].weight = 2.0;
    bench.threads = 1;
    let (second, reused) = bench.prepare()?;
    assert!(reused);
    assert_eq!((first.folder(), first.hash()), (second.folder(), second.hash()));
    // Nor when a file was written.
    std::fs::write(bench.path("a.txt"), sentences(0, 600))?;
    assert!(bench.prepare()?.1);
    // A broken index of hashes costs only time.
    std::fs::write(bench.cache().join("inputs.json"), "{")?;
    assert!(bench.prepare()?.1);
    Ok(())
}

#[test]
fn what_matters_makes_another_folder() -> Tested {
    type Change = fn(&mut Bench) -> std::io::Result<()>;
    let changes: Vec<(&str, Change)> = vec![
        ("a byte of a file", |bench| std::fs::write(bench.path("b.txt"), sentences(1001, 300))),
        ("a name", |bench| {
            bench.data.corpora[0].name = "c".into();
            Ok(())
        }),
        ("valid", |bench| {
            bench.data.valid = 0.3;
            Ok(())
        }),
        ("fraction", |bench| {
            bench.data.corpora[1].fraction = 0.9;
            Ok(())
        }),
        ("documents", |bench| {
            bench.data.corpora[1].documents = DocumentKind::File;
            Ok(())
        }),
        ("vocab_size", |bench| {
            bench.tokenizer.vocab_size = 201;
            Ok(())
        }),
        ("lowercase", |bench| {
            bench.tokenizer.lowercase = true;
            Ok(())
        }),
    ];
    for (what, change) in changes {
        let mut bench = Bench::new()?;
        let (before, _) = bench.prepare()?;
        change(&mut bench)?;
        let (after, reused) = bench.prepare()?;
        assert!(!reused && before.folder() != after.folder() && before.hash() != after.hash(), "{what}");
    }
    Ok(())
}

#[test]
fn one_thread_and_four_write_the_same_bytes() -> Tested {
    for kind in [TokenizerKind::Bpe, TokenizerKind::Unigram] {
        let mut files = Vec::new();
        for threads in [1, 4] {
            let mut bench = Bench::new()?;
            // Several blocks.
            std::fs::write(bench.path("a.txt"), sentences(0, 60_000))?;
            bench.threads = threads;
            bench.tokenizer.kind = kind;
            bench.tokenizer.train_bytes = 1_000_000;
            let (prepared, _) = bench.prepare()?;
            let trained = prepared.manifest().tokenizer.trained_on_bytes;
            assert!((1..=1_000_000).contains(&trained), "{trained}");
            let mut names: Vec<PathBuf> =
                std::fs::read_dir(prepared.folder())?.map(|entry| Ok(entry?.path())).collect::<std::io::Result<_>>()?;
            names.retain(|path| !path.ends_with(MANIFEST)); // it holds the time taken
            names.sort();
            let contents = names.iter().map(std::fs::read).collect::<Result<Vec<_>, _>>()?;
            files.push((prepared.hash(), contents));
        }
        assert!(files[0].1.len() >= 10);
        assert!(files[0] == files[1], "{kind:?}");
    }
    Ok(())
}

#[test]
fn a_damaged_folder_is_refused_with_the_file_named() -> Tested {
    let bench = Bench::new()?;
    let (prepared, _) = bench.prepare()?;
    let folder = prepared.folder().to_owned();
    drop(prepared);
    for name in ["corpus-0-train-0000.shard", "corpus-1-valid.counts", "tokenizer.json"] {
        let path = folder.join(name);
        let bytes = std::fs::read(&path)?;
        let mut flipped = bytes.clone();
        let middle = bytes.len() / 2;
        flipped[middle] ^= 1;
        let longer = [bytes.as_slice(), b"\0"].concat();
        for changed in [flipped.as_slice(), &bytes[..bytes.len() - 1], &longer, &[]] {
            std::fs::write(&path, changed)?;
            let why = Prepared::open(&folder).err().ok_or("opened")?.to_string();
            assert!(why.contains(name), "{why}");
            // Nor is it built anew without a word: somebody should know that the disk fails.
            assert!(bench.fails()?.to_string().contains(name));
        }
        std::fs::remove_file(&path)?;
        let why = Prepared::open(&folder).err().ok_or("opened")?.to_string();
        assert!(why.contains(name), "{why}");
        std::fs::write(&path, &bytes)?;
        assert!(Prepared::open(&folder).is_ok());
    }
    Ok(())
}

#[test]
fn a_manifest_that_names_files_elsewhere_is_refused() -> Tested {
    let bench = Bench::new()?;
    let (prepared, _) = bench.prepare()?;
    let (folder, path) = (prepared.folder().to_owned(), prepared.folder().join(MANIFEST));
    let elsewhere = folder.with_extension("shard");
    for list in ["shards", "counts"] {
        let text = disk::unsealed(&std::fs::read(&path)?)?;
        let mut manifest: serde_json::Value = serde_json::from_slice(&text)?;
        let name = manifest[list][0]["file"].as_str().ok_or("a name")?.to_string();
        std::fs::copy(folder.join(&name), &elsewhere)?;
        let above = format!("../{}", elsewhere.file_name().ok_or("a name")?.to_string_lossy());
        for name in [above, elsewhere.to_string_lossy().into_owned(), format!("./{name}"), String::new()] {
            manifest[list][0]["file"] = name.clone().into();
            std::fs::write(&path, serde_json::to_vec(&manifest)?)?;
            let why = Prepared::open(&folder).err().ok_or("opened")?.to_string();
            assert!(why.contains(&format!("{name:?}")) && why.contains("no file of its folder"), "{why}");
        }
        std::fs::write(&path, disk::sealed(text))?;
        assert!(Prepared::open(&folder).is_ok());
    }
    Ok(())
}

#[test]
fn a_broken_manifest_and_one_of_another_version_are_refused() -> Tested {
    let bench = Bench::new()?;
    let (prepared, _) = bench.prepare()?;
    let path = prepared.folder().join(MANIFEST);
    let text = std::fs::read_to_string(&path)?;
    std::fs::write(&path, &text[..text.len() / 2])?;
    assert!(matches!(Prepared::open(prepared.folder()), Err(CorpusError::Manifest { .. })));
    std::fs::write(&path, text.replacen(&format!("\"format\": {FORMAT}"), "\"format\": 99", 1))?;
    assert!(matches!(Prepared::open(prepared.folder()), Err(CorpusError::FormatVersion { found: 99, .. })));
    let changed = |text: &str| text.replacen("\"lines\": ", "\"lines\": 1", 3);
    std::fs::write(&path, changed(&text))?;
    assert!(matches!(Prepared::open(prepared.folder()), Err(CorpusError::Damaged { .. })), "the seal is another's");
    // One from before manifests had seals.
    let text = String::from_utf8(disk::unsealed(text.as_bytes())?)?;
    std::fs::write(&path, changed(&text))?;
    assert!(Prepared::open(prepared.folder()).is_ok_and(|changed| changed.hash() != prepared.hash()));
    std::fs::write(&path, text.replacen("corpus-0-train-0000", "corpus-9-train-0000", 1))?;
    assert!(matches!(Prepared::open(prepared.folder()), Err(CorpusError::Damaged { .. })));
    assert!(matches!(Prepared::open(&bench.path("none")), Err(CorpusError::Read { .. })));
    Ok(())
}

#[test]
fn interrupted_anywhere_it_leaves_nothing_half_written() -> Tested {
    let bench = Bench::new()?;
    let already = AtomicBool::new(true);
    assert!(matches!(bench.prepare_with(&mut |_| {}, &already), Err(CorpusError::Interrupted)));
    for stage in ["reading", "counting words", "training", "encoding"] {
        let stop = AtomicBool::new(false);
        let mut interrupt = |event: &PrepareEvent| {
            let now = match event {
                PrepareEvent::Progress { stage, .. } => stage,
                PrepareEvent::Training { .. } => "training",
                _ => return,
            };
            stop.fetch_or(now == stage, Ordering::Relaxed);
        };
        let ended = bench.prepare_with(&mut interrupt, &stop);
        assert!(matches!(ended, Err(CorpusError::Interrupted)), "{stage}");
        assert!(bench.folders()?.is_empty(), "{stage}");
    }
    assert!(!bench.prepare()?.1);
    Ok(())
}

#[test]
fn what_a_killed_build_left_is_cleared_away() -> Tested {
    let bench = Bench::new()?;
    let (prepared, _) = bench.prepare()?;
    let folder = prepared.folder().to_owned();
    let building = folder.with_extension("building");
    std::fs::create_dir(&building)?;
    std::fs::write(building.join("corpus-0-train-0000.shard"), "half")?;
    // A folder without a manifest counts for nothing.
    std::fs::remove_file(folder.join(MANIFEST))?;
    let (again, reused) = bench.prepare()?;
    assert!(!reused);
    assert_eq!(again.hash(), prepared.hash());
    assert_eq!(bench.folders()?, [folder]);
    Ok(())
}

#[test]
fn the_second_of_two_builders_waits_and_finds_the_folder() -> Tested {
    let bench = Bench::new()?;
    let (prepared, _) = bench.prepare()?;
    let lock = prepared.folder().with_extension("lock");
    let held = File::create(&lock)?;
    held.lock()?;
    let mut held = Some(held);
    let mut told = Vec::new();
    let mut report = |event: &PrepareEvent| {
        if matches!(event, PrepareEvent::Waiting { .. }) {
            held.take(); // the first is done
        }
        told.push(event.to_string());
    };
    bench.prepare_with(&mut report, &AtomicBool::new(false))?;
    assert!(told.iter().any(|line| line.starts_with("another process prepares the same text")), "{told:?}");
    assert!(told.last().is_some_and(|line| line.starts_with("prepared text found in")), "{told:?}");

    let held = File::create(&lock)?;
    held.lock()?;
    let stop = AtomicBool::new(false);
    let mut give_up = |event: &PrepareEvent| {
        stop.store(matches!(event, PrepareEvent::Waiting { .. }) || stop.load(Ordering::Relaxed), Ordering::Relaxed);
    };
    assert!(matches!(bench.prepare_with(&mut give_up, &stop), Err(CorpusError::Interrupted)));
    Ok(())
}

#[test]
fn a_file_that_changes_while_it_is_read_is_an_error() -> Tested {
    let bench = Bench::new()?;
    for stage in ["training", "encoding"] {
        let mut changed = false;
        let mut change = |event: &PrepareEvent| {
            let now = match event {
                PrepareEvent::Progress { stage, .. } => stage,
                PrepareEvent::Training { .. } => "training",
                _ => return,
            };
            if now == stage && !changed {
                changed = true;
                let longer = std::fs::read_to_string(bench.path("b.txt")).unwrap_or_default() + "one more\n";
                assert!(std::fs::write(bench.path("b.txt"), longer).is_ok());
            }
        };
        let ended = bench.prepare_with(&mut change, &AtomicBool::new(false));
        assert!(matches!(ended, Err(CorpusError::InputChanged { .. })), "{stage}");
        assert!(bench.folders()?.is_empty());
    }
    Ok(())
}

#[test]
fn requests_without_text_are_errors() -> Tested {
    let mut bench = Bench::new()?;
    bench.data.valid = 1.0;
    bench.data.test = 0.0;
    assert!(matches!(bench.fails()?, CorpusError::NoTrainingText));
    bench.data.valid = 0.1;
    bench.tokenizer.kind = TokenizerKind::File;
    assert!(matches!(bench.fails()?, CorpusError::NoTokenizerPath));
    bench.tokenizer.path = Some("a.txt".into());
    assert!(matches!(bench.fails()?, CorpusError::Tokenizer { path, .. } if path.ends_with("a.txt")));
    bench.tokenizer = TokenizerConfig { vocab_size: 7, ..TokenizerConfig::default() };
    assert!(matches!(bench.fails()?, CorpusError::VocabularyTooSmall { wanted: 7, .. }));
    std::fs::write(bench.path("b.txt"), "\n\n")?;
    assert!(matches!(bench.fails()?, CorpusError::NoText { corpus, .. } if corpus == "b"));
    std::fs::write(bench.path("b.txt"), b"a\n\xff\n")?;
    assert!(matches!(bench.fails()?, CorpusError::TooManyBadLines { bad: 1, lines: 2, .. }));
    std::fs::remove_file(bench.path("b.txt"))?;
    assert!(matches!(bench.fails()?, CorpusError::NoMatch { .. }));
    bench.data.corpora.clear();
    assert!(matches!(bench.fails()?, CorpusError::NoCorpora));
    assert!(bench.folders()?.is_empty());
    Ok(())
}

#[test]
fn a_cache_that_cannot_be_written_is_named() -> Tested {
    let bench = Bench::new()?;
    std::fs::write(bench.cache(), "a file where the folder should be")?;
    let error = bench.fails()?;
    assert!(matches!(&error, CorpusError::Write { path, .. } if path.ends_with("prepared")), "{error}");
    Ok(())
}

#[test]
fn a_file_for_evaluation_gives_the_same_tokens() -> Tested {
    let mut bench = Bench::new()?;
    bench.data.valid = 0.0;
    bench.data.test = 0.0;
    let (prepared, _) = bench.prepare()?;
    let whole = CorpusConfig { fraction: 0.01, ..corpus("b", "b.txt") };
    let sources = tokenize_file(&whole, bench.folder.path(), prepared.tokenizer())?;
    let tokens = |sources: &[Arc<dyn TokenSource>]| {
        let mut ids = Vec::new();
        sources.iter().for_each(|source| source.copy_tokens(0..source.token_count(), &mut ids));
        ids
    };
    assert_eq!(tokens(&sources), tokens(&prepared.sources(Split::Train, 1)));
    assert_eq!(sources.iter().map(|source| source.document_count()).sum::<u64>(), 300);
    assert!(tokenize_file(&corpus("c", "c.txt"), bench.folder.path(), prepared.tokenizer()).is_err());
    Ok(())
}

#[test]
fn a_vocabulary_that_was_not_filled_is_said() {
    let event = PrepareEvent::Trained { wanted: 300, vocab_size: 200, seconds: 1.5 };
    assert_eq!(
        event.to_string(),
        "tokenizer trained in 1.5 s: 200 tokens; the text gives no more of the 300 asked for"
    );
}
