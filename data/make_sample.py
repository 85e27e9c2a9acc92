#!/usr/bin/env python3
"""Cuts the sample text of data/sample/ from a folder of larger files.

    python3 data/make_sample.py FOLDER [--out data/sample]

FOLDER holds, for each language, `ko.txt.gz` (one paragraph a line, no empty line) and `ko.docs.tsv` or
`ko.docs.tsv.gz` (header `source  lines`, then one row a document in the order of the text).

Which documents are taken depends on their text alone: the documents of a source are sorted by the sha256 of their first
line, and the first ones are taken until the source has its share of bytes.  They are written in the order of the larger
file, one paragraph a line and an empty line between documents.  Only sources whose licence allows it are named
below; a source that is not named is never read into the sample.
"""
import argparse
import gzip
import hashlib
import pathlib
import sys

# Bytes of text (UTF-8, unpacked) to take of each source; every licence is in data/README.md.
SHARES = {
    "ko": {"kowiki": 3_300_000, "nsmc-neutral": 600_000, "react-docs": 350_000, "news-comments": 200_000},
    "en": {"enwiki": 4_000_000, "react-docs": 500_000},
}
LARGEST_PACKED_BYTES = 1_900_000


def read_documents(folder, language):
    """The documents of a language as (source, lines), in file order."""
    table = next(p for p in (folder / f"{language}.docs.tsv", folder / f"{language}.docs.tsv.gz") if p.exists())
    raw = table.read_bytes()
    rows = (gzip.decompress(raw) if table.suffix == ".gz" else raw).decode().splitlines()[1:]
    lines = gzip.decompress((folder / f"{language}.txt.gz").read_bytes()).decode().split("\n")
    documents, at = [], 0
    for row in rows:
        source, count = row.split("\t")
        documents.append((source, lines[at : at + int(count)]))
        at += int(count)
    if lines[at:] != [""]:
        sys.exit(f"{table}: its rows name {at} lines, the text has {len(lines) - 1}")
    return documents


def bytes_of(lines):
    """Bytes of a document as it is written, newlines included."""
    return sum(len(line.encode()) + 1 for line in lines)


def choose(documents, shares):
    """The numbers of the chosen documents, in file order."""
    chosen = []
    for source, share in shares.items():
        mine = [i for i, (s, _) in enumerate(documents) if s == source]
        mine.sort(key=lambda i: hashlib.sha256(documents[i][1][0].encode()).digest())
        taken = 0
        for i in mine:
            if taken >= share:
                break
            chosen.append(i)
            taken += bytes_of(documents[i][1])
    return sorted(chosen)


def pack(path, text):
    """Writes a gzip file without name or time, so that the same text gives the same bytes (with the same zlib)."""
    with path.open("wb") as out, gzip.GzipFile(filename="", mode="wb", compresslevel=9, fileobj=out, mtime=0) as packed:
        packed.write(text.encode())


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--out", type=pathlib.Path, default=pathlib.Path(__file__).parent / "sample")
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    print("| file | source | documents | lines | bytes of text |\n|---|---|---:|---:|---:|")
    for language, shares in SHARES.items():
        documents = read_documents(args.folder, language)
        chosen = [documents[i] for i in choose(documents, shares)]
        path = args.out / f"{language}.txt.gz"
        pack(path, "\n".join("\n".join(lines) + "\n" for _, lines in chosen))
        pack(args.out / f"{language}.docs.tsv.gz", "source\tlines\n" + "".join(f"{s}\t{len(x)}\n" for s, x in chosen))
        for source in shares:
            mine = [lines for s, lines in chosen if s == source]
            size = sum(map(bytes_of, mine))
            print(f"| `{path.name}` | {source} | {len(mine):,} | {sum(map(len, mine)):,} | {size:,} |")
        if path.stat().st_size > LARGEST_PACKED_BYTES:
            sys.exit(f"{path}: {path.stat().st_size} bytes packed, more than {LARGEST_PACKED_BYTES}; lower the shares")
    print("\n```text")
    for path in sorted(args.out.glob("*.gz")):
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        unpacked = len(gzip.decompress(path.read_bytes()))
        print(f"{digest}  {path.name}  {path.stat().st_size:,} bytes, {unpacked:,} unpacked")
    print("```")


if __name__ == "__main__":
    main()
