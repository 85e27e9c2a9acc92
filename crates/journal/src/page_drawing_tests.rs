//! Drawings of made-up pages.

use super::*;
use crate::png::png;

fn word(text: &str, region: [f64; 4], label: &str) -> PageWord {
    PageWord { text: text.into(), region, label: Some(label.to_string()).filter(|label| !label.is_empty()) }
}

/// A receipt with two types, a word of none, one of another alphabet and one that is too long for its box.
fn receipt() -> PageDrawing {
    let words = vec![
        word("Café", [60.0, 40.0, 240.0, 80.0], "B-company"),
        word("Ångström", [250.0, 40.0, 520.0, 80.0], "I-company"),
        word("<b>&", [60.0, 120.0, 160.0, 150.0], "O"),
        word("합계", [60.0, 200.0, 180.0, 235.0], ""),
        word("12,300", [700.0, 200.0, 860.0, 235.0], "B-total"),
        word("a-very-long-word-in-a-narrow-box", [60.0, 300.0, 130.0, 330.0], "O"),
    ];
    PageDrawing { title: "receipt 1 & co".into(), width: 600.0, height: 800.0, words }
}

fn parsed(svg: &str) -> resvg::usvg::Tree {
    resvg::usvg::Tree::from_str(svg, &resvg::usvg::Options::default()).unwrap()
}

#[test]
fn a_page_is_an_svg_of_its_own_shape_that_can_be_drawn() {
    let drawn = page_svg(&receipt());
    assert!(png(&drawn, 1.0).unwrap().starts_with(b"\x89PNG"));
    let size = parsed(&drawn).size();
    assert!(size.height() > size.width() * 1.25 && size.height() < size.width() * 1.5, "{size:?}");
    assert_eq!(drawn, page_svg(&receipt()));
    assert!(!drawn.contains("href") && !drawn.contains("<script") && !drawn.contains("<style"), "{drawn}");
}

#[test]
fn texts_are_text_and_never_elements() {
    let drawn = page_svg(&receipt());
    assert!(drawn.contains(">&lt;b&gt;&amp;</text>") && drawn.contains("receipt 1 &amp; co") && !drawn.contains("<b>"));
    let mut odd = receipt();
    odd.words[0] = word("\u{0}\u{1b}\"", [0.0, 0.0, 10.0, 10.0], "B-\"/><x>");
    parsed(&page_svg(&odd));
}

#[test]
fn a_type_has_one_colour_in_its_boxes_and_the_legend() {
    let drawn = page_svg(&receipt());
    assert!(
        drawn.contains(">company (2)</text>") && drawn.contains(">total (1)</text>") && drawn.contains(">no label (3)")
    );
    let blue = drawn.matches(&format!("stroke=\"{}\"", PALETTE[0])).count();
    assert_eq!(blue, 3, "two words and the legend");
    assert_eq!(drawn.matches("width=\"3\"").count(), 2, "an entity begins with its B- tag alone");
    assert_eq!((look(0).1, look(7), look(14).1), ("", (PALETTE[0], "6 3"), "1.5 2.5"));
}

#[test]
fn letters_are_no_wider_than_their_box() {
    let page = receipt();
    let (scale_x, scale_y) = scales(&page);
    let drawn = page_svg(&page);
    for word in &page.words {
        let line = drawn.lines().find(|line| line.ends_with(&format!(">{}</text>", escaped(&word.text)))).unwrap();
        let size: f64 = line.split("font-size=\"").nth(1).unwrap().split('"').next().unwrap().parse().unwrap();
        let [x0, y0, x1, y1] = word.region;
        assert!(size <= (y1 - y0) * scale_y + 0.01, "{line}");
        let is_pressed = line.contains("textLength");
        assert!(is_pressed || width(&word.text, Face { size, bold: false }) <= (x1 - x0) * scale_x + 0.1, "{line}");
    }
}

#[test]
fn odd_boxes_and_pages_never_panic() {
    let mut page = receipt();
    page.words.extend([
        word("backwards", [900.0, 900.0, 800.0, 850.0], "x"),
        word("outside", [-50.0, 990.0, 5_000.0, 2_000.0], "x"),
        word("nowhere", [f64::NAN, 0.0, 1.0, 1.0], "x"),
        word("flat", [10.0, 500.0, 900.0, 500.0], "B-"),
        word("", [10.0, 600.0, 20.0, 610.0], "x"),
    ]);
    for (wide, high) in [(600.0, 800.0), (0.0, 0.0), (f64::NAN, 1.0), (1.0, 1e9), (1e9, 1.0)] {
        let drawn = page_svg(&PageDrawing { width: wide, height: high, ..page.clone() });
        parsed(&drawn);
        assert!(!drawn.contains("nowhere<") && !drawn.contains("NaN") && !drawn.contains("inf"), "{drawn}");
    }
    parsed(&page_svg(&PageDrawing::default()));
}
