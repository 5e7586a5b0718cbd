#!/usr/bin/env python3
"""Writes the checkpoints beside this file as PyTorch saves them, and what they hold.

Needs torch in a virtual environment; the C++ tests read only the files.
    python tests/golden/torch_checkpoints/make.py
"""
import collections
import json
import pathlib

import torch

here = pathlib.Path(__file__).parent


def described(tensor):
    dense = tensor.detach().contiguous().view(-1)
    data = bytes(dense.view(torch.uint8).tolist()) if dense.numel() else b""
    return {"dtype": str(tensor.dtype).removeprefix("torch."), "shape": list(tensor.shape),
            "data": data.hex()}


def everything():
    """Each dtype, odd strides, shared storages, values that are no tensors."""
    base = torch.arange(24, dtype=torch.float32).reshape(4, 6) / 7
    tied = torch.arange(6, dtype=torch.float32).reshape(2, 3) - 2.5
    state = collections.OrderedDict()
    for dtype in [torch.float64, torch.float32, torch.float16, torch.bfloat16, torch.int64,
                  torch.int32, torch.int16, torch.int8, torch.uint8]:
        low = 3 if dtype == torch.uint8 else -3
        state[str(dtype).removeprefix("torch.")] = torch.arange(low, low + 5).to(dtype)
    state["bool"] = torch.tensor([[True, False], [False, True]])
    state["scalar"] = torch.tensor(1.5)
    state["empty"] = torch.zeros(0, 3)
    state["parameter"] = torch.nn.Parameter(torch.tensor([0.25, -0.5]))
    state["base"] = base
    state["transposed"] = base.t()
    state["sliced"] = base[1:3, 1::2]
    state["column"] = base[:, 4]
    state["cube"] = torch.arange(24).reshape(2, 3, 4).permute(2, 0, 1)
    state["repeated"] = base[0].expand(3, 6)
    state["windows"] = base.view(-1).unfold(0, 4, 2)[:5]
    state["of_size_one"] = base[:, :1].t()
    state["wte.weight"] = tied
    state["lm_head.weight"] = tied
    state["a name: ü \"quoted\""] = torch.tensor([7], dtype=torch.int32)
    state["note"] = "not a tensor"
    state["count"] = -(1 << 40)
    state["ratio"] = 0.1
    state["nothing"] = None
    state[5] = "a key that is no text"
    state._metadata = collections.OrderedDict({"": {"version": 1}})
    return state


def training_step():
    torch.manual_seed(3)
    model = torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.LayerNorm(2))
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    model(torch.ones(1, 3)).square().sum().backward()
    optimizer.step()
    return model, optimizer


def write(file, content, tensors, **options):
    torch.save(content, here / file, **options)
    expected[file] = {name: described(value) for name, value in tensors.items()
                      if isinstance(name, str) and isinstance(value, torch.Tensor)}


expected = {}
state = everything()
write("everything.pth", state, state)
write("everything-old.pth", state, state, _use_new_zipfile_serialization=False)
write("everything-protocol-4.pth", state, state, pickle_protocol=4)

model, optimizer = training_step()
weights = model.state_dict()
write("state-dict-member.pth", {"epoch": 3, "state_dict": weights}, weights)
write("book.pth", {"model_state_dict": weights, "optimizer_state_dict": optimizer.state_dict()},
      weights)
# As nanoGPT saves it: a tensor of the training beside the weights.
write("nanogpt.pt", {"model": weights, "optimizer": optimizer.state_dict(),
                     "model_args": {"n_layer": 1, "bias": False, "vocab_size": None},
                     "iter_num": 100, "best_val_loss": torch.tensor(2.5),
                     "config": {"dtype": "float32", "betas": (0.9, 0.95)}}, weights)
write("book-old.pth",
      {"model_state_dict": weights, "optimizer_state_dict": optimizer.state_dict()}, weights,
      _use_new_zipfile_serialization=False)
(here / "expected.json").write_text(json.dumps(expected, indent=1, ensure_ascii=False) + "\n")
