//! Text of others on every surface: it is shown, never obeyed.

#![allow(clippy::unwrap_used, reason = "helpers of tests, too, fail by panicking")]

mod made;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use case::{Claim, is_obeyed};
use casebook_journal::compare::{Options, Run, compare, grouped};
use casebook_journal::{
    Axis, CaseRuns, ClaimVerdict, Conclusion, Event, Journal, PageDrawing, PageWord, RecordCase, RunInfo, Standing,
    add_note, html_page, list_runs, page_svg, runs_table, svg, training_record, write_record,
};
use serde_json::Value;

/// What browsers, XML, Markdown and terminals obey, or would if they were let.
fn nasty() -> String {
    let signs = [
        "<script>document.title='ran'</script>",
        "\"><img src=x onerror=document.title='ran'>",
        "' onmouseover='document.title=1",
        "]]><!-- --></style></title></svg><svg onload=document.title='ran'>",
        "&lt;b&gt; &#60;i&#62; &amp;",
        "\u{1b}[31mred\u{1b}]0;title\u{7}\u{9b}2J",
        "\u{202e}desrever\u{2066}\u{2028}end",
        "nul\0 back\u{8} delete\u{7f} none\u{FFFE}",
        "a | b | c\n# heading\n- item\r\n1. one\n---\n",
        "`code` ``` *bold* _it_ [a](javascript:document.title=1) ![i](http://e.example/x.png) $x$ ~~s~~",
    ];
    format!("{} {}", signs.join(" "), "w".repeat(400))
}

/// The value with every text in it replaced, but for words that tell kinds apart.
fn replaced(value: &mut Value, text: &str) {
    match value {
        Value::String(found) => *found = text.into(),
        Value::Array(items) => items.iter_mut().for_each(|item| replaced(item, text)),
        Value::Object(fields) => {
            let fields = fields.iter_mut().filter(|(key, _)| !["event", "status", "split"].contains(&key.as_str()));
            fields.for_each(|(_, field)| replaced(field, text));
        }
        _ => {}
    }
}

/// Two runs of words and of labelled examples whose every text is `text`, below a folder.
fn runs(text: &str) -> (tempfile::TempDir, Vec<PathBuf>) {
    let root = tempfile::tempdir().unwrap();
    let mut folders = Vec::new();
    for (name, is_labelled) in [("words", false), ("labels", true)] {
        let mut value = serde_json::to_value(made::info()).unwrap();
        replaced(&mut value, text);
        let mut info: RunInfo = serde_json::from_value(value).unwrap();
        if !is_labelled {
            info.data.examples = None;
        }
        info.seed = u64::from(is_labelled);
        let folder = root.path().join(name);
        fs::create_dir(&folder).unwrap();
        info.write(&folder).unwrap();
        let mut journal = Journal::create(&folder.join("journal.jsonl")).unwrap();
        for event in made::events() {
            let mut value = serde_json::to_value(event).unwrap();
            replaced(&mut value, text);
            let mut event: Event = serde_json::from_value(value).unwrap();
            if let Event::Eval(eval) = &mut event
                && !is_labelled
            {
                eval.scores = None;
            }
            journal.append(&event).unwrap();
        }
        for note in made::notes() {
            add_note(&folder, &casebook_journal::Note { time: text.into(), ..note }).unwrap();
            add_note(&folder, &casebook_journal::Note { time: "2026-11-21T12:00:00Z".into(), text: text.into() })
                .unwrap();
        }
        fs::write(folder.join("case.toml"), resolved(text)).unwrap();
        folders.push(folder);
    }
    (root, folders)
}

/// A resolved case whose question is the text.
fn resolved(text: &str) -> String {
    let mut config = case::CaseConfig { question: text.into(), ..case::CaseConfig::default() };
    config.data.corpora = vec![case::CorpusConfig {
        name: "ko".into(),
        path: case::Paths::One(text.into()),
        format: None,
        field: "text".into(),
        documents: case::DocumentKind::Line,
        fraction: 1.0,
        weight: 1.0,
    }];
    (config.seeds, config.data.valid, config.train.steps) = (vec![1], 0.1, Some(1_000));
    case::resolved_toml(&config, &case::Origins::default())
}

