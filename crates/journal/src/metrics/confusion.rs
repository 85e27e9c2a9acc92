//! The confusion matrix of a single-label classification and what is read off it.

use super::tally::Tally;

/// How often each class was taken for each.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Confusion {
    classes: usize,
    /// `[C * C]`: row = true class, column = predicted.
    counts: Vec<u64>,
}

impl Confusion {
    /// Counts `truth` against `predicted`, class numbers below `classes`.
    ///
    /// # Panics
    /// If the two differ in length or hold a class that is not there.
    pub fn of(classes: usize, truth: &[usize], predicted: &[usize]) -> Self {
        assert_eq!(truth.len(), predicted.len(), "one prediction an example");
        let mut confusion = Self { classes, counts: vec![0; classes * classes] };
        truth.iter().zip(predicted).for_each(|(truth, predicted)| confusion.count(*truth, *predicted));
        confusion
    }

    /// Counts one more example.
    ///
    /// # Panics
    /// If a class is not there.
    pub fn count(&mut self, truth: usize, predicted: usize) {
        assert!(truth < self.classes && predicted < self.classes, "{truth}, {predicted} of {} classes", self.classes);
        self.counts[truth * self.classes + predicted] += 1;
    }

    /// The matrix: one row a true class, one column a predicted one.
    pub fn rows(&self) -> Vec<Vec<u64>> {
        self.counts.chunks(self.classes.max(1)).map(<[u64]>::to_vec).collect()
    }

    /// Examples counted.
    pub fn examples(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// Examples whose class was found.
    pub fn hits(&self) -> u64 {
        (0..self.classes).map(|class| self.counts[class * self.classes + class]).sum()
    }

    /// Share of examples whose class was found; `None` for no example.
    pub fn accuracy(&self) -> Option<f64> {
        let examples = self.examples();
        (examples > 0).then(|| self.hits() as f64 / examples as f64)
    }

    /// Each class's counts.
    pub fn tallies(&self) -> Vec<Tally> {
        let tally = |class: usize| Tally {
            hits: self.counts[class * self.classes + class],
            predicted: self.counts.iter().skip(class).step_by(self.classes).sum(),
            actual: self.counts[class * self.classes..(class + 1) * self.classes].iter().sum(),
        };
        (0..self.classes).map(tally).collect()
    }

    /// The counts of classes that were meant or said at all: over these scikit-learn averages unless told otherwise, so a
    /// class without an example that is never predicted does not lower a macro average.
    pub fn occurring(&self) -> Vec<Tally> {
        self.tallies().into_iter().filter(Tally::occurs).collect()
    }

    /// Matthews' correlation of truth and prediction, −1..=1; 0 where either is one class only.
    ///
    /// # Source
    /// Gorodkin 2004, "Comparing two K-category assignments by a K-category correlation coefficient", eq. 8.
    pub fn mcc(&self) -> f64 {
        let (examples, hits) = (self.examples() as f64, self.hits() as f64);
        let (mut both, mut truth, mut predicted) = (0.0, 0.0, 0.0);
        for tally in self.tallies() {
            let (actual, said) = (tally.actual as f64, tally.predicted as f64);
            both += actual * said;
            truth += actual * actual;
            predicted += said * said;
        }
        let spread = (examples * examples - truth) * (examples * examples - predicted);
        if spread == 0.0 { 0.0 } else { (hits * examples - both) / spread.sqrt() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_matrix_of_two_classes_gives_the_correlation_of_two() {
        let confusion = Confusion::of(2, &[1, 1, 1, 0, 0, 0, 0], &[1, 1, 0, 0, 0, 0, 1]);
        assert_eq!(confusion.rows(), [[3, 1], [1, 2]]);
        assert_eq!(confusion.accuracy(), Some(5.0 / 7.0));
        // (TP TN − FP FN) / sqrt of the four margins: (2 · 3 − 1 · 1) / sqrt(3 · 3 · 4 · 4).
        assert!((confusion.mcc() - 5.0 / 12.0).abs() < 1e-15);
        assert_eq!(confusion.tallies()[1], Tally { hits: 2, predicted: 3, actual: 3 });
    }

    #[test]
    fn one_class_alone_correlates_with_nothing_and_no_example_has_no_accuracy() {
        assert_eq!(Confusion::of(3, &[0, 1, 2], &[1, 1, 1]).mcc(), 0.0);
        assert_eq!(Confusion::of(3, &[], &[]).accuracy(), None);
        assert_eq!(Confusion::of(3, &[0, 1], &[1, 1]).occurring().len(), 2);
    }

    #[test]
    #[should_panic(expected = "of 2 classes")]
    fn a_class_that_is_not_there_is_a_fault() {
        Confusion::of(2, &[2], &[0]);
    }
}
