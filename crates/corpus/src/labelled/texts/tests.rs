use parquet::data_type::{ByteArray, ByteArrayType, Int64Type};
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::parser::parse_message_type;

use super::super::testing::file;
use super::*;

fn columns(target: TargetColumns) -> TextColumns {
    TextColumns { text: "text".into(), second: None, target: Some(target), group: None, format: None }
}

fn single() -> TextColumns {
    columns(TargetColumns::Single("label".into()))
}

fn set(name: &str, content: &str, columns: &TextColumns, labels: Option<&[&str]>) -> Result<TextSet, CorpusError> {
    let (_folder, path) = file(name, content.as_bytes());
    let labels = labels.map(|labels| labels.iter().map(ToString::to_string).collect());
    text_set(&[vec![path]], columns, labels)
}

fn said(result: Result<TextSet, CorpusError>) -> String {
    let error = result.expect_err("it is refused").to_string();
    error.rsplit_once('/').map_or(error.clone(), |(_, end)| end.to_owned())
}

#[test]
fn all_formats_give_the_same_rows() {
    let tsv = "id\ttext\tlabel\n1\tgood \"film\"\tpos\n2\t나쁘다\tneg\n";
    let csv = "label,text,id\r\npos,\"good \"\"film\"\"\",1\r\nneg,나쁘다,2\r\n";
    let jsonl = "{\"text\": \"good \\\"film\\\"\", \"label\": \"pos\"}\n\n{\"label\": \"neg\", \"text\": \"나쁘다\"}\n";
    for (name, content) in [("a.tsv", tsv), ("a.csv", csv), ("a.jsonl", jsonl)] {
        let set = set(name, content, &single(), None).unwrap();
        assert_eq!(set.labels.names(), ["neg", "pos"]);
        let found: Vec<(&str, &Target)> = set.splits[0].iter().map(|row| (row.first.as_str(), &row.target)).collect();
        assert_eq!(found, [("good \"film\"", &Target::Single(1)), ("나쁘다", &Target::Single(0))], "{name}");
    }
    let given = set("a.tsv", tsv, &single(), Some(&["pos", "neg", "none"])).unwrap();
    assert_eq!(given.splits[0][0].target, Target::Single(0));
}

#[test]
fn parquet_gives_text_and_whole_numbers() {
    let (_folder, path) = file("a.parquet", b"");
    let schema = "message m { required binary text (UTF8); required int64 label; }";
    let schema = Arc::new(parse_message_type(schema).unwrap());
    let mut writer = SerializedFileWriter::new(std::fs::File::create(&path).unwrap(), schema, Arc::default()).unwrap();
    let mut group = writer.next_row_group().unwrap();
    let mut column = group.next_column().unwrap().unwrap();
    let texts = ["good", "나쁘다"].map(ByteArray::from);
    column.typed::<ByteArrayType>().write_batch(&texts, None, None).unwrap();
    column.close().unwrap();
    let mut column = group.next_column().unwrap().unwrap();
    column.typed::<Int64Type>().write_batch(&[1, 0], None, None).unwrap();
    column.close().unwrap();
    group.close().unwrap();
    writer.close().unwrap();
    let set = text_set(&[vec![path.clone()]], &single(), None).unwrap();
    assert_eq!(
        (set.labels.names(), set.splits[0][1].first.as_str()),
        (["0", "1"].map(String::from).as_slice(), "나쁘다")
    );
    assert_eq!((set.splits[0][0].target.clone(), set.splits[0][0].place.row), (Target::Single(1), 1));
    let none = TextColumns { text: "body".into(), ..single() };
    assert!(
        read_texts(&path, &none)
            .unwrap_err()
            .to_string()
            .ends_with("has no column `body`; it has text, label: name one of them in [examples]")
    );
    std::fs::write(&path, b"PAR1 is not enough").unwrap();
    assert!(matches!(read_texts(&path, &single()), Err(CorpusError::Parquet { .. })));
}

#[test]
fn pairs_groups_and_texts_without_labels_are_read() {
    let columns = TextColumns {
        second: Some("b".into()),
        group: Some("page".into()),
        text: "a".into(),
        target: None,
        format: None,
    };
    let (_folder, path) = file("a.tsv", b"a\tb\tpage\nx\ty\t7\n");
    let rows = read_texts(&path, &columns).unwrap();
    assert_eq!(
        (rows[0].first.as_str(), rows[0].second.as_deref(), rows[0].group.as_deref()),
        ("x", Some("y"), Some("7"))
    );
    assert_eq!(rows[0].target, None);
    assert!(text_set(&[vec![path]], &columns, Some(vec!["u".into(), "v".into()])).is_err());
}