/// The tags of a text of HTML or XML, each with the names of its attributes, once; bodies of scripts and styles left out.
fn tags(markup: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut rest = markup;
    while let Some(at) = rest.find('<') {
        rest = &rest[at + 1..];
        let mut tag = String::new();
        let mut is_quoted = false;
        let mut letters = rest.char_indices();
        let end = letters.find_map(|(at, letter)| {
            if letter == '"' {
                is_quoted = !is_quoted;
            } else if letter == '>' && !is_quoted {
                return Some(at);
            } else if !is_quoted {
                tag.push(letter);
            }
            None
        });
        rest = &rest[end.expect("a tag ends") + 1..];
        for body in ["script", "style"] {
            if tag == body || tag.starts_with(&format!("{body} ")) {
                let close = format!("</{body}>");
                rest = &rest[rest.find(&close).expect("it is closed")..];
            }
        }
        found.insert(tag);
    }
    found
}

/// No sign in it is obeyed, ends of lines aside.
fn is_harmless(shown: &str) -> bool {
    !shown.chars().any(|letter| letter != '\n' && is_obeyed(letter))
}

fn undecided(_: &CaseRuns, claims: &[Claim]) -> Vec<ClaimVerdict> {
    claims.iter().map(|_| ClaimVerdict { standing: Standing::CannotTell, reason: nasty() }).collect()
}

fn conclusion(text: &str) -> Conclusion {
    let claims = vec!["a < b on valid.loss".parse().unwrap()];
    Conclusion { text: text.into(), claims, caveats: vec![text.into()] }
}

fn page(text: &str) -> String {
    let (_root, mut folders) = runs(text);
    folders.push(Path::new("/none").join(text.replace('\0', "")));
    html_page(&CaseRuns::read(text, &folders, &[]), &conclusion(text), &undecided, text)
}

#[test]
fn a_page_has_the_same_elements_whatever_texts_say() {
    let (shown, wanted) = (page(&nasty()), page("plain"));
    assert_eq!(tags(&shown).difference(&tags(&wanted)).collect::<Vec<_>>(), Vec::<&String>::new());
    let data = shown.split_once("id=\"data\">").unwrap().1.split_once("</script>").unwrap().0;
    assert!(!data.contains(['<', '>', '&']) && is_harmless(data));
    let data: Value = serde_json::from_str(data).unwrap();
    assert!(data["charts"][0]["title"].is_string());
    // Nothing is fetched: the policy allows no source at all but the page's own style and script, and nothing names one.
    assert!(shown.contains("content=\"default-src 'none'; script-src 'sha256-"));
    assert!(
        !tags(&shown)
            .iter()
            .any(|tag| ["src=", "href=h", "srcset", "poster", "style="].iter().any(|one| tag.contains(one)))
    );
    let body = shown.split_once("<body>").unwrap().1;
    let text = body.split_once("<script").unwrap().0;
    assert!(is_harmless(text) && text.contains("&lt;script&gt;document.title='ran'&lt;/script&gt;"));
    if let Some(path) = std::env::var_os("CASEBOOK_NASTY_PAGE") {
        fs::write(path, shown).unwrap(); // for a look at it in a browser: its title must not be `ran`
    }
}

#[test]
fn charts_are_xml_with_the_same_elements_whatever_texts_say() {
    let drawn = |text: &str| {
        let (_root, folders) = runs(text);
        let case = CaseRuns::read(text, &folders, &[]);
        let charts = casebook_journal::case_charts(&case, Axis::Steps);
        assert!(charts.len() >= 3, "{}", charts.len());
        let mut drawn: Vec<String> = charts.iter().map(|(_, chart)| svg(chart)).collect();
        let word = |region| PageWord { text: text.into(), region, label: Some(format!("B-{text}")) };
        let words = vec![word([0.0, 0.0, 500.0, 50.0]), word([f64::NAN; 4]), word([10.0, 60.0, 20.0, 70.0])];
        drawn.push(page_svg(&PageDrawing { title: text.into(), width: 100.0, height: 100.0, words }));
        drawn
    };
    let (shown, wanted) = (drawn(&nasty()), drawn("plain"));
    for (shown, wanted) in shown.iter().zip(&wanted) {
        assert!(is_harmless(shown) && !shown.contains("]]>"), "{shown}");
        assert_eq!(tags(shown).difference(&tags(wanted)).collect::<Vec<_>>(), Vec::<&String>::new());
        resvg::usvg::Tree::from_str(shown, &resvg::usvg::Options::default()).expect("well-formed XML");
    }
}

