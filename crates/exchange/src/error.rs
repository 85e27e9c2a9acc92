//! The one error of this crate.

use std::{io, path::PathBuf};

/// Why a model could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum ExchangeError {
    /// A `[model]` table that contradicts itself.
    #[error(transparent)]
    Case(#[from] case::CaseError),
    /// A tokenizer that cannot be used.
    #[error(transparent)]
    Corpus(#[from] corpus::CorpusError),
    /// A file that could not be read.
    #[error("cannot read {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The system's words.
        #[source]
        cause: io::Error,
    },
    /// A folder that could not be written.
    #[error("cannot write {} (nothing half-written is left: {})", path.display(), disk::remedy(cause))]
    Write {
        /// The file or folder.
        path: PathBuf,
        /// The system's words.
        #[source]
        cause: io::Error,
    },
    /// A folder that is there already.
    #[error("{} is there already and is not overwritten: name another folder, or remove it", path.display())]
    Exists {
        /// The folder.
        path: PathBuf,
    },
    /// A JSON file that does not hold what it should.
    #[error("{}: {why}", path.display())]
    Config {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// A configuration that asks for what the encoder does not have.
    #[error("{}: `{key}` is {value}: {why}", path.display())]
    Unsupported {
        /// The file.
        path: PathBuf,
        /// The key.
        key: String,
        /// What it holds.
        value: String,
        /// What it would have to be.
        why: String,
    },
    /// Weights in Python's own format, which can run programs when it is read.
    #[error(
        "{} holds its weights as {file}, a Python pickle, which may run any program when it is read; convert it where you \
         trust it: python3 -c \"from transformers import AutoModelForMaskedLM as M, AutoTokenizer as T; \
         M.from_pretrained('{}').save_pretrained('converted'); T.from_pretrained('{}').save_pretrained('converted')\", and \
         import `converted`",
        folder.display(), folder.display(), folder.display()
    )]
    Pickle {
        /// The folder.
        folder: PathBuf,
        /// The file found.
        file: String,
    },
    /// A folder without weights.
    #[error("{} has no {wanted}: {hint}", folder.display())]
    Lacks {
        /// The folder.
        folder: PathBuf,
        /// What is missing.
        wanted: String,
        /// Where to get it.
        hint: String,
    },
    /// A file of weights that cannot be read as one.
    #[error("{}: {cause}", path.display())]
    Weights {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        cause: weights::WeightsError,
    },
    /// A weight that the class has and the files have not.
    #[error("the files have no weight `{name}`, which a {class} has")]
    Missing {
        /// The weight, by their name.
        name: String,
        /// The class.
        class: String,
    },
    /// A weight of another shape.
    #[error("weight `{name}` has shape {found:?} where the configuration asks for {wanted:?}")]
    Shape {
        /// The weight.
        name: String,
        /// What the file holds.
        found: Vec<usize>,
        /// What was expected.
        wanted: Vec<usize>,
    },
    /// Weights inside the encoder that nobody asked for: the model computes something else than its configuration says.
    #[error("a {class} has no weights {}: the encoder would not compute what these files do", names.join(", "))]
    Leftover {
        /// The first of them.
        names: Vec<String>,
        /// The class.
        class: String,
    },
    /// A table of fewer words than the tokenizer has.
    #[error("the token table has {rows} rows and the tokenizer {words} words: they do not belong together")]
    Vocabulary {
        /// Rows of the table.
        rows: usize,
        /// Words of the tokenizer.
        words: usize,
    },
    /// A model that no published class computes.
    #[error("no class of transformers computes this model; the nearest, {nearest}, would need {}", obstacles.join(", "))]
    NoClass {
        /// The class with the fewest obstacles.
        nearest: String,
        /// Each as a key of `[model]`, its value and the value that would do.
        obstacles: Vec<String>,
    },
    /// Labels that a head cannot have.
    #[error("a head of {rows} labels cannot have these: {why}")]
    Labels {
        /// Rows of the head's matrix.
        rows: usize,
        /// What is wrong with the names.
        why: String,
    },
    /// A model without the head that an export needs.
    #[error(
        "this model has no masked-language head: it was imported without one (origin.json says why); pre-train it a little \
         with `start`, and export that run"
    )]
    NoHead,
}
