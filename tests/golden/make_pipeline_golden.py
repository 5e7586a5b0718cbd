#!/usr/bin/env python3
"""Writes pipelines.json: random tokenizer.json files, and what `tokenizers` makes of random texts with them.

    python tests/golden/make_pipeline_golden.py [SEED CASES TEXTS] > tests/golden/pipelines.json

needs `pip install tokenizers` (0.23). Every case takes one of three small BPE models (of bytes, of characters with
bytes for the unknown ones, of characters with an unknown token) and draws normalizer, pre_tokenizer, decoder,
post_processor, flags and added tokens. A larger file for a longer search is as good: pipeline_golden_test reads it.
"""
import json
import random
import sys

from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

GPT2 = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}
QWEN2 = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+")
LLAMA3 = QWEN2.replace(r"\p{N}|", r"\p{N}{1,3}|", 1)
CORPUS = ["the quick brown fox jumps over the lazy dog, and it was not there: 12 345 times!", "Der Käse ist älter als é",
          "hello hello yellow fellow below", "they're you'll we've it's don't", "1999 2024 100 10", "ça va où naïve café"] * 3
FRAGMENTS = ["the", " the", "hello", " ", "  ", "\n", "\r\n", "\t", "1", "42", "2024", "Ⅷ", "½", "é", "e\u0301", "n\u0303", "\u0301", "\u0327\u0301",
             "\u1100\u1161", "\uac01", "中文", "日本語", "한국", "привет", "ß", "ẞ", "İ", "ſ", "Σ", "ﬁ", "Å", "\u212b", "①", "🙂", "👩‍👩‍👧", "🇩🇪", "\u200b", "\u00a0",
             "\u2028", "\u3000", "_", "-", "!", "?!", "...", "«", "’", "'s", "'LL", "<", "<0x41>", "<0xE4>", "▁", "▁▁the", "\x00", "\x07", "\u0378",
             "\U000e0001", "<tool>", "<s>", "</s>", "<mask>", " <mask> ", "x<mask>y", "<word>", "a<word>", " <word> ", "NORM", "norm", "\ufffd", "ÀÉ",
             "Hello World", "AbC", "\u0958", "\ufb1d", "\U0001d15e", "\u0344", "q\u0307\u0323", "\u1e9b\u0323", "lazy", " dog,", "over"]


def byte_model():
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.train_from_iterator(CORPUS, trainers.BpeTrainer(
        vocab_size=330, show_progress=False, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        special_tokens=["<unk>", "<s>", "</s>"]))
    return json.loads(tokenizer.to_str())["model"]


