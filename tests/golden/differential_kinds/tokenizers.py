"""tokenizer.json in all its forms: `tokenize encode` and `decode` against tokenizers."""

import json

from . import texts
from .base import Invalid, Kind

GPT2 = r"""'(?:[sdmt]|ll|ve|re)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"""
LLAMA3 = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|"
    r"\s*[\r\n]+|\s+(?!\S)|\s+"
)
QWEN2 = LLAMA3.replace("{1,3}", "")
REGEXES = [GPT2, LLAMA3, QWEN2, r"\s+", r"\p{N}", r"\d{1,3}", r"[\p{L}\p{M}]+", r"[a-z]+", r"\n"]
BYTE_LEVEL = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}
METASPACE = {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "first", "split": False}
LLAMA_NORMALIZER = {
    "type": "Sequence",
    "normalizers": [
        {"type": "Prepend", "prepend": "▁"},
        {"type": "Replace", "pattern": {"String": " "}, "content": "▁"},
    ],
}
LLAMA_DECODER = {
    "type": "Sequence",
    "decoders": [
        {"type": "Replace", "pattern": {"String": "▁"}, "content": " "},
        {"type": "ByteFallback"},
        {"type": "Fuse"},
        {"type": "Strip", "content": " ", "start": 1, "stop": 0},
    ],
}
END = {"<|endoftext|>": {}}


def bytes_case(case):
    return case.get("base", "bytes") == "bytes"


def simple_normalizer(rng):
    return rng.choice(
        [
            {"type": "NFC"},
            {"type": "NFC"},
            {"type": "NFD"},
            {"type": "NFKC"},
            {"type": "NFKD"},
            {"type": "Lowercase"},
            {"type": "Strip", "strip_left": rng.random() < 0.5, "strip_right": rng.random() < 0.5},
            {"type": "StripAccents"},
            {"type": "Prepend", "prepend": rng.choice(["▁", " ", "x"])},
            {
                "type": "Replace",
                "pattern": {"String": rng.choice([" ", "a", "''"])},
                "content": rng.choice(["▁", "", '"']),
            },
            {"type": "Replace", "pattern": {"Regex": rng.choice([" {2,}", r"\s+"])}, "content": " "},
            {"type": "Nmt"},
            {
                "type": "BertNormalizer",
                "clean_text": True,
                "handle_chinese_chars": True,
                "strip_accents": None,
                "lowercase": rng.random() < 0.5,
            },
        ]
    )


def normalizer(rng, case):
    if rng.random() < 0.7:
        return simple_normalizer(rng)
    parts = [simple_normalizer(rng) for _ in range(rng.randint(0, 3))]
    return {"type": "Sequence", "normalizers": parts}


def split(rng):
    pattern = {"Regex": rng.choice(REGEXES)} if rng.random() < 0.9 else {"String": rng.choice([" ", "a"])}
    usual = rng.random() < 0.7
    behaviors = ["Isolated", "Removed", "MergedWithPrevious", "MergedWithNext", "Contiguous"]
    return {
        "type": "Split",
        "pattern": pattern,
        "behavior": "Isolated" if usual else rng.choice(behaviors),
        "invert": not usual and rng.random() < 0.5,
    }


def bytes_pre_tokenizer(rng):
    byte_level = BYTE_LEVEL | {"add_prefix_space": rng.random() < 0.15, "use_regex": rng.random() < 0.8}
    inner = BYTE_LEVEL | {"use_regex": rng.random() < 0.2, "add_prefix_space": rng.random() < 0.1}
    digits = {"type": "Digits", "individual_digits": rng.random() < 0.7}
    other = rng.choice(
        [
            {"type": "Whitespace"},
            {"type": "WhitespaceSplit"},
            {"type": "Punctuation", "behavior": "Isolated"},
            {"type": "CharDelimiterSplit", "delimiter": "a"},
            {"type": "UnicodeScripts"},
            {"type": "BertPreTokenizer"},
        ]
    )
    sequence = rng.choice(
        [
            [split(rng), inner],
            [split(rng), inner],
            [digits, byte_level],
            [split(rng), split(rng), inner],
            [split(rng), digits, inner],
            [other, inner],
        ]
    )
    return rng.choice([byte_level, {"type": "Sequence", "pretokenizers": sequence}])


def pre_tokenizer(rng, case):
    if bytes_case(case):
        return bytes_pre_tokenizer(rng)
    return rng.choice(
        [
            METASPACE,
            METASPACE | {"prepend_scheme": rng.choice(["always", "never", "first"]), "split": rng.random() < 0.4},
            {"type": "Whitespace"},
            {"type": "Sequence", "pretokenizers": [METASPACE, {"type": "Digits", "individual_digits": True}]},
            {
                "type": "Sequence",
                "pretokenizers": [
                    {"type": "Split", "pattern": {"Regex": r"\d"}, "behavior": "Isolated", "invert": False},
                    METASPACE,
                ],
            },
        ]
    )


