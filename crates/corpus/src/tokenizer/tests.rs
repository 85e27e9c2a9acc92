use std::error::Error;
use std::path::PathBuf;
use std::sync::LazyLock;
use std::sync::atomic::AtomicBool;

use case::{Normalization, TokenizerConfig, TokenizerKind};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

type Tested = Result<(), Box<dyn Error>>;

const KINDS: [TokenizerKind; 4] =
    [TokenizerKind::Bpe, TokenizerKind::ByteBpe, TokenizerKind::Wordpiece, TokenizerKind::Unigram];

const TEXT: &str = "The quick brown fox jumps over the lazy dog, and the dog sleeps.\n\
    다람쥐 헌 쳇바퀴에 타고파. 다람쥐가 바퀴를 돌린다, 그리고 잔다.\n\
    Quickly the brown dogs jumped; foxes don't jump (much) in 2024: 3.5 times!\n\
    [MASK] [SEP] [MASK] [SEP] [PAD] [CLS] [UNK] [MASK] [SEP]\n\
    Tabs\tand  doubled   spaces, e\u{301}t\u{e9} and caf\u{e9}s and \u{ac00}\u{11a8}.";

fn config(kind: TokenizerKind) -> TokenizerConfig {
    TokenizerConfig { kind, vocab_size: 400, ..TokenizerConfig::default() }
}

fn train_to(config: &TokenizerConfig, path: &Path) -> Result<(), CorpusError> {
    let mut text = TrainingText::default();
    (0..4).for_each(|_| text.add(TEXT));
    train(config, text, path, &AtomicBool::new(false))
}

fn trained(config: &TokenizerConfig) -> Result<TextTokenizer, Box<dyn Error>> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("tokenizer.json");
    train_to(config, &path)?;
    Ok(TextTokenizer::load(&path)?)
}

#[test]
fn all_kinds_learn_encode_and_decode() -> Tested {
    for kind in KINDS {
        let tokenizer = trained(&config(kind))?;
        assert_eq!(tokenizer.special(), SpecialIds { pad: 0, unk: 1, cls: 2, sep: 3, mask: 4 }, "{kind:?}");
        let ids = tokenizer.encode("the quick dog 다람쥐가")?;
        assert!(ids.iter().all(|id| *id > 4), "{kind:?}: {ids:?}");
        assert_eq!(tokenizer.decode(&ids).trim(), "the quick dog 다람쥐가", "{kind:?}");
        assert!(ids.len() < 20, "{kind:?}: words seen four times are learned");
        assert_eq!(tokenizer.token(u32::MAX), "");
    }
    assert_eq!(trained(&config(TokenizerKind::ByteBpe))?.kind(), "byte-bpe");
    assert_eq!(trained(&config(TokenizerKind::Unigram))?.kind(), "unigram");
    Ok(())
}

#[test]
fn the_same_text_gives_the_same_file_whatever_the_threads() -> Tested {
    let folder = tempfile::tempdir()?;
    for kind in KINDS {
        let mut files = Vec::new();
        for threads in [1, 3, 1] {
            let path = folder.path().join("t.json");
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build()?;
            pool.install(|| train_to(&config(kind), &path))?;
            files.push(std::fs::read(&path)?);
        }
        assert!(files[0] == files[1] && files[1] == files[2], "{kind:?}");
    }
    Ok(())
}

