//! Messages for people: nearest keys, values in words, and lines of the file with a caret below the fault.

use unicode_width::UnicodeWidthChar;

use crate::{
    Origin,
    schema::{self, Schema},
    shown::is_obeyed,
    tree::{Node, Value},
};

/// Keys that people bring from other programs, and ours. They are only ever suggested.
const OTHER_NAMES: [(&str, &str); 34] = [
    ("hidden_size", "d_model"),
    ("hidden_dim", "d_model"),
    ("embedding_size", "embedding_width"),
    ("type_vocab_size", "segments"),
    ("rope_theta", "rotary_base"),
    ("local_attention", "local_window"),
    ("global_attn_every_n_layers", "global_every"),
    ("num_attention_heads", "h"),
    ("n_heads", "h"),
    ("num_heads", "h"),
    ("heads", "h"),
    ("intermediate_size", "ff"),
    ("d_ff", "ff"),
    ("num_hidden_layers", "n_layers"),
    ("num_layers", "n_layers"),
    ("layers", "n_layers"),
    ("max_position_embeddings", "seq_len"),
    ("max_length", "seq_len"),
    ("p_dropout", "dropout"),
    ("mlm_probability", "rate"),
    ("lr", "learning_rate"),
    ("wd", "weight_decay"),
    ("warmup_steps", "warmup"),
    ("warmup_ratio", "warmup"),
    ("max_grad_norm", "clip_norm"),
    ("num_train_epochs", "epochs"),
    ("max_steps", "steps"),
    ("seed", "seeds"),
    ("stride", "overlap"),
    ("doc_stride", "overlap"),
    ("max_seq_length", "max_tokens"),
    ("early_stopping_patience", "patience"),
    ("metric_for_best_model", "metric"),
    ("label_smoothing_factor", "label_smoothing"),
];

/// How much of a line is quoted on either side of the fault.
const QUOTED: usize = 60;

/// `[model]`, `[[data.corpora]]`, or "the top" for the root.
pub(crate) fn table_name(path: &str) -> String {
    match path.strip_suffix(|c: char| c.is_ascii_digit()) {
        _ if path.is_empty() => "the top".into(),
        Some(_) => format!("[[{}]]", path.rsplit_once('.').map_or(path, |(list, _)| list)),
        None if path == "data.corpora" => format!("[[{path}]]"),
        None => format!("[{path}]"),
    }
}

/// `` `h` in [model]``, `` `question` `` at the root, or `` entry 2 of `claims` ``.
pub(crate) fn key_in_table(path: &str) -> String {
    match path.rsplit_once('.') {
        Some((list, at)) if at.parse::<usize>().is_ok_and(|_| list != "data.corpora") => {
            let at = at.parse::<usize>().map_or(0, |at| at + 1);
            format!("entry {at} of {}", key_in_table(list))
        }
        Some((table, key)) => format!("`{key}` in {}", table_name(table)),
        None => format!("`{path}`"),
    }
}

/// The candidate that `word` is most likely a slip of, if any is near.
pub(crate) fn nearest<'a>(word: &str, candidates: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let word = word.to_lowercase().replace('-', "_");
    let slips = |candidate: &str| strsim::damerau_levenshtein(&word, &candidate.to_lowercase().replace('-', "_"));
    // a third of the letters may be wrong, which still keeps `h` from being everything's neighbour
    candidates
        .map(|candidate| (slips(candidate), candidate))
        .filter(|(slips, candidate)| slips * 3 <= candidate.chars().count().max(word.chars().count()))
        .min_by_key(|(slips, _)| *slips)
        .map(|(_, candidate)| candidate)
}

