#!/usr/bin/env python3
"""Writes models.json: what transformers computes with models whose weights follow from a formula.

    pip install torch==2.13.0 transformers==5.*
    python tests/golden/make_model_golden.py

No weights are stored: tests/weights/golden_weights.h fills the same ones. Element i of tensor NAME is
hash(i + fnv1a(NAME)) mapped to [-0.5, 0.5), times 0.3 for matrices; norms add 1.
"""
import json
import pathlib

import numpy as np
import torch
from transformers import AutoConfig, AutoModelForCausalLM

LLAMA3 = {"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
          "original_max_position_embeddings": 32}
GPT2 = {"model_type": "gpt2", "n_layer": 2, "resid_pdrop": 0, "embd_pdrop": 0, "attn_pdrop": 0}
LLAMA = {"model_type": "llama", "num_hidden_layers": 3, "rms_norm_eps": 1e-5, "max_position_embeddings": 128}
CONFIGS = {
    "gpt2-odd": GPT2 | {"n_embd": 24, "n_head": 3, "vocab_size": 61, "n_positions": 77, "n_inner": 40},
    "gpt2-published-vocabulary": GPT2 | {"n_embd": 12, "n_head": 3, "vocab_size": 50257, "n_positions": 80,
                                         "tie_word_embeddings": False},
    "llama-grouped": LLAMA | {"vocab_size": 211, "hidden_size": 36, "num_attention_heads": 6,
                              "num_key_value_heads": 2, "intermediate_size": 50, "tie_word_embeddings": False},
    "llama-scaled-biased": LLAMA | {"vocab_size": 97, "hidden_size": 32, "num_attention_heads": 4,
                                    "num_key_value_heads": 4, "head_dim": 16, "intermediate_size": 44,
                                    "attention_bias": True, "mlp_bias": True, "tie_word_embeddings": True,
                                    "rope_theta": 500000.0, "rope_scaling": LLAMA3},
    "qwen2": {"model_type": "qwen2", "vocab_size": 131, "hidden_size": 32, "num_attention_heads": 4,
              "num_key_value_heads": 2, "intermediate_size": 40, "num_hidden_layers": 2,
              "tie_word_embeddings": True, "rope_theta": 1000000.0, "max_position_embeddings": 96},
    "mistral": {"model_type": "mistral", "vocab_size": 89, "hidden_size": 24, "num_attention_heads": 6,
                "num_key_value_heads": 3, "intermediate_size": 32, "num_hidden_layers": 2, "head_dim": 8,
                "sliding_window": None, "max_position_embeddings": 96},
}


def fnv1a(name):
    value = 0x811C9DC5
    for byte in name.encode():
        value = (value ^ byte) * 0x01000193 & 0xFFFFFFFF
    return value


def values(name, count):
    x = (np.arange(count, dtype=np.uint64) + fnv1a(name)) & 0xFFFFFFFF
    for shift, factor in ((16, 0x7FEB352D), (15, 0x846CA68B), (16, 1)):
        x = ((x ^ (x >> np.uint64(shift))) * np.uint64(factor)) & np.uint64(0xFFFFFFFF)
    return (x >> np.uint64(8)).astype(np.float32) * np.float32(2.0**-24) - np.float32(0.5)


def fill(model):
    for name, tensor in model.named_parameters():
        data = torch.from_numpy(values(name, tensor.numel())).reshape(tensor.shape)
        norm = tensor.dim() == 1 and name.endswith("weight")
        tensor.data.copy_(data + 1 if norm else data * 0.3 if tensor.dim() > 1 and "wte" not in name
                          and "embed_tokens" not in name else data)


def golden(config):
    torch.manual_seed(0)
    model = AutoModelForCausalLM.from_config(AutoConfig.for_model(**config), attn_implementation="eager").eval()
    fill(model)
    rng = np.random.default_rng(7)
    ids = rng.integers(0, config["vocab_size"], (2, 70))
    with torch.no_grad():
        logits = model(torch.tensor(ids)).logits
        greedy, gap = ids[0, :8].tolist(), 1e9
        for _ in range(64):
            top = model(torch.tensor([greedy])).logits[0, -1].topk(2)
            gap = min(gap, float(top.values[0] - top.values[1]))
            greedy.append(int(top.indices[0]))
    assert gap > 2e-4, f"a near tie ({gap}) could fall either way; choose another formula"
    probes = [[int(b), int(t), int(v), float(logits[b, t, v])] for b, t, v in
              zip(rng.integers(0, 2, 60), rng.integers(0, 70, 60), rng.integers(0, config["vocab_size"], 60))]
    return {"config": json.loads(model.config.to_json_string(use_diff=False)), "ids": ids.tolist(),
            "probes": probes, "argmax": logits.argmax(-1).tolist(), "greedy": greedy}


KEPT = {"model_type", "vocab_size", "n_positions", "n_embd", "n_layer", "n_head", "n_inner", "activation_function",
        "layer_norm_epsilon", "tie_word_embeddings", "hidden_size", "num_attention_heads", "num_key_value_heads",
        "head_dim", "intermediate_size", "num_hidden_layers", "hidden_act", "rms_norm_eps", "attention_bias",
        "mlp_bias", "rope_theta", "rope_scaling", "rope_parameters", "max_position_embeddings", "sliding_window",
        "use_sliding_window"}


def main():
    out = {}
    for name, config in CONFIGS.items():
        out[name] = golden(dict(config))
        out[name]["config"] = {k: v for k, v in out[name]["config"].items() if k in KEPT}
        print(name, out[name]["config"])
    path = pathlib.Path(__file__).parent / "models.json"
    path.write_text("{\n" + ",\n".join(json.dumps(k) + ": " + json.dumps(v) for k, v in out.items()) + "\n}\n")


if __name__ == "__main__":
    main()
