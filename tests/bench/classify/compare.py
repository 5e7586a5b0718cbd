#!/usr/bin/env python3
"""The book's chapter 6 at 124M: training and using the spam classifier, gptkit beside the book's code and
transformers in one run.

    python tests/bench/classify/compare.py BIN BOOK DATA [--whole] [--rounds N] [--texts N]

BIN is the folder of gptkit's programs, BOOK a checkout of https://github.com/rasbt/LLMs-from-scratch, DATA a
folder with SMSSpamCollection.tsv, gpt2-vocab.json and gpt2-merges.txt. `pip install torch transformers pandas`.

All start from the same random weights in GPT-2's shape (speed does not depend on them; the accuracies only
show that the same is learned). Training: 5 epochs over 1,045 texts in batches of 8, last block and head. The
book's code is timed over 20 steps and 10 batches of evaluation, from which its whole run is worked out; with
--whole it is run to its end. gptkit's whole program is timed: reading the model, training, the report with its
simpler methods, saving; "last real token" keeps the frozen blocks' activations in bfloat16. Using: texts a second over the first N rows of the file; gptkit's time is that of the
whole program with loading, the others' is of the model alone. Each contender is a process of its own; the
median of the rounds counts.
"""
import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

MODEL = """
import torch, transformers
torch.manual_seed(123)
transformers.GPT2LMHeadModel(transformers.GPT2Config()).save_pretrained({folder!r})
"""

BOOK = """
import importlib, json, resource, sys, time
from unittest import mock
started = time.perf_counter()
import pandas, torch, transformers
transformers.GPT2LMHeadModel, transformers.GPT2Tokenizer, torch.compiler.disable(len)
sys.path.insert(0, {book!r})
for name in ("gpt_download", "matplotlib", "matplotlib.pyplot", "requests", "tiktoken"):
    sys.modules[name] = mock.MagicMock()  # downloads and plots are not what is measured
import gpt_class_finetune as chapter
from previous_chapters import GPTModel, load_weights_into_gpt
config = dict(vocab_size=50257, context_length=1024, drop_rate=0.0, qkv_bias=True, emb_dim=768, n_layers=12, n_heads=12)
source = transformers.GPT2LMHeadModel.from_pretrained({folder!r}).transformer
array = lambda t: t.detach().numpy()
linear = lambda m: dict(w=array(m.weight), b=array(m.bias))
norm = lambda m: dict(g=array(m.weight), b=array(m.bias))
model = GPTModel(config)
load_weights_into_gpt(model, dict(wpe=array(source.wpe.weight), wte=array(source.wte.weight), blocks=[
    dict(attn=dict(c_attn=linear(b.attn.c_attn), c_proj=linear(b.attn.c_proj)),
         mlp=dict(c_fc=linear(b.mlp.c_fc), c_proj=linear(b.mlp.c_proj)),
         ln_1=norm(b.ln_1), ln_2=norm(b.ln_2)) for b in source.h], **norm(source.ln_f)))
del source
tokenizer = transformers.GPT2Tokenizer({data!r} + "/gpt2-vocab.json", {data!r} + "/gpt2-merges.txt")
rows = pandas.read_csv({data!r} + "/SMSSpamCollection.tsv", sep="\\t", header=None, names=["Label", "Text"])
rows = chapter.create_balanced_dataset(rows)
rows["Label"] = rows["Label"].map(dict(ham=0, spam=1))
parts = dict(zip(("train", "validation", "test"), chapter.random_split(rows, 0.7, 0.1)))
sets = dict()
for name, part in parts.items():
    part.to_csv({folder!r} + "/" + name + ".csv", index=None)
    longest = sets["train"].max_length if sets else None
    sets[name] = chapter.SpamDataset({folder!r} + "/" + name + ".csv", tokenizer, longest)
torch.manual_seed(123)
loaders = {{name: torch.utils.data.DataLoader(data, batch_size=8, shuffle=name == "train", drop_last=name == "train")
           for name, data in sets.items()}}
for parameter in model.parameters():
    parameter.requires_grad = False
torch.manual_seed(123)
model.out_head = torch.nn.Linear(768, 2)
for module in (model.trf_blocks[-1], model.final_norm):
    for parameter in module.parameters():
        parameter.requires_grad = True
optimizer = torch.optim.AdamW(model.parameters(), lr=5e-5, weight_decay=0.1)
loaded = time.perf_counter() - started
torch.manual_seed(123)
result = dict()
if {whole}:
    chapter.train_classifier_simple(model, loaders["train"], loaders["validation"], optimizer, "cpu",
                                    num_epochs=5, eval_freq=50, eval_iter=5)
    for name in parts:
        result[name] = chapter.calc_accuracy_loader(loaders[name], model, "cpu")
    result["seconds"] = time.perf_counter() - started
model.train()
batches = iter(loaders["train"])
began = time.perf_counter()
for _ in range(20):
    inputs, labels = next(batches)
    optimizer.zero_grad()
    chapter.calc_loss_batch(inputs, labels, model, "cpu").backward()
    optimizer.step()
step = (time.perf_counter() - began) / 20
began = time.perf_counter()
chapter.calc_accuracy_loader(loaders["validation"], model, "cpu", num_batches=10)
batch = (time.perf_counter() - began) / 10
# 650 steps; 14 evaluations of 5 + 5 batches, 5 accuracies of as many, at the end one over the 187 batches.
result.setdefault("seconds", loaded + 650 * step + (19 * 10 + 187) * batch)
result["train_texts_per_second"], result["texts_per_second"] = 8 / step, 8 / batch
result["peak_mb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3
print(json.dumps(result))
"""

