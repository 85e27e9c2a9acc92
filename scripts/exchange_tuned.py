"""Small fine-tuned runs of each kind of head, and what transformers says of the same texts."""
import itertools
import json
import random

import torch
from transformers import AutoTokenizer

from exchange_models import AUTO, BIO, LABELS, head_of, make

CASE = """
question = "Which heads can be exported?"
seeds = [1]
task = "TASK"
train = { batch_size = 16, steps = 120, eval_every = 120, log_every = 120 }
schedule.learning_rate = 5e-3
[examples]
train = "KIND-train.jsonl"
valid = "KIND-valid.jsonl"
EXAMPLES
[tokenizer]
TOKENIZER
[model]
"""
MODERN = dict(position="rotary", activation="geglu", first_norm=False)
NAMES = json.dumps(LABELS[:3], ensure_ascii=False)
# name: kind of examples, tokenizer, shape
RUNS = {
    "post-single": ("single", "bpe", dict(norm="post")),
    "post-pairs": ("pairs", "byte-bpe", dict(norm="post", segments=2)),
    "post-scaled-multi": ("multi", "wordpiece", dict(norm="post", position="sinusoidal", scale_embeddings=True)),
    "post-relu-tags": ("tags", "wordpiece", dict(norm="post", activation="relu")),
    "post-narrow-soft": ("soft", "unigram", dict(norm="post", embedding_width=16)),
    "post-narrow-tags": ("tags", "byte-bpe", dict(norm="post", embedding_width=16)),
    "pre-multi": ("multi", "byte-bpe", dict(head_transform=False)),
    "pre-tags": ("tags", "unigram", dict()),
    "modern-single": ("single", "unigram", MODERN),
    "modern-local-pairs": ("pairs", "wordpiece", dict(biases=False, local_window=8, global_every=2, **MODERN)),
    "modern-tags": ("tags", "bpe", dict(tied_output=False, **MODERN)),
    # Its own tokenizer puts two </s> between the texts of a pair, training here one.
    "pairs-from-roberta": ("pairs", "its own", dict(start="roberta")),
    "boxes-tags": ("pages", "byte-bpe", dict(norm="post", boxes=True)),
    "boxes-silu-tags": ("pages", "unigram", dict(norm="post", boxes=True, activation="silu")),
    "boxes-segments-tags": ("pages", "bpe", dict(norm="post", boxes=True, segments=2)),
    "boxes-single": ("single", "wordpiece", dict(norm="post", boxes=True)),
}
# name: kind, tokenizer, shape, what would do
REFUSED = {
    "boxes-pre-tags": ("pages", "bpe", dict(norm="pre", boxes=True), '`norm` = "post"'),
    "boxes-narrow-tags": ("pages", "bpe", dict(norm="post", boxes=True, embedding_width=16), "`embedding_width` = nothing"),
}
EXAMPLES = {
    "single": 'target = "single"',
    "pairs": 'second = "second"',
    "multi": 'target = "multi"',
    "soft": f'target = "soft"\nlabels = {NAMES}',
    "tags": "",
    "pages": 'boxes = "boxes"',
}
WORDS = "rain sun wind snow 비 바람 눈이 온다 Seoul went home, said 12.50 (not) Anna 'quoted' 그리고 서울에서 the a of".split()


def is_tagged(kind):
    return kind in ("tags", "pages")


def example(draw, kind):
    words = draw.choices(WORDS, k=draw.choice([1, 3, 7, 12]))
    at = WORDS.index(words[0]) % 3
    if is_tagged(kind):
        tags = ["B-PER" if word in ("Anna", "서울에서") else "I-PER" if before == "Anna" else "O"
                for before, word in zip([""] + words, words)]
        row = dict(tokens=words, tags=tags)
        if kind == "pages":
            corner = lambda: (draw.randrange(500), draw.randrange(700))
            row |= dict(boxes=[[x, y, x + 60, y + 20] for x, y in (corner() for _ in words)], width=600, height=800)
        return row
    label = {"multi": [name for shift, name in enumerate(LABELS[:3]) if (at + shift) % 2],
             "soft": [0.7 if at == shift else 0.15 for shift in range(3)]}.get(kind, LABELS[at])
    row = dict(text=" ".join(words), label=label)
    return row | dict(second=" ".join(draw.choices(WORDS, k=4))) if kind == "pairs" else row


def write_examples(work):
    for kind in EXAMPLES:
        draw = random.Random(kind)
        for split, count in [("train", 160), ("valid", 40)]:
            rows = [example(draw, kind) for _ in range(count)]
            text = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
            (work / f"{kind}-{split}.jsonl").write_text(text, encoding="utf-8")


