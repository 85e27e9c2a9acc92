//! What a case's author concludes, and what the runs say to it.

use case::Claim;

use crate::case_runs::CaseRuns;

/// An author's words and claims, as the case file has them, and what they must be read with.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Conclusion {
    /// In words; may be empty.
    pub text: String,
    /// What can be held against the runs.
    pub claims: Vec<Claim>,
    /// What a reader must know before the numbers: not the author's words but the program's.
    pub caveats: Vec<String>,
}

/// Whether the runs bear a claim out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// They do.
    Stands,
    /// They say the opposite.
    Falls,
    /// They do not say.
    CannotTell,
}

/// What the runs say to a claim, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClaimVerdict {
    /// Whether the claim stands.
    pub standing: Standing,
    /// The figures behind it, or what is missing, in a sentence.
    pub reason: String,
}

/// Holds claims against the runs of their case, a verdict for each: the statistics are not this module's.
pub type Judge<'a> = dyn Fn(&CaseRuns, &[Claim]) -> Vec<ClaimVerdict> + 'a;

impl Standing {
    /// In capitals, as verdicts are written.
    pub fn word(self) -> &'static str {
        match self {
            Self::Stands => "STANDS",
            Self::Falls => "FALLS",
            Self::CannotTell => "CANNOT TELL",
        }
    }
}
