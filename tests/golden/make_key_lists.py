#!/usr/bin/env python3
"""Writes config_keys.json: the keys that transformers and peft write into each file of a model folder.

    pip install torch==2.13.0 transformers==5.24.0 peft==0.21.0
    python tests/golden/make_key_lists.py

The test walks them against the tables in lib/, so that a key of a newer version does not pass without a word.
"""
import dataclasses
import json
import pathlib
import tempfile

from peft import LoraConfig
from tokenizers import Tokenizer, models
from transformers import (GenerationConfig, GPT2Config, GPT2Tokenizer, LlamaConfig, LlamaTokenizer, MistralConfig,
                          PreTrainedTokenizerFast, Qwen2Config, Qwen2Tokenizer)

# What is written only when it is set.
EXTRA = {"quantization_config": {}, "problem_type": "regression"}


def config_keys(kind):
    config = kind(num_labels=3, problem_type="regression")
    config._name_or_path = "somewhere"
    config.dtype = "float32"
    fields = {field.name for field in dataclasses.fields(kind)}
    return fields | set(kind.attribute_map) | set(config.to_dict()) | set(EXTRA)


def generation_keys():
    return set(GenerationConfig().to_dict()) | set(GenerationConfig._get_default_generation_params())


def tokenizer_keys():
    names, files = set(), set()
    core = Tokenizer(models.BPE())
    made = [PreTrainedTokenizerFast(tokenizer_object=core, padding_side="left", truncation_side="left",
                                    bos_token="a", eos_token="b", unk_token="c", pad_token="d", sep_token="e",
                                    cls_token="f", mask_token="g", model_max_length=7)]
    for kind in (GPT2Tokenizer, LlamaTokenizer, Qwen2Tokenizer):
        made.append(kind())
    for tokenizer in made:
        tokenizer.add_special_tokens({"extra_special_tokens": ["<x>"]})
        with tempfile.TemporaryDirectory() as folder:
            tokenizer.save_pretrained(folder)
            names |= set(json.loads((pathlib.Path(folder) / "tokenizer_config.json").read_text()))
            files |= set(json.loads((pathlib.Path(folder) / "tokenizer.json").read_text()))
    return names, files


def main():
    tokenizer_config, tokenizer = tokenizer_keys()
    out = {kind.model_type: config_keys(kind) for kind in (GPT2Config, LlamaConfig, MistralConfig, Qwen2Config)}
    out["generation_config.json"] = generation_keys()
    out["tokenizer_config.json"] = tokenizer_config
    out["tokenizer.json"] = tokenizer
    out["adapter_config.json"] = set(LoraConfig().to_dict())
    path = pathlib.Path(__file__).parent / "config_keys.json"
    path.write_text(json.dumps({name: sorted(keys) for name, keys in out.items()}, indent=1) + "\n")


if __name__ == "__main__":
    main()
