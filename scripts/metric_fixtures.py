#!/usr/bin/env python3
"""What scikit-learn and seqeval say of 10,000 random cases, for the tests of journal::metrics.

    pip install scikit-learn==1.9.1 seqeval==1.2.2 numpy==2.4.6
    python scripts/metric_fixtures.py --write     # crates/journal/tests/fixtures/metrics.{json,f64}
    python scripts/metric_fixtures.py --check     # the same numbers, to 1e-12, as in the committed files

The inputs are not stored: they are drawn from SplitMix64 here and in crates/journal/src/metrics/fixture_cases.rs, in the
same order. Of every case two fingerprints are stored (sums of its values under fixed weights), of the first cases every
value. Cases without an example have no values: the libraries warn or fail there.
"""

import argparse
import json
import math
import struct
import sys
import warnings
from pathlib import Path

import numpy as np
import scipy.special
import sklearn.metrics as sk
from seqeval.metrics import accuracy_score
from seqeval.metrics.sequence_labeling import precision_recall_fscore_support as conll
from seqeval.metrics.v1 import precision_recall_fscore_support as strict
from seqeval.metrics.v1 import unique_labels
from seqeval.scheme import IOB2

FIXTURES = Path(__file__).resolve().parent.parent / "crates/journal/tests/fixtures"
WORD = (1 << 64) - 1
IN_FULL = 30
BINS = 15


def bits(place):
    mixed = ((place + 1) * 0x9E3779B97F4A7C15) & WORD
    mixed = ((mixed ^ (mixed >> 30)) * 0xBF58476D1CE4E5B9) & WORD
    mixed = ((mixed ^ (mixed >> 27)) * 0x94D049BB133111EB) & WORD
    return mixed ^ (mixed >> 31)


class Draw:
    def __init__(self, kind, case):
        self.place = (kind * 1_000_000 + case) * 4_096

    def next(self):
        self.place += 1
        return bits(self.place - 1)

    def below(self, bound):
        return self.next() % bound

    def unit(self):
        return (self.next() >> 11) / (1 << 53)


def normalised(row):
    total = 0.0
    for value in row:
        total += value
    return [value / total for value in row]


def calibration_error(confidence, right):
    """Guo et al. 2017, eq. 3, bin by bin."""
    confidence, right = np.asarray(confidence), np.asarray(right, dtype=float)
    places = np.ceil(confidence * BINS).astype(int)
    error = 0.0
    for place in range(1, BINS + 1):
        inside = places == place
        if inside.any():
            error += inside.mean() * abs(confidence[inside].mean() - right[inside].mean())
    return error


def per_class(precision, recall, f1):
    return [float(value) for row in zip(precision, recall, f1) for value in row]


def single(case):
    draw = Draw(1, case)
    style = draw.below(8)
    classes = 2 + draw.below(5)
    examples = 0 if case % 500 == 499 else 5 + draw.below(36)
    probs, hard, soft = [], [], []
    for _ in range(examples):
        row = [0.05 + draw.unit() for _ in range(classes)]
        target = [0.05 + draw.unit() for _ in range(classes)]
        truth = draw.below(classes)
        is_helped = draw.below(2) == 1
        if style == 1:
            truth = draw.below(classes - 1)
            row[classes - 1] = 0.001
        target[truth] += 1.5
        if is_helped or style == 2:
            row[truth] += 1.5
        if style == 0:
            row[0] += 5.0
        probs.append(normalised(row))
        soft.append(normalised(target))
        hard.append(truth)
    if not examples:
        return [[], []]
    probs, soft = np.array(probs), np.array(soft)
    is_soft = case % 2 == 1
    truth = soft.argmax(axis=1) if is_soft else np.array(hard)
    said = probs.argmax(axis=1)
    averaged = [sk.precision_recall_fscore_support(truth, said, average=a, zero_division=0)
                for a in ("macro", "micro", "weighted")]
    labels = [
        sk.accuracy_score(truth, said), averaged[0][2], averaged[1][2], averaged[2][2],
        averaged[0][0], averaged[0][1], sk.matthews_corrcoef(truth, said),
    ]
    each = sk.precision_recall_fscore_support(truth, said, labels=range(classes), average=None, zero_division=0)
    calibration = calibration_error(probs.max(axis=1), said == truth)
    if is_soft:
        entropy = -(soft * np.log(probs)).sum(axis=1).mean()
        divergence = scipy.special.rel_entr(soft, probs).sum(axis=1).mean()
        return [labels + per_class(*each[:3]), [entropy, calibration, divergence]]
    return [labels + per_class(*each[:3]), [sk.log_loss(truth, probs, labels=range(classes)), calibration]]


def multi(case):
    draw = Draw(2, case)
    style = draw.below(4)
    labels = 2 + draw.below(5)
    examples = 0 if case % 500 == 499 else 5 + draw.below(36)
    rates = [draw.unit() for _ in range(labels)]
    if style == 0:
        rates[0] = 0.0
    truth, probs = [], []
    for _ in range(examples):
        for rate in rates:
            truth.append(draw.unit() < rate)
            p = 0.02 + 0.96 * draw.unit()
            probs.append(p * 0.5 if style == 1 else p)
    if not examples:
        return [[], []]
    truth = np.array(truth).reshape(examples, labels)
    probs = np.array(probs).reshape(examples, labels)
    said = probs > 0.5
    f1 = {a: sk.f1_score(truth, said, average=a, zero_division=0) for a in ("micro", "macro", "weighted", "samples")}
    values = [
        sk.accuracy_score(truth, said), f1["micro"], f1["macro"], f1["weighted"], f1["samples"],
        sk.precision_score(truth, said, average="macro", zero_division=0),
        sk.recall_score(truth, said, average="macro", zero_division=0),
    ]
    each = sk.precision_recall_fscore_support(truth, said, average=None, zero_division=0)
    entropy = np.mean([sk.log_loss(truth[:, at], probs[:, at], labels=[False, True]) for at in range(labels)])
    calibration = calibration_error(np.maximum(probs, 1 - probs).ravel(), (said == truth).ravel())
    return [values + per_class(*each[:3]), [entropy, calibration]]


