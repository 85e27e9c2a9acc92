//! Fine-tuned runs at work: what they say of texts and words, and what they get wrong.

use std::{fs, path::Path, process::ExitCode, sync::Arc};

use anyhow::{Context, bail};
use case::{Task, one_line};
use corpus::labelled::{Place, TagColumns, TextColumns, WrittenRow, WrittenText, read_tagged, read_texts};
use journal::{PageDrawing, PageWord, metrics::Scores, page_svg};
use serde_json::{Value, json};
use train::{Entity, Predicted, TaggedWords, Tuned};

use crate::{
    arguments::PredictArguments,
    show::{JSON_FORMAT, json_line, line, warning},
};

/// Classes of texts, or tags and entities of words.
pub(crate) fn predict(arguments: &PredictArguments) -> anyhow::Result<ExitCode> {
    let tuned = load(&arguments.run, &arguments.device)?;
    match (arguments.texts.is_empty(), &arguments.data) {
        (true, None) => bail!("give texts, or a file of them with --data"),
        (false, Some(_)) => bail!("give texts or a file with --data, not both"),
        _ => {}
    }
    if arguments.texts.iter().any(|text| text.trim().is_empty()) {
        bail!("one of the texts is empty");
    }
    if !arguments.json {
        line(&format!("weights of step {}", tuned.step));
    }
    match tuned.case().task {
        Task::Tag => tag(&tuned, arguments),
        _ => classify(&tuned, arguments),
    }
}

/// A fine-tuned run; checkpoints that had to be passed over are named on standard error.
pub(crate) fn load(run: &Path, device: &str) -> anyhow::Result<Tuned> {
    let tuned = Tuned::load(run, device)?;
    for refused in &tuned.refused {
        warning(&format!("{refused}; passed over, these are the weights of step {}", tuned.step));
    }
    Ok(tuned)
}

