#!/usr/bin/env python3
"""Writes vocabularies.json: the merges of two small BPE vocabularies, learned from the quickstart's stories.

python tests/golden/differential_kinds/make_vocabularies.py
"""

import json
import pathlib

from tokenizers import Tokenizer, models, pre_tokenizers, trainers

HERE = pathlib.Path(__file__).resolve().parent
STORIES = HERE.parents[2] / "configs/quickstart/stories.txt"


def learned(pre_tokenizer, alphabet, merges):
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizer
    trainer = trainers.BpeTrainer(
        vocab_size=len(alphabet) + merges, initial_alphabet=alphabet, limit_alphabet=len(alphabet), show_progress=False
    )
    tokenizer.train_from_iterator(STORIES.read_text().splitlines(), trainer)
    return [" ".join(pair) for pair in json.loads(tokenizer.to_str())["model"]["merges"]]


def main():
    letters = sorted("▁" + "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.,!?'\"-:;éñ日")
    split = pre_tokenizers.Metaspace(replacement="▁", prepend_scheme="always", split=True)
    byte_level = pre_tokenizers.ByteLevel(add_prefix_space=False)
    out = {
        "bytes": {"characters": [], "merges": learned(byte_level, byte_level.alphabet(), 72)},
        "pieces": {"characters": letters, "merges": learned(split, letters, 72)},
    }
    rows = [f"{json.dumps(name)}: {json.dumps(entry, ensure_ascii=False)}" for name, entry in out.items()]
    (HERE.parent / "differential/vocabularies.json").write_text("{\n" + ",\n".join(rows) + "\n}\n")


if __name__ == "__main__":
    main()
