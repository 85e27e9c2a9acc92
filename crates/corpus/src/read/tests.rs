use std::error::Error;
use std::io::Write;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use case::{CorpusConfig, DocumentKind, Paths, TextFormat};
use parquet::column::writer::ColumnWriter;
use parquet::data_type::ByteArray;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::parser::parse_message_type;

use super::*;

type Tested = Result<(), Box<dyn Error>>;

fn corpus(path: &str) -> CorpusConfig {
    CorpusConfig {
        name: "ko".into(),
        path: Paths::One(path.into()),
        format: None,
        field: "text".into(),
        documents: DocumentKind::Auto,
        fraction: 1.0,
        weight: 1.0,
    }
}

fn read(corpus: &CorpusConfig, base: &Path) -> Result<(Vec<String>, Tally), CorpusError> {
    let stop = AtomicBool::new(false);
    let mut files = resolve(corpus, base)?;
    settle_documents(corpus, &mut files, &stop)?;
    let mut documents = Vec::new();
    let mut sink = |block: Block| {
        documents.extend(block.documents().map(|(number, text)| (number, text.to_owned())));
        Ok(())
    };
    let tally = read_corpus(corpus, &files, 5, &Watch::default(), &stop, &mut sink)?;
    let in_order = documents.iter().enumerate().all(|(index, (number, _))| *number == 5 + index as u64);
    assert!(in_order, "documents are numbered on");
    assert_eq!(tally.documents, documents.len() as u64);
    Ok((documents.into_iter().map(|(_, text)| text).collect(), tally))
}

fn read_bytes(name: &str, bytes: &[u8]) -> Result<(Vec<String>, Tally), CorpusError> {
    let folder = tempfile::tempdir().map_err(CorpusError::write(Path::new("tmp")))?;
    std::fs::write(folder.path().join(name), bytes).map_err(CorpusError::write(Path::new(name)))?;
    read(&corpus(name), folder.path())
}

fn gzip(bytes: &[u8]) -> Result<Vec<u8>, std::io::Error> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes)?;
    encoder.finish()
}

fn parquet(column: &str, texts: &[Option<&str>]) -> Result<Vec<u8>, Box<dyn Error>> {
    let schema = format!("message m {{ required int64 id; optional binary {column} (UTF8); }}");
    let mut bytes = Vec::new();
    let mut writer = SerializedFileWriter::new(&mut bytes, Arc::new(parse_message_type(&schema)?), Default::default())?;
    // Two row groups, so that both are read.
    for half in texts.chunks(texts.len().div_ceil(2).max(1)) {
        let mut group = writer.next_row_group()?;
        while let Some(mut open) = group.next_column()? {
            match open.untyped() {
                ColumnWriter::Int64ColumnWriter(ids) => {
                    ids.write_batch(&vec![7; half.len()], None, None)?;
                }
                ColumnWriter::ByteArrayColumnWriter(column) => {
                    let values: Vec<ByteArray> = half.iter().flatten().map(|text| ByteArray::from(*text)).collect();
                    let levels: Vec<i16> = half.iter().map(|text| i16::from(text.is_some())).collect();
                    column.write_batch(&values, Some(&levels), None)?;
                }
                _ => return Err("no such column".into()),
            }
            open.close()?;
        }
        group.close()?;
    }
    writer.close()?;
    Ok(bytes)
}

#[test]
fn every_format_and_compression_gives_the_same_documents() -> Tested {
    let expected = ["alpha", "say \"hi\", 다람쥐", "omega"];
    let jsonl = "{\"text\":\"alpha\",\"x\":[{}]}\n{\"id\":1,\"text\":\"say \\\"hi\\\", 다람쥐\"}\n{\"text\":\"omega\"}";
    let files: Vec<(&str, Vec<u8>)> = vec![
        ("txt", "alpha\nsay \"hi\", 다람쥐\nomega\n".into()),
        ("jsonl", jsonl.into()),
        ("csv", "id,text\r\n1,alpha\r\n2,\"say \"\"hi\"\", 다람쥐\"\r\n3,omega\r\n".into()),
        ("tsv", "text\tid\nalpha\t1\nsay \"hi\", 다람쥐\t2\nomega\t3\n".into()),
        ("parquet", parquet("text", &[Some("alpha"), Some("say \"hi\", 다람쥐"), Some("omega")])?),
    ];
    for (format, bytes) in files {
        let (front, back) = bytes.split_at(bytes.len() / 2);
        let members = [gzip(front)?, gzip(back)?].concat();
        let frames = [zstd::encode_all(front, 1)?, zstd::encode_all(back, 1)?].concat();
        for (ending, bytes) in [("", bytes.clone()), (".gz", members), (".zst", frames)] {
            let (documents, tally) = read_bytes(&format!("a.{format}{ending}"), &bytes)?;
            assert_eq!(documents, expected, "{format}{ending}");
            assert_eq!((tally.lines, tally.bad_lines, tally.empty_lines), (3, 0, 0), "{format}{ending}");
        }
    }
    Ok(())
}

