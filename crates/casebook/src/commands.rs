//! What each command does.

use std::{path::Path, process::ExitCode};

use anyhow::{Context, bail};
use case::{Case, EncoderConfig, Kernels, NormPlacement, OptimizerConfig, TextFormat, Variant};
use journal::{RunInfo, Status};
use train::{
    FileScore, Outcome, Place, Probe, Replay, Spec, Throughput, Trained, plan_runs, replay, take_over, throughput,
    train,
};

use crate::{
    arguments::{Arguments, Command, Norm, Places, ReplayArguments, ThroughputArguments, Way},
    diagnose, doctor, models, predict, probe, records,
    show::{JSON_FORMAT, Show, json_line, line, warning},
    signals::{STOPPED, Signals},
};

/// Runs one command.
pub(crate) fn run(arguments: &Arguments, signals: &Signals) -> anyhow::Result<ExitCode> {
    match &arguments.command {
        Command::Train { case, variant, seed, set, places, way } => {
            let case = case::load(case, set)?;
            train_case(&case, variant.as_deref(), *seed, places, way, signals)
        }
        Command::Resume { run, set, prepared, way } => resume(run, set, prepared, way, signals),
        Command::Check { case, set, resolved } => check(&case::load(case, set)?, *resolved),
        Command::Probe(arguments) => probe::probe(arguments, signals),
        Command::FillMask { run, text, top, device, json } => fill_mask(&load(run, device)?, text, *top, *json),
        Command::Predict(arguments) => predict::predict(arguments),
        Command::Evaluate { run, data, device, json, errors, .. } if is_tuned(run) => {
            predict::evaluate(&predict::load(run, device)?, data, *errors, *json)
        }
        Command::Evaluate { run, data, field, format, seed, device, json, .. } => {
            let trained = load(run, device)?;
            let seed = seed.unwrap_or(trained.seed);
            let found = trained.evaluate(data, field, text_format(format.as_deref())?, seed)?;
            show_score(&trained, &found, *json)
        }
        Command::Export(arguments) => models::export(arguments),
        Command::Import { from, to } => models::import(from, to),
        Command::Forward { model, ids, device } => models::forward(&Probe::load(model, device)?, ids),
        Command::Encode { model, data } => models::encode(&Probe::load(model, "cpu")?, data),
        Command::Journal(arguments) => records::list(arguments),
        Command::Note { run, text } => records::note(run, text),
        Command::Compare(arguments) => records::compare(arguments),
        Command::Report { case, out, runs } => records::report(case, out.as_deref(), runs),
        Command::Record { what, out, runs } => records::record(what, out.as_deref(), runs),
        Command::Diagnose(arguments) => diagnose::diagnose(arguments),
        Command::Doctor { device, composed, precision, all } => {
            doctor::run(device.as_deref(), kernels(*composed), (*precision).into(), *all)
        }
        Command::Replay(arguments) => replay_peer(arguments),
        Command::Throughput(arguments) => time(arguments),
    }
}

/// Whether a folder is a run on labelled examples.
fn is_tuned(run: &Path) -> bool {
    train::read_case(run).is_ok_and(|case| !case.task.hides_words())
}

/// Trains the chosen variants with the chosen seeds, one after the other; ends early where a run was asked to stop.
fn train_case(
    case: &Case,
    variant: Option<&str>,
    seed: Option<u64>,
    places: &Places,
    way: &Way,
    signals: &Signals,
) -> anyhow::Result<ExitCode> {
    let base = std::env::current_dir().context("finding the current folder")?;
    let mut chosen = choose(case, variant)?.into_iter().cloned().collect::<Vec<_>>();
    for variant in &mut chosen {
        variant.check_files(&base)?;
        take_over(variant, &base)?;
    }
    let stop = signals.flag();
    let mut show = Show::new(way.json, signals);
    let mut specs = Vec::new();
    for variant in chosen {
        for seed in seeds(&variant, seed)? {
            let run = places.runs.join(&case.name).join(&variant.name).join(format!("s{seed}"));
            specs.push(Spec {
                case: case.name.clone(),
                variant: variant.name.clone(),
                seed,
                config: variant.config.clone(),
                resolved: variant.resolved_toml(),
                run,
                base: base.clone(),
                cache: places.prepared.clone(),
                force_device: way.force_device,
            });
        }
    }
    if specs.len() > 1 {
        plan_runs(&specs, stop, &mut show)?;
    }
    let mut code = ExitCode::SUCCESS;
    for spec in specs {
        let outcome = train(&spec, stop, &mut show)?;
        signals.training(false);
        match tell(&spec.run, &outcome, &show) {
            After::Stop => return Ok(ExitCode::from(STOPPED)),
            After::GoOn => {}
            // The other variants and seeds are worth no less for it.
            After::GoOnToFail => code = ExitCode::FAILURE,
        }
    }
    Ok(code)
}

