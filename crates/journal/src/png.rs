//! A chart as pixels.

use std::sync::{Arc, LazyLock};

use resvg::tiny_skia::{Pixmap, Transform};
use resvg::usvg::{Options, Tree, fontdb};

use crate::error::JournalError;
use crate::text::FONTS;

/// Largest side of a picture: 64 million pixels of four bytes at most.
const LIMIT: u32 = 8_192;

/// Draws an SVG, `scale` pixels for each of its units, as PNG.
///
/// Text is set in the embedded font, so that a chart looks the same everywhere; letters it lacks (Korean, for example)
/// come from the system's fonts, and are left out where the system has none.
///
/// # Errors
/// [`JournalError::Svg`] when the text is no SVG, [`JournalError::PictureSize`] when a side would have no pixel or more
/// than 8,192, [`JournalError::Png`].
pub fn png(svg: &str, scale: f32) -> Result<Vec<u8>, JournalError> {
    let options = Options { fontdb: Arc::clone(&FONT_DATABASE), ..Options::default() };
    let tree = Tree::from_str(svg, &options)?;
    let pixels = |units: f32| f64::from((units * scale).ceil());
    let (width, height) = (pixels(tree.size().width()), pixels(tree.size().height()));
    let size_error = || JournalError::PictureSize { width, height, limit: LIMIT };
    let fits = |side: f64| (1.0..=f64::from(LIMIT)).contains(&side);
    if !fits(width) || !fits(height) {
        return Err(size_error());
    }
    let mut pixmap = Pixmap::new(width as u32, height as u32).ok_or_else(size_error)?;
    resvg::render(&tree, Transform::from_scale(scale, scale), &mut pixmap.as_mut());
    pixmap.encode_png().map_err(|source| JournalError::Png(Box::new(source)))
}

/// The embedded fonts and the system's. Made once: looking through the system's takes longer than drawing.
static FONT_DATABASE: LazyLock<Arc<fontdb::Database>> = LazyLock::new(|| {
    let mut database = fontdb::Database::new();
    for font in FONTS {
        database.load_font_data(font.to_vec());
    }
    database.load_system_fonts();
    database.set_sans_serif_family("Casebook Sans");
    Arc::new(database)
});

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chart::Chart;
    use crate::svg::svg;

    /// Width and height as a PNG's header states them.
    fn size(png: &[u8]) -> (u32, u32) {
        let number = |at: usize| u32::from_be_bytes(png[at..at + 4].try_into().unwrap());
        (number(16), number(20))
    }

    #[test]
    fn a_chart_is_drawn_at_the_scale_asked_for() {
        let svg = svg(&Chart { title: "Loss".into(), ..Chart::default() });
        let once = png(&svg, 1.0).unwrap();
        assert_eq!(&once[..8], b"\x89PNG\r\n\x1a\n");
        assert_eq!(size(&once).0, 820);
        assert_eq!(size(&png(&svg, 2.0).unwrap()).0, 1_640);
    }

    #[test]
    fn text_is_drawn() {
        let text = |text: &str| {
            let svg = format!(
                "<svg xmlns='http://www.w3.org/2000/svg' width='50' height='20'>\
                 <text x='1' y='15' font-family='Casebook Sans'>{text}</text></svg>"
            );
            png(&svg, 1.0).unwrap()
        };
        assert_ne!(text("loss"), text(""));
        assert_ne!(text("loss"), text("lost"));
    }

    #[test]
    fn what_is_no_svg_is_refused() {
        assert!(matches!(png("no picture", 1.0), Err(JournalError::Svg(_))));
    }

    #[test]
    fn a_scale_that_leaves_no_pixels_or_too_many_is_refused() {
        let svg = svg(&Chart::default());
        for scale in [0.0, -1.0, f32::NAN, f32::INFINITY, 100.0] {
            let result = png(&svg, scale);
            assert!(matches!(result, Err(JournalError::PictureSize { .. })), "{scale}: {result:?}");
        }
    }
}