TRANSFORMERS = """
import json, resource, time, contextlib
import torch, transformers
rows = [line.rstrip("\\n").split("\\t") for line in open({texts!r}, encoding="utf-8")]
tokenizer = transformers.GPT2Tokenizer({data!r} + "/gpt2-vocab.json", {data!r} + "/gpt2-merges.txt")
model = transformers.GPT2ForSequenceClassification.from_pretrained({model!r}, dtype=torch.float32).eval()
model.config.pad_token_id = 50256
labels = [model.config.label2id[label] for label, _ in rows]
half = torch.autocast("cpu", torch.bfloat16) if {half} else contextlib.nullcontext()
began = time.perf_counter()
ids = [tokenizer.encode(text)[:120] for _, text in rows]
order = sorted(range(len(ids)), key=lambda i: len(ids[i]))
right = 0
with torch.inference_mode(), half:
    for first in range(0, len(order), 32):
        some = order[first:first + 32]
        longest = max(len(ids[i]) for i in some)
        batch = torch.tensor([ids[i] + [50256] * (longest - len(ids[i])) for i in some])
        mask = torch.tensor([[1] * len(ids[i]) + [0] * (longest - len(ids[i])) for i in some])
        guesses = model(batch, attention_mask=mask).logits.argmax(-1).tolist()
        right += sum(guess == labels[i] for guess, i in zip(guesses, some))
seconds = time.perf_counter() - began
print(json.dumps(dict(texts_per_second=len(rows) / seconds, accuracy=right / len(rows),
                      peak_mb=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3)))
"""


def run(command):
    """Its output, seconds and peak memory in MB."""
    began = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    out, errors = process.stdout.read(), process.stderr
    messages = errors.read()
    _, status, usage = os.wait4(process.pid, 0)
    if status != 0:
        sys.exit(f"{' '.join(command)[:200]}: {messages[-2000:]}")
    return out, time.perf_counter() - began, usage.ru_maxrss / 1e3


def python(text):
    out, _, _ = run([sys.executable, "-c", text])
    return json.loads(out.splitlines()[-1])


class Table:
    def __init__(self):
        self.figures = {}

    def add(self, name, **figures):
        for key, value in figures.items():
            self.figures.setdefault((name, key), []).append(value)

    def __call__(self, name, key):
        values = self.figures.get((name, key))
        return statistics.median(values) if values else float("nan")


