//! Ranges and contradictions of a resolved case, checked before anything is loaded.

use std::path::{Path, PathBuf};

use crate::{
    CaseConfig, CorpusConfig, NormPlacement, Origin, Origins, PositionKind, Problem, Task, TokenizerKind,
    error::ProblemKind,
    explain::{key_in_table, number},
    keys::is_path_safe,
    resolve::{json, toml_value},
};

/// More than any published encoder has, by far.
const MOST_SEGMENTS: usize = 64;

/// Everything wrong with a configuration whose keys and types are right; empty when it can be used.
///
/// A `[model]` that is yet to be taken over from `start` is left to [`check_whole`]: half of it may be another's.
pub(crate) fn check(config: &CaseConfig, origins: &Origins, path: &Path) -> Vec<Problem> {
    let is_written = |key: &str| *origins.of(&format!("model.{key}")) != Origin::Default;
    let has_shape = ["d_model", "h", "ff", "n_layers"].into_iter().all(is_written);
    check_with(config, origins, path, config.start.is_none() || has_shape)
}

/// The same, `[model]` in any case.
pub(crate) fn check_whole(config: &CaseConfig, origins: &Origins, path: &Path) -> Vec<Problem> {
    check_with(config, origins, path, true)
}

fn check_with(config: &CaseConfig, origins: &Origins, path: &Path, with_model: bool) -> Vec<Problem> {
    let mut checker = Checker { config, origins, path: path.to_path_buf(), problems: Vec::new() };
    checker.top();
    checker.task();
    if with_model {
        checker.model();
    }
    checker.tokenizer();
    match config.task {
        Task::Mlm => {
            checker.data();
            checker.masking();
        }
        Task::PageMlm => {
            checker.examples();
            checker.masking();
        }
        Task::Classify | Task::Tag => checker.examples(),
    }
    checker.optimizer();
    checker.schedule();
    checker.run_length();
    checker.train();
    checker.problems
}

/// Collects problems, each with the places of the keys it names.
pub(crate) struct Checker<'a> {
    pub(crate) config: &'a CaseConfig,
    pub(crate) origins: &'a Origins,
    path: PathBuf,
    problems: Vec<Problem>,
}

