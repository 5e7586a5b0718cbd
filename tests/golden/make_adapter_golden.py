#!/usr/bin/env python3
"""Writes adapters.json and classifiers.json: what peft and transformers compute with small models.

    pip install torch==2.13.0 transformers==5.24.0 peft==0.21.0
    python tests/golden/make_adapter_golden.py

No weights are stored: they follow from their names, as in make_model_golden.py (the adapters' too).
"""
import json
import pathlib

import numpy as np
import torch
from make_model_golden import values
from peft import LoraConfig, get_peft_model, get_peft_model_state_dict, set_peft_model_state_dict
from transformers import AutoConfig, AutoModelForCausalLM, AutoModelForSequenceClassification

GPT2 = {"model_type": "gpt2", "n_layer": 2, "n_embd": 16, "n_head": 2, "vocab_size": 31, "n_positions": 16,
        "resid_pdrop": 0, "embd_pdrop": 0, "attn_pdrop": 0, "bos_token_id": 0, "eos_token_id": 0}
LLAMA = {"model_type": "llama", "num_hidden_layers": 2, "hidden_size": 16, "num_attention_heads": 4,
         "num_key_value_heads": 2, "intermediate_size": 24, "vocab_size": 31, "max_position_embeddings": 16,
         "tie_word_embeddings": True}
QWEN2 = LLAMA | {"model_type": "qwen2", "tie_word_embeddings": False}
MISTRAL = LLAMA | {"model_type": "mistral", "tie_word_embeddings": False, "sliding_window": None}
ADAPTERS = {
    "gpt2-plain": (GPT2, {"target_modules": ["c_attn", "c_fc"]}),
    "gpt2-patterns": (GPT2, {"target_modules": "all-linear", "r": 4, "lora_alpha": 6,
                             "rank_pattern": {r"h\.[1]\..*c_proj": 3, "c_proj": 2, "attn": 9},
                             "alpha_pattern": {"c_fc": 11, "0.attn.c_attn": 5}}),
    "gpt2-biases": (GPT2, {"target_modules": ["c_attn"], "bias": "all"}),
    "gpt2-lora-bias": (GPT2, {"target_modules": ["c_attn", "c_proj"], "lora_bias": True, "use_rslora": True}),
    "gpt2-dora": (GPT2, {"target_modules": ["c_attn", "c_fc"], "use_dora": True}),
    "gpt2-embedding": (GPT2, {"target_modules": ["wte", "c_fc"]}),
    "gpt2-whole": (GPT2, {"target_modules": ["c_fc"], "modules_to_save": ["wte", "ln_f"]}),
    "llama-layers": (LLAMA, {"target_modules": ["q_proj", "down_proj"], "layers_to_transform": [1],
                             "layers_pattern": "layers", "use_rslora": True}),
    "llama-expression": (LLAMA, {"target_modules": r".*\.1\..*(q_proj|down_proj)"}),
    "llama-excluded": (LLAMA, {"target_modules": "all-linear", "exclude_modules": ["v_proj"]}),
    "llama-head": (LLAMA, {"target_modules": ["q_proj", "lm_head"], "modules_to_save": ["embed_tokens"]}),
    "llama-dora": (LLAMA, {"target_modules": ["q_proj", "k_proj", "up_proj"], "use_dora": True, "use_rslora": True}),
    "qwen2-biases": (QWEN2, {"target_modules": ["q_proj", "v_proj"], "bias": "lora_only"}),
    "mistral-plain": (MISTRAL, {"target_modules": ["k_proj", "o_proj", "gate_proj"], "lora_dropout": 0.1}),
}
CLASSIFIERS = {
    "gpt2-single": (GPT2, {"num_labels": 3}),
    "gpt2-multi": (GPT2, {"num_labels": 3, "problem_type": "multi_label_classification"}),
    "gpt2-one": (GPT2, {"num_labels": 1}),
    "gpt2-value": (GPT2, {"num_labels": 1, "problem_type": "regression"}),
    "llama-single": (LLAMA | {"tie_word_embeddings": False}, {"num_labels": 2, "pad_token_id": 5}),
    "llama-values": (LLAMA, {"num_labels": 2, "problem_type": "regression"}),
    "qwen2-multi": (QWEN2, {"num_labels": 2, "problem_type": "multi_label_classification", "pad_token_id": 7}),
    "mistral-single": (MISTRAL, {"num_labels": 4, "pad_token_id": 9}),
}
IDS = [3, 17, 4, 9, 22, 30, 7]
KEPT = {key for base in (GPT2, LLAMA, MISTRAL) for key in base} | {"pad_token_id", "problem_type", "id2label"}


def of_name(name, shape):
    data = torch.from_numpy(values(name, int(np.prod(shape)))).reshape(shape)
    if len(shape) == 1 and name.endswith(("weight", "lora_magnitude_vector")):
        return data + 1
    embedding = name.endswith(("wte.weight", "embed_tokens.weight"))
    return data * 0.3 if len(shape) > 1 and not embedding else data


def fill(model):
    with torch.no_grad():
        for name, tensor in model.named_parameters():
            tensor.copy_(of_name(name, tensor.shape))
    return model.eval()


def saved(config):
    return {key: value for key, value in json.loads(config.to_json_string(use_diff=False)).items() if key in KEPT}


def adapter(base, options):
    model = fill(AutoModelForCausalLM.from_config(AutoConfig.for_model(**base)))
    config = LoraConfig(**({"r": 3, "lora_alpha": 4, "task_type": "CAUSAL_LM"} | options))
    model = get_peft_model(model, config).eval()
    state = {name: of_name(name, tensor.shape) for name, tensor in get_peft_model_state_dict(model).items()}
    set_peft_model_state_dict(model, state)
    with torch.no_grad():
        logits = model(torch.tensor([IDS])).logits[0]
    written = {key: sorted(value) if isinstance(value, set) else value for key, value in config.to_dict().items()}
    return {"config": base, "adapter_config": written, "shapes": {name: list(t.shape) for name, t in state.items()},
            "ids": IDS, "logits": [[round(x, 6) for x in logits[i].tolist()] for i in (2, -1)]}


def classifier(base, options):
    config = AutoConfig.for_model(**base, **options)
    model = fill(AutoModelForSequenceClassification.from_config(config))
    # The second text ends with what pads, which is passed over.
    texts = [IDS, IDS[:4] + [config.pad_token_id or 0] * 2]
    with torch.no_grad():
        logits = [model(torch.tensor([ids])).logits[0] for ids in texts]
    # TextClassificationPipeline.postprocess's choice.
    kind = model.config.problem_type
    if kind == "regression":
        scores = logits
    elif kind == "multi_label_classification" or config.num_labels == 1:
        scores = [row.sigmoid() for row in logits]
    else:
        scores = [row.softmax(-1) for row in logits]
    shapes = {name: list(tensor.shape) for name, tensor in model.state_dict().items()}
    return {"config": saved(config), "shapes": shapes, "ids": texts,
            "scores": [[round(x, 6) for x in row.tolist()] for row in scores]}


def write(name, entries):
    path = pathlib.Path(__file__).parent / name
    path.write_text("{\n" + ",\n".join(json.dumps(k) + ": " + json.dumps(v) for k, v in entries.items()) + "\n}\n")


if __name__ == "__main__":
    write("adapters.json", {name: adapter(*entry) for name, entry in ADAPTERS.items()})
    write("classifiers.json", {name: classifier(*entry) for name, entry in CLASSIFIERS.items()})
