//! What a case learns from, read: running text made into ids, or labelled examples with their tokenizer.

use std::{
    path::{Path, PathBuf},
    sync::atomic::AtomicBool,
};

use case::{
    CaseConfig, CorpusConfig, DataConfig, DocumentKind, ExampleFormat, ExamplesConfig, Paths, Task, TextFormat,
};
use case::{TokenizerConfig, TokenizerKind};
use corpus::{
    PrepareRequest, Prepared, TextTokenizer,
    labelled::{LabelSet, Splits, TagSet, TaggedRow, TextRow, WrittenRow, load_pages, load_tagged, load_texts},
    prepare,
};

use crate::{Report, TrainError, notice::Notice};

/// What a case learns from.
pub(crate) enum Material {
    /// Running text.
    Text(Box<Prepared>),
    /// Pages without labels.
    Pages(Box<PageRows>),
    /// Labelled examples.
    Examples(Box<Examples>),
}

/// Pages as they stand in their files, and what cuts them into tokens.
pub(crate) struct PageRows {
    pub(crate) tokenizer: TextTokenizer,
    pub(crate) tokenizer_file: PathBuf,
    pub(crate) splits: Splits<WrittenRow>,
}

/// Labelled examples as they stand in their files, and what cuts them into tokens.
#[derive(Clone)]
pub(crate) struct Examples {
    pub(crate) tokenizer: TextTokenizer,
    pub(crate) tokenizer_file: PathBuf,
    pub(crate) rows: Rows,
}

/// The rows of the splits.
#[derive(Clone)]
pub(crate) enum Rows {
    /// Texts with classes.
    Texts(LabelSet, Splits<TextRow>),
    /// Words with tags; the number counts `I-` tags that go on with nothing.
    Tagged(TagSet, Splits<TaggedRow>, u64),
}

/// Reads what a case learns from; relative paths start at `base`, prepared text is kept in `cache`.
///
/// # Errors
/// [`TrainError`] for text or examples that cannot be read, and for examples without a tokenizer.
pub(crate) fn material(
    config: &CaseConfig,
    base: &Path,
    cache: &Path,
    stop: &AtomicBool,
    report: &mut dyn Report,
) -> Result<Material, TrainError> {
    let mut prepare_text = |data: &DataConfig, tokenizer: &TokenizerConfig| {
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        let request = PrepareRequest { data, tokenizer, base, cache, threads };
        prepare(&request, &mut |event| report.say(Notice::Prepare(event)), stop)
    };
    if config.task == Task::Mlm {
        return Ok(Material::Text(Box::new(prepare_text(&config.data, &config.tokenizer)?)));
    }
    let tokenizer_file = match (&config.tokenizer.path, config.task) {
        (Some(path), _) if config.tokenizer.kind == TokenizerKind::File => base.join(path),
        (_, Task::Classify) => {
            let prepared = prepare_text(&texts_of(&config.examples), &config.tokenizer)?;
            prepared.folder().join("tokenizer.json")
        }
        _ => return Err(TrainError::NoTokenizer { task: config.task.name() }),
    };
    let tokenizer = TextTokenizer::load(&tokenizer_file)?;
    let rows = match config.task {
        Task::PageMlm => {
            let splits = load_pages(&config.examples, base)?;
            return Ok(Material::Pages(Box::new(PageRows { tokenizer, tokenizer_file, splits })));
        }
        Task::Tag => {
            let (tags, splits, stray) = load_tagged(&config.examples, base)?;
            Rows::Tagged(tags, splits, stray)
        }
        _ => {
            let (labels, splits) = load_texts(&config.examples, base)?;
            Rows::Texts(labels, splits)
        }
    };
    Ok(Material::Examples(Box::new(Examples { tokenizer, tokenizer_file, rows })))
}

/// The training texts as a corpus, to train a tokenizer on.
fn texts_of(examples: &ExamplesConfig) -> DataConfig {
    let format = examples.format.and_then(|format| match format {
        ExampleFormat::Tsv => Some(TextFormat::Tsv),
        ExampleFormat::Csv => Some(TextFormat::Csv),
        ExampleFormat::Jsonl => Some(TextFormat::Jsonl),
        ExampleFormat::Parquet => Some(TextFormat::Parquet),
        ExampleFormat::Conll => None,
    });
    let corpus = CorpusConfig {
        name: "examples".into(),
        path: examples.train.clone().unwrap_or(Paths::Many(Vec::new())),
        format,
        field: examples.text.clone(),
        documents: DocumentKind::Auto,
        fraction: 1.0,
        weight: 1.0,
    };
    DataConfig { corpora: vec![corpus], ..DataConfig::default() }
}

impl Material {
    pub(crate) fn tokenizer(&self) -> &TextTokenizer {
        match self {
            Self::Text(prepared) => prepared.tokenizer(),
            Self::Pages(pages) => &pages.tokenizer,
            Self::Examples(examples) => &examples.tokenizer,
        }
    }

    pub(crate) fn tokenizer_file(&self) -> PathBuf {
        match self {
            Self::Text(prepared) => prepared.folder().join("tokenizer.json"),
            Self::Pages(pages) => pages.tokenizer_file.clone(),
            Self::Examples(examples) => examples.tokenizer_file.clone(),
        }
    }
}
