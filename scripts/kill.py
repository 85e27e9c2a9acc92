#!/usr/bin/env python3
"""Kills a small run at random instants, in chains of up to ten, and holds its end against a run that was left alone.

    cargo build --release
    python3 scripts/kill.py --kills 2000      # a quarter of an hour on two cores; --kills 40 takes twenty seconds
    python3 scripts/kill.py --signals --kills 100      # SIGTERM, SIGINT and SIGHUP instead, while text is prepared, too

    python3 scripts/kill.py --kills 0 --crowds 100      # 32 processes at once on one run, a hundred times

Each chain is a run of its own: started, killed (SIGKILL) after a random time within the length of an unharmed run, started
again, and so on, then left to end. Weights, optimizer and the journal's figures must be those of the unharmed run, bit by
bit. With `--signals` each chain prepares its own text, every command must leave within two seconds (`--within`) with status 75
(or 0 where it had ended), and nothing half-written may be left. Of a crowd one process trains the run, and the others are told
which. Prints what it found, and fails where anything differs.
"""
import argparse
import hashlib
import json
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
CASE = """
question = "Does it go on as if it had never been killed?"
[model]
d_model = 32
h = 2
ff = 64
n_layers = 2
seq_len = 32
[data]
corpora = [{{ name = "en", path = "{sample}/en.txt.gz", fraction = 0.05 }}]
valid = 0.1
[tokenizer]
vocab_size = 600
[schedule]
learning_rate = 2e-3
[train]
batch_size = 8
steps = 120
device = "cpu"
log_every = 7
eval_every = 30
checkpoint_every = 13
keep_checkpoints = 2
"""
CROWD = 32
# What a clock or a resume makes.
TIMES = {"time_s", "tokens_per_s", "padded_tokens_per_s", "wait_share", "duration_s", "crc32", "time"}


def figures(run):
    """Log and evaluation lines that count, without times: what a resume took back is left out."""
    rows = []
    for line in (run / "journal.jsonl").read_text(encoding="utf-8").splitlines():
        event = json.loads(line)
        if event["event"] == "resume":
            # Without a checkpoint all is done again, the evaluation before the first step too.
            is_anew = event["checkpoint"] == "the first step"
            rows = [row for row in rows if row["step"] <= event["step"] and not is_anew]
        elif event["event"] in ("log", "eval", "epoch"):
            rows.append({key: value for key, value in event.items() if key not in TIMES})
    return rows


def weights(run):
    last = sorted(path for path in (run / "checkpoints").iterdir() if path.name.startswith("step-"))[-1]
    return [hashlib.sha256((last / name).read_bytes()).hexdigest() for name in ("model.safetensors", "optimizer.safetensors")]


SIGNALS = [signal.SIGTERM, signal.SIGINT, signal.SIGHUP]


def half_written(folder):
    """Names below a folder that only something half-written has."""
    names = [path.name for path in folder.rglob("*")]
    return [name for name in names if name.endswith((".tmp", ".building")) or name.startswith(("partial-", "removed-", "replaced-"))]