def added_tokens(rng, case):
    choices = [
        "<|im_start|>",
        "<|im_end|>",
        "<|a|>",
        "<|a|>b",
        "[INST]",
        "the",
        "lighthouse",
        "  ",
        "\n\n",
        "<tool>",
        "日",
        "x y",
        "<|end of turn|>",
    ] + ([] if bytes_case(case) else ["A"])
    tokens = {}
    for content in rng.sample(choices, rng.randint(1, 3)):
        flags = {f: True for f in ("lstrip", "rstrip", "single_word") if rng.random() < 0.12}
        flags |= {"normalized": True} if rng.random() < 0.4 else {}
        flags |= {"special": False} if rng.random() < 0.4 else {}
        tokens[content] = flags
    return tokens


def model_keys(rng, case):
    keys = {}
    if rng.random() < 0.4:
        keys["ignore_merges"] = True
    if rng.random() < 0.15:
        keys["dropout"] = rng.choice([0.0, 0.1])
    if rng.random() < 0.15:
        keys["continuing_subword_prefix"] = rng.choice(["", "##"])
    if rng.random() < 0.15:
        keys["end_of_word_suffix"] = rng.choice(["", "</w>"])
    if rng.random() < 0.3:
        keys["fuse_unk"] = rng.random() < 0.5
    if rng.random() < 0.3:
        keys["unk_token"] = rng.choice(["<unk>", "<|endoftext|>"]) if not bytes_case(case) else "<|endoftext|>"
    if rng.random() < 0.2:
        keys["byte_fallback"] = rng.random() < 0.5
    return keys


