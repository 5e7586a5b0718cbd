#!/usr/bin/env python3
"""Writes tokenizer.json: SHA-256 digests of the ids that tiktoken gives, for tests/text.

    python tests/golden/make_tokenizer_golden.py DATA > tests/golden/tokenizer.json

needs `pip install tiktoken` and DATA, a folder with GPT-2's gpt2-vocab.json and gpt2-merges.txt and
the corpora named below. A digest is over the ids of all texts in order, each id four bytes,
little-endian, each text ended by ff ff ff ff.
"""
import hashlib
import json
import pathlib
import struct
import sys

import tiktoken
from tiktoken.load import data_gym_to_mergeable_bpe_ranks

PATTERN = r"'(?:[sdmt]|ll|ve|re)| ?\p{L}++| ?\p{N}++| ?[^\s\p{L}\p{N}]++|\s++$|\s+(?!\S)|\s"
CORPORA = ["the-verdict.txt", "tinyshakespeare.txt", "wikitext2-valid.txt", "wikitext2-test.txt",
           "SMSSpamCollection.tsv", "instruction-data.json", "instruction-data-with-preference.json"]
FRAGMENTS = [
    "a", "B", "the", " the", "hello", " ", "  ", "\t", "\n", "\r\n", "\n\n", "0", "12", "2024", ".", ",", "!?", "--",
    "'", "'s", "'t", "'re", "'ve", "'m", "'ll", "'d", "'LL", "'S", "’s", "''", "(", "_", "<|endoftext|>", "\0",
    "é", "ß", "Привет", "中文", "日本", "한국", "ไทย", "नमस्ते", "²", "Ⅷ", "٣", "½", "e\u0301", "\u0301", "\u00a0",
    "\u0085", "\u180e", "\u200b", "\u2003", "\u2028", "\u3000", "\ufeff", "\ufffd", "😀", "👩‍👩‍👧", "🇩🇪", "\u1680", "𝔘", "𝟘",
    "\U0010ffff",
]


class Random:
    """Knuth's 64-bit linear congruential generator; the upper 31 bits are drawn."""

    def __init__(self, seed):
        self.state = seed

    def below(self, n):
        self.state = (self.state * 6364136223846793005 + 1442695040888963407) % 2**64
        return (self.state >> 33) % n


def random_text(random):
    """Up to 29 parts: one in eight any scalar value, the rest fragments."""
    parts = []
    for _ in range(random.below(30)):
        if random.below(8) == 0:
            code = random.below(0x110000 - 0x800)
            parts.append(chr(code if code < 0xD800 else code + 0x800))
        else:
            parts.append(FRAGMENTS[random.below(len(FRAGMENTS))])
    return "".join(parts)


class Digest:
    def __init__(self, encoding):
        self.encoding, self.sha, self.tokens = encoding, hashlib.sha256(), 0

    def add(self, text):
        ids = self.encoding.encode_ordinary(text)
        self.tokens += len(ids)
        self.sha.update(struct.pack(f"<{len(ids) + 1}I", *ids, 0xFFFFFFFF))

    def result(self):
        return {"tokens": self.tokens, "sha256": self.sha.hexdigest()}


def digest(encoding, texts):
    made = Digest(encoding)
    for text in texts:
        made.add(text)
    return made.result()


def main():
    data = pathlib.Path(sys.argv[1])
    ranks = data_gym_to_mergeable_bpe_ranks(str(data / "gpt2-merges.txt"), str(data / "gpt2-vocab.json"))
    gpt2 = tiktoken.Encoding("gpt2", pat_str=PATTERN, mergeable_ranks=ranks,
                             special_tokens={"<|endoftext|>": 50256})
    scalars = [chr(c) for c in range(0x110000) if not 0xD800 <= c < 0xE000]
    random = Random(123)
    golden = {
        "made by": f"make_tokenizer_golden.py with tiktoken {tiktoken.__version__}",
        "fragments": FRAGMENTS,
        "every scalar value after": {
            before: digest(gpt2, (before + c for c in scalars)) for before in ["", "a", "1", "!", " "]},
        "10000 random texts, seed 123": digest(gpt2, (random_text(random) for _ in range(10000))),
        "corpora": {name: digest(gpt2, [(data / name).read_bytes().decode()]) for name in CORPORA},
    }
    json.dump(golden, sys.stdout, indent=1)
    print()


main()