def interrupt(process, draw, within, folder):
    """Sends a signal, and holds what follows against what is promised; where it was and seconds it took."""
    journal = list(folder.rglob("journal.jsonl"))
    where = "training" if journal and journal[0].stat().st_size else "before"
    chosen = draw.choice(SIGNALS)
    begun = time.monotonic()
    process.send_signal(chosen)
    _, said = process.communicate()
    took = time.monotonic() - begun
    code = process.returncode
    if code == -chosen:
        where = "starting"  # it did not listen yet: the signal did what it does to any process
    elif code not in (0, 75):
        sys.exit(f"{chosen.name} {where}: status {code}: {said}")
    if took > within:
        sys.exit(f"{chosen.name} {where}: left after {took:.1f} s: {said}")
    if left := half_written(folder):
        sys.exit(f"{chosen.name} {where}: half-written: {left}: {said}")
    return where, took


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--casebook", type=Path, default=ROOT / "target/release/casebook")
    parser.add_argument("--kills", type=int, default=40)
    parser.add_argument("--chain", type=int, default=10, help="kills of one run at most")
    parser.add_argument("--crowds", type=int, default=0, help="times that 32 processes begin one run together")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--signals", action="store_true", help="SIGTERM, SIGINT and SIGHUP instead of SIGKILL")
    parser.add_argument("--within", type=float, default=2, help="seconds in which a signal must be answered")
    a = parser.parse_args()
    draw = random.Random(a.seed)
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        case = folder / "case.toml"
        case.write_text(CASE.format(sample=ROOT / "data/sample"), encoding="utf-8")

        def start(runs):
            prepared = folder / (runs if a.signals else "") / "prepared"
            words = [a.casebook, "train", case, "--runs", folder / runs, "--prepared", prepared]
            return subprocess.Popen([str(word) for word in words], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)

        start("first").communicate()  # prepares the text
        begun = time.monotonic()
        process = start("whole")
        _, error = process.communicate()
        if process.returncode:
            sys.exit(error)
        length = time.monotonic() - begun
        run = "case/base/s1"
        wanted = figures(folder / "whole" / run), weights(folder / "whole" / run)
        kills = chains = 0
        places, slowest = Counter(), 0
        while kills < a.kills:
            chains += 1
            runs = f"chain-{chains}"
            for _ in range(min(draw.randint(1, a.chain), a.kills - kills)):
                process = start(runs)
                time.sleep(draw.random() * length)
                kills += 1
                if a.signals:
                    where, took = interrupt(process, draw, a.within, folder / runs)
                    places[where], slowest = places[where] + 1, max(slowest, took)
                    continue
                process.send_signal(signal.SIGKILL)
                process.communicate()
            process = start(runs)
            _, error = process.communicate()
            if process.returncode:
                sys.exit(f"chain {chains} (seed {a.seed}) does not go on: {error}")
            if (figures(folder / runs / run), weights(folder / runs / run)) != wanted:
                kept = Path.cwd() / f"differs-{a.seed}-{chains}"
                shutil.copytree(folder / runs, kept)
                sys.exit(f"chain {chains} (seed {a.seed}) ends otherwise; it is kept in {kept}")
            shutil.rmtree(folder / runs)
        for crowd in range(1, a.crowds + 1):
            runs = f"crowd-{crowd}"
            together = [start(runs) for _ in range(CROWD)]
            errors = [process.communicate()[1] for process in together]
            # One that asks when the run has ended is told so, and ends well.
            refused = [error for process, error in zip(together, errors) if process.returncode]
            strangers = [error for error in refused if "process" not in error]
            begun = [json.loads(line)["event"] for line in (folder / runs / run / "journal.jsonl").read_text().splitlines()]
            if strangers or begun.count("start") != 1 or begun.count("resume"):
                sys.exit(f"crowd {crowd} (seed {a.seed}): {begun.count('start')} starts, {begun.count('resume')} resumes; {strangers}")
            if (figures(folder / runs / run), weights(folder / runs / run)) != wanted:
                sys.exit(f"crowd {crowd} (seed {a.seed}) ends otherwise")
            shutil.rmtree(folder / runs)
    if a.crowds:
        print(f"{a.crowds} times {CROWD} processes at once on one run: one trained it, and it ended as the one left alone")
    if kills:
        print(f"{kills} kills in {chains} chains of up to {a.chain}: each run ended as the one left alone, {len(wanted[0])} journal "
              f"lines, weights and moments to the bit")
    if a.signals:
        told = ", ".join(f"{count} {where}" for where, count in sorted(places.items()))
        print(f"signals: {told}; the slowest was answered within {slowest:.2f} s; nothing half-written")


if __name__ == "__main__":
    main()
