//! Entities in tagged words, as seqeval finds them.

use std::collections::BTreeMap;

use super::tally::Tally;
use crate::JournalError;

/// What counts as an entity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum EntityMode {
    /// As the CoNLL shared tasks count: an `I-` with nothing of its type before it starts an entity, and the prefixes of
    /// several schemes (B, I, E, S, O) may be mixed. seqeval's default.
    Conll,
    /// IOB2 to the letter: an entity is a `B-` and the `I-` of its type right after it; an `I-` without a `B-` is nothing.
    /// seqeval with `mode="strict", scheme=IOB2`.
    Strict,
}

/// A run of words of one type.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Entity<'a> {
    /// Its type; `_` of a bare `B` or `I`.
    pub kind: &'a str,
    /// Its first word.
    pub start: usize,
    /// One past its last word.
    pub end: usize,
}

/// The entities of one sequence of tags, in order.
///
/// # Errors
/// At a tag whose first letter is none of B, I and O (in [`EntityMode::Conll`], B, I, E, S and O).
///
/// # Source
/// seqeval 1.2.2 (Nakayama 2018), `get_entities` and `scheme.IOB2`; conlleval.pl of CoNLL-2000 before it.
pub fn entities<'a, T: AsRef<str>>(tags: &'a [T], mode: EntityMode) -> Result<Vec<Entity<'a>>, JournalError> {
    let mut found = Vec::new();
    let mut open: Option<Entity<'a>> = None;
    let mut before = ('O', "");
    for (at, tag) in tags.iter().enumerate() {
        let now = parted(tag.as_ref(), at, mode)?;
        let (ends, starts) = match mode {
            EntityMode::Conll => (ends_between(before, now), starts_between(before, now)),
            EntityMode::Strict => (now.0 != 'I' || now.1 != before.1, now.0 == 'B'),
        };
        if ends {
            found.extend(open.take().map(|entity| Entity { end: at, ..entity }));
        }
        if starts {
            open = Some(Entity { kind: now.1, start: at, end: at });
        }
        before = now;
    }
    found.extend(open.map(|entity| Entity { end: tags.len(), ..entity }));
    Ok(found)
}

/// Prefix and type of a tag.
fn parted(tag: &str, at: usize, mode: EntityMode) -> Result<(char, &str), JournalError> {
    let known = match mode {
        EntityMode::Conll => "BIESO",
        EntityMode::Strict => "BIO",
    };
    let Some(prefix) = tag.chars().next().filter(|prefix| known.contains(*prefix)) else {
        return Err(JournalError::Tag { tag: tag.into(), position: at, known });
    };
    let kind = &tag[1..];
    let kind = match mode {
        EntityMode::Conll => kind.split_once('-').map_or(kind, |(_, kind)| kind),
        EntityMode::Strict => kind.trim_matches('-'),
    };
    Ok((prefix, if kind.is_empty() { "_" } else { kind }))
}

/// Whether an entity that the tag before belongs to ends before this one.
fn ends_between(before: (char, &str), now: (char, &str)) -> bool {
    match before.0 {
        'O' => false,
        'E' | 'S' => true,
        _ => matches!(now.0, 'B' | 'S' | 'O') || before.1 != now.1,
    }
}

/// Whether an entity starts at this tag.
fn starts_between(before: (char, &str), now: (char, &str)) -> bool {
    match now.0 {
        'O' => false,
        'B' | 'S' => true,
        _ => matches!(before.0, 'E' | 'S' | 'O') || before.1 != now.1,
    }
}

/// How often each type's entities were meant, said and found exactly, over sequences of tags.
///
/// # Errors
/// As [`entities`].
///
/// # Panics
/// If truth and prediction differ in length.
pub fn entity_tallies<T: AsRef<str>, P: AsRef<str>>(
    truth: &[T],
    predicted: &[P],
    mode: EntityMode,
) -> Result<BTreeMap<String, Tally>, JournalError> {
    assert_eq!(truth.len(), predicted.len(), "one prediction a word");
    let (meant, said) = (entities(truth, mode)?, entities(predicted, mode)?);
    let mut tallies: BTreeMap<String, Tally> = BTreeMap::new();
    for entity in &meant {
        let tally = tallies.entry(entity.kind.into()).or_default();
        tally.actual += 1;
        tally.hits += u64::from(said.contains(entity));
    }
    for entity in &said {
        tallies.entry(entity.kind.into()).or_default().predicted += 1;
    }
    Ok(tallies)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn found(tags: &str, mode: EntityMode) -> String {
        let tags: Vec<&str> = tags.split(' ').collect();
        let found = entities(&tags, mode).unwrap();
        found.iter().map(|entity| format!("{}{}..{} ", entity.kind, entity.start, entity.end)).collect()
    }

    #[test]
    fn both_modes_agree_on_clean_tags_and_part_on_a_stray_inside() {
        for mode in [EntityMode::Conll, EntityMode::Strict] {
            assert_eq!(found("B-a I-a O B-b B-b I-b", mode), "a0..2 b3..4 b4..6 ", "{mode:?}");
        }
        assert_eq!(found("I-a I-a O B-a I-b", EntityMode::Conll), "a0..2 a3..4 b4..5 ");
        assert_eq!(found("I-a I-a O B-a I-b", EntityMode::Strict), "a3..4 ");
        assert_eq!(found("B-a I-b I-a", EntityMode::Strict), "a0..1 ");
    }

    #[test]
    fn mixed_schemes_are_tolerated_and_types_may_hold_dashes() {
        assert_eq!(found("S-a B-a E-a E-a I-x-y O", EntityMode::Conll), "a0..1 a1..3 a3..4 x-y4..5 ");
        assert_eq!(found("B I O", EntityMode::Conll), "_0..2 ");
        assert_eq!(found("B I O", EntityMode::Strict), "_0..2 ");
    }

    #[test]
    fn unknown_prefixes_are_refused_with_their_place() {
        let error = entities(&["O", "S-a"], EntityMode::Strict).unwrap_err();
        assert!(
            error
                .to_string()
                .starts_with("the tag `S-a` of word 1, counted from 0, begins with none of the letters BIO")
        );
        assert!(entities(&["x"], EntityMode::Conll).is_err() && entities(&[""], EntityMode::Conll).is_err());
        assert!(entities(&["가"], EntityMode::Conll).is_err());
    }

    proptest! {
        #[test]
        fn strict_entities_start_with_b_and_never_overlap(tags in prop::collection::vec("[BI]-[ab]|O", 0..20)) {
            let found = entities(&tags, EntityMode::Strict).unwrap();
            prop_assert!(found.iter().all(|entity| tags[entity.start].starts_with('B') && entity.start < entity.end));
            prop_assert!(found.windows(2).all(|pair| pair[0].end <= pair[1].start));
            let begun = tags.iter().filter(|tag| tag.starts_with('B')).count();
            prop_assert_eq!(found.len(), begun);
        }
    }
}