/// What follows a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum After {
    GoOn,
    GoOnToFail,
    Stop,
}

/// The variants of this name; all where none is given.
pub(crate) fn choose<'a>(case: &'a Case, name: Option<&str>) -> anyhow::Result<Vec<&'a Variant>> {
    let chosen =
        case.variants.iter().filter(|variant| name.is_none_or(|name| variant.name == name)).collect::<Vec<_>>();
    if chosen.is_empty() {
        let names = case.variants.iter().map(|variant| variant.name.as_str()).collect::<Vec<_>>().join(", ");
        bail!("{} has no variant `{}`; it has {names}", case.path.display(), name.unwrap_or_default());
    }
    Ok(chosen)
}

fn seeds(variant: &Variant, seed: Option<u64>) -> anyhow::Result<Vec<u64>> {
    match seed {
        Some(seed) if !variant.config.seeds.contains(&seed) => {
            bail!("the case has no seed {seed}; it has {:?}: add it to `seeds`", variant.config.seeds)
        }
        Some(seed) => Ok(vec![seed]),
        None => Ok(variant.config.seeds.clone()),
    }
}

/// Says how a run ended, and what follows.
fn tell(run: &Path, outcome: &Outcome, show: &Show) -> After {
    let record = run.join("record.md");
    match outcome {
        Outcome::EndedBefore(status) if record.is_file() => {
            show.say(&format!("{} is {status}; its record is {}", run.display(), record.display()));
        }
        Outcome::EndedBefore(status) => {
            show.say(&format!("{} is {status}; `casebook record {0}` draws its charts", run.display()));
        }
        Outcome::Ended(_) => show.say(&format!("record   {}", record.display())),
    }
    match outcome {
        Outcome::Ended(Status::Finished) | Outcome::EndedBefore(Status::Finished) => After::GoOn,
        Outcome::Ended(Status::Stopped) => {
            show.say("the same command goes on from here");
            After::Stop
        }
        Outcome::Ended(_) | Outcome::EndedBefore(_) => After::GoOnToFail,
    }
}

fn resume(run: &Path, set: &[String], prepared: &Path, way: &Way, signals: &Signals) -> anyhow::Result<ExitCode> {
    if !run.join("run.json").is_file() {
        bail!("{} is not a run: there is no run.json in it", run.display());
    }
    let info = RunInfo::read(run)?;
    // A run's case.toml is a case of one variant; reading it as one lets `--set` be checked like anywhere else.
    let variant = case::load_run(&run.join("case.toml"), set)?;
    let spec = Spec {
        case: info.case,
        variant: info.variant,
        seed: info.seed,
        config: variant.config.clone(),
        resolved: variant.resolved_toml(),
        run: run.into(),
        base: std::env::current_dir().context("finding the current folder")?,
        cache: prepared.into(),
        force_device: way.force_device,
    };
    let mut show = Show::new(way.json, signals);
    let outcome = train(&spec, signals.flag(), &mut show)?;
    Ok(match tell(run, &outcome, &show) {
        After::GoOn => ExitCode::SUCCESS,
        After::GoOnToFail => ExitCode::FAILURE,
        After::Stop => ExitCode::from(STOPPED),
    })
}

fn check(case: &Case, resolved: bool) -> anyhow::Result<ExitCode> {
    let base = std::env::current_dir().context("finding the current folder")?;
    for mut variant in case.variants.iter().cloned() {
        variant.check_files(&base)?;
        take_over(&mut variant, &base)?;
        if resolved {
            line(&variant.resolved_toml());
        }
        for warning in case::warnings(&variant.config) {
            line(&format!("warning ({}): {warning}", variant.name));
        }
    }
    let names = case.variants.iter().map(|variant| variant.name.as_str()).collect::<Vec<_>>().join(", ");
    line(&format!("{} can be trained: {names}", case.path.display()));
    Ok(ExitCode::SUCCESS)
}

