//! What a terminal shows.

use super::*;
use crate::compare::comparison::{Options, compare};
use crate::compare::synthetic::group_of;

fn comparison() -> Comparison {
    let (mut a, mut b) = (
        group_of("layer-4", &[4.50, 4.52, 4.48, 4.51, 4.49, 4.53]),
        group_of("layer-6", &[4.40, 4.43, 4.37, 4.42, 4.41, 4.40]),
    );
    for run in a.runs.iter_mut().chain(&mut b.runs) {
        run.info.question =
            "여섯 층이 네 층보다 나은가? Do six layers beat four on the unified Korean and English corpus?".into();
    }
    for run in &mut b.runs {
        run.config.model.n_layers = 6;
        run.origins.insert("model.n_layers".into(), "variant layer-6, configs/case1.toml:40".into());
        run.info.plan.total_steps = 2_000;
        run.info.commit = Some("0123456789abcdef-dirty".into());
    }
    compare(&[a, b], &Options::default()).unwrap()
}

#[test]
fn no_line_is_wider_than_asked_for_also_where_letters_are_wide() {
    for width in [80, 100] {
        let text = comparison().text(width);
        let widest = text.lines().map(|line| line.width()).max().unwrap();
        assert!(widest <= width && widest > width * 3 / 4, "{widest}\n{text}");
        assert!(text.lines().all(|line| line == line.trim_end()));
    }
}

#[test]
fn figures_differences_verdict_and_limits_are_all_there() {
    let text = comparison().text(200);
    for wanted in [
        "meant by the case:\n    model.n_layers: 4 -> 6",
        "  variant  seeds    mean  deviation         accuracy\n",
        "  layer-4      6  4.5050     0.0187  0.2608 ± 0.0012\n",
        "layer-6: BETTER. sign-flip test p = 0.031; the interval excludes 0\n",
        "mean −0.1000, 95 % −0.12",
        "better with 6 of 6 seeds (100 %)",
        "6 seeds would have shown a difference of 0.0",
        "loss, nats per scored token, in ko (less is better)",
    ] {
        assert!(text.contains(wanted), "{wanted}\n{text}");
    }
}
