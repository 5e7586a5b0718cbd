#!/usr/bin/env python3
"""Writes unicode_tables.inc: letters, numbers and white space as tiktoken's regex engine sees them.

    python lib/text/generate_unicode.py > lib/text/unicode_tables.inc

needs `pip install tiktoken` (0.14 carries Unicode 16). Every scalar value is put to the engine, so
the tables say what the reference implementation does, not what a standard says it should.
"""
import sys

import tiktoken

EXPECTED = {r"\p{L}": 141028, r"\p{N}": 1911, r"\s": 25}  # Unicode 16
BLOCK = 128


def matching(pattern):
    """The scalar values that the pattern matches: text outside the pattern yields no tokens."""
    probe = tiktoken.Encoding(
        "probe", pat_str=pattern, mergeable_ranks={bytes([b]): b for b in range(256)}, special_tokens={})
    everything = "".join(chr(c) for c in range(0x110000) if not 0xD800 <= c < 0xE000)
    found = {ord(c) for c in probe.decode(probe.encode_ordinary(everything))}
    if len(found) != EXPECTED[pattern]:
        sys.exit(f"{pattern} matches {len(found)} characters, not {EXPECTED[pattern]}: another Unicode version")
    return found


def main():
    classes = bytearray(0x110000)
    for number, pattern in enumerate(EXPECTED, start=1):
        for code in matching(pattern):
            classes[code] = number
    end = (max(c for c in range(0x110000) if classes[c]) // BLOCK + 1) * BLOCK

    blocks, index = {}, []
    for start in range(0, end, BLOCK):
        words = tuple(sum(classes[start + w * 32 + i] << (2 * i) for i in range(32)) for w in range(BLOCK // 32))
        index.append(blocks.setdefault(words, len(blocks)))
    assert len(blocks) < 256

    print("// Written by generate_unicode.py. Unicode 16; two bits a character: 1 letter, 2 number, 3 space.")
    print(f"constexpr char32_t kClassEnd = 0x{end:X};  // everything from here on is 0")
    print(f"constexpr std::uint8_t kBlockOf[{len(index)}] = {{  // by code / {BLOCK}")
    for i in range(0, len(index), 24):
        print("    " + ",".join(map(str, index[i:i + 24])) + ",")
    print("};")
    print(f"constexpr std::uint64_t kBlocks[{len(blocks)}][{BLOCK // 32}] = {{")
    for words in blocks:
        print("    {" + ", ".join(f"0x{w:x}" for w in words) + "},")
    print("};")


main()