def trainings(folder, args, table):
    program = [f"{args.bin}/finetune-classify", "-q", "-c", f"{args.source}/configs/book/ch06-classify.yaml",
               "--set", f"model={folder}/base", "--set", f"data.train={args.data}/SMSSpamCollection.tsv"]
    ways = {"gptkit, padded to 120": ["train.precision=auto"],
            "gptkit, last real token": ["train.precision=auto", "classifier.pooling=last_token",
                                        "classifier.frozen_backbone_dtype=bfloat16"]}
    for number in range(args.rounds):
        book = python(BOOK.format(book=f"{args.book}/ch06/01_main-chapter-code", folder=f"{folder}/base",
                                  data=args.data, whole=args.whole and number == 0))
        table.add("the book", seconds=book["seconds"], peak=book["peak_mb"], rate=book["texts_per_second"],
                  steps=book["train_texts_per_second"])
        if "test" in book:
            table.add("the book", accuracy=book["test"])
        for name, settings in ways.items():
            out = f"{folder}/{name}-{number}"
            more = [part for setting in settings for part in ("--set", setting)]
            _, seconds, peak = run(program + more + ["--out", out])
            report = json.loads(pathlib.Path(out, "report.json").read_text())
            table.add(name, seconds=seconds, peak=peak, accuracy=report["test"]["accuracy"])
    print(f"{'5 epochs, end to end':34}{'seconds':>9}{'ratio':>7}{'peak MB':>9}{'test':>8}")
    for name in ["the book", *ways]:
        print(f"{name:34}{table(name, 'seconds'):9.1f}{table('the book', 'seconds') / table(name, 'seconds'):7.1f}"
              f"{table(name, 'peak'):9.0f}{table(name, 'accuracy'):8.4f}")
    print(f"the book: {table('the book', 'steps'):.1f} texts/s training\n")
    return f"{folder}/gptkit, last real token-0/model"


def uses(folder, model, args, table):
    texts = f"{folder}/texts.tsv"
    with open(f"{args.data}/SMSSpamCollection.tsv", encoding="utf-8") as lines:
        pathlib.Path(texts).write_text("".join(list(lines)[:args.texts]), encoding="utf-8")
    names = []
    for _ in range(args.rounds):
        names = ["the book, padded to 120, float32"]
        table.add(names[0], rate=table("the book", "rate"), peak=table("the book", "peak"))
        for half in (False, True):
            name = f"transformers, sorted, {'bfloat16' if half else 'float32'}"
            names.append(name)
            got = python(TRANSFORMERS.format(texts=texts, data=args.data, model=model, half=half))
            table.add(name, rate=got["texts_per_second"], peak=got["peak_mb"], accuracy=got["accuracy"])
        for precision in ("float32", "auto"):
            name = f"gptkit classify, {precision}"
            names.append(name)
            out, seconds, peak = run([f"{args.bin}/classify", "-q", "--model", model, "-i", texts, "--header", "none",
                                      "--no-quotes", "--evaluate", "--json", "--precision", precision])
            table.add(name, rate=args.texts / seconds, peak=peak, accuracy=json.loads(out)["accuracy"])
    book, peer = table(names[0], "rate"), table(names[1], "rate")
    print(f"{'using it':34}{'texts/s':>9}{'book':>7}{'transf.':>9}{'peak MB':>9}{'accuracy':>10}")
    for name in names:
        rate = table(name, "rate")
        print(f"{name:34}{rate:9.1f}{rate / book:7.1f}{rate / peer:9.2f}{table(name, 'peak'):9.0f}"
              f"{table(name, 'accuracy'):10.4f}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bin")
    parser.add_argument("book")
    parser.add_argument("data")
    parser.add_argument("--whole", action="store_true", help="train the book's code to its end (20 minutes), once")
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--texts", type=int, default=1500)
    args = parser.parse_args()
    args.source = pathlib.Path(__file__).resolve().parents[3]
    args.data = str(pathlib.Path(args.data).resolve())
    table = Table()
    with tempfile.TemporaryDirectory() as folder:
        base = pathlib.Path(folder, "base")
        run([sys.executable, "-c", MODEL.format(folder=str(base))])
        for name, source in (("vocab.json", "gpt2-vocab.json"), ("merges.txt", "gpt2-merges.txt")):
            (base / name).write_bytes(pathlib.Path(args.data, source).read_bytes())
        model = trainings(folder, args, table)
        uses(folder, model, args, table)


if __name__ == "__main__":
    main()
