"""Models and peers for compare.py, made once in a folder outside the repository (some 4 GB).

Each of the two models lies there in every format that compare.py runs:

    NAME-float32, NAME-bfloat16            Hugging Face folders
    NAME-{f32,bf16,f16,q4_0-pure}.gguf     by gptkit's convert from NAME-float32
    NAME-{q8_0,q4_0}.gguf                  by llama.cpp's own quantizer from NAME-f32.gguf
    NAME-ct2-{float32,int8}                by CTranslate2's converter from NAME-float32

At Q4_0 llama.cpp's quantizer keeps the embeddings, which are also the head, at more bits: at Q6_K, or at Q8_0
where the width is not divisible by 256. The pure file has them in Q4_0, too. bytes.json holds the bytes of
weights that a step of decoding reads.
"""
import json
import os
import pathlib
import shutil
import subprocess
import sys

NODE_LLAMA_CPP = "3.21.1"  # llama.cpp prebuilt for every x86-64 level; the level is chosen when it runs
MODELS = {"smollm2": "SmolLM2-135M-Instruct", "gpt2": "GPT-2 124M with random weights"}

RANDOM_GPT2 = """
import sys, torch, transformers
data, folder = sys.argv[1:]
torch.manual_seed(1)
transformers.GPT2LMHeadModel(transformers.GPT2Config()).save_pretrained(folder)
transformers.GPT2Tokenizer(data + "/gpt2-vocab.json", data + "/gpt2-merges.txt").save_pretrained(folder)
"""


def run(*command, **more):
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, **more)
    if done.returncode != 0:
        sys.exit(f"{' '.join(map(str, command))[:300]} failed:\n{done.stdout[-1000:]}{done.stderr[-2000:]}")


def llama_libraries(folder):
    return folder / "llama/node_modules/@node-llama-cpp/linux-x64/bins/linux-x64"


def llama_environment(folder):
    return dict(os.environ, LLAMA_LIBS=str(llama_libraries(folder)))


def build_llama_peer(folder):
    """llama_peer beside node-llama-cpp's libraries; the package's git bundle has the headers that match."""
    home, libraries = folder / "llama", llama_libraries(folder)
    home.mkdir(parents=True, exist_ok=True)
    if not libraries.exists():
        run("npm", "init", "-y", cwd=home)
        run("npm", "install", "-E", f"node-llama-cpp@{NODE_LLAMA_CPP}", "--no-audit", "--no-fund", cwd=home)
    if not (home / "headers").exists():
        run("git", "clone", "-q", home / "node_modules/node-llama-cpp/llama/gitRelease.bundle", home / "headers")
    linked = [next(libraries.glob(pattern)) for pattern in ("libllama.v*.so", "libggml.v*.so", "libggml-base.so")]
    run("c++", "-O2", "-std=c++20", f"-I{home}/headers/include", f"-I{home}/headers/ggml/include",
        pathlib.Path(__file__).with_name("llama_peer.cpp"), "-o", folder / "llama_peer", *linked,
        f"-Wl,-rpath,{libraries}", f"-Wl,-rpath-link,{libraries}")


def make(path, write):
    """Calls write with a temporary name, so that half a model is never kept as a whole one."""
    if path.exists():
        return path
    print(f"making {path}", file=sys.stderr)
    half = path.with_name("half-" + path.name)
    if half.is_dir():
        shutil.rmtree(half)
    half.unlink(missing_ok=True)
    write(half)
    return half.rename(path)


def make_base(name, o, out):
    if name == "gpt2":
        run(sys.executable, "-c", RANDOM_GPT2, o.data, out)
    else:
        run(o.bin / "convert", "smollm2-135m-instruct", out, "--to", "hf", "--dtype", "float32")


def make_model(name, o):
    def path(suffix):
        return o.folder / f"{name}-{suffix}"

    def convert(kind, dtype):
        return lambda out: run(o.bin / "convert", base, out, "--to", kind, "--dtype", dtype)

    def quantize(dtype):
        return lambda out: run(o.folder / "llama_peer", "quantize", path("f32.gguf"), out, dtype,
                               env=llama_environment(o.folder))

    def ctranslate2(dtype):
        return lambda out: run("ct2-transformers-converter", "--model", base, "--quantization", dtype,
                               "--output_dir", out)

    base = make(path("float32"), lambda out: make_base(name, o, out))
    make(path("bfloat16"), convert("hf", "bfloat16"))
    for suffix, dtype in (("f32", "float32"), ("bf16", "bfloat16"), ("f16", "float16"), ("q4_0-pure", "q4_0")):
        make(path(suffix + ".gguf"), convert("gguf", dtype))
    for dtype in ("q8_0", "q4_0"):
        make(path(dtype + ".gguf"), quantize(dtype))
    for dtype in ("float32", "int8"):
        make(path("ct2-" + dtype), ctranslate2(dtype))


def bytes_of_a_step(file):
    """All weights but a table of which a token reads one row: positions, and embeddings that are not the head."""
    import gguf
    sizes = {tensor.name: int(tensor.n_bytes) for tensor in gguf.GGUFReader(file).tensors}
    rows = ["position_embd.weight"] + ["token_embd.weight"] * ("output.weight" in sizes)
    return sum(sizes.values()) - sum(sizes.get(name, 0) for name in rows)


def prepare(o):
    o.folder.mkdir(parents=True, exist_ok=True)
    build_llama_peer(o.folder)
    for name in MODELS:
        make_model(name, o)
    found = o.folder / "bytes.json"
    sizes = json.loads(found.read_text()) if found.exists() else {}
    sizes |= {file.stem: bytes_of_a_step(file) for file in o.folder.glob("*.gguf") if file.stem not in sizes}
    found.write_text(json.dumps(sizes, indent=1) + "\n")
