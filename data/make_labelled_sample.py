#!/usr/bin/env python3
"""Cuts the labelled sample of data/sample/ from larger files.

    python3 data/make_labelled_sample.py FOLDER [--out data/sample]

FOLDER holds `cls/nsmc/train.tsv.gz` and `dev.tsv.gz` (header `id text label`), `ser/cord/train120.jsonl` and `dev.jsonl`.
Reviews are sorted by the sha256 of their text and the first ones taken, each text once; receipts are taken whole.
"""
import argparse
import gzip
import hashlib
import pathlib

REVIEWS = {"train": 12_000, "dev": 2_000}
RECEIPTS = {"train": "train120.jsonl", "dev": "dev.jsonl"}


def reviews(folder, split):
    lines = gzip.decompress((folder / f"cls/nsmc/{split}.tsv.gz").read_bytes()).decode().splitlines()[1:]
    texts = dict(reversed([line.split("\t")[1:] for line in lines]))
    chosen = sorted(texts, key=lambda text: hashlib.sha256(text.encode()).digest())[: REVIEWS[split]]
    return "text\tlabel\n" + "".join(f"{text}\t{texts[text]}\n" for text in chosen)


def write(path, text):
    """Packed without a name and a time, so that the same text is the same file."""
    path.write_bytes(gzip.compress(text.encode(), 9, mtime=0))
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    print(f"{digest}  {path.name}  {path.stat().st_size:,} bytes, {len(text.encode()):,} unpacked, {text.count(chr(10)):,} lines")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--out", type=pathlib.Path, default=pathlib.Path("data/sample"))
    arguments = parser.parse_args()
    for split in ["train", "dev"]:
        write(arguments.out / f"reviews.{split}.tsv.gz", reviews(arguments.folder, split))
        pages = (arguments.folder / "ser/cord" / RECEIPTS[split]).read_text()
        write(arguments.out / f"receipts.{split}.jsonl.gz", pages)


if __name__ == "__main__":
    main()
