#!/usr/bin/env python3
"""Writes word_table.inc: which characters `tokenizers` takes for parts of words (\\w) and for punctuation.

    python lib/text/generate_words.py > lib/text/word_table.inc

needs `pip install tokenizers` (0.23). Every character is put to the library's pre-tokenizers Whitespace and
Punctuation, so the tables are those of the Unicode versions that it was built with.
"""
from tokenizers import pre_tokenizers

CODES = [c for c in range(0x110000) if not 0xD800 <= c < 0xE000]
whitespace, punctuation = pre_tokenizers.Whitespace(), pre_tokenizers.Punctuation()


def ranges(codes):
    found = []
    for code in codes:
        if found and found[-1][1] == code - 1:
            found[-1][1] = code
        else:
            found.append([code, code])
    return found


def table(name, codes):
    rows = ranges(codes)
    print(f"constexpr CodeRange {name}[{len(rows)}] = {{")
    line = "   "
    for first, last in rows:
        text = f" {{0x{first:X},0x{last:X}}},"
        if len(line) + len(text) > 118:
            print(line)
            line = "   "
        line += text
    print(line + "\n};")


print("// Written by generate_words.py: first and last code.")
table("kWordCharacters", [c for c in CODES if len(whitespace.pre_tokenize_str("a" + chr(c))) == 1
                          and len(whitespace.pre_tokenize_str("a" + chr(c))[0][0]) == 2])
table("kPunctuation", [c for c in CODES if len(punctuation.pre_tokenize_str("a" + chr(c))) == 2])
