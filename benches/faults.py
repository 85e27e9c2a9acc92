#!/usr/bin/env python3
"""Injects known faults into small real runs and asks `casebook diagnose` what it sees; prints the confusion matrix.

    cargo build --release
    python3 benches/faults.py --work DIR > docs/faults.md

Two tasks on the sample in data/sample: hidden words of Korean and English text, and 6,000 film reviews told for from against by
an encoder that was pre-trained on that text. Each fault is a change of the case or of its data, over several seeds; as many
healthy runs differ in harmless ways. What a fault may be called is written in FAULTS below, before anything is run. A run
whose held-out loss ends within three deviations of the healthy runs' has a fault without effect: it is counted as healthy,
and listed. Runs that stand in DIR already are not made again.
"""
import argparse
import concurrent.futures
import gzip
import json
import os
import random
import re
import statistics
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SAMPLE = ROOT / "data/sample"

WORDS = """
question = "bench"
seeds = [{seed}]
[model]
d_model = 128
h = 4
ff = 512
n_layers = 2
dropout = 0.0
seq_len = 64
position = "rotary"
[data]
corpora = [{corpora}]
valid = 0.1
[tokenizer]
kind = "bpe"
vocab_size = 4000
[schedule]
kind = "linear"
learning_rate = 2e-3
warmup = "6 %"
[train]
batch_size = 16
steps = 1200
device = "cpu"
log_every = 20
eval_every = 100
eval_rows = 256
checkpoint_every = 1200
"""

REVIEWS = """
question = "bench"
seeds = [{seed}]
task = "classify"
start = "{start}"
[model]
dropout = 0.1
[examples]
train = "{train}"
valid = "{valid}"
[schedule]
kind = "linear"
learning_rate = 5e-4
warmup = "10 %"
[train]
batch_size = 32
epochs = 4
device = "cpu"
log_every = 5
eval_every = "0.5 epochs"
checkpoint_every = "4 epochs"
"""

# What each fault may be called; one of these must be among the findings that make a run WATCH or BROKEN.
COLLAPSE = {"unigram-plateau", "constant-prediction", "not-learning", "diverged", "spike-not-recovered", "non-finite",
            "frozen-model", "below-baseline"}
FAULTS = {
    # name: (task, settings, data, names)
    "rate x10": ("words", {"schedule.learning_rate": 2e-2}, "text", COLLAPSE | {"rate-too-high"}),
    "rate x100": ("words", {"schedule.learning_rate": 2e-1}, "text", COLLAPSE | {"rate-too-high"}),
    "rate /100": ("words", {"schedule.learning_rate": 2e-5}, "text", {"rate-too-low", "unigram-plateau", "not-learning"}),
    "rate x10, no warm-up": ("words", {"schedule.learning_rate": 2e-2, "schedule.warmup": 0}, "text", COLLAPSE),
    "nine words in ten hidden": ("words", {"masking.rate": 0.9}, "text", {"unigram-plateau", "not-learning", "mask-rate"}),
    "corpora in order": ("words", {"data.order": '"in-order"'}, "small", {"epoch-sawtooth", "bistable", "unigram-plateau"}),
    "L2 inside Adam": ("words", {"optimizer.kind": '"adam"', "optimizer.weight_decay": 1e-2}, "text", {"unigram-plateau"}),
    "data replayed after a resume": ("words", {}, "replayed", {"resume-seam", "mixed-runs", "spike-recovered"}),
    "tiny text": ("words", {"train.batch_size": 8}, "tiny", {"overfitting", "generalisation-gap", "memorised"}),
    "too few steps": ("words", {"train.steps": 100, "train.checkpoint_every": 100}, "text", {"unigram-plateau", "too-short"}),
    "no gradient to speak of": ("words", {"optimizer.clip_norm": 1e-9, "optimizer.epsilon": 1.0}, "text", COLLAPSE),
    "fine-tuning rate x10": ("reviews", {"schedule.learning_rate": 5e-3}, "reviews", COLLAPSE | {"rate-too-high", "overfitting"}),
    "fine-tuning rate x100": ("reviews", {"schedule.learning_rate": 5e-2}, "reviews", COLLAPSE | {"rate-too-high"}),
    "fine-tuning rate /100": ("reviews", {"schedule.learning_rate": 5e-6}, "reviews", {"rate-too-low", "constant-prediction", "not-learning"}),
    "labels shuffled": ("reviews", {}, "shuffled", {"constant-prediction", "not-learning", "overfitting", "below-baseline"}),
    "four labels in ten wrong": ("reviews", {}, "noisy", {"constant-prediction", "not-learning", "overfitting", "below-baseline"}),
    "labels off by one": ("reviews", {}, "off", {"below-baseline", "overfitting"}),
    "19 to 1": ("reviews", {}, "imbalanced", {"constant-prediction", "below-baseline"}),
    "held-out reviews trained on": ("reviews", {"train.epochs": 12}, "leaked", {"too-good"}),
    "all but the head frozen": ("reviews", {"finetune.freeze": 2}, "reviews", {"constant-prediction", "not-learning", "still-improving", "rate-too-low"}),
    "forty reviews": ("reviews", {"train.epochs": 40, "train.batch_size": 8, "train.eval_every": '"4 epochs"', "train.checkpoint_every": '"40 epochs"'}, "forty", {"overfitting", "generalisation-gap", "memorised", "constant-prediction"}),
    "fillers that training attends to": ("reviews", {}, "filled", {"below-baseline", "constant-prediction", "overfitting", "generalisation-gap", "not-learning"}),
    "a tenth of an epoch": ("reviews", {"train.steps": 6, "train.log_every": 1, "train.eval_every": 2, "train.checkpoint_every": 6, "train.epochs": None}, "reviews", {"too-short", "constant-prediction", "not-learning"}),
}

