//! A page drawn from its words, boxes and labels: what a tagger read and what it made of it.

use std::fmt::Write;

use crate::chart::PALETTE;
use crate::svg::{FAMILY, escaped, px};
use crate::text::{Face, LEADING, width, wrap};

/// The side of the square that boxes are given in, whatever the page's own (Xu et al. 2020, LayoutLM, §3.1).
const SIDE: f64 = 1_000.0;
/// A page is drawn as wide as this, or narrower where it would be too high.
const WIDEST: f64 = 900.0;
const HIGHEST: f64 = 1_400.0;
const EDGE: f64 = 14.0;
const TITLE: Face = Face { size: 15.0, bold: true };
const LEGEND: Face = Face { size: 13.0, bold: false };
/// Room for the sample of a box before a type's name.
const SAMPLE: f64 = 24.0;
/// Letters are no larger and no smaller than this, whatever the box.
const LARGEST: f64 = 22.0;
const SMALLEST: f64 = 2.0;
/// Letters are not made smaller than this for the sake of their width, but pressed.
const READABLE: f64 = 7.0;
/// Height of a box that its letters take up.
const FILLED: f64 = 0.74;

const INK: &str = "#222222";
const GREY: &str = "#6B6B6B";
/// The outline of words without a label.
const PLAIN: &str = "#C4C4C4";
/// Types by place in [`PALETTE`], which has few: without yellow, faint on white; the second time round outlines are dashed,
/// the third time dotted.
const COLORS: [usize; 7] = [0, 1, 2, 3, 5, 4, 6];
const DASHES: [&str; 3] = ["", "6 3", "1.5 2.5"];

/// A page to be drawn.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct PageDrawing {
    /// Stands above the page; may be empty.
    pub title: String,
    /// The page's width, in any unit.
    pub width: f64,
    /// Its height, in the same unit.
    pub height: f64,
    /// The words in any order; later ones are drawn over earlier ones.
    pub words: Vec<PageWord>,
}

/// A word on a page.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct PageWord {
    /// The word.
    pub text: String,
    /// Left, upper, right and lower end, 0..=1000 of the page's width and height. What lies outside is drawn at the edge.
    pub region: [f64; 4],
    /// Its entity type, such as `total`, or its tag, such as `B-total`; none, or `O`, where it is of none.
    pub label: Option<String>,
}

/// The page as an SVG document that needs nothing beside itself: each word in its box, the boxes of entities outlined and
/// tinted by type, and below the page which colour is which type. A tag's `B-` and `I-` are left off; where an entity
/// begins its left edge is thick.
///
/// A page without a size is drawn as a square. Nothing panics: a box that is not finite is left out.
pub fn page_svg(page: &PageDrawing) -> String {
    let types = types(page);
    let (scale_x, scale_y) = scales(page);
    let (across, down) = (SIDE * scale_x, SIDE * scale_y);
    let width_px = (across + 2.0 * EDGE).max(LEAST_WIDTH);
    let mut drawing = Drawing { body: String::new(), left: (width_px - across) / 2.0, top: EDGE, scale_x, scale_y };
    drawing.title(&page.title, width_px);
    let frame = [drawing.left, drawing.top, across, down].map(px);
    let [x, y, wide, high] = &frame;
    drawing.push(format_args!(
        "<rect x=\"{x}\" y=\"{y}\" width=\"{wide}\" height=\"{high}\" fill=\"#FFFFFF\" stroke=\"#8A8A8A\"/>"
    ));
    page.words.iter().for_each(|word| drawing.word(word, &types));
    let legend_top = drawing.top + down + EDGE;
    let bottom = drawing.legend(&types, page, legend_top, width_px);
    let (wide, high, title, body) = (px(width_px), px(bottom + EDGE), escaped(&page.title), drawing.body);
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{wide}\" height=\"{high}\" viewBox=\"0 0 {wide} {high}\" \
         role=\"img\" font-family=\"{FAMILY}\">\n<title>{title}</title>\n<rect width=\"{wide}\" height=\"{high}\" \
         fill=\"#F4F4F4\"/>\n{body}</svg>\n"
    )
}

/// Narrower than this no legend is readable.
const LEAST_WIDTH: f64 = 360.0;

