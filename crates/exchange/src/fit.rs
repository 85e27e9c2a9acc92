//! Which class computes a model of ours.

use case::{Activation, EncoderConfig, NormPlacement, PositionKind};
use serde::Serialize;

use crate::{Class, ExchangeError, HeadOf};

/// The first class that computes what `model` computes with such a head.
///
/// Some differences are no obstacle, for they can be written into the weights: sinusoidal positions become a table, scaled
/// embeddings a table of their own, an output without a bias one of zeros.
///
/// # Errors
/// [`ExchangeError::NoClass`] with what stands in the way of the class that comes nearest.
pub fn class_for(model: &EncoderConfig, head: &HeadOf) -> Result<Class, ExchangeError> {
    // One class knows boxes and cannot do without: the others would only be "nearest" for want of them.
    let candidates = Class::ALL.into_iter().filter(|class| (*class == Class::LayoutLm) == model.boxes);
    let mut tried = candidates.map(|class| (class, obstacles(class, model, head))).collect::<Vec<_>>();
    tried.sort_by_key(|(_, obstacles)| obstacles.len()); // stable: the earlier class of two equals
    let (class, obstacles) = tried.remove(0);
    if obstacles.is_empty() {
        return Ok(class);
    }
    Err(ExchangeError::NoClass { nearest: class.architecture(head.task()), obstacles })
}

/// What a class would need otherwise: each as `` `key` = value instead of value``.
fn obstacles(class: Class, model: &EncoderConfig, head: &HeadOf) -> Vec<String> {
    let mut found = Vec::new();
    let mut need = |fits: bool, key: &str, is: String, wanted: &str| {
        if !fits {
            found.push(format!("`{key}` = {wanted} in [model] instead of {is}"));
        }
    };
    let (is_modern, is_pre) = (class == Class::ModernBert, class == Class::RobertaPreLayerNorm);
    let norm = if is_modern || is_pre { NormPlacement::Pre } else { NormPlacement::Post };
    need(model.norm == norm, "norm", word(&model.norm), &word(&norm));
    need(model.embedding_norm, "embedding_norm", "false".into(), "true");
    let of_words = *head == HeadOf::Words;
    need(model.head_transform || !of_words, "head_transform", "false".into(), "true");
    let window = || model.local_window.map_or_else(String::new, |window| window.to_string());
    if is_modern {
        let geglu = model.activation == Activation::Geglu;
        need(geglu, "activation", word(&model.activation), "\"geglu\"");
        need(model.position == PositionKind::Rotary, "position", word(&model.position), "\"rotary\"");
        need(!model.first_norm, "first_norm", "true".into(), "false");
        need(model.segments == 0, "segments", model.segments.to_string(), "0");
    } else {
        let position = model.position != PositionKind::Rotary;
        need(position, "position", word(&model.position), "\"learned\"");
        // BERT's head of words takes the blocks' activation and ours GELU; the other classes' heads take GELU too.
        let fits = match class {
            Class::Bert | Class::LayoutLm if of_words => model.activation == Activation::Gelu,
            _ => model.activation != Activation::Geglu,
        };
        need(fits, "activation", word(&model.activation), "\"gelu\"");
        need(model.biases, "biases", "false".into(), "true");
        need(model.first_norm, "first_norm", "false".into(), "true");
        need(model.local_window.is_none(), "local_window", window(), "nothing");
    }
    if class != Class::Electra {
        let width = model.table_width();
        need(width == model.d_model, "embedding_width", width.to_string(), "nothing");
    }
    found
}

/// A choice as the case file writes it.
fn word(choice: &impl Serialize) -> String {
    serde_json::to_value(choice).expect("a choice is a word").to_string()
}

#[cfg(test)]
mod tests {
    use case::{Activation, EncoderConfig, NormPlacement, PositionKind};

    use super::class_for;
    use crate::{Class, HeadOf, LabelTask, Labels};

    fn tags() -> HeadOf {
        HeadOf::Labels(Labels { task: LabelTask::Tags, names: vec!["O".into(), "B-x".into()] })
    }

