//! What holds for any valid configuration.

use casebook_case::*;
use proptest::prelude::*;

fn length() -> impl Strategy<Value = Length> {
    prop_oneof![
        (1..u64::MAX).prop_map(Length::Steps),
        (1..u64::MAX).prop_map(Length::Tokens),
        (0.001..1e6).prop_map(Length::Epochs),
        (0.0001..0.4).prop_map(Length::Share),
    ]
}

fn model() -> impl Strategy<Value = EncoderConfig> {
    let shape = (1usize..17, 1usize..33, 1usize..9000, 1usize..40, 8usize..5000);
    let drops = (0.0..1.0, proptest::option::of(0.0..1.0), proptest::option::of(0.0..1.0));
    let norm = prop_oneof![Just(NormPlacement::Pre), Just(NormPlacement::Post)];
    let position = prop_oneof![Just(PositionKind::Learned), Just(PositionKind::Sinusoidal), Just(PositionKind::Rotary)];
    (shape, drops, norm, position, any::<[bool; 3]>(), 1e-300..1.0).prop_map(
        |(shape, drops, norm, position, flags, eps)| {
            let (h, half_head, ff, n_layers, seq_len) = shape;
            EncoderConfig {
                d_model: h * half_head * 2,
                h,
                ff,
                n_layers,
                seq_len,
                dropout: drops.0,
                attention_dropout: drops.1,
                residual_dropout: drops.2,
                norm,
                position,
                layer_norm_eps: eps,
                scale_embeddings: flags[0],
                tied_output: flags[1],
                head_transform: flags[2],
                activation: Activation::Geglu,
                ..EncoderConfig::default()
            }
        },
    )
}

fn data() -> impl Strategy<Value = DataConfig> {
    let text = "[^\\PC]{1,12}|.{1,12}"; // control characters and everything else
    let paths = prop_oneof![text.prop_map(Paths::One), proptest::collection::vec(text, 1..3).prop_map(Paths::Many)];
    let corpus = (paths, text, 0.001..=1.0, 0.001..50.0, any::<bool>());
    (proptest::collection::vec(corpus, 1..4), 0.001..0.5, 0.0..0.499).prop_map(|(corpora, valid, test)| DataConfig {
        corpora: corpora
            .into_iter()
            .enumerate()
            .map(|(at, (path, field, fraction, weight, is_jsonl))| CorpusConfig {
                name: format!("말뭉치-{at}"),
                path,
                format: is_jsonl.then_some(TextFormat::Jsonl),
                field,
                documents: DocumentKind::BlankLine,
                fraction,
                weight,
            })
            .collect(),
        valid,
        test,
        rows: RowKind::Line,
        order: OrderKind::InOrder,
        max_bad_share: test,
    })
}

fn schedule() -> impl Strategy<Value = ScheduleConfig> {
    let kind = prop_oneof![
        Just(ScheduleKind::Constant),
        Just(ScheduleKind::Linear),
        Just(ScheduleKind::Cosine),
        Just(ScheduleKind::Polynomial),
        Just(ScheduleKind::Exponential),
        Just(ScheduleKind::InverseSqrt),
        Just(ScheduleKind::Wsd),
    ];
    // the decay is a share: steps might be more than the run's, which is refused
    (kind, 1e-9..1.0, 0.001..=1.0, 0.0001..0.4, (0.0001..0.4).prop_map(Length::Share)).prop_map(
        |(kind, learning_rate, part, warmup, decay)| {
            let has_end = !matches!(kind, ScheduleKind::Constant | ScheduleKind::InverseSqrt);
            ScheduleConfig {
                kind,
                learning_rate,
                warmup: Length::Share(warmup),
                end_learning_rate: if has_end { learning_rate * part } else { 0.0 },
                decay_until: None,
                power: (kind == ScheduleKind::Polynomial).then_some(part),
                cycles: (kind == ScheduleKind::Cosine).then_some(2),
                peak_decay: (kind == ScheduleKind::Cosine).then_some(part),
                decay: (kind == ScheduleKind::Wsd).then_some(decay),
            }
        },
    )
}

fn train() -> impl Strategy<Value = TrainConfig> {
    (1usize..4096, length(), length(), 0u8..4, 0.001..1e9).prop_map(|(batch_size, log, eval, which, run)| TrainConfig {
        batch_size,
        micro_batch_size: (batch_size % 2 == 0).then_some(batch_size / 2),
        epochs: (which == 0).then_some(run),
        steps: (which == 1).then_some(u64::MAX),
        tokens: (which == 2).then_some(u64::MAX - 1),
        minutes: (which == 3).then_some(run),
        device: "integrated-gpu:1".into(),
        log_every: log,
        eval_every: eval,
        ..TrainConfig::default()
    })
}

