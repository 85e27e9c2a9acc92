#!/usr/bin/env python3
"""Holds `casebook import` and `casebook export` against Hugging Face transformers, and prints a table.

    python3 scripts/exchange.py all --casebook target/release/casebook --text ko.txt --text en.txt

  import    tiny models of random weights of each class, made here -> casebook -> the same hidden states and logits; and
            back: what casebook exports of them is loaded again
  export    small trained runs of every exportable shape -> transformers, without a warning, the same logits, and the same
            ids on 10,000 lines of each text; shapes that no class computes are refused
  heads     small fine-tuned runs of classes and tags, on pages too -> transformers, without a warning, the same logits,
            and the same probabilities from the texts themselves
  onnx      exported folders -> optimum -> onnxruntime, the same logits; needs optimum-onnx and onnxruntime as well
  fixtures  writes the tiny models and what transformers makes of them into crates/exchange/tests/fixtures
  all       import, export and heads

Installs and fetches nothing: it needs torch, transformers (4.56 or newer), tokenizers and safetensors. A text may be plain or .gz.
"""
import argparse
import contextlib
import gzip
import io
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
from transformers import AutoTokenizer

import exchange_onnx
import exchange_tuned as tuned
from exchange_models import AUTO, SENTENCES, SHARDED, TINY, boxes_of, config_of, head_of, make, rows_of, theirs

ROOT = Path(__file__).resolve().parent.parent
FIXTURES = ROOT / "crates/exchange/tests/fixtures"
TOLERANCE = 1e-5


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

    def forward(self, model, ids, types, boxes, scratch):
        file = Path(scratch) / "ids.json"
        file.write_text(json.dumps(dict(input_ids=ids, token_type_ids=types, boxes=boxes)))
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
    head, kept = TINY[name]["head"], TINY[name]["kept"]
    said = casebook.run("import", source, "--to", ours)
    config = config_of(source)
    pairs = config.get("type_vocab_size", 0) > 1
    hidden, logits = 0.0, 0.0
    for types in [False, True][:1 + pairs]:
        ids, segments = rows_of(source, types)
        boxes = boxes_of(source, ids)
        want = theirs(source, ids, segments, boxes, head)
        found = casebook.forward(ours, ids, segments, boxes, work)
        hidden = max(hidden, farthest(found[0], want[0]))
        if kept:
            logits = max(logits, farthest(found[1], want[1]))
        elif any(len(row) for row in found[1]):
            raise Failure("logits out of a head that is not there")
    cells = [within("hidden states", hidden)]
    if not kept:
        if head in ("classes", "tags") and "was left out" not in said:
            raise Failure(f"a head is left out in silence: {said}")
        return [label, *cells, f"{head}, left out" if head else "no head", "", "", "ok"]
    casebook.run("export", ours, "--to", back)
    exported, difference = load_exported(casebook, ours, back, work)
    for key in ["id2label", "label2id", "problem_type"]:
        if head != "words" and key in config and config[key] != config_of(back).get(key):
            raise Failure(f"{key} was {config[key]} and is {config_of(back).get(key)}")
    return [label, *cells, within("logits", logits), exported, difference, "ok"]


def load_exported(casebook, model, folder, work):
    """The class an export is loaded as and how far its logits are; fails on any warning, and runs what its card shows."""
    head = head_of(folder)
    ids, _ = rows_of(folder)
    boxes = boxes_of(folder, ids)
    with Said() as said:
        want = theirs(folder, ids, None, boxes, head)
        tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
        batch = tokenizer(SENTENCES, padding=True, truncation=True, return_tensors="pt")
        load = dict(local_files_only=True)
        loaded, info = AUTO[head].from_pretrained(folder, output_loading_info=True, **load)
        with torch.no_grad():
            loaded.eval()(**batch)
    wrong = {key: sorted(map(str, found)) for key, found in info.items() if found}
    if said.lines or wrong:
        raise Failure(f"warnings: {said.lines} {wrong}")
    run_card(folder)
    found = casebook.forward(model, ids, None, boxes, work)
    return type(loaded).__name__, within("logits of the export", farthest(found[1], want[1]))


def run_card(folder):
    """Runs the Python of a model card."""
    code = (folder / "README.md").read_text().split("```python\n")[1].split("```")[0]
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(code.replace("path/to/this/folder", str(folder)), {})
    if not printed.getvalue().strip():
        raise Failure("the card's lines print nothing")


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
            refused(casebook, run, to, words)
            return [name, "bpe", "refused", words, "", "ok"]
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


def refused(casebook, run, to, words):
    """Refuses an export that goes through, or is refused for another reason, or leaves something."""
    try:
        casebook.run("export", run, "--to", to)
    except Failure as error:
        if words not in str(error) or list(to.parent.glob(f"*{to.name}*")):
            raise Failure(f"refused otherwise: {error}")
        return
    raise Failure("it was exported")


