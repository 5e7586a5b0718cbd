#!/usr/bin/env python3
"""tiktoken and gptkit side by side: MB/s of encoding about 20 MB of real text with GPT-2's BPE.

    python tests/bench/tokenizer/compare.py DATA BIN/tokenizer_bench [ROUNDS]

DATA holds gpt2-vocab.json, gpt2-merges.txt and texts; `pip install tiktoken`. The two take turns, so
that whatever else the machine does meets both; the best round of each counts, and the token counts
must agree.
"""
import json
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time

import tiktoken
from tiktoken.load import data_gym_to_mergeable_bpe_ranks

PATTERN = r"'(?:[sdmt]|ll|ve|re)| ?\p{L}++| ?\p{N}++| ?[^\s\p{L}\p{N}]++|\s++$|\s+(?!\S)|\s"
TEXTS = ["the-verdict.txt", "tinyshakespeare.txt", "wikitext2-valid.txt", "wikitext2-test.txt",
         "SMSSpamCollection.tsv", "instruction-data.json"]


def main():
    data, bench = pathlib.Path(sys.argv[1]), sys.argv[2]
    rounds = int(sys.argv[3]) if len(sys.argv) > 3 else 5
    ranks = data_gym_to_mergeable_bpe_ranks(str(data / "gpt2-merges.txt"), str(data / "gpt2-vocab.json"))
    reference = tiktoken.Encoding("gpt2", pat_str=PATTERN, mergeable_ranks=ranks, special_tokens={})
    once = "".join((data / name).read_bytes().decode() for name in TEXTS)
    text = once * max(1, round(20e6 / len(once.encode())))
    size = len(text.encode())

    def tiktoken_seconds():
        begin = time.perf_counter()
        tokens = len(reference.encode_ordinary(text))
        return time.perf_counter() - begin, tokens

    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        shutil.copy(data / "gpt2-vocab.json", folder / "vocab.json")
        shutil.copy(data / "gpt2-merges.txt", folder / "merges.txt")
        (folder / "text").write_bytes(text.encode())

        def gptkit_seconds(threads):
            made = subprocess.run([bench, folder, folder / "text", str(threads), "3"], check=True, capture_output=True)
            result = json.loads(made.stdout)
            return result["seconds"], result["tokens"]

        contenders = {"tiktoken, 1 thread": tiktoken_seconds, "gptkit, 1 thread": lambda: gptkit_seconds(1),
                      "gptkit, 2 threads": lambda: gptkit_seconds(2)}
        best, tokens = dict.fromkeys(contenders, float("inf")), set()
        for _ in range(rounds):
            for name, run in contenders.items():
                seconds, count = run()
                best[name] = min(best[name], seconds)
                tokens.add(count)
    if len(tokens) != 1:
        sys.exit(f"token counts differ: {sorted(tokens)}")

    print(f"{size / 1e6:.1f} MB, {tokens.pop()} tokens, best of {rounds}, tiktoken {tiktoken.__version__}")
    for name, seconds in best.items():
        ratio = best["tiktoken, 1 thread"] / seconds
        print(f"{name:20} {size / seconds / 1e6:8.1f} MB/s {ratio:6.1f} x tiktoken")


main()