/// Pixels for each of the 1,000 parts across and down.
fn scales(page: &PageDrawing) -> (f64, f64) {
    let has_size = page.width.is_finite() && page.height.is_finite() && page.width > 0.0 && page.height > 0.0;
    let ratio = if has_size { (page.height / page.width).clamp(0.05, 20.0) } else { 1.0 };
    let across = WIDEST.min(HIGHEST / ratio);
    (across / SIDE, across * ratio / SIDE)
}

/// A label's type, and whether an entity begins with it; nothing for words of none.
fn type_of(word: &PageWord) -> Option<(&str, bool)> {
    match word.label.as_deref()? {
        "" | "O" => None,
        label => match label.split_once('-') {
            Some(("B", name)) => Some((name, true)),
            Some(("I", name)) => Some((name, false)),
            _ => Some((label, false)),
        },
    }
}

/// The types of the page by name, so that two drawings of one page agree.
fn types(page: &PageDrawing) -> Vec<&str> {
    let mut types: Vec<&str> = page.words.iter().filter_map(|word| Some(type_of(word)?.0)).collect();
    types.sort_unstable();
    types.dedup();
    types
}

/// Colour and dashes of a type by its place.
fn look(place: usize) -> (&'static str, &'static str) {
    (PALETTE[COLORS[place % COLORS.len()]], DASHES[place / COLORS.len() % DASHES.len()])
}

/// The elements so far, and where the page lies.
struct Drawing {
    body: String,
    left: f64,
    top: f64,
    scale_x: f64,
    scale_y: f64,
}

/// Colour and alignment of a text.
#[derive(Clone, Copy)]
struct Look {
    fill: &'static str,
    anchor: &'static str,
    /// The width that it is pressed into.
    pressed: Option<f64>,
}

impl Look {
    const START: Self = Self { fill: INK, anchor: "start", pressed: None };
}

impl Drawing {
    fn title(&mut self, title: &str, width_px: f64) {
        for line in wrap(title, TITLE, width_px - 2.0 * EDGE, 2) {
            let baseline = self.top + TITLE.size;
            self.text(&line, (EDGE, baseline), TITLE, Look::START);
            self.top += TITLE.size * LEADING;
        }
        if !title.is_empty() {
            self.top += 6.0;
        }
    }

    fn word(&mut self, word: &PageWord, types: &[&str]) {
        let Some([x, y, wide, high]) = self.place(&word.region) else { return };
        let kind = type_of(word);
        let place = kind.and_then(|(name, _)| types.iter().position(|other| *other == name));
        let (stroke, dashes) = place.map_or((PLAIN, ""), look);
        let dashes = if dashes.is_empty() { String::new() } else { format!(" stroke-dasharray=\"{dashes}\"") };
        let (line, fill) = match place {
            Some(_) => (1.6, format!("fill=\"{stroke}\" fill-opacity=\"0.14\"")),
            None => (0.6, "fill=\"none\"".to_string()),
        };
        let [left, upper, across, down] = [x, y, wide, high].map(px);
        let name = kind.map_or("no label", |(name, _)| name);
        let about = escaped(&format!("{}: {name}", word.text));
        self.push(format_args!(
            "<rect x=\"{left}\" y=\"{upper}\" width=\"{across}\" height=\"{down}\" {fill} stroke=\"{stroke}\" \
             stroke-width=\"{line}\"{dashes}><title>{about}</title></rect>"
        ));
        if kind.is_some_and(|(_, begins)| begins) {
            self.push(format_args!(
                "<rect x=\"{left}\" y=\"{upper}\" width=\"3\" height=\"{down}\" fill=\"{stroke}\"/>"
            ));
        }
        self.letters(word, [x, y, wide, high], if place.is_some() { INK } else { GREY });
    }

