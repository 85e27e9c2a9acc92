//! Folds and shares of made-up cases.

use super::*;
use crate::compare::synthetic::labelled_group;
use crate::compare::{Options, compare};

/// Variants for each number, their runs changed by it.
fn swept(name: &str, values: &[f64], change: impl Fn(&mut Run, usize)) -> Vec<Group> {
    let of = |(at, value): (usize, &f64)| {
        let mut group = labelled_group(&format!("{name}{at}"), &[*value, value + 0.02]);
        group.runs.iter_mut().for_each(|run| change(run, at));
        group
    };
    values.iter().enumerate().map(of).collect()
}

fn folds(name: &str, values: &[f64]) -> Vec<Group> {
    swept(name, values, |run, at| (run.config.examples.folds, run.config.examples.fold) = (Some(3), Some(at)))
}

#[test]
fn folds_are_one_value_each_and_their_mean_has_a_t_interval() {
    let comparison = compare(&folds("fold-", &[0.70, 0.76, 0.73]), &Options::default()).unwrap();
    let [found] = &comparison.folds[..] else { panic!("{:?}", comparison.folds) };
    assert_eq!((found.name.as_str(), found.metric.word(), found.dealt), ("", "accuracy", 3));
    assert!((found.mean.unwrap() - 0.74).abs() < 1e-12 && (found.deviation.unwrap() - 0.03).abs() < 1e-12);
    // t of two degrees of freedom: 4.3027 · 0.03 / sqrt(3).
    let ends = found.interval.unwrap();
    assert!((ends.high - 0.74 - 4.302_653 * 0.03 / 3_f64.sqrt()).abs() < 1e-6, "{ends:?}");
    assert!(found.text().starts_with("accuracy over 3 folds: 0.7400 ± 0.0300, interval 0.6655 to 0.8145. Mean"));
    for page in [comparison.text(100), comparison.markdown()] {
        let page = page.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(page.contains("it is too narrow (Bengio and Grandvalet 2004)"), "{page}");
    }
}

#[test]
fn each_variant_has_folds_of_its_own_and_a_missing_one_is_said() {
    let mut groups = folds("a--fold-", &[0.70, 0.76, 0.73]);
    let mut others = folds("b--fold-", &[0.60, 0.66]);
    others.iter_mut().flat_map(|group| &mut group.runs).for_each(|run| run.config.model.n_layers = 2);
    groups.extend(others);
    let comparison = compare(&groups, &Options::default()).unwrap();
    let texts: Vec<String> = comparison.folds.iter().map(AcrossFolds::text).collect();
    assert!(texts[0].starts_with("a, accuracy over 3 folds") && texts[1].starts_with("b, accuracy over 2 of 3 folds"));
    assert_eq!(texts.len(), 2);
    let alone = compare(&[labelled_group("a", &[0.7]), labelled_group("b", &[0.7])], &Options::default()).unwrap();
    assert!(alone.folds.is_empty() && alone.learning_curves.is_empty());
}

#[test]
fn shares_of_the_examples_are_a_learning_curve() {
    let shares = [1.0, 0.25, 0.5];
    let groups = swept("share-", &[0.80, 0.60, 0.70], |run, at| {
        run.config.examples.share = shares[at];
        let examples = (4_000.0 * shares[at]) as u64;
        if let Some(info) = &mut run.info.data.examples {
            info.splits[0].examples = examples;
        }
        run.info.plan.steps_per_epoch = (125.0 * shares[at]) as u64;
    });
    let comparison = compare(&groups, &Options::default()).unwrap();
    assert_eq!(comparison.axis, Axis::Epochs, "epochs of unlike many steps");
    let [curve] = &comparison.learning_curves[..] else { panic!("{:?}", comparison.learning_curves) };
    let rows: Vec<String> = curve.rows().iter().map(|row| row.join(" ")).collect();
    assert_eq!(rows[1], "0.25 1,000 2 0.610 ± 0.0141".replace("0.610 ", "0.6100 "));
    assert_eq!(rows.len(), 4);
    assert!(comparison.markdown().contains("## Learning curve"), "{}", comparison.markdown());
    assert!(comparison.caveats.iter().any(|it| it.text.contains("share-0 4,000; share-1 1,000; share-2 2,000")));
}
