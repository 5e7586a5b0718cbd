"""Chat templates by a grammar of the constructs that published ones use: `generate --chat` against transformers'
apply_chat_template and greedy generate."""

import itertools

from . import models, texts
from .base import Invalid, Kind
from .generation import STEPS, common, replayed
from .tokenizers import tokenizer_json

MARKS = [
    "<|im_start|>",
    "<|im_end|>",
    "<s>",
    "</s>",
    "<|start_header_id|>",
    "<|end_header_id|>",
    "<|eot_id|>",
    "<|user|>",
    "<|system|>",
    "<|assistant|>",
    "[INST]",
    "[/INST]",
    "<|end|>",
]
# Frames of a turn: what stands before the role, between role and content, and behind.
FRAMES = {
    "chatml": ("<|im_start|>", "\\n", "<|im_end|>\\n"),
    "llama3": ("<|start_header_id|>", "<|end_header_id|>\\n\\n", "<|eot_id|>"),
    "zephyr": ("<|", "|>\\n", "</s>\\n"),
    "phi3": ("<|", "|>\\n", "<|end|>\\n"),
    "hash": ("### ", ":\\n", "\\n\\n"),
    "colon": ("", ": ", "\\n"),
}


def content_filter(rng, case):
    return rng.choice(
        [
            "| trim",
            ".strip()",
            "| trim | upper",
            "| replace('e', 'a')",
            ".rstrip()",
            "| lower",
            "[:20]",
            ".split('\\n')[0]",
        ]
    )


def role_form(rng, case):
    return rng.choice(["| upper", "| capitalize", ".title()", " + ' x'"])


