#!/usr/bin/env python3
"""Training steps of nanoGPT's model in PyTorch and of gptkit, alternating in one run.

    python tests/bench/train/compare.py NANOGPT_FOLDER build/release/bin/train_bench [--rounds 3]

NANOGPT_FOLDER is a clone of github.com/karpathy/nanoGPT; Python needs torch. Prints tokens/s (the
median of the rounds' medians), peak memory and the ratio. float32, fused AdamW, clipping at 1.0,
no dropout, the shapes of GPT-2 small by default.
"""
import argparse
import json
import os
import statistics
import subprocess
import sys

PEER = r"""
import json, resource, sys, time, torch
sys.path.insert(0, sys.argv[1])
from model import GPT, GPTConfig
o = json.loads(sys.argv[2])
torch.set_num_threads(o["threads"]); torch.manual_seed(1)
m = GPT(GPTConfig(block_size=o["context"], vocab_size=o["vocab"], n_layer=o["layers"], n_head=o["heads"],
                  n_embd=o["width"], dropout=0.0, bias=True))
opt = torch.optim.AdamW(m.parameters(), lr=1e-4, weight_decay=0.1, fused=True)
times = []
for step in range(o["steps"] + 2):
    ids = torch.randint(o["vocab"], (o["batch"], o["context"]))
    begin = time.perf_counter()
    opt.zero_grad(set_to_none=True)
    _, loss = m(ids, ids)
    loss.backward()
    torch.nn.utils.clip_grad_norm_(m.parameters(), 1.0)
    opt.step()
    loss.item()
    if step >= 2: times.append(time.perf_counter() - begin)
times.sort()
print(json.dumps({"tokens_per_second": o["batch"] * o["context"] / times[len(times) // 2],
                  "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000,
                  "loss": loss.item()}))
"""


def last_json(command):
    out = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return json.loads(out.strip().splitlines()[-1])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("nanogpt")
    parser.add_argument("train_bench")
    parser.add_argument("--rounds", type=int, default=3)
    for name, value in dict(layers=12, heads=12, width=768, vocab=50257, batch=4, context=256, steps=5,
                            threads=os.cpu_count()).items():
        parser.add_argument("--" + name, type=int, default=value)
    o = vars(parser.parse_args())
    shape = {k: v for k, v in o.items() if isinstance(v, int) and k != "rounds"}
    ours = [x for k, v in shape.items() for x in ("--" + k, str(v))]
    rows = {"nanoGPT, PyTorch": [], "gptkit": []}
    for turn in range(o["rounds"]):
        rows["nanoGPT, PyTorch"].append(last_json([sys.executable, "-c", PEER, o["nanogpt"], json.dumps(shape)]))
        rows["gptkit"].append(last_json([o["train_bench"], *ours]))
        print(f"round {turn + 1} of {o['rounds']} done", file=sys.stderr)
    speed = {k: statistics.median(r["tokens_per_second"] for r in v) for k, v in rows.items()}
    memory = {k: max(r["peak_mb"] for r in v) for k, v in rows.items()}
    peer = "nanoGPT, PyTorch"
    print(f"{'':20} {'tokens/s':>10} {'ratio':>6} {'peak MB':>9} {'ratio':>6}")
    for k in rows:
        print(f"{k:20} {speed[k]:10.1f} {speed[k] / speed[peer]:6.2f} {memory[k]:9.0f} {memory[k] / memory[peer]:6.2f}")


main()
