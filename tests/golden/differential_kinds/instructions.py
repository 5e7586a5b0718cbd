"""Instruction files of every shape: the first loss of `finetune-instruct` against transformers' over the tokens
that README's prompt styles give, written down here a second time."""

import json

from . import models, texts
from .base import Invalid, Kind
from .folders import bytes_content
from .tokenizers import tokenizer_json

ALPACA = "Below is an instruction that describes a task. Write a response that appropriately completes the request."
STYLES = ["alpaca", "phi3", "chatml", "plain", "llama2", "llama3", "zephyr", "mistral"]
POSITIONS = 1024


def said(rng):
    return texts.words(rng, 1, 6) if rng.random() < 0.8 else texts.text(rng, high=4).replace("\x00", "")


def conversation(rng, shape):
    turns = 1 if shape == "alpaca" else rng.choice([1, 1, 2, 3])
    row = {"turns": [[said(rng), said(rng)] for _ in range(turns)]}
    if rng.random() < 0.3:
        row["system"] = said(rng)
    if rng.random() < 0.3 and shape in ("alpaca", "history"):
        row["input"] = said(rng)
    return row


class Instructions(Kind):
    name, share = "instructions", 12
    features = {
        "shape": (0.75, lambda rng, case: rng.choice(["messages", "sharegpt", "history"])),
        "file": (0.6, lambda rng, case: rng.choice(["rows.jsonl", "lines.json", "object.json", "pretty.json"])),
        "style": (0.75, lambda rng, case: rng.choice(STYLES[1:])),
        "mask_prompt": (0.5, lambda rng, case: True),
        "nulls": (0.2, lambda rng, case: True),
        "extra_keys": (0.2, lambda rng, case: True),
        "mark": (0.1, lambda rng, case: True),
        "crlf": (0.1, lambda rng, case: True),
        "markers": (0.3, lambda rng, case: True),
        "max_tokens": (0.1, lambda rng, case: rng.choice([30, 60])),
        "rows": (
            1,
            lambda rng, case: [conversation(rng, case.get("shape", "alpaca")) for _ in range(rng.randint(2, 4))],
        ),
    }
    fixed = ("rows",)
    words = {
        "extra_keys": ["unknown key", "unknown keys", "id"],
        "nulls": ["null"],
        "file": ["jsonl", "array"],
        "shape": ["conversations", "messages", "history", "from"],
    }

    def row(self, case, number, row):
        shape, turns = case.get("shape", "alpaca"), row["turns"]
        absent = None if "nulls" in case else ""
        more = {"id": f"row-{number}", "source": "x"} if "extra_keys" in case else {}
        if shape in ("alpaca", "history"):
            if shape == "alpaca" and len(turns) > 1:
                raise Invalid("turns that Alpaca has no place for")
            made = {"instruction": turns[-1][0], "input": row.get("input", absent), "output": turns[-1][1]}
            made |= {"system": row["system"]} if "system" in row else {"system": None} if "nulls" in case else {}
            if shape == "history":
                made["history"] = turns[:-1] or absent or []
            return made | more
        if "input" in row:
            raise Invalid("an input that messages have no place for")
        system, user, answer = ("system", "user", "assistant") if shape == "messages" else ("system", "human", "gpt")
        role, content = ("role", "content") if shape == "messages" else ("from", "value")
        said = [(system, row["system"])] if "system" in row else []
        said += [pair for u, a in turns for pair in ((user, u), (answer, a))]
        listed = [{role: r, content: c} for r, c in said]
        return {"messages" if shape == "messages" else "conversations": listed} | more

    def content(self, case):
        objects = [self.row(case, i, row) for i, row in enumerate(case["rows"])]
        name = case.get("file", "rows.json")
        lines = [json.dumps(o, ensure_ascii=i % 2 == 0) for i, o in enumerate(objects)]
        whole = {
            "rows.json": "[" + ",\n".join(lines) + "]",
            "rows.jsonl": "\n".join(lines) + "\n",
            "lines.json": "\n".join(lines),
            "object.json": json.dumps({"data": objects}),
            "pretty.json": json.dumps(objects, indent=2),
        }[name]
        whole = whole.replace("\n", "\r\n") if "crlf" in case else whole
        return (b"\xef\xbb\xbf" if "mark" in case else b"") + whole.encode("utf-8", "surrogatepass")

    def files(self, case):
        if not case.get("rows") or any(
            not r.get("turns") or not all(len(t) == 2 for t in r["turns"]) for r in case["rows"]
        ):
            raise Invalid("no rows")
        pieces = [s for r in case["rows"] for t in r["turns"] for s in t] + [r.get("system", "a") for r in case["rows"]]
        pieces += [r.get("input", "a") for r in case["rows"]]
        if not all(p.strip() for p in pieces):
            raise Invalid("an empty piece")
        base = models.Models().files({"text": "some text", "positions": POSITIONS, "more_tokens": 8})
        markers = {m: {} for m in ("<|im_start|>", "<|im_end|>")} if "markers" in case else {}
        base["tokenizer.json"] = {"$json": tokenizer_json({"added_tokens": markers})}
        files = {"base/" + name: content for name, content in base.items()}
        return files | {case.get("file", "rows.json"): bytes_content(self.content(case))}

    def want(self, case, folder):
        import torch
        from tokenizers import Tokenizer

        tokenizer = Tokenizer.from_file(str(folder / "base/tokenizer.json"))
        model = models.reference_model(folder / "base")
        end = tokenizer.token_to_id("<|endoftext|>")
        limit = case.get("max_tokens", POSITIONS)
        total, count = 0.0, 0
        for row in case["rows"]:
            prompt, answer = prompt_of(case.get("style", "alpaca"), row)
            head, ids = encode(tokenizer, prompt), encode(tokenizer, prompt + answer)
            inputs, targets = ids[:limit], (ids[1:] + [end])[:limit]
            if "mask_prompt" in case:
                if len(head) - 1 >= limit:
                    raise Invalid("a row is left out, and the others do not fill the batch")
                masked = min(len(head) - 1, len(ids) - 1, limit)
                targets = [-100] * masked + targets[masked:]
            with torch.no_grad():
                logits = model(torch.tensor([inputs])).logits[0].float()
            total += float(torch.nn.functional.cross_entropy(logits, torch.tensor(targets), reduction="sum"))
            count += sum(t != -100 for t in targets)
        if not count:
            raise Invalid("nothing to learn")
        return total / count

    def arguments(self, case):
        name, n = case.get("file", "rows.json"), len(case["rows"])
        sets = [
            "model=base",
            f"data.train={name}",
            f"data.validation={name}",
            f"data.test={name}",
            "responses.count=0",
            "train.max_steps=1",
            "train.eval_every=0",
            f"train.micro_batch_size={n}",
            f"train.global_batch_size={n}",
            f"instruct.prompt_style={case.get('style', 'alpaca')}",
            f"instruct.mask_prompt={str('mask_prompt' in case).lower()}",
        ]
        sets += [f"instruct.max_tokens={case['max_tokens']}"] if "max_tokens" in case else []
        return ["-q", "--out", "run", *(p for s in sets for p in ("--set", s))]

    def replay(self, case, want):
        return [
            {"run": ["finetune-instruct", *self.arguments(case)], "file": "run/metrics.jsonl", "want": [{"loss": want}]}
        ]

    def ours(self, case, folder, programs):
        programs.run("finetune-instruct", self.arguments(case), folder)
        return json.loads((folder / "run/metrics.jsonl").read_text().splitlines()[0])["loss"]

    def difference(self, got, want):
        return None if abs(got - want) < 5e-5 * max(1, want) else f"loss {got} instead of {want}"


