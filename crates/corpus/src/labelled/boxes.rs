//! Boxes of words on a page.

#![warn(clippy::indexing_slicing, clippy::string_slice, clippy::panic, clippy::unreachable)] // it reads what users write

use super::labels::Place;
use crate::CorpusError;

/// The page's width and height after normalisation.
pub const BOX_SCALE: u16 = 1_000;

/// Left, top, right and bottom of a word, 0..=[`BOX_SCALE`] of the page's width and height from its upper left corner.
pub type PageBox = [u16; 4];

/// A box `[x0, y0, x1, y1]` in the page's units, normalised.
///
/// # Errors
/// If the page has no size, or the box lies outside of it or has its corners the wrong way round.
///
/// # Source
/// Xu et al. 2020, "LayoutLM", §3.1 and its published code: `int(1000 * x / width)`, cut and not rounded.
pub(super) fn normalised(
    corners: [f64; 4],
    page: (f64, f64),
    place: &Place,
    word: (usize, &str),
) -> Result<PageBox, CorpusError> {
    let (width, height) = page;
    let refuse = |why: String| CorpusError::Box {
        path: place.path.to_path_buf(),
        row: place.row,
        word: word.0 + 1,
        text: word.1.into(),
        why,
    };
    let is_size = |size: f64| size > 0.0 && size.is_finite();
    if !is_size(width) || !is_size(height) {
        return Err(refuse(format!("the page is {width} by {height}; both must be above 0")));
    }
    let [x0, y0, x1, y1] = corners;
    let is_inside = 0.0 <= x0 && x0 <= x1 && x1 <= width && 0.0 <= y0 && y0 <= y1 && y1 <= height;
    if !is_inside {
        return Err(refuse(format!(
            "its box {corners:?} is not on the page of {width} by {height}; boxes are [left, top, right, bottom], cut to \
             the page"
        )));
    }
    let scaled = |x: f64, size: f64| (x * f64::from(BOX_SCALE) / size) as u16; // 0..=1000, cut
    Ok([scaled(x0, width), scaled(y0, height), scaled(x1, width), scaled(y1, height)])
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use proptest::prelude::*;

    use super::*;

    fn place() -> Place {
        Place { path: Arc::new("train.jsonl".into()), row: 3 }
    }

    #[test]
    fn a_box_is_cut_to_thousandths_of_its_page() {
        // CORD's first dev page: 864 by 1296, "m" at 324, 173, 524, 216.
        let found = normalised([324.0, 173.0, 524.0, 216.0], (864.0, 1296.0), &place(), (0, "m")).unwrap();
        assert_eq!(found, [375, 133, 606, 166]);
        assert_eq!(normalised([0.0, 0.0, 5.0, 7.0], (5.0, 7.0), &place(), (0, "m")).unwrap(), [0, 0, 1000, 1000]);
    }

    #[test]
    fn boxes_off_the_page_are_named_with_row_and_word() {
        let refused = |corners, page| normalised(corners, page, &place(), (4, "TOTAL")).unwrap_err().to_string();
        let said = refused([0.0, 0.0, 11.0, 5.0], (10.0, 10.0));
        assert!(said.starts_with("train.jsonl:3: word 5 (`TOTAL`): its box [0.0, 0.0, 11.0, 5.0] is not on"), "{said}");
        assert!(refused([6.0, 0.0, 5.0, 5.0], (10.0, 10.0)).contains("not on the page"));
        assert!(refused([-1.0, 0.0, 5.0, 5.0], (10.0, 10.0)).contains("not on the page"));
        assert!(refused([f64::NAN, 0.0, 5.0, 5.0], (10.0, 10.0)).contains("not on the page"));
        assert!(refused([0.0; 4], (0.0, 10.0)).contains("both must be above 0"));
    }

    proptest! {
        #[test]
        fn boxes_on_the_page_stay_in_range_and_in_order(
            width in 1.0..5e3, height in 1.0..5e3, x in 0.0..=1.0, y in 0.0..=1.0, w in 0.0..=1.0, h in 0.0..=1.0,
        ) {
            let (x0, y0): (f64, f64) = (x * width, y * height);
            let (x1, y1) = (f64::min(x0 + w * (width - x0), width), f64::min(y0 + h * (height - y0), height));
            let found = normalised([x0, y0, x1, y1], (width, height), &place(), (0, "w")).unwrap();
            prop_assert!(found.iter().all(|edge| *edge <= BOX_SCALE) && found[0] <= found[2] && found[1] <= found[3]);
        }
    }
}
