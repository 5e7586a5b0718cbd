"""generation_config.json and what says which tokens begin, end and pad: `generate --temperature 0` against
transformers' greedy generate."""

import json

from . import models, texts
from .base import Invalid, Kind
from .tokenizers import template, tokenizer_json

ENDS = ["<|endoftext|>", "<|im_end|>", "<|pad|>", "<|begin|>"]
IDS = {token: 328 + i for i, token in enumerate(ENDS)}
STEPS = 16


def some_id(rng):
    return rng.choice([*IDS.values(), *range(40, 328)]) if rng.random() < 0.5 else rng.randint(0, 331)


def ends(rng):
    """Many, so that they are met."""
    return rng.choice(
        [None, 328, [328, 329], rng.sample(range(332), 60), rng.sample(range(332), 60), [rng.randint(0, 331)]]
    )


def generation_config(rng, case):
    keys = [
        ("eos_token_id", ends(rng)),
        ("eos_token_id", ends(rng)),
        ("pad_token_id", some_id(rng)),
        ("bos_token_id", some_id(rng)),
        ("do_sample", rng.random() < 0.5),
        ("repetition_penalty", rng.choice([1.0, 1.3, 0.8])),
        ("temperature", 0.7),
        ("top_k", 5),
        ("top_p", 0.5),
        ("min_p", 0.1),
        ("typical_p", 0.5),
        ("max_length", 24),
        ("max_new_tokens", 5),
        ("min_new_tokens", 6),
        ("min_length", 30),
        ("no_repeat_ngram_size", 2),
        ("suppress_tokens", rng.sample(range(332), 80)),
        ("begin_suppress_tokens", rng.sample(range(332), 80)),
        ("bad_words_ids", [[i] for i in rng.sample(range(332), 80)]),
        ("forced_eos_token_id", 5),
        ("forced_bos_token_id", 5),
        ("num_beams", rng.choice([1, 3])),
        ("length_penalty", 0.5),
        ("early_stopping", True),
        ("sequence_bias", [[[7], 10.0]]),
        ("guidance_scale", rng.choice([1.0, 2.0])),
        ("exponential_decay_length_penalty", [2, 1.5]),
        ("stop_strings", ["he"]),
        ("renormalize_logits", True),
        ("encoder_repetition_penalty", 1.5),
        ("remove_invalid_values", True),
        ("num_return_sequences", 1),
        ("use_cache", False),
        ("epsilon_cutoff", 0.1),
        ("eta_cutoff", 0.1),
        ("num_beam_groups", 1),
        ("diversity_penalty", 0.0),
        ("transformers_version", "5.0.0"),
        ("_from_model_config", True),
        ("cache_implementation", "static"),
        ("top_h", 0.5),
        ("unheard_of", 1),
        ("max_time", 100.0),
        ("decoder_start_token_id", 3),
        ("low_memory", True),
    ]
    return dict(rng.choice(keys) for _ in range(rng.choice([1, 1, 2, 3])))


def config_roles(rng, case):
    keys = [("eos_token_id", ends(rng)), ("bos_token_id", some_id(rng)), ("pad_token_id", some_id(rng))]
    return dict(rng.choice(keys) for _ in range(2))


def tokenizer_config(rng, case):
    keys = [
        ("eos_token", rng.choice(ENDS)),
        ("bos_token", rng.choice(ENDS)),
        ("pad_token", "<|pad|>"),
        ("add_bos_token", rng.random() < 0.7),
        ("add_eos_token", rng.random() < 0.5),
        ("add_prefix_space", rng.random() < 0.5),
        ("model_max_length", rng.choice([5, 64, 1e30])),
        ("padding_side", "left"),
        ("truncation_side", "left"),
        ("clean_up_tokenization_spaces", rng.random() < 0.5),
        ("legacy", False),
        ("unk_token", "<|endoftext|>"),
        (
            "eos_token",
            {
                "__type": "AddedToken",
                "content": "<|im_end|>",
                "lstrip": False,
                "rstrip": False,
                "normalized": False,
                "single_word": False,
            },
        ),
        ("split_special_tokens", True),
        ("additional_special_tokens", ["<|im_end|>"]),
        ("extra_special_tokens", {"image_token": "<|pad|>"}),
        ("model_input_names", ["input_ids"]),
    ]
    return dict(rng.choice(keys) for _ in range(rng.choice([1, 2, 3])))


