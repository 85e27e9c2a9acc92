//! Keeping labels apart: one column beside a chart, rows above it, and lines of more points than pixels.

/// Centres of labels in a column, in the order given, each as near to where it wants to be as the others allow.
///
/// `wanted` holds each label's wished centre and its height; none leaves `top..bottom` unless all together are higher.
/// Labels keep the order of their wishes, so that the lines leading to them never cross.
pub(crate) fn spread(wanted: &[(f64, f64)], top: f64, bottom: f64) -> Vec<f64> {
    let mut order: Vec<usize> = (0..wanted.len()).collect();
    order.sort_by(|a, b| wanted[*a].0.total_cmp(&wanted[*b].0));
    let mut blocks: Vec<Block> = Vec::new();
    for index in order {
        let (centre, height) = wanted[index];
        let mut block = Block { members: vec![index], wishes: centre - height / 2.0, height, start: 0.0 };
        block.settle(top, bottom);
        while let Some(above) = blocks.pop_if(|above| above.start + above.height > block.start) {
            block = above.joined(block);
            block.settle(top, bottom);
        }
        blocks.push(block);
    }
    let mut centres = vec![0.0; wanted.len()];
    for block in blocks {
        let mut at = block.start;
        for index in block.members {
            centres[index] = at + wanted[index].1 / 2.0;
            at += wanted[index].1;
        }
    }
    centres
}

/// Labels that touch, from top to bottom.
struct Block {
    members: Vec<usize>,
    /// Sum of where each member would have the block's top.
    wishes: f64,
    height: f64,
    start: f64,
}

impl Block {
    /// The mean of its members' wishes is where the squares of their distances are least.
    fn settle(&mut self, top: f64, bottom: f64) {
        let wish = self.wishes / self.members.len() as f64;
        self.start = wish.min(bottom - self.height).max(top);
    }

    fn joined(mut self, below: Self) -> Self {
        self.wishes += below.wishes - self.height * below.members.len() as f64;
        self.members.extend(below.members);
        self.height += below.height;
        self
    }
}

/// The row, from 0, of each label above a chart, so that none touches another: the first row that has room.
/// `spans` holds each label's left and right end, sorted by left end.
pub(crate) fn rows(spans: &[(f64, f64)], gap: f64) -> Vec<usize> {
    let mut ends: Vec<f64> = Vec::new();
    spans
        .iter()
        .map(|(left, right)| {
            let row = ends.iter().position(|end| end + gap <= *left).unwrap_or(ends.len());
            if row == ends.len() {
                ends.push(*right);
            } else {
                ends[row] = *right;
            }
            row
        })
        .collect()
}

/// At most four points for each column of pixels: its first, lowest, highest and last. What a reader can see of a long
/// line stays, single spikes too.
pub(crate) fn thinned(points: &[(f64, f64)]) -> Vec<(f64, f64)> {
    kept(points).into_iter().map(|at| points[at]).collect()
}

/// The indices of the points that [`thinned`] keeps, in order.
pub(crate) fn kept(points: &[(f64, f64)]) -> Vec<usize> {
    let mut kept: Vec<usize> = Vec::new();
    let mut start = 0;
    for column in points.chunk_by(|a, b| a.0.floor() == b.0.floor()) {
        let by_height = |a: &usize, b: &usize| column[*a].1.total_cmp(&column[*b].1);
        let lowest = (0..column.len()).min_by(by_height).unwrap_or(0);
        let highest = (0..column.len()).max_by(by_height).unwrap_or(0);
        let mut chosen = vec![0, lowest, highest, column.len() - 1];
        chosen.sort_unstable();
        chosen.dedup();
        kept.extend(chosen.into_iter().map(|index| start + index));
        start += column.len();
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    fn overlaps(wanted: &[(f64, f64)], centres: &[f64]) -> bool {
        let mut spans: Vec<(f64, f64)> =
            wanted.iter().zip(centres).map(|((_, height), at)| (at - height / 2.0, at + height / 2.0)).collect();
        spans.sort_by(|a, b| a.0.total_cmp(&b.0));
        spans.windows(2).any(|pair| pair[0].1 > pair[1].0 + 1e-9)
    }

    #[test]
    fn labels_with_room_stay_where_they_want_to_be() {
        assert_eq!(spread(&[(50.0, 10.0), (20.0, 10.0)], 0.0, 100.0), [50.0, 20.0]);
    }

    #[test]
    fn labels_that_want_the_same_place_share_it_evenly() {
        assert_eq!(spread(&[(50.0, 10.0), (50.0, 10.0)], 0.0, 100.0), [45.0, 55.0]);
        assert_eq!(spread(&[(0.0, 10.0), (100.0, 10.0)], 0.0, 100.0), [5.0, 95.0]);
    }

    #[test]
    fn labels_never_overlap_nor_leave_the_column() {
        for count in 1..=10 {
            for crowd in [0.0, 1.0, 7.0, 30.0] {
                let wanted: Vec<(f64, f64)> =
                    (0..count).map(|i| (40.0 + crowd * ((i * 7 % 5) as f64), 8.0 + (i % 3) as f64)).collect();
                let centres = spread(&wanted, 0.0, 100.0);
                assert!(!overlaps(&wanted, &centres), "{wanted:?} {centres:?}");
                assert!(
                    centres
                        .iter()
                        .zip(&wanted)
                        .all(|(at, (_, h))| at - h / 2.0 >= -1e-9 && at + h / 2.0 <= 100.0 + 1e-9)
                );
            }
        }
    }

    #[test]
    fn labels_above_a_chart_take_the_first_row_with_room() {
        assert_eq!(rows(&[(0.0, 10.0), (5.0, 15.0), (12.0, 20.0), (13.0, 18.0)], 1.0), [0, 1, 0, 2]);
    }

    #[test]
    fn thinning_keeps_spikes_and_ends_and_bounds_the_number_of_points() {
        let mut points: Vec<(f64, f64)> = (0..100_000).map(|i| (i as f64 / 1_000.0, 5.0 + (i % 7) as f64)).collect();
        points[54_321].1 = 99.0;
        points[54_400].1 = -99.0;
        let kept = thinned(&points);
        assert!(kept.len() <= 400, "{}", kept.len());
        assert!(kept.contains(&points[54_321]) && kept.contains(&points[54_400]));
        assert_eq!((kept.first(), kept.last()), (points.first(), points.last()));
        assert!(kept.windows(2).all(|pair| pair[0].0 <= pair[1].0));
        assert_eq!(thinned(&points[..3]), vec![points[0], points[2]]);
    }
}
