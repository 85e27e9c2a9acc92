//! Straight lines through transformed rates: every family of schedules is one, seen through its own glasses.

/// `y = slope * x + intercept`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Line {
    pub(super) slope: f64,
    pub(super) intercept: f64,
}

impl Line {
    pub(super) fn at(self, x: f64) -> f64 {
        self.slope * x + self.intercept
    }

    /// Where it reaches `y`.
    pub(super) fn reaches(self, y: f64) -> f64 {
        (y - self.intercept) / self.slope
    }
}

/// Least squares; none for fewer than two places or numbers that are not finite.
pub(super) fn line(points: impl Iterator<Item = (f64, f64)> + Clone) -> Option<Line> {
    let (mut count, mut sum_x, mut sum_y) = (0.0, 0.0, 0.0);
    for (x, y) in points.clone() {
        count += 1.0;
        sum_x += x;
        sum_y += y;
    }
    let (mean_x, mean_y) = (sum_x / count, sum_y / count);
    let (mut square, mut product) = (0.0, 0.0);
    for (x, y) in points {
        square += (x - mean_x) * (x - mean_x);
        product += (x - mean_x) * (y - mean_y);
    }
    let slope = product / square;
    (count >= 2.0 && slope.is_finite() && mean_y.is_finite())
        .then_some(Line { slope, intercept: mean_y - slope * mean_x })
}

/// The largest distance of a curve from the points.
pub(super) fn largest_error(points: &[(f64, f64)], curve: impl Fn(f64) -> f64) -> f64 {
    let errors = points.iter().map(|&(x, y)| (curve(x) - y).abs());
    errors.map(|error| if error.is_nan() { f64::INFINITY } else { error }).fold(0.0, f64::max)
}

/// The best of a geometric grid from `low` to `high`, refined thrice between its neighbours.
pub(super) fn best_between(low: f64, high: f64, cost: impl Fn(f64) -> f64) -> f64 {
    const GRID: u32 = 60;
    let (mut low, mut high) = (low, high);
    let mut best = low;
    for _ in 0..5 {
        let ratio = (high / low).powf(1.0 / f64::from(GRID));
        let mut least = f64::INFINITY;
        let mut at = low;
        for _ in 0..=GRID {
            let here = cost(at);
            if here < least {
                (least, best) = (here, at);
            }
            at *= ratio;
        }
        (low, high) = ((best / ratio).max(low), (best * ratio).min(high));
        if high / low <= 1.0 + 1e-12 {
            break;
        }
    }
    best
}