#[test]
fn merges_are_those_of_the_library() -> Tested {
    use tokenizers::models::bpe::{BPE, BpeTrainer};
    use tokenizers::tokenizer::Trainer;
    let words = "low low low low low lower lower newest newest newest newest newest newest widest widest widest";
    let mut theirs = BpeTrainer::builder().show_progress(false).vocab_size(24).min_frequency(2).build();
    theirs.feed(words.split(' '), |word| Ok(vec![word.to_owned()])).map_err(|error| error.to_string())?;
    let mut model = BPE::default();
    theirs.train(&mut model).map_err(|error| error.to_string())?;
    let mut counts = std::collections::BTreeMap::new();
    words.split(' ').for_each(|word| *counts.entry(word.to_owned()).or_insert(0) += 1);
    let counts: Vec<(String, u64)> = counts.into_iter().collect();
    let mut alphabet: Vec<String> = words.replace(' ', "").chars().map(String::from).collect();
    alphabet.sort();
    alphabet.dedup();
    let ours = bpe::learn(alphabet, "", &counts, 24, 2, &AtomicBool::new(false))?;
    let vocab = model.get_vocab();
    assert_eq!(vocab.len(), ours.tokens.len());
    assert!(ours.merges.len() > 5);
    for (id, token) in ours.tokens.iter().enumerate() {
        assert_eq!(vocab.get(token), Some(&(id as u32)), "{token}");
    }
    Ok(())
}

#[test]
fn text_cannot_say_a_special_token() -> Tested {
    for kind in KINDS {
        // TEXT is full of them, so training saw them too.
        let tokenizer = trained(&config(kind))?;
        let mut encoder = Encoder::new(&tokenizer);
        for text in ["[MASK]", "a [SEP] b", "[CLS][PAD]", "[MASK].", "x[MASK]", " [MASK] "] {
            let ids = tokenizer.encode(text)?;
            let special = |id: &u32| [0, 2, 3, 4].contains(id);
            assert!(!ids.is_empty() && !ids.iter().any(special), "{kind:?} {text}: {ids:?}");
            let mut streamed = Vec::new();
            encoder.encode(text, &mut streamed)?;
            assert_eq!(streamed, ids, "{kind:?} {text}");
        }
    }
    Ok(())
}

#[test]
fn a_model_of_whole_words_cannot_say_one_either() -> Tested {
    let vocab = json!({ "[PAD]": 0, "[UNK]": 1, "[CLS]": 2, "[SEP]": 3, "[MASK]": 4, "a": 5 });
    let file = json!({ "version": "1.0", "added_tokens": [], "pre_tokenizer": { "type": "WhitespaceSplit" },
        "model": { "type": "WordLevel", "vocab": vocab, "unk_token": "[UNK]" } });
    let tokenizer = load(&file)?;
    assert_eq!(tokenizer.encode("a [SEP] a [MASK]")?, [5, 1, 5, 1]);
    assert_eq!(tokenizer.encode_marked("a [SEP] a [MASK]")?, [5, 1, 5, 4]);
    assert_eq!(tokenizer.kind(), "wordlevel");
    Ok(())
}

#[test]
fn the_mask_in_a_question_stands_for_a_word_and_its_space() -> Tested {
    for kind in KINDS {
        let tokenizer = trained(&config(kind))?;
        let ids = tokenizer.encode_marked("The quick [MASK] jumps, [SEP] the [MASK].")?;
        assert_eq!(ids.iter().filter(|id| **id == 4).count(), 2, "{kind:?}");
        assert!(!ids.contains(&3), "{kind:?}");
        let front = tokenizer.encode("The quick")?;
        let end = tokenizer.encode("dog.")?;
        assert_eq!(ids[..front.len()], front, "{kind:?}");
        assert_eq!(ids[front.len()], 4, "{kind:?}");
        let word = tokenizer.encode("fox jumps,")?;
        let after = &word[tokenizer.encode("fox")?.len()..];
        assert_eq!(ids[front.len() + 1..][..after.len()], *after, "{kind:?}: the word after the mask is a whole word");
        assert_eq!(ids.last(), end.last(), "{kind:?}: the stop after the mask has no space");
        assert_eq!(tokenizer.encode_marked("the dog")?, tokenizer.encode("the dog")?, "{kind:?}");
    }
    Ok(())
}

