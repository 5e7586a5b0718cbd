"""Random small chat templates, rendered by transformers (jinja2) and by build/.../bin/chat_render.

    python tests/golden/fuzz_chat_templates.py build/release/bin/chat_render --seed 1 --count 20000
    python tests/golden/fuzz_chat_templates.py build/release/bin/chat_render --count 300 --golden > tests/golden/chat_fuzz.json

What we refuse by name and jinja2 renders is counted, never a difference; a text that differs, or one that
we render and jinja2 refuses, is. With --golden the cases and jinja2's answers are written for the tests."""
import argparse
import collections
import json
import random
import subprocess
import sys

from transformers.utils.chat_template_utils import render_jinja_template

STRINGS = ["", "a", "Hello", " hi ", "user", "<|im_end|>", "\\n", "x\\ty", "é ß 你", "it\\'s", "A-b c", "1", " 2 ", "3.5", "{%", "a,b,,c"]
TEXTS = ["", " ", "\n", "text", "\n  ", " a\n\n", "  \n\t", "é\n", "x y"]


class Generator:
    def __init__(self, rng):
        self.r = rng

    def pick(self, *choices):
        return self.r.choice(choices)

    def string(self):
        quote = "'"
        return quote + self.r.choice(STRINGS) + quote

    def number(self):
        return self.pick("0", "1", "2", "-1", "3", "10", "1.5", "-2.25", "1e3", "7", "0.1", "1_000")

    def text(self, depth):
        return "(" + self.bare_text(depth) + ")" if depth > 0 else self.bare_text(depth)

    def bare_text(self, depth):
        if depth <= 0:
            return self.pick(self.string(), "v", "message['content']", "message.role", "messages[0].content", "w", "p", "q")
        e = lambda: self.text(depth - 1)
        return self.pick(
            lambda: self.string(), lambda: f"({e()} + {e()})", lambda: f"({e()} ~ {self.any(depth - 1)})",
            lambda: f"{e()} | trim", lambda: f"{e()}.strip()", lambda: f"{e()} | upper", lambda: f"{e()} | title",
            lambda: f"{e()}.lower()", lambda: f"{e()} | replace({self.string()}, {self.string()})",
            lambda: f"{e()}.replace({self.string()}, {e()})", lambda: f"{e()}[{self.index()}]",
            lambda: f"{e()}[{self.slice()}]", lambda: f"{e()}.split({self.string()})[{self.index()}]",
            lambda: f"{e()}.split()[{self.index()}]", lambda: f"{self.list(depth - 1)} | join({self.string()})",
            lambda: f"({e()} if {self.truth(depth - 1)} else {e()})", lambda: f"{self.any(depth - 1)} | string",
            lambda: f"{self.any(depth - 1)} | tojson", lambda: f"{self.any(depth - 1)} | tojson(indent={self.pick(0, 2, 4)})",
            lambda: f"{e()} | default({e()})", lambda: f"{e()} | capitalize", lambda: f"{e()}.lstrip({self.string()})",
            lambda: f"{e()}.rstrip('\\n')", lambda: f"({e()} * {self.pick(0, 1, 2, 3)})", lambda: f"{e()} | indent({self.pick(2, 4)})",
            lambda: f"{e()}.partition({self.string()})[{self.pick(0, 1, 2)}]", lambda: f"'{{}}-{{}}'.format({e()}, {self.any(depth - 1)})",
            lambda: f"('%s/%s' % ({e()}, {self.any(depth - 1)}))", lambda: f"{e()} | first", lambda: f"{e()} | reverse",
            lambda: f"{e()}.removeprefix({self.string()})", lambda: f"{e()}.title()", lambda: f"d.{self.pick('a', 'b', 'zz')}",
            lambda: f"d[{self.string()}]", lambda: f"d.get({self.string()}, {e()})", lambda: f"{e()}.splitlines() | join('|')",
            lambda: f"{e()}.rsplit({self.string()}, {self.pick(0, 1, 2)}) | join('|')",
            lambda: f"{e()}.split(none, {self.pick(0, 1, 2)}) | join('|')")()

    def index(self):
        return self.pick("0", "-1", "1", "2", "100", "-100", "'x'")

    def slice(self):
        part = lambda: self.pick("", "", "0", "1", "2", "-1", "-2", "5", "-9")
        return f"{part()}:{part()}" + self.pick("", "", ":", ":2", ":-1", ":-2")

    def num(self, depth):
        if depth <= 0:
            return self.pick(self.number(), "n", "xs[0]", "loop.index", "loop.index0")
        e = lambda: self.num(depth - 1)
        return self.pick(
            lambda: self.number(), lambda: f"({e()} {self.pick('+', '-', '*', '/', '//', '%')} {e()})", lambda: f"-{e()}",
            lambda: f"{self.text(depth - 1)} | length", lambda: f"{self.list(depth - 1)} | length", lambda: f"{self.text(depth - 1)} | int",
            lambda: f"{self.text(depth - 1)} | float", lambda: f"{e()} | round({self.pick(0, 1, 2)})", lambda: f"{e()} | abs",
            lambda: f"({e()} ** {self.pick(0, 1, 2, -1)})", lambda: f"{self.list(depth - 1)} | sum", lambda: f"{e()} | int",
            lambda: f"{self.text(depth - 1)}.find({self.string()})", lambda: f"{self.text(depth - 1)}.count({self.string()})")()

    def list(self, depth):
        if depth <= 0:
            return self.pick("xs", "messages", "[]", "[1, 2, 3]", "['b', 'a', 'B']", "d", "range(3)")
        e = lambda: self.list(depth - 1)
        return self.pick(
            lambda: "xs", lambda: f"[{self.any(depth - 1)}, {self.any(depth - 1)}]", lambda: f"({e()} + {e()})",
            lambda: f"{e()}[{self.slice()}]", lambda: f"{e()} | list", lambda: f"{self.text(depth - 1)}.split({self.string()})",
            lambda: f"range({self.pick(0, 1, 3, '2, 5', '5, 1, -2')}) | list", lambda: "d.items() | list", lambda: "d | dictsort",
            lambda: f"{e()} | sort", lambda: f"{e()} | unique | list", lambda: f"{e()} | reverse | list",
            lambda: f"{e()} | map({self.pick('upper', 'string', 'length', 'trim')!r}) | list",
            lambda: f"messages | map(attribute={self.pick('role', 'content', 'nothing')!r}) | list",
            lambda: f"messages | selectattr('role', {self.pick('equalto', '==', 'ne', 'in')!r}, {self.pick(self.string(), 'xs')}) | list",
            lambda: f"messages | rejectattr('role', 'equalto', {self.string()}) | map(attribute='content') | list",
            lambda: f"{e()} | select({self.pick('string', 'number', 'defined', 'odd')!r}) | list",
            lambda: "d.keys() | list", lambda: "d.values() | list", lambda: f"({self.any(depth - 1)}, {self.any(depth - 1)})",
            lambda: "d | items | list", lambda: f"{e()} | reject('none') | list", lambda: f"{self.text(depth - 1)} | list")()

    def truth(self, depth):
        if depth <= 0:
            return self.pick("true", "false", "add_generation_prompt", "v", "xs", "none_var", "undefined_name", "loop.first", "loop.last")
        e = lambda: self.truth(depth - 1)
        a = lambda: self.any(depth - 1)
        return self.pick(
            lambda: f"({e()} and {e()})", lambda: f"({e()} or {e()})", lambda: f"not {e()}",
            lambda: f"({a()} {self.pick('==', '!=')} {a()})", lambda: f"({self.num(depth - 1)} {self.pick('<', '<=', '>', '>=')} {self.num(depth - 1)})",
            lambda: f"({self.text(depth - 1)} {self.pick('<', '>=')} {self.text(depth - 1)})",
            lambda: f"({self.text(depth - 1)} {self.pick('in', 'not in')} {self.text(depth - 1)})", lambda: f"({a()} in {self.list(depth - 1)})",
            lambda: f"({a()} is {self.pick('', 'not ')}{self.pick('defined', 'undefined', 'none', 'string', 'mapping', 'iterable', 'sequence', 'number', 'integer', 'float', 'boolean', 'true', 'false', 'callable')})",
            lambda: f"{self.text(depth - 1)}.startswith({self.string()})", lambda: f"{self.text(depth - 1)}.endswith({self.string()})",
            lambda: f"({self.num(depth - 1)} is {self.pick('odd', 'even', 'divisibleby 2', 'gt(1)')})",
            lambda: f"({self.text(depth - 1)} is {self.pick('equalto', 'eq')} {self.string()})",
            lambda: f"{self.text(depth - 1)}.{self.pick('isspace', 'isupper', 'islower', 'isdigit')}()", lambda: f"(1 < {self.num(depth - 1)} <= 3)")()

    def any(self, depth):
        return self.pick(self.text, self.text, self.num, self.list, self.truth, lambda d: self.pick("none", "d", "v", "p", "q", "undefined_name"))(depth)

    def sign(self):
        return self.pick("", "", "", "-", "+")

    def tag(self, body):
        end = self.pick("", "", "", "-", "+")
        return "{%" + self.sign() + self.pick(" ", "") + body + self.pick(" ", "  ", "\n ") + end + "%}"

    def output(self, depth):
        return "{{" + self.pick("", "", "-") + " " + self.any(depth) + " " + self.pick("", "", "-") + "}}"

    def block(self, depth, loop=False):
        parts = []
        for _ in range(self.r.randint(1, 3)):
            parts.append(self.r.choice(TEXTS))
            parts.append(self.statement(depth, loop))
        parts.append(self.r.choice(TEXTS))
        return "".join(parts)

    def statement(self, depth, loop):
        if depth <= 0:
            return self.output(2)
        e, t = self.any(2), self.tag
        return self.pick(
            lambda: self.output(3), lambda: self.output(2), lambda: self.output(2),
            lambda: t(f"if {self.truth(2)}") + self.block(depth - 1, loop) + t("endif"),
            lambda: t(f"if {self.truth(2)}") + self.block(depth - 1, loop) + t(f"elif {self.truth(1)}") + self.block(depth - 1, loop) + t("else") + self.block(depth - 1, loop) + t("endif"),
            lambda: t(f"for {self.pick('p', 'w', 'message')} in {self.list(2)}") + self.block(depth - 1, True) + t("endfor"),
            lambda: t(f"for message in messages{self.pick('', '[1:]', ' if loop_var_missing is not defined', ' if message.role != %r' % 'user')}") + self.block(depth - 1, True) + self.pick("", t("else") + "none ") + t("endfor"),
            lambda: t("for k, v in d.items()") + self.block(depth - 1, True) + t("endfor"),
            lambda: t(f"set {self.pick('p', 'q', 'w')} = {e}"), lambda: t("set p, q = " + self.any(1) + ", " + self.any(1)),
            lambda: t("set u") + self.block(depth - 1) + t("endset") + "{{ u }}", lambda: t("set u | trim") + self.block(depth - 1) + t("endset"),
            lambda: t("set ns = namespace(a=1, b='x')") + t(f"set ns.a = {e}") + "{{ ns.a }}{{ ns.b }}{{ ns.c }}",
            lambda: t(f"macro m(a, b={self.any(1)})") + "[{{ a }}|{{ b }}]" + self.block(depth - 1) + t("endmacro") + "{{ m(" + self.pick("", "1", "v, 2", "b=3", "a='q', b=xs") + ") }}",
            lambda: t("macro c()") + "<{{ caller(1) }}>" + t("endmacro") + t("call(q) c()") + "{{ q }}" + self.block(depth - 1) + t("endcall"),
            lambda: t(f"with p = {self.any(1)}") + self.block(depth - 1, loop) + t("endwith"), lambda: t("filter upper") + self.block(depth - 1) + t("endfilter"),
            lambda: t("generation") + self.block(depth - 1) + t("endgeneration"), lambda: "{#" + self.sign() + " note " + self.pick("", "-") + "#}",
            lambda: "{% raw %}{{ x }}{% endraw %}", lambda: (t("break") if loop else ""), lambda: (t("continue") if loop else ""),
            lambda: ("{{ loop.index }}{{ loop.length }}{{ loop.previtem is defined }}{{ loop.nextitem }}" if loop else ""),
            lambda: ("{{ loop.cycle('a', 'b') }}{{ loop.changed(message.role) }}{{ loop.revindex0 }}" if loop else ""))()


