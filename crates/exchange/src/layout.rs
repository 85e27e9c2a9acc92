//! Where each of our weights lies in a published model.

use crate::{Array, Class, LabelTask, Weights, heads};

/// What decides where a weight lies.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Form {
    pub(crate) class: Class,
    /// What the head's labels are given to; none for words.
    pub(crate) task: Option<LabelTask>,
    /// Rows of the position table before the first position's.
    pub(crate) below: usize,
}

impl Form {
    /// The class with its head, such as `BertForMaskedLM`.
    pub(crate) fn architecture(self) -> String {
        self.class.architecture(self.task)
    }
}

/// How a weight of ours lies there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Lies {
    /// As it is: a table or a vector.
    Plain(String),
    /// Transposed: a matrix of a linear map.
    Turned(String),
    /// Our queries, keys and values side by side are three weights there, matrices transposed.
    Parted([String; 3]),
    /// Below so many rows that are never read.
    Below(String, usize),
}

/// The place of our weight `ours`; none where the class has no such weight.
///
/// | ours | BERT, RoBERTa, ELECTRA, LayoutLM | pre-norm RoBERTa | ModernBERT |
/// |---|---|---|---|
/// | `embeddings.token` | `embeddings.word_embeddings.weight` | the same | `embeddings.tok_embeddings.weight` |
/// | `embeddings.position` | `embeddings.position_embeddings.weight` | the same | |
/// | `embeddings.segment` | `embeddings.token_type_embeddings.weight` | the same | |
/// | `embeddings.page.{x,y,height,width}` | `embeddings.{x,y,h,w}_position_embeddings.weight` (LayoutLM) | | |
/// | `embeddings.norm` | `embeddings.LayerNorm` | the same | `embeddings.norm` |
/// | `embeddings.project` | `embeddings_project` (ELECTRA) | | |
/// | `layers.I.qkv` | `encoder.layer.I.attention.self.{query,key,value}` | the same | `layers.I.attn.Wqkv` |
/// | `layers.I.attention_out` | `…attention.output.dense` | the same | `layers.I.attn.Wo` |
/// | `layers.I.attention_norm` | `…attention.output.LayerNorm` | `…attention.LayerNorm` | `layers.I.attn_norm` |
/// | `layers.I.ff_in` | `…intermediate.dense` | the same | `layers.I.mlp.Wi` |
/// | `layers.I.ff_out` | `…output.dense` | the same | `layers.I.mlp.Wo` |
/// | `layers.I.ff_norm` | `…output.LayerNorm` | `…intermediate.LayerNorm` | `layers.I.mlp_norm` |
/// | `norm` | | `LayerNorm` | `final_norm` |
///
/// The heads' names stand in [`heads::lies`].
pub(crate) fn lies(form: Form, ours: &str) -> Option<Lies> {
    let Form { class, below, .. } = form;
    let path = ours.split('.').collect::<Vec<_>>();
    match path[..] {
        ["encoder", "embeddings", "token"] => Some(Lies::Plain(token_table(class))),
        ["encoder", "embeddings", table @ ("position" | "segment")] => table_of(class, table, below),
        ["encoder", "embeddings", "page", table] if class == Class::LayoutLm => page_table(table),
        ["encoder", "embeddings", "norm", part] => plain(class, &format!("{}.{part}", embedding_norm(class))),
        ["encoder", "embeddings", "project", part] if class == Class::Electra => {
            dense(format!("{}embeddings_project", class.prefix()), part)
        }
        ["encoder", "layers", index, block, part] => layer(class, index, block, part),
        ["encoder", "norm", part] => match class {
            Class::RobertaPreLayerNorm => plain(class, &format!("LayerNorm.{part}")),
            Class::ModernBert => plain(class, &format!("final_norm.{part}")),
            Class::Bert | Class::Roberta | Class::Electra | Class::LayoutLm => None,
        },
        ["head", ref rest @ ..] => heads::lies(form, rest),
        _ => None,
    }
}

/// The table of tokens.
fn token_table(class: Class) -> String {
    let name = if class == Class::ModernBert { "tok_embeddings" } else { "word_embeddings" };
    format!("{}embeddings.{name}.weight", class.prefix())
}

fn embedding_norm(class: Class) -> &'static str {
    if class == Class::ModernBert { "embeddings.norm" } else { "embeddings.LayerNorm" }
}

fn table_of(class: Class, table: &str, below: usize) -> Option<Lies> {
    let name = match (class, table) {
        (Class::ModernBert, _) => return None,
        (_, "position") => "position_embeddings",
        _ => "token_type_embeddings",
    };
    let name = format!("{}embeddings.{name}.weight", class.prefix());
    let moved = table == "position" && below > 0;
    Some(if moved { Lies::Below(name, below) } else { Lies::Plain(name) })
}

fn page_table(table: &str) -> Option<Lies> {
    let letter = match table {
        "x" | "y" => table,
        "height" => "h",
        "width" => "w",
        _ => return None,
    };
    plain(Class::LayoutLm, &format!("embeddings.{letter}_position_embeddings.weight"))
}

