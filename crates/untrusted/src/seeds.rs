//! What fuzzing begins with: sound files, all of them made here or taken from this repository's own records.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, OnceLock};

use case::{CorpusConfig, DataConfig, DocumentKind, Paths, TokenizerConfig};
use corpus::{PrepareRequest, prepare};
use parquet::column::writer::ColumnWriter;
use parquet::data_type::ByteArray;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::parser::parse_message_type;

/// A console's output.
pub(crate) const CONSOLE: &str = include_str!("../../../fuzz/seeds/log-text/trainer");
/// A journal.
pub(crate) const JOURNAL: &str = include_str!("../../journal/tests/formats/1/journal.jsonl");
/// The resolved case of a run.
pub(crate) const RESOLVED_CASE: &str = include_str!("../../../docs/records/quickstart/case.toml");
const RUN_INFO: &str = include_str!("../../../docs/records/quickstart/run.json");
const LABELLED_RUN_INFO: &str = include_str!("../../../docs/records/reviews/scratch/s1/run.json");
const LABELLED_JOURNAL: &str = include_str!("../../../docs/records/reviews/scratch/s1/journal.jsonl");
/// Running text.
pub(crate) const TEXT: &str = "the quick dog, say \"hi\" [MASK] 다람쥐가 1,234.5\tend";

/// Bytes for the reader of a name to begin with.
pub fn of(reader: &str) -> Vec<Vec<u8>> {
    let mut seeds = match reader {
        "case" => [files("configs"), files("crates/case/tests/bad"), files("docs/records/quickstart")].concat(),
        "journal" | "log-journal" | "record" | "report" => vec![bare(JOURNAL)],
        "labelled-report" => vec![bare(LABELLED_JOURNAL)],
        "run-info" => vec![run_json().into(), labelled_run_json().into(), RUN_INFO.into()],
        "index" => vec![index()],
        "tfevents" => vec![events(&event_records())],
        "tfevents-records" => {
            vec![event_records().iter().flat_map(|data| [vec![data.len() as u8], data.clone()].concat()).collect()]
        }
        "manifest" => vec![prepared_file("manifest.json")],
        "seal" => vec![prepared_file("manifest.json")],
        "shard" => {
            prepared_files().iter().filter(|(name, _)| name.ends_with(".shard")).map(|(_, it)| it.clone()).collect()
        }
        "safetensors" => vec![safetensors()],
        "tokenizer" => tokenizers(),
        "parquet" => vec![parquet(&[Some("alpha"), None, Some("say \"hi\"")], "text", None)],
        "labelled-parquet" => vec![parquet(&[Some("alpha"), Some("beta")], "text", Some("label"))],
        "gz" => vec![gzip(TEXT.as_bytes()), [gzip(b"a\n"), gzip(b"b\n")].concat(), gzip(&vec![b'a'; 12 << 20])],
        "zst" => vec![zst(TEXT.as_bytes()), [zst(b"a\n"), zst(b"b\n")].concat(), zst(&vec![b'a'; 64 << 20])],
        _ => Vec::new(),
    };
    seeds.extend(files(&format!("fuzz/seeds/{reader}")));
    seeds.retain(|bytes| bytes.len() <= MOST_BYTES);
    seeds
}

/// Longer seeds leave the fuzzer no time.
const MOST_BYTES: usize = 64 << 10;

/// The files of a folder of this repository, by name.
fn files(folder: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(folder);
    let mut paths: Vec<_> = fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path()).collect();
    paths.retain(|path| path.is_file());
    paths.sort();
    paths.iter().filter_map(|path| fs::read(path).ok()).collect()
}

/// A journal's lines without their checksums, which the readers here put back.
fn bare(journal: &str) -> Vec<u8> {
    let line =
        |line: &str| line.split_once(",\"crc32\"").map_or(line.to_string(), |(content, _)| format!("{content}}}"));
    journal.lines().map(|text| line(text) + "\n").collect::<String>().into_bytes()
}

/// A run's description, with a plan of few points.
pub(crate) fn run_json() -> &'static str {
    static ONE: OnceLock<String> = OnceLock::new();
    ONE.get_or_init(|| shortened(RUN_INFO))
}