fn classify(tuned: &Tuned, arguments: &PredictArguments) -> anyhow::Result<ExitCode> {
    if arguments.svg.is_some() {
        bail!("this run classifies texts: there is no page to draw; leave --svg out");
    }
    let wants_pairs = tuned.case().examples.second.is_some();
    match (wants_pairs, &arguments.second) {
        (true, None) if arguments.data.is_none() => {
            bail!("this run reads pairs of texts: give the other with --second")
        }
        (false, Some(_)) => bail!("this run reads one text, not pairs; leave --second out"),
        _ => {}
    }
    let texts = texts(tuned, arguments)?;
    for (text, said) in texts.iter().zip(tuned.classify(&texts)?) {
        if arguments.json {
            json_line(&classified(text, &said).to_string());
            continue;
        }
        let labels = if said.labels.is_empty() { "none".to_string() } else { said.labels.join(", ") };
        let second = text.second.as_ref().map_or_else(String::new, |second| format!(" / {second}"));
        let cut = if said.cut > 0 { format!(" ({} tokens at the end not read)", said.cut) } else { String::new() };
        line(&one_line(&format!("{labels}: {}{second}{cut}", text.first)));
        for (label, probability) in said.probabilities.iter().take(arguments.top) {
            line(&one_line(&format!("  {:>6.2} %  {label}", 100.0 * probability)));
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn classified(text: &WrittenText, said: &Predicted) -> Value {
    let probabilities = said.probabilities.iter().map(|(label, p)| json!({"label": label, "probability": p}));
    let probabilities = probabilities.collect::<Vec<_>>();
    json!({
        "format": JSON_FORMAT,
        "place": text.place.to_string(),
        "text": text.first,
        "second": text.second,
        "labels": said.labels,
        "probabilities": probabilities,
        "tokens_cut": said.cut,
    })
}

/// The texts given, or those of the file: one a line of a txt file, otherwise in the columns of the run's own examples.
fn texts(tuned: &Tuned, arguments: &PredictArguments) -> anyhow::Result<Vec<WrittenText>> {
    let written = |(place, text): &(Place, String)| WrittenText {
        place: place.clone(),
        first: text.clone(),
        second: arguments.second.clone(),
        target: None,
        group: None,
    };
    match given(arguments)? {
        Given::Lines(lines) => Ok(lines.iter().map(written).collect()),
        Given::Table(path) => {
            let columns =
                TextColumns { target: None, group: None, format: None, ..TextColumns::of(&tuned.case().examples) };
            Ok(read_texts(path, &columns)?)
        }
    }
}

fn tag(tuned: &Tuned, arguments: &PredictArguments) -> anyhow::Result<ExitCode> {
    let rows = words(tuned, arguments)?;
    if tuned.case().model.boxes && rows.iter().any(|row| row.boxes.is_none()) {
        warning("this run reads boxes, and these words have none: each is read at 0, 0, 0, 0; give pages with --data");
    }
    let said = tuned.tag(&rows)?;
    for (at, (row, said)) in rows.iter().zip(&said).enumerate() {
        if let Some(folder) = &arguments.svg {
            draw(folder, at + 1, row, said)?;
        }
        if arguments.json {
            json_line(&tagged(row, said).to_string());
            continue;
        }
        line(&format!("{}: {} words, {} entities", row.place, said.words.len(), said.entities.len()));
        said.entities.iter().for_each(|entity| line(&one_line(&entity_line(entity))));
    }
    Ok(ExitCode::SUCCESS)
}

/// A page with its boxes and labels, as `page-0001.svg` in a folder.
fn draw(folder: &Path, number: usize, row: &WrittenRow, said: &TaggedWords) -> anyhow::Result<()> {
    let Some((width, height)) = row.page else {
        bail!("{} has no boxes to draw: the run's case must name them with `boxes` in [examples]", row.place);
    };
    let word = |word: &train::Word| PageWord {
        text: word.text.clone(),
        region: word.bounds.unwrap_or_default().map(f64::from),
        label: Some(word.tag.clone()),
    };
    let words = said.words.iter().map(word).collect();
    let drawing = PageDrawing { title: row.place.to_string(), width, height, words };
    disk::create_folders(folder).with_context(|| format!("making {}", folder.display()))?;
    journal::write_atomically(&folder.join(format!("page-{number:04}.svg")), page_svg(&drawing).as_bytes())?;
    Ok(())
}

fn entity_line(entity: &Entity) -> String {
    let bounds = entity.bounds.map_or_else(String::new, |bounds| format!("  {bounds:?}"));
    format!("  {:>6.2} %  {}  {}{bounds}", 100.0 * entity.probability, entity.kind, entity.text)
}

fn tagged(row: &WrittenRow, said: &TaggedWords) -> Value {
    let words = said
        .words
        .iter()
        .map(|word| json!({"word": word.text, "tag": word.tag, "probability": word.probability, "box": word.bounds}));
    let entities = said.entities.iter().map(|entity| {
        json!({
            "type": entity.kind,
            "first": entity.words.start,
            "end": entity.words.end,
            "text": entity.text,
            "probability": entity.probability,
            "box": entity.bounds,
        })
    });
    let (words, entities) = (words.collect::<Vec<_>>(), entities.collect::<Vec<_>>());
    json!({"format": JSON_FORMAT, "place": row.place.to_string(), "words": words, "entities": entities})
}

/// The words given, parted by white space, or those of the file: a sequence a line of a txt file, otherwise in the fields
/// of the run's own examples.
fn words(tuned: &Tuned, arguments: &PredictArguments) -> anyhow::Result<Vec<WrittenRow>> {
    let examples = &tuned.case().examples;
    let written = |(place, text): &(Place, String)| WrittenRow {
        place: place.clone(),
        words: match examples.join {
            case::WordJoin::Spaces => text.split_whitespace().map(ToOwned::to_owned).collect(),
            case::WordJoin::Nothing => text.chars().map(String::from).collect(),
        },
        tags: None,
        boxes: None,
        page: None,
        group: None,
    };
    match given(arguments)? {
        Given::Lines(lines) => Ok(lines.iter().map(written).collect()),
        Given::Table(path) => {
            let columns = TagColumns::of(examples);
            let boxes = columns.boxes.clone().filter(|_| tuned.case().model.boxes || arguments.svg.is_some());
            Ok(read_tagged(path, &TagColumns { tags: None, group: None, boxes, ..columns })?)
        }
    }
}

/// What a run is asked about.
enum Given<'a> {
    /// Texts of the command line, or lines of a txt file that are not empty, each with its place.
    Lines(Vec<(Place, String)>),
    /// A file of columns or fields.
    Table(&'a Path),
}

fn given(arguments: &PredictArguments) -> anyhow::Result<Given<'_>> {
    let Some(path) = &arguments.data else {
        return Ok(Given::Lines(placed(Path::new("text"), arguments.texts.iter().map(String::as_str))));
    };
    if path.extension().is_none_or(|ending| ending != "txt") {
        return Ok(Given::Table(path));
    }
    let text = fs::read_to_string(path).with_context(|| format!("reading {}", path.display()))?;
    let mut lines = placed(path, text.lines());
    lines.retain(|(_, text)| !text.trim().is_empty());
    Ok(Given::Lines(lines))
}

fn placed<'a>(path: &Path, texts: impl Iterator<Item = &'a str>) -> Vec<(Place, String)> {
    let path = Arc::new(path.to_path_buf());
    let numbered = (1..).zip(texts);
    numbered.map(|(row, text)| (Place { path: Arc::clone(&path), row }, text.to_string())).collect()
}

/// All figures of a labelled file, and what was said wrongly, worst first.
pub(crate) fn evaluate(tuned: &Tuned, data: &Path, errors: usize, json: bool) -> anyhow::Result<ExitCode> {
    let found = tuned.evaluate(data)?;
    let shown = found.misses.iter().take(errors);
    if json {
        let miss = |miss: &train::Miss| json!({"place": miss.place, "truth": miss.truth, "said": miss.said, "nats": miss.nats, "text": miss.text});
        let misses = shown.map(miss).collect::<Vec<_>>();
        let object = json!({
            "format": JSON_FORMAT,
            "step": tuned.step,
            "scores": found.scores,
            "wrong": found.misses.len(),
            "errors": misses,
        });
        json_line(&object.to_string());
        return Ok(ExitCode::SUCCESS);
    }
    let Scores { examples, scored, .. } = &found.scores;
    line(&format!("{}: {examples} examples, {scored} decisions, weights of step {}", data.display(), tuned.step));
    line(&found.scores.markdown());
    line(&format!("{} wrong, worst first (nats: how unlikely the truth was to the model)", found.misses.len()));
    for miss in shown {
        line(&one_line(&format!(
            "  {:>6.2} nats  {}  said {}, true {}: {}",
            miss.nats, miss.place, miss.said, miss.truth, miss.text
        )));
    }
    Ok(ExitCode::SUCCESS)
}
