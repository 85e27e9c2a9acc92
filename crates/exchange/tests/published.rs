//! Tiny models of random weights that transformers saved, and what it makes of them (`scripts/exchange.py fixtures`).

#![allow(clippy::unwrap_used, reason = "helpers of tests, too, fail by panicking")]

mod tiny;

use std::{fs, path::Path};

use casebook_exchange::{Card, ExchangeError, Export, HeadOf, class_for, export, import, read_model_folder};
use tiny::{agrees_with_transformers, copied, edited, fixture};

#[test]
fn bert_is_read_with_its_segments() {
    assert_eq!(agrees_with_transformers("bert").model.segments, 2);
    let bare = agrees_with_transformers("bert-bare");
    assert!(bare.origin.dropped.iter().any(|name| name.contains("pooler")), "{:?}", bare.origin);
}

#[test]
fn berts_other_activation_costs_the_head_alone() {
    let folder = agrees_with_transformers("bert-relu");
    assert!(!folder.weights.keys().any(|name| name.starts_with("head.")));
    assert!(folder.origin.notes[0].contains("its head has the blocks' activation"), "{:?}", folder.origin.notes);
}

#[test]
fn roberta_xlm_r_and_pre_norm_roberta_are_read_behind_their_padding() {
    let roberta = agrees_with_transformers("roberta");
    assert_eq!(roberta.model.seq_len, 20);
    agrees_with_transformers("xlm-roberta");
    agrees_with_transformers("roberta-prelayernorm");
}

#[test]
fn electra_is_read_with_its_narrow_and_wide_embeddings() {
    assert_eq!(agrees_with_transformers("electra-generator").model.embedding_width, Some(24));
    let discriminator = agrees_with_transformers("electra-discriminator");
    assert_eq!(discriminator.model.embedding_width, Some(8));
    assert!(discriminator.origin.dropped.iter().any(|name| name.starts_with("discriminator_predictions")));
}

#[test]
fn modernbert_is_read_with_its_local_layers() {
    let folder = agrees_with_transformers("modernbert");
    assert_eq!((folder.model.local_window, folder.model.global_every, folder.model.biases), (Some(6), 3, false));
    assert!(folder.origin.notes[0].contains("3 rows that no word"), "{:?}", folder.origin.notes);
    let folder = agrees_with_transformers("modernbert-biases");
    assert!(folder.model.biases && !folder.model.tied_output && !folder.model.output_bias);
}

#[test]
fn a_class_that_was_read_is_the_class_that_is_written() {
    for (name, class) in [
        ("bert", "BertForMaskedLM"),
        ("roberta-prelayernorm", "RobertaPreLayerNormForMaskedLM"),
        ("electra-generator", "ElectraForMaskedLM"),
        ("modernbert", "ModernBertForMaskedLM"),
    ] {
        let base = tempfile::tempdir().unwrap();
        let imported = import(&fixture(name), &base.path().join("ours")).unwrap();
        assert_eq!(class_for(&imported.model, &HeadOf::Words).unwrap().architecture(None), class);
    }
}

/// The error of importing a folder; nothing may be left of it.
fn refused(folder: &Path) -> ExchangeError {
    let base = tempfile::tempdir().unwrap();
    let error = import(folder, &base.path().join("ours")).unwrap_err();
    assert_eq!(fs::read_dir(base.path()).unwrap().count(), 0, "something is left");
    error
}

#[test]
fn what_the_encoder_does_not_compute_is_refused_by_key() {
    let cases = [
        ("bert", "hidden_act", "gelu_new".into(), "`hidden_act` is \"gelu_new\""),
        ("bert", "position_embedding_type", "relative_key".into(), "only positions that are added"),
        ("bert", "is_decoder", true.into(), "only encoders are read"),
        ("bert", "model_type", "gpt2".into(), "modernbert are read"),
        ("bert", "num_attention_heads", 3.into(), "must divide"),
        ("bert", "hidden_size", (-1).into(), "`hidden_size` is -1, not a count"),
        ("bert", "intermediate_size", 25.into(), "has shape [16, 24] where the configuration asks for [16, 25]"),
        ("bert", "num_hidden_layers", 1.into(), "the encoder would not compute what these files do"),
        ("bert", "num_hidden_layers", 3.into(), "no weight `bert.encoder.layer.2.attention.self.query.weight`"),
        ("modernbert", "layer_types", serde_json::json!(["sliding_attention"]), "every n-th"),
        ("modernbert", "hidden_activation", "silu".into(), "GELU"),
    ];
    for (name, key, value, words) in cases {
        let folder = copied(name);
        edited(folder.path(), key, value);
        let error = refused(folder.path()).to_string();
        assert!(error.contains(words), "{key}: {error}");
    }
}