# Harmless differences; nothing BROKEN may be said of these.
HEALTHY = {
    "words as they are": ("words", {}, "text"),
    "one layer": ("words", {"model.n_layers": 1}, "text"),
    "narrow": ("words", {"model.d_model": 96, "model.ff": 384}, "text"),
    "half the rate": ("words", {"schedule.learning_rate": 1e-3, "train.steps": 2000, "train.checkpoint_every": 2000}, "text"),
    "cosine": ("words", {"schedule.kind": '"cosine"'}, "text"),
    "a fifth hidden": ("words", {"masking.rate": 0.2}, "text"),
    "no decay": ("words", {"optimizer.weight_decay": 0.0}, "text"),
    "fixed masks": ("words", {"masking.policy": '"fixed"'}, "text"),
    "longer": ("words", {"train.steps": 1800, "train.checkpoint_every": 1800}, "text"),
    "larger batch": ("words", {"train.batch_size": 24}, "text"),
    "reviews as they are": ("reviews", {}, "reviews"),
    "three epochs": ("reviews", {"train.epochs": 3}, "reviews"),
    "two epochs": ("reviews", {"train.epochs": 2}, "reviews"),
    "small batch": ("reviews", {"train.batch_size": 16}, "reviews"),
    "low rate": ("reviews", {"schedule.learning_rate": 2e-4}, "reviews"),
    "no dropout": ("reviews", {"model.dropout": 0.0, "train.epochs": 2}, "reviews"),
    "embeddings frozen": ("reviews", {"finetune.freeze": '"embeddings"'}, "reviews"),
    "smoothed labels": ("reviews", {"finetune.label_smoothing": 0.1, "train.epochs": 2}, "reviews"),
    "long warm-up": ("reviews", {"schedule.warmup": '"30 %"'}, "reviews"),
    "decay of rates by layer": ("reviews", {"finetune.layer_decay": 0.8}, "reviews"),
    "half of the reviews": ("reviews", {}, "half"),
}


def reviews(part):
    with gzip.open(SAMPLE / f"reviews.{part}.tsv.gz", "rt", encoding="utf-8") as file:
        head, *rows = file.read().splitlines()
    return head, [row.rsplit("\t", 1) if head.endswith("label") else row.split("\t") for row in rows]


