#!/usr/bin/env python3
"""Prints the digests of normalization_test.cpp: each character alone and between others, in each normal form.

needs `pip install tokenizers` (0.23).
"""
import hashlib

from tokenizers import normalizers

codes = [c for c in range(0x110000) if not 0xD800 <= c < 0xE000]
text = "\n".join(f"{chr(c)} a{chr(c)}\u0334 e\u0323{chr(c)}\u0301 {chr(c)}\u1161\u11a8 \u1100{chr(c)}" for c in codes)
for name in ("NFC", "NFD", "NFKC", "NFKD"):
    print(name, hashlib.sha256(getattr(normalizers, name)().normalize_str(text).encode()).hexdigest())
