#!/usr/bin/env python3
"""Writes tokens of real text for scripts/replay.sh: a byte-level BPE trained on the files given, as little-endian u16.

    python3 replay_tokens.py --vocab 2000 --out tokens.bin data/sample/ko.txt.gz data/sample/en.txt.gz

Ids 0 to 4 are [PAD], [UNK], [CLS], [SEP], [MASK]; only [SEP] (3) occurs, between documents.
"""
import argparse
import gzip

import numpy as np
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

SPECIALS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
TEXT_BYTES = 1_000_000  # of each file: enough for the few rows that are replayed


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--vocab", type=int, required=True)
    parser.add_argument("--out", required=True)
    parser.add_argument("files", nargs="+")
    args = parser.parse_args()
    documents = []
    for path in args.files:
        with gzip.open(path) as file:
            documents += file.read(TEXT_BYTES).decode(errors="ignore").split("\n\n")
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=args.vocab, special_tokens=SPECIALS, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False
    )
    tokenizer.train_from_iterator(documents, trainer)
    ids = []
    # Turn and turn about, so that both languages stand in every stretch of the file.
    order = sorted(range(len(documents)), key=lambda i: (i * 7919) % len(documents))
    for i in order:
        ids += tokenizer.encode(documents[i]).ids + [3]
    np.array(ids, dtype="<u2").tofile(args.out)
    print(f"{len(ids)} tokens, vocabulary {tokenizer.get_vocab_size()}")


if __name__ == "__main__":
    main()
