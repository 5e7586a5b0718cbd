#!/usr/bin/env python3
"""Writes the tables of Unicode's normal forms: canonical ones (NFC, NFD) and those by compatibility (NFKC, NFKD).

    python lib/text/generate_normalization.py canonical > lib/text/normalization_table.inc
    python lib/text/generate_normalization.py compatible > lib/text/compatibility_table.inc

needs `pip install tokenizers` (0.23). Every character is put to the library, so the tables are those of the
Unicode version that it was built with, which is older than Python's and utf8proc's. Python's own tables give
only the classes' numbers and the halves of a decomposition, which Unicode never changes.
"""
import sys
import unicodedata

from tokenizers import normalizers

NFD, NFC = normalizers.NFD().normalize_str, normalizers.NFC().normalize_str
NFKD = normalizers.NFKD().normalize_str
CODES = [c for c in range(0x110000) if not 0xD800 <= c < 0xE000 and not 0xAC00 <= c < 0xD7A4]  # Hangul is computed


def halves(code):
    """The characters that a canonical decomposition starts with; the second is 0 for a single one."""
    parts = [int(part, 16) for part in unicodedata.decomposition(chr(code)).split()]
    assert 1 <= len(parts) <= 2 and NFD("".join(map(chr, parts))) == NFD(chr(code)), hex(code)
    return parts + [0] * (2 - len(parts))


def combining_class(code):
    """Python's number if the library moves the mark in front of a later class, or behind an earlier one."""
    number, mark = unicodedata.combining(chr(code)), chr(code)
    if number == 0 or NFD(mark) != mark:
        return number
    known = NFD("a\u0301" + mark) == "a" + mark + "\u0301" if number == 1 else NFD("a" + mark + "\u0334") == "a\u0334" + mark
    return number if known else 0


def ranges(values):
    """(first, last, value) of consecutive codes with the same value other than 0."""
    found = []
    for code in sorted(values):
        if not values[code]:
            continue
        if found and found[-1][1] == code - 1 and found[-1][2] == values[code]:
            found[-1][1] = code
        else:
            found.append([code, code, values[code]])
    return found


def table(declaration, rows):
    print(f"constexpr {declaration}[{len(rows)}] = {{")
    line = "   "
    for row in rows:
        text = " {" + ",".join(f"0x{n:X}" for n in row) + "},"
        if len(line) + len(text) > 118:
            print(line)
            line = "   "
        line += text
    print(line + "\n};")


def write_canonical():
    canonical = [c for c in CODES if NFD(chr(c)) != chr(c)]
    composed = [c for c in canonical if NFC(NFD(chr(c))) == chr(c)]
    print("// Code, first and second half; together they become the character again.")
    table("Decomposition kComposed", [[c] + halves(c) for c in composed])
    print("// The same of characters that are only taken apart; a second half of 0 is none.")
    table("Decomposition kDecomposed", [[c] + halves(c) for c in canonical if c not in set(composed)])
    print("// First and last code, combining class.")
    table("ClassRange kClasses", ranges({c: combining_class(c) for c in CODES}))


def literal(code):
    if code > 0xFFFF:
        return f"\\U{code:08X}"
    return f"\\u{code:04X}" if code >= 0xA0 else "\\" * (chr(code) in '"\\') + chr(code)


def write_compatible():
    compatible = [c for c in CODES if NFKD(chr(c)) != NFD(chr(c))]
    single = {c: ord(NFKD(chr(c))) for c in compatible if len(NFKD(chr(c))) == 1}
    runs = []
    for code in sorted(single):
        if runs and code == runs[-1][0] + runs[-1][1] and single[code] == runs[-1][2] + runs[-1][1]:
            runs[-1][1] += 1
        else:
            runs.append([code, 1, single[code]])
    print("// First code, how many, what the first stands for.")
    table("CompatibleRun kCompatibleRuns", runs)
    print("// Code, then what it stands for.")
    print("constexpr std::u32string_view kCompatibleTexts[] = {")
    line = "   "
    for code in sorted(set(compatible) - set(single)):
        text = ' U"' + "".join(literal(ord(c)) for c in chr(code) + NFKD(chr(code))) + '",'
        if len(line) + len(text) > 118:
            print(line)
            line = "   "
        line += text
    print(line + "\n};")


print("// Written by generate_normalization.py: Unicode's normal forms as `tokenizers` 0.23 has them.")
write_canonical() if sys.argv[1] == "canonical" else write_compatible()