def decoder(rng, case):
    return rng.choice(
        [
            {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": True, "use_regex": True},
            LLAMA_DECODER,
            {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "always", "split": True},
            {"type": "Sequence", "decoders": [{"type": "ByteFallback"}, {"type": "Fuse"}]},
            {"type": "Fuse"},
            {"type": "WordPiece", "prefix": "##", "cleanup": True},
            {"type": "BPEDecoder", "suffix": "</w>"},
        ]
    )


def limits(rng, case):
    cut = {"direction": rng.choice(["Left", "Right"]), "max_length": 6, "strategy": "LongestFirst", "stride": 0}
    return (
        {"truncation": cut}
        if rng.random() < 0.5
        else {
            "truncation": cut,
            "padding": {
                "strategy": {"Fixed": 12},
                "direction": "Right",
                "pad_to_multiple_of": None,
                "pad_id": 0,
                "pad_type_id": 0,
                "pad_token": "<|endoftext|>",
            },
        }
    )


def template(rng, case):
    """post_processor: tokens before and behind every text."""
    end = "<|endoftext|>" if bytes_case(case) else rng.choice(["<s>", "</s>"])
    parts = {"first": [end], "last": [end]}
    kind = rng.choice(["first", "last", "both", "byte level", "none"])
    single = [{"SpecialToken": {"id": end, "type_id": 0}}] if kind in ("first", "both") else []
    single += [{"Sequence": {"id": "A", "type_id": 0}}]
    single += [{"SpecialToken": {"id": end, "type_id": 0}}] if kind in ("last", "both") else []
    if kind == "byte level":
        return {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": False, "use_regex": True}
    del parts
    return {
        "type": "TemplateProcessing",
        "single": single,
        "pair": single + [{"Sequence": {"id": "B", "type_id": 1}}],
        "special_tokens": {} if kind == "none" else {end: {"id": end, "ids": ["$id"], "tokens": [end]}},
    }


def draw_texts(rng, case):
    extra = [*case.get("added_tokens", {}), "<|endoftext|>", "<s>", " <s>", "</s> "]
    return [texts.text(rng, extra) for _ in range(rng.randint(3, 8))]


def other_model(rng, case):
    return rng.choice(["Unigram", "WordPiece", "WordLevel"])


def other_model_json(name):
    tokens = ["<unk>", "<s>", "</s>", "▁the", "▁", "the", "a", "b", "e", "##e", "lamp"]
    if name == "Unigram":
        return {
            "type": name,
            "unk_id": 0,
            "vocab": [[t, -float(i)] for i, t in enumerate(tokens)],
            "byte_fallback": False,
        }
    vocab = {t: i for i, t in enumerate(tokens)}
    if name == "WordLevel":
        return {"type": name, "vocab": vocab, "unk_token": "<unk>"}
    return {
        "type": name,
        "vocab": vocab,
        "unk_token": "<unk>",
        "continuing_subword_prefix": "##",
        "max_input_chars_per_word": 100,
    }


def vocabulary_of(model):
    from .folders import with_vocabulary

    vocab = with_vocabulary(model)["vocab"]
    return {t: i for i, (t, _) in enumerate(vocab)} if isinstance(vocab, list) else vocab


def with_ids(post, ids):
    """The post processor with the token's id in place of "$id"."""
    if isinstance(post, dict) and post.get("ids") == ["$id"]:
        return post | {"ids": [ids[post["id"]]]}
    if isinstance(post, dict):
        return {k: with_ids(v, ids) for k, v in post.items()}
    return [with_ids(v, ids) for v in post] if isinstance(post, list) else post


def tokenizer_json(case):
    """The file's value of a case with the features of the kind `tokenizers`."""
    plain = bytes_case(case)
    model = {
        "type": "BPE",
        "dropout": None,
        "unk_token": None if plain else "<unk>",
        "continuing_subword_prefix": None,
        "end_of_word_suffix": None,
        "fuse_unk": not plain,
        "byte_fallback": not plain,
        "ignore_merges": False,
        "$vocabulary": "bytes" if plain else "pieces",
    } | case.get("model", {})
    if "text_merges" in case:
        model["$text_merges"] = True
    if "type" in case:
        model = other_model_json(case["type"])
    vocab = vocabulary_of(model)
    added, ids = [], dict(vocab)
    roles = END if plain else {"<unk>": {}, "<s>": {}, "</s>": {}}
    for content, flags in {**roles, **case.get("added_tokens", {})}.items():
        ids.setdefault(content, len(ids))
        added.append(
            {
                "id": ids[content],
                "content": content,
                "single_word": False,
                "lstrip": False,
                "rstrip": False,
                "normalized": False,
                "special": True,
            }
            | flags
        )
    added.sort(key=lambda token: token["id"])
    legacy = not plain and "metaspace" not in case
    return (
        {"version": "1.0", "truncation": None, "padding": None}
        | case.get("limits", {})
        | {
            "added_tokens": added,
            "normalizer": case.get("normalizer", LLAMA_NORMALIZER if legacy and "pre_tokenizer" not in case else None),
            "pre_tokenizer": case.get("pre_tokenizer", BYTE_LEVEL if plain else None if legacy else METASPACE),
            "post_processor": with_ids(case["post_processor"], ids) if "post_processor" in case else None,
            "decoder": case.get(
                "decoder",
                (
                    {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": True, "use_regex": True}
                    if plain
                    else LLAMA_DECODER
                ),
            ),
            "model": model,
        }
    )


FEATURES = {
    "base": (0.4, lambda rng, case: "pieces"),
    "type": (0.03, other_model),
    "metaspace": (0.4, lambda rng, case: None if bytes_case(case) else True),
    "normalizer": (0.3, normalizer),
    "pre_tokenizer": (0.4, pre_tokenizer),
    "post_processor": (0.2, template),
    "decoder": (0.08, decoder),
    "added_tokens": (0.4, added_tokens),
    "model": (0.35, model_keys),
    "text_merges": (0.2, lambda rng, case: True),
    "limits": (0.06, limits),
}


class Tokenizers(Kind):
    name, share = "tokenizers", 30
    features = FEATURES | {"texts": (1, draw_texts)}
    fixed = ("texts",)
    words = {
        "base": ["byte_fallback", "vocab"],
        "metaspace": ["Metaspace"],
        "limits": ["truncation", "padding"],
        "text_merges": ["merges"],
        "added_tokens": ["added token", "added tokens", "added_tokens"],
        "type": ["type"],
    }

    def files(self, case):
        if not case.get("texts") or not all(case["texts"]):
            raise Invalid("no texts")
        rows = "".join(json.dumps({"text": text}, ensure_ascii=True) + "\n" for text in case["texts"])
        return {"tokenizer.json": {"$json": tokenizer_json(case)}, "texts.jsonl": rows}

    def want(self, case, folder):
        from tokenizers import Tokenizer

        if case.get("model", {}).get("dropout"):
            return "a draw of random numbers"
        tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        tokenizer.no_truncation()
        tokenizer.no_padding()
        ids = [tokenizer.encode(text, add_special_tokens=False).ids for text in case["texts"]]
        return {"ids": ids, "text": tokenizer.decode(ids[0], skip_special_tokens=False)}

    ENCODE = ["encode", "--tokenizer", ".", "--allow-special", "--json", "texts.jsonl"]
    DECODE = ["decode", "--tokenizer", ".", "--json"]

    def ours(self, case, folder, programs):
        ids = [row["ids"] for row in programs.lines("tokenize", self.ENCODE, folder)]
        if not ids or not ids[0]:
            return {"ids": ids, "text": ""}
        text = programs.lines("tokenize", self.DECODE, folder, " ".join(map(str, ids[0])).encode())
        return {"ids": ids, "text": text[0]["text"]}

    def replay(self, case, want):
        commands = [{"run": ["tokenize", *self.ENCODE], "want": [{"ids": ids} for ids in want["ids"]]}]
        if not want["ids"][0]:
            return commands
        return commands + [
            {
                "run": ["tokenize", *self.DECODE],
                "stdin": " ".join(map(str, want["ids"][0])),
                "want": [{"text": want["text"]}],
            }
        ]
