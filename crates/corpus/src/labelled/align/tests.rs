use case::TokenizerKind;
use proptest::prelude::*;

use super::super::testing::{tokenizer, tokenizer_of};
use super::*;

fn words(text: &str) -> Vec<String> {
    text.split(' ').map(ToOwned::to_owned).collect()
}

fn characters(text: &str) -> Vec<String> {
    text.chars().map(String::from).collect()
}

fn set() -> TagSet {
    TagSet::new(vec!["a".into(), "b".into()]).unwrap()
}

#[test]
fn pieces_are_the_ids_of_running_text_in_every_kind() {
    for kind in [TokenizerKind::Bpe, TokenizerKind::ByteBpe, TokenizerKind::Wordpiece, TokenizerKind::Unigram] {
        let tokenizer = tokenizer_of(kind);
        let text = "The lazy  다람쥐가 jumps, 잔다! ☃ [SEP]";
        let pieces = tokenizer.encode_pieces(text).unwrap();
        let ids: Vec<u32> = pieces.iter().map(|piece| piece.id).collect();
        assert_eq!(ids, tokenizer.encode(text).unwrap(), "{kind:?}");
        assert!(pieces.iter().all(|piece| piece.bytes.start <= piece.bytes.end && piece.bytes.end <= text.len()));
        let aligned = Alignment::of(&tokenizer, &words(text), WordJoin::Spaces).unwrap();
        let deciding = aligned.deciding();
        assert!(deciding.iter().all(Option::is_some), "{kind:?}: {aligned:?}");
        assert!(deciding.windows(2).all(|pair| pair[0] < pair[1]), "{kind:?}: {deciding:?}");
    }
}

#[test]
fn the_first_token_of_a_word_is_scored_or_all_are() {
    let (tokenizer, set) = (tokenizer(), set());
    let aligned = Alignment::of(&tokenizer, &words("the zzz dog"), WordJoin::Spaces).unwrap();
    let of_middle = aligned.covers.iter().filter(|covered| **covered == (1..2)).count();
    assert!(of_middle > 1, "{aligned:?}");
    let first = aligned.labels(&[0, 1, 3], &set, Labelling::First);
    let scored: Vec<usize> = first.iter().flatten().copied().collect();
    assert_eq!(scored, [0, 1, 3]);
    let all = aligned.labels(&[0, 1, 3], &set, Labelling::All);
    assert_eq!(all.iter().flatten().filter(|label| **label == 2).count(), of_middle - 1);
}

#[test]
fn characters_share_tokens_and_spaces_follow_their_entity() {
    let (tokenizer, set) = (tokenizer(), set());
    let text = characters("다람쥐 헌 쳇바퀴에");
    let aligned = Alignment::of(&tokenizer, &text, WordJoin::Nothing).unwrap();
    assert!(aligned.len() < text.len(), "{aligned:?}");
    assert_eq!(aligned.deciding()[3], None, "a space has no token");
    // 다람쥐 헌 is one entity over a space, the rest is none.
    let tags: Vec<usize> = [1, 2, 2, 2, 2, 0, 0, 0, 0, 0].to_vec();
    assert_eq!(aligned.lost(&tags, &set), 0);
    // Two entities, one on either side of the space, leave it outside.
    assert_eq!(aligned.lost(&[1, 2, 2, 0, 1, 0, 0, 0, 0, 0], &set), 0);
    // An entity that ends inside of a token cannot be told.
    assert!(aligned.lost(&[1, 2, 0, 0, 0, 0, 0, 0, 0, 0], &set) > 0);
}

#[test]
fn words_that_leave_nothing_become_unknown() {
    let tokenizer = tokenizer();
    let odd: Vec<String> = ["the", "", "\u{a0}", "dog", " "].map(String::from).to_vec();
    let aligned = Alignment::of(&tokenizer, &odd, WordJoin::Spaces).unwrap();
    assert!(aligned.deciding().iter().all(Option::is_some), "{aligned:?}");
    assert!(Alignment::of(&tokenizer, &[], WordJoin::Spaces).unwrap().is_empty());
}

proptest! {
    #[test]
    fn tags_of_words_go_to_tokens_and_come_back(
        rows in prop::collection::vec(("[a-z다람쥐헌]{1,6}|[!?☃]|the|dog", 0_usize..5), 1..20), all: bool,
    ) {
        let (tokenizer, set) = (tokenizer(), set());
        let (words, tags): (Vec<String>, Vec<usize>) = rows.into_iter().unzip();
        let aligned = Alignment::of(&tokenizer, &words, WordJoin::Spaces).unwrap();
        let labelling = if all { Labelling::All } else { Labelling::First };
        let labels = aligned.labels(&tags, &set, labelling);
        let decided: Vec<usize> = labels.into_iter().map(|label| label.unwrap_or(4)).collect();
        prop_assert_eq!(aligned.tags(&decided, &set), tags.clone());
        prop_assert_eq!(aligned.lost(&tags, &set), 0);
    }
}
