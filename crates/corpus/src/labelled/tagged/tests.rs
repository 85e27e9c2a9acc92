use super::super::testing::file;
use super::*;

fn lists() -> TagColumns {
    TagColumns {
        format: TagFormat::Lists(None),
        words: "tokens".into(),
        tags: Some("tags".into()),
        boxes: None,
        group: None,
    }
}

fn conll() -> TagColumns {
    TagColumns { format: TagFormat::Conll, words: String::new(), tags: Some(String::new()), ..lists() }
}

fn said(name: &str, content: &str, columns: &TagColumns) -> String {
    let (_folder, path) = file(name, content.as_bytes());
    let error = tagged_set(&[vec![path]], columns, None).expect_err("it is refused").to_string();
    error.rsplit_once('/').map_or(error.clone(), |(_, end)| end.to_owned())
}

#[test]
fn lists_of_words_tags_and_boxes_are_read() {
    let page = "{\"id\": \"p\", \"width\": 100, \"height\": 200.0, \"tokens\": [\"a\", \"b\"], \
                \"boxes\": [[0, 0, 50, 20], [50, 20, 100, 200]], \"tags\": [\"B-x\", \"O\"]}\n";
    let boxes = BoxColumns { boxes: "boxes".into(), width: "width".into(), height: "height".into() };
    let columns = TagColumns { boxes: Some(boxes), group: Some("id".into()), ..lists() };
    let (_folder, path) = file("p.jsonl", page.as_bytes());
    let set = tagged_set(&[vec![path]], &columns, None).unwrap();
    let row = &set.splits[0][0];
    assert_eq!((row.tags.as_slice(), row.group.as_deref()), ([1, 0].as_slice(), Some("p")));
    assert_eq!(row.boxes.as_deref(), Some([[0, 0, 500, 100], [500, 100, 1000, 1000]].as_slice()));
    let off = page.replace("50, 20, 100, 200", "50, 20, 101, 200");
    assert!(said("p.jsonl", &off, &columns).starts_with("p.jsonl:1: word 2 (`b`): its box [50.0, 20.0, 101.0, 200.0]"));
    assert!(
        said("p.jsonl", &page.replace("\"width\"", "\"w\""), &columns).contains("`width` is not there or no number")
    );
    assert!(said("p.jsonl", &page.replace(", [50, 20, 100, 200]", ""), &columns).contains("1 entries for 2 words"));
    assert!(said("p.jsonl", &page.replace("[0, 0, 50, 20]", "[0, 0, 50]"), &columns).contains("no list of boxes"));
}

#[test]
fn conll_columns_hold_sentences_and_documents() {
    let text = "-DOCSTART- -X- O\n\nPeter NNP B-PER\nsleeps VBZ O\n\n-DOCSTART- -X- O\n\nin IN O\nRome NNP I-LOC\n";
    let (_folder, path) = file("eng.conll", text.as_bytes());
    let grouped = TagColumns { group: Some("document".into()), ..conll() };
    let set = tagged_set(&[vec![path.clone()]], &grouped, None).unwrap();
    let rows = &set.splits[0];
    assert_eq!((rows.len(), set.tags.kinds()), (2, ["LOC", "PER"].map(String::from).as_slice()));
    assert_eq!((rows[0].words.join(" "), rows[0].place.row), ("Peter sleeps".into(), 3));
    assert_eq!((rows[1].tags.as_slice(), rows[1].group.as_deref()), ([0, 2].as_slice(), Some("2")));
    assert_eq!(set.stray, 1, "an I- that begins an entity");
    let by_number = TagColumns { words: "2".into(), tags: Some("3".into()), ..conll() };
    let set = tagged_set(&[vec![path]], &by_number, None).unwrap();
    assert_eq!(set.splits[0][0].words, ["NNP", "VBZ"]);
    // KLUE's own form: characters, tabs, a space as a word.
    let (_folder, path) = file("klue.tsv", "이\tB-PS\n \tI-PS\n씨\tI-PS\n\n".as_bytes());
    let set = tagged_set(&[vec![path]], &conll(), None).unwrap();
    assert_eq!(
        (set.splits[0].len(), set.splits[0][0].words.as_slice()),
        (1, ["이", " ", "씨"].map(String::from).as_slice())
    );
}

#[test]
fn rows_that_cannot_be_used_are_named() {
    for (content, wanted) in [
        ("{\"tokens\": [\"a\"], \"tags\": []}", "a.jsonl:1: `tags` has 0 entries for 1 words; each word needs one"),
        ("{\"tokens\": [], \"tags\": []}", "a.jsonl:1: `tokens` holds no word; leave the row out"),
        ("{\"tags\": []}", "a.jsonl:1: `tokens` is not there or no list of texts such as [\"a\", \"b\"]"),
        (
            "{\"tokens\": [\"a\", \"b\"], \"tags\": [\"O\", \"S-x\"]}",
            "a.jsonl:1: word 2: the tag `S-x` is no BIO tag; write O, B-TYPE or I-TYPE",
        ),
        (
            "{\"tokens\": [\"a\"], \"tags\": [\"O\"]}",
            "the labels cannot be used: there is no entity type; a tagged set needs tags such as B-PER",
        ),
    ] {
        assert_eq!(said("a.jsonl", content, &lists()), wanted);
    }
    assert!(said("a.conll", "Peter\n", &conll()).starts_with("a.conll:1: 1 columns, too few for a word and its tag"));
    let named = TagColumns { words: "word".into(), ..conll() };
    assert!(said("a.conll", "a O\n", &named).contains("write the column's number from 1"));
}

#[test]
fn types_of_another_split_must_be_known() {
    let (_one, train) = file("train.jsonl", b"{\"tokens\": [\"a\"], \"tags\": [\"B-x\"]}");
    let (_two, valid) = file("valid.jsonl", b"{\"tokens\": [\"a\", \"b\"], \"tags\": [\"O\", \"B-y\"]}");
    let splits = [vec![train], vec![valid.clone()]];
    let error = tagged_set(&splits, &lists(), None).unwrap_err().to_string();
    assert!(error.ends_with(
        "valid.jsonl:1: the label `B-y` is none of `O`, `B-x`, `I-x`: correct it, or name all labels in [examples]"
    ));
    assert!(tagged_set(&splits, &lists(), Some(vec!["x".into(), "y".into()])).is_ok());
    let words_only = TagColumns { tags: None, ..lists() };
    assert_eq!(read_tagged(&valid, &words_only).unwrap()[0].tags, None);
}