impl Checker<'_> {
    /// Records that `key`, being `value`, is not what it must be, unless it is.
    pub(crate) fn must(&mut self, is_right: bool, key: &str, value: &str, rule: &str) {
        if !is_right {
            let message = format!("{} is {value}; it must be {rule}", key_in_table(key));
            self.record(ProblemKind::OutOfRange, &[key], message);
        }
    }

    /// Records that the keys cannot all stand as they do, unless they can.
    pub(crate) fn agree(&mut self, is_right: bool, keys: &[&str], message: impl FnOnce() -> String) {
        if !is_right {
            self.record(ProblemKind::Contradiction, keys, message());
        }
    }

    pub(crate) fn record(&mut self, kind: ProblemKind, keys: &[&str], message: String) {
        let origins: Vec<Origin> = keys.iter().map(|key| self.origins.of(key).clone()).collect();
        let unwritten = keys.iter().zip(&origins).filter(|(_, origin)| **origin == Origin::Default);
        let defaults: Vec<String> = unwritten.filter_map(|(key, _)| self.default_of(key)).collect();
        let message = match defaults.is_empty() {
            true => message,
            false => format!("{message} ({} by default)", defaults.join(", ")),
        };
        self.problems.push(Problem { kind, message, origins, path: self.path.clone() });
    }

    /// `d_model = 256` for a key that has a value though nobody wrote it.
    fn default_of(&self, path: &str) -> Option<String> {
        let value = json(self.config).pointer(&format!("/{}", path.replace('.', "/")))?.clone();
        let (_, key) = path.rsplit_once('.')?;
        Some(format!("`{key}` = {}", toml_value(&value)))
    }

    /// Records a number outside 0 ≤ x < 1.
    pub(crate) fn share_below_one(&mut self, key: &str, x: f64) {
        self.share((0.0..1.0).contains(&x), key, x, "at least 0 and below 1");
    }

    /// As [`Self::must`], with a word for those who wrote percent.
    fn share(&mut self, is_right: bool, key: &str, x: f64, rule: &str) {
        let is_percent = (2.0..=100.0).contains(&x);
        let hint =
            if is_percent { format!("; {} % is {}", number(x), number(rounded(x / 100.0))) } else { String::new() };
        self.must(is_right, key, &number(x), &format!("{rule}{hint}"));
    }

    /// Records a number that is not above 0.
    pub(crate) fn positive(&mut self, key: &str, x: f64) {
        self.must(x > 0.0 && x.is_finite(), key, &number(x), "above 0");
    }

    fn top(&mut self) {
        let config = self.config;
        self.must(!config.question.trim().is_empty(), "question", "empty", "a sentence: what does the case ask?");
        self.must(!config.seeds.is_empty(), "seeds", "empty", "at least one number, such as [1, 2, 3]");
        for (at, seed) in config.seeds.iter().enumerate() {
            let is_first = !config.seeds[..at].contains(seed);
            self.must(
                is_first,
                "seeds",
                &format!("{:?}", config.seeds),
                &format!("without repeats; {seed} stands twice"),
            );
        }
    }

    fn model(&mut self) {
        let model = &self.config.model;
        let (d_model, h) = (model.d_model, model.h);
        for (key, value) in [("d_model", d_model), ("h", h), ("ff", model.ff), ("n_layers", model.n_layers)] {
            self.must(value >= 1, &format!("model.{key}"), &value.to_string(), "at least 1");
        }
        self.must(model.seq_len >= 8, "model.seq_len", &model.seq_len.to_string(), "at least 8");
        self.share_below_one("model.dropout", model.dropout);
        for (key, value) in [
            ("model.attention_dropout", model.attention_dropout),
            ("model.hidden_dropout", model.hidden_dropout),
            ("model.residual_dropout", model.residual_dropout),
        ] {
            value.into_iter().for_each(|value| self.share_below_one(key, value));
        }
        self.positive("model.layer_norm_eps", model.layer_norm_eps);
        if d_model >= 1 && h >= 1 {
            self.head_size(d_model, h);
        }
        self.embeddings();
        self.attention_kinds();
    }

    fn embeddings(&mut self) {
        let model = &self.config.model;
        let width = model.table_width();
        let key = if model.embedding_width.is_some() { "embedding_width" } else { "d_model" };
        let path = format!("model.{key}");
        let is_even = model.position != PositionKind::Sinusoidal || width.is_multiple_of(2);
        self.agree(is_even, &[&path, "model.position"], || {
            format!("sinusoidal positions pair a sine with a cosine, so `{key}` must be even; it is {width}")
        });
        self.must(model.segments <= MOST_SEGMENTS, "model.segments", &model.segments.to_string(), "at most 64");
        self.must(width >= 1 || key == "d_model", &path, &width.to_string(), "at least 1");
        let leads_back = model.embedding_width.is_none() || model.head_transform;
        self.agree(leads_back, &["model.embedding_width", "model.head_transform"], || {
            "`embedding_width` needs `head_transform` = true, which leads from `d_model` back to the table's width"
                .into()
        });
    }

    fn attention_kinds(&mut self) {
        let model = &self.config.model;
        let has_first = model.first_norm || model.norm == NormPlacement::Pre;
        self.agree(has_first, &["model.first_norm", "model.norm"], || {
            "`first_norm` = false leaves out a norm that only norm = \"pre\" has".into()
        });
        for (key, base) in
            [("model.rotary_base", Some(model.rotary_base)), ("model.local_rotary_base", model.local_rotary_base)]
        {
            let base = base.unwrap_or(2.0);
            self.must(base > 1.0 && base.is_finite(), key, &number(base), "above 1");
        }
        let window = model.local_window.unwrap_or(2);
        self.must(window >= 2, "model.local_window", &window.to_string(), "at least 2");
        self.must(model.global_every >= 1, "model.global_every", &model.global_every.to_string(), "at least 1");
        let has_local = model.local_rotary_base.is_none() || model.local_window.is_some();
        self.agree(has_local, &["model.local_rotary_base", "model.local_window"], || {
            "`local_rotary_base` is for local layers, and without `local_window` there are none".into()
        });
    }

    fn head_size(&mut self, d_model: usize, h: usize) {
        self.agree(d_model.is_multiple_of(h), &["model.h", "model.d_model"], || {
            let per_head = quotient(d_model, h);
            format!("`h` must divide `d_model`: {d_model} / {h} = {per_head}; {}", near_divisors(d_model, h))
        });
        let size = d_model / h;
        let is_rotary = self.config.model.position == PositionKind::Rotary && d_model.is_multiple_of(h);
        self.agree(!is_rotary || size.is_multiple_of(2), &["model.position", "model.h", "model.d_model"], || {
            format!(
                "rotary positions turn pairs, so a head's size must be even: {d_model} / {h} = {size}; \
                 change `h` or `d_model`"
            )
        });
    }

    fn data(&mut self) {
        let data = &self.config.data;
        self.must(!data.corpora.is_empty(), "data.corpora", "empty", "at least one corpus");
        for (at, corpus) in data.corpora.iter().enumerate() {
            self.corpus(at, corpus);
        }
        self.share(data.valid > 0.0 && data.valid < 1.0, "data.valid", data.valid, "above 0 and below 1");
        self.share_below_one("data.test", data.test);
        let together = data.valid + data.test;
        let each_fits = data.valid < 1.0 && data.test < 1.0;
        self.agree(!each_fits || together < 1.0, &["data.valid", "data.test"], || {
            let (valid, test) = (number(data.valid), number(data.test));
            format!("`valid` and `test` leave nothing to train on: {valid} + {test} = {}", number(together))
        });
        let bad = data.max_bad_share;
        self.share((0.0..=1.0).contains(&bad), "data.max_bad_share", bad, "at least 0 and at most 1");
    }

    fn corpus(&mut self, at: usize, corpus: &CorpusConfig) {
        let key = |key: &str| format!("data.corpora.{at}.{key}");
        let name = &corpus.name;
        let quoted = format!("{name:?}");
        self.must(
            is_path_safe(name),
            &key("name"),
            &quoted,
            "letters, digits, `-` and `_` (it names files and records)",
        );
        let twin =
            self.config.data.corpora[..at].iter().position(|other| other.name.to_lowercase() == name.to_lowercase());
        if let Some(twin) = twin {
            let keys = [key("name"), format!("data.corpora.{twin}.name")];
            self.agree(false, &[&keys[0], &keys[1]], || {
                format!("two corpora are named `{name}`; give each its own name")
            });
        }
        let fraction = corpus.fraction;
        self.share(fraction > 0.0 && fraction <= 1.0, &key("fraction"), fraction, "above 0 and at most 1");
        self.positive(&key("weight"), corpus.weight);
        self.must(!corpus.field.is_empty(), &key("field"), "empty", "the name of a column or field");
        let has_paths = match &corpus.path {
            crate::Paths::One(path) => !path.is_empty(),
            crate::Paths::Many(paths) => !paths.is_empty() && paths.iter().all(|path| !path.is_empty()),
        };
        self.must(has_paths, &key("path"), "empty", "a file or a glob, or a list of such");
    }

    fn tokenizer(&mut self) {
        let tokenizer = &self.config.tokenizer;
        let size = tokenizer.vocab_size;
        self.must((64..=1 << 24).contains(&size), "tokenizer.vocab_size", &size.to_string(), "from 64 to 16777216");
        self.must(tokenizer.train_bytes > 0, "tokenizer.train_bytes", "0", "at least 1");
        let is_file = tokenizer.kind == TokenizerKind::File;
        let path = tokenizer.path.as_deref().filter(|path| !path.is_empty());
        self.agree(!is_file || path.is_some(), &["tokenizer.kind", "tokenizer.path"], || {
            "`kind` = \"file\" in [tokenizer] needs `path`, such as path = \"data/tokenizer.json\"".into()
        });
        self.agree(is_file || tokenizer.path.is_none(), &["tokenizer.path", "tokenizer.kind"], || {
            "`path` in [tokenizer] is read only with kind = \"file\"; set that, or leave `path` out and train one"
                .into()
        });
    }

    fn masking(&mut self) {
        let masking = &self.config.masking;
        self.share(masking.rate > 0.0 && masking.rate < 1.0, "masking.rate", masking.rate, "above 0 and below 1");
        let shares = [("mask", masking.mask), ("random", masking.random), ("keep", masking.keep)];
        let mut all_fit = true;
        for (key, share) in shares {
            let fits = (0.0..=1.0).contains(&share);
            all_fit &= fits;
            self.share(fits, &format!("masking.{key}"), share, "at least 0 and at most 1");
        }
        let sum: f64 = shares.iter().map(|(_, share)| share).sum();
        // 1e-9: decimal shares such as 0.8 + 0.1 + 0.1 miss 1 by a rounding, never by this much
        self.agree(!all_fit || (sum - 1.0).abs() <= 1e-9, &["masking.mask", "masking.random", "masking.keep"], || {
            let [mask, random, keep] = shares.map(|(_, share)| number(share));
            format!("`mask`, `random` and `keep` must sum to 1: {mask} + {random} + {keep} = {}", number(rounded(sum)))
        });
        let span = masking.span_length;
        self.must(span >= 1.0 && span.is_finite(), "masking.span_length", &number(span), "at least 1 word");
    }
}

/// A quotient to two decimals, cut, with dots that say so.
fn quotient(a: usize, b: usize) -> String {
    format!("{}.{:02}...", a / b, a % b * 100 / b)
}

/// A sum of a few decimals without the noise of its last bits.
fn rounded(x: f64) -> f64 {
    (x * 1e9).round() / 1e9
}

/// The divisors of `d_model` next to `h`, as advice.
fn near_divisors(d_model: usize, h: usize) -> String {
    let below = (1..h.min(d_model)).rev().find(|h| d_model.is_multiple_of(*h));
    let above = (h + 1..=d_model).find(|h| d_model.is_multiple_of(*h));
    match (below, above) {
        (Some(below), Some(above)) => format!("{below} and {above} do"),
        (Some(one), None) | (None, Some(one)) => format!("{one} does"),
        (None, None) => "1 does".into(),
    }
}
