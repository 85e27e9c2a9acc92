//! A case that starts from a model: what it takes over, and what it may say otherwise.

use std::path::Path;

use serde_json::Value as Json;

use crate::{
    CaseConfig, CaseError, EncoderConfig, Origin, PositionKind, Problem, TokenizerConfig, TokenizerKind, Variant,
    check::check_whole,
    error::ProblemKind,
    explain::key_in_table,
    keys::invalid,
    resolve::{json, toml_value},
    schema::CASE,
};

/// Keys of `[model]` that are a matter of training, not of the weights.
const FREE: [&str; 5] = ["dropout", "attention_dropout", "hidden_dropout", "residual_dropout", "init"];

impl Variant {
    /// Takes `[model]` and `[tokenizer]` over from the model that `start` names.
    ///
    /// Keys of `[model]` that nobody wrote become the model's; those that somebody wrote must agree with it, but for dropout,
    /// `init` and `seq_len`, which may be smaller (and larger where positions are no table). `tokenizer` is the path of its
    /// `tokenizer.json`, as the case would write it. Where nothing is to start from, nothing changes.
    ///
    /// # Errors
    /// Every key that disagrees, at its place.
    pub fn take_over(&mut self, model: &EncoderConfig, tokenizer: &str) -> Result<(), CaseError> {
        let Some(start) = self.config.start.clone() else { return Ok(()) };
        let from = Origin::Start { from: start.clone() };
        let whole = CaseConfig {
            model: model.clone(),
            tokenizer: TokenizerConfig {
                kind: TokenizerKind::File,
                path: Some(tokenizer.into()),
                ..TokenizerConfig::default()
            },
            ..CaseConfig::default()
        };
        let (theirs, mut ours) = (json(&whole), json(&self.config));
        let mut problems = Vec::new();
        for table in ["model", "tokenizer"] {
            for (key, _) in CASE.field(table).into_iter().flat_map(|schema| schema.fields()) {
                let path = format!("{table}.{key}");
                let (mine, their) = (ours[table].get(key).cloned(), theirs[table].get(key).cloned());
                let is_written = *self.origins.of(&path) != Origin::Default;
                if mine == their || is_written && table == "model" && may_differ(key, mine.as_ref(), model) {
                    continue;
                }
                if is_written {
                    problems.push(self.disagreement(&path, mine.as_ref(), their.as_ref(), &start));
                    continue;
                }
                let Some(map) = ours[table].as_object_mut() else { continue };
                match their {
                    Some(their) => map.insert((*key).to_string(), their),
                    None => map.remove(*key),
                };
                self.origins.insert(path, from.clone());
            }
        }
        if problems.is_empty() {
            self.config = serde_json::from_value(ours).expect("two configurations' values make a configuration");
            problems = check_whole(&self.config, &self.origins, Path::new(&start));
        }
        if problems.is_empty() { Ok(()) } else { Err(invalid(problems)) }
    }

    fn disagreement(&self, path: &str, mine: Option<&Json>, their: Option<&Json>, start: &str) -> Problem {
        let word = |value: Option<&Json>| value.map_or_else(|| "not set".to_string(), toml_value);
        let advice = if path.starts_with("tokenizer") {
            "its weights belong to its own tokenizer; take [tokenizer] out"
        } else {
            "take the line out, or train without `start`"
        };
        let message = format!(
            "{} is {}, and the model to start from, {start}, has {}: {advice}",
            key_in_table(path),
            word(mine),
            word(their)
        );
        Problem::at(ProblemKind::Contradiction, self.origins.of(path).clone(), message)
    }
}

/// Whether a written key of `[model]` may be another than the model's.
fn may_differ(key: &str, mine: Option<&Json>, model: &EncoderConfig) -> bool {
    let shorter = || mine.and_then(Json::as_u64).is_some_and(|tokens| tokens <= model.seq_len as u64);
    // Boxes can be learned on top of what knew none.
    let adds_boxes = || !model.boxes && mine == Some(&Json::Bool(true));
    FREE.contains(&key)
        || key == "boxes" && adds_boxes()
        || key == "seq_len" && (model.position != PositionKind::Learned || shorter())
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use crate::{EncoderConfig, Origin, TokenizerKind, Variant, load, model_toml, read_model};

    fn variant(lines: &str) -> Variant {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("case.toml");
        let text = format!(
            "question = \"q?\"\ndata.corpora = [{{ name = \"a\", path = \"a.txt\" }}]\ntrain.epochs = 1\n\
             start = \"imported/bert\"\n{lines}"
        );
        std::fs::write(&path, text).expect("a file");
        load(&path, &[]).expect("a case").variants.remove(0)
    }

    fn model() -> EncoderConfig {
        EncoderConfig { d_model: 64, h: 8, segments: 2, embedding_width: Some(32), seq_len: 100, ..Default::default() }
    }

    #[test]
    fn what_nobody_wrote_is_the_models() {
        let mut variant = variant("model.dropout = 0.3\nmodel.seq_len = 50\nmodel.h = 8\n");
        variant.take_over(&model(), "imported/bert/tokenizer.json").expect("nothing disagrees");
        let wanted = EncoderConfig { dropout: 0.3, seq_len: 50, ..model() };
        assert_eq!(variant.config.model, wanted);
        assert_eq!(variant.config.tokenizer.kind, TokenizerKind::File);
        assert_eq!(variant.config.tokenizer.path.as_deref(), Some("imported/bert/tokenizer.json"));
        assert_eq!(variant.origins.of("model.d_model"), &Origin::Start { from: "imported/bert".into() });
        assert!(variant.resolved_toml().contains("d_model = 64  # start, imported/bert"));
        // A run that goes on reads what was taken over as written: it agrees.
        let again = crate::read_resolved(&variant.resolved_toml()).expect("a case");
        assert_eq!(again, variant.config);
    }

    #[test]
    fn what_disagrees_is_named_at_its_place() {
        let mut variant = variant("model.h = 7\nmodel.seq_len = 200\ntokenizer.vocab_size = 500\n");
        let error = variant.take_over(&model(), "t.json").expect_err("three keys").to_string();
        for words in
            ["case.toml:5:", "`h` in [model] is 7", "has 8", "`seq_len` in [model] is 200", "take [tokenizer] out"]
        {
            assert!(error.contains(words), "{words}: {error}");
        }
    }

    #[test]
    fn a_model_table_survives_its_file_and_holds_nothing_else() {
        let path = Path::new("model.toml");
        assert_eq!(read_model(&model_toml(&model()), path).expect("a model"), model());
        let error = read_model("[model]\nh = 3\n", path).expect_err("256 / 3").to_string();
        assert!(error.contains("model.toml:2") && error.contains("must divide"), "{error}");
        let error = read_model("seeds = [1]\n[model]\n", path).expect_err("a case's key").to_string();
        assert!(error.contains("model.toml:1:1: `seeds` has no place here"), "{error}");
    }
}