#[test]
fn words_start_where_they_start() -> Tested {
    for kind in KINDS {
        let tokenizer = trained(&config(kind))?;
        let starts = tokenizer.starts_word();
        let ids = tokenizer.encode("dog jumpdog 다람쥐가 dog")?;
        let count = ids.iter().filter(|id| starts[**id as usize]).count();
        assert_eq!(count, 4, "{kind:?}: {:?}", ids.iter().map(|id| tokenizer.token(*id)).collect::<Vec<_>>());
        assert!(starts[ids[0] as usize] && (0..5).all(|special| starts[special]), "{kind:?}");
        assert_eq!(tokenizer.is_special().iter().filter(|special| **special).count(), 5, "{kind:?}");
    }
    Ok(())
}

static BYTES: LazyLock<Option<TextTokenizer>> = LazyLock::new(|| {
    let config = TokenizerConfig { normalization: Normalization::None, ..config(TokenizerKind::ByteBpe) };
    trained(&config).ok()
});

/// One of each layout, lower-cased or not.
static ALL: LazyLock<Vec<TextTokenizer>> = LazyLock::new(|| {
    let mut all = Vec::new();
    for kind in KINDS {
        for normalization in [Normalization::None, Normalization::Nfc, Normalization::Nfkc] {
            for lowercase in [false, true] {
                all.extend(trained(&TokenizerConfig { normalization, lowercase, ..config(kind) }).ok());
            }
        }
    }
    all
});

fn texts() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        Just(" ".to_owned()),
        Just("  ".to_owned()),
        "[a-zA-Z]{1,6}",
        "[가-힣]{1,4}",
        "[\\p{P}\\p{S}]",
        "[0-9]{1,3}",
        "[\\t\u{a0}\u{3000}\u{85}▁#'.,]",
        "[\u{a8}\u{301}\u{37a}\u{fe70}\u{11a8}\u{1100}\u{1161}\u{130}ΣİŉǅΆﬁ①㍿]",
        "\\PC{1,3}",
    ];
    prop::collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat())
}

fn or_fail<T>(result: Result<T, CorpusError>) -> Result<T, TestCaseError> {
    result.map_err(|error| TestCaseError::fail(error.to_string()))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn words_kept_and_cut_by_hand_change_nothing(text in texts(), more in texts()) {
        prop_assert_eq!(ALL.len(), 24);
        for tokenizer in ALL.iter() {
            let mut encoder = Encoder::new(tokenizer);
            for line in [&text, &more, &text] {
                let mut ids = Vec::new();
                or_fail(encoder.encode(line, &mut ids))?;
                prop_assert_eq!(&ids, &or_fail(tokenizer.encode(line))?, "{:?} {:?}", tokenizer, line);
            }
        }
    }

    #[test]
    fn characters_are_counted_once_over_bytes(text in texts()) {
        let tokenizer = BYTES.as_ref().ok_or_else(|| TestCaseError::fail("not trained"))?;
        let lengths = tokenizer.char_lengths();
        let ids = or_fail(tokenizer.encode(&text))?;
        let sum: u64 = ids.iter().map(|id| u64::from(lengths[*id as usize])).sum();
        // The space before the first word stands for the line's end.
        let own_space = u64::from(!text.is_empty() && !text.starts_with(' '));
        prop_assert_eq!(sum, text.chars().count() as u64 + own_space);
        let decoded = tokenizer.decode(&ids);
        prop_assert_eq!(decoded.trim_start_matches(' '), text.trim_start_matches(' '));
    }
}

#[test]
fn characters_of_marked_words_are_counted() -> Tested {
    for kind in [TokenizerKind::Bpe, TokenizerKind::Unigram] {
        let tokenizer = trained(&config(kind))?;
        let lengths = tokenizer.char_lengths();
        let text = "the quick dog, 다람쥐가";
        let sum: u32 = tokenizer.encode(text)?.iter().map(|id| lengths[*id as usize]).sum();
        assert_eq!(sum as usize, text.chars().count() + 1, "{kind:?}");
        assert_eq!(lengths[..5], [0; 5]);
    }
    let tokenizer = trained(&config(TokenizerKind::Wordpiece))?;
    let lengths = tokenizer.char_lengths();
    let sum: u32 = tokenizer.encode("quick dogs,")?.iter().map(|id| lengths[*id as usize]).sum();
    assert_eq!(sum, 10); // no mark, no space
    Ok(())
}