MARKERS = ("<|im_start|>", "<|im_end|>")


def encode(tokenizer, text):
    """Only the style's own markers become tokens; the drawn words hold none."""
    return tokenizer.encode(text, add_special_tokens=False).ids


def prompt_of(style, row):
    """What lib/text/prompt.h documents: the text before the answer, and the answer in its frame."""
    system, turns = row.get("system", ""), row["turns"]
    asked = [t[0] for t in turns]
    if row.get("input") and style != "alpaca":
        asked[-1] += "\n" + row["input"]
    answers = [t[1] for t in turns]
    return STYLE[style](system, asked, answers, row.get("input", ""))


def framed(opening, request, response, between="", end=""):
    """A style of frames around requests and responses; each a function of the text and the turn's number."""

    def style(system, asked, answers, given):
        text = opening(system)
        for i, (question, answer) in enumerate(zip(asked, answers)):
            text += request(question, i, system, given if i == len(asked) - 1 else "")
            if i < len(asked) - 1:
                text += response(answer) + end + between
        return text, response(answers[-1]) + end

    return style


def alpaca_request(question, i, system, given):
    return "\n\n### Instruction:\n" + question + (("\n\n### Input:\n" + given) if given else "")


def llama3_turn(role, content):
    return f"<|start_header_id|>{role}<|end_header_id|>\n\n{content.strip()}<|eot_id|>"


def llama2_request(question, i, system, given):
    if i == 0 and system:
        question = f"<<SYS>>\n{system}\n<</SYS>>\n\n{question}"
    return ("<s>" if i else "") + f"[INST] {question.strip()} [/INST]"


def mistral_request(question, i, system, given):
    return "[INST] " + (system + "\n\n" if i == 0 and system else "") + question + " [/INST]"


STYLE = {
    "alpaca": framed(lambda s: s or ALPACA, alpaca_request, lambda a: "\n\n### Response:\n" + a),
    "phi3": framed(lambda s: "", lambda q, i, s, g: "<|user|>\n" + q, lambda a: "\n<|assistant|>:\n" + a, "\n"),
    "chatml": framed(
        lambda s: f"<|im_start|>system\n{s}<|im_end|>\n" if s else "",
        lambda q, i, s, g: f"<|im_start|>user\n{q}<|im_end|>\n",
        lambda a: "<|im_start|>assistant\n" + a,
        "\n",
        "<|im_end|>",
    ),
    "plain": framed(lambda s: s + "\n" if s else "", lambda q, i, s, g: q, lambda a: "\n" + a, "\n"),
    "llama2": framed(lambda s: "", llama2_request, lambda a: f" {a.strip()} ", "", "</s>"),
    "llama3": framed(
        lambda s: llama3_turn("system", s) if s else "",
        lambda q, i, s, g: llama3_turn("user", q),
        lambda a: llama3_turn("assistant", a),
    ),
    "zephyr": framed(
        lambda s: f"<|system|>\n{s}</s>\n" if s else "",
        lambda q, i, s, g: f"<|user|>\n{q}</s>\n",
        lambda a: "<|assistant|>\n" + a,
        "\n",
        "</s>",
    ),
    "mistral": framed(lambda s: "", mistral_request, lambda a: a, "", "</s>"),
}