def character_model(with_bytes):
    tokenizer = Tokenizer(models.BPE(unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(replacement="▁", prepend_scheme="always")
    special = ["<unk>", "<s>", "</s>"] + ([f"<0x{b:02X}>" for b in range(256)] if with_bytes else [])
    tokenizer.train_from_iterator(CORPUS, trainers.BpeTrainer(
        vocab_size=len(special) + 110, show_progress=False, special_tokens=special))
    model = json.loads(tokenizer.to_str())["model"]
    model.update(byte_fallback=with_bytes, fuse_unk=True)
    return model


def draw_normalizer(rng):
    one = lambda: rng.choice([
        {"type": "NFC"}, {"type": "NFD"}, {"type": "NFKC"}, {"type": "NFKD"}, {"type": "Lowercase"},
        {"type": "Strip", "strip_left": rng.random() < .5, "strip_right": rng.random() < .5},
        {"type": "Replace", "pattern": {"String": rng.choice(["e", " ", "the", "é"])}, "content": rng.choice(["", "a", "▁", "e\u0301"])}])
    if rng.random() < .35:
        return None
    if rng.random() < .5:
        return one()
    return {"type": "Sequence", "normalizers": [one() for _ in range(rng.randint(1, 3))]}


BEHAVIORS = ["Removed", "Isolated", "MergedWithPrevious", "MergedWithNext", "Contiguous"]


def draw_step(rng):
    return rng.choice([
        {"type": "Digits", "individual_digits": rng.random() < .5}, {"type": "Punctuation", "behavior": rng.choice(BEHAVIORS)},
        {"type": "Whitespace"}, {"type": "WhitespaceSplit"}, {"type": "CharDelimiterSplit", "delimiter": rng.choice("e ")},
        {"type": "Split", "pattern": {"String": rng.choice([" ", "e", "th"])}, "behavior": rng.choice(BEHAVIORS), "invert": rng.random() < .3},
        {"type": "Split", "pattern": {"Regex": rng.choice([QWEN2, LLAMA3])}, "behavior": "Isolated", "invert": False},
        {"type": "Split", "pattern": {"Regex": QWEN2}, "behavior": "Removed", "invert": True},
        {"type": "Metaspace", "replacement": "▁", "prepend_scheme": rng.choice(["always", "never"]), "split": rng.random() < .5}])


def draw_bytes(rng, case):
    level = dict(GPT2, use_regex=rng.random() < .6, add_prefix_space=rng.random() < .25)
    steps = [draw_step(rng) for _ in range(rng.randint(0, 2))] if rng.random() < .5 else []
    case["pre_tokenizer"] = {"type": "Sequence", "pretokenizers": steps + [level]} if steps else level
    case["decoder"] = GPT2
    case["normalizer"] = draw_normalizer(rng)


def draw_characters(rng, case):
    replace = {"type": "Replace", "pattern": {"String": " "}, "content": "▁"}
    if rng.random() < .4:  # as Llama's converter writes it
        case["normalizer"] = {"type": "Sequence", "normalizers": [{"type": "Prepend", "prepend": "▁"}, replace]}
        case["pre_tokenizer"] = None
    else:
        case["normalizer"] = draw_normalizer(rng)
        steps = [draw_step(rng) for _ in range(rng.randint(0, 2))]
        first = ["first"] * (not steps and "Strip" not in json.dumps(case["normalizer"]))
        steps.append({"type": "Metaspace", "replacement": "▁", "prepend_scheme": rng.choice(["always", "never"] + first),
                      "split": rng.random() < .5})
        case["pre_tokenizer"] = {"type": "Sequence", "pretokenizers": steps} if len(steps) > 1 else steps[0]
    llama = [{"type": "Replace", "pattern": {"String": "▁"}, "content": " "}, {"type": "ByteFallback"}, {"type": "Fuse"}]
    case["decoder"] = rng.choice([
        {"type": "Sequence", "decoders": llama}, {"type": "Sequence", "decoders": llama + [{"type": "Strip", "content": " ", "start": 1, "stop": 0}]},
        {"type": "Metaspace", "replacement": "▁", "prepend_scheme": rng.choice(["always", "never"]), "split": True}])


def draw_post_processor(rng, first):
    special = {"id": "</s>", "ids": [2], "tokens": ["</s>"]}, {"id": "<s>", "ids": [1], "tokens": ["<s>"]}
    token = lambda name: {"SpecialToken": {"id": name, "type_id": 0}}
    text = {"Sequence": {"id": "A", "type_id": 0}}
    single = rng.choice([[token("<s>"), text], [token("<s>"), text, token("</s>")], [text, token("</s>")], [text]])
    template = {"type": "TemplateProcessing", "single": single, "pair": single + [{"Sequence": {"id": "B", "type_id": 1}}],
                "special_tokens": {s["id"]: s for s in special}}
    level = dict(GPT2, add_prefix_space=True)
    return rng.choice([None, level, template, {"type": "Sequence", "processors": [level, template]}])


def draw_added(rng, size):
    flag = lambda p: rng.random() < p
    added = [{"id": i, "content": c, "single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True}
             for i, c in enumerate(["<unk>", "<s>", "</s>"])]
    for content in ["<tool>", "<mask>", "<word>", "NORM"][:rng.randint(0, 4)]:
        added.append({"id": size, "content": content, "single_word": content == "<word>" and flag(.7), "lstrip": content == "<mask>" and flag(.6),
                      "rstrip": content == "<mask>" and flag(.6), "normalized": flag(.3), "special": flag(.5)})
        size += 1
    return added


def main():
    seed, cases, texts = map(int, sys.argv[1:4] or (7, 36, 4))
    rng = random.Random(seed)
    golden = {"models": {"bytes": byte_model(), "fallback": character_model(True), "unknown": character_model(False)}, "cases": []}
    while len(golden["cases"]) < cases:
        name = rng.choice(["bytes", "fallback", "unknown"])
        case = {"model": name, "settings": {"ignore_merges": rng.random() < .2}}
        if name == "unknown":
            case["settings"]["fuse_unk"] = rng.random() < .5
        (draw_bytes if name == "bytes" else draw_characters)(rng, case)
        case["post_processor"] = draw_post_processor(rng, name)
        model = dict(golden["models"][name], **case["settings"])
        case["added_tokens"] = draw_added(rng, len(model["vocab"]))
        file = {"version": "1.0", "truncation": None, "padding": None, "model": model,
                **{k: case[k] for k in ("added_tokens", "normalizer", "pre_tokenizer", "post_processor", "decoder")}}
        tokenizer = Tokenizer.from_str(json.dumps(file))
        case["texts"] = []
        for _ in range(texts):
            text = "".join(rng.choice(FRAGMENTS) if rng.random() < .95 else chr(rng.choice([rng.randrange(0xD800), rng.randrange(0xE000, 0x110000)]))
                           for _ in range(rng.randint(0, 9)))
            tokenizer.encode_special_tokens = True
            plain = tokenizer.encode(text, add_special_tokens=False).ids
            tokenizer.encode_special_tokens = False
            ids = tokenizer.encode(text).ids
            case["texts"].append({"text": text, "plain": plain, "ids": ids, "decoded": tokenizer.decode(ids, skip_special_tokens=False)})
        golden["cases"].append(case)
    json.dump(golden, sys.stdout, separators=(",", ":"))
    print()


main()
