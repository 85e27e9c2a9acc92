//! A chart as pixels.

use std::sync::{Arc, LazyLock};

use resvg::tiny_skia::{Pixmap, Transform};
use resvg::usvg::{FontResolver, Options, Tree, fontdb};
use skrifa::{FontRef, MetadataProvider};

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
    let fallback =
        |letter: char, used: &[fontdb::ID], fonts: &mut Arc<fontdb::Database>| nearest_face(letter, used, fonts);
    let font_resolver = FontResolver { select_fallback: Box::new(fallback), ..FontResolver::default() };
    let options = Options { fontdb: Arc::clone(&FONT_DATABASE), font_resolver, ..Options::default() };
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

/// The face that draws a letter which those used so far lack: as upright, as heavy and as wide as the first of them, sans
/// serif before others, then by name. resvg by itself takes the first face in the system's order, a bold one perhaps.
fn nearest_face(letter: char, used: &[fontdb::ID], fonts: &fontdb::Database) -> Option<fontdb::ID> {
    let base = fonts.face(*used.first()?)?;
    let mut faces: Vec<&fontdb::FaceInfo> = fonts.faces().filter(|face| !used.contains(&face.id)).collect();
    faces.sort_by_cached_key(|face| {
        let family = face.families.first().map_or("", |(name, _)| name.as_str());
        let is_sans = ["Sans", "Gothic"].iter().any(|word| family.contains(word));
        let shape = (face.style != base.style, face.weight.0.abs_diff(base.weight.0), face.stretch != base.stretch);
        (shape, face.monospaced, !is_sans, face.post_script_name.clone())
    });
    faces.iter().find(|face| has_letter(letter, face.id, fonts)).map(|face| face.id)
}

fn has_letter(letter: char, face: fontdb::ID, fonts: &fontdb::Database) -> bool {
    let has =
        |data: &[u8], index| FontRef::from_index(data, index).is_ok_and(|font| font.charmap().map(letter).is_some());
    fonts.with_face_data(face, has).unwrap_or(false)
}

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
    fn a_letter_is_looked_for_in_the_faces_not_yet_used() {
        let mut fonts = fontdb::Database::new();
        FONTS.iter().for_each(|font| fonts.load_font_data(font.to_vec()));
        let ids: Vec<fontdb::ID> = fonts.faces().map(|face| face.id).collect();
        assert_eq!(nearest_face('a', &ids[..1], &fonts), Some(ids[1]));
        assert_eq!(nearest_face('한', &ids[..1], &fonts), None);
        assert_eq!(nearest_face('a', &ids, &fonts), None);
        assert_eq!(nearest_face('a', &[], &fonts), None);
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
