#!/usr/bin/env python3
"""peers_test.py BIN SOURCE: what each training program leaves opens in transformers (and, where the
package llama_cpp is installed, in llama.cpp) and gives the same continuation and probabilities. Exit code
77, skipped, without transformers."""
import json
import pathlib
import subprocess
import sys
import tempfile

try:
    import torch
    from transformers import AutoModelForCausalLM, AutoModelForSequenceClassification, AutoTokenizer
except ImportError as error:
    print(f"skipped: {error}")
    sys.exit(77)

BIN, DATA = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]) / "configs/quickstart"
PROMPT, TEXT = "The old lighthouse", "Are we still meeting for lunch tomorrow?"


def run(program, *arguments):
    command = [BIN / program, *map(str, arguments), "-q"]
    made = subprocess.run(command, capture_output=True, text=True)
    assert made.returncode == 0, made.stderr
    return made.stdout


def greedy(model):
    row = json.loads(run("generate", "-m", model, "-p", PROMPT, "-n", 20, "--temperature", 0, "--json",
                         "-s", "ignore_end=true"))
    return row["token_ids"]


def check_language_model(folder, scratch):
    tokenizer, model = AutoTokenizer.from_pretrained(folder), AutoModelForCausalLM.from_pretrained(folder)
    ids = tokenizer(PROMPT)["input_ids"]
    theirs = model.eval().generate(torch.tensor([ids]), max_new_tokens=20, do_sample=False, eos_token_id=-1)
    ours = greedy(folder)
    assert theirs[0, len(ids):].tolist() == ours, (folder, theirs, ours)
    run("convert", folder, scratch / "m.gguf", "--overwrite")
    assert greedy(scratch / "m.gguf") == ours, folder
    try:
        import llama_cpp
    except ImportError:
        return "transformers"
    llama = llama_cpp.Llama(str(scratch / "m.gguf"), n_ctx=64, verbose=False)
    made = []
    for token in llama.generate(llama.tokenize(PROMPT.encode(), add_bos=False), temp=0.0, repeat_penalty=1.0):
        made.append(token)
        if len(made) == 20:
            break
    assert made == ours, (folder, made, ours)
    return "transformers and llama.cpp"


def check_classifier(folder):
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForSequenceClassification.from_pretrained(folder).eval()
    with torch.no_grad():
        theirs = model(torch.tensor([tokenizer(TEXT)["input_ids"]])).logits.softmax(-1)[0]
    ours = json.loads(run("classify", "-m", folder, TEXT, "--json", "--precision", "float32"))["probabilities"]
    for i, label in model.config.id2label.items():
        assert abs(theirs[i].item() - ours[label]) < 1e-4, (theirs, ours)


def check_adapter(base, run_folder):
    """The adapter on the base, as peft puts it together, has the merged model's logits."""
    try:
        from peft import PeftModel
    except ImportError:
        return "skipped: no peft"
    merged = AutoModelForSequenceClassification.from_pretrained(run_folder / "model").eval()
    model = AutoModelForSequenceClassification.from_pretrained(base, num_labels=merged.config.num_labels,
                                                               pad_token_id=merged.config.pad_token_id)
    model = PeftModel.from_pretrained(model, run_folder / "adapter").eval()
    ids = torch.arange(2, 20).reshape(2, 9)
    with torch.no_grad():
        a, b = merged(ids).logits, model(ids).logits
    assert torch.allclose(a, b, rtol=1e-4, atol=1e-4), (a, b)
    ours = [json.loads(run("classify", "-m", run_folder / name, TEXT, "--json", "--precision",
                           "float32"))["probabilities"] for name in ("model", "adapter")]
    for label, probability in ours[0].items():
        assert abs(probability - ours[1][label]) < 1e-4, ours
    return "opens in peft"


def main():
    with tempfile.TemporaryDirectory() as name:
        scratch = pathlib.Path(name)
        run("tokenize", "train", "--algorithm", "bpe", "--vocab-size", 400, "--out", scratch / "tok",
            DATA / "stories.txt")
        for family in (["family=gpt2"], ["family=llama", "n_kv_head=1", "qkv_bias=false", "proj_bias=false",
                                         "mlp_bias=false"]):
            settings = [x for s in ["n_layer=2", "n_head=2", "d_model=32", "context_length=64", *family]
                        for x in ("-s", f"model.{s}")]
            short = ["-s", "train.max_steps=20", "--overwrite"]
            run("pretrain", "-s", f"data.train={DATA / 'stories.txt'}", "-s", f"tokenizer={scratch / 'tok'}",
                *settings, *short, "-s", "train.lr=0.003", "--out", scratch / "pre")
            print(family[0], "pretrain opens in", check_language_model(scratch / "pre/model", scratch))
            run("finetune-instruct", "-m", scratch / "pre/model", "-s", f"data.train={DATA / 'instructions.json'}",
                "-s", "instruct.prompt_style=plain", "-s", "responses.count=0", *short, "--out", scratch / "ins")
            print(family[0], "finetune-instruct opens in", check_language_model(scratch / "ins/model", scratch))
            run("finetune-classify", "-m", scratch / "pre/model", "-s", f"data.train={DATA / 'few-messages.tsv'}",
                *short, "--out", scratch / "cls")
            check_classifier(scratch / "cls/model")
            print(family[0], "finetune-classify opens in transformers")
            run("finetune-classify", "-m", scratch / "pre/model", "-s", f"data.train={DATA / 'few-messages.tsv'}",
                *short, "-s", "lora.rank=4", "-s", "train.lr=0.01", "--out", scratch / "lora")
            print(family[0], "adapter:", check_adapter(scratch / "pre/model", scratch / "lora"))


main()
