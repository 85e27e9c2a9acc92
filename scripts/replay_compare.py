#!/usr/bin/env python3
"""Compares the losses and gradient norms of two runs step by step; fails above the tolerance.

    python3 replay_compare.py theirs.json ours.json [--tolerance 1e-4]

Each file is one JSON object with the arrays `loss` and `grad_norm`.
"""
import argparse
import json
import sys


def largest(name, theirs, ours):
    """The largest relative difference and the step where it is."""
    if not theirs or len(theirs) != len(ours):
        sys.exit(f"{name}: {len(theirs)} values against {len(ours)}")
    apart = [abs(a - b) / max(abs(a), 1e-12) for a, b in zip(theirs, ours)]
    # A value that is no number is no agreement: `not <=` also holds for NaN.
    apart = [x if x <= float("inf") else float("inf") for x in apart]
    step = max(range(len(apart)), key=apart.__getitem__)
    return apart[step], step


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("theirs")
    parser.add_argument("ours")
    parser.add_argument("--tolerance", type=float, default=1e-4)
    args = parser.parse_args()
    with open(args.theirs) as a, open(args.ours) as b:
        theirs, ours = json.load(a), json.load(b)
    agrees = True
    for name in ("loss", "grad_norm"):
        apart, step = largest(name, theirs[name], ours[name])
        verdict = "agrees" if apart <= args.tolerance else "DIFFERS"
        agrees &= apart <= args.tolerance
        print(
            f"{name:9}  {len(theirs[name])} steps, first {theirs[name][0]:.6f}, last {theirs[name][-1]:.6f} and "
            f"{ours[name][-1]:.6f}; largest relative difference {apart:.2e} at step {step}: {verdict}"
        )
    sys.exit(0 if agrees else 1)


if __name__ == "__main__":
    main()
