#!/usr/bin/env python3
"""Decoding: gptkit beside llama.cpp, CTranslate2 and transformers in one run, in turns.

    python tests/bench/infer/compare.py BIN FOLDER --prepare DATA     once: makes the models, builds llama.cpp's peer
    python tests/bench/infer/compare.py BIN FOLDER [--models gpt2] [--tables decode] [--rounds 3] ...

BIN is the folder of gptkit's programs and benches, FOLDER lies outside the repository, DATA holds gpt2-vocab.json and
gpt2-merges.txt. `pip install torch transformers ctranslate2 gguf`; llama.cpp's library comes from npm (prepare.py).

Greedy decoding after prompts of 32 tokens, each contender a process of its own; the median over all rounds counts,
and the range is beside it. The limit of decoding is the memory's measured speed divided by the bytes of weights that
a step reads; "share" is the part of it that is reached. Weights that fit partly in the processor's cache may exceed
it. The targets are only printed. Run it on a machine that does nothing else: with one of its threads
displaced, llama.cpp's rate falls to a third, because its threads wait for each other actively.
"""
import argparse
import functools
import json
import pathlib
import statistics
import sys

import prepare
from contenders import BEAM_PROMPTS, BEAMS, FORMATS, PYTHON_PEERS, Contenders, Figures, last_json, run

# Ratio to llama.cpp to reach, by the number of sequences.
TARGETS = {
    1: {"bfloat16": 1.2, "int8": 1.4, "int4": 1.2, "GGUF Q8_0": 1.2, "GGUF Q4_0": 1.2},
    8: dict.fromkeys(FORMATS, 1.5),
    32: dict.fromkeys(FORMATS, 2.0),
}
PREFILL_TARGET, BEAM_TARGET = 1.5, 4.0
PREFILL_TARGETS = {"CTranslate2 int8": 1.0}
CONTENDERS = ("gptkit", "llama.cpp", "transformers", "ctranslate2")
HEAD = f"{'':24}{'gptkit':>9} {'range':>12} {'peer':>9} {'range':>12} {'ratio':>6} {'target':>6}"
TABLES = ("decode", "prefill", "beam", "start")


def cpu():
    """Its name and those of its flags that matrix multiplications care about."""
    fields = dict(part.split(":", 1) for part in open("/proc/cpuinfo") if ":" in part)
    fields = {key.strip(): value.strip() for key, value in fields.items()}
    wanted = ("avx2", "fma", "f16c", "avx_vnni", "avx512", "amx")
    return {"processor": fields.get("model name", "unknown"), "family": fields.get("cpu family"),
            "model": fields.get("model"), "cache": fields.get("cache size"),
            "flags": [flag for flag in fields.get("flags", "").split() if flag.startswith(wanted)]}


def jobs(contenders, o):
    """What a round runs, in order, by name: contenders of the same figure follow each other."""
    found = {}

    def add(contender, call, *options):
        if contender in o.contenders:
            found[(contender, call.__name__, *options)] = functools.partial(call, *options)

    python = [(name, peer[0]) for name, peer in PYTHON_PEERS.items() if peer[3] in o.formats]
    for sequences in o.sequences if {"decode", "prefill"} & set(o.tables) else []:
        for name in o.formats:
            add("gptkit", contenders.gptkit, name, sequences)
            add("llama.cpp", contenders.llama, FORMATS[name][2], sequences)
        for name, peer in python:
            add(peer, contenders.python, name, sequences)
    if "beam" in o.tables:
        add("gptkit", contenders.gptkit_beam, "float32")
        add("transformers", contenders.python_beam, "transformers float32")
    if "start" in o.tables:
        for name in o.formats:
            add("gptkit", contenders.gptkit_start, name)
            add("llama.cpp", contenders.llama_start, FORMATS[name][2])
        for name, peer in python:
            add(peer, contenders.python_start, name)
    return found


def text(value, digits=1):
    return "-" if value is None else f"{value:.{digits}f}"


def quotient(a, b):
    return a / b if a and b else None