MESSAGES = [
    [{"role": "user", "content": "Hi!"}],
    [{"role": "system", "content": " Be brief.\n"}, {"role": "user", "content": "a <|im_end|> b"}, {"role": "assistant", "content": "Yes"}, {"role": "user", "content": "éß 你好"}],
    [{"role": "user", "content": "x"}, {"role": "assistant", "content": "\n y \n"}, {"role": "user", "content": ""}],
]
INPUTS = {"v": "vvv", "n": 4, "xs": [3, 1, 2], "d": {"a": "1", "b": 2, "c": None}, "none_var": None}


def reference(case):
    try:
        texts, _ = render_jinja_template([json.loads(json.dumps(case["messages"]))], chat_template=case["template"],
                                         add_generation_prompt=case["add_generation_prompt"], **case["inputs"])
        return {"text": texts[0]}
    except Exception as error:  # whatever a template's mistake is in Python
        return {"error": f"{type(error).__name__}: {error}"}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("program")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--count", type=int, default=2000)
    parser.add_argument("--verbose", action="store_true")
    parser.add_argument("--golden", action="store_true")
    parser.add_argument("--show", type=int, default=5)
    args = parser.parse_args()
    rng = random.Random(args.seed)
    cases = []
    while len(cases) < args.count:
        template = Generator(rng).block(rng.randint(0, 2))
        case = {"template": template, "messages": rng.choice(MESSAGES), "add_generation_prompt": rng.random() < 0.5, "inputs": INPUTS}
        if args.golden and (len(template) > 250 or "error" in reference(case)):
            continue
        cases.append(case)
    lines = "".join(json.dumps(case) + "\n" for case in cases)
    found = subprocess.run([args.program], input=lines, capture_output=True, text=True, check=True).stdout.splitlines()
    same, refused, alone, both, different = 0, collections.Counter(), [], 0, []
    golden = []
    for case, line in zip(cases, found, strict=True):
        ours, theirs = json.loads(line), reference(case)
        if ours.get("text") is not None and ours == theirs:
            same += 1
            golden.append([case["template"], MESSAGES.index(case["messages"]), case["add_generation_prompt"], theirs["text"]])
        elif "error" in ours and "error" in theirs:
            both += 1
        elif "error" in ours:
            refused[ours["error"]] += 1
            alone.append((case, ours, theirs))
        else:
            different.append((case, ours, theirs))
    if args.golden:
        json.dump({"made by": "fuzz_chat_templates.py with jinja2 as transformers sets it up", "messages": MESSAGES, "inputs": INPUTS, "cases": golden},
                  sys.stdout, indent=0, ensure_ascii=False)
        print()
    print(f"{same} alike, {both} refused by both, {sum(refused.values())} refused by us alone, {len(different)} different", file=sys.stderr)
    for message, count in refused.most_common(args.show * 4):
        print("  refused:", count, message, file=sys.stderr)
    if args.verbose:
        for case, ours, theirs in alone[: args.show]:
            print("alone:", repr(case["template"]), ours, theirs, file=sys.stderr)
    for case, ours, theirs in sorted(different, key=lambda d: len(d[0]["template"]))[: args.show]:
        print(repr(case["template"]), case["messages"], "\n  ours  ", ours, "\n  theirs", theirs, file=sys.stderr)
    sys.exit(bool(different))


main()