#[test]
fn a_part_of_a_character_is_shown_as_bytes() -> Tested {
    let tokenizer = BYTES.as_ref().ok_or("not trained")?;
    let ids = tokenizer.encode("힣")?;
    let shown: Vec<String> = ids.iter().map(|id| tokenizer.token(*id)).collect();
    assert!(shown.iter().any(|part| part.starts_with('<') && part.ends_with('>')), "{shown:?}");
    Ok(())
}

#[test]
fn a_vocabulary_without_room_is_refused_and_one_too_large_is_not_filled() -> Tested {
    for kind in KINDS {
        let small = trained(&TokenizerConfig { vocab_size: 40, ..config(kind) }).err().ok_or("trained")?.to_string();
        assert!(small.contains("tokenizer.vocab_size = 40 is too small: 5 special tokens"), "{kind:?}: {small}");
    }
    let large = trained(&TokenizerConfig { vocab_size: 50_000, ..config(TokenizerKind::Bpe) })?;
    assert!(large.vocab_size() > 60 && large.vocab_size() < 1000, "{}", large.vocab_size());
    Ok(())
}

#[test]
fn rare_signs_do_not_fill_a_small_vocabulary() -> Tested {
    let rare: String = (0..3000).filter_map(|sign| char::from_u32(0xAC00 + sign)).collect();
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("t.json");
    let small = TokenizerConfig { vocab_size: 200, ..config(TokenizerKind::Bpe) };
    let with_rare = |sentences: usize, signs: usize| {
        let mut text = TrainingText::default();
        (0..sentences).for_each(|_| text.add("the dog and the fox"));
        text.add(&rare.chars().take(signs).collect::<String>());
        train(&small, text, &path, &AtomicBool::new(false))
    };
    // 3,000 signs once each in 40,000 characters are more than the alphabet may leave out: said, not done.
    assert!(with_rare(2000, 3000).is_err_and(|why| why.to_string().contains("is too small")));
    // 100 in 4 million are not.
    with_rare(200_000, 100)?;
    let tokenizer = TextTokenizer::load(&path)?;
    let last_sign = rare.chars().nth(99).map(String::from).ok_or("no sign")?;
    assert_eq!(tokenizer.encode(&last_sign)?.last(), Some(&1));
    assert_eq!(tokenizer.encode("the dog and the fox")?.len(), 5);
    Ok(())
}

#[test]
fn what_the_library_cannot_do_is_an_error() -> Tested {
    let vocab = json!({ "[PAD]": 0, "[UNK]": 1, "[CLS]": 2, "[SEP]": 3, "[MASK]": 4, "a": 5 });
    let file = json!({ "version": "1.0", "added_tokens": [], "pre_tokenizer": { "type": "WhitespaceSplit" },
        "model": { "type": "WordLevel", "vocab": vocab, "unk_token": "nowhere" } });
    let tokenizer = load(&file)?;
    assert_eq!(tokenizer.encode("a a")?, [5, 5]);
    assert!(matches!(tokenizer.encode("a b"), Err(CorpusError::Encode { text, .. }) if text == "a b"));
    let words = vec![("a".to_owned(), 5_000_000_000)];
    let trained = unigram::learn(&["a".to_owned()], words, 100);
    assert!(matches!(trained, Err(CorpusError::Training { .. })));
    Ok(())
}

#[test]
fn training_stops_when_asked() {
    let words: Vec<(String, u64)> = (0..500).map(|n| (format!("word{n:03}"), 9)).collect();
    let alphabet = "word0123456789".chars().map(String::from).collect();
    let learned = bpe::learn(alphabet, "", &words, 5000, 1, &AtomicBool::new(true));
    assert!(matches!(learned, Err(CorpusError::Interrupted)));
}