def tag(draw, kinds):
    prefix = ["O", "O", "B", "I", "I"][draw.below(5)]
    kind = ["LOC", "ORG", "a-b", "날짜"][draw.below(kinds)]
    return "O" if prefix == "O" else f"{prefix}-{kind}"


def entity_types(*sides):
    from seqeval.metrics.sequence_labeling import get_entities
    return sorted({kind for side in sides for kind, _, _ in get_entities(side)})


def averages(score, truth, said, **how):
    """Micro, macro and weighted precision, recall and F1; 0 where there is no type, of which seqeval gives no mean."""
    if not len(score(truth, said, average=None, **how)[3]):
        return [(0.0, 0.0, 0.0)] * 3
    return [score(truth, said, average=a, **how)[:3] for a in ("micro", "macro", "weighted")]


def tags(case):
    draw = Draw(3, case)
    style = draw.below(8)
    kinds = 1 + draw.below(4)
    sequences = 0 if case % 500 == 499 else 1 + draw.below(6)
    truth, said = [], []
    for _ in range(sequences):
        meant, guess = [], []
        for _ in range(draw.below(13)):
            of_truth, other = tag(draw, kinds), tag(draw, kinds)
            of_model = of_truth if draw.below(4) > 0 else other
            guess.append("O" if style == 0 else of_model)
            meant.append("O" if style == 1 else of_truth)
        truth.append(meant)
        said.append(guess)
    if not sum(map(len, truth)):
        return [[], []]
    groups = []
    types = entity_types(truth, said)
    micro, macro, weighted = averages(conll, truth, said)
    each = conll(truth, said, average=None)
    groups.append([micro[2], macro[2], weighted[2], micro[0], micro[1], accuracy_score(truth, said)]
                  + per_class(*each[:3]))
    micro, macro, weighted = averages(strict, truth, said, scheme=IOB2)
    each = strict(truth, said, average=None, scheme=IOB2)
    of_type = dict(zip(unique_labels(truth, said, IOB2), zip(*each[:3])))
    groups.append([micro[2], macro[2], weighted[2], micro[0], micro[1]]
                  + [float(value) for kind in types for value in of_type.get(kind, (0.0, 0.0, 0.0))])
    return groups


def mixed(case):
    draw = Draw(4, case)

    def sequence(words):
        tags = []
        for _ in range(words):
            prefix = ["O", "B", "I", "E", "S", "I"][draw.below(6)]
            kind = ["-LOC", "-ORG", ""][draw.below(3)]
            tags.append("O" if prefix == "O" else prefix + kind)
        return tags

    lengths = [3 + case % 9, 1 + case % 5]
    truth = [sequence(length) for length in lengths]
    said = [sequence(length) for length in lengths]
    each = conll(truth, said, average=None)
    return [[value for row in averages(conll, truth, said) for value in row], per_class(*each[:3])]


KINDS = [("single", 5_000, single), ("multi", 2_500, multi), ("tags", 2_000, tags), ("mixed", 500, mixed)]


def fingerprint(values):
    total = 0.0
    for at, value in enumerate(values):
        total += (1.0 + (bits(at) >> 11) / (1 << 53)) * value
    return total


def made():
    in_full, prints = {}, []
    for name, cases, make in KINDS:
        in_full[name] = []
        for case in range(cases):
            groups = [[float(value) for value in group] for group in make(case)]
            assert all(math.isfinite(value) for group in groups for value in group), (name, case)
            prints.extend(fingerprint(group) for group in groups)
            if case < IN_FULL:
                in_full[name].append(groups)
    return in_full, prints


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--write", action="store_true", help="write the fixtures")
    what.add_argument("--check", action="store_true", help="compare the fixtures with the libraries installed")
    arguments = parser.parse_args()
    warnings.filterwarnings("ignore")
    in_full, prints = made()
    packed = struct.pack(f"<{len(prints)}d", *prints)
    if arguments.write:
        lines = [f'  "{name}": [\n' + ",\n".join("    " + json.dumps(case) for case in cases) + "\n  ]"
                 for name, cases in in_full.items()]
        (FIXTURES / "metrics.json").write_text("{\n" + ",\n".join(lines) + "\n}\n")
        (FIXTURES / "metrics.f64").write_bytes(packed)
        print(f"{sum(cases for _, cases, _ in KINDS)} cases, {len(packed)} bytes of fingerprints")
        return
    old = struct.unpack(f"<{len(prints)}d", (FIXTURES / "metrics.f64").read_bytes())
    furthest = max(abs(ours - theirs) for ours, theirs in zip(old, prints))
    print(f"{len(prints)} fingerprints, the furthest apart by {furthest:.1e}")
    sys.exit(furthest > 1e-12)


if __name__ == "__main__":
    main()
