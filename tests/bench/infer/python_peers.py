#!/usr/bin/env python3
"""transformers and CTranslate2 as compare.py runs them: one JSON object in, one line of JSON out.

    python tests/bench/infer/python_peers.py '{"peer": "transformers", "model": FOLDER, "dtype": "bfloat16", ...}'

peer: transformers or ctranslate2; dtype: that of the weights; threads, new (tokens), sequences, prefill (tokens;
0: not measured), rounds, beams. Prints tokens/s of each round: greedy decoding (or beam search) after prompts of
32 tokens, all sequences together, and one pass over a long prompt. The first of several rounds warms up.
"""
import json
import sys
import time

PROMPT = 32


def prompts(count, length):
    return [[500 + (row * 1021 + i * 48271) % 30000 for i in range(length)] for row in range(count)]


class Transformers:
    def __init__(self, o):
        import torch
        import transformers
        torch.set_num_threads(o["threads"])
        transformers.logging.set_verbosity_error()
        self.torch = torch
        self.model = transformers.AutoModelForCausalLM.from_pretrained(o["model"], dtype=getattr(torch, o["dtype"]))
        self.model.eval()

    def generate(self, ids, new, beams):
        ids = self.torch.tensor(ids)
        with self.torch.inference_mode():
            self.model.generate(ids, attention_mask=self.torch.ones_like(ids), max_new_tokens=new, min_new_tokens=new,
                                do_sample=False, num_beams=beams, pad_token_id=0)


class CTranslate2:
    def __init__(self, o):
        import ctranslate2
        self.model = ctranslate2.Generator(o["model"], device="cpu", compute_type=o["dtype"],
                                           intra_threads=o["threads"])
        with open(o["model"] + "/vocabulary.json", encoding="utf-8") as file:
            self.vocabulary = json.load(file)

    def generate(self, ids, new, beams):
        tokens = [[self.vocabulary[i] for i in row] for row in ids]
        self.model.generate_batch(tokens, max_length=new, min_length=new, beam_size=beams, sampling_topk=1,
                                  include_prompt_in_result=False)


def seconds(run):
    begin = time.perf_counter()
    run()
    return time.perf_counter() - begin


def measure(o):
    peer = {"transformers": Transformers, "ctranslate2": CTranslate2}[o["peer"]](o)
    ids, long = prompts(o["sequences"], PROMPT), prompts(1, o["prefill"])
    decode, prefill = [], []
    for turn in range(o["rounds"]):
        # Without what one token takes: the prompt, and what is done once a call.
        once = seconds(lambda: peer.generate(ids, 1, o["beams"])) if o["new"] > 1 else 0
        whole = seconds(lambda: peer.generate(ids, o["new"], o["beams"]))
        filled = seconds(lambda: peer.generate(long, 1, 1)) if o["prefill"] else 0
        if turn > 0 or o["rounds"] == 1:
            decode.append(o["sequences"] * (o["new"] - 1) / (whole - once))
            if o["prefill"]:
                prefill.append(o["prefill"] / filled)
    return {"decode": decode, "prefill": prefill}


if __name__ == "__main__":
    print(json.dumps(measure(json.loads(sys.argv[1]))))