/// A claim about anything but the test split, which may be empty, and a corpus, which the case may not have.
fn claim() -> impl Strategy<Value = Claim> {
    ("a[\\w-]{0,8}", "b[\\w-]{0,8}", "[<>]", "loss|accuracy|perplexity|bits_per_char").prop_map(
        |(left, right, sign, measure)| {
            format!("{left} {sign} {right} on valid.{measure}").parse().expect("it has the form of a claim")
        },
    )
}

prop_compose! {
    fn config()(
        question in "\\PC{0,20}\\S|\\s?\\w[\\x00-\\x7f]{0,20}",
        source in "(?s).{0,20}",
        conclusion in "(?s).{0,20}",
        claims in proptest::collection::vec(claim(), 0..3),
        seeds in proptest::collection::btree_set(any::<u64>(), 1..5),
        model in model(),
        data in data(),
        rate in 0.0001..1.0,
        mask in 0.0..=1.0,
        schedule in schedule(),
        train in train(),
    ) -> CaseConfig {
        CaseConfig {
            question,
            source,
            conclusion,
            claims,
            seeds: seeds.into_iter().collect(),
            model,
            data,
            masking: MaskingConfig { rate, mask, random: 1.0 - mask, keep: 0.0, ..MaskingConfig::default() },
            schedule,
            train,
            ..CaseConfig::default()
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_resolved_case_reads_back_as_itself(config in config()) {
        let text = resolved_toml(&config, &Origins::default());
        let again = read_resolved(&text);
        prop_assert!(again.is_ok(), "{}\n{}", again.map_or_else(|error| error.to_string(), |_| String::new()), text);
        prop_assert_eq!(again.ok(), Some(config));
    }

    #[test]
    fn a_case_does_not_differ_from_itself(config in config()) {
        prop_assert_eq!(differences(&config, &config), []);
    }

    #[test]
    fn differences_name_what_was_changed_in_the_files_order(config in config(), depth in 50usize..99, rate in 2.0..9.0) {
        let mut changed = config.clone();
        changed.model.n_layers = depth;
        changed.data.corpora[0].weight += 1.0;
        changed.schedule.learning_rate = rate;
        changed.train.keep_checkpoints += 1;
        let found = differences(&config, &changed);
        let keys: Vec<&str> = found.iter().map(|difference| difference.key.as_str()).collect();
        let expected = ["model.n_layers", "data.corpora.말뭉치-0.weight", "schedule.learning_rate", "train.keep_checkpoints"];
        prop_assert_eq!(keys, expected);
        prop_assert_eq!(&found[0].after, &depth.to_string());
    }

    #[test]
    fn no_text_makes_the_reader_panic(text in "(?s).{0,200}", cut in 0usize..4000) {
        let _ = read_resolved(&text);
        let defaults = defaults_toml();
        let cut = defaults.char_indices().map(|(at, _)| at).nth(cut).unwrap_or(defaults.len());
        let _ = read_resolved(&format!("{}{text}", &defaults[..cut])); // cut anywhere, anything after
    }
}

#[test]
fn an_added_corpus_and_an_unset_key_are_differences() {
    let corpus = |name: &str| serde_json::json!({ "name": name, "path": "x.txt" });
    let case = |corpora: &[&str], power: Option<f64>| -> CaseConfig {
        let corpora: Vec<_> = corpora.iter().map(|name| corpus(name)).collect();
        let mut case: CaseConfig =
            serde_json::from_value(serde_json::json!({ "question": "q", "data": { "corpora": corpora } }))
                .expect("these are the required keys");
        case.schedule.power = power;
        case
    };
    let found = differences(&case(&["ko"], None), &case(&["ko", "en"], Some(2.0)));
    let line = |key: &str| {
        found.iter().find(|difference| difference.key == key).map(|d| (d.before.as_str(), d.after.as_str()))
    };
    assert_eq!(line("data.corpora"), Some(("[ko]", "[ko, en]")));
    assert_eq!(line("data.corpora.en.path"), Some(("not set", "\"x.txt\"")));
    assert_eq!(line("schedule.power"), Some(("not set", "2.0")));
    let turned = differences(&case(&["ko", "en"], None), &case(&["en", "ko"], None));
    assert_eq!(turned.len(), 1, "{turned:?}");
}
