#!/usr/bin/env python3
"""Holds what `casebook diagnose` says of labelled logs against one reader's labels; prints a Markdown table.

    python3 scripts/judged_logs.py --logs DIR --labels labels.jsonl --totals > crates/diagnose/tests/verdicts.md

DIR holds the logs, which belong to their authors and are not in the repository. The files named in
crates/diagnose/tests/development-half.txt were looked at while the rules were written; the others were not, and their figures
are the ones that count.
"""
import argparse
import collections
import json
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

# The reader's words, and which of our findings say the same.
SAME = {
    "overfit": {"overfitting", "generalisation-gap"},
    "plateau_majority": {"constant-prediction", "not-learning", "late-start", "below-baseline"},
    "nan": {"non-finite"},
    "saturated_early": {"saturated-early", "memorised"},
    "no_eval": {"no-evaluation"},
    "too_short": {"too-short"},
    "mixed_runs": {"mixed-runs"},
    "resume_seam": {"resume-seam"},
    "duplicate_metrics": {"duplicate-metrics"},
    "spike_recovered": {"spike-recovered"},
    "lr_too_high": {"rate-too-high"},
    "lr_too_low": {"rate-too-low"},
    "best_first_eval": {"best-first"},
    "eval_noise_tie": {"tie-in-noise"},
    "epoch_sawtooth": {"epoch-sawtooth"},
    "loss_up_metric_not_down": {"loss-up-metric-holds"},
    "plateau_unigram": {"unigram-plateau"},
    "diverged": {"diverged", "spike-not-recovered"},
    "too_good": {"too-good"},
    "still_improving": {"still-improving"},
}
WORD = {kind: word for word, kinds in SAME.items() for kind in kinds}


def judged(casebook, path):
    told = json.loads(subprocess.run([casebook, "diagnose", str(path), "--json"], capture_output=True, text=True).stdout)["logs"][0]
    found = told["findings"] + [finding for run in told["runs"] for finding in run["findings"]]
    # A gap that is only noted is no overfitting to the reader either: the held-out loss still fell.
    said = [finding for finding in found if (finding["rule"], finding["weight"]) != ("generalisation-gap", "note")]
    return told["verdict"].replace(" ", "_"), {finding["rule"] for finding in said}


def share(right, all):
    return f"{right}/{all} ({right / all:.2f})" if all else "-"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--casebook", default=str(ROOT / "target/release/casebook"))
    parser.add_argument("--logs", type=Path, required=True)
    parser.add_argument("--labels", type=Path, required=True)
    parser.add_argument("--only", choices=["development", "held-out"], help="one half alone")
    parser.add_argument("--totals", action="store_true", help="no rows for the held-out files: they stay unseen")
    a = parser.parse_args()
    half = (ROOT / "crates/diagnose/tests/development-half.txt").read_text().splitlines()
    development = {line for line in half if not line.startswith("#")}
    rows = collections.defaultdict(list)
    for line in a.labels.read_text(encoding="utf-8").splitlines():
        label = json.loads(line)
        name = label["file"].split("/")[-1]
        part = "development" if name in development else "held-out"
        if a.only in (None, part):
            rows[part].append((name, label, *judged(a.casebook, a.logs / name)))
    print("# What is said of 81 logs of other people's trainers\n\nMade by `scripts/judged_logs.py`. The labels are one reader's "
          "(verdict, findings), given from the numbers in a short time; the rules were written while looking at the development "
          "half alone.\n")
    for part, files in rows.items():
        table(part, files, a.totals)


def table(part, files, totals):
    right, agreed = 0, collections.Counter()
    hits, extra, missed = collections.Counter(), collections.Counter(), collections.Counter()
    lines = []
    for name, label, verdict, kinds in sorted(files):
        ours, theirs = {WORD[kind] for kind in kinds if kind in WORD}, set(label["findings"]) - {"fine"}
        right += verdict == label["verdict"]
        agreed[label["verdict"], verdict] += 1
        hits.update(ours & theirs)
        extra.update(ours - theirs)
        missed.update(theirs - ours)
        mark = "" if verdict == label["verdict"] else " **≠**"
        lines.append(f"| {name} | {label['verdict']} | {verdict}{mark} | {', '.join(sorted(ours & theirs))} | "
                     f"{', '.join(sorted(ours - theirs))} | {', '.join(sorted(theirs - ours))} |")
    print(f"## The {part} half: {len(files)} files\n\nVerdicts as the reader's: {share(right, len(files))}.\n")
    verdicts = ["FINE", "WATCH", "BROKEN", "CANNOT_TELL"]
    print("| reader \\ casebook | " + " | ".join(verdicts) + " |\n|---|" + "---|" * 4)
    for theirs in verdicts:
        print(f"| {theirs} | " + " | ".join(str(agreed[theirs, ours]) for ours in verdicts) + " |")
    print("\n| finding | both | ours alone | reader's alone | precision | recall |\n|---|---|---|---|---|---|")
    for word in sorted(SAME):
        both, ours, theirs = hits[word], extra[word], missed[word]
        if both + ours + theirs:
            print(f"| {word} | {both} | {ours} | {theirs} | {share(both, both + ours)} | {share(both, both + theirs)} |")
    both = sum(hits.values())
    print(f"| all | {both} | {sum(extra.values())} | {sum(missed.values())} | {share(both, both + sum(extra.values()))} | "
          f"{share(both, both + sum(missed.values()))} |\n")
    if not (totals and part == "held-out"):
        print("| file | reader | casebook | both | ours alone | reader's alone |\n|---|---|---|---|---|---|")
        print("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
