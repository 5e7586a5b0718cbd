#!/usr/bin/env python3
"""Writes tests/golden/gpt2-tiny: a random GPT-2 as transformers saves it, and what it computes.

Needs torch and transformers in a virtual environment; the C++ tests read only the files.
    python tests/golden/make_gpt2_golden.py
"""
import json
import pathlib

import torch
from transformers import GPT2Config, GPT2ForSequenceClassification, GPT2LMHeadModel

here = pathlib.Path(__file__).parent


def tiny_config(**more):
    # Odd on purpose: 3 heads, context 37, vocabulary 61.
    return GPT2Config(vocab_size=61, n_positions=37, n_embd=24, n_layer=2, n_head=3,
                      resid_pdrop=0.0, embd_pdrop=0.0, attn_pdrop=0.0,
                      bos_token_id=0, eos_token_id=0, **more)


def randomise(model):
    torch.manual_seed(7)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(torch.randn_like(parameter) * 0.2 + (1.0 if parameter.dim() == 1 else 0))
    return model.eval()


def language_model(folder, **more):
    model = randomise(GPT2LMHeadModel(tiny_config(**more)))
    model.save_pretrained(here / folder)
    if folder == "gpt2-tiny":  # the same weights as old folders have them
        torch.save(model.state_dict(), here / folder / "pytorch_model.bin")
    torch.manual_seed(11)
    ids = torch.randint(61, (2, 9))
    loss = model(ids, labels=ids).loss
    loss.backward()
    gradients = {name: p.grad.abs().sum().item() for name, p in model.named_parameters()}
    with torch.no_grad():
        logits = model(ids).logits
        greedy = ids[:1, :4]
        for _ in range(20):
            greedy = torch.cat([greedy, model(greedy).logits[:, -1:].argmax(-1)], 1)
    (here / folder / "expected.json").write_text(json.dumps({
        "ids": ids.tolist(), "logits": logits.tolist(), "loss": loss.item(),
        "gradient_sums": gradients, "greedy": greedy[0].tolist()}))


def classifier(folder):
    model = randomise(GPT2ForSequenceClassification(tiny_config(num_labels=3, pad_token_id=0)))
    model.save_pretrained(here / folder)
    ids = torch.tensor([[5, 9, 3, 0, 0], [7, 1, 2, 8, 4]])
    with torch.no_grad():
        logits = model(ids).logits
    (here / folder / "expected.json").write_text(
        json.dumps({"ids": ids.tolist(), "lengths": [3, 5], "logits": logits.tolist()}))


def adamw(file):
    """Ten steps of torch.optim.AdamW on a tiny regression: the losses."""
    torch.manual_seed(5)
    weight = torch.nn.Parameter(torch.linspace(-1, 1, 12).reshape(3, 4))
    bias = torch.nn.Parameter(torch.tensor([0.5, -0.5, 0.25]))
    x = torch.linspace(-2, 2, 20).reshape(5, 4).sin()
    y = torch.linspace(0, 3, 15).reshape(5, 3).cos()
    optimizer = torch.optim.AdamW([weight, bias], lr=0.05, weight_decay=0.1)
    losses = []
    for _ in range(10):
        optimizer.zero_grad()
        loss = ((x @ weight.t() + bias - y) ** 2).mean()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    (here / file).write_text(json.dumps({"losses": losses, "weight": weight.tolist(),
                                         "bias": bias.tolist()}))


language_model("gpt2-tiny")
language_model("gpt2-tiny-untied", tie_word_embeddings=False)
classifier("gpt2-tiny-classifier")
adamw("adamw.json")
