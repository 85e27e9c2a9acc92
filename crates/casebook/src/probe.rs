//! `casebook probe`: is a case fit to be trained?

use std::{path::PathBuf, process::ExitCode, sync::atomic::Ordering};

use anyhow::Context;
use case::Case;
use train::{CheckOutcome, Checked, Examination, Spec, Sweep, SweptRate, examine, take_over};

use crate::{
    arguments::ProbeArguments,
    commands::choose,
    show::{Show, json_line, line, warning},
    signals::{STOPPED, Signals},
};

/// The exit status where a check failed, apart from that of errors.
const FAILED: u8 = 20;

/// Columns of a check's name and of its outcome.
const NAME: usize = 22;
const OUTCOME: usize = 16;

/// Examines a variant of a case and shows what was found.
pub(crate) fn probe(arguments: &ProbeArguments, signals: &Signals) -> anyhow::Result<ExitCode> {
    let mut set = arguments.set.clone();
    set.extend(arguments.device.iter().map(|device| format!("train.device={device}")));
    let case = case::load(&arguments.case, &set)?;
    let spec = spec(&case, arguments)?;
    for text in case::warnings(&spec.config) {
        warning(&text);
    }
    let stop = signals.flag();
    let mut show = Show::new(arguments.json, signals);
    let examination = examine(&spec, arguments.minutes, stop, &mut show)?;
    drop(show);
    if !arguments.json {
        conclusion(&examination, &case).iter().for_each(|row| line(row));
    } else {
        json_line(&serde_json::to_string_pretty(&examination).context("writing the result as JSON")?);
    }
    draw(arguments, &examination)?;
    Ok(match (examination.failed(), stop.load(Ordering::Relaxed)) {
        (true, _) => ExitCode::from(FAILED),
        (false, true) => ExitCode::from(STOPPED),
        (false, false) => ExitCode::SUCCESS,
    })
}

/// What is examined: the variant asked for or the first, with its first seed.
fn spec(case: &Case, arguments: &ProbeArguments) -> anyhow::Result<Spec> {
    let base = std::env::current_dir().context("finding the current folder")?;
    let chosen = choose(case, arguments.variant.as_deref())?;
    let mut variant = (*chosen.first().context("a case has a variant")?).clone();
    variant.check_files(&base)?;
    take_over(&mut variant, &base)?;
    Ok(Spec {
        case: case.name.clone(),
        variant: variant.name.clone(),
        seed: *variant.config.seeds.first().context("a case has a seed")?,
        config: variant.config.clone(),
        resolved: variant.resolved_toml(),
        run: PathBuf::new(), // none is written
        base,
        cache: arguments.prepared.clone(),
        force_device: arguments.force_device,
    })
}

/// A check as lines of the table.
pub(crate) fn rows(checked: &Checked) -> Vec<String> {
    let indent = " ".repeat(NAME + OUTCOME);
    let mut rows = vec![format!("{:<NAME$}{:<OUTCOME$}{}", checked.name, checked.outcome.word(), checked.measured)];
    if !checked.threshold.is_empty() {
        rows.push(format!("{indent}wanted: {}", checked.threshold));
    }
    rows.extend(checked.remarks.iter().map(|remark| format!("{indent}{remark}")));
    rows.extend(checked.meaning.iter().map(|meaning| format!("{indent}this means: {meaning}")));
    rows.extend(checked.next.iter().map(|next| format!("{indent}try next:   {next}")));
    rows
}

/// The sweep's rates, and how many checks ended how.
fn conclusion(examination: &Examination, case: &Case) -> Vec<String> {
    let mut rows = examination.sweep.as_ref().map_or_else(Vec::new, sweep_rows);
    let outcomes = [CheckOutcome::Passed, CheckOutcome::Failed, CheckOutcome::NotApplicable, CheckOutcome::NotDone];
    let counts = outcomes.map(|outcome| format!("{} {}", examination.count(outcome), outcome.word())).join(", ");
    rows.push(format!("\n{counts}; {:.0} s; nothing was kept but prepared text", examination.seconds));
    let others = case.variants.iter().map(|variant| variant.name.as_str()).filter(|name| *name != examination.variant);
    let others = others.collect::<Vec<_>>().join(", ");
    if !others.is_empty() {
        rows.push(format!("not examined: {others} (--variant NAME)"));
    }
    rows
}

/// Loss at the end by rate.
fn sweep_rows(sweep: &Sweep) -> Vec<String> {
    let loss = |rate: &SweptRate| match rate.loss {
        Some(loss) => format!("{loss:>9.3} ± {:.3}", rate.error),
        None => format!("{:>9}", "no number"),
    };
    let marks = |rate: &SweptRate| {
        let learns = sweep.learns.is_some_and(|[low, high]| (low..=high).contains(&rate.rate) && !rate.diverged);
        let marks = [(learns, "learns"), (rate.diverged, "diverges"), (rate.rate == sweep.own, "the case's own")];
        marks.iter().filter(|(holds, _)| *holds).map(|(_, mark)| *mark).collect::<Vec<_>>().join(", ")
    };
    let of = |rate: &SweptRate| format!("  {:>8}  {:<18}  {}", format!("{:e}", rate.rate), loss(rate), marks(rate));
    let head = format!(
        "\n  {:>8}  training loss after {} updates ({:.3} before the first; {:.3} by frequencies alone)",
        "rate", sweep.updates, sweep.first_loss, sweep.unigram
    );
    std::iter::once(head).chain(sweep.rates.iter().map(of)).collect()
}

/// Draws the sweep where that is asked for.
fn draw(arguments: &ProbeArguments, examination: &Examination) -> anyhow::Result<()> {
    let Some(path) = &arguments.chart else { return Ok(()) };
    let Some(sweep) = &examination.sweep else {
        warning(&format!("{} is not drawn: no rate was tried", path.display()));
        return Ok(());
    };
    let chart = sweep.chart(&format!("{}/{}", examination.case, examination.variant));
    journal::write_atomically(path, journal::svg(&chart).as_bytes())
        .with_context(|| format!("writing {}", path.display()))
}

#[cfg(test)]
mod tests {
    use train::{CheckOutcome, Checked};

    use super::rows;

    #[test]
    fn a_failure_is_shown_with_its_meaning_and_what_to_try() {
        let failed = Checked {
            name: "first loss",
            outcome: CheckOutcome::Failed,
            measured: "40.000 nats".into(),
            threshold: "ln V = 8.294 ± 0.83".into(),
            remarks: vec!["word frequencies alone lose 6.441".into()],
            meaning: Some("weights are drawn too large".into()),
            next: Some("look at `init`".into()),
            seconds: 0.5,
        };
        let shown = rows(&failed);
        assert_eq!(shown[0], "first loss            FAILED          40.000 nats");
        let indented = [
            "wanted: ln V = 8.294 ± 0.83",
            "word frequencies alone lose 6.441",
            "this means: weights are drawn too large",
            "try next:   look at `init`",
        ];
        assert_eq!(shown[1..].iter().map(|row| row.trim_start()).collect::<Vec<_>>(), indented);
        assert!(shown[1..].iter().all(|row| row.find(|letter: char| letter != ' ') == Some(38)));
        let unmade = Checked { outcome: CheckOutcome::NotDone, threshold: String::new(), ..failed };
        assert!(rows(&unmade)[0].contains("not done") && !rows(&unmade)[1].contains("wanted"));
    }
}
