#!/usr/bin/env python3
"""Loading GPT-2 124M in float32: gptkit, transformers and the book's loader in one run.

    python tests/bench/load/compare.py BIN/load_bench [ROUNDS]

`pip install torch transformers`. The weights are random, saved once by transformers in a temporary
folder (0.5 GB): model.safetensors for the first two, a .pth of the same state dict for the book's way
(build the model with its own random weights, torch.load, load_state_dict). Each contender is a process
of its own, in turns; the best of each counts. Peak is what loading adds to the resident memory.
"""
import json
import pathlib
import subprocess
import sys
import tempfile

COMMON = """
import json, resource, time
def memory(key):
    for line in open("/proc/self/status"):
        if line.startswith(key): return int(line.split()[1]) * 1024 / 1e6
import torch, transformers
transformers.GPT2LMHeadModel, transformers.GPT2Config
before, begin = memory("VmRSS:"), time.perf_counter()
{load}
print(json.dumps({{"seconds": time.perf_counter() - begin, "peak_mb": memory("VmHWM:") - before}}))
"""
TRANSFORMERS = "model = transformers.GPT2LMHeadModel.from_pretrained({folder!r}, dtype=torch.float32)"
BOOK = """model = transformers.GPT2LMHeadModel(transformers.GPT2Config())
model.load_state_dict(torch.load({folder!r} + '/model.pth', weights_only=True))"""


def main():
    bench = sys.argv[1]
    rounds = int(sys.argv[2]) if len(sys.argv) > 2 else 3
    with tempfile.TemporaryDirectory() as folder:
        made = ("import torch, transformers; m = transformers.GPT2LMHeadModel(transformers.GPT2Config()); "
                f"m.save_pretrained({folder!r}); torch.save(m.state_dict(), {folder!r} + '/model.pth')")
        subprocess.run([sys.executable, "-c", made], check=True, capture_output=True)
        python = lambda load: [sys.executable, "-c", COMMON.format(load=load.format(folder=folder))]
        contenders = {"transformers": python(TRANSFORMERS), "the book's way": python(BOOK),
                      "gptkit": [bench, folder]}
        best = {}
        for _ in range(rounds):
            for name, command in contenders.items():
                ran = subprocess.run(command, check=True, capture_output=True, text=True)
                figures = json.loads(ran.stdout.splitlines()[-1])
                for key in ("seconds", "peak_mb"):
                    best[name, key] = min(best.get((name, key), 1e9), figures[key])
        size = pathlib.Path(folder, "model.safetensors").stat().st_size / 1e6
    print(f"model of {size:.0f} MB, best of {rounds}")
    print(f"{'':16}{'seconds':>9}{'ratio':>7}{'peak MB':>9}{'x size':>8}")
    for name in contenders:
        seconds, peak = best[name, "seconds"], best[name, "peak_mb"]
        print(f"{name:16}{seconds:9.3f}{best['transformers', 'seconds'] / seconds:7.2f}{peak:9.0f}{peak / size:8.2f}")


if __name__ == "__main__":
    main()
