//! Correction of several tests made at once.

/// Each p made larger so that, whatever is true, the chance of one false call among all is at most the level.
///
/// # Source
/// Holm 1979, "A simple sequentially rejective multiple test procedure", §3, as adjusted p-values.
pub fn holm(ps: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..ps.len()).collect();
    order.sort_by(|a, b| ps[*a].total_cmp(&ps[*b]));
    let mut adjusted = vec![0.0; ps.len()];
    let mut largest: f64 = 0.0;
    for (done, at) in order.into_iter().enumerate() {
        largest = largest.max((ps[at] * (ps.len() - done) as f64).min(1.0));
        adjusted[at] = largest;
    }
    adjusted
}