class Tables:
    """Prints what one model's figures say; speed is that of the memory in bytes/s."""

    def __init__(self, figures, speed, o):
        self.figures, self.speed, self.o = figures, speed, o

    def share(self, contender, sequences):
        """The part of the limit that is reached; a step reads the weights once for all sequences."""
        rate, size = self.figures.median(contender, f"decode {sequences}"), self.figures.bytes.get(contender)
        return rate / sequences * size / self.speed if rate and size else None

    def has(self, contender):
        return any(measured == contender for measured, _ in self.figures.values)

    def pair(self, contender, kind):
        return f"{text(self.figures.median(contender, kind)):>9} {self.figures.range(contender, kind):>12}"

    def beside(self, name, contender, kind, target):
        """gptkit's format beside a contender: both values, the ratio, the target."""
        mine = f"gptkit {name}"
        ratio = quotient(self.figures.median(mine, kind), self.figures.median(contender, kind))
        return f"{self.pair(mine, kind)} {self.pair(contender, kind)} {text(ratio, 2):>6} {text(target, 1):>6}"

    def decode(self, sequences):
        print(f"\ndecoding, {sequences} sequence{'s' * (sequences > 1)}, tokens/s of all together")
        print(f"{HEAD} {'share':>6} {'peer':>6}")
        rows = [(name, f"llama.cpp {FORMATS[name][2]}", name, TARGETS.get(sequences, {}).get(name))
                for name in self.o.formats]
        rows += [(peer, peer, entry[3], entry[4] if sequences == 1 else None) for peer, entry in PYTHON_PEERS.items()
                 if entry[3] in self.o.formats and self.has(peer)]
        for label, contender, name, target in rows:
            shares = [self.share(one, sequences) for one in (f"gptkit {name}", contender)]
            print(f"{label:24}{self.beside(name, contender, f'decode {sequences}', target)} "
                  f"{text(shares[0], 2):>6} {text(shares[1], 2):>6}")

    def prefill(self):
        print(f"\nprefill of {self.o.prefill}, tokens/s")
        print(HEAD)
        for name in self.o.formats:
            print(f"{name:24}{self.beside(name, f'llama.cpp {FORMATS[name][2]}', 'prefill', PREFILL_TARGET)}")
        for peer, entry in PYTHON_PEERS.items():
            if entry[3] in self.o.formats and self.has(peer):
                print(f"{peer:24}{self.beside(entry[3], peer, 'prefill', PREFILL_TARGETS.get(peer))}")

    def beam(self):
        print(f"\nbeam search, {BEAMS} beams, {BEAM_PROMPTS} prompts, tokens/s of all together")
        print(HEAD)
        print(f"{'transformers float32':24}{self.beside('float32', 'transformers float32', 'beam', BEAM_TARGET)}")

    def start(self):
        print("\nseconds from the program's start to its end with one token; peak memory of decoding one sequence")
        print(f"{'':24}{'seconds':>9} {'peak MB':>9} {'weights MB':>11}")
        contenders = [f"gptkit {name}" for name in self.o.formats]
        contenders += sorted({f"llama.cpp {FORMATS[name][2]}" for name in self.o.formats}) + list(PYTHON_PEERS)
        for contender in contenders:
            if not self.has(contender):
                continue
            size = self.figures.bytes.get(contender)
            print(f"{contender:24}{text(self.figures.median(contender, 'start'), 2):>9} "
                  f"{text(self.figures.median(contender, 'peak'), 0):>9} {text(size and size / 1e6, 0):>11}")

    def all(self):
        for sequences in self.o.sequences if "decode" in self.o.tables else []:
            self.decode(sequences)
        for name in ("prefill", "beam", "start"):
            if name in self.o.tables:
                getattr(self, name)()


def measure(model, o, speeds):
    figures = Figures()
    every = jobs(Contenders(model, o, figures), o)
    for turn in range(o.rounds):
        speeds.append(last_json(run([o.bin / "memory_bench", o.threads])[0]))
        for number, job in enumerate(every.values()):
            job()
            print(f"\r{model}: round {turn + 1} of {o.rounds}, {number + 1} of {len(every)}", end="", file=sys.stderr)
    print(file=sys.stderr)
    return figures


def print_machine(o, speeds):
    print(f"{o.cpu['processor']} (family {o.cpu['family']}, model {o.cpu['model']}, cache {o.cpu['cache']}), "
          f"{o.threads} threads\n{' '.join(o.cpu['flags'])}")
    median = statistics.median(speed["median_gb_s"] for speed in speeds)
    best = max(speed["best_gb_s"] for speed in speeds)
    print(f"memory read by {o.threads} threads: {median:.1f} GB/s (median; best {best:.1f})")
    return median * 1e9


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bin", type=pathlib.Path)
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--prepare", metavar="DATA", help="make what is missing in FOLDER, then end")
    parser.add_argument("--models", nargs="+", default=list(prepare.MODELS), choices=list(prepare.MODELS))
    parser.add_argument("--formats", nargs="+", default=list(FORMATS), choices=list(FORMATS))
    parser.add_argument("--contenders", nargs="+", default=list(CONTENDERS), choices=list(CONTENDERS))
    parser.add_argument("--tables", nargs="+", default=list(TABLES), choices=list(TABLES))
    parser.add_argument("--sequences", nargs="+", type=int, default=[1, 8, 32])
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--new", type=int, default=64, help="tokens to decode (default 64)")
    parser.add_argument("--prefill", type=int, default=512, help="tokens of the long prompt (default 512)")
    parser.add_argument("--rounds", type=int, default=3, help="times that every program is started (default 3)")
    parser.add_argument("--repeats", type=int, default=2, help="measurements of a peer in one start (default 2)")
    parser.add_argument("--json", type=pathlib.Path, metavar="FILE", help="also write every value measured")
    return parser.parse_args()


def main():
    o = arguments()
    o.bin, o.folder, o.cpu = o.bin.resolve(), o.folder.resolve(), cpu()
    if o.prepare:
        o.data = pathlib.Path(o.prepare).resolve()
        prepare.prepare(o)
        return
    if "gptkit" in o.contenders and "--benchmark" not in run([o.bin / "generate", "--help"])[0]:
        print("gptkit: not built, its generate has no --benchmark; only the peers are measured")
        o.contenders.remove("gptkit")
    speeds = []
    found = {model: measure(model, o, speeds) for model in o.models}
    speed = print_machine(o, speeds)
    for model, figures in found.items():
        print(f"\n== {prepare.MODELS[model]}: 32 + {o.new} tokens, {o.rounds} rounds")
        for contender, kernels in figures.kernels.items():
            print(f"{contender}: {kernels}")
        Tables(figures, speed, o).all()
    if o.json:
        result = {"cpu": o.cpu, "threads": o.threads, "new": o.new, "prefill": o.prefill, "memory": speeds,
                  "models": {model: figures.as_json() for model, figures in found.items()}}
        o.json.write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