/// The line without its escapes and its inline code: from a run of backticks to the next of as many.
fn without_code(line: &str) -> String {
    let mut out = String::new();
    let mut rest = line;
    while let Some(letter) = rest.chars().next() {
        let fence = &rest[..rest.len() - rest.trim_start_matches('`').len()];
        if letter == '\\' {
            rest = rest.get(2..).unwrap_or_default(); // what is escaped is a sign of ASCII
        } else if fence.is_empty() {
            out.push(letter);
            rest = &rest[letter.len_utf8()..];
        } else {
            let inside = &rest[fence.len()..];
            let mut runs = inside.match_indices(fence).map(|(at, _)| at);
            let end = runs.find(|at| !inside[..*at].ends_with('`') && !inside[at + fence.len()..].starts_with('`'));
            rest = &inside[end.expect("code ends on its line") + fence.len()..];
        }
    }
    out
}

/// What Markdown would take for its own, outside of inline code: HTML, links, pictures, a cell or a line more.
fn check_markdown(shown: &str) {
    assert!(is_harmless(shown), "{shown:?}");
    let mut columns = None;
    for line in shown.lines() {
        if line.starts_with("<p align=\"center\"><img src=\"") {
            let own = ["/p", "img src= width= alt=/", "p align="].map(String::from);
            assert_eq!(tags(line), BTreeSet::from(own), "{line}");
            assert!(["charts/", "images/"].iter().any(|folder| line.contains(&format!("src=\"{folder}"))), "{line}");
            continue;
        }
        let line = without_code(line);
        if line.ends_with("-by-epoch.svg)") {
            let is_own = |link: &str| {
                let path = link.split(')').next().unwrap_or_default();
                path.starts_with("charts/")
                    && path.chars().all(|letter| letter.is_alphanumeric() || "-_/.".contains(letter))
            };
            let links: Vec<&str> = line.split("](").skip(1).collect();
            assert!(links.len() == 3 && links.into_iter().all(is_own) && !line.contains('<'), "{line}");
            continue;
        }
        assert!(!line.contains('<') && !line.contains("![") && !line.contains("]("), "{line}");
        let cells = line.starts_with('|').then(|| line.matches('|').count());
        assert!(cells.is_none() || columns.is_none() || cells == columns, "another cell: {line}");
        columns = cells;
        assert!(!line.starts_with("# heading") && !line.starts_with("- item") && line != "---", "{line}");
    }
}

#[test]
fn records_are_markdown_that_shows_its_texts() {
    let (root, folders) = runs(&nasty());
    for folder in &folders {
        write_record(folder).unwrap();
        let record = fs::read_to_string(folder.join("record.md")).unwrap();
        assert!(record.contains("&lt;script&gt;"));
        check_markdown(&record);
        // Charts were drawn as pictures, too: a name from a file leads nowhere.
        assert!(folder.join("charts/loss-by-step.png").is_file());
    }
    assert_eq!(fs::read_dir(root.path()).unwrap().count(), 2);
    let case = CaseRuns::read(&nasty(), &folders, &[]);
    let conclusion = conclusion(&nasty());
    let record = training_record(&[RecordCase { runs: &case, conclusion: &conclusion }], &undecided, "0.1.0");
    check_markdown(&record);
}

#[test]
fn tables_and_comparisons_move_no_cursor() {
    let (root, folders) = runs(&nasty());
    let listing = list_runs(root.path()).unwrap();
    let table = runs_table(&listing.runs);
    assert!(is_harmless(&table) && table.lines().count() == 3, "{table:?}");
    let mut read: Vec<Run> = folders.iter().map(|folder| Run::read(folder).unwrap()).collect();
    read[1].info.variant = "other".into();
    let comparison = compare(&grouped(read), &Options::default()).unwrap();
    check_markdown(&comparison.markdown());
    let text = comparison.text(100);
    assert!(case::for_terminal(&text).lines().count() == text.lines().count() && text.contains("<script>"));
    let json: Value = serde_json::from_str(&case::json_for_terminal(&comparison.json())).unwrap();
    assert_eq!(json, serde_json::to_value(&comparison).unwrap());
}
