#!/usr/bin/env python3
"""Holds `casebook import` and `casebook export` against Hugging Face transformers, and prints a table.

    python3 scripts/exchange.py all --casebook target/release/casebook --text ko.txt --text en.txt

  import    tiny models of random weights of each class, made here -> casebook -> the same hidden states and logits; and
            back: what casebook exports of them is loaded again
  export    small trained runs of every exportable shape -> transformers, without a warning, the same logits, and the same
            ids on 10,000 lines of each text; shapes that no class computes are refused
  fixtures  writes the tiny models and what transformers makes of them into crates/exchange/tests/fixtures
  all       import and export

Installs and fetches nothing: it needs torch, transformers, tokenizers and safetensors. A text may be plain or .gz.
"""
import argparse
import gzip
import itertools
import json
import logging
import os
import shutil
import subprocess
import sys
import tempfile
import warnings
from pathlib import Path

os.environ["HF_HUB_OFFLINE"] = os.environ["TRANSFORMERS_OFFLINE"] = "1"

import torch
import transformers
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
from transformers import AutoModel, AutoModelForMaskedLM, AutoTokenizer

ROOT = Path(__file__).resolve().parent.parent
FIXTURES = ROOT / "crates/exchange/tests/fixtures"
TOLERANCE = 1e-5
SENTENCES = ["the cat sat on the mat", "a dog ran to the sea", "한국어 글도 있다", "words and more words, here"]


class Failure(Exception):
    """What was found does not agree."""


class Said(logging.Handler):
    """Collects what libraries log and warn of."""

    def __init__(self):
        super().__init__(logging.WARNING)
        self.lines = []

    def emit(self, record):
        self.lines.append(record.getMessage())

    def __enter__(self):
        self.loggers = [logging.getLogger(), logging.getLogger("transformers")]
        for logger in self.loggers:
            logger.addHandler(self)
        self.caught = warnings.catch_warnings(record=True)
        self.warned = self.caught.__enter__()
        warnings.simplefilter("always")
        return self

    def __exit__(self, *error):
        self.lines += [str(warning.message) for warning in self.warned]
        self.caught.__exit__(*error)
        for logger in self.loggers:
            logger.removeHandler(self)


# ---------------------------------------------------------------- tiny models