#[test]
fn several_labels_come_in_lists_and_parted_text() {
    let many = columns(TargetColumns::Many { column: "label".into(), separator: "|".into() });
    let tsv = "text\tlabel\na\tx | y\nb\t\nc\t[\"y\", \"x\", \"y\"]\n";
    let found = set("a.tsv", tsv, &many, None).unwrap();
    let targets: Vec<Target> = found.splits[0].iter().map(|row| row.target.clone()).collect();
    assert_eq!(targets, [Target::Many(vec![0, 1]), Target::Many(vec![]), Target::Many(vec![0, 1])]);
    let jsonl = "{\"text\": \"a\", \"label\": [\"x\"]}\n{\"text\": \"b\", \"label\": null}\n{\"text\": \"c\", \"label\": \"z|x\"}\n";
    let found = set("a.jsonl", jsonl, &many, None).unwrap();
    assert_eq!((found.labels.len(), found.splits[0][1].target.clone()), (2, Target::Many(vec![])));
    assert!(said(set("a.tsv", "text\tlabel\na\t[x\n", &many, None)).contains("begins like a JSON list"));
}

#[test]
fn probabilities_come_in_lists_and_columns() {
    let jsonl = "{\"text\": \"a\", \"label\": [0.25, 0.75]}\n";
    let list = columns(TargetColumns::SoftList("label".into()));
    let found = set("a.jsonl", jsonl, &list, Some(&["no", "yes"])).unwrap();
    assert_eq!(found.splits[0][0].target, Target::Soft(vec![0.25, 0.75]));
    let found = set("a.tsv", "text\tlabel\na\t[0.25, 0.75]\n", &list, Some(&["no", "yes"])).unwrap();
    assert_eq!(found.splits[0][0].target, Target::Soft(vec![0.25, 0.75]));
    let each = columns(TargetColumns::SoftColumns(vec!["no".into(), "yes".into()]));
    let found = set("a.csv", "yes,text,no\n0.75,a,0.25\n", &each, None).unwrap();
    assert_eq!(
        (found.labels.names()[0].as_str(), found.splits[0][0].target.clone()),
        ("no", Target::Soft(vec![0.25, 0.75]))
    );
    assert!(said(set("a.jsonl", jsonl, &list, None)).contains("list the labels' names"));
    assert!(said(set("a.jsonl", jsonl, &list, Some(&["a", "b", "c"]))).ends_with(":1: 2 probabilities for 3 labels"));
    let sums = set("a.csv", "yes,text,no\n0.9,a,0.25\n", &each, None);
    assert!(said(sums).contains("these are [0.25, 0.9], which sum to 1.15"));
    assert!(said(set("a.csv", "yes,text,no\nx,a,0.25\n", &each, None)).contains("`yes` is no number: x"));
}

#[test]
fn labels_of_another_split_must_be_known() {
    let (_one, train) = file("train.tsv", b"text\tlabel\na\tx\nb\ty\n");
    let (_two, valid) = file("valid.tsv", b"text\tlabel\na\tx\nb\tX\n");
    let error = text_set(&[vec![train], vec![valid]], &single(), None).unwrap_err().to_string();
    assert!(
        error.ends_with("valid.tsv:3: the label `X` is none of `x`, `y`: correct it, or name all labels in [examples]")
    );
}

#[test]
fn rows_that_cannot_be_used_are_named() {
    for (name, content, wanted) in [
        ("a.tsv", "text\tlabel\na\tx\n\ty\n", "a.tsv:3: `text` is empty; fill it in or leave the row out"),
        ("a.tsv", "text\tlabel\na\tx\nb\n", "a.tsv:3: 1 columns where the header has 2"),
        ("a.csv", "text,label\n\"a,x\n", "a.csv:2: a quoted field that is never closed"),
        ("a.jsonl", "{\"text\": \"a\"}\n", "a.jsonl:1: `label` is empty; fill it in or leave the row out"),
        ("a.jsonl", "{\"text\": [1], \"label\": 1}\n", "a.jsonl:1: `text` is not one text"),
        (
            "a.jsonl",
            "{\"text\": \n",
            "a.jsonl:1: EOF while parsing a value at line 1 column 9; write one JSON object a line",
        ),
        ("a.tsv", "text\tlabel\n", "a.tsv has no labelled row: name another file, or leave the split out"),
        ("a.tsv", "text\tclass\n", "a.tsv has no column `label`; it has text, class: name one of them in [examples]"),
        ("a.tsv", "", "a.tsv has no column `text`; it is empty"),
        (
            "a.txt",
            "x\n",
            "a.txt is a txt file, which has no columns: labelled rows are read from tsv, csv, jsonl and parquet",
        ),
        ("a.tsv", "text\tlabel\na\tx\n", "the labels cannot be used: 2 or more are needed, found 1 (x)"),
    ] {
        assert_eq!(said(set(name, content, &single(), None)), wanted);
    }
    let missing = read_texts(Path::new("nowhere.tsv"), &single()).unwrap_err();
    assert!(matches!(missing, CorpusError::Read { .. }));
    let (_folder, path) = file("a.tsv", b"text\tlabel\n\xff\tx\n");
    assert!(read_texts(&path, &single()).unwrap_err().to_string().contains(":2: byte 0 is not UTF-8"));
}