    fn modern() -> EncoderConfig {
        EncoderConfig {
            position: PositionKind::Rotary,
            activation: Activation::Geglu,
            first_norm: false,
            ..EncoderConfig::default()
        }
    }

    #[test]
    fn each_shape_goes_to_the_class_that_computes_it() {
        let post = EncoderConfig { norm: NormPlacement::Post, ..EncoderConfig::default() };
        let cases = [
            (post.clone(), Class::Bert),
            (EncoderConfig { position: PositionKind::Sinusoidal, scale_embeddings: true, ..post.clone() }, Class::Bert),
            (EncoderConfig { activation: Activation::Silu, ..post.clone() }, Class::Roberta),
            (EncoderConfig { embedding_width: Some(64), ..post }, Class::Electra),
            (EncoderConfig::default(), Class::RobertaPreLayerNorm),
            (
                EncoderConfig { tied_output: false, output_bias: false, ..EncoderConfig::default() },
                Class::RobertaPreLayerNorm,
            ),
            (modern(), Class::ModernBert),
            (EncoderConfig { biases: false, local_window: Some(16), ..modern() }, Class::ModernBert),
        ];
        for (model, class) in cases {
            assert_eq!(class_for(&model, &HeadOf::Words).unwrap(), class, "{model:?}");
        }
    }

    #[test]
    fn a_head_of_labels_asks_for_less_than_one_of_words() {
        let bare = EncoderConfig { head_transform: false, activation: Activation::Silu, ..EncoderConfig::default() };
        let post = EncoderConfig { norm: NormPlacement::Post, ..bare.clone() };
        assert_eq!(class_for(&bare, &tags()).unwrap(), Class::RobertaPreLayerNorm);
        assert_eq!(class_for(&post, &tags()).unwrap(), Class::Bert);
        assert!(class_for(&post, &HeadOf::Words).is_err());
    }

    #[test]
    fn boxes_go_to_the_one_class_that_has_them_or_nowhere() {
        let boxes = EncoderConfig { boxes: true, norm: NormPlacement::Post, ..EncoderConfig::default() };
        assert_eq!(class_for(&boxes, &HeadOf::Words).unwrap(), Class::LayoutLm);
        assert_eq!(class_for(&EncoderConfig { segments: 3, ..boxes.clone() }, &tags()).unwrap(), Class::LayoutLm);
        let silu = EncoderConfig { activation: Activation::Silu, ..boxes.clone() };
        assert_eq!(class_for(&silu, &tags()).unwrap(), Class::LayoutLm);
        let refused = [
            (EncoderConfig { norm: NormPlacement::Pre, ..boxes.clone() }, "`norm` = \"post\""),
            (EncoderConfig { embedding_width: Some(64), ..boxes.clone() }, "`embedding_width` = nothing"),
            (EncoderConfig { position: PositionKind::Rotary, ..boxes }, "`position` = \"learned\""),
        ];
        for (model, words) in refused {
            let error = class_for(&model, &tags()).unwrap_err().to_string();
            assert!(error.contains("LayoutLMForTokenClassification, would need") && error.contains(words), "{error}");
        }
    }

    #[test]
    fn what_stands_in_the_way_is_named_with_what_would_do() {
        let refused = |model: EncoderConfig| class_for(&model, &HeadOf::Words).unwrap_err().to_string();
        let error = refused(EncoderConfig { first_norm: true, ..modern() });
        assert!(
            error.contains("ModernBertForMaskedLM, would need `first_norm` = false in [model] instead of true"),
            "{error}"
        );
        let error = refused(EncoderConfig { embedding_norm: false, ..EncoderConfig::default() });
        assert!(error.contains("RobertaPreLayerNormForMaskedLM, would need `embedding_norm` = true"), "{error}");
        let error = refused(EncoderConfig {
            norm: NormPlacement::Post,
            activation: Activation::Geglu,
            ..EncoderConfig::default()
        });
        assert!(error.contains("`activation` = \"gelu\" in [model] instead of \"geglu\""), "{error}");
    }
}
