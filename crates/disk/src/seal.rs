//! A JSON object that carries the hash of its own text, so that a manifest tells of its own damage as it tells of its files'.

const KEY: &[u8] = b",\n  \"blake3\": \"";
const DIGITS: usize = 64;
const CLOSE: &[u8] = b"\"\n}";

/// The text of an object, indented by two, with a last field `blake3`: the hash of the text without it.
pub fn sealed(mut text: Vec<u8>) -> Vec<u8> {
    let hash = blake3::hash(&text).to_hex();
    let end = text.len().saturating_sub(b"\n}".len());
    text.truncate(end);
    [&text, KEY, hash.as_bytes(), CLOSE].concat()
}

/// The text without its seal; one that never had a seal as it is. Whoever parses it must refuse fields it does not know: then
/// any one flipped bit is found, here or there.
///
/// # Errors
/// A sentence, where the hash is not the text's.
pub fn unsealed(text: &[u8]) -> Result<Vec<u8>, &'static str> {
    let sealed = text.strip_suffix(CLOSE).and_then(|rest| rest.split_last_chunk::<DIGITS>());
    let Some((rest, digits)) = sealed.and_then(|(rest, digits)| Some((rest.strip_suffix(KEY)?, digits))) else {
        return Ok(text.to_vec());
    };
    let whole = [rest, b"\n}"].concat();
    let is_its = blake3::hash(&whole).to_hex().as_bytes() == digits;
    if is_its { Ok(whole) } else { Err("its text is not the one that was sealed: it was changed or damaged") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seal_is_taken_off_again_and_a_text_without_one_stays() {
        let text = b"{\n  \"format\": 1,\n  \"step\": 20\n}".to_vec();
        let with = sealed(text.clone());
        assert!(
            with.starts_with(b"{\n  \"format\": 1,\n  \"step\": 20,\n  \"blake3\": \"") && with.ends_with(b"\"\n}")
        );
        assert_eq!(unsealed(&with), Ok(text.clone()));
        assert_eq!(unsealed(&text), Ok(text));
        assert_eq!(unsealed(b""), Ok(Vec::new()));
    }

    #[test]
    fn a_flipped_bit_breaks_the_seal_or_leaves_it_in_sight() {
        let text = b"{\n  \"format\": 1,\n  \"step\": 20\n}".to_vec();
        let with = sealed(text.clone());
        for bit in 0..8 * with.len() {
            let mut flipped = with.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            // What is not found here still has the whole seal in it, as a field that nobody knows or as no JSON at all.
            assert!(unsealed(&flipped).is_err() || unsealed(&flipped) == Ok(flipped), "bit {bit}");
        }
        for length in 0..with.len() {
            assert_ne!(unsealed(&with[..length]), Ok(text.clone()), "{length}");
        }
    }
}