fn layer(class: Class, index: &str, block: &str, part: &str) -> Option<Lies> {
    let prefix = class.prefix();
    if class == Class::ModernBert {
        let name = |name: &str| format!("{prefix}layers.{index}.{name}");
        return match block {
            "qkv" => dense(name("attn.Wqkv"), part),
            "attention_out" => dense(name("attn.Wo"), part),
            "attention_norm" => Some(Lies::Plain(format!("{}.{part}", name("attn_norm")))),
            "ff_in" => dense(name("mlp.Wi"), part),
            "ff_out" => dense(name("mlp.Wo"), part),
            "ff_norm" => Some(Lies::Plain(format!("{}.{part}", name("mlp_norm")))),
            _ => None,
        };
    }
    let name = |name: &str| format!("{prefix}encoder.layer.{index}.{name}");
    let is_pre = class == Class::RobertaPreLayerNorm;
    let norm = |pre: &str, post: &str| Some(Lies::Plain(format!("{}.{part}", name(if is_pre { pre } else { post }))));
    match block {
        "qkv" => {
            let one = |which: &str| format!("{}.{part}", name(&format!("attention.self.{which}")));
            Some(Lies::Parted(["query", "key", "value"].map(one)))
        }
        "attention_out" => dense(name("attention.output.dense"), part),
        "attention_norm" => norm("attention.LayerNorm", "attention.output.LayerNorm"),
        "ff_in" => dense(name("intermediate.dense"), part),
        "ff_out" => dense(name("output.dense"), part),
        "ff_norm" => norm("intermediate.LayerNorm", "output.LayerNorm"),
        _ => None,
    }
}

fn plain(class: Class, name: &str) -> Option<Lies> {
    Some(Lies::Plain(format!("{}{name}", class.prefix())))
}

pub(crate) fn dense(name: String, part: &str) -> Option<Lies> {
    let name = format!("{name}.{part}");
    Some(if part == "weight" { Lies::Turned(name) } else { Lies::Plain(name) })
}

impl Lies {
    /// All names there.
    pub(crate) fn names(&self) -> Vec<&str> {
        match self {
            Self::Plain(name) | Self::Turned(name) | Self::Below(name, _) => vec![name],
            Self::Parted(names) => names.iter().map(String::as_str).collect(),
        }
    }

    /// Our weight out of theirs; none where one of them is missing.
    pub(crate) fn take(&self, theirs: &Weights) -> Option<Array> {
        let turned = |name: &str| {
            let array = theirs.get(name)?;
            Some(if array.shape.len() == 2 { array.transposed() } else { array.clone() })
        };
        match self {
            Self::Plain(name) => theirs.get(name).cloned(),
            Self::Turned(name) => turned(name),
            Self::Below(name, rows) => {
                let array = theirs.get(name)?;
                Some(array.rows((*rows).min(array.shape[0]), usize::MAX))
            }
            Self::Parted(names) => {
                let parts = names.iter().map(|name| theirs.get(name).cloned()).collect::<Option<Vec<_>>>()?;
                let same = parts.iter().all(|part| part.shape.get(1) == parts[0].shape.get(1));
                let stacked = same.then(|| Array::stacked(&parts))?;
                Some(if stacked.shape.len() == 2 { stacked.transposed() } else { stacked })
            }
        }
    }

    /// Our weight put among theirs.
    pub(crate) fn put(&self, ours: &Array, theirs: &mut Weights) {
        let turned = |array: &Array| if array.shape.len() == 2 { array.transposed() } else { array.clone() };
        match self {
            Self::Plain(name) => {
                theirs.insert(name.clone(), ours.clone());
            }
            Self::Turned(name) => {
                theirs.insert(name.clone(), turned(ours));
            }
            Self::Below(name, rows) => {
                theirs.insert(name.clone(), ours.below(*rows));
            }
            Self::Parted(names) => {
                let stacked = turned(ours);
                let each = stacked.shape[0] / 3;
                for (at, name) in names.iter().enumerate() {
                    theirs.insert(name.clone(), stacked.rows(at * each, each));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Form, Lies, lies};
    use crate::{Array, Class, Weights};

    fn form(class: Class, below: usize) -> Form {
        Form { class, task: None, below }
    }

    #[test]
    fn queries_keys_and_values_are_parted_and_put_together_again() {
        let lies = lies(form(Class::Bert, 0), "encoder.layers.3.qkv.weight").unwrap();
        let ours = Array { shape: vec![2, 6], values: (0..12).map(|value| value as f32).collect() };
        let mut theirs = Weights::new();
        lies.put(&ours, &mut theirs);
        let key = &theirs["bert.encoder.layer.3.attention.self.key.weight"];
        assert_eq!((key.shape.as_slice(), key.values.as_slice()), (&[2, 2][..], &[2., 8., 3., 9.][..]));
        assert_eq!(lies.take(&theirs), Some(ours));
    }

    #[test]
    fn positions_lie_below_the_rows_of_padding() {
        let lies = lies(form(Class::Roberta, 2), "encoder.embeddings.position").unwrap();
        assert_eq!(lies, Lies::Below("roberta.embeddings.position_embeddings.weight".into(), 2));
        let ours = Array { shape: vec![2, 1], values: vec![5., 6.] };
        let mut theirs = Weights::new();
        lies.put(&ours, &mut theirs);
        assert_eq!(theirs["roberta.embeddings.position_embeddings.weight"].values, [0., 0., 5., 6.]);
        assert_eq!(lies.take(&theirs), Some(ours));
    }
}
