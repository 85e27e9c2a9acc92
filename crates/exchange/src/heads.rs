//! Where the weights of our heads lie in a published model.

use crate::{
    Class, LabelTask,
    layout::{Form, Lies, dense},
};

/// The place of a head's weight, its name without `head.`.
///
/// | ours, of words | BERT, LayoutLM | RoBERTa, pre-norm too | ELECTRA | ModernBERT |
/// |---|---|---|---|---|
/// | `transform.dense` | `cls.predictions.transform.dense` | `lm_head.dense` | `generator_predictions.dense` | `head.dense` |
/// | `transform.norm` | `cls.predictions.transform.LayerNorm` | `lm_head.layer_norm` | `generator_predictions.LayerNorm` | `head.norm` |
/// | `weight` | `cls.predictions.decoder` | `lm_head.decoder` | `generator_lm_head` | `decoder` |
/// | `bias` | `cls.predictions.bias` | `lm_head.bias` | `generator_lm_head.bias` | `decoder.bias` |
///
/// | ours, of labels | BERT, LayoutLM | RoBERTa, pre-norm too, ELECTRA | ModernBERT |
/// |---|---|---|---|
/// | `transform.dense` | `pooler.dense`, in the encoder | `classifier.dense` | `head.dense` |
/// | `transform.norm` | | | `head.norm` |
/// | `weight`, `bias` | `classifier` | `classifier.out_proj`; of tags `classifier` | `classifier` |
pub(crate) fn lies(form: Form, ours: &[&str]) -> Option<Lies> {
    match form.task {
        None => of_words(form.class, ours),
        Some(task) => of_labels(form.class, task, ours),
    }
}

fn of_words(class: Class, ours: &[&str]) -> Option<Lies> {
    let (transform, norm, projection) = match class {
        Class::Bert | Class::LayoutLm => {
            ("cls.predictions.transform.dense", "cls.predictions.transform.LayerNorm", "cls.predictions.decoder")
        }
        Class::Roberta | Class::RobertaPreLayerNorm => ("lm_head.dense", "lm_head.layer_norm", "lm_head.decoder"),
        Class::Electra => ("generator_predictions.dense", "generator_predictions.LayerNorm", "generator_lm_head"),
        Class::ModernBert => ("head.dense", "head.norm", "decoder"),
    };
    match ours {
        ["transform", "dense", part] => dense(transform.into(), part),
        ["transform", "norm", part] => Some(Lies::Plain(format!("{norm}.{part}"))),
        ["weight"] => Some(Lies::Plain(format!("{projection}.weight"))),
        ["bias"] => Some(Lies::Plain(output_bias(class).into())),
        _ => None,
    }
}

fn of_labels(class: Class, task: LabelTask, ours: &[&str]) -> Option<Lies> {
    let is_small = matches!(class, Class::Roberta | Class::RobertaPreLayerNorm | Class::Electra);
    let transform = match class {
        Class::Bert | Class::LayoutLm => format!("{}pooler.dense", class.prefix()),
        Class::Roberta | Class::RobertaPreLayerNorm | Class::Electra => "classifier.dense".into(),
        Class::ModernBert => "head.dense".into(),
    };
    let last = if is_small && task != LabelTask::Tags { "classifier.out_proj" } else { "classifier" };
    match ours {
        ["transform", "dense", part] => dense(transform, part),
        ["transform", "norm", part] if class == Class::ModernBert => Some(Lies::Plain(format!("head.norm.{part}"))),
        [part @ ("weight" | "bias")] => Some(Lies::Plain(format!("{last}.{part}"))),
        _ => None,
    }
}

/// The bias of the output on words.
pub(crate) fn output_bias(class: Class) -> &'static str {
    match class {
        Class::Bert | Class::LayoutLm => "cls.predictions.bias",
        Class::Roberta | Class::RobertaPreLayerNorm => "lm_head.bias",
        Class::Electra => "generator_lm_head.bias",
        Class::ModernBert => "decoder.bias",
    }
}

/// A second name that BERT and RoBERTa give that bias; one weight with it where the output is tied. None for labels.
pub(crate) fn second_output_bias(form: Form) -> Option<&'static str> {
    match form.class {
        _ if form.task.is_some() => None,
        Class::Bert | Class::LayoutLm => Some("cls.predictions.decoder.bias"),
        Class::Roberta | Class::RobertaPreLayerNorm => Some("lm_head.decoder.bias"),
        Class::Electra | Class::ModernBert => None,
    }
}

/// A layer that the class has whatever its head is, and that nothing of ours fills: LayoutLM's pooler below words and
/// tags, which do not read it.
pub(crate) fn idle_layer(form: Form) -> Option<&'static str> {
    let is_read = matches!(form.task, Some(LabelTask::Single | LabelTask::Multi));
    (form.class == Class::LayoutLm && !is_read).then_some("layoutlm.pooler.dense")
}

#[cfg(test)]
mod tests {
    use super::lies;
    use crate::{
        Class, LabelTask,
        layout::{Form, Lies},
    };

    #[test]
    fn a_pooler_is_a_head_of_classes_and_none_of_tags() {
        let form = |class, task| Form { class, task: Some(task), below: 0 };
        let name = |form, ours: &[&str]| lies(form, ours).map(|lies| lies.names()[0].to_string());
        let dense = ["transform", "dense", "bias"];
        let cases = [
            (Class::Bert, "bert.pooler.dense.bias", "classifier.weight"),
            (Class::LayoutLm, "layoutlm.pooler.dense.bias", "classifier.weight"),
            (Class::Roberta, "classifier.dense.bias", "classifier.out_proj.weight"),
            (Class::Electra, "classifier.dense.bias", "classifier.out_proj.weight"),
            (Class::ModernBert, "head.dense.bias", "classifier.weight"),
        ];
        for (class, transform, weight) in cases {
            let of_text = form(class, LabelTask::Multi);
            assert_eq!(name(of_text, &dense).as_deref(), Some(transform));
            assert_eq!(name(of_text, &["weight"]).as_deref(), Some(weight));
            let of_tags = lies(form(class, LabelTask::Tags), &["weight"]);
            assert_eq!(of_tags, Some(Lies::Plain("classifier.weight".into())), "{class:?}");
        }
    }
}
