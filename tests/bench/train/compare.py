#!/usr/bin/env python3
"""Training steps of the peers and of gptkit, alternating in one run.

    python tests/bench/train/compare.py NANOGPT_FOLDER build/release/bin/train_bench \\
        [--shapes L X M S] [--rounds 3] [--steps 5] [--llmc FOLDER] [--book FOLDER]

NANOGPT_FOLDER is a clone of github.com/karpathy/nanoGPT (its model eager and compiled, float32 and
bfloat16 autocast), --llmc one of karpathy/llm.c (its CPU trainer; needs a C compiler), --book one of
rasbt/LLMs-from-scratch (chapter 4's model: untied, separate q, k, v). Python needs torch. All: AdamW,
clipping at 1.0, no dropout. Prints tokens/s (median of the rounds' medians, and the range), peak memory,
and ratios to the fastest PyTorch configuration of each shape.

    L  12 layers, 768 wide, vocabulary 50,257, 4 x 256 tokens     X  the same, 1 x 1,024
    M   6 layers, 384 wide, vocabulary 50,257, 8 x 256            S  4 layers, 128 wide, 65 characters, 12 x 64
"""
import argparse
import json
import os
import pathlib
import re
import resource
import statistics
import subprocess
import sys
import tempfile

SHAPES = {
    "L": dict(layers=12, heads=12, width=768, vocab=50257, batch=4, context=256),
    "X": dict(layers=12, heads=12, width=768, vocab=50257, batch=1, context=1024),
    "M": dict(layers=6, heads=6, width=384, vocab=50257, batch=8, context=256),
    "S": dict(layers=4, heads=4, width=128, vocab=65, batch=12, context=64),
}

PEER = r"""
import contextlib, json, resource, sys, time, torch
o = json.loads(sys.argv[1])
torch.set_num_threads(o["threads"]); torch.manual_seed(1)
sys.path.insert(0, o["folder"])
V, T = o["vocab"], o["context"]
if o["book"]:
    from llms_from_scratch.ch04 import GPTModel
    net = GPTModel(dict(vocab_size=V, context_length=T, emb_dim=o["width"], n_heads=o["heads"], n_layers=o["layers"],
                        drop_rate=0.0, qkv_bias=False))
    def loss_of(ids): return torch.nn.functional.cross_entropy(net(ids).flatten(0, 1), ids.flatten())
else:
    from model import GPT, GPTConfig
    net = GPT(GPTConfig(block_size=T, vocab_size=V, n_layer=o["layers"], n_head=o["heads"], n_embd=o["width"],
                        dropout=0.0, bias=True))
    def loss_of(ids): return forward(ids, ids)[1]
optimizer = torch.optim.AdamW(net.parameters(), lr=1e-4, weight_decay=0.1, fused=not o["book"])
forward = torch.compile(net) if o["compile"] else net
autocast = torch.amp.autocast("cpu", torch.bfloat16) if o["bfloat16"] else contextlib.nullcontext()
times = []
for step in range(o["steps"] + 3):
    ids = torch.randint(V, (o["batch"], T))
    begin = time.perf_counter()
    optimizer.zero_grad(set_to_none=True)
    with autocast: loss = loss_of(ids)
    loss.backward()
    torch.nn.utils.clip_grad_norm_(net.parameters(), 1.0)
    optimizer.step()
    loss.item()
    if step >= 3: times.append(time.perf_counter() - begin)
times.sort()
print(json.dumps({"tokens_per_second": o["batch"] * T / times[len(times) // 2],
                  "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000}))
"""


def last_json(command, **more):
    done = subprocess.run(command, capture_output=True, text=True, **more)
    if done.returncode != 0:
        sys.exit(f"{command[0]} failed:\n{done.stderr[-2000:]}")
    return json.loads(done.stdout.strip().splitlines()[-1])


def torch_peer(folder, shape, book=False, bfloat16=False, compiled=False):
    options = dict(shape, folder=str(folder), book=book, bfloat16=bfloat16, compile=compiled)
    return lambda: last_json([sys.executable, "-c", PEER, json.dumps(options)])


def gptkit(program, shape, bfloat16):
    options = [x for k, v in dict(shape, bfloat16=int(bfloat16)).items() for x in ("--" + k, str(v))]
    # As the programs set it for themselves.
    return lambda: last_json([program, *options], env=dict(os.environ, THP_MEM_ALLOC_ENABLE="1"))