def wordpiece():
    letters = sorted(set("".join(SENTENCES)) - {" "})
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "the", "cat", "dog", "and", "words"]
    vocab = words + letters + ["##" + letter for letter in letters]
    tokenizer = Tokenizer(models.WordPiece({word: at for at, word in enumerate(vocab)}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.WordPiece()
    tokenizer.add_special_tokens(words[:5])
    pairs = [("[CLS]", 2), ("[SEP]", 3)]
    tokenizer.post_processor = processors.TemplateProcessing("[CLS] $A [SEP]", "[CLS] $A [SEP] $B:1 [SEP]:1", pairs)
    return tokenizer


def byte_bpe():
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    special = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    trainer = trainers.BpeTrainer(vocab_size=280, special_tokens=special, initial_alphabet=alphabet, show_progress=False)
    tokenizer.train_from_iterator(SENTENCES * 5, trainer)
    tokenizer.post_processor = processors.RobertaProcessing(("</s>", 2), ("<s>", 0), add_prefix_space=False)
    return tokenizer


def unigram():
    special = ["<s>", "<pad>", "</s>", "<unk>"]
    pieces = [(token, 0.0) for token in special]
    letters = sorted(set("".join(SENTENCES)) - {" "})
    pieces += [("▁", -2.0), ("▁the", -3.0), ("▁cat", -4.0)] + [(letter, -5.0) for letter in letters]
    tokenizer = Tokenizer(models.Unigram(pieces, unk_id=3, byte_fallback=False))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.decoder = decoders.Metaspace()
    tokenizer.add_special_tokens(special + ["<mask>"])
    tokenizer.post_processor = processors.TemplateProcessing("<s> $A </s>", "<s> $A </s> </s> $B </s>", [("<s>", 0), ("</s>", 2)])
    return tokenizer


TOKENIZERS = {"wordpiece": wordpiece, "byte_bpe": byte_bpe, "unigram": unigram}

# name: tokenizer, configuration class, model class, keys, whether its head can be held
SMALL = dict(hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=24)
TINY = {
    "bert": ("wordpiece", "BertConfig", "BertForMaskedLM", dict(max_position_embeddings=20), True),
    "bert-bare": ("wordpiece", "BertConfig", "BertModel", dict(max_position_embeddings=20), False),
    "bert-relu": ("wordpiece", "BertConfig", "BertForMaskedLM", dict(max_position_embeddings=20, hidden_act="relu"), False),
    "roberta": ("byte_bpe", "RobertaConfig", "RobertaForMaskedLM",
                dict(max_position_embeddings=22, type_vocab_size=1, layer_norm_eps=1e-5), True),
    "roberta-untied": ("byte_bpe", "RobertaConfig", "RobertaForMaskedLM",
                       dict(max_position_embeddings=22, type_vocab_size=1, tie_word_embeddings=False, hidden_act="silu"), True),
    "xlm-roberta": ("unigram", "XLMRobertaConfig", "XLMRobertaForMaskedLM",
                    dict(max_position_embeddings=22, type_vocab_size=1, layer_norm_eps=1e-5), True),
    "roberta-prelayernorm": ("byte_bpe", "RobertaPreLayerNormConfig", "RobertaPreLayerNormForMaskedLM",
                             dict(max_position_embeddings=22), True),
    "electra-generator": ("wordpiece", "ElectraConfig", "ElectraForMaskedLM",
                          dict(max_position_embeddings=20, embedding_size=24), True),
    "electra-discriminator": ("wordpiece", "ElectraConfig", "ElectraForPreTraining",
                              dict(max_position_embeddings=20, embedding_size=8), False),
    "modernbert": ("wordpiece", "ModernBertConfig", "ModernBertForMaskedLM",
                   dict(max_position_embeddings=40, local_attention=6, num_hidden_layers=4), True),
    "modernbert-biases": ("wordpiece", "ModernBertConfig", "ModernBertForMaskedLM",
                          dict(max_position_embeddings=40, local_attention=4, attention_bias=True, norm_bias=True,
                               tie_word_embeddings=False, decoder_bias=False), True),
}
# Large files come in shards and in 16 bits.
SHARDED = ["bert", "modernbert"]


def make(name, folder, sharded=False):
    """Saves a tiny model of random weights and its tokenizer; returns what was saved."""
    tokenizer_name, config_class, model_class, keys, _ = TINY[name]
    if not hasattr(transformers, config_class):
        return False
    tokenizer = TOKENIZERS[tokenizer_name]()
    ids = {role: tokenizer.token_to_id(bracket) if tokenizer.token_to_id(bracket) is not None else tokenizer.token_to_id(angle)
           for role, bracket, angle in [("pad", "[PAD]", "<pad>"), ("bos", "[CLS]", "<s>"), ("eos", "[SEP]", "</s>")]}
    words = tokenizer.get_vocab_size()
    extra = 3 if name == "modernbert" else 0  # rows beyond the tokenizer's words, as published tables have
    special = {f"{role}_token_id": id for role, id in ids.items()}
    if name.startswith("modernbert"):
        special |= dict(cls_token_id=ids["bos"], sep_token_id=ids["eos"])
    config = getattr(transformers, config_class)(vocab_size=words + extra, **{**SMALL, **keys}, **special)
    torch.manual_seed(sum(map(ord, name)))
    model = getattr(transformers, model_class)(config)
    with torch.no_grad():
        # Fresh biases are 0 and norms 1, which would hide that they are mixed up.
        for parameter in model.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.2)
    folder.mkdir(parents=True)
    if sharded:
        model.half().save_pretrained(folder, max_shard_size="8KB")
    else:
        model.save_pretrained(folder)
    tokenizer.save(str(folder / "tokenizer.json"))
    return True


def rows_of(folder, pairs=False):
    """Rows of unequal length, so that padding is in the comparison; the segments of a pair of texts."""
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    encoded = [tokenizer.encode(text) for text in SENTENCES[:3]]
    ids = [row.ids[:16] for row in encoded]
    types = [[0] * (len(row) // 2) + [1] * (len(row) - len(row) // 2) for row in ids]
    return ids, types if pairs else None


def theirs(folder, ids, types, with_head):
    """Hidden states and logits of each row's real tokens, through transformers in fp32."""
    with open(folder / "config.json") as file:
        config = json.load(file)
    load = dict(local_files_only=True, dtype=torch.float32, attn_implementation="eager")
    quiet(load)
    model = AutoModelForMaskedLM.from_pretrained(folder, **load) if with_head else None
    base = model.base_model if with_head else AutoModel.from_pretrained(folder, **load)
    width = max(map(len, ids))
    fill = lambda row, value: row + [value] * (width - len(row))
    batch = dict(input_ids=torch.tensor([fill(row, config["pad_token_id"]) for row in ids]),
                 attention_mask=torch.tensor([fill([1] * len(row), 0) for row in ids]))
    if types is not None:
        batch["token_type_ids"] = torch.tensor([fill(row, 0) for row in types])
    with torch.no_grad():
        hidden = base.eval()(**batch).last_hidden_state
        logits = model.eval()(**batch).logits if with_head else None
    cut = lambda values: [values[at, :len(row)] for at, row in enumerate(ids)]
    return cut(hidden), cut(logits) if with_head else None


def quiet(load):
    if int(transformers.__version__.split(".")[0]) < 5:
        load["torch_dtype"] = load.pop("dtype")


# ---------------------------------------------------------------- casebook


class Casebook:
    def __init__(self, program):
        self.program = str(program)

    def run(self, *arguments, cwd=None):
        done = subprocess.run([self.program, *map(str, arguments)], capture_output=True, text=True, cwd=cwd)
        if done.returncode != 0:
            said = done.stderr[max(done.stderr.find("error: "), 0):].strip()
            raise Failure(f"casebook {arguments[0]} {arguments[1]}: {said}")
        return done.stdout

    def forward(self, model, ids, types, scratch):
        file = Path(scratch) / "ids.json"
        file.write_text(json.dumps(dict(input_ids=ids, token_type_ids=types)))
        found = json.loads(self.run("forward", model, "--ids", file))
        tensors = lambda rows: [torch.tensor(row) for row in rows]
        return tensors(found["hidden"]), tensors(found["logits"])


def farthest(ours, other):
    """The largest absolute difference; words that only a padded table has are left out."""
    worst = 0.0
    for a, b in zip(ours, other, strict=True):
        b = b[:, :a.shape[1]]
        if a.shape != b.shape:
            raise Failure(f"shapes {tuple(a.shape)} and {tuple(b.shape)}")
        worst = max(worst, (a.double() - b.double()).abs().max().item())
    return worst


def within(what, difference):
    if not difference <= TOLERANCE:
        raise Failure(f"{what} differ by {difference:.2e}")
    return f"{difference:.1e}"


# ---------------------------------------------------------------- checks


def check_import(casebook, name, work, sharded=False):
    label = name + (" (fp16, shards)" if sharded else "")
    source, ours, back = (work / f"{name}{'-sharded' if sharded else ''}{end}" for end in ("", "-ours", "-back"))
    if not make(name, source, sharded):
        return [label, "", "", "", "", f"not in transformers {transformers.__version__}"]
    has_head = TINY[name][4]
    casebook.run("import", source, "--to", ours)
    pairs = json.loads((source / "config.json").read_text()).get("type_vocab_size", 0) > 1
    hidden, logits, cells = 0.0, 0.0, []
    for types in [False, True][:1 + pairs]:
        ids, segments = rows_of(source, types)
        want = theirs(source, ids, segments, has_head)
        found = casebook.forward(ours, ids, segments, work)
        hidden = max(hidden, farthest(found[0], want[0]))
        if has_head:
            logits = max(logits, farthest(found[1], want[1]))
        elif found[1] and any(len(row) for row in found[1]):
            raise Failure("logits out of a head that is not there")
    cells = [within("hidden states", hidden), within("logits", logits) if has_head else "no head"]
    if not has_head:
        return [label, *cells, "", "", "ok"]
    casebook.run("export", ours, "--to", back)
    exported, difference = load_exported(casebook, ours, back, work)
    return [label, *cells, exported, difference, "ok"]


def load_exported(casebook, model, folder, work):
    """The class an export is loaded as and how far its logits are; fails on any warning."""
    ids, _ = rows_of(folder)
    with Said() as said:
        want = theirs(folder, ids, None, True)
        tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
        batch = tokenizer(SENTENCES, padding=True, truncation=True, return_tensors="pt")
        load = dict(local_files_only=True)
        loaded, info = AutoModelForMaskedLM.from_pretrained(folder, output_loading_info=True, **load)
        with torch.no_grad():
            loaded.eval()(**batch)
    wrong = {key: sorted(map(str, found)) for key, found in info.items() if found}
    if said.lines or wrong:
        raise Failure(f"warnings: {said.lines} {wrong}")
    found = casebook.forward(model, ids, None, work)
    return type(loaded).__name__, within("logits of the export", farthest(found[1], want[1]))


RUN = """
question = "Which shapes can be exported?"
seeds = [1]
tokenizer = { kind = "KIND", vocab_size = 3200 }
data.corpora = [{ name = "ko", path = "ko.txt" }, { name = "en", path = "en.txt" }]
train = { batch_size = 8, steps = 60, eval_every = 60, log_every = 60, eval_rows = 16 }
schedule.learning_rate = 3e-3
"""
MODEL = dict(d_model=32, h=2, ff=48, n_layers=3, seq_len=64, dropout=0.1)
MODERN = dict(position="rotary", activation="geglu", first_norm=False)
SHAPES = {
    "post": dict(norm="post"),
    "post-untied": dict(norm="post", tied_output=False, output_bias=False, segments=3),
    "post-sinusoidal-scaled": dict(norm="post", position="sinusoidal", scale_embeddings=True),
    "post-relu": dict(norm="post", activation="relu"),
    "post-silu-untied": dict(norm="post", activation="silu", tied_output=False),
    "post-narrow": dict(norm="post", embedding_width=16),
    "pre": dict(),
    "pre-relu-eps": dict(activation="relu", layer_norm_eps=1e-5),
    "modern": MODERN,
    "modern-local": dict(biases=False, local_window=8, global_every=2, rotary_base=160000.0, local_rotary_base=1e4, **MODERN),
    "modern-untied": dict(tied_output=False, output_bias=False, **MODERN),
}
REFUSED = {
    "rotary-gelu": (dict(position="rotary", first_norm=False), '`activation` = "geglu"'),
    "rotary-first-norm": (dict(position="rotary", activation="geglu"), "`first_norm` = false"),
    "bare-embeddings": (dict(embedding_norm=False), "`embedding_norm` = true"),
    "no-transform": (dict(head_transform=False), "`head_transform` = true"),
}
KINDS = ["bpe", "byte-bpe", "wordpiece", "unigram"]


def lines_of(path, count):
    reader = gzip.open(path, "rt", encoding="utf-8") if str(path).endswith(".gz") else open(path, encoding="utf-8")
    with reader as file:
        lines = (line.strip("\n") for line in file)
        # Python and Rust end lines at different signs; a line is what stands between two newlines.
        return list(itertools.islice((line for line in lines if line.strip() and "\r" not in line), count))


def train(casebook, work, name, keys, kind):
    case = work / f"{name}.toml"
    model = "".join(f"{key} = {json.dumps(value)}\n" for key, value in {**MODEL, **keys}.items())
    case.write_text(RUN.replace("KIND", kind) + "[model]\n" + model)
    casebook.run("train", case, cwd=work)
    return work / "runs" / name / "base" / "s1"


def check_export(casebook, name, keys, kind, work):
    run = train(casebook, work, name, keys, kind)
    folder = work / f"{name}-exported"
    casebook.run("export", run, "--to", folder, "--licence", "test only")
    exported, difference = load_exported(casebook, run, folder, work)
    return run, folder, exported, difference


def check_tokens(casebook, run, folder, texts, work):
    """Ids of every line, ours and theirs; returns how many lines."""
    tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True, model_max_length=10**6)
    count = 0
    for text in texts:
        file = work / "lines.txt"
        file.write_text("\n".join(text) + "\n", encoding="utf-8")
        ours = [json.loads(line) for line in casebook.run("encode", run, "--data", file).splitlines()]
        other = tokenizer(text)["input_ids"]
        for line, a, b in zip(text, ours, other, strict=True):
            if a != b:
                raise Failure(f"ids of {line[:60]!r}: {a[:20]} and {b[:20]}")
        count += len(text)
    return count


def check_child(casebook, work, parent, imported):
    """A run that starts from a run, and one that starts from an imported model, begin where those are."""
    for name, start in [("child", parent), ("from-import", imported)]:
        case = work / f"{name}.toml"
        case.write_text(f"""
question = "Does a child begin where its parent ended?"
seeds = [1]
start = {json.dumps(str(start))}
data.corpora = [{{ name = "ko", path = "ko.txt" }}, {{ name = "en", path = "en.txt" }}]
train = {{ batch_size = 8, steps = 20, eval_every = 20, log_every = 20, eval_rows = 16 }}
schedule = {{ kind = "cosine", learning_rate = 1e-3 }}
""")
        casebook.run("train", case, cwd=work)


# ---------------------------------------------------------------- commands


def table(head, rows):
    widths = [max(len(str(row[at])) for row in [head, *rows]) for at in range(len(head))]
    write = lambda row: "| " + " | ".join(str(cell).ljust(width) for cell, width in zip(row, widths)) + " |"
    print(write(head), "|" + "|".join("-" * (width + 2) for width in widths) + "|", *map(write, rows), sep="\n")


def guarded(rows, label, width, check):
    try:
        rows.append(check())
    except (Failure, Exception) as error:  # one failure must not hide the others
        rows.append([label, *[""] * (width - 2), f"FAILED: {type(error).__name__}: {str(error)[:400]}"])
    print(".", end="", file=sys.stderr, flush=True)
    return rows


def command_import(casebook, work):
    head = ["model", "hidden states", "logits", "exported as", "its logits", ""]
    rows = []
    for name in TINY:
        guarded(rows, name, len(head), lambda: check_import(casebook, name, work))
    for name in SHARDED:
        guarded(rows, name, len(head), lambda: check_import(casebook, name, work, sharded=True))
    table(head, rows)
    return rows


def command_export(casebook, work, texts):
    head = ["run", "tokenizer", "loaded as", "logits", "lines with equal ids", ""]
    rows = []
    samples = [text[:3000] for text in texts]
    for name, lines in zip(["ko", "en"], samples):
        (work / f"{name}.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    for (name, keys), kind in zip(SHAPES.items(), itertools.cycle(KINDS)):
        def check(name=name, keys=keys, kind=kind):
            run, folder, exported, difference = check_export(casebook, name, keys, kind, work)
            lines = check_tokens(casebook, run, folder, texts, work)
            return [name, kind, exported, difference, f"{lines:,}", "ok"]
        guarded(rows, name, len(head), check)
    for name, (keys, words) in REFUSED.items():
        def check(name=name, keys=keys, words=words):
            run, to = train(casebook, work, name, keys, "bpe"), work / f"{name}-exported"
            try:
                casebook.run("export", run, "--to", to)
            except Failure as error:
                if words not in str(error) or list(work.glob(f"*{to.name}*")):
                    raise Failure(f"refused otherwise: {error}")
                return [name, "bpe", "refused", words, "", "ok"]
            raise Failure("it was exported")
        guarded(rows, name, len(head), check)
    def child():
        imported = work / "start-imported"
        if not imported.exists():
            make("electra-discriminator", work / "start-source")
            casebook.run("import", work / "start-source", "--to", imported)
        check_child(casebook, work, work / "runs/post/base/s1", imported)
        exported, difference = None, None
        for name in ["child", "from-import"]:
            run, folder = work / "runs" / name / "base" / "s1", work / f"{name}-exported"
            casebook.run("export", run, "--to", folder)
            exported, difference = load_exported(casebook, run, folder, work)
        return ["children of post and of an import", "", exported, difference, "", "ok"]
    guarded(rows, "children", len(head), child)
    table(head, rows)
    return rows


def command_fixtures():
    for name in TINY.keys() - {"roberta-untied"}:  # its parts are in the others
        folder = FIXTURES / name
        shutil.rmtree(folder, ignore_errors=True)
        make(name, folder)
        has_head = TINY[name][4]
        pairs = json.loads((folder / "config.json").read_text()).get("type_vocab_size", 0) > 1
        ids, types = rows_of(folder, pairs)
        hidden, logits = theirs(folder, ids, types, has_head)
        flat = lambda rows: [float(f"{value:.7g}") for row in rows for value in row.flatten().tolist()]
        # Logits of the last row are enough to find a head at fault, and keep the file small.
        expected = dict(input_ids=ids, token_type_ids=types, hidden=flat(hidden), logits=flat(logits[-1:]) if has_head else None)
        (folder / "expected.json").write_text(json.dumps(expected) + "\n")
        size = sum(file.stat().st_size for file in folder.iterdir())
        print(f"{folder.relative_to(ROOT)}: {size:,} bytes")
    return []


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["import", "export", "fixtures", "all"])
    parser.add_argument("--casebook", type=Path, default=ROOT / "target/release/casebook")
    parser.add_argument("--text", type=Path, action="append", help="text for training and for comparing ids, twice")
    parser.add_argument("--lines", type=int, default=10_000, help="lines of each text whose ids are compared")
    parser.add_argument("--work", type=Path, help="an empty folder to keep what is made; a temporary one otherwise")
    arguments = parser.parse_args()
    transformers.utils.logging.disable_progress_bar()
    if arguments.what == "fixtures":
        command_fixtures()
        return 0
    if arguments.what in ("export", "all") and len(arguments.text or []) != 2:
        parser.error("export compares two texts: give --text twice")
    casebook, rows = Casebook(arguments.casebook.resolve()), []
    print(f"transformers {transformers.__version__}, torch {torch.__version__}, tolerance {TOLERANCE}\n")
    with tempfile.TemporaryDirectory() as scratch:
        work = (arguments.work or Path(scratch)).resolve()
        work.mkdir(parents=True, exist_ok=True)
        if arguments.what in ("import", "all"):
            rows += command_import(casebook, work)
            print()
        if arguments.what in ("export", "all"):
            rows += command_export(casebook, work, [lines_of(path, arguments.lines) for path in arguments.text])
    failed = [row for row in rows if "FAILED" in row[-1]]
    print(f"\n{len(rows) - len(failed)} of {len(rows)} agree")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
