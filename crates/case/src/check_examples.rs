//! Ranges and contradictions of labelled examples and of tuning on them.

use std::collections::BTreeSet;

use crate::{
    BestBy, ExampleFormat, ExamplesConfig, Freeze, Origin, Paths, TargetKind, Task, check::Checker, explain::number,
};

/// The fewest tokens of an input: two special ones and some text.
const LEAST_TOKENS: usize = 8;

impl Checker<'_> {
    /// What the task reads, and that nothing is written that it does not.
    pub(crate) fn task(&mut self) {
        let is_empty = self.config.start.as_deref().is_some_and(|start| start.trim().is_empty());
        self.must(!is_empty, "start", "empty", "the folder of a run or of an imported model");
        let (name, unread, instead): (_, &[&str], _) = match self.config.task {
            Task::Mlm => {
                ("mlm", &["examples", "finetune"], "set task = \"classify\", \"tag\" or \"page-mlm\", or leave it out")
            }
            Task::PageMlm => ("page-mlm", &["data", "finetune"], "words and boxes stand in [examples]; leave it out"),
            Task::Classify => ("classify", &["data", "masking"], "labelled texts stand in [examples]; leave it out"),
            Task::Tag => ("tag", &["data", "masking"], "tagged words stand in [examples]; leave it out"),
        };
        for table in unread {
            let written = self.origins.first_below(table).map(ToOwned::to_owned);
            self.agree(written.is_none(), &[written.as_deref().unwrap_or(table), "task"], || {
                format!("[{table}] means nothing to task = \"{name}\": {instead}")
            });
        }
    }

    /// `examples` and `finetune`, of the tasks that read them.
    pub(crate) fn examples(&mut self) {
        let examples = &self.config.examples;
        for (key, paths) in [("train", &examples.train), ("valid", &examples.valid), ("test", &examples.test)] {
            let has_paths = match paths {
                None => true,
                Some(Paths::One(path)) => !path.is_empty(),
                Some(Paths::Many(paths)) => !paths.is_empty() && paths.iter().all(|path| !path.is_empty()),
            };
            self.must(has_paths, &format!("examples.{key}"), "empty", "a file or a glob, or a list of such");
        }
        self.splits(examples);
        match self.config.task {
            Task::Tag | Task::PageMlm => self.tag(examples),
            Task::Classify => self.classify(examples),
            Task::Mlm => {}
        }
        self.labels(examples);
        self.input_length(examples);
        self.finetune();
    }

    fn splits(&mut self, examples: &ExamplesConfig) {
        let (held, share) = (examples.valid_share, examples.share);
        self.must(held > 0.0 && held < 1.0, "examples.valid_share", &number(held), "above 0 and below 1");
        self.must(share > 0.0 && share <= 1.0, "examples.share", &number(share), "above 0 and at most 1");
        if let Some(folds) = examples.folds {
            self.must(folds >= 2, "examples.folds", &folds.to_string(), "at least 2");
        }
        match (examples.folds, examples.fold) {
            (Some(folds), Some(fold)) => self.agree(fold < folds, &["examples.fold", "examples.folds"], || {
                format!("there is no fold {fold} of {folds}: they are counted from 0 to {}", folds.saturating_sub(1))
            }),
            (None, None) => {}
            _ => self.agree(false, &["examples.folds", "examples.fold"], || {
                "`folds` and `fold` go together: set folds = 5 and fold = 0, or sweep \"examples.fold\" = [0, 1, 2, 3, 4]"
                    .into()
            }),
        }
        let is_one = examples.fold.is_none() || examples.valid.is_none();
        self.agree(is_one, &["examples.fold", "examples.valid"], || {
            "a fold is validated on in place of `valid`; keep one of the two".into()
        });
    }

    fn classify(&mut self, examples: &ExamplesConfig) {
        for (key, name) in [("text", &examples.text), ("label", &examples.label)] {
            self.must(!name.is_empty(), &format!("examples.{key}"), "empty", "the name of a column or field");
        }
        let is_table = examples.format != Some(ExampleFormat::Conll);
        self.agree(is_table, &["examples.format", "task"], || "CoNLL columns hold tags, not classes".into());
        for (key, is_set) in [("boxes", examples.boxes.is_some()), ("overlap", examples.overlap.is_some())] {
            let path = format!("examples.{key}");
            self.agree(!is_set, &[&path, "task"], || format!("`{key}` is read with task = \"tag\"; leave it out"));
        }
        self.must(!examples.separator.is_empty(), "examples.separator", "empty", "what parts labels, such as \",\"");
        let is_soft = examples.target == TargetKind::Soft;
        self.agree(is_soft || examples.probabilities.is_none(), &["examples.probabilities", "examples.target"], || {
            "`probabilities` are read with target = \"soft\"; set that, or leave them out".into()
        });
        let is_named = !is_soft || examples.probabilities.is_some() || examples.labels.is_some();
        self.agree(is_named, &["examples.target"], || {
            "a list of probabilities does not say whose they are; name them in `labels`, such as labels = [\"no\", \"yes\"]"
                .into()
        });
        let is_once = examples.probabilities.is_none() || examples.labels.is_none();
        self.agree(is_once, &["examples.probabilities", "examples.labels"], || {
            "`probabilities` name the labels already; leave `labels` out".into()
        });
    }

    fn tag(&mut self, examples: &ExamplesConfig) {
        let is_read = !matches!(examples.format, Some(ExampleFormat::Csv | ExampleFormat::Tsv));
        self.agree(is_read, &["examples.format", "task"], || {
            "words and tags are lists, which csv and tsv have not; write \"jsonl\", \"parquet\" or \"conll\"".into()
        });
        let is_conll = examples.format == Some(ExampleFormat::Conll);
        for (key, name) in [("words", &examples.words), ("tags", &examples.tags)] {
            let is_named = is_conll || !name.is_empty();
            self.must(is_named, &format!("examples.{key}"), "empty", "the name of a field, but in CoNLL columns");
        }
        self.agree(!is_conll || examples.boxes.is_none(), &["examples.boxes", "examples.format"], || {
            "CoNLL columns hold no boxes; write pages as jsonl".into()
        });
        let unread = [
            ("second", examples.second.is_some()),
            ("probabilities", examples.probabilities.is_some()),
            ("target", examples.target != TargetKind::Single),
        ];
        for (key, is_set) in unread {
            let path = format!("examples.{key}");
            self.agree(!is_set, &[&path, "task"], || format!("`{key}` is read with task = \"classify\"; leave it out"));
        }
    }

    fn labels(&mut self, examples: &ExamplesConfig) {
        let least = match (self.config.task, examples.target) {
            (Task::Classify, TargetKind::Single | TargetKind::Soft) => 2,
            _ => 1,
        };
        for (key, names) in [("labels", &examples.labels), ("probabilities", &examples.probabilities)] {
            let Some(names) = names else { continue };
            let distinct: BTreeSet<&str> = names.iter().map(String::as_str).collect();
            let is_right = names.len() >= least && distinct.len() == names.len() && !distinct.contains("");
            let rule = format!("{least} or more names, none empty and none twice");
            self.must(is_right, &format!("examples.{key}"), &format!("{names:?}"), &rule);
        }
    }

    fn input_length(&mut self, examples: &ExamplesConfig) {
        let (longest, seq_len) = (self.config.max_tokens(), self.config.model.seq_len);
        if let Some(longest) = examples.max_tokens {
            let rule = format!("at least {LEAST_TOKENS}");
            self.must(longest >= LEAST_TOKENS, "examples.max_tokens", &longest.to_string(), &rule);
            // What a start reads stands in its own folder.
            let fits = longest <= seq_len || self.config.start.is_some();
            self.agree(fits, &["examples.max_tokens", "model.seq_len"], || {
                format!("inputs of {longest} tokens are longer than the encoder reads, {seq_len}; lower `max_tokens`")
            });
        }
        if let Some(overlap) = examples.overlap {
            let room = longest.saturating_sub(2);
            self.agree(overlap < room, &["examples.overlap", "examples.max_tokens"], || {
                format!(
                    "windows of {room} tokens of text cannot share {overlap}: each must bring new ones; lower `overlap`"
                )
            });
        }
    }

    fn finetune(&mut self) {
        let finetune = &self.config.finetune;
        if let (Freeze::Layers(layers), None) = (finetune.freeze, &self.config.start) {
            let n_layers = self.config.model.n_layers;
            self.agree(layers <= n_layers, &["finetune.freeze", "model.n_layers"], || {
                format!("{layers} layers cannot be frozen of {n_layers}; lower `freeze`")
            });
        }
        if let Some(epoch) = finetune.unfreeze_epoch {
            self.positive("finetune.unfreeze_epoch", epoch);
            self.agree(finetune.freeze != Freeze::Nothing, &["finetune.unfreeze_epoch", "finetune.freeze"], || {
                "nothing is frozen that `unfreeze_epoch` could free; set `freeze`, or leave it out".into()
            });
        }
        let (decay, smoothing) = (finetune.layer_decay, finetune.label_smoothing);
        self.must(decay > 0.0 && decay <= 1.0, "finetune.layer_decay", &number(decay), "above 0 and at most 1");
        self.share_below_one("finetune.label_smoothing", smoothing);
        let target = self.config.examples.target;
        let is_hard = smoothing == 0.0 || target == TargetKind::Single;
        self.agree(is_hard, &["finetune.label_smoothing", "examples.target"], || {
            "labels are smoothed where each example has one; leave `label_smoothing` out".into()
        });
        self.agree(finetune.fresh_head || self.config.start.is_some(), &["finetune.fresh_head", "start"], || {
            "without a `start` there is no head to keep; set `start`, or leave `fresh_head` out".into()
        });
        let known = BestBy::of(self.config.task, target);
        if let Some(metric) = finetune.metric.filter(|metric| !known.contains(metric)) {
            let names: Vec<&str> = known.iter().map(|metric| metric.name()).collect();
            let of = if self.config.task == Task::Classify { "examples.target" } else { "task" };
            self.agree(false, &["finetune.metric", of], || {
                format!("there is no {} here; the figures are {}", metric.name(), crate::explain::quoted(&names))
            });
        }
    }
}

impl crate::Origins {
    /// The first key of a table that somebody wrote.
    fn first_below(&self, table: &str) -> Option<&str> {
        let prefix = format!("{table}.");
        let mut written = self.iter().filter(|(key, origin)| key.starts_with(&prefix) && **origin != Origin::Default);
        written.next().map(|(key, _)| key)
    }
}
