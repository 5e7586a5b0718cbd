#!/usr/bin/env python3
"""Writes logits_processors.json: what transformers' logits processors and warpers leave of random logits,
and beam_search.json: the texts and scores of its beam search with gpt2-tiny.

    pip install torch==2.13.0 transformers==5.24.0
    python tests/golden/make_generation_golden.py

Logits have two decimals, so that there are ties.
"""
import json
import pathlib
import random

import torch
from transformers import AutoModelForCausalLM, GenerationConfig

here = pathlib.Path(__file__).parent
VOCABULARY = 61  # of gpt2-tiny, whose class makes the list of processors


def processors(model, settings, prompt):
    biases = [[[int(i)], b] for i, b in settings.get("logit_bias", [])]
    known = {k: v for k, v in settings.items() if k != "logit_bias"}
    config = GenerationConfig(**known, **({"sequence_bias": biases} if biases else {}))
    return model._get_logits_processor(config, input_ids_seq_length=prompt, device="cpu")


def random_settings(rng):
    """One or several settings; half of the time a single one."""
    every = {
        "temperature": lambda: rng.choice([0.3, 0.7, 1.5, 4.0]),
        "top_k": lambda: rng.choice([1, 2, 5, 20, 60]),
        "top_p": lambda: rng.choice([0.01, 0.3, 0.7, 0.9, 0.99]),
        "min_p": lambda: rng.choice([0.01, 0.05, 0.2, 0.9]),
        "typical_p": lambda: rng.choice([0.05, 0.2, 0.5, 0.9, 0.99]),
        "repetition_penalty": lambda: rng.choice([0.7, 1.2, 3.0]),
        "no_repeat_ngram_size": lambda: rng.choice([1, 2, 3]),
        "logit_bias": lambda: [[rng.randrange(VOCABULARY), rng.choice([-100.0, -1.5, 2.0])] for _ in range(2)],
    }
    names = rng.sample(sorted(every), 1 if rng.random() < 0.5 else rng.randint(2, 5))
    chosen = {name: every[name]() for name in sorted(names)}
    if "logit_bias" in chosen:  # transformers takes the last of one token's biases, as a dictionary does
        chosen["logit_bias"] = list({i: [i, b] for i, b in chosen["logit_bias"]}.values())
    return {"top_k": 0} | chosen


def processor_cases(model):
    rng = random.Random(7)
    torch.manual_seed(7)
    cases = []
    for _ in range(80):
        spread = rng.choice([0.5, 2.0, 4.0])
        logits = [round(x, 2) for x in (torch.randn(VOCABULARY) * spread).tolist()]
        history = [rng.randrange(9) for _ in range(rng.choice([1, 4, 12]))]
        settings = random_settings(rng)
        run = processors(model, settings | {"do_sample": True}, len(history))
        scores = run(torch.tensor([history]), torch.tensor([logits]))[0]
        kept = scores.isfinite().nonzero().flatten().tolist()
        cases.append({"logits": logits, "history": history, "settings": settings,
                      "kept": kept, "probabilities": [float(f"{p:.4g}") for p in scores.softmax(-1)[kept].tolist()]})
    return cases


def random_beams(rng):
    beams = rng.choice([2, 3, 5])
    settings = {"num_beams": beams, "num_return_sequences": rng.randint(1, beams),
                "max_new_tokens": rng.choice([1, 4, 12, 20]),
                "length_penalty": rng.choice([-1.0, 0.0, 0.5, 1.0, 2.0]),
                "early_stopping": rng.choice([False, True, "never"])}
    if rng.random() < 0.3:
        settings["repetition_penalty"] = rng.choice([0.8, 1.3])
    if rng.random() < 0.2:
        settings["no_repeat_ngram_size"] = 2
    return settings


def beam_cases(model):
    rng = random.Random(11)
    cases = []
    for _ in range(120):
        settings = random_beams(rng)
        prompt = [rng.randrange(VOCABULARY) for _ in range(rng.choice([1, 5]))]
        ends = rng.sample(range(VOCABULARY), rng.choice([1, 4, 12, 30]))
        done = model.generate(torch.tensor([prompt]), attention_mask=torch.ones(1, len(prompt)), do_sample=False,
                              eos_token_id=ends, pad_token_id=ends[0], output_scores=True,
                              return_dict_in_generate=True, **settings)
        texts = []
        for row, score in zip(done.sequences.tolist(), done.sequences_scores.tolist()):
            new = row[len(prompt):]
            first = next((i for i, token in enumerate(new) if token in ends), len(new) - 1)
            texts.append({"tokens": new[: first + 1], "score": float(f"{score:.6g}")})
        cases.append({"settings": settings, "prompt": prompt, "ends": ends, "texts": texts})
    return cases


def main():
    model = AutoModelForCausalLM.from_pretrained(here / "gpt2-tiny").eval()
    for name, cases in (("logits_processors", processor_cases(model)), ("beam_search", beam_cases(model))):
        (here / f"{name}.json").write_text(json.dumps(cases, separators=(",", ":")) + "\n")


main()