def make_data(work):
    """Files of every kind that FAULTS and HEALTHY name; the same every time."""
    data = work / "data"
    data.mkdir(parents=True, exist_ok=True)
    draw = random.Random(1)
    for language in ("ko", "en"):
        with gzip.open(SAMPLE / f"{language}.txt.gz", "rt", encoding="utf-8") as file:
            lines = file.read().splitlines()
        (data / f"{language}.small.txt").write_text("\n".join(lines[: len(lines) // 12]) + "\n", encoding="utf-8")
        (data / f"{language}.tiny.txt").write_text("\n".join(lines[:60]) + "\n", encoding="utf-8")
    head, train = reviews("train")
    train = train[:6000]
    _, dev = reviews("dev")
    columns = head.split("\t")
    at = columns.index("label")
    labels = sorted({row[at] for row in train})

    def write(name, rows):
        text = "\n".join(["\t".join(columns)] + ["\t".join(row) for row in rows])
        (data / f"{name}.tsv").write_text(text + "\n", encoding="utf-8")

    def with_label(row, label):
        return [label if nth == at else cell for nth, cell in enumerate(row)]

    other = {label: labels[(nth + 1) % len(labels)] for nth, label in enumerate(labels)}
    write("reviews", train)
    write("half", train[::2])
    write("forty", train[:40])
    shuffled = [row[at] for row in train]
    draw.shuffle(shuffled)
    write("shuffled", [with_label(row, label) for row, label in zip(train, shuffled)])
    write("noisy", [with_label(row, other[row[at]]) if draw.random() < 0.4 else row for row in train])
    write("off", [with_label(row, other[row[at]]) for row in train])
    rare = [row for row in train if row[at] == labels[1]]
    common = [row for row in train if row[at] == labels[0]]
    write("imbalanced", common + rare[: len(common) // 19])
    # What a wrong mask of the padding does: in training the encoder sees fillers that are not there when it is used.
    text = 1 - at
    write("filled", [[cell + " ." * (60 - len(cell.split())) if nth == text else cell for nth, cell in enumerate(row)] for row in train])
    write("leaked", train + dev)
    write("dev", dev)
    few = [row for row in dev if row[at] == labels[1]]
    many = [row for row in dev if row[at] == labels[0]]
    write("imbalanced.dev", many + few[: max(1, len(many) // 19)])


def case_text(task, settings, kind, seed, work):
    data = work / "data"
    if task == "words":
        is_whole = kind in ("text", "text again")
        end = "txt.gz" if is_whole else f"{kind}.txt"
        folder = SAMPLE if is_whole else data
        corpora = ", ".join(f'{{ name = "{name}", path = "{folder / f"{name}.{end}"}" }}' for name in ("ko", "en"))
        text = WORDS.format(seed=seed, corpora=corpora)
        if kind == "text again":  # its encoder and tokenizer are those of its start
            text = re.sub(r"\[(model|tokenizer)\]\n([a-z_]+ = .*\n)+", "", text)
        return text
    valid = data / ("imbalanced.dev.tsv" if kind == "imbalanced" else "dev.tsv")
    return REVIEWS.format(seed=seed, start=work / "start/runs/start/base/s1", train=data / f"{kind}.tsv", valid=valid)


def command(a, *words):
    return subprocess.run([str(a.casebook), *map(str, words)], capture_output=True, text=True, cwd=a.work,
                          env={**os.environ, "RAYON_NUM_THREADS": str(a.threads)})


def train(a, folder, task, settings, kind, seed):
    """The folder of the run, which is trained where it is not there."""
    folder.mkdir(parents=True, exist_ok=True)
    case = folder / "case.toml"
    case.write_text(case_text(task, settings, kind, seed, a.work), encoding="utf-8")
    run = folder / "runs/case/base" / f"s{seed}"
    if not (run / "record.md").exists():
        changes = [word for key, value in settings.items() if value is not None for word in ("--set", f"{key}={value}")]
        done = command(a, "train", case, "--runs", folder / "runs", "--prepared", a.work / "prepared", *changes)
        if not (run / "journal.jsonl").exists():
            sys.exit(f"{folder}: {done.stderr.strip()[-600:]}")
    return run


def events_of(run):
    return [json.loads(line) for line in (run / "journal.jsonl").read_text().splitlines()]


def replayed(a, folder, seed):
    """The log of a trainer that stops in the middle and goes on with the data from its beginning: what Casebook never does."""
    half = {"train.steps": 600, "train.checkpoint_every": 600}
    first = train(a, folder / "first", "words", {**half, "schedule.end_learning_rate": 1e-3}, "text", seed)
    rest = {"schedule.learning_rate": 1e-3, "schedule.warmup": 0, "start": f'"{first}"'}
    second = train(a, folder / "second", "words", {**half, **rest}, "text again", seed)
    log = folder / "log.jsonl"
    with log.open("w", encoding="utf-8") as file:
        for run, before in ((first, 0), (second, 600)):
            for event in events_of(run):
                if event["event"] == "log":
                    row = {"step": before + event["step"], "loss": event["loss"], "learning_rate": event["lr"]}
                elif event["event"] == "eval" and (event["step"] or not before):
                    row = {"step": before + event["step"], "eval_loss": event["loss"]}
                else:
                    continue
                file.write(json.dumps(row) + "\n")
    return log, second


def one(a, name, task, settings, kind, seed):
    """Trains the run where it is not there, and asks what is seen."""
    folder = a.work / name.replace(" ", "-").replace("/", "over").replace(",", "") / f"s{seed}"
    if kind == "replayed":
        log, run = replayed(a, folder, seed)
    else:
        log = run = train(a, folder, task, settings, kind, seed)
    told = json.loads(command(a, "diagnose", log, "--json").stdout)["logs"][0]
    found = [finding for part in told["runs"] for finding in part["findings"]]
    events = events_of(run)
    losses = [event["loss"] for event in events if event["event"] == "eval"]
    return {"name": name, "task": task, "seed": seed, "verdict": told["verdict"], "loss": losses[-1] if losses else float("nan"),
            "alerts": [event["kind"] for event in events if event["event"] == "alert"],
            "serious": {finding["rule"] for finding in found if finding["weight"] != "note"},
            "all": {finding["rule"] for finding in found}}


def band(results, task):
    losses = [result["loss"] for result in results if result["name"] in (f"{task} as they are",)]
    return statistics.mean(losses), statistics.stdev(losses)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--casebook", type=Path, default=ROOT / "target/release/casebook")
    parser.add_argument("--work", type=Path, required=True, help="where data and runs are kept")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--mended", type=int, default=3, help="so many first seeds were looked at while rules were written")
    parser.add_argument("--jobs", type=int, default=2, help="runs at once")
    parser.add_argument("--threads", type=int, default=1, help="threads of a run")
    parser.add_argument("--only", help="names that contain this")
    a = parser.parse_args()
    a.work = a.work.resolve()
    make_data(a.work)
    start = a.work / "start"
    start.mkdir(exist_ok=True)
    (start / "start.toml").write_text(case_text("words", {}, "text", 1, a.work), encoding="utf-8")
    if not (start / "runs/start/base/s1/record.md").exists():
        command(a, "train", start / "start.toml", "--runs", start / "runs", "--prepared", a.work / "prepared",
                "--set", "train.steps=2500", "--set", "train.checkpoint_every=2500")
    wanted = [(name, *rest[:3], seed) for seed in range(1, a.seeds + 1) for name, rest in {**HEALTHY, **FAULTS}.items()
              if not a.only or a.only in name]
    with concurrent.futures.ThreadPoolExecutor(a.jobs) as pool:
        results = list(pool.map(lambda job: one(a, *job), wanted))
    report(results, a.mended)


def report(results, mended):
    bands = {task: band(results, task) for task in ("words", "reviews")}
    for result in results:
        mean, deviation = bands[result["task"]]
        # A fault may hide in a good figure, as a leak does: only a fault that leaves the loss where it was has no effect.
        result["effect"] = abs(result["loss"] - mean) > 3 * deviation or result["loss"] != result["loss"]
        names = FAULTS[result["name"]][3] if result["name"] in FAULTS else set()
        result["is_fault"] = bool(names) and result["effect"]
        result["named"] = result["is_fault"] and result["verdict"] != "FINE" and bool(result["all"] & names)
    print("| injected | runs | effect on the held-out loss | named | verdicts | said | alerts while it ran |\n|---|---|---|---|---|---|---|")
    for name in {**FAULTS, **HEALTHY}:
        runs = [result for result in results if result["name"] == name]
        if not runs:
            continue
        count = lambda values: ", ".join(f"{value} {sum(v == value for v in values)}" for value in dict.fromkeys(values))
        effect, named = (sum(result[key] for result in runs) for key in ("effect", "named"))
        is_fault = name in FAULTS
        cells = [name, len(runs), f"{effect} of {len(runs)}" if is_fault else "", f"{named} of {effect}" if is_fault else "",
                 count([result["verdict"] for result in runs]), count([rule for result in runs for rule in sorted(result["serious"])]),
                 count([kind for result in runs for kind in result["alerts"]])]
        print("| " + " | ".join(map(str, cells)) + " |")
    print("\n| seeds | faults with an effect | named: recall | called WATCH or BROKEN for something else | precision | healthy runs | of them BROKEN |")
    print("|---|---|---|---|---|---|---|")
    seeds = sorted({result["seed"] for result in results})
    seen, unseen = ([seed for seed in seeds if (seed <= mended) is was_seen] for was_seen in (True, False))
    listed = lambda part: ", ".join(map(str, part))
    parts = {f"{listed(seen)}, by which rules were mended": seen, f"{listed(unseen)}, not looked at": unseen}
    for label, part in parts.items():
        runs = [result for result in results if result["seed"] in part]
        faults = [result for result in runs if result["is_fault"]]
        healthy = [result for result in runs if not result["is_fault"]]
        named = sum(result["named"] for result in faults)
        broken = sum(result["verdict"] == "BROKEN" for result in healthy)
        wrong = sum(result["verdict"] != "FINE" and not result["named"] for result in faults) + broken
        if runs:
            print(f"| {label} | {len(faults)} | {named}: {named / max(len(faults), 1):.2f} | {wrong} | {named / max(named + wrong, 1):.2f} | "
                  f"{len(healthy)} | {broken}: {100 * broken / max(len(healthy), 1):.1f} % |")


if __name__ == "__main__":
    main()