fn load(file: &Value) -> Result<TextTokenizer, CorpusError> {
    load_bytes(file.to_string().as_bytes())
}

fn load_bytes(bytes: &[u8]) -> Result<TextTokenizer, CorpusError> {
    let folder = tempfile::tempdir().map_err(CorpusError::write(Path::new("tmp")))?;
    let path: PathBuf = folder.path().join("tokenizer.json");
    std::fs::write(&path, bytes).map_err(CorpusError::write(&path))?;
    TextTokenizer::load(&path)
}

fn file(kind: TokenizerKind) -> Result<Value, Box<dyn Error>> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("t.json");
    train_to(&config(kind), &path)?;
    Ok(serde_json::from_slice(&std::fs::read(path)?)?)
}

#[test]
fn crafted_files_are_errors_that_say_what_is_wrong() -> Tested {
    let original = file(TokenizerKind::Bpe)?;
    let outside = "outside 0..";
    let edits: Vec<(&str, Value, &str)> = vec![
        ("/model/vocab/[MASK]", json!(4_294_967_295_u32), outside),
        ("/model/vocab/[MASK]", json!(18_446_744_073_709_551_615_u64), outside),
        ("/model/vocab/[MASK]", json!(-1), outside),
        ("/model/vocab/[MASK]", json!(1.5), outside),
        ("/model/vocab/[MASK]", json!("4"), outside),
        ("/model/vocab/[MASK]", json!(3), "share the id 3"),
        ("/model/vocab", json!(7), "neither a list nor a table"),
        ("/model/type", json!("Magic"), "not known"),
        ("/model", Value::Null, "no `model`"),
        ("/model/merges", json!([["zzz", "qqq"]]), "out of vocabulary"),
        ("/model/merges", json!(3), "tokenizer"),
        ("/model/dropout", json!(0.1), "other ids each time"),
        ("/model/unk_token", json!(9), "tokenizer"),
        ("/added_tokens", json!({}), "not a list"),
        ("/added_tokens/0/id", json!(4_000_000_000_u32), "has the id 4000000000, expected 0"),
        ("/added_tokens/0/content", json!(""), "lacks its id or its content"),
        ("/version", json!("9"), "version"),
        ("/pre_tokenizer", json!({ "type": "Nothing" }), "tokenizer"),
        ("/normalizer", json!({ "type": "Prepend", "prepend": "x".repeat(9999) }), "4096 times longer"),
        ("/normalizer", json!({ "type": "Replace", "pattern": { "Regex": "(" }, "content": "" }), "tokenizer"),
    ];
    for (place, value, expected) in edits {
        let mut json = original.clone();
        *json.pointer_mut(place).ok_or(place)? = value;
        let why = load(&json).err().ok_or(place)?.to_string();
        assert!(why.contains(expected), "{place}: {why}");
    }
    let step = json!({ "type": "Replace", "pattern": { "String": "a" }, "content": "aaaa" });
    let mut json = original;
    json["normalizer"] = json!({ "type": "Sequence", "normalizers": vec![step; 9] });
    assert!(load(&json).is_err_and(|why| why.to_string().contains("times longer")));
    let mut json = file(TokenizerKind::Wordpiece)?;
    json["model"]["max_input_chars_per_word"] = json!(4_000_000_000_u32);
    assert!(load(&json).is_err_and(|why| why.to_string().contains("max_input_chars_per_word")));
    let mut json = file(TokenizerKind::Unigram)?;
    json["model"]["unk_id"] = json!(4_000_000_000_u32);
    assert!(load(&json).is_err_and(|why| why.to_string().contains("unk_id")));
    json["model"]["unk_id"] = json!(1);
    json["model"]["vocab"][9] = json!(["x"]);
    assert!(load(&json).is_err_and(|why| why.to_string().contains("not a token and its score")));
    Ok(())
}