fn fill_mask(trained: &Trained, text: &str, top: usize, json: bool) -> anyhow::Result<ExitCode> {
    let places = trained.fill_mask(text, top)?;
    if json {
        let one = |candidate: &train::Candidate| serde_json::json!({"token": candidate.token, "probability": candidate.probability});
        let places = places.iter().map(|place| place.iter().map(one).collect::<Vec<_>>()).collect::<Vec<_>>();
        let object = serde_json::json!({"format": JSON_FORMAT, "step": trained.step, "masks": places});
        json_line(&object.to_string());
        return Ok(ExitCode::SUCCESS);
    }
    line(&format!("weights of step {}", trained.step));
    for (index, place) in places.iter().enumerate() {
        line(&format!("[MASK] {}", index + 1));
        for candidate in place {
            line(&case::one_line(&format!("  {:>6.2} %  {}", 100.0 * candidate.probability, candidate.token)));
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// A trained run; checkpoints that had to be passed over are named on standard error.
fn load(run: &Path, device: &str) -> anyhow::Result<Trained> {
    let trained = Trained::load(run, device)?;
    for refused in &trained.refused {
        warning(&format!("{refused}; passed over, these are the weights of step {}", trained.step));
    }
    Ok(trained)
}

/// A format's word, as the case file writes it.
fn text_format(word: Option<&str>) -> anyhow::Result<Option<TextFormat>> {
    let Some(word) = word else { return Ok(None) };
    let known = serde_json::from_value(word.into());
    known.map(Some).with_context(|| format!("--format {word}: write txt, jsonl, csv, tsv or parquet"))
}

fn show_score(trained: &Trained, found: &FileScore, json: bool) -> anyhow::Result<ExitCode> {
    let score = &found.score;
    if json {
        let object = serde_json::json!({"format": JSON_FORMAT, "step": trained.step, "rows": found.rows, "score": score, "kinds": found.kinds});
        json_line(&object.to_string());
        return Ok(ExitCode::SUCCESS);
    }
    let error = journal::standard_error(score.accuracy, score.scored).unwrap_or(f64::NAN);
    line(&format!(
        "{}: {} rows, {} scored positions, weights of step {}",
        score.name, found.rows, score.scored, trained.step
    ));
    line(&format!("  loss        {:.4} nats per scored token", score.loss));
    line(&format!("  perplexity  {:.2}", score.loss.exp()));
    if let Some(bits) = score.bits_per_char {
        line(&format!("  bits/char   {bits:.4}"));
    }
    line(&format!("  accuracy    {:.4} ± {error:.4} (one standard error)", score.accuracy));
    for (name, kind) in [("masked", &found.kinds.mask), ("random", &found.kinds.random), ("kept", &found.kinds.kept)] {
        if let Some(kind) = kind {
            line(&format!("    {name:<9} {:.4} of {}", kind.accuracy, kind.scored));
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn replay_peer(arguments: &ReplayArguments) -> anyhow::Result<ExitCode> {
    let norm = match arguments.norm {
        Norm::Pre => NormPlacement::Pre,
        Norm::Post => NormPlacement::Post,
    };
    let what = Replay {
        model: EncoderConfig {
            d_model: arguments.d_model,
            h: arguments.heads,
            ff: arguments.ff,
            n_layers: arguments.layers,
            norm,
            layer_norm_eps: arguments.eps,
            head_transform: false,
            ..EncoderConfig::default()
        },
        vocab_size: arguments.vocab,
        optimizer: OptimizerConfig {
            weight_decay: arguments.weight_decay,
            epsilon: arguments.adam_eps,
            clip_norm: arguments.clip,
            ..OptimizerConfig::default()
        },
        learning_rate: arguments.lr,
        warmup: arguments.lr_warmup,
        steps: arguments.steps,
    };
    let replayed = replay(&what, &arguments.init, &arguments.batches, &Place::open(&arguments.device, Kernels::Own)?)?;
    let text = serde_json::to_string(&replayed).context("writing the result as JSON")?;
    if let Some(out) = &arguments.out {
        journal::write_atomically(out, format!("{text}\n").as_bytes())
            .with_context(|| format!("writing {}", out.display()))?;
    }
    line(&text);
    Ok(ExitCode::SUCCESS)
}

fn kernels(composed: bool) -> Kernels {
    if composed { Kernels::Composed } else { Kernels::Own }
}

fn time(arguments: &ThroughputArguments) -> anyhow::Result<ExitCode> {
    let what = Throughput {
        model: EncoderConfig {
            d_model: arguments.d_model,
            h: arguments.heads,
            ff: arguments.ff,
            n_layers: arguments.layers,
            dropout: arguments.dropout,
            seq_len: arguments.seq,
            norm: NormPlacement::Post,
            head_transform: false,
            ..EncoderConfig::default()
        },
        vocab_size: arguments.vocab,
        batch_size: arguments.batch,
        mask_prob: 0.15,
        min_len: arguments.min_len.unwrap_or(arguments.seq),
        optimizer: OptimizerConfig::default(),
        steps: arguments.steps,
        warmup_steps: arguments.warmup_steps,
        seed: arguments.seed,
    };
    let place = Place::open(&arguments.device, kernels(arguments.composed))?.attending(arguments.attend.into());
    let timed = throughput(&what, &place.in_precision(arguments.precision.into())?)?;
    line(&serde_json::to_string(&timed).context("writing the result as JSON")?);
    Ok(ExitCode::SUCCESS)
}