#[test]
fn a_record_may_hold_several_lines() -> Tested {
    let lines = "one \n\ntwo\r\nthree";
    let jsonl = serde_json::json!({ "text": lines }).to_string();
    let csv = format!("text,n\n\"{lines}\",1\n");
    let files =
        [("a.jsonl", jsonl.into_bytes()), ("a.csv", csv.into_bytes()), ("a.parquet", parquet("text", &[Some(lines)])?)];
    for (name, bytes) in files {
        let (documents, tally) = read_bytes(name, &bytes)?;
        assert_eq!(documents, ["one\ntwo\nthree"], "{name}");
        assert_eq!((tally.lines, tally.empty_lines), (4, 1), "{name}");
    }
    Ok(())
}

#[test]
fn byte_order_marks_line_ends_and_trailing_spaces_are_dropped() -> Tested {
    let (documents, _) = read_bytes("a.txt", "\u{FEFF}one \t\r\n  two\u{3000}\r\nthree\u{FEFF}".as_bytes())?;
    assert_eq!(documents, ["one", "  two", "three\u{FEFF}"]);
    let (documents, _) = read_bytes("a.csv", "\u{FEFF}text\nx".as_bytes())?;
    assert_eq!(documents, ["x"]);
    Ok(())
}

#[test]
fn what_is_not_text_is_counted_and_named() -> Tested {
    let (documents, tally) = read_bytes("a.txt", b"good\nb\xffd\nn\0l\ngood too\n")?;
    assert_eq!(documents, ["good", "good too"]);
    assert_eq!((tally.lines, tally.bad_lines), (4, 2));
    assert_eq!(tally.bad_examples[0], "a.txt:2: byte 1 is not UTF-8");
    assert_eq!(tally.bad_examples[1], "a.txt:3: holds a NUL byte, so it is not UTF-8 text");
    let (_, tally) = read_bytes("a.txt", &b"\xff\n".repeat(50))?;
    assert_eq!((tally.bad_lines, tally.bad_examples.len()), (50, 10));
    Ok(())
}

#[test]
fn malformed_records_are_counted_and_named() -> Tested {
    let jsonl = b"{\"text\":\"a\"}\n{\"text\":3}\n{\"other\":1}\n{\"text\":\"b\"\n\n{\"text\":\"\\ud800\"}\n\
        {\"text\":\"\xff\"}\n[1]\n{\"text\":\"z\"}x";
    let (documents, tally) = read_bytes("a.jsonl", jsonl)?;
    assert_eq!(documents, ["a"]);
    assert_eq!((tally.bad_lines, tally.empty_lines), (7, 1));
    assert!(tally.bad_examples[1].starts_with("a.jsonl:3: no field `text`"), "{:?}", tally.bad_examples);

    let csv = b"id,text\n1,a\n2\n3,b,c\n4,\"x\"y\n5,d\xff\n\n6,e\n7,\"never closed\nmore\n";
    let (documents, tally) = read_bytes("a.csv", csv)?;
    assert_eq!(documents, ["a", "e"]);
    assert_eq!((tally.bad_lines, tally.empty_lines), (5, 1));
    assert_eq!(tally.bad_examples[0], "a.csv:3: 1 columns where the header has 2");
    assert_eq!(tally.bad_examples[2], "a.csv:5: text after a closing quote");
    assert_eq!(tally.bad_examples[4], "a.csv:9: a quoted field that is never closed");

    let (documents, tally) = read_bytes("a.tsv", b"text\tid\n\"a\t1\nb\nc\t2\t3\nd\t4\r\n")?;
    assert_eq!(documents, ["\"a", "d"]);
    assert_eq!(tally.bad_lines, 2);

    let (documents, tally) = read_bytes("a.parquet", &parquet("text", &[None, Some("a"), Some(""), None])?)?;
    assert_eq!(documents, ["a"]);
    assert_eq!((tally.lines, tally.empty_lines), (4, 3));
    Ok(())
}

#[test]
fn a_line_without_end_is_malformed_and_not_memory() -> Tested {
    let mut bytes = vec![b'x'; MAX_LINE_BYTES + 5];
    bytes.extend_from_slice(b"\nshort\n");
    let (documents, tally) = read_bytes("a.txt", &bytes)?;
    assert_eq!((documents.len(), tally.bad_lines, tally.lines), (1, 1, 2));
    let quoted = [b"text\n\"".as_slice(), &b"line\n".repeat(4 << 20), b"\nafter\n"].concat();
    let (documents, tally) = read_bytes("a.csv", &quoted)?;
    assert!(tally.bad_examples[0].contains("not closed within 16 MiB"), "{:?}", tally.bad_examples);
    assert_eq!(documents.last().map(String::as_str), Some("after"));
    Ok(())
}

