"""Model folders as data: {file name: content}, written to disk or kept in a golden file.

A content is a text, or an object with one of these keys:

    $json      a JSON value; an object {"$vocabulary": NAME, ...} in it gets model.vocab and model.merges
               of vocabularies.json
    $tensors   {name: shape} of safetensors; a name in place of a shape: the values of that tensor. With
               "dtype"; the values follow from the names (values())
    $torch     the same as a pytorch_model.bin
    $latin1    bytes, a character each
"""

import functools
import json
import pathlib

import numpy as np

DATA = pathlib.Path(__file__).resolve().parents[1] / "differential"
TORCH_DTYPES = {"F32": "float32", "F16": "float16", "BF16": "bfloat16", "F64": "float64"}


def fnv1a(name):
    value = 0xCBF29CE484222325
    for byte in name.encode():
        value = (value ^ byte) * 0x100000001B3 & (2**64 - 1)
    return value


def splitmix64(x):
    x = x + np.uint64(0x9E3779B97F4A7C15)
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))


def is_table(name):
    return any(part in name for part in ("wte", "wpe", "embed", "lm_head", "score"))


def values(name, shape):
    """Multiples of 1/512 with at most 8 bits, which every float type holds: in [-0.5, 0.5) for embeddings
    and heads, half of that for matrices and biases; norms are 1 + that."""
    with np.errstate(over="ignore"):
        bits = splitmix64(np.arange(int(np.prod(shape)), dtype=np.uint64) + np.uint64(fnv1a(name)))
    k = (bits >> np.uint64(57)).astype(np.float64) - 64  # 7 bits
    norm = len(shape) == 1 and name.endswith("weight")
    scale = 1 / 128 if norm or is_table(name) else 1 / 256
    return (k * scale + (1 if norm else 0)).reshape(shape)


@functools.cache
def vocabularies():
    return json.loads((DATA / "vocabularies.json").read_text())


def byte_alphabet():
    """GPT-2's character for each byte."""
    plain = [*range(33, 127), *range(161, 173), *range(174, 256)]
    other = (chr(256 + i) for i in range(256))
    return [chr(b) if b in plain else next(other) for b in range(256)]


def first_tokens(kind):
    if kind == "bytes":
        return byte_alphabet()
    return ["<unk>", "<s>", "</s>"] + [f"<0x{b:02X}>" for b in range(256)]


def with_vocabulary(value):
    """The value with each {"$vocabulary": NAME} completed."""
    if isinstance(value, list):
        return [with_vocabulary(item) for item in value]
    if not isinstance(value, dict):
        return value
    value = {key: with_vocabulary(item) for key, item in value.items()}
    name = value.pop("$vocabulary", None)
    if name is None:
        return value
    entry = vocabularies()[name]
    tokens = first_tokens(name) + entry["characters"]
    merges = [merge.split(" ") for merge in entry["merges"]]
    tokens += [left + right for left, right in merges]
    value["vocab"] = {token: i for i, token in enumerate(dict.fromkeys(tokens))}
    value["merges"] = [" ".join(m) for m in merges] if value.pop("$text_merges", False) else merges
    return value


def arrays(spec):
    made = {}
    for name, shape in spec.items():
        like = shape if isinstance(shape, str) else name
        made[name] = values(like, spec[like] if isinstance(shape, str) else shape)
    return made


def safetensors_bytes(tensors, dtype):
    import torch

    header, data, at = {}, [], 0
    for name, array in tensors.items():
        raw = torch.from_numpy(array).to(getattr(torch, TORCH_DTYPES[dtype])).contiguous()
        raw = raw.view(torch.uint8).numpy().tobytes() if raw.numel() else b""
        header[name] = {"dtype": dtype, "shape": list(array.shape), "data_offsets": [at, at + len(raw)]}
        data.append(raw)
        at += len(raw)
    head = json.dumps(header, separators=(",", ":")).encode()
    head += b" " * (-len(head) % 8)
    return len(head).to_bytes(8, "little") + head + b"".join(data)


def write_folder(files, folder):
    folder = pathlib.Path(folder)
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, str):
            path.write_bytes(content.encode("utf-8", "surrogatepass"))
        elif "$json" in content:
            path.write_text(json.dumps(with_vocabulary(content["$json"]), ensure_ascii=False))
        elif "$latin1" in content:
            path.write_bytes(content["$latin1"].encode("latin-1"))
        elif "$tensors" in content:
            path.write_bytes(safetensors_bytes(arrays(content["$tensors"]), content["dtype"]))
        else:
            import torch

            dtype = getattr(torch, TORCH_DTYPES[content["dtype"]])
            state = {n: torch.from_numpy(a).to(dtype) for n, a in arrays(content["$torch"]).items()}
            torch.save(state, path)


def bytes_content(data):
    try:
        return data.decode("ascii")
    except UnicodeDecodeError:
        return {"$latin1": data.decode("latin-1")}
