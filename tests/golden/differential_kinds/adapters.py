"""LoRA adapters in PEFT's layout: `classify` and `evaluate perplexity` with an adapter's folder as the model,
against peft."""

import json

from . import models, texts
from .base import Invalid, Kind
from .tokenizers import tokenizer_json

GPT2_MODULES = ["c_attn", "attn.c_proj", "c_fc", "mlp.c_proj", "c_proj"]
LLAMA_MODULES = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]


def modules(case):
    return GPT2_MODULES if models.gpt2(case) else LLAMA_MODULES


def targets(rng, case):
    few = rng.sample(modules(case), rng.randint(1, 3))
    regex = r".*\.(%s)" % "|".join(m.split(".")[-1] for m in few)
    head = "wte" if models.gpt2(case) else "embed_tokens"
    return rng.choice(
        [
            few,
            few,
            few,
            "all-linear",
            regex,
            few + [head],
            few + ["lm_head"],
            few + ["score"],
            [("h.0." if models.gpt2(case) else "layers.0.self_attn.") + few[0]] if models.gpt2(case) else few,
        ]
    )


def pattern(rng, case, value):
    first = modules(case)[0]
    name = rng.choice(
        [
            first,
            rf".*\.0\..*{first}",
            "h.1.attn.c_attn" if models.gpt2(case) else "layers.1.self_attn.q_proj",
            "^" + first,
            rng.choice(modules(case)),
        ]
    )
    return {name: value}


def switches(rng, case):
    keys = [
        ("use_rslora", True),
        ("use_rslora", True),
        ("bias", rng.choice(["all", "lora_only"])),
        ("use_dora", True),
        (
            "modules_to_save",
            (
                rng.choice([["ln_f"], ["score"], ["wte"], ["lm_head"]])
                if models.gpt2(case)
                else rng.choice([["norm"], ["score"], ["embed_tokens"], ["lm_head"]])
            ),
        ),
        ("layers_to_transform", rng.choice([[0], [1], 1])),
        ("exclude_modules", [rng.choice(modules(case))]),
        ("rank_pattern", pattern(rng, case, rng.choice([1, 3]))),
        ("alpha_pattern", pattern(rng, case, rng.choice([1, 7]))),
        ("lora_dropout", 0.3),
        ("lora_bias", True),
        ("init_lora_weights", rng.choice([False, "gaussian"])),
        ("trainable_token_indices", [5, 6]),
        ("layer_replication", [[0, 2], [1, 2]]),
        ("megatron_config", None),
        ("revision", None),
        ("fan_in_fan_out", models.gpt2(case)),
        ("inference_mode", False),
        ("target_parameters", None),
        ("corda_config", None),
        ("use_qalora", True),
        ("alora_invocation_tokens", [5]),
    ]
    return dict(rng.choice(keys) for _ in range(rng.choice([1, 1, 2, 3])))