/// What to do about `key`, which the table at `path` does not have, and whether it belongs elsewhere.
pub(crate) fn where_key_belongs(path: &str, key: &str, is_table: bool, keys: &[&str]) -> (bool, String) {
    let tables = schema::tables();
    let elsewhere = |wanted: &str| {
        let found = tables.iter().filter(|(table, keys)| table != path && keys.contains(&wanted));
        found.map(|(table, _)| table_name(table)).collect::<Vec<_>>().join(" or ")
    };
    let here = if path.is_empty() { "at the top level".to_string() } else { format!("in {}", table_name(path)) };
    let homes = elsewhere(key);
    if !homes.is_empty() {
        let home = tables.iter().find(|(table, keys)| table != path && keys.contains(&key));
        let dotted = home.map_or(String::new(), |(table, _)| format!("{table}.{key}"));
        // no dotted key leads into a list of tables
        return match path.is_empty() && !homes.starts_with("[[") {
            true => (true, format!("`{key}` belongs in {homes}; write it below that head, or as {dotted}")),
            false => (true, format!("`{key}` belongs in {homes}, not {here}")),
        };
    }
    if let Some(table) = nearest(key, keys.iter().copied()).filter(|_| is_table && path.is_empty()) {
        return (false, format!("unknown table [{key}]; did you mean [{table}]?"));
    }
    let unknown = format!("unknown key `{key}` {here}");
    let named = OTHER_NAMES.iter().find(|(other, _)| *other == key).map(|(_, ours)| *ours);
    if let Some(ours) = named.or_else(|| nearest(key, keys.iter().copied())).filter(|ours| keys.contains(ours)) {
        return (false, format!("{unknown}; did you mean `{ours}`?"));
    }
    let every_key = tables.iter().flat_map(|(_, keys)| keys.iter().copied());
    match named.or_else(|| nearest(key, every_key)) {
        Some(ours) if keys.contains(&ours) => (false, format!("{unknown}; did you mean `{ours}`?")),
        Some(ours) if elsewhere(ours).is_empty() => {
            (false, format!("{unknown}; did you mean `{ours}` at the top level?"))
        }
        Some(ours) => (false, format!("{unknown}; did you mean `{ours}` in {}?", elsewhere(ours))),
        None => (false, format!("{unknown}; the keys there are {}", list(keys))),
    }
}

/// `` `a`, `b` and `c` ``.
pub(crate) fn list(words: &[&str]) -> String {
    match words {
        [] => "none".into(),
        [one] => format!("`{one}`"),
        [first @ .., last] => format!("`{}` and `{last}`", first.join("`, `")),
    }
}

/// What a schema accepts, as in "wants a whole number".
pub(crate) fn wanted(schema: &Schema) -> String {
    match schema {
        Schema::Table { .. } => "a table".into(),
        Schema::List(element) if matches!(**element, Schema::Text) => "a list of texts in square brackets".into(),
        Schema::List(element) if element.fields().is_empty() => "a list such as [1, 2, 3]".into(),
        Schema::List(_) => "a list of tables such as [{ name = \"ko\", path = \"data/ko.txt\" }]".into(),
        Schema::Word(words) => format!("one of {}", quoted(words)),
        Schema::Text => "text in quotes".into(),
        Schema::Whole { .. } => "a whole number".into(),
        Schema::Number => "a number".into(),
        Schema::Flag => "true or false".into(),
        Schema::Own => "another value".into(),
    }
}

/// `"a", "b"`.
pub(crate) fn quoted(words: &[&str]) -> String {
    words.iter().map(|word| format!("\"{word}\"")).collect::<Vec<_>>().join(", ")
}

/// A value as the reader of a message would call it.
pub(crate) fn found(node: &Node) -> String {
    match &node.value {
        Value::Table(_) => "a table".into(),
        Value::List(_) => "a list".into(),
        Value::Text(text) => format!("the text {}", short(text)),
        Value::Whole(whole) => format!("the number {whole}"),
        Value::Float(float) => format!("the number {float:?}"),
        Value::Flag(flag) => format!("{flag}"),
        Value::Other(text) => format!("{text}, which is neither text nor a number that fits"),
    }
}

/// A way to write `node` as `schema` wants it, where one is plain to see.
pub(crate) fn repair(schema: &Schema, node: &Node) -> Option<String> {
    match (schema, &node.value) {
        (Schema::Whole { .. } | Schema::Number, Value::Text(text)) if text.trim().parse::<f64>().is_ok() => {
            Some("leave the quotes out".into())
        }
        (Schema::Whole { .. }, Value::Float(float)) if float.fract() == 0.0 && float.abs() < 1e15 => {
            Some(format!("write {float}"))
        }
        (Schema::Flag, Value::Text(text)) if text == "true" || text == "false" => Some("leave the quotes out".into()),
        (Schema::List(_), Value::Table(_)) => Some("write its head in double brackets".into()),
        (Schema::List(element), Value::Text(one)) if matches!(**element, Schema::Text) => {
            Some(format!("write [{one:?}]"))
        }
        (Schema::List(element), Value::Whole(one)) if element.fields().is_empty() => Some(format!("write [{one}]")),
        _ => None,
    }
}