#[test]
fn folders_that_lack_something_say_what_and_how_to_get_it() {
    let folder = copied("bert");
    fs::rename(folder.path().join("model.safetensors"), folder.path().join("pytorch_model.bin")).unwrap();
    let error = refused(folder.path());
    assert!(matches!(error, ExchangeError::Pickle { .. }));
    let text = error.to_string();
    assert!(text.contains("pytorch_model.bin, a Python pickle") && text.contains("save_pretrained"), "{text}");
    // The file itself where a folder should be named, and a pickle under another name.
    let file = refused(&folder.path().join("pytorch_model.bin")).to_string();
    assert!(file.contains("pytorch_model.bin, a Python pickle"), "{file}");
    fs::write(folder.path().join("model.safetensors"), b"PK\x03\x04archive/data.pkl").unwrap();
    let disguised = refused(folder.path()).to_string();
    assert!(disguised.contains("model.safetensors") && disguised.contains("convert it to safetensors"), "{disguised}");
    fs::remove_file(folder.path().join("model.safetensors")).unwrap();
    fs::remove_file(folder.path().join("pytorch_model.bin")).unwrap();
    assert!(refused(folder.path()).to_string().contains("has no model.safetensors"));
    let folder = copied("bert");
    fs::remove_file(folder.path().join("tokenizer.json")).unwrap();
    assert!(refused(folder.path()).to_string().contains("AutoTokenizer.from_pretrained"));
    fs::remove_file(folder.path().join("config.json")).unwrap();
    assert!(refused(folder.path()).to_string().contains("has no config.json"));
}

#[test]
fn damaged_files_are_refused_and_panic_nowhere() {
    let whole = fs::read(fixture("bert").join("model.safetensors")).unwrap();
    for length in [0, 7, 100, whole.len() / 2, whole.len() - 1] {
        let folder = copied("bert");
        fs::write(folder.path().join("model.safetensors"), &whole[..length]).unwrap();
        assert!(matches!(refused(folder.path()), ExchangeError::Weights { .. }));
    }
    let folder = copied("bert");
    fs::write(folder.path().join("config.json"), "[1, 2").unwrap();
    assert!(matches!(refused(folder.path()), ExchangeError::Config { .. }));
    // A tokenizer of more words than the table has rows.
    let folder = copied("bert");
    fs::copy(fixture("roberta").join("tokenizer.json"), folder.path().join("tokenizer.json")).unwrap();
    assert!(matches!(refused(folder.path()), ExchangeError::Vocabulary { .. }));
}

#[test]
fn an_index_may_not_lead_out_of_its_folder() {
    let folder = copied("bert");
    fs::rename(folder.path().join("model.safetensors"), folder.path().join("model-00001-of-00001.safetensors"))
        .unwrap();
    let index = |file: &str| format!("{{\"weight_map\": {{\"a\": \"{file}\"}}}}");
    fs::write(folder.path().join("model.safetensors.index.json"), index("../x.safetensors")).unwrap();
    assert!(refused(folder.path()).to_string().contains("no file of its folder"));
    fs::write(folder.path().join("model.safetensors.index.json"), index("model-00001-of-00001.safetensors")).unwrap();
    let base = tempfile::tempdir().unwrap();
    import(folder.path(), &base.path().join("ours")).unwrap();
}

#[test]
fn nothing_is_exported_over_a_folder_or_without_a_head() {
    let base = tempfile::tempdir().unwrap();
    let ours = base.path().join("ours");
    import(&fixture("electra-discriminator"), &ours).unwrap();
    let folder = read_model_folder(&ours).unwrap();
    let card = Card::default();
    let what = Export {
        model: &folder.model,
        head: &HeadOf::Words,
        weights: &folder.weights,
        tokenizer: &folder.tokenizer,
        rows_of_ours: false,
        card: &card,
    };
    assert!(matches!(export(&what, &base.path().join("to")), Err(ExchangeError::NoHead)));
    assert!(matches!(export(&what, &ours), Err(ExchangeError::Exists { .. })));
    assert_eq!(fs::read_dir(base.path()).unwrap().count(), 1);
}