class Adapters(Kind):
    name, share = "adapters", 10
    features = {f: models.FEATURES[f] for f in ("family", "n_head", "kv", "dtype")} | {
        "classifier": (0.6, lambda rng, case: True),
        "targets": (0.7, targets),
        "switches": (0.75, switches),
        "r": (0.5, lambda rng, case: rng.choice([1, 3, 8])),
        "alpha": (0.5, lambda rng, case: rng.choice([1, 5, 16])),
        "bin": (0.1, lambda rng, case: True),
        "text": (1, lambda rng, case: texts.plain_text(rng)),
    }
    fixed = ("text",)
    words = {
        "targets": ["target_modules", "wte", "embed_tokens", "lm_head", "embedding"],
        "target_modules": ["wte", "embed_tokens", "lm_head", "embedding"],
        "use_dora": ["DoRA"],
        "switches": ["adapter_config"],
        "bin": ["adapter_model.safetensors", "adapter_model.bin"],
        "classifier": ["class head"],
    }

    def base_case(self, case):
        body = {k: v for k, v in case.items() if k in ("family", "n_head", "kv", "dtype")}
        return body | {"config": {}}

    def files(self, case):
        if len(case.get("text", "")) < 4 or case.get("r", 2) < 1:
            raise Invalid("no text, or no rank")
        body = self.base_case(case)
        base = {"tokenizer.json": {"$json": tokenizer_json({})}}
        # A classifier's head comes with its adapter; the base is the language model, as users have it.
        base |= {"config.json": {"$json": models.config_of(body)}} | models.weight_files(body, models.tensors_of(body))
        files = {"base/" + name: content for name, content in base.items()}
        return files | {"text.txt": case["text"]} | self.adapter(case, files)

    def adapter(self, case, files):
        """Made by peft around the base, its values by their names."""
        import pathlib
        import tempfile

        import peft
        from safetensors.torch import load_file

        from .folders import write_folder

        with tempfile.TemporaryDirectory(prefix="differential-") as name:
            folder = pathlib.Path(name)
            write_folder(files, folder)
            model = (
                models.reference_model(folder / "base")
                if "classifier" not in case
                else self.classifier(folder / "base")
            )
            switches = dict(case.get("switches", {}))
            targets = case.get("targets", ["c_attn"] if models.gpt2(case) else ["q_proj", "v_proj"])
            config = peft.LoraConfig(
                r=case.get("r", 2),
                lora_alpha=case.get("alpha", 4),
                target_modules=targets,
                task_type="SEQ_CLS" if "classifier" in case else "CAUSAL_LM",
                **switches,
            )
            peft.get_peft_model(model, config).save_pretrained(folder / "adapter")
            path = folder / "adapter/adapter_model.safetensors"
            shapes = {n: list(t.shape) for n, t in load_file(path).items()}
            said = json.loads((folder / "adapter/adapter_config.json").read_text()) | {
                "base_model_name_or_path": "../base"
            }
        kind, file = ("$torch", "adapter_model.bin") if "bin" in case else ("$tensors", "adapter_model.safetensors")
        return {"adapter/adapter_config.json": {"$json": said}, "adapter/" + file: {kind: shapes, "dtype": "F32"}}

    def classifier(self, base):
        import torch
        import transformers

        torch.manual_seed(0)
        model = transformers.AutoModelForSequenceClassification.from_pretrained(base, num_labels=2, dtype=torch.float32)
        model.config.pad_token_id = None
        return model.eval()

    def named(self, case, sentence):
        for key in case.get("switches", {}):
            if key in sentence or (key == "use_dora" and "DoRA" in sentence):
                return key
        if "targets" in case and any(w in sentence for w in ("target_modules", "wte", "embed", "lm_head")):
            return "target_modules"
        return super().named({k: v for k, v in case.items() if k != "switches"}, sentence)

    def want(self, case, folder):
        import peft
        import torch
        from tokenizers import Tokenizer

        base = self.classifier(folder / "base") if "classifier" in case else models.reference_model(folder / "base")
        model = peft.PeftModel.from_pretrained(base, folder / "adapter").eval()
        ids = Tokenizer.from_file(str(folder / "base/tokenizer.json")).encode(case["text"]).ids
        if "classifier" in case and len(ids) > 128:
            raise Invalid("a text that a classifier cuts")
        if "alora_invocation_tokens" in case.get("switches", {}):
            raise Invalid("activated LoRA depends on the tokens")
        if "classifier" not in case:
            return {"tokens": len(ids) - 1, "loss": models.windows_loss(model, ids, 128)}
        with torch.no_grad():
            return model(torch.tensor([ids])).logits[0].double().softmax(-1).tolist()

    def command(self, case):
        if "classifier" not in case:
            return ["evaluate", "perplexity", "-q", "--model", "adapter", "text.txt"]
        return ["classify", "-q", "--model", "adapter", "--precision", "float32", "--json", "--", case["text"]]

    def ours(self, case, folder, programs):
        program, *arguments = self.command(case)
        row = json.loads(programs.run(program, arguments, folder))
        if "classifier" not in case:
            return {"tokens": row["tokens"], "loss": row["loss"]}
        return list(row["probabilities"].values())

    def replay(self, case, want):
        if "classifier" in case:
            want = {"probabilities": {f"LABEL_{i}": p for i, p in enumerate(want)}}
        return [{"run": self.command(case), "want": [want]}]

    def difference(self, got, want):
        if isinstance(want, dict):
            return models.Models().difference(got, want)
        if len(got) != len(want) or any(abs(a - b) > 3e-5 for a, b in zip(got, want)):
            return f"{got} instead of {want}"
        return None
