//! The embedded font: how wide a text is, and how to break one that is too wide.

use std::sync::OnceLock;

use skrifa::instance::{LocationRef, Size};
use skrifa::{FontRef, MetadataProvider};

/// The fonts that charts are drawn and measured with; `assets/README.md` says where they come from.
pub(crate) const FONTS: [&[u8]; 2] = [
    include_bytes!("../assets/casebook-sans-regular.ttf").as_slice(),
    include_bytes!("../assets/casebook-sans-semibold.ttf").as_slice(),
];

/// Size and weight of a text.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Face {
    /// Height of the em square in pixels.
    pub(crate) size: f64,
    /// Semibold in place of regular.
    pub(crate) bold: bool,
}

/// Distance from one line of text to the next, in sizes of the face.
pub(crate) const LEADING: f64 = 1.3;

/// Width of a text in pixels. A letter that the font lacks counts one em, the width of a Korean syllable.
pub(crate) fn width(text: &str, face: Face) -> f64 {
    static FACES: OnceLock<[Option<FontRef<'static>>; 2]> = OnceLock::new();
    let faces = FACES.get_or_init(|| FONTS.map(|bytes| FontRef::new(bytes).ok()));
    let Some(font) = &faces[usize::from(face.bold)] else { return text.chars().count() as f64 * face.size };
    let metrics = font.glyph_metrics(Size::new(face.size as f32), LocationRef::default());
    let charmap = font.charmap();
    let advance = |letter: char| charmap.map(letter).and_then(|glyph| metrics.advance_width(glyph));
    text.chars().map(|letter| advance(letter).map_or(face.size, f64::from)).sum()
}

/// Breaks a text into at most `lines` lines no wider than `limit`: at spaces, else behind `-`, `_`, `/` and `,`, else
/// anywhere. What does not fit even so loses letters in its middle, where names differ least, to an ellipsis.
pub(crate) fn wrap(text: &str, face: Face, limit: f64, lines: usize) -> Vec<String> {
    let broken = break_lines(text, face, limit);
    if broken.len() <= lines {
        return broken;
    }
    // Fewer letters make fewer lines: halve towards the most that fit.
    let letters: Vec<char> = text.chars().collect();
    let (mut fits, mut too_many) = (0, letters.len());
    while too_many - fits > 1 {
        let middle = fits.midpoint(too_many);
        if break_lines(&shortened(&letters, middle), face, limit).len() <= lines {
            fits = middle;
        } else {
            too_many = middle;
        }
    }
    break_lines(&shortened(&letters, fits), face, limit)
}

fn shortened(letters: &[char], keep: usize) -> String {
    let head = keep.div_ceil(2);
    let tail = letters.len() - (keep - head);
    letters[..head].iter().chain(&['…']).chain(&letters[tail..]).collect()
}

fn break_lines(text: &str, face: Face, limit: f64) -> Vec<String> {
    let mut lines = vec![String::new()];
    for piece in pieces(text) {
        let line = lines.last_mut().expect("there is always a line");
        if width(&format!("{line}{}", piece.trim_end()), face) <= limit {
            line.push_str(piece);
        } else if width(piece.trim_end(), face) <= limit {
            lines.push(piece.to_string());
        } else {
            push_letters(&mut lines, piece, face, limit);
        }
    }
    lines.iter().map(|line| line.trim().to_string()).filter(|line| !line.is_empty()).collect()
}

/// A piece wider than a line, letter by letter.
fn push_letters(lines: &mut Vec<String>, piece: &str, face: Face, limit: f64) {
    for letter in piece.chars() {
        let line = lines.last_mut().expect("there is always a line");
        if line.is_empty() || width(&format!("{line}{letter}"), face) <= limit {
            line.push(letter);
        } else {
            lines.push(letter.to_string());
        }
    }
}

/// Text that should stay on one line, with the sign it may be broken behind.
fn pieces(text: &str) -> impl Iterator<Item = &str> {
    text.split_inclusive([' ', '-', '_', '/', ','])
}

#[cfg(test)]
mod tests {
    use super::*;

    const FACE: Face = Face { size: 10.0, bold: false };

    #[test]
    fn both_fonts_are_readable_and_a_wide_letter_is_wider() {
        for bytes in FONTS {
            assert!(FontRef::new(bytes).is_ok());
        }
        assert!(width("m", FACE) > 2.0 * width("i", FACE));
        assert!(width("loss", Face { bold: true, ..FACE }) > width("loss", FACE));
        assert!((width("loss", Face { size: 20.0, ..FACE }) - 2.0 * width("loss", FACE)).abs() < 1e-3);
    }

    #[test]
    fn a_letter_the_font_lacks_counts_one_em() {
        assert_eq!(width("한국", FACE), 20.0);
    }

    #[test]
    fn no_line_is_wider_than_the_limit_and_no_letter_is_lost() {
        for text in ["validation, a-very-long_corpus/name of many words", "w".repeat(100).as_str(), "", "  two  words "]
        {
            let lines = wrap(text, FACE, 60.0, usize::MAX);
            assert!(lines.iter().all(|line| width(line, FACE) <= 60.0), "{lines:?}");
            let letters = |text: &str| text.chars().filter(|letter| *letter != ' ').collect::<String>();
            assert_eq!(letters(&lines.concat()), letters(text));
        }
    }

    #[test]
    fn too_many_lines_lose_their_middle() {
        let text = format!("start{}end", "-middle".repeat(50));
        let lines = wrap(&text, FACE, 80.0, 3);
        assert!(lines.len() <= 3 && lines.iter().all(|line| width(line, FACE) <= 80.0), "{lines:?}");
        let whole = lines.concat();
        assert!(whole.starts_with("start") && whole.ends_with("end") && whole.contains('…'), "{whole}");
    }
}
