//! What can be typed.

mod computing;

use std::path::PathBuf;

use clap::{Parser, Subcommand, ValueEnum};
use diagnose::Claim;
use journal::{RunState, compare::Metric};

pub(crate) use computing::{Norm, Precision, ReplayArguments, ThroughputArguments};

/// Trains small BERT-style encoders on your own text, and keeps a journal that can be trusted.
#[derive(Debug, Parser)]
#[command(name = "casebook", version, arg_required_else_help = true)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Train a case: every variant with every seed, from raw text to a record. Goes on where an earlier call stopped.
    Train {
        /// The case file.
        case: PathBuf,
        /// Only this variant.
        #[arg(long)]
        variant: Option<String>,
        /// Only this seed.
        #[arg(long)]
        seed: Option<u64>,
        /// Set a key of the case file, as in `--set train.steps=200`. May be given again.
        #[arg(long = "set", value_name = "KEY=VALUE")]
        set: Vec<String>,
        #[command(flatten)]
        places: Places,
        #[command(flatten)]
        way: Way,
    },
    /// Go on with a run from its newest good checkpoint, as if it had never stopped.
    Resume {
        /// The run's folder, such as runs/case1/layer-4/s1.
        run: PathBuf,
        /// Set a key that may change: the run's length, patience, logging, evaluation, checkpoints, device.
        #[arg(long = "set", value_name = "KEY=VALUE")]
        set: Vec<String>,
        /// Where prepared text is kept.
        #[arg(long, default_value = "data/prepared")]
        prepared: PathBuf,
        #[command(flatten)]
        way: Way,
    },
    /// Read a case file, say what is wrong with it or what it comes to, and train nothing.
    Check {
        /// The case file.
        case: PathBuf,
        /// Set a key of the case file, as in `--set train.steps=200`.
        #[arg(long = "set", value_name = "KEY=VALUE")]
        set: Vec<String>,
        /// Print every variant with every default written out.
        #[arg(long)]
        resolved: bool,
    },
    /// Check in minutes whether a case is fit to be trained: data, first loss, gradients, masks, learning rate. Writes no run.
    Probe(ProbeArguments),
    /// Guess the hidden words of a text.
    FillMask {
        /// The run's folder.
        run: PathBuf,
        /// The text, with `[MASK]` where a word is hidden.
        text: String,
        /// Candidates to show.
        #[arg(long, default_value_t = 5)]
        top: usize,
        /// Where to compute.
        #[arg(long, default_value = "cpu")]
        device: String,
        /// One JSON object instead of a table.
        #[arg(long)]
        json: bool,
    },
    /// What a fine-tuned run says of texts or words: labels with probabilities, entities with their words and boxes.
    Predict(PredictArguments),
    /// Loss and accuracy of a run on a text file; all figures of a fine-tuned run on a labelled file, with its errors.
    Evaluate {
        /// The run's folder.
        run: PathBuf,
        /// A txt, jsonl, csv, tsv or parquet file, plain, .gz or .zst; for a fine-tuned run one like its examples.
        #[arg(long)]
        data: PathBuf,
        /// Column or field that holds the text.
        #[arg(long, default_value = "text")]
        field: String,
        /// txt, jsonl, csv, tsv or parquet; by the file's ending when not given.
        #[arg(long)]
        format: Option<String>,
        /// Wrong answers of a fine-tuned run to show, worst first.
        #[arg(long, default_value_t = 10)]
        errors: usize,
        /// Seed of the masks; the run's own when not given.
        #[arg(long)]
        seed: Option<u64>,
        /// Where to compute.
        #[arg(long, default_value = "cpu")]
        device: String,
        /// One JSON object instead of a table.
        #[arg(long)]
        json: bool,
    },
    /// Write a run as a folder that Hugging Face transformers loads.
    Export(ExportArguments),
    /// Read a BERT, RoBERTa, XLM-R, ELECTRA or ModernBERT model, to start from it with `start` in a case.
    Import {
        /// Its folder: config.json, model.safetensors, tokenizer.json.
        from: PathBuf,
        /// The folder to write, which must not be there yet.
        #[arg(long)]
        to: PathBuf,
    },
    /// List runs: what has been run, is running, was planned or died.
    Journal(JournalArguments),
    /// Add a dated remark to a run.
    Note {
        /// The run's folder.
        run: PathBuf,
        /// The remark.
        text: String,
    },
    /// Compare the variants of a case, or any runs: what differs, and what so many seeds allow one to say.
    Compare(CompareArguments),
    /// Write one page of a case: charts to zoom and point at, tables, claims. It needs no network.
    Report {
        /// The case file, or the name of a case that has runs.
        case: PathBuf,
        /// Where to write it; `report.html` in the case's folder of runs when not given.
        #[arg(long)]
        out: Option<PathBuf>,
        /// Where runs are kept.
        #[arg(long, default_value = "runs")]
        runs: PathBuf,
    },
    /// Write a run's record.md and charts again, or the training record of cases, from the journals.
    Record {
        /// One run's folder, or case files in the order of the record; all cases that have runs when none is named.
        what: Vec<PathBuf>,
        /// The folder for the training record and its charts; that of the runs when absent.
        #[arg(long)]
        out: Option<PathBuf>,
        /// Where runs are kept.
        #[arg(long, default_value = "runs")]
        runs: PathBuf,
    },
    /// Read anybody's training log and say whether the model is fine: FINE, WATCH, BROKEN or CANNOT TELL, with the evidence.
    /// The exit status is 0, 10, 20 or 30 in that order; of several logs that of the worst.
    Diagnose(DiagnoseArguments),
    /// List devices, and check that one computes what the CPU computes.
    Doctor {
        /// The device to check: cpu, gpu, gpu:N, integrated-gpu, software-gpu.
        #[arg(long)]
        device: Option<String>,
        /// The framework's operations instead of own kernels.
        #[arg(long)]
        composed: bool,
        /// Number format of matrix products: fp32, f16, bf16.
        #[arg(long, default_value = "fp32")]
        precision: Precision,
        /// Show every comparison.
        #[arg(long)]
        all: bool,
    },
    /// Hidden states and logits of rows of ids, for comparing with other programs (scripts/exchange.py).
    #[command(hide = true)]
    Forward {
        /// A run, a checkpoint or an imported model.
        model: PathBuf,
        /// A JSON file of an object with `input_ids`, and `token_type_ids` where wanted: a list of rows each.
        #[arg(long)]
        ids: PathBuf,
        #[arg(long, default_value = "cpu")]
        device: String,
    },
    /// Ids of each line of a file as a row, a JSON list a line, for comparing with other programs (scripts/exchange.py).
    #[command(hide = true)]
    Encode {
        /// A run, a checkpoint or an imported model.
        model: PathBuf,
        /// Plain text.
        #[arg(long)]
        data: PathBuf,
    },
    /// Train on saved batches from saved weights of a PyTorch encoder, for comparing step by step (docs/replay.md).
    #[command(hide = true)]
    Replay(ReplayArguments),
    /// Time training on made-up tokens, for comparing with other trainers (docs/speed.md).
    #[command(hide = true)]
    Throughput(ThroughputArguments),
}

