"""Language models of the four families with every key of config.json varied, and their weight files:
`evaluate perplexity` against transformers' loss."""

import json

from . import texts
from .base import Invalid, Kind
from .tokenizers import tokenizer_json

VOCABULARY = 332  # the plain tokenizer has 329 tokens
LLAMA3_ROPE = {
    "rope_type": "llama3",
    "factor": 8.0,
    "low_freq_factor": 1.0,
    "high_freq_factor": 4.0,
    "original_max_position_embeddings": 16,
}
YARN = {"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 16}


def gpt2(case):
    return family(case) == "gpt2"


def family(case):
    return case.get("family", "gpt2")


def sizes(case):
    """n_head, head size, n_kv_head, width, feed-forward width, layers, positions."""
    heads = case.get("n_head", 2)
    kv = case.get("kv", heads) if not gpt2(case) else heads
    if heads < 1 or kv < 1 or heads % kv:
        raise Invalid("heads")
    head = case.get("head_size", 8)
    width = heads * head if gpt2(case) else case.get("width", 16)
    inner = case.get("inner", 4 * width if gpt2(case) else 24)
    if head < 2 or head % 2 or width < 1 or inner < 1:
        raise Invalid("sizes")
    return heads, head, kv, width, inner, max(1, case.get("n_layer", 2)), max(16, case.get("positions", 128))


def gpt2_config(case):
    heads, _, _, width, inner, layers, positions = sizes(case)
    config = {
        "model_type": "gpt2",
        "architectures": ["GPT2LMHeadModel"],
        "vocab_size": vocabulary(case),
        "n_positions": positions,
        "n_embd": width,
        "n_layer": layers,
        "n_head": heads,
    }
    return config | ({"n_inner": inner} if "inner" in case else {})


def llama_config(case):
    heads, head, kv, width, inner, layers, positions = sizes(case)
    kind = {"llama": "Llama", "mistral": "Mistral", "qwen2": "Qwen2"}[family(case)]
    config = {
        "model_type": family(case),
        "architectures": [kind + "ForCausalLM"],
        "vocab_size": vocabulary(case),
        "max_position_embeddings": positions,
        "hidden_size": width,
        "num_hidden_layers": layers,
        "num_attention_heads": heads,
        "num_key_value_heads": kv,
        "head_dim": head,
        "intermediate_size": inner,
        "tie_word_embeddings": False,
        "sliding_window": None,
    }
    if head * heads == width and "no_head_dim" in case:
        del config["head_dim"]
    return config


def vocabulary(case):
    return VOCABULARY + case.get("more_tokens", 0)


def config_of(case):
    config = gpt2_config(case) if gpt2(case) else llama_config(case)
    config |= case.get("config", {})
    for key in case.get("absent", []):
        config.pop(key, None)
    return config


def gpt2_tensors(case):
    _, _, _, C, F, layers, positions = sizes(case)
    V = vocabulary(case)
    shapes = {"wte.weight": [V, C], "wpe.weight": [positions, C]}
    block = {
        "ln_1.weight": [C],
        "ln_1.bias": [C],
        "attn.c_attn.weight": [C, 3 * C],
        "attn.c_attn.bias": [3 * C],
        "attn.c_proj.weight": [C, C],
        "attn.c_proj.bias": [C],
        "ln_2.weight": [C],
        "ln_2.bias": [C],
        "mlp.c_fc.weight": [C, F],
        "mlp.c_fc.bias": [F],
        "mlp.c_proj.weight": [F, C],
        "mlp.c_proj.bias": [C],
    }
    for i in range(layers):
        shapes |= {f"h.{i}.{name}": shape for name, shape in block.items()}
    return shapes | {"ln_f.weight": [C], "ln_f.bias": [C]}


def llama_tensors(case):
    heads, D, kv, C, F, layers, _ = sizes(case)
    config = config_of(case)
    llama = family(case) == "llama"  # the others have no such switch
    bias = family(case) == "qwen2" or (llama and config.get("attention_bias", False))
    shapes = {"embed_tokens.weight": [vocabulary(case), C]}
    block = {
        "input_layernorm.weight": [C],
        "self_attn.q_proj.weight": [heads * D, C],
        "self_attn.k_proj.weight": [kv * D, C],
        "self_attn.v_proj.weight": [kv * D, C],
        "self_attn.o_proj.weight": [C, heads * D],
        "post_attention_layernorm.weight": [C],
        "mlp.gate_proj.weight": [F, C],
        "mlp.up_proj.weight": [F, C],
        "mlp.down_proj.weight": [C, F],
    }
    if bias:
        block |= {
            "self_attn.q_proj.bias": [heads * D],
            "self_attn.k_proj.bias": [kv * D],
            "self_attn.v_proj.bias": [kv * D],
        }
        block |= {} if family(case) == "qwen2" else {"self_attn.o_proj.bias": [C]}
    if llama and config.get("mlp_bias", False):
        block |= {"mlp.gate_proj.bias": [F], "mlp.up_proj.bias": [F], "mlp.down_proj.bias": [C]}
    for i in range(layers):
        shapes |= {f"layers.{i}.{name}": shape for name, shape in block.items()}
    return shapes | {"norm.weight": [C]}


def tensors_of(case, head="lm_head.weight", rows=None):
    """The file's tensors: {name: shape}; the head is there unless the config ties it or says otherwise."""
    body = gpt2_tensors(case) if gpt2(case) else llama_tensors(case)
    prefix = "transformer." if gpt2(case) else "model."
    embedding = prefix + ("wte.weight" if gpt2(case) else "embed_tokens.weight")
    bare = case.get("prefix") == ""
    tensors = {("" if bare else prefix) + name: shape for name, shape in body.items()}
    tied = config_of(case).get("tie_word_embeddings", gpt2(case))
    stored = case.get("head", "absent" if tied else "own")
    if rows:
        tensors[head] = [rows, tensors[embedding.removeprefix(prefix) if bare else embedding][1]]
    elif stored == "own":
        tensors[head] = tensors[embedding.removeprefix(prefix) if bare else embedding]
    elif stored == "same":
        tensors[head] = embedding.removeprefix(prefix) if bare else embedding
    if "extra_tensors" in case:
        extra = (
            {"h.0.attn.bias": [1, 1, 8, 8], "h.0.attn.masked_bias": [1]}
            if gpt2(case)
            else {"layers.0.self_attn.rotary_emb.inv_freq": [4]}
        )
        tensors |= {("" if bare else prefix) + name: shape for name, shape in extra.items()}
    if case.get("prefix"):
        # A name that stands for another tensor's values follows it.
        tensors = {case["prefix"] + n: case["prefix"] + s if isinstance(s, str) else s for n, s in tensors.items()}
    return tensors


def weight_files(case, tensors):
    dtype = case.get("dtype", "F32")
    names = list(tensors)
    kind = "$torch" if "bin" in case else "$tensors"
    stem, ending = ("pytorch_model", "bin") if "bin" in case else ("model", "safetensors")
    shards = min(case.get("shards", 1), len(names))
    if shards < 2:
        return {f"{stem}.{ending}": {kind: tensors, "dtype": dtype}}
    files, where = {}, {}
    for i in range(shards):
        name = f"{stem}-{i + 1:05}-of-{shards:05}.{ending}"
        part = {n: tensors[n] if not isinstance(tensors[n], str) else tensors[tensors[n]] for n in names[i::shards]}
        if any(isinstance(tensors[n], str) for n in names[i::shards]):
            raise Invalid("a shared tensor in shards")
        files[name] = {kind: part, "dtype": dtype}
        where |= {n: name for n in part}
    files[f"{stem}.{ending}.index.json"] = {"$json": {"metadata": {"total_size": 1}, "weight_map": where}}
    return files


def model_files(case):
    return {"config.json": {"$json": config_of(case)}} | weight_files(case, tensors_of(case))


def one_key(rng, case):
    """Some keys of the family's config.json with values other than the plain ones."""
    positions = case.get("positions", 128)
    common = [
        ("tie_word_embeddings", rng.random() < 0.5),
        ("use_cache", False),
        ("initializer_range", 0.1),
        ("dtype", "bfloat16"),
        ("torch_dtype", "float16"),
        ("bos_token_id", 3),
        ("eos_token_id", [3, 4]),
        ("pad_token_id", 5),
        ("architectures", None),
        ("transformers_version", "4.1.0"),
        ("_name_or_path", "x"),
        ("task_specific_params", None),
        ("attn_implementation", "eager"),
        ("_attn_implementation", "sdpa"),
        ("output_attentions", False),
        ("chunk_size_feed_forward", 2),
        ("is_decoder", True),
        ("return_dict", True),
        ("pruned_heads", {}),
        ("auto_map", {"AutoModel": "x.Y"}),
        ("unheard_of", 1),
    ]
    if gpt2(case):
        own = [
            (
                "activation_function",
                rng.choice(
                    [
                        "gelu",
                        "gelu_new",
                        "relu",
                        "silu",
                        "swish",
                        "gelu_pytorch_tanh",
                        "gelu_fast",
                        "quick_gelu",
                        "tanh",
                        "mish",
                        "relu2",
                    ]
                ),
            ),
            ("layer_norm_epsilon", rng.choice([1e-3, 1e-6, 0.1])),
            ("scale_attn_weights", rng.random() < 0.3),
            ("scale_attn_by_inverse_layer_idx", rng.random() < 0.8),
            ("reorder_and_upcast_attn", rng.random() < 0.8),
            ("add_cross_attention", False),
            ("resid_pdrop", 0.5),
            ("attn_pdrop", 0.5),
            ("embd_pdrop", 0.5),
            ("n_ctx", 16),
            ("n_inner", None),
            ("summary_type", "mean"),
            ("hidden_act", "relu"),
            ("layer_norm_eps", 0.1),
        ]
    else:
        windows = [rng.choice([None, 4, 16, positions, 4096])]
        own = [
            ("hidden_act", rng.choice(["silu", "swish", "gelu", "gelu_new", "relu", "gelu_pytorch_tanh", "tanh"])),
            ("rms_norm_eps", rng.choice([1e-5, 1e-3, 0.1])),
            ("rope_theta", rng.choice([500.0, 1e6])),
            (
                "rope_scaling",
                rng.choice(
                    [
                        None,
                        LLAMA3_ROPE,
                        YARN,
                        {"type": "linear", "factor": 2.0},
                        {"rope_type": "dynamic", "factor": 2.0},
                        {"rope_type": "default"},
                        {"rope_type": "linear", "factor": 4.0},
                    ]
                ),
            ),
            (
                "rope_parameters",
                rng.choice(
                    [
                        {"rope_type": "default", "rope_theta": 100.0},
                        LLAMA3_ROPE | {"rope_theta": 500.0},
                        {"rope_theta": 777.0},
                        {"rope_type": "linear", "factor": 3.0, "rope_theta": 1e4},
                        {"rope_type": "default", "rope_theta": 1e4, "partial_rotary_factor": 0.5},
                    ]
                ),
            ),
            ("attention_bias", rng.random() < 0.8),
            ("mlp_bias", rng.random() < 0.8),
            ("attention_dropout", 0.3),
            ("pretraining_tp", 2),
            ("sliding_window", windows[0]),
            ("use_sliding_window", rng.random() < 0.7),
            ("max_window_layers", rng.choice([0, 1, 28])),
            ("partial_rotary_factor", 0.5),
            ("layer_types", ["full_attention"] * max(1, case.get("n_layer", 2))),
            ("head_dim", 8),
            ("qkv_bias", False),
            ("layer_norm_eps", 0.1),
            ("rope_interleaved", True),
            ("num_local_experts", 4),
        ]
    return rng.choice(own if rng.random() < 0.75 else common)


def config_keys(rng, case):
    return dict(one_key(rng, case) for _ in range(rng.choice([1, 1, 2, 3])))


def absent(rng, case):
    return [
        rng.choice(
            [
                "architectures",
                "head_dim",
                "num_key_value_heads",
                "tie_word_embeddings",
                "sliding_window",
                "model_type",
                "n_head",
                "n_inner",
            ]
        )
    ]


FEATURES = {
    "family": (0.75, lambda rng, case: rng.choice(["llama", "mistral", "qwen2"])),
    "n_layer": (0.3, lambda rng, case: rng.choice([1, 3])),
    "n_head": (0.4, lambda rng, case: rng.choice([1, 3, 4])),
    "kv": (0.4, lambda rng, case: 1 if not gpt2(case) else None),
    "head_size": (0.3, lambda rng, case: rng.choice([4, 16, 10])),
    "width": (0.3, lambda rng, case: rng.choice([12, 24, 32]) if not gpt2(case) else None),
    "no_head_dim": (0.3, lambda rng, case: None if gpt2(case) else True),
    "inner": (0.3, lambda rng, case: rng.choice([20, 40])),
    "positions": (0.3, lambda rng, case: rng.choice([32, 64])),
    "more_tokens": (0.15, lambda rng, case: rng.choice([1, 40])),
    "config": (0.75, config_keys),
    "absent": (0.1, absent),
    "head": (0.2, lambda rng, case: rng.choice(["own", "same", "absent"])),
    "dtype": (0.4, lambda rng, case: rng.choice(["F16", "BF16", "BF16", "F64"])),
    "shards": (0.15, lambda rng, case: rng.choice([2, 3])),
    "bin": (0.15, lambda rng, case: True),
    "prefix": (0.15, lambda rng, case: rng.choice(["", "", "module.", "_orig_mod."])),
    "extra_tensors": (0.1, lambda rng, case: True),
}


def reference_model(folder, cls="AutoModelForCausalLM"):
    import torch
    import transformers

    torch.manual_seed(0)
    model, info = getattr(transformers, cls).from_pretrained(folder, dtype=torch.float32, output_loading_info=True)
    missing = [n for n in info["missing_keys"] if n != "lm_head.weight" or not model.config.tie_word_embeddings]
    if missing or info["mismatched_keys"]:
        raise Invalid(f"weights missing: {sorted(missing)[:2]}")
    return model.eval()


def stripped_prefix(folder, prefix):
    """transformers does not read the prefixes of wrapped modules; we do: the reference is the file without."""
    from safetensors.torch import load_file, save_file

    for path in sorted(folder.glob("*.safetensors")):
        save_file({n.removeprefix(prefix): t for n, t in load_file(path).items()}, folder / ("plain-" + path.name))
        (folder / ("plain-" + path.name)).rename(path)


class Models(Kind):
    name, share = "models", 20
    features = FEATURES | {"text": (1, lambda rng, case: texts.plain_text(rng))}
    fixed = ("text",)
    words = {
        "prefix": ["module", "_orig_mod"],
        "config": ["config.json"],
        "bin": ["pytorch_model"],
        "head": ["lm_head", "tie_word_embeddings"],
        "dtype": ["F64"],
        "activation_function": ["hidden_act"],
        "rope_scaling": ["rope scaling", "rope_parameters"],
    }

    def files(self, case):
        if len(case.get("text", "")) < 4:
            raise Invalid("no text")
        wrapped = bool(case.get("prefix"))
        if wrapped and ("bin" in case or "shards" in case or case.get("head") == "same"):
            raise Invalid("a wrapped module in several files")
        return model_files(case) | {"tokenizer.json": {"$json": tokenizer_json({})}, "text.txt": case["text"]}

    def named(self, case, sentence):
        """A key of config.json says more than the feature `config`."""
        for key in case.get("config", {}):
            if key in sentence:
                return key
        if "hidden_act" in sentence and "activation_function" in case.get("config", {}):
            return "activation_function"
        if "rope scaling" in sentence and {"rope_scaling", "rope_parameters"} & set(case.get("config", {})):
            return "rope_scaling"
        for key in case.get("absent", []):
            if key in sentence:
                return key + " absent"
        return super().named({k: v for k, v in case.items() if k != "config"}, sentence)

    def want(self, case, folder):
        import torch
        from tokenizers import Tokenizer

        if case.get("prefix"):
            return self.wrapped(case, folder)
        model = reference_model(folder)
        ids = Tokenizer.from_file(str(folder / "tokenizer.json")).encode(case["text"]).ids
        return {"tokens": len(ids) - 1, "loss": windows_loss(model, ids, positions_of(config_of(case)))}

    def wrapped(self, case, folder):
        import pathlib
        import shutil
        import tempfile

        copy = pathlib.Path(tempfile.mkdtemp(prefix="differential-"))
        try:
            for path in folder.iterdir():
                shutil.copy(path, copy / path.name)
            stripped_prefix(copy, case["prefix"])
            return self.want({k: v for k, v in case.items() if k != "prefix"}, copy)
        finally:
            shutil.rmtree(copy)

    ARGUMENTS = ["perplexity", "-q", "--model", ".", "text.txt"]

    def ours(self, case, folder, programs):
        row = json.loads(programs.run("evaluate", self.ARGUMENTS, folder))
        return {"tokens": row["tokens"], "loss": row["loss"]}

    def replay(self, case, want):
        return [{"run": ["evaluate", *self.ARGUMENTS], "want": [want]}]

    def difference(self, got, want):
        if got["tokens"] != want["tokens"]:
            return f"{got['tokens']} predictions instead of {want['tokens']}"
        if abs(got["loss"] - want["loss"]) > 3e-5 * max(1, abs(want["loss"])):
            return f"loss {got['loss']} instead of {want['loss']}"
        return None


def positions_of(config):
    return config.get("n_positions", config.get("max_position_embeddings"))


def windows_loss(model, ids, context):
    """Mean over all predictions, each in one window, as `evaluate perplexity` measures it."""
    import torch

    if len(ids) < 2:
        raise Invalid("a text of one token")
    total, predicted = 0.0, 1
    with torch.no_grad():
        while predicted < len(ids):
            end = min(len(ids) - 1, predicted - 1 + context)
            begin = max(0, end - context)  # the last window is moved back, so that it is full
            logits = model(torch.tensor([ids[begin:end]])).logits[0].float()[predicted - 1 - begin :]
            total += float(
                torch.nn.functional.cross_entropy(logits, torch.tensor(ids[predicted : end + 1]), reduction="sum")
            )
            predicted = end + 1
    loss = total / (len(ids) - 1)
    if loss != loss or abs(loss) == float("inf"):
        raise Invalid("the loss is not finite")
    return loss
