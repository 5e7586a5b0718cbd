#!/usr/bin/env python3
"""Writes tokenizer_patterns.json: SHA-256 digests of the pre-tokens and ids that Hugging Face's
`tokenizers` gives for the patterns of the Llama family, for tests/text.

    python tests/golden/make_pre_tokenizer_golden.py DATA > tests/golden/tokenizer_patterns.json

needs `pip install tokenizers` and DATA, a folder with GPT-2's gpt2-vocab.json and gpt2-merges.txt (any
byte-level vocabulary would do) and the corpora named below. A digest is over all texts in order: the bytes of
each pre-token, or the ids, as four bytes little-endian, and ff ff ff ff behind each text.
"""
import hashlib
import json
import pathlib
import struct
import sys

import tokenizers
from tokenizers import Regex, Tokenizer, models
from tokenizers.pre_tokenizers import ByteLevel, Digits, Sequence, Split

LLAMA3 = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*"
          r"|\s*[\r\n]+|\s+(?!\S)|\s+")


def split(pattern):
    return Sequence([Split(Regex(pattern), "isolated", invert=False),
                     ByteLevel(add_prefix_space=False, trim_offsets=True, use_regex=False)])


PRE_TOKENIZERS = {
    "llama-bpe": split(LLAMA3),
    "qwen2": split(LLAMA3.replace("{1,3}", "")),
    "smollm": Sequence([Digits(individual_digits=True),
                        ByteLevel(add_prefix_space=False, trim_offsets=True, use_regex=True)]),
}
CORPORA = ["the-verdict.txt", "tinyshakespeare.txt", "wikitext2-valid.txt", "wikitext2-test.txt",
           "SMSSpamCollection.tsv", "instruction-data.json", "instruction-data-with-preference.json"]
FRAGMENTS = [
    "a", "B", "the", " the", "hello", " ", "  ", "\t", "\n", "\r\n", "\n\n", "\r", "0", "12", "2024", "123456", ".",
    ",", "!?", "--", "'", "'s", "'t", "'re", "'ve", "'m", "'ll", "'d", "'LL", "'S", "'Re", "'VE", "'ſ", "'K", "’s",
    "''", "'l", "'r", "(", "_", "\0", "é", "ß", "Привет", "中文", "한국", "नमस्ते", "²", "Ⅷ", "٣", "½", "e\u0301",
    "\u0301", "\u00a0", "\u0085", "\u180e", "\u200b", "\u2003", "\u2028", "\u3000", "\ufeff", "\ufffd", "😀", "👩‍👩‍👧",
    "\u1680", "𝔘", "𝟘", "\v", "\f", "\x1c", "\U0010ffff",
]


# Numbers since Unicode 17, which Digits knows and the regular expressions of the same release do not.
NEW_NUMBERS = [*range(0x11DE0, 0x11DEA), *range(0x16FF4, 0x16FF7)]


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


def around(c):
    """A character at the start and the end, and between letters, numbers, symbols and white space."""
    return f"{c}a{c}b {c}x1{c}2!{c}\n '{c} \n{c}{c}  {c}"


def digest(numbers_of, texts):
    sha, count = hashlib.sha256(), 0
    for text in texts:
        numbers = numbers_of(text)
        count += len(numbers)
        sha.update(struct.pack(f"<{len(numbers) + 1}I", *numbers, 0xFFFFFFFF))
    return {"numbers": count, "sha256": sha.hexdigest()}


def golden(data, pre):
    # One letter of the byte alphabet is one byte.
    lengths = lambda text: [len(piece) for piece, _ in pre.pre_tokenize_str(text)]
    merges = [tuple(line.split(" ")) for line in (data / "gpt2-merges.txt").read_text().split("\n")[1:] if line]
    bpe = Tokenizer(models.BPE(vocab=json.loads((data / "gpt2-vocab.json").read_text()), merges=merges))
    bpe.pre_tokenizer = pre
    ids = lambda text: bpe.encode(text, add_special_tokens=False).ids
    random = Random(321)
    texts = [random_text(random) for _ in range(20000)]
    scalars = (chr(c) for c in range(0x110000) if not 0xD800 <= c < 0xE000 and c not in NEW_NUMBERS)
    return {
        "pre-tokens around every scalar value of Unicode 16": digest(lengths, map(around, scalars)),
        "pre-tokens of 20000 random texts, seed 321": digest(lengths, texts),
        "ids of 20000 random texts, seed 321": digest(ids, texts),
        "ids of corpora": {name: digest(ids, [(data / name).read_bytes().decode()]) for name in CORPORA},
    }


def main():
    data = pathlib.Path(sys.argv[1])
    result = {"made by": f"make_pre_tokenizer_golden.py with tokenizers {tokenizers.__version__}",
              "fragments": FRAGMENTS}
    result |= {name: golden(data, pre) for name, pre in PRE_TOKENIZERS.items()}
    json.dump(result, sys.stdout, indent=1)
    print()


main()
