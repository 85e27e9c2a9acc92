//! Lines of Python for a model card: how the folder is used.

use crate::{Class, HeadOf, LabelTask};

/// The hub's word for what a head does.
pub(crate) fn pipeline_tag(head: &HeadOf) -> &'static str {
    match head.task() {
        None => "fill-mask",
        Some(LabelTask::Single | LabelTask::Multi) => "text-classification",
        Some(LabelTask::Tags) => "token-classification",
    }
}

/// A few lines that run as they are where the model lies in `path/to/this/folder`.
pub(crate) fn example(class: Class, head: &HeadOf, mask: &str) -> String {
    let (before, call) = match (head.task(), class) {
        (Some(LabelTask::Tags), Class::LayoutLm) => return TAGS_ON_PAGES.into(),
        (None, _) => ("", format!("model(\"… {mask} …\")")),
        (Some(LabelTask::Single), _) => ("", "model(\"…\", truncation=True)".into()),
        // All labels with their probabilities, not the likeliest alone.
        (Some(LabelTask::Multi), _) => ("", "model(\"…\", truncation=True, top_k=None)".into()),
        // A word's tag is that of its first token, as in training.
        (Some(LabelTask::Tags), _) => (", aggregation_strategy=\"first\"", "model(\"…\")".into()),
    };
    let tag = pipeline_tag(head);
    format!(
        "from transformers import pipeline\n\nmodel = pipeline(\"{tag}\", model=\"path/to/this/folder\"{before})\n\
         print({call})\n"
    )
}

/// No pipeline takes boxes. The first token's is 0 and the last one's 1000 throughout, as in training.
const TAGS_ON_PAGES: &str = r#"import torch
from transformers import AutoModelForTokenClassification, AutoTokenizer

folder = "path/to/this/folder"
model = AutoModelForTokenClassification.from_pretrained(folder)
tokenizer = AutoTokenizer.from_pretrained(folder)

# Left, top, right and bottom of each word, in thousandths of the page's width and height.
words, boxes = ["…", "…"], [[80, 40, 160, 60], [170, 40, 230, 60]]
text = " ".join(words)
row = tokenizer(text, truncation=True, return_offsets_mapping=True, return_tensors="pt")
ends = row.pop("offset_mapping")[0, 1:-1, 1].tolist()
bbox = [[0] * 4]
for token, end in zip(row["input_ids"][0, 1:-1].tolist(), ends):
    is_blank = not tokenizer.decode(token).strip()  # white space stands where the token before it does
    bbox.append(bbox[-1] if is_blank else boxes[text[:end].count(" ")])
row["bbox"] = torch.tensor([[*bbox, [1000] * 4]])
with torch.no_grad():
    tags = model(**row).logits[0].argmax(-1).tolist()
print([model.config.id2label[tag] for tag in tags])
"#;