/// The same of a run on labelled texts.
pub(crate) fn labelled_run_json() -> &'static str {
    static ONE: OnceLock<String> = OnceLock::new();
    ONE.get_or_init(|| shortened(LABELLED_RUN_INFO))
}

fn shortened(text: &str) -> String {
    let mut info: serde_json::Value = serde_json::from_str(text).expect("it is a record's");
    if let Some(rates) = info["plan"]["rates"].as_array_mut() {
        *rates = rates.iter().step_by(40).cloned().collect();
    }
    serde_json::to_string_pretty(&info).expect("it was JSON")
}

/// The index of the runs that the readers here put below a folder.
fn index() -> Vec<u8> {
    let root = tempfile::tempdir().expect("the folder for temporary files can be written");
    let folder = root.path().join("case/other/s1");
    fs::create_dir_all(&folder).expect("the folder for temporary files can be written");
    fs::write(folder.join("run.json"), run_json()).expect("the folder for temporary files can be written");
    fs::write(folder.join("journal.jsonl"), JOURNAL).expect("the folder for temporary files can be written");
    journal::list_runs(root.path()).expect("the run is sound");
    let text = fs::read_to_string(root.path().join(".index.jsonl")).expect("the index was written");
    bare(&text)
}

fn prepared_file(wanted: &str) -> Vec<u8> {
    prepared_files().iter().find(|(name, _)| name == wanted).map(|(_, bytes)| bytes.clone()).expect("it was prepared")
}

/// The files of a small folder of prepared text, with their names.
pub(crate) fn prepared_files() -> &'static [(String, Vec<u8>)] {
    static ONE: OnceLock<Vec<(String, Vec<u8>)>> = OnceLock::new();
    ONE.get_or_init(|| prepared(case::TokenizerKind::Bpe))
}

fn prepared(kind: case::TokenizerKind) -> Vec<(String, Vec<u8>)> {
    let folder = tempfile::tempdir().expect("the folder for temporary files can be written");
    let words = ["the", "quick", "dog", "say", "hi", "다람쥐가", "12"];
    let line = |at: usize| format!("{} {} {}.\n", words[at % 7], words[at / 7 % 7], words[at * 3 % 7]);
    let text: String = (0..60).map(line).collect();
    fs::write(folder.path().join("a.txt"), text).expect("the folder for temporary files can be written");
    let corpus = CorpusConfig {
        name: "a".into(),
        path: Paths::One("a.txt".into()),
        format: None,
        field: "text".into(),
        documents: DocumentKind::Line,
        fraction: 1.0,
        weight: 1.0,
    };
    let data = DataConfig { corpora: vec![corpus], valid: 0.2, ..DataConfig::default() };
    let tokenizer = TokenizerConfig { kind, vocab_size: 64, ..TokenizerConfig::default() };
    let (base, cache) = (folder.path(), folder.path().join("cache"));
    let request = PrepareRequest { data: &data, tokenizer: &tokenizer, base, cache: &cache, threads: 1 };
    let prepared = prepare(&request, &mut |_| {}, &AtomicBool::new(false)).expect("the text is sound");
    let mut files = Vec::new();
    for entry in fs::read_dir(prepared.folder()).expect("it is there").flatten() {
        let bytes = fs::read(entry.path()).expect("it was written");
        files.push((entry.file_name().to_string_lossy().into_owned(), bytes));
    }
    files.sort();
    files
}

fn tokenizers() -> Vec<Vec<u8>> {
    use case::TokenizerKind::{Bpe, Unigram, Wordpiece};
    let file = |kind| prepared(kind).into_iter().find(|(name, _)| name == "tokenizer.json").map(|(_, bytes)| bytes);
    [Bpe, Wordpiece, Unigram].into_iter().filter_map(file).collect()
}

fn safetensors() -> Vec<u8> {
    let array = |values: Vec<f32>, shape: &[usize]| weights::Array { shape: shape.to_vec(), values };
    let weights = [
        ("encoder.layers.0.norm.weight".to_string(), array(vec![1.0, -2.0], &[2])),
        ("head.weight".to_string(), array(vec![0.5; 6], &[2, 3])),
    ];
    weights::bytes(&weights.into_iter().collect())
}