class Generation(Kind):
    name, share = "generation", 18
    features = {
        "family": (0.5, lambda rng, case: rng.choice(["llama", "qwen2", "mistral"])),
        "generation_config": (0.7, generation_config),
        "no_generation_config": (0.2, lambda rng, case: None if "generation_config" in case else True),
        "config": (0.3, config_roles),
        "tokenizer_config": (0.4, tokenizer_config),
        "post_processor": (0.35, template),
        "special_tokens_map": (0.1, lambda rng, case: {"eos_token": rng.choice(ENDS)}),
        "salt": (1, lambda rng, case: rng.randint(0, 9)),
        "prompt": (1, lambda rng, case: texts.words(rng, 1, 6)),
    }
    fixed = ("prompt", "salt")
    words = {"generation_config": ["generation_config.json"], "tokenizer_config": ["tokenizer_config.json"]}

    def files(self, case):
        if not case.get("prompt"):
            raise Invalid("no prompt")
        added = {t: {} for t in ENDS}
        tokenizer = {"added_tokens": added} | (
            {"post_processor": case["post_processor"]} if "post_processor" in case else {}
        )
        model = {k: v for k, v in case.items() if k == "family"} | {
            "config": case.get("config", {}),
            "n_layer": 1,
            "inner": 24 + case["salt"],
        }
        files = models.model_files(model) | {"tokenizer.json": {"$json": tokenizer_json(tokenizer)}}
        config = {"tokenizer_class": "PreTrainedTokenizerFast"} | case.get("tokenizer_config", {})
        files["tokenizer_config.json"] = {"$json": config}
        if "no_generation_config" not in case:
            files["generation_config.json"] = {"$json": case.get("generation_config", {"eos_token_id": 328})}
        if "special_tokens_map" in case:
            files["special_tokens_map.json"] = {"$json": case["special_tokens_map"]}
        return files

    def named(self, case, sentence):
        for feature in ("generation_config", "tokenizer_config", "config"):
            for key in case.get(feature, {}):
                if key in sentence:
                    return key
        return super().named(case, sentence)

    def want(self, case, folder):
        import torch
        from tokenizers import Tokenizer
        from transformers import AutoTokenizer

        model = models.reference_model(folder)
        tokenizer = AutoTokenizer.from_pretrained(folder)
        ids = tokenizer(case["prompt"]).input_ids
        raw = Tokenizer.from_file(str(folder / "tokenizer.json")).encode(case["prompt"]).ids
        explicit = {"add_bos_token", "add_eos_token", "add_prefix_space", "bos_token", "eos_token"} & set(
            case.get("tokenizer_config", {})
        )
        if ids != raw and not explicit:
            raise Invalid("transformers and tokenizers disagree about the prompt")
        # A prompt goes on: what the tokenizer puts behind a text does not belong to it (lib/text/tokenizer.h).
        behind = case.get("post_processor", {}).get("single", [{}])[-1]
        if "SpecialToken" in behind or case.get("tokenizer_config", {}).get("add_eos_token"):
            ids = ids[:-1] if ids and ids[-1] in IDS.values() else ids
        if not ids:
            raise Invalid("an empty prompt")
        more = {"tokenizer": tokenizer} if "stop_strings" in case.get("generation_config", {}) else {}
        torch.manual_seed(0)
        done = model.generate(
            torch.tensor([ids]),
            attention_mask=torch.ones(1, len(ids)),
            do_sample=False,
            max_new_tokens=STEPS,
            return_dict_in_generate=True,
            output_scores=True,
            **more,
        )
        new = done.sequences[0].tolist()
        new = new[len(ids) :] if new[: len(ids)] == ids else new
        margins = [float((s := score[0].topk(2).values)[0] - s[1]) for score in done.scores]
        return {"ids": new, "ends": named_ends(case, tokenizer), "margins": margins}

    def arguments(self, case):
        return ["-q", "--model", ".", "--prompt", case["prompt"], "--temperature", "0", "-n", str(STEPS), "--json"]

    def ours(self, case, folder, programs):
        return programs.lines("generate", self.arguments(case), folder)[0]["token_ids"]

    def replay(self, case, want):
        return replayed(self.arguments(case), want)

    def difference(self, got, want):
        ids = want["ids"]
        same = common(got, ids)
        if same < len(want["margins"]) and want["margins"][same] < 1e-4:
            return None  # a near tie falls either way
        if same == len(got) and (same == len(ids) or ids[same] in want["ends"]):
            return None
        return f"{got} instead of {ids}"


def common(a, b):
    """How many ids agree at the beginning."""
    return next((i for i, (x, y) in enumerate(zip(a, b)) if x != y), min(len(a), len(b)))


def replayed(arguments, want):
    """The command, unless a near tie could fall either way; ours leaves the end out."""
    ids = want["ids"]
    ids = ids[:-1] if ids and ids[-1] in want["ends"] else ids
    if any(token in want["ends"] for token in ids):
        return None  # an end that transformers does not stop at
    if min(want["margins"][: len(ids) + 1], default=1) < 1e-2:
        return None
    return [{"run": ["generate", *arguments], "want": [{"token_ids": ids}]}]


def named_ends(case, tokenizer):
    """Tokens that some file calls an end; where generate does not stop at one of them we may."""
    found = {tokenizer.eos_token_id}
    if "eos_token" not in case.get("tokenizer_config", {}):
        found.add(328)  # <|endoftext|>, the end where no file names another
    for feature in ("generation_config", "config"):
        value = case.get(feature, {}).get("eos_token_id")
        found |= set(value if isinstance(value, list) else [value])
    found |= {IDS[t] for t in [case.get("special_tokens_map", {}).get("eos_token")] if t in IDS}
    return sorted(i for i in found if i is not None)