class LlmC:
    """llm.c's CPU trainer with the shape's batch; random weights and tokens in its own formats."""

    def __init__(self, folder, shape, work):
        import torch
        source = (pathlib.Path(folder) / "train_gpt2.c").read_text()
        source = re.sub(r"int B = \d+;", f"int B = {shape['batch']};", source)
        source = re.sub(r"int T = \d+;", f"int T = {shape['context']};", source)
        source = re.sub(r"step <= \d+;", f"step <= {shape['steps'] + 2};", source)
        source = re.sub(r"step % 10 == 0", "0", source)  # no evaluation
        source = re.sub(r"step % 20 == 0", "0", source)  # no sample
        self.work = work
        (work / "train.c").write_text(source)
        subprocess.run(["cc", "-Ofast", "-march=native", "-fopenmp", "-DOMP", f"-I{folder}", "train.c", "-lm", "-o",
                        "train"], cwd=work, check=True, capture_output=True)
        V, T, L, C = shape["vocab"], shape["context"], shape["layers"], shape["width"]
        padded = (V + 127) // 128 * 128
        head = torch.zeros(256, dtype=torch.int32)
        head[:8] = torch.tensor([20240326, 3, T, V, L, shape["heads"], C, padded])
        count = padded * C + T * C + L * (12 * C * C + 13 * C) + 2 * C
        with open(work / "gpt2_124M.bin", "wb") as out:
            out.write(head.numpy().tobytes())
            (torch.randn(count) * 0.02).numpy().tofile(out)
        data = work / "dev" / "data" / "tinyshakespeare"
        data.mkdir(parents=True)
        tokens = torch.zeros(256, dtype=torch.int32)
        tokens[:3] = torch.tensor([20240520, 1, 1 << 17])
        for name in ("tiny_shakespeare_train.bin", "tiny_shakespeare_val.bin"):
            with open(data / name, "wb") as out:
                out.write(tokens.numpy().tobytes())
                torch.randint(V, (1 << 17,)).to(torch.uint16).numpy().tofile(out)
        self.tokens, self.threads = shape["batch"] * T, shape["threads"]

    def __call__(self):
        before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
        done = subprocess.run(["./train"], cwd=self.work, capture_output=True, text=True,
                              env=dict(os.environ, OMP_NUM_THREADS=str(self.threads)))
        took = [float(x) for x in re.findall(r"took ([\d.]+) ms", done.stdout)]
        if len(took) < 3:
            sys.exit(f"llm.c failed:\n{done.stdout[-1000:]}{done.stderr[-1000:]}")
        peak = max(before, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
        return {"tokens_per_second": self.tokens / statistics.median(took[2:]) * 1000, "peak_mb": peak / 1000}


def measure(name, o, work):
    shape = dict(SHAPES[name], steps=o.steps * (20 if name == "S" else 1), threads=o.threads)
    runs = {}
    for precision in ("float32", "bfloat16"):
        for compiled in (False, True):
            label = f"nanoGPT {'compiled' if compiled else 'eager'}, {precision}"
            runs[label] = torch_peer(o.nanogpt, shape, bfloat16=precision == "bfloat16", compiled=compiled)
    if o.quick:
        runs = {k: v for k, v in runs.items() if k in o.quick}
    peers = list(runs)
    if o.book:
        runs["the book's code"] = torch_peer(pathlib.Path(o.book) / "pkg", shape, book=True)
    if o.llmc:
        folder = work / name
        folder.mkdir()
        runs["llm.c"] = LlmC(o.llmc, shape, folder)
    for precision in ("float32", "bfloat16"):
        runs["gptkit, " + precision] = gptkit(o.train_bench, shape, precision == "bfloat16")
    rows = {k: [] for k in runs}
    for turn in range(o.rounds):
        for label, run in runs.items():
            rows[label].append(run())
        print(f"{name}: round {turn + 1} of {o.rounds} done", file=sys.stderr)
    speed = {k: [r["tokens_per_second"] for r in v] for k, v in rows.items()}
    memory = {k: max(r["peak_mb"] for r in v) for k, v in rows.items()}
    best = max(peers, key=lambda k: statistics.median(speed[k]))
    print(f"\n{name}: {' '.join(f'{k} {v}' for k, v in shape.items())}; ratios to {best}")
    print(f"{'':30} {'tokens/s':>10} {'range':>19} {'ratio':>6} {'peak MB':>9} {'ratio':>6}")
    for k, v in speed.items():
        middle = statistics.median(v)
        print(f"{k:30} {middle:10.1f} {min(v):9.1f}-{max(v):9.1f} {middle / statistics.median(speed[best]):6.2f} "
              f"{memory[k]:9.0f} {memory[k] / memory[best]:6.2f}", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("nanogpt")
    parser.add_argument("train_bench")
    parser.add_argument("--shapes", nargs="+", default=list(SHAPES), choices=list(SHAPES))
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=5)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--llmc")
    parser.add_argument("--book")
    parser.add_argument("--quick", nargs="+", help="only these of nanoGPT's rows, by their names in the table")
    o = parser.parse_args()
    print(next((line for line in open("/proc/cpuinfo") if line.startswith("model name")), "").strip())
    with tempfile.TemporaryDirectory() as work:
        for name in o.shapes:
            measure(name, o, pathlib.Path(work))


main()