pub(crate) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).expect("memory can be written");
    encoder.finish().expect("memory can be written")
}

pub(crate) fn zst(bytes: &[u8]) -> Vec<u8> {
    zstd::encode_all(bytes, 1).expect("memory can be written")
}

fn parquet(texts: &[Option<&str>], column: &str, label: Option<&str>) -> Vec<u8> {
    let label = label.map(|name| format!("required binary {name} (UTF8);")).unwrap_or_default();
    let schema = format!("message m {{ required int64 id; optional binary {column} (UTF8); {label} }}");
    let schema = Arc::new(parse_message_type(&schema).expect("it is a schema"));
    let mut bytes = Vec::new();
    let mut writer = SerializedFileWriter::new(&mut bytes, schema, Arc::default()).expect("memory can be written");
    let mut group = writer.next_row_group().expect("memory can be written");
    while let Some(mut open) = group.next_column().expect("the schema has it") {
        match open.untyped() {
            ColumnWriter::Int64ColumnWriter(ids) => ids.write_batch(&vec![7; texts.len()], None, None).map(drop),
            ColumnWriter::ByteArrayColumnWriter(column) => {
                let values: Vec<ByteArray> = texts.iter().flatten().map(|text| ByteArray::from(*text)).collect();
                let levels: Vec<i16> = texts.iter().map(|text| i16::from(text.is_some())).collect();
                column.write_batch(&values, Some(&levels), None).map(drop)
            }
            _ => Ok(()),
        }
        .expect("memory can be written");
        open.close().expect("memory can be written");
    }
    group.close().expect("memory can be written");
    writer.close().expect("memory can be written");
    bytes
}

fn varint(mut number: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    while number > 0x7f {
        bytes.push((number & 0x7f) as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
    bytes
}

fn field(number: u64, bytes: &[u8]) -> Vec<u8> {
    [varint(number << 3 | 2), varint(bytes.len() as u64), bytes.to_vec()].concat()
}

/// Records of an event file: a version, scalars in both forms, and settings as a text.
fn event_records() -> Vec<Vec<u8>> {
    let event = |step: u64, value: &[u8]| [varint(2 << 3), varint(step), field(5, &field(1, value))].concat();
    let simple = |step, tag: &str, number: f32| {
        event(step, &[field(1, tag.as_bytes()), vec![2 << 3 | 5], number.to_le_bytes().to_vec()].concat())
    };
    let tensor = |step, tag: &str, number: f32| {
        let tensor = [vec![1 << 3, 1], field(4, &number.to_le_bytes())].concat();
        event(step, &[field(1, tag.as_bytes()), field(8, &tensor)].concat())
    };
    let settings = [vec![1 << 3, 7], field(8, b"{\"learning_rate\": 5e-05}")].concat();
    vec![
        field(3, b"brain.Event:2"),
        event(0, &[field(1, b"args/text_summary"), field(8, &settings)].concat()),
        simple(10, "train/loss", 0.5),
        simple(10, "train/learning_rate", 0.25),
        tensor(20, "eval/loss", 0.75),
    ]
}

/// Records as an event file: length, its checksum, data, its checksum.
pub(crate) fn events(records: &[Vec<u8>]) -> Vec<u8> {
    let record = |data: &Vec<u8>| {
        let length = (data.len() as u64).to_le_bytes();
        [&length[..], &masked(&length).to_le_bytes(), data, &masked(data).to_le_bytes()].concat()
    };
    records.iter().flat_map(record).collect()
}

/// CRC-32C, turned and shifted as event files have it.
fn masked(bytes: &[u8]) -> u32 {
    let byte = |crc: u32, byte: &u8| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| if crc & 1 == 1 { crc >> 1 ^ 0x82f6_3b78 } else { crc >> 1 })
    };
    (!bytes.iter().fold(u32::MAX, byte)).rotate_right(15).wrapping_add(0xa282_ead8)
}