#[test]
fn what_unpacks_without_end_is_an_error_and_not_a_full_disk() -> Tested {
    let text = [vec![b'a'; 1 << 20], b"\n".to_vec()].concat().repeat(6); // of 6 MiB, a few kilobytes remain
    let wide = b"a,".repeat(20_000);
    for (name, bytes) in [("a.txt.gz", gzip(&text)?), ("a.txt.zst", zstd::encode_all(text.as_slice(), 1)?)] {
        let error = read_bytes(name, &bytes).err().ok_or("read")?;
        let source = error.source().ok_or("a reason")?.to_string();
        assert!(matches!(&error, CorpusError::Read { path, .. } if path.ends_with(name)), "{error}");
        assert!(source.contains("it unpacks to more than") && source.contains("unpack it and name"), "{source}");
    }
    let (_, tally) = read_bytes("a.csv", &[b"text\n".as_slice(), &wide, b"\nx\n"].concat())?;
    assert_eq!((tally.bad_lines, tally.bad_examples[0].as_str()), (1, "a.csv:2: more than 16,384 columns"));
    let (_, tally) = read_bytes("a.tsv", &[b"text\n".as_slice(), &b"a\t".repeat(20_000), b"\nx\n"].concat())?;
    assert_eq!((tally.bad_lines, tally.bad_examples[0].as_str()), (1, "a.tsv:2: more than 16,384 columns"));
    Ok(())
}

#[test]
fn a_parquet_file_of_a_few_texts_in_many_rows_is_no_file_of_text() -> Tested {
    // One text of a dictionary and a number of rows: a few kilobytes that stand for megabytes.
    let long = "long ".repeat(1000);
    let few = parquet("text", &vec![Some(long.as_str()); 100])?;
    assert_eq!(read_bytes("a.parquet", &few)?.0.len(), 100);
    let many = parquet("text", &vec![Some(long.as_str()); 3000])?;
    assert!(many.len() < 100_000, "{}", many.len());
    let why = read_bytes("a.parquet", &many).err().ok_or("read")?.to_string();
    assert!(why.contains("it unpacks to more than"), "{why}");
    Ok(())
}

#[test]
fn documents_are_parted_as_asked() -> Tested {
    let folder = tempfile::tempdir()?;
    std::fs::write(folder.path().join("a.txt"), "1\n2\n\n \n3\n")?;
    std::fs::write(folder.path().join("b.txt"), "4\n5\n\n\n")?;
    let with = |documents| read(&CorpusConfig { documents, ..corpus("?.txt") }, folder.path());
    assert_eq!(with(DocumentKind::Line)?.0, ["1", "2", "3", "4", "5"]);
    assert_eq!(with(DocumentKind::BlankLine)?.0, ["1\n2", "3", "4\n5"]);
    assert_eq!(with(DocumentKind::File)?.0, ["1\n2\n3", "4\n5"]);
    // Empty lines at the end of b part nothing.
    assert_eq!(with(DocumentKind::Auto)?.0, ["1\n2", "3", "4", "5"]);
    Ok(())
}

#[test]
fn a_document_that_would_fill_the_memory_is_refused() -> Tested {
    let folder = tempfile::tempdir()?;
    let line = [vec![b'x'; 1 << 20], b"\n".to_vec()].concat();
    std::fs::write(folder.path().join("a.txt"), line.repeat(70))?;
    let whole = CorpusConfig { documents: DocumentKind::File, ..corpus("a.txt") };
    let error = read(&whole, folder.path()).err().ok_or("read")?;
    assert!(matches!(error, CorpusError::DocumentTooLarge { line: 64, limit_mib: 64, .. }), "{error}");
    Ok(())
}

#[test]
fn globs_are_sorted_and_several_paths_keep_their_order() -> Tested {
    let folder = tempfile::tempdir()?;
    for name in ["b.txt", "a.txt", "c[1].txt"] {
        std::fs::write(folder.path().join(name), name)?;
    }
    assert_eq!(read(&corpus("[ab].txt"), folder.path())?.0, ["a.txt", "b.txt"]);
    assert_eq!(read(&corpus("c[1].txt"), folder.path())?.0, ["c[1].txt"]);
    let two = CorpusConfig { path: Paths::Many(vec!["b.txt".into(), "a*".into()]), ..corpus("") };
    assert_eq!(read(&two, folder.path())?.0, ["b.txt", "a.txt"]);
    Ok(())
}