class Chat(Kind):
    name, share = "chat", 12
    features = {
        "frame": (0.6, lambda rng, case: rng.choice([*FRAMES, "inst"])),
        "dots": (0.4, lambda rng, case: True),
        "dashes": (0.5, lambda rng, case: rng.choice(["both", "left"])),
        "double_quotes": (0.3, lambda rng, case: True),
        "lines": (0.3, lambda rng, case: True),
        "begin": (0.3, lambda rng, case: rng.choice(["always", "first"])),
        "filter": (0.3, content_filter),
        "role_filter": (0.1, role_form),
        "default_system": (
            0.35,
            lambda rng, case: rng.choice(["You are Tilda.", "You are a helpful assistant", "Be kind.\\nBe brief."]),
        ),
        "system_place": (0.25, lambda rng, case: rng.choice(["slice", "namespace", "loop", "first user"])),
        "opening": (0.3, lambda rng, case: rng.choice(["<think>\\n", "", "no condition", "always", " "])),
        "raise": (0.25, lambda rng, case: rng.choice(["alternate", "role", "never"])),
        "tools": (0.2, lambda rng, case: rng.choice(["if tools", "is defined", "macro"])),
        "comment": (0.15, lambda rng, case: True),
        "date": (0.08, lambda rng, case: rng.choice(["fixed", "strftime_now"])),
        "where": (0.4, lambda rng, case: rng.choice(["file", "file", "list"])),
        "loop": (0.2, lambda rng, case: rng.choice(["loop.last", "loop.index0", "range", "set"])),
        "system": (0.35, lambda rng, case: rng.choice(["Talk like Tom.", "", "  spaced  "])),
        "salt": (1, lambda rng, case: rng.randint(0, 9)),
        "prompt": (
            1,
            lambda rng, case: rng.choice(["", " ", "\n"]) + texts.words(rng, 1, 6) + rng.choice(["", "  ", "?\n"]),
        ),
    }
    fixed = ("prompt", "salt")
    words = {f: ["chat template"] for f in features if f not in ("prompt", "salt")}

    def template(self, case):
        frame = case.get("frame", "chatml")
        turn = self.inst_turn(case) if frame == "inst" else self.turn(case, *FRAMES[frame])
        parts = ["{# a comment with 'quotes' and {{ braces }} #}"] if "comment" in case else []
        parts += self.tools(case) + self.date(case)
        parts += ["{{ bos_token }}"] if case.get("begin") == "always" else []
        parts += self.system(case)
        parts += self.loop(case, turn)
        parts += self.opening(case, frame)
        text = ("\n" if "lines" in case else "").join(parts)
        return self.styled(case, text)

    def field(self, case, name):
        return f"message.{name}" if "dots" in case else f"message['{name}']"

    def turn(self, case, before, between, after):
        role = self.field(case, "role") + " " + case.get("role_filter", "")
        content = self.field(case, "content") + " " + case.get("filter", "")
        if "role_filter" in case:
            role = "(" + role + ")"
        return [f"{{{{ '{before}' + {role} + '{between}' + ({content}) + '{after}' }}}}"]

    def inst_turn(self, case):
        content = "(" + self.field(case, "content") + " " + case.get("filter", "") + ")"
        role = self.field(case, "role")
        return [
            f"{{% if {role} == 'user' %}}",
            f"{{{{ '[INST] ' + {content} + ' [/INST]' }}}}",
            f"{{% elif {role} == 'system' %}}",
            f"{{{{ '<<SYS>>\\n' + {content} + '\\n<</SYS>>\\n\\n' }}}}",
            "{% else %}",
            f"{{{{ ' ' + {content} + ' ' + eos_token }}}}",
            "{% endif %}",
        ]

    def tools(self, case):
        return {
            "if tools": ["{% if tools %}{{ '# Tools\\n' + tools | tojson }}{% endif %}"],
            "is defined": [
                "{% if tools is defined and tools is not none and tools | length > 0 %}{{ 'tools' }}{% endif %}"
            ],
            "macro": ["{% macro show(x) %}{{ '[' + x + ']' }}{% endmacro %}"],
        }.get(case.get("tools"), [])

    def date(self, case):
        return {
            "fixed": [
                "{% if not date_string is defined %}{% set date_string = '26 Jul 2024' %}{% endif %}{{ date_string + '\\n' }}"
            ],
            "strftime_now": ["{{ strftime_now('%Y') }}"],
        }.get(case.get("date"), [])

    def system(self, case):
        default, place = case.get("default_system"), case.get("system_place")
        first = "messages[0]['role']"
        if place == "slice":
            message = f"'{default}'" if default else "''"
            return [
                f"{{% if {first} == 'system' %}}",
                "{% set system_message = messages[0]['content'] %}",
                "{% set messages = messages[1:] %}",
                "{% else %}",
                f"{{% set system_message = {message} %}}",
                "{% endif %}",
                "{% if system_message %}{{ '<|im_start|>system\\n' + system_message + '<|im_end|>\\n' }}{% endif %}",
            ]
        if place == "namespace":
            return [
                f"{{% set ns = namespace(system='{default or ''}') %}}",
                "{% for m in messages %}{% if m['role'] == 'system' %}"
                "{% set ns.system = m['content'] %}{% endif %}{% endfor %}",
                "{{ ns.system }}",
            ]
        if place == "loop" and default:
            return []
        if default:
            return [
                f"{{% if {first} != 'system' %}}{{{{ '<|im_start|>system\\n{default}<|im_end|>\\n' }}}}{{% endif %}}"
            ]
        return []

    def loop(self, case, turn):
        role = self.field(case, "role")
        body = []
        if case.get("system_place") == "loop" and "default_system" in case:
            body.append(
                f"{{% if loop.first and messages[0]['role'] != 'system' %}}{{{{ '<|im_start|>system\\n{case['default_system']}<|im_end|>\\n' }}}}"
                "{% endif %}"
            )
        if case.get("raise") == "alternate":
            body.append(
                f"{{% if {role} == 'assistant' and loop.first %}}{{{{ raise_exception('Roles must alternate') }}}}{{% endif %}}"
            )
        if case.get("raise") == "role":
            body.append(
                f"{{% if {role} not in ['user', 'assistant', 'system'] %}}{{{{ raise_exception('Only these') }}}}{{% endif %}}"
            )
        if case.get("begin") == "first":
            body.append("{% if loop.first %}{{ bos_token }}{% endif %}")
        body += turn
        kind = case.get("loop")
        if kind == "loop.last":
            body.append("{% if loop.last and " + role + " == 'user' %}{{ '' }}{% endif %}")
        if kind == "loop.index0":
            body.insert(0, "{% if loop.index0 > 0 %}{{ '\\n' }}{% endif %}")
        if kind == "set":
            body.append(
                "{% set text = " + self.field(case, "content") + " %}{% if text | length > 1000 %}{{ text }}{% endif %}"
            )
        if kind == "range":
            return ["{% for i in range(messages | length) %}{% set message = messages[i] %}", *body, "{% endfor %}"]
        return ["{% for message in messages %}", *body, "{% endfor %}"]

    def opening(self, case, frame):
        if frame == "inst":
            return []
        before, between, _ = FRAMES[frame]
        more = case.get("opening", "")
        text = f"{before}assistant{between}" + (more if more not in ("no condition", "always") else "")
        if more == "no condition":
            return []
        if more == "always":
            return [f"{{{{ '{text}' }}}}"]
        return ["{% if add_generation_prompt %}", f"{{{{ '{text}' }}}}", "{% endif %}"]

    def styled(self, case, text):
        if "double_quotes" in case:
            text = text.replace('"', "\x00").replace("'", '"').replace("\x00", "'")
        dashes = case.get("dashes")
        if dashes:
            text = text.replace("{%", "{%-").replace("{{", "{{-")
        if dashes == "both":
            text = text.replace("%}", "-%}").replace("}}", "-}}")
        return text

    def files(self, case):
        if not case.get("prompt", "").strip():
            raise Invalid("no prompt")
        model = {"n_layer": 1, "inner": 24 + case["salt"], "positions": 256, "more_tokens": 20}
        tokenizer = {"added_tokens": {m: {} for m in MARKS}}
        files = models.model_files(model) | {"tokenizer.json": {"$json": tokenizer_json(tokenizer)}}
        config = {"tokenizer_class": "PreTrainedTokenizerFast", "bos_token": "<s>", "eos_token": "<|endoftext|>"}
        where = case.get("where")
        template = self.template(case)
        if where == "file":
            files["chat_template.jinja"] = template
        elif where == "list":
            config["chat_template"] = [{"name": "default", "template": template}, {"name": "tool_use", "template": "x"}]
        else:
            config["chat_template"] = template
        files["tokenizer_config.json"] = {"$json": config}
        files["generation_config.json"] = {"$json": {"eos_token_id": 328}}
        return files

    def messages(self, case):
        system = [{"role": "system", "content": case["system"]}] if "system" in case else []
        return system + [{"role": "user", "content": case["prompt"]}]

    def want(self, case, folder):
        import torch
        from transformers import AutoTokenizer

        tokenizer = AutoTokenizer.from_pretrained(folder)
        text = tokenizer.apply_chat_template(self.messages(case), add_generation_prompt=True, tokenize=False)
        ids = tokenizer(text, add_special_tokens=False).input_ids
        if not ids or len(ids) > 230:
            raise Invalid("an empty or a long prompt")
        done = models.reference_model(folder).generate(
            torch.tensor([ids]),
            attention_mask=torch.ones(1, len(ids)),
            do_sample=False,
            max_new_tokens=STEPS,
            return_dict_in_generate=True,
            output_scores=True,
        )
        margins = [float((s := score[0].topk(2).values)[0] - s[1]) for score in done.scores]
        return {"ids": done.sequences[0].tolist()[len(ids) :], "margins": margins, "ends": [328], "prompt": text}

    def arguments(self, case):
        system = ["--system", case["system"]] if "system" in case else []
        return [
            "-q",
            "--model",
            ".",
            "--chat",
            "--prompt",
            case["prompt"],
            *system,
            "--temperature",
            "0",
            "-n",
            str(STEPS),
            "--json",
        ]

    def ours(self, case, folder, programs):
        return programs.lines("generate", self.arguments(case), folder)[0]["token_ids"]

    def replay(self, case, want):
        # An id that has no token ends our answer.
        known = 328 + 1 + len(MARKS)
        ids = list(itertools.takewhile(lambda token: token < known, want["ids"]))
        return replayed(self.arguments(case), want | {"ids": ids})

    def difference(self, got, want):
        ids = want["ids"]
        same = common(got, ids)
        if same < len(want["margins"]) and want["margins"][same] < 1e-4:
            return None
        # Ours also stops at the template's own end of turn.
        ended = same > 0 and got[same - 1] > 328
        if same == len(got) and (same == len(ids) or ids[same] >= 328 or ended):
            return None
        return f"{got} instead of {ids}"