    /// A word as large as its box lets it be, narrowed to the box where it would be wider even so.
    fn letters(&mut self, word: &PageWord, [x, y, wide, high]: [f64; 4], fill: &'static str) {
        let text = word.text.trim();
        if text.is_empty() {
            return;
        }
        let face = |size: f64| Face { size, bold: false };
        let unit = width(text, face(100.0)) / 100.0;
        let inner = (wide - 4.0).max(wide * 0.7);
        let by_width = if unit > 0.0 { inner / unit } else { LARGEST };
        let size = (high * FILLED).min(by_width.max(READABLE)).clamp(SMALLEST, LARGEST);
        // A wide word in a flat box is pressed rather than cut or drawn over its neighbour.
        let is_too_wide = unit * size > inner;
        let at = (x + wide / 2.0, y + high / 2.0 + 0.35 * size);
        let size = (size * 100.0).round() / 100.0;
        let look = Look { fill, anchor: "middle", pressed: is_too_wide.then_some(inner) };
        self.text(text, at, face(size), look);
    }

    /// A box in pixels, its ends in order and on the page; at least one pixel each way.
    fn place(&self, region: &[f64; 4]) -> Option<[f64; 4]> {
        if region.iter().any(|end| !end.is_finite()) {
            return None;
        }
        let [x0, y0, x1, y1] = region.map(|end| end.clamp(0.0, SIDE));
        let (x, y) = (self.left + x0.min(x1) * self.scale_x, self.top + y0.min(y1) * self.scale_y);
        Some([x, y, ((x1 - x0).abs() * self.scale_x).max(1.0), ((y1 - y0).abs() * self.scale_y).max(1.0)])
    }

    /// Which colour is which type, with how many words it has; returns where it ends.
    fn legend(&mut self, types: &[&str], page: &PageDrawing, top: f64, width_px: f64) -> f64 {
        let row = LEGEND.size * 1.7;
        let (mut x, mut baseline) = (EDGE, top + LEGEND.size);
        let counted =
            |name: &str| page.words.iter().filter(|word| type_of(word).is_some_and(|it| it.0 == name)).count();
        let none = page.words.iter().filter(|word| type_of(word).is_none()).count();
        let named =
            types.iter().enumerate().map(|(place, name)| (look(place), format!("{name} ({})", counted(name)), true));
        let named: Vec<_> = named.chain([((PLAIN, ""), format!("no label ({none})"), false)]).collect();
        for ((stroke, dashes), text, is_type) in named {
            let text = wrap(&text, LEGEND, width_px - 2.0 * EDGE - SAMPLE, 1).join("");
            let wide = SAMPLE + width(&text, LEGEND) + 18.0;
            if x > EDGE && x + wide - 18.0 > width_px - EDGE {
                (x, baseline) = (EDGE, baseline + row);
            }
            let fill =
                if is_type { format!("fill=\"{stroke}\" fill-opacity=\"0.14\"") } else { "fill=\"#FFFFFF\"".into() };
            let dashes = if dashes.is_empty() { String::new() } else { format!(" stroke-dasharray=\"{dashes}\"") };
            let (left, upper) = (px(x), px(baseline - 11.0));
            self.push(format_args!(
                "<rect x=\"{left}\" y=\"{upper}\" width=\"17\" height=\"13\" {fill} stroke=\"{stroke}\" \
                 stroke-width=\"1.6\"{dashes}/>"
            ));
            self.text(&text, (x + SAMPLE, baseline), LEGEND, Look::START);
            x += wide;
        }
        baseline + 4.0
    }

    /// A text at its baseline, its end or its middle there.
    fn text(&mut self, text: &str, (x, y): (f64, f64), face: Face, look: Look) {
        let (x, y, size, text) = (px(x), px(y), face.size, escaped(text));
        let Look { fill, anchor, pressed } = look;
        let weight = if face.bold { " font-weight=\"600\"" } else { "" };
        let pressed = pressed
            .map_or(String::new(), |wide| format!(" textLength=\"{}\" lengthAdjust=\"spacingAndGlyphs\"", px(wide)));
        self.push(format_args!(
            "<text x=\"{x}\" y=\"{y}\" font-size=\"{size}\" fill=\"{fill}\" text-anchor=\"{anchor}\"{weight}{pressed}>{text}</text>"
        ));
    }

    fn push(&mut self, element: std::fmt::Arguments) {
        // Writing into a `String` cannot fail.
        let _ = writeln!(self.body, "{element}");
    }
}

#[cfg(test)]
#[path = "page_drawing_tests.rs"]
mod tests;