def command_heads(casebook, work):
    head = ["run", "examples", "tokenizer", "loaded as", "logits", "probabilities", "of", ""]
    rows = []
    tuned.write_examples(work)
    for name, (kind, tokenizer, keys) in tuned.RUNS.items():
        def check(name=name, kind=kind, tokenizer=tokenizer, keys=keys):
            run, folder = tuned.tune(casebook, work, name, kind, tokenizer, keys), work / f"{name}-exported"
            casebook.run("export", run, "--to", folder, "--licence", "test only")
            exported, difference = load_exported(casebook, run, folder, work)
            worst, count = tuned.said_alike(casebook, work, run, folder, kind)
            return [name, kind, tokenizer, exported, difference, within("probabilities", worst), f"{count:,}", "ok"]
        guarded(rows, name, len(head), check)
    for name, (kind, tokenizer, keys, words) in tuned.REFUSED.items():
        def check(name=name, kind=kind, tokenizer=tokenizer, keys=keys, words=words):
            refused(casebook, tuned.tune(casebook, work, name, kind, tokenizer, keys), work / f"{name}-exported", words)
            return [name, kind, tokenizer, "refused", words, "", "", "ok"]
        guarded(rows, name, len(head), check)
    table(head, rows)
    return rows


ONNX = ["post-single", "post-narrow-tags", "pre-multi", "modern-local-pairs", "modern-tags", "boxes-tags"]


def command_onnx(casebook, work):
    head = ["model", "loaded as", "its inputs", "operator set", "logits", ""]
    rows = []
    tuned.write_examples(work)

    def compared(name, model):
        folder, to = work / f"{name}-exported", work / f"{name}-onnx"
        if not folder.exists():
            casebook.run("export", model, "--to", folder)
        ids, boxes = exchange_onnx.inputs(folder)
        found, names = exchange_onnx.onnx_logits(folder, to, ids, boxes)
        ours = casebook.forward(model, ids, None, boxes, work)[1]
        difference = within("logits", farthest(ours, [torch.tensor(row) for row in found]))
        return [name, config_of(folder)["architectures"][0], ", ".join(names), exchange_onnx.operator_set(to), difference, "ok"]

    def words(name):
        make(name, work / name)
        casebook.run("import", work / name, "--to", work / f"{name}-ours")
        return compared(name, work / f"{name}-ours")

    for name in ["roberta-prelayernorm", "modernbert"]:
        guarded(rows, name, len(head), lambda: words(name))
    for name in ONNX:
        guarded(rows, name, len(head), lambda: compared(name, tuned.tune(casebook, work, name, *tuned.RUNS[name])))
    table(head, rows)
    return rows


HALVED = ["layoutlm-tags"]  # for its tables of boxes
# What the others show too is left out.
NOT_COMMITTED = ["roberta-untied", "bert-silu-classes", "bert-regression", "xlm-roberta-classes", "camembert-tags",
                 "roberta-classes", "roberta-tags", "roberta-prelayernorm-classes", "modernbert-mean-classes",
                 "modernbert-biases-classes", "electra-wide-classes", "layoutlm", "layoutlm-bare", "layoutlm-classes", "electra-tags"]


def command_fixtures():
    for name in sorted(TINY.keys() - set(NOT_COMMITTED)):
        folder = FIXTURES / name
        shutil.rmtree(folder, ignore_errors=True)
        make(name, folder, half=name in HALVED)
        kept = TINY[name]["kept"]
        ids, types = rows_of(folder, config_of(folder).get("type_vocab_size", 0) > 1)
        boxes = boxes_of(folder, ids)
        hidden, logits = theirs(folder, ids, types, boxes, TINY[name]["head"])
        flat = lambda rows: [float(f"{value:.7g}") for row in rows for value in row.flatten().tolist()]
        # Logits of the last row are enough to find a head at fault, and keep the file small.
        expected = dict(input_ids=ids, token_type_ids=types, hidden=flat(hidden), logits=flat(logits[-1:]) if kept else None)
        if boxes:
            expected["boxes"] = boxes
        (folder / "expected.json").write_text(json.dumps(expected) + "\n")
        size = sum(file.stat().st_size for file in folder.iterdir())
        print(f"{folder.relative_to(ROOT)}: {size:,} bytes")
    return []


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["import", "export", "heads", "onnx", "fixtures", "all"])
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
            print()
        if arguments.what in ("heads", "all"):
            rows += command_heads(casebook, work)
        if arguments.what == "onnx":
            rows += command_onnx(casebook, work)
    failed = [row for row in rows if "FAILED" in row[-1]]
    print(f"\n{len(rows) - len(failed)} of {len(rows)} agree")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
