//! The page: whole, small, without a network, and safe from the text of users.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use case::Claim;
use sha2::{Digest, Sha256};

use super::*;
use crate::conclusion::{ClaimVerdict, Standing};
use crate::notes::Note;
use crate::synthetic::{case_runs, case_runs_of};

fn undecided(_: &CaseRuns, claims: &[Claim]) -> Vec<ClaimVerdict> {
    let one = |claim: &Claim| ClaimVerdict {
        standing: Standing::CannotTell,
        reason: format!("{} has one seed.", claim.variants()[0]),
    };
    claims.iter().map(one).collect()
}

fn page(case: &CaseRuns, conclusion: &Conclusion) -> String {
    html_page(case, conclusion, &undecided, "0.1.0")
}

#[test]
fn the_policy_allows_this_style_and_this_script_and_nothing_else() {
    let hash = |text: &str| BASE64_STANDARD.encode(Sha256::digest(text.as_bytes()));
    assert_eq!((STYLE_HASH, SCRIPT_HASH), (hash(STYLE).as_str(), hash(SCRIPT).as_str()));
    for text in [STYLE, SCRIPT] {
        assert!(!text.contains("</s") && !text.contains("<!--"), "it would end its element");
    }
    let page = page(&case_runs(), &Conclusion::default());
    assert!(page.contains("default-src 'none'"));
    for outside in ["src=", "http-equiv=\"refresh\"", "@import", "url(h", " style=\"", " onclick", "https://"] {
        assert!(!page.contains(outside), "{outside}");
    }
}

#[test]
fn the_page_has_the_charts_data_and_every_run_as_text() {
    let page = page(&case_runs(), &Conclusion::default());
    for text in
        ["<title>case1: Do six layers beat four", "5 runs: 5 finished", "id=\"data\"", "layer-6", "4.7490", "3e4272b"]
    {
        assert!(page.contains(text), "{text}");
    }
    assert_eq!(page.matches("<tr class=\"c1\">").count(), 4, "layer-4 has one colour in both tables");
    assert!(page.contains("6 (layer-6) and 4 (layer-4)"));
    assert!(page.len() < 500_000, "{} bytes", page.len());
}

#[test]
fn a_conclusion_is_shown_with_its_claims_and_what_the_runs_say() {
    let claims = vec!["layer-6 < layer-4 on valid.loss".parse().unwrap()];
    let page = page(
        &case_runs(),
        &Conclusion { text: "More layers are better.".into(), claims, caveats: vec!["the batches differ".into()] },
    );
    assert!(page.contains("<p>More layers are better.</p>"));
    assert!(page.contains(
        "layer-6 &lt; layer-4 on valid.loss: <span class=\"verdict\">CANNOT TELL</span>. layer-6 has one seed."
    ));
}

#[test]
fn text_of_users_stays_text() {
    let evil = "<img src=x onerror=alert(1)></script>\"'&";
    let mut case = case_runs();
    case.name = evil.into();
    for run in &mut case.runs {
        run.info.question = evil.into();
        run.info.variant = evil.into();
        run.info.commit = Some(evil.into());
        run.info.parameters = vec![(evil.into(), evil.into())];
        run.notes = vec![Note { time: evil.into(), text: evil.into() }];
    }
    case.variants = vec![evil.into()];
    case.unreadable = vec![(evil.into(), crate::JournalError::EmptyNote)];
    let page = page(&case, &Conclusion { text: evil.into(), claims: Vec::new(), caveats: vec![evil.into()] });
    assert!(!page.contains("<img"), "{page}");
    assert_eq!(page.matches("</script>").count(), 2);
}

#[test]
fn a_case_without_runs_has_a_page() {
    let page = page(&case_runs_of(&["layer-4".into()], &[]), &Conclusion::default());
    assert!(page.contains("0 runs"));
}
