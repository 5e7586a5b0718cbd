"""Classifiers of every problem type: `classify` against transformers' ...ForSequenceClassification, a text at
a time."""

import json

from . import models, texts
from .base import Invalid, Kind
from .tokenizers import template, tokenizer_json

LABELS = ["ham", "spam", "other", "A b", "1", "日本", "LABEL_0", "yes"]


def labels(rng, case):
    n = case.get("n", 2)
    names = rng.sample(LABELS, min(n, len(LABELS))) + [f"x{i}" for i in range(n - len(LABELS))]
    order = list(range(n))
    if rng.random() < 0.3:
        rng.shuffle(order)
    return {str(i): names[i] for i in order}


def config(rng, case):
    positions = 128
    keys = [
        ("problem_type", rng.choice(["single_label_classification", "multi_label_classification", "regression", None])),
        ("problem_type", rng.choice(["single_label_classification", "multi_label_classification", "regression"])),
        ("pad_token_id", rng.choice([0, 32, 328])),
        ("tie_word_embeddings", rng.random() < 0.5),
        ("n_positions", positions),
        ("label2id", {"a": 0, "b": 1}),
        ("classifier_dropout", 0.5),
        ("summary_type", "mean"),
        ("use_cache", False),
        ("finetuning_task", "mnli"),
        ("num_labels", case.get("n", 2)),
        ("eos_token_id", 328),
        models.one_key(rng, case),
    ]
    return dict(rng.choice(keys) for _ in range(rng.choice([1, 1, 2, 3])))


def draw_texts(rng, case):
    return [texts.text(rng) for _ in range(rng.randint(2, 5))]


class Classifiers(Kind):
    name, share = "classifiers", 15
    features = {f: models.FEATURES[f] for f in ("family", "n_head", "kv", "dtype", "shards", "bin")} | {
        "n": (0.5, lambda rng, case: rng.choice([1, 1, 3, 5])),
        "labels": (0.5, labels),
        "config": (0.7, config),
        "post_processor": (0.2, template),
        "head": (0.15, lambda rng, case: "own"),
        "pad_in_tokenizer": (0.3, lambda rng, case: True),
        "texts": (1, draw_texts),
    }
    fixed = ("texts",)
    words = {
        "head": ["lm_head"],
        "config": ["config.json"],
        "labels": ["id2label"],
        "n": ["num_labels", "score.weight"],
    }

    def files(self, case):
        usable = [t for t in case.get("texts", []) if t.strip() and "\x00" not in t]
        if not usable or len(usable) != len(case["texts"]):
            raise Invalid("no texts")
        n = case.get("n", 2)
        if n < 1 or ("labels" in case and len(case["labels"]) != n):
            raise Invalid("labels")
        names = case.get("labels", {str(i): f"LABEL_{i}" for i in range(n)})
        body = {k: v for k, v in case.items() if k not in ("texts", "labels", "n", "config", "head")}
        more = {"id2label": names, "label2id": {v: int(k) for k, v in names.items()}}
        body["config"] = {"problem_type": None} | more | case.get("config", {})
        tensors = models.tensors_of(body | {"head": "absent"}, head="score.weight", rows=n)
        if "head" in case:
            prefix = "transformer.wte" if models.gpt2(case) else "model.embed_tokens"
            tensors["lm_head.weight"] = tensors[prefix + ".weight"]
        files = {"config.json": {"$json": self.config(body)}} | models.weight_files(body, tensors)
        tokenizer = {"post_processor": case["post_processor"]} if "post_processor" in case else {}
        files["tokenizer.json"] = {"$json": tokenizer_json(tokenizer)}
        pad = {"pad_token": "<|endoftext|>"} if "pad_in_tokenizer" in case else {}
        files["tokenizer_config.json"] = {"$json": {"tokenizer_class": "PreTrainedTokenizerFast"} | pad}
        return files

    def config(self, body):
        config = models.config_of(body)
        kind = {"gpt2": "GPT2", "llama": "Llama", "mistral": "Mistral", "qwen2": "Qwen2"}[models.family(body)]
        if "architectures" not in body["config"]:
            config["architectures"] = [kind + "ForSequenceClassification"]
        return config

    def named(self, case, sentence):
        for key in case.get("config", {}):
            if key in sentence:
                return key
        if "hidden_act" in sentence or "rope scaling" in sentence:
            return models.Models().named(case, sentence)
        return super().named({k: v for k, v in case.items() if k != "config"}, sentence)

    def want(self, case, folder):
        import torch
        from tokenizers import Tokenizer
        from transformers import AutoTokenizer

        model = models.reference_model(folder, "AutoModelForSequenceClassification")
        tokenizer = AutoTokenizer.from_pretrained(folder)
        names = [model.config.id2label[i] for i in range(model.config.num_labels)]
        if len(set(names)) != len(names):
            raise Invalid("two labels of one name")
        raw = Tokenizer.from_file(str(folder / "tokenizer.json"))
        answers = []
        with torch.no_grad():
            for text in case["texts"]:
                ids = tokenizer(text).input_ids
                pad = model.config.pad_token_id
                if ids != raw.encode(text).ids:
                    raise Invalid("transformers and tokenizers disagree about the text")
                if not ids or len(ids) > 100 or (pad is not None and pad in ids):
                    raise Invalid("an empty or a long text, or one with padding inside")
                logits = model(torch.tensor([ids])).logits[0].double()
                answers.append(dict(zip(names, self.scores(model.config, logits))))
        return answers

    def scores(self, config, logits):
        """As transformers' text-classification pipeline does it."""
        kind = config.problem_type
        if kind == "regression":
            return logits.tolist()
        if kind == "multi_label_classification" or (kind is None and config.num_labels == 1):
            return logits.sigmoid().tolist()
        return logits.softmax(-1).tolist()

    def arguments(self, case):
        return ["-q", "--model", ".", "--precision", "float32", "--json", "--", *case["texts"]]

    def ours(self, case, folder, programs):
        rows = programs.lines("classify", self.arguments(case), folder)
        return [row[self.key(case)] for row in rows]

    def key(self, case):
        return "values" if case.get("config", {}).get("problem_type") == "regression" else "probabilities"

    def replay(self, case, want):
        return [{"run": ["classify", *self.arguments(case)], "want": [{self.key(case): row} for row in want]}]

    def difference(self, got, want):
        if len(got) != len(want):
            return f"{len(got)} answers instead of {len(want)}"
        for i, (ours, theirs) in enumerate(zip(got, want)):
            if list(ours) != list(theirs) and set(ours) != set(theirs):
                return f"text {i}: labels {list(ours)} instead of {list(theirs)}"
            far = {k: (ours[k], v) for k, v in theirs.items() if abs(ours[k] - v) > 3e-5 * max(1, abs(v))}
            if far:
                return f"text {i}: {far} (ours, theirs)"
        return None
