//! Precision, recall and F1 of counted hits, and their averages.

use serde::{Deserialize, Serialize};

/// How often a class was meant, how often it was said, and how often both at once.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    /// Meant and said.
    pub hits: u64,
    /// Said.
    pub predicted: u64,
    /// Meant: the class's support.
    pub actual: u64,
}

/// Precision, recall and F1, each 0..=1.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Shares {
    /// Share of what was said that was meant.
    pub precision: f64,
    /// Share of what was meant that was said.
    pub recall: f64,
    /// Their harmonic mean.
    pub f1: f64,
}

impl Tally {
    /// Precision, recall and F1; 0 where there is nothing to divide by.
    pub fn shares(&self) -> Shares {
        let share = |part: u64, whole: u64| if whole == 0 { 0.0 } else { part as f64 / whole as f64 };
        Shares {
            precision: share(self.hits, self.predicted),
            recall: share(self.hits, self.actual),
            f1: share(2 * self.hits, self.predicted + self.actual),
        }
    }

    /// Whether the class was meant or said at all.
    pub fn occurs(&self) -> bool {
        self.predicted + self.actual > 0
    }

    /// Adds another's counts.
    pub fn add(&mut self, other: &Self) {
        self.hits += other.hits;
        self.predicted += other.predicted;
        self.actual += other.actual;
    }
}

/// Precision, recall and F1 of all classes' counts together.
pub fn micro_average(tallies: &[Tally]) -> Shares {
    let mut sum = Tally::default();
    tallies.iter().for_each(|tally| sum.add(tally));
    sum.shares()
}

/// The plain mean over classes, F1 being the mean of the classes' F1; 0 for no class.
pub fn macro_average(tallies: &[Tally]) -> Shares {
    averaged(tallies, |_| 1)
}

/// The mean over classes weighted by how often each was meant; 0 where none was.
pub fn weighted_average(tallies: &[Tally]) -> Shares {
    averaged(tallies, |tally| tally.actual)
}

fn averaged(tallies: &[Tally], weight: impl Fn(&Tally) -> u64) -> Shares {
    let total: u64 = tallies.iter().map(&weight).sum();
    if total == 0 {
        return Shares::default();
    }
    let mut sum = Shares::default();
    for tally in tallies {
        let (shares, weight) = (tally.shares(), weight(tally) as f64);
        sum.precision += weight * shares.precision;
        sum.recall += weight * shares.recall;
        sum.f1 += weight * shares.f1;
    }
    let total = total as f64;
    Shares { precision: sum.precision / total, recall: sum.recall / total, f1: sum.f1 / total }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn averages_agree_with_hand_computed_ones() {
        let tallies =
            [Tally { hits: 1, predicted: 2, actual: 4 }, Tally { hits: 2, predicted: 2, actual: 2 }, Tally::default()];
        // F1: 2/6, 4/4, 0.
        assert_eq!(tallies[0].shares(), Shares { precision: 0.5, recall: 0.25, f1: 1.0 / 3.0 });
        assert_eq!(tallies[2].shares(), Shares::default());
        assert_eq!(micro_average(&tallies), Shares { precision: 0.75, recall: 0.5, f1: 0.6 });
        assert!((macro_average(&tallies).f1 - 4.0 / 9.0).abs() < 1e-15);
        assert!((weighted_average(&tallies).f1 - (4.0 / 3.0 + 2.0) / 6.0).abs() < 1e-15);
        assert_eq!(macro_average(&[]), Shares::default());
        assert_eq!(weighted_average(&tallies[2..]), Shares::default());
    }
}
