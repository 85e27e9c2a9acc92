//! What a record shows, and that no text of users can break it.

use crate::compare::comparison::{Options, compare};
use crate::compare::synthetic::group_of;

const EVIL: &str = "a | b\n## c `d` <script>e</script>";

#[test]
fn the_page_has_what_the_terminal_has() {
    let groups = [group_of("layer-4", &[4.5, 4.6, 4.4]), group_of("layer-6", &[4.4, 4.5, 4.2])];
    let page = compare(&groups, &Options::default()).unwrap().markdown();
    for wanted in [
        "## Before the numbers\n\n- The runs are alike",
        "## What differs: layer-6 against layer-4\n\nNothing but the seed.",
        "### loss, nats per scored token (less is better)",
        "| layer-4 |     3 |        0 | 4.5000 |",
        "s1 4.4000, s2 4.5000, s3 4.2000 |",
        "- layer-6: **cannot tell**: no sign-flip test of 3 seeds has a p below 2/2^3 = 0.2500",
        "3 seeds could have shown no difference, however large",
    ] {
        assert!(page.contains(wanted), "{wanted}\n{page}");
    }
}

#[test]
fn text_of_users_cannot_break_the_page() {
    let plain = [group_of("a", &[4.5, 4.6]), group_of("b", &[4.4, 4.5])];
    let mut evil = [group_of(EVIL, &[4.5, 4.6]), group_of(EVIL, &[4.4, 4.5])];
    for run in evil.iter_mut().flat_map(|group| &mut group.runs) {
        run.info.question = EVIL.into();
    }
    let headings = |groups: &[crate::compare::Group]| {
        let page = compare(groups, &Options::default()).unwrap().markdown();
        assert!(!page.contains("<script>"), "{page}");
        page.lines().filter(|line| line.starts_with('#')).count()
    };
    assert_eq!(headings(&plain), headings(&evil));
}