#[derive(Debug, clap::Args)]
pub(crate) struct Places {
    /// Where runs are kept.
    #[arg(long, default_value = "runs")]
    pub(crate) runs: PathBuf,
    /// Where prepared text is kept.
    #[arg(long, default_value = "data/prepared")]
    pub(crate) prepared: PathBuf,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Way {
    /// Every journal event as a JSON line on standard output instead of text.
    #[arg(long)]
    pub(crate) json: bool,
    /// Train on a device that failed its check all the same.
    #[arg(long)]
    pub(crate) force_device: bool,
}

/// What is examined, and for how long. The exit status is 20 where a check failed.
#[derive(Debug, clap::Args)]
pub(crate) struct ProbeArguments {
    /// The case file.
    pub(crate) case: PathBuf,
    /// The variant to examine; the first when not given.
    #[arg(long)]
    pub(crate) variant: Option<String>,
    /// Set a key of the case file, as in `--set schedule.learning_rate=1e-3`. May be given again.
    #[arg(long = "set", value_name = "KEY=VALUE")]
    pub(crate) set: Vec<String>,
    /// Where to compute, in place of the case's device.
    #[arg(long)]
    pub(crate) device: Option<String>,
    /// Minutes to spend at most; what there is no time for is listed.
    #[arg(long, default_value_t = 5.0, value_parser = minutes)]
    pub(crate) minutes: f64,
    /// Draw the loss by learning rate into this SVG file.
    #[arg(long)]
    pub(crate) chart: Option<PathBuf>,
    /// Where prepared text is kept.
    #[arg(long, default_value = "data/prepared")]
    pub(crate) prepared: PathBuf,
    /// One JSON object instead of a table.
    #[arg(long)]
    pub(crate) json: bool,
    /// Examine on a device that failed its check all the same.
    #[arg(long)]
    pub(crate) force_device: bool,
}

fn minutes(word: &str) -> Result<f64, String> {
    let minutes = word.parse::<f64>().ok().filter(|minutes| minutes.is_finite() && *minutes > 0.0);
    minutes.ok_or_else(|| "write a number of minutes above 0, such as 5 or 0.5".into())
}

#[derive(Debug, clap::Args)]
pub(crate) struct PredictArguments {
    /// The folder of a fine-tuned run.
    pub(crate) run: PathBuf,
    /// Texts to classify; words to tag, parted by spaces.
    pub(crate) texts: Vec<String>,
    /// The second text of pairs.
    #[arg(long)]
    pub(crate) second: Option<String>,
    /// A file: a text a line (.txt), or one like the run's examples, labels not needed.
    #[arg(long)]
    pub(crate) data: Option<PathBuf>,
    /// Classes shown of each text.
    #[arg(long, default_value_t = 3)]
    pub(crate) top: usize,
    /// A folder for drawings of the pages: boxes and labels, an SVG a page.
    #[arg(long)]
    pub(crate) svg: Option<PathBuf>,
    /// Where to compute.
    #[arg(long, default_value = "cpu")]
    pub(crate) device: String,
    /// One JSON object a line instead of a table.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, clap::Args)]
pub(crate) struct ExportArguments {
    /// The run's folder; an imported model's will do too.
    pub(crate) run: PathBuf,
    /// The folder to write, which must not be there yet.
    #[arg(long)]
    pub(crate) to: PathBuf,
    /// best, last, or a step.
    #[arg(long, default_value = "best", value_parser = which)]
    pub(crate) checkpoint: train::Which,
    /// The licence that the model card names.
    #[arg(long)]
    pub(crate) licence: Option<String>,
}

fn which(word: &str) -> Result<train::Which, String> {
    match word {
        "best" => Ok(train::Which::Best),
        "last" => Ok(train::Which::Last),
        _ => word.parse().map(train::Which::Step).map_err(|_| "write best, last, or a step such as 2000".into()),
    }
}

/// Which runs are listed. In names, `*` stands for any letters.
#[derive(Debug, clap::Args)]
pub(crate) struct JournalArguments {
    /// Where runs are kept.
    #[arg(long, default_value = "runs")]
    pub(crate) runs: PathBuf,
    /// Only runs of this case.
    #[arg(long)]
    pub(crate) case: Option<String>,
    /// Only runs of this variant.
    #[arg(long)]
    pub(crate) variant: Option<String>,
    /// Only runs of this seed.
    #[arg(long)]
    pub(crate) seed: Option<u64>,
    /// Only runs in this state; may be given again.
    #[arg(long, value_parser = state)]
    pub(crate) state: Vec<RunState>,
    /// Only runs of this commit, or of commits that begin so.
    #[arg(long)]
    pub(crate) commit: Option<String>,
    /// Only runs planned then or later: 2026-11, 2026-11-21T08.
    #[arg(long)]
    pub(crate) since: Option<String>,
    /// A JSON array instead of a table.
    #[arg(long)]
    pub(crate) json: bool,
}

fn state(word: &str) -> Result<RunState, String> {
    let words = RunState::ALL.map(RunState::word);
    let found = RunState::ALL.into_iter().find(|state| state.word() == word);
    found.ok_or_else(|| format!("write one of {}", words.join(", ")))
}

#[derive(Debug, clap::Args)]
pub(crate) struct CompareArguments {
    /// A case file, the name of a case that has runs, or run folders and folders of runs.
    #[arg(required = true)]
    pub(crate) what: Vec<PathBuf>,
    /// The variant that the others are compared with; the first when not given.
    #[arg(long)]
    pub(crate) baseline: Option<String>,
    /// What runs are aligned by; steps, or tokens where a step is not as many in every run, when not given.
    #[arg(long)]
    pub(crate) by: Option<AlignedBy>,
    /// Where on that axis they are read; at the end of the shortest finished run when not given.
    #[arg(long)]
    pub(crate) at: Option<f64>,
    /// Read each run's best validation up to there instead of the one there.
    #[arg(long)]
    pub(crate) best: bool,
    /// What is compared, the first above all; may be given again: loss, bits-per-char, accuracy, perplexity, or a figure of
    /// labelled examples, such as f1-macro. The loss, or the figure that tells the best checkpoint, when not given.
    #[arg(long, value_parser = metric)]
    pub(crate) metric: Vec<Metric>,
    /// Where runs are kept.
    #[arg(long, default_value = "runs")]
    pub(crate) runs: PathBuf,
    /// One JSON object instead of text.
    #[arg(long, conflicts_with = "markdown")]
    pub(crate) json: bool,
    /// Markdown instead of text.
    #[arg(long)]
    pub(crate) markdown: bool,
}

#[derive(Debug, clap::Args)]
pub(crate) struct DiagnoseArguments {
    /// Logs of any trainer, folders of them (trainer_state.json, event files, CSV, console output, ...), or - for standard
    /// input.
    #[arg(required = true, value_name = "PATH")]
    pub(crate) logs: Vec<PathBuf>,
    /// What is claimed of the run, to hold it against the log: `--claim "learning_rate=6.25e-6"`. May be given again.
    #[arg(long, value_name = "KEY=VALUE", value_parser = claim)]
    pub(crate) claim: Vec<Claim>,
    /// A file that says what was planned: a case file, run.json, the Trainer's arguments as JSON, lines of settings.
    #[arg(long, value_name = "FILE")]
    pub(crate) plan: Option<PathBuf>,
    /// One JSON object instead of text.
    #[arg(long, conflicts_with = "explain")]
    pub(crate) json: bool,
    /// Write the whole diagnosis there as Markdown.
    #[arg(long, value_name = "FILE")]
    pub(crate) markdown: Option<PathBuf>,
    /// Write the whole diagnosis there as a page with its charts.
    #[arg(long, value_name = "FILE")]
    pub(crate) html: Option<PathBuf>,
    /// Draw the log there as SVG, its findings marked.
    #[arg(long, value_name = "FILE")]
    pub(crate) chart: Option<PathBuf>,
    /// Everything: evidence, thresholds, what each finding means, what could not be tested, what the log proves.
    #[arg(long)]
    pub(crate) explain: bool,
}

fn claim(words: &str) -> Result<Claim, String> {
    Claim::parse(words).map_err(|error| error.to_string())
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum AlignedBy {
    Steps,
    Epochs,
    Examples,
    Tokens,
    Hours,
}

fn metric(word: &str) -> Result<Metric, String> {
    word.parse().map_err(|error: journal::JournalError| error.to_string())
}

#[cfg(test)]
mod tests;
