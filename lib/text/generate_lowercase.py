#!/usr/bin/env python3
"""Writes lowercase_table.inc: the capitals that have one lower-case character, as Python's str.lower() sees them.

    python lib/text/generate_lowercase.py > lib/text/lowercase_table.inc

Python 3.11 carries Unicode 14. Neighbouring capitals with the same distance to their small letters share a row:
A to Z are one, and so is every second character from U+0100 on, where capitals and small letters take turns.
"""
import sys
import unicodedata


def rows():
    found = []
    for code in range(0x110000):
        lower = chr(code).lower()
        if lower == chr(code) or len(lower) > 1:
            continue
        distance = ord(lower) - code
        if found:
            first, last, step, same = found[-1]
            gap = code - last
            if distance == same and gap <= 2 and step in (0, gap):
                found[-1] = (first, code, gap, same)
                continue
        found.append((code, code, 0, distance))
    return [(first, last, step or 1, distance) for first, last, step, distance in found]


def main():
    table = rows()
    capitals = sum((last - first) // step + 1 for first, last, step, _ in table)
    if capitals != 1432:
        sys.exit(f"{capitals} capitals, not 1432: Unicode {unicodedata.unidata_version}, not 14")
    print("// Written by generate_lowercase.py. Unicode 14; {first, last, step, distance to the small letter}.")
    print(f"constexpr CapitalRange kCapitals[{len(table)}] = {{")
    for i in range(0, len(table), 3):
        print("    " + " ".join(f"{{0x{a:X}, 0x{b:X}, {s}, {d}}}," for a, b, s, d in table[i:i + 3]))
    print("};")


main()