#[test]
fn missing_files_and_unknown_formats_are_errors_that_say_so() -> Tested {
    let folder = tempfile::tempdir()?;
    std::fs::write(folder.path().join("a.dat"), "x")?;
    let fails =
        |corpus: &CorpusConfig| read(corpus, folder.path()).err().map_or_else(String::new, |why| why.to_string());
    assert!(fails(&corpus("none*.txt")).starts_with("corpus `ko`: no file matches `none*.txt`"));
    assert!(fails(&CorpusConfig { path: Paths::Many(vec![]), ..corpus("") }).contains("no file"));
    assert!(fails(&corpus("a[")).contains("is not a path or glob"));
    assert!(fails(&corpus("a.dat")).contains("cannot tell the format"));
    let told = CorpusConfig { format: Some(TextFormat::Txt), ..corpus("a.dat") };
    assert_eq!(read(&told, folder.path())?.0, ["x"]);
    Ok(())
}

#[test]
fn a_missing_column_is_named_with_those_there_are() -> Tested {
    for (name, bytes) in [
        ("a.csv", b"id,body\n1,x\n".to_vec()),
        ("a.tsv", b"id\tbody\n1\tx\n".to_vec()),
        ("a.parquet", parquet("body", &[Some("x")])?),
    ] {
        let why = read_bytes(name, &bytes).err().ok_or("read")?.to_string();
        assert!(why.contains("has no text column `text`; it has id, body"), "{why}");
    }
    assert!(matches!(read_bytes("a.csv", b""), Err(CorpusError::MissingColumn { .. })));
    let folder = tempfile::tempdir()?;
    std::fs::write(folder.path().join("a.parquet"), parquet("body", &[Some("x")])?)?;
    let id = CorpusConfig { field: "id".into(), ..corpus("a.parquet") };
    let why = read(&id, folder.path()).err().ok_or("read")?.to_string();
    assert!(why.contains("column `id` is not one text a row"), "{why}");
    Ok(())
}

#[test]
fn files_cut_short_are_errors() -> Tested {
    // Text that does not compress, so that the cut is not in the last block.
    let text: String = (0..20_000_u64).map(|n| format!("{}\n", n.wrapping_mul(0x9E37_79B9_7F4A_7C15))).collect();
    let (gz, zst) = (gzip(text.as_bytes())?, zstd::encode_all(text.as_bytes(), 1)?);
    for (name, bytes) in [("a.txt.gz", gz), ("a.txt.zst", zst)] {
        let error = read_bytes(name, &bytes[..bytes.len() - 9]).err().ok_or("read")?;
        assert!(matches!(error, CorpusError::Read { .. }), "{error}");
    }
    let file = parquet("text", &[Some("x"); 100])?;
    for cut in [3, file.len() / 2, file.len() - 1] {
        let error = read_bytes("a.parquet", &file[..cut]).err().ok_or("read")?;
        assert!(matches!(error, CorpusError::Parquet { .. }), "{error}");
    }
    Ok(())
}

#[test]
fn no_byte_of_a_parquet_file_can_do_more_than_fail() -> Tested {
    let file = parquet("text", &[Some("one"), None, Some("two")])?;
    let mut failed = 0;
    for place in 0..file.len() {
        let mut broken = file.clone();
        broken[place] ^= 0x55;
        failed += usize::from(read_bytes("a.parquet", &broken).is_err()); // or other text; but it returns
    }
    assert!(failed > file.len() / 10, "{failed} of {}", file.len());
    Ok(())
}

#[test]
fn too_many_bad_lines_and_no_text_are_errors() -> Tested {
    let (_, tally) = read_bytes("a.txt", b"a\nb\n\xff\nc\n")?;
    assert!(check_tally("ko", &tally, 0.25).is_ok());
    let why = check_tally("ko", &tally, 0.24).err().ok_or("allowed")?.to_string();
    assert!(why.contains("1 of 4 lines are unreadable") && why.contains("a.txt:3: byte 0 is not UTF-8"), "{why}");
    let (_, tally) = read_bytes("a.txt", b"\n\n")?;
    assert!(matches!(check_tally("ko", &tally, 1.0), Err(CorpusError::NoText { lines: 2, .. })));
    Ok(())
}

#[test]
fn reading_stops_when_asked() -> Tested {
    let folder = tempfile::tempdir()?;
    std::fs::write(folder.path().join("a.txt"), "x\n")?;
    let stop = AtomicBool::new(true);
    let files = resolve(&corpus("a.txt"), folder.path())?;
    let read = read_corpus(&corpus("a.txt"), &files, 0, &Watch::default(), &stop, &mut |_| Ok(()));
    assert!(matches!(read, Err(CorpusError::Interrupted)));
    Ok(())
}