def tune(casebook, work, name, kind, tokenizer, keys):
    """Fine-tunes a small run. Words of pages and lists have no tokenizer trained on them: a text run's is taken."""
    where = f'kind = "{tokenizer}"\nvocab_size = 420'
    if is_tagged(kind):
        text_run = f"tokenizer-{tokenizer}"
        if not (work / "runs" / text_run).exists():
            tune(casebook, work, text_run, "single", tokenizer, {})
        where = f'kind = "file"\npath = "runs/{text_run}/base/s1/checkpoints/tokenizer.json"'
    if "start" in keys:
        start = work / f"{name}-start"
        make(keys["start"], start)
        casebook.run("import", start, "--to", work / f"{name}-imported")
    case = CASE.replace("TASK", "tag" if is_tagged(kind) else "classify").replace("KIND", kind)
    case = case.replace("EXAMPLES", EXAMPLES[kind]).replace("TOKENIZER", where)
    if "start" in keys:
        case = f'start = "{name}-imported"\n' + case.split("[tokenizer]")[0]
        keys, sizes = {}, {}
    else:
        sizes = dict(d_model=32, h=2, ff=48, n_layers=3, seq_len=40, dropout=0.1)
    model = sizes | keys
    case += "".join(f"{key} = {json.dumps(value)}\n" for key, value in model.items())
    (work / f"{name}.toml").write_text(case, encoding="utf-8")
    casebook.run("train", f"{name}.toml", cwd=work)
    return work / "runs" / name / "base" / "s1"


def said_alike(casebook, work, run, folder, kind):
    """The largest difference of a probability, ours from text and theirs from text, and how many were compared."""
    file = work / f"{kind}-said.jsonl"
    rows = [json.loads(line) for line in (work / f"{kind}-valid.jsonl").open(encoding="utf-8")]
    if is_tagged(kind):
        # Longer rows are read in windows here.
        rows = [row for row in rows if len(row["tokens"]) < 12]
    else:
        # Too long: cut alike.
        rows.append({**rows[0], "text": " ".join(WORDS * 3)})
        rows.append({**rows[0], "text": " ".join(WORDS), "second": " ".join(reversed(WORDS * 2))})
    file.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    ours = [json.loads(line) for line in casebook.run("predict", run, "--data", file, "--json").splitlines()]
    tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
    model = AUTO[head_of(folder)].from_pretrained(folder, local_files_only=True).eval()
    compare = tags_alike if is_tagged(kind) else classes_alike
    worst, count = 0.0, 0
    for row, said in zip(rows, ours, strict=True):
        for a, b in compare(tokenizer, model, row, said, kind):
            worst, count = max(worst, abs(a - b)), count + 1
    return worst, count


def classes_alike(tokenizer, model, row, said, kind):
    texts = [row["text"], row["second"]] if kind == "pairs" else [row["text"]]
    with torch.no_grad():
        logits = model(**tokenizer(*texts, truncation=True, return_tensors="pt")).logits[0]
    theirs = logits.sigmoid() if model.config.problem_type == "multi_label_classification" else logits.softmax(-1)
    theirs = {model.config.id2label[at]: value for at, value in enumerate(theirs.tolist())}
    ours = {one["label"]: one["probability"] for one in said["probabilities"]}
    return [(ours[name], theirs[name]) for name in ours.keys() | theirs.keys()]


def tags_alike(tokenizer, model, row, said, kind):
    """As the model card of pages does it; a word's tag is that of its first token."""
    words, text = row["tokens"], " ".join(row["tokens"])
    batch = tokenizer(text, return_offsets_mapping=True, return_tensors="pt")
    ends = batch.pop("offset_mapping")[0, 1:-1, 1].tolist()
    tokens = batch["input_ids"][0, 1:-1].tolist()
    word_of = [text[:end].count(" ") if tokenizer.decode(token).strip() else None for token, end in zip(tokens, ends)]
    if kind == "pages":
        sides = itertools.cycle([row["width"], row["height"]])
        scaled = [[int(edge * 1000 / side) for edge, side in zip(box, sides)] for box in row["boxes"]]
        bbox = [[0] * 4]
        for word in word_of:
            bbox.append(bbox[-1] if word is None else scaled[word])
        batch["bbox"] = torch.tensor([[*bbox, [1000] * 4]])
    with torch.no_grad():
        theirs = model(**batch).logits[0, 1:-1].softmax(-1)
    for at, word in enumerate(said["words"]):
        yield word["probability"], theirs[word_of.index(at), BIO_AT[word["tag"]]].item()


BIO_AT = {tag: at for at, tag in enumerate(BIO)}
