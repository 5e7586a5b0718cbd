"""How compare.py runs each contender, and the values that it measures."""
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

import prepare

# A row's name: gptkit's model and options, the same format's file for llama.cpp.
FORMATS = {
    "float32": ("float32", [], "f32"),
    "bfloat16": ("bfloat16", [], "bf16"),
    "float16": ("f16.gguf", [], "f16"),
    "int8": ("bfloat16", ["--quantize", "int8"], "q8_0"),
    "int4": ("bfloat16", ["--quantize", "int4"], "q4_0"),
    "GGUF Q8_0": ("q8_0.gguf", [], "q8_0"),
    "GGUF Q4_0": ("q4_0.gguf", [], "q4_0"),
    "GGUF Q4_0 pure": ("q4_0-pure.gguf", [], "q4_0-pure"),
}
# Contenders in Python: peer, dtype, suffix of the model; gptkit's format beside it and the ratio to reach in decoding.
PYTHON_PEERS = {
    "transformers float32": ("transformers", "float32", "float32", "float32", 4.0),
    "transformers bfloat16": ("transformers", "bfloat16", "bfloat16", "bfloat16", 4.0),
    "CTranslate2 float32": ("ctranslate2", "float32", "ct2-float32", "float32", None),
    "CTranslate2 int8": ("ctranslate2", "int8", "ct2-int8", "int8", None),
}
BEAMS, BEAM_PROMPTS = 5, 16


def run(command, environment=None):
    """Its output, seconds and peak memory in MB."""
    with tempfile.TemporaryFile("w+") as messages:
        began = time.perf_counter()
        process = subprocess.Popen([str(part) for part in command], stdout=subprocess.PIPE, stderr=messages, text=True,
                                   env=environment)
        out = process.stdout.read()
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - began
        if status != 0:
            messages.seek(0)
            sys.exit(f"{' '.join(map(str, command))[:300]} failed:\n{messages.read()[-2000:]}")
    return out, seconds, usage.ru_maxrss / 1e3


def last_json(out):
    return json.loads(out.splitlines()[-1])


class Figures:
    """Every value measured, by contender and kind; and what the contenders say about themselves."""

    def __init__(self):
        self.values, self.kernels, self.bytes = {}, {}, {}

    def add(self, contender, kind, values):
        self.values.setdefault((contender, kind), []).extend(values)

    def median(self, contender, kind):
        values = self.values.get((contender, kind))
        return statistics.median(values) if values else None

    def range(self, contender, kind):
        values = self.values.get((contender, kind))
        return f"{min(values):.0f}..{max(values):.0f}" if values else ""

    def as_json(self):
        return {"measured": [{"contender": contender, "kind": kind, "values": values}
                             for (contender, kind), values in self.values.items()],
                "kernels": self.kernels, "bytes_per_step": self.bytes}


class Contenders:
    """Runs one contender once and notes its figures."""

    def __init__(self, model, o, figures):
        self.model, self.o, self.figures = model, o, figures
        self.sizes = json.loads((o.folder / "bytes.json").read_text())

    def note(self, name, sequences, found, peak):
        self.figures.add(name, f"decode {sequences}", found["decode"])
        if sequences == 1:
            self.figures.add(name, "prefill", found["prefill"])
            self.figures.add(name, "peak", [peak])

    def path(self, suffix):
        return self.o.folder / f"{self.model}-{suffix}"

    def generate(self, format_name, *options):
        suffix, more, _ = FORMATS[format_name]
        command = [self.o.bin / "generate", "-q", "--model", self.path(suffix), "--threads", self.o.threads, *more]
        return run([*command, *options])

    def benchmark(self, format_name, *options):
        out, _, peak = self.generate(format_name, "--benchmark", "--json", "--max-new-tokens", self.o.new, *options)
        return last_json(out), peak

    def gptkit(self, format_name, sequences):
        name = f"gptkit {format_name}"
        found, peak = self.benchmark(format_name, "--benchmark-sequences", sequences)
        self.figures.kernels[name] = found["kernels"]
        if sequences == 1:
            self.figures.bytes[name] = found["bytes_per_token"]
        self.note(name, sequences, {"decode": [found["decode_tokens_per_second"]],
                                    "prefill": [found["prefill_tokens_per_second"]]}, peak)

    def gptkit_beam(self, format_name):
        found, _ = self.benchmark(format_name, "--benchmark-sequences", BEAM_PROMPTS, "--num-beams", BEAMS)
        self.figures.add(f"gptkit {format_name}", "beam", [found["decode_tokens_per_second"]])

    def gptkit_start(self, format_name):
        _, seconds, _ = self.generate(format_name, "--prompt", "The capital of France is", "--max-new-tokens", "1")
        self.figures.add(f"gptkit {format_name}", "start", [seconds])

    def llama_peer(self, suffix, *options):
        command = [self.o.folder / "llama_peer", "measure", self.path(suffix + ".gguf"), self.o.threads, *options]
        return run(command, prepare.llama_environment(self.o.folder))

    def llama(self, suffix, sequences):
        name = f"llama.cpp {suffix}"
        out, _, peak = self.llama_peer(suffix, self.o.new, sequences, self.o.prefill if sequences == 1 else 0,
                                       self.o.repeats + 1)
        found = last_json(out)
        self.figures.kernels["llama.cpp"] = found["kernels"]
        self.figures.bytes[name] = self.sizes[f"{self.model}-{suffix}"]
        self.note(name, sequences, found, peak)

    def llama_start(self, suffix):
        _, seconds, _ = self.llama_peer(suffix, 1, 1, 0, 1)
        self.figures.add(f"llama.cpp {suffix}", "start", [seconds])

    def python_peer(self, name, **changes):
        peer, dtype, suffix, _, _ = PYTHON_PEERS[name]
        options = {"peer": peer, "dtype": dtype, "model": str(self.path(suffix)), "threads": self.o.threads,
                   "new": self.o.new, "sequences": 1, "prefill": self.o.prefill, "rounds": self.o.repeats + 1,
                   "beams": 1, **changes}
        environment = dict(os.environ, OMP_NUM_THREADS=str(self.o.threads))
        if "avx512f" in self.o.cpu["flags"]:
            environment["CT2_FORCE_CPU_ISA"] = "AVX512"  # by itself CTranslate2 takes AVX2 on AMD
        script = pathlib.Path(__file__).with_name("python_peers.py")
        return run([sys.executable, script, json.dumps(options)], environment)

    def python(self, name, sequences):
        out, _, peak = self.python_peer(name, sequences=sequences, prefill=self.o.prefill if sequences == 1 else 0)
        self.figures.bytes[name] = sum(file.stat().st_size for suffix in ("bin", "safetensors")
                                       for file in self.path(PYTHON_PEERS[name][2]).glob(f"*.{suffix}"))
        self.note(name, sequences, last_json(out), peak)

    def python_start(self, name):
        _, seconds, _ = self.python_peer(name, new=1, prefill=0, rounds=1)
        self.figures.add(name, "start", [seconds])

    def python_beam(self, name):
        out, _, _ = self.python_peer(name, sequences=BEAM_PROMPTS, beams=BEAMS, prefill=0, rounds=1)
        self.figures.add(name, "beam", last_json(out)["decode"])