#[test]
fn a_file_without_a_special_token_is_refused() -> Tested {
    let mut json = file(TokenizerKind::Bpe)?;
    json["model"]["vocab"].as_object_mut().and_then(|vocab| vocab.remove("[MASK]")).ok_or("no mask")?;
    json["model"]["vocab"]["[KSAM]"] = json!(4);
    json["added_tokens"].as_array_mut().ok_or("no list")?.pop();
    let error = load(&json).err().ok_or("loaded")?;
    assert!(matches!(&error, CorpusError::MissingSpecial { role, .. } if role == "[MASK] or <mask>"), "{error}");
    Ok(())
}

#[test]
fn the_other_spelling_of_special_tokens_works() -> Tested {
    let text = file(TokenizerKind::ByteBpe)?.to_string();
    let renamed = [("[PAD]", "<pad>"), ("[UNK]", "<unk>"), ("[CLS]", "<s>"), ("[SEP]", "</s>"), ("[MASK]", "<mask>")]
        .into_iter()
        .fold(text, |text, (from, to)| text.replace(&format!("\"{from}\""), &format!("\"{to}\"")));
    let tokenizer = load_bytes(renamed.as_bytes())?;
    assert_eq!(tokenizer.special(), SpecialIds { pad: 0, unk: 1, cls: 2, sep: 3, mask: 4 });
    assert!(!tokenizer.encode("a <mask> b")?.contains(&4));
    assert!(tokenizer.encode_marked("a <mask> b")?.contains(&4));
    Ok(())
}

#[test]
fn padding_and_truncation_of_a_file_are_ignored() -> Tested {
    let mut json = file(TokenizerKind::Bpe)?;
    let expected = load(&json)?.encode("the quick dog")?;
    json["padding"] = json!({ "strategy": { "Fixed": 4_000_000_000_u64 }, "direction": "Right",
        "pad_to_multiple_of": null, "pad_id": 0, "pad_type_id": 0, "pad_token": "[PAD]" });
    json["truncation"] = json!({ "direction": "Right", "max_length": 1, "strategy": "LongestFirst", "stride": 0 });
    assert_eq!(load(&json)?.encode("the quick dog")?, expected);
    Ok(())
}

#[test]
fn a_file_cut_anywhere_is_an_error() -> Tested {
    let text = file(TokenizerKind::Unigram)?.to_string();
    for cut in (0..text.len() - 1).step_by(97) {
        let error = load_bytes(&text.as_bytes()[..cut]).err().ok_or("loaded")?;
        assert!(matches!(error, CorpusError::Tokenizer { .. }), "{error}");
    }
    assert!(load_bytes(&[b'['; 1 << 20]).is_err());
    assert!(load_bytes(b"\xff").is_err());
    assert!(matches!(TextTokenizer::load(Path::new("/nowhere/t.json")), Err(CorpusError::Read { .. })));
    Ok(())
}

static FILES: LazyLock<Vec<Vec<u8>>> = LazyLock::new(|| {
    KINDS.iter().map(|kind| file(*kind).map(|json| json.to_string().into_bytes()).unwrap_or_default()).collect()
});

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    #[test]
    fn no_byte_of_a_file_can_do_more_than_fail(place in 0.0..1.0, byte in any::<u8>(), kind in 0_usize..4) {
        let mut bytes = FILES[kind].clone();
        prop_assert!(!bytes.is_empty());
        let place = (place * bytes.len() as f64) as usize;
        bytes[place] = byte;
        if let Ok(tokenizer) = load_bytes(&bytes) {
            let text = "the quick [MASK] 다람쥐, dog.";
            let size = tokenizer.vocab_size() as u32;
            for ids in [tokenizer.encode(text), tokenizer.encode_marked(text)].into_iter().flatten() {
                prop_assert!(ids.iter().all(|id| *id < size));
            }
        }
    }
}