/// Text in quotes, cut where it is long.
pub(crate) fn short(text: &str) -> String {
    let cut: String = text.chars().take(40).collect();
    if cut.len() < text.len() { format!("{cut:?}...") } else { format!("{cut:?}") }
}

/// The lines of the file on which `origins` stand, each with a caret below it; empty when none stands in a file.
pub(crate) fn excerpt(origins: &[Origin]) -> String {
    let mut seen = Vec::new();
    let mut text = String::new();
    for origin in origins {
        match origin {
            Origin::Set { text: flag } if !seen.is_empty() => text.push_str(&format!("\n    --set {flag}")),
            _ => {}
        }
        if let Some(place) = origin.place().filter(|place| !seen.contains(place)) {
            seen.push(place);
            let (line, before, below) = window(&place.text, place.column - 1, place.length);
            text.push_str(&format!("\n{:>5} | {line}\n      | {before}{below}", place.line));
        }
    }
    text
}

/// Part of a line around a stretch, the white space before the stretch, and the carets below it.
fn window(line: &str, start: usize, length: usize) -> (String, String, String) {
    let chars: Vec<char> = line.chars().collect();
    let start = start.min(chars.len());
    let end = (start + length).min(chars.len());
    let from = if start > QUOTED + 10 { start - QUOTED } else { 0 };
    let to =
        if chars.len() > end.min(start + QUOTED) + QUOTED { end.min(start + QUOTED) + QUOTED } else { chars.len() };
    let shown = |c: &char| if is_obeyed(*c) && *c != '\t' { '\u{fffd}' } else { *c };
    let blank = |c: &char| if *c == '\t' { "\t".to_string() } else { " ".repeat(shown(c).width().unwrap_or(0)) };
    let (head, tail) = (if from > 0 { "..." } else { "" }, if to < chars.len() { "..." } else { "" });
    let quote: String = chars[from..to].iter().map(shown).collect();
    let before: String = chars[from..start].iter().map(blank).collect();
    let wide: usize = chars[start..end.min(to)].iter().map(|c| c.width().unwrap_or(1)).sum();
    (format!("{head}{quote}{tail}"), format!("{}{before}", " ".repeat(head.len())), "^".repeat(wide.max(1)))
}

/// A number as it would be written in a case file: `0.15`, `5e-5`, `512`.
pub(crate) fn number(x: f64) -> String {
    let text = format!("{x:?}");
    text.strip_suffix(".0").map_or(text.clone(), str::to_string)
}

#[cfg(test)]
mod tests {
    use super::{nearest, number, table_name, window};

    #[test]
    fn the_nearest_word_is_near() {
        let keys = ["d_model", "h", "n_layers", "dropout"];
        assert_eq!(nearest("n_layer", keys.into_iter()), Some("n_layers"));
        assert_eq!(nearest("N-Layers", keys.into_iter()), Some("n_layers"));
        assert_eq!(nearest("droput", keys.into_iter()), Some("dropout"));
        assert_eq!(nearest("x", keys.into_iter()), None);
        assert_eq!(nearest("colour", keys.into_iter()), None);
    }

    #[test]
    fn carets_stand_below_wide_letters_and_long_lines_are_cut() {
        let (line, before, carets) = window("이름 = 7", 5, 1);
        assert_eq!((line.as_str(), before.len(), carets.as_str()), ("이름 = 7", 7, "^"));
        let (line, before, carets) = window(&"x".repeat(500), 200, 300);
        assert!(line.starts_with("...x") && line.ends_with("x...") && line.len() < 200, "{line}");
        assert!(before.len() + carets.len() <= line.len(), "{before}{carets}");
    }

    #[test]
    fn numbers_and_tables_are_named_as_written() {
        assert_eq!([number(0.15), number(1e-12), number(512.0)], ["0.15", "1e-12", "512"]);
        assert_eq!([table_name("model"), table_name("data.corpora.0")], ["[model]", "[[data.corpora]]"]);
    }
}
