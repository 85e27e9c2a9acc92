//! One check: what was measured, what was allowed, and what to do where it does not hold.

use serde::Serialize;

/// What became of a check.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum CheckOutcome {
    /// What was measured is as it should be.
    Passed,
    /// It is not.
    Failed,
    /// The case has nothing of the kind.
    NotApplicable,
    /// It was left out, and nothing is known.
    NotDone,
}

impl CheckOutcome {
    /// For people.
    pub fn word(self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Failed => "FAILED",
            Self::NotApplicable => "not applicable",
            Self::NotDone => "not done",
        }
    }
}

/// A check and what it found.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Checked {
    /// What is checked, the same in every version.
    pub name: &'static str,
    /// What became of it.
    pub outcome: CheckOutcome,
    /// What was measured; why it was not where it was not.
    pub measured: String,
    /// What would have been too much or too little; empty where nothing was measured.
    pub threshold: String,
    /// Examples, and what a reader should know besides.
    pub remarks: Vec<String>,
    /// Of a failed check: what that means.
    pub meaning: Option<String>,
    /// Of a failed check: one thing to try.
    pub next: Option<String>,
    /// How long it took.
    pub seconds: f64,
}

/// What is said of a check that failed.
#[derive(Debug, Clone, Copy)]
pub(super) struct Advice {
    pub(super) meaning: &'static str,
    pub(super) next: &'static str,
}

impl Checked {
    /// A check that was made, and whether it holds.
    pub(super) fn judged(name: &'static str, holds: bool, measured: String, threshold: String, advice: Advice) -> Self {
        let said = |text: &str| (!holds).then(|| text.to_string());
        Self {
            name,
            outcome: if holds { CheckOutcome::Passed } else { CheckOutcome::Failed },
            measured,
            threshold,
            remarks: Vec::new(),
            meaning: said(advice.meaning),
            next: said(advice.next),
            seconds: 0.0,
        }
    }

    /// A check of something that the case does not have.
    pub(super) fn not_applicable(name: &'static str, why: impl Into<String>) -> Self {
        Self::unmade(name, CheckOutcome::NotApplicable, why.into())
    }

    /// A check that was left out.
    pub(super) fn not_done(name: &'static str, why: impl Into<String>) -> Self {
        Self::unmade(name, CheckOutcome::NotDone, why.into())
    }

    fn unmade(name: &'static str, outcome: CheckOutcome, measured: String) -> Self {
        let remarks = Vec::new();
        Self { name, outcome, measured, threshold: String::new(), remarks, meaning: None, next: None, seconds: 0.0 }
    }

    /// The same with remarks.
    pub(super) fn with(mut self, remarks: impl IntoIterator<Item = String>) -> Self {
        self.remarks.extend(remarks);
        self
    }

    /// Whether it holds.
    pub fn passed(&self) -> bool {
        self.outcome == CheckOutcome::Passed
    }

    /// Whether it does not hold.
    pub fn failed(&self) -> bool {
        self.outcome == CheckOutcome::Failed
    }
}

/// A share for people: `12.3 %`, and `0.042 %` where it is small.
pub(super) fn percent(share: f64) -> String {
    let percent = 100.0 * share;
    if percent != 0.0 && percent.abs() < 1.0 { format!("{percent:.3} %") } else { format!("{percent:.1} %") }
}
