"""A kind of draws, our programs' answers, and what shrinks a draw."""

import json
import os
import pathlib
import re
import shutil
import subprocess
import tempfile


class Invalid(Exception):
    """The reference does not take this draw, or has no one answer to it."""


class Refused(Exception):
    """Our program ended with exit code 2 and this sentence."""


class Broken(Exception):
    """Our program ended with another exit code, or by a signal."""


class Programs:
    def __init__(self, folder):
        self.folder = pathlib.Path(folder).resolve()
        self.environment = os.environ | {"OMP_NUM_THREADS": "1", "LC_ALL": "C.UTF-8"}
        self.last, self.warnings = [], ""  # the command line and what it wrote on standard error

    def run(self, name, arguments, cwd, stdin=b""):
        command = [str(self.folder / name), *map(str, arguments)]
        self.last = [name, *map(str, arguments)]
        try:
            done = subprocess.run(
                [os.fsencode(part) for part in command],
                cwd=cwd,
                input=stdin,
                timeout=120,
                capture_output=True,
                env=self.environment,
            )
        except subprocess.TimeoutExpired:
            raise Broken("it did not end within 120 s") from None
        self.warnings = done.stderr.decode("utf-8", "replace")
        if done.returncode == 2:
            raise Refused(self.warnings.strip())
        if done.returncode:
            raise Broken(f"exit code {done.returncode}: {self.warnings.strip()[-400:]}")
        return done.stdout.decode("utf-8", "replace")

    def lines(self, name, arguments, cwd, stdin=b""):
        """The JSON objects that it prints, one a line."""
        out = self.run(name, arguments, cwd, stdin)
        return [json.loads(line) for line in out.split("\n") if line]


class Kind:
    """`features` maps a feature to (probability, function of rng and case so far). A feature that is not
    drawn is absent and has its plain value; ALWAYS is drawn each time."""

    name = ""
    features = {}
    words = {}  # feature -> the words that a refusal may name it by, besides those in its value
    fixed = ()  # features that the shrinker does not drop

    def draw(self, rng):
        case = {}
        for feature, (probability, make) in self.features.items():
            if rng.random() < probability:
                value = make(rng, case)
                if value is not None:
                    case[feature] = value
        return case

    def files(self, case):
        """The folder's files, see folders.py."""
        raise NotImplementedError

    def ours(self, case, folder, programs):
        raise NotImplementedError

    def want(self, case, folder):
        raise NotImplementedError

    def replay(self, case, want):
        """Commands for tests/apps/differential_test.cpp: {"run": [program, argument ...], "want": [object a
        line]} and, where they are needed, "stdin" and "file", which is read instead of the output."""
        raise NotImplementedError

    def difference(self, got, want):
        """None, or a sentence."""
        return None if got == want else f"{got} instead of {want}"

    def named(self, case, sentence):
        """The feature that a refusal names, or None."""
        for feature, value in case.items():
            if feature in self.fixed:
                continue
            for word in [*self.words.get(feature, [feature]), *strings(value)]:
                if len(word) > 1 and re.search(rf"(?<![A-Za-z]){re.escape(word)}(?![A-Za-z])", sentence):
                    return feature
        return None


def strings(value):
    """The short strings and keys in a feature's value."""
    if isinstance(value, str):
        return [value] if len(value) <= 40 and re.fullmatch(r"[A-Za-z_][\w.-]*", value) else []
    if isinstance(value, dict):
        return [s for k, v in value.items() for s in [*strings(k), *strings(v)]]
    if isinstance(value, list):
        return [s for v in value for s in strings(v)]
    return []


class Outcome:
    """What became of a draw: agreed, refused or left out with a warning (by a name), invalid, or one of the
    differences."""

    def __init__(self, what, detail="", got=None, want=None, command=()):
        self.what, self.detail, self.got, self.want, self.command = what, detail, got, want, command

    @property
    def differs(self):
        return self.what in ("differs", "unnamed refusal", "broken")


def without_names(sentence, folder):
    """Without the names of the folder's files: a feature is not named by a path that holds its name."""
    names = sorted({p.name for p in folder.rglob("*")} | {str(folder)}, key=len, reverse=True)
    for name in names:
        sentence = sentence.replace(name, "")
    return sentence


def judge(kind, case, programs, files=None):
    """Runs the reference, then our program, in a folder of their own."""
    from .folders import write_folder

    folder = pathlib.Path(tempfile.mkdtemp(prefix="differential-"))
    try:
        try:
            write_folder(files or kind.files(case), folder)
            want = kind.want(case, folder)
        except Invalid as why:
            return Outcome("invalid", str(why))
        except KeyboardInterrupt:
            raise
        except BaseException as why:  # the reference's own: Rust's panics are no Exceptions
            return Outcome("invalid", f"{type(why).__name__}: {why}")
        try:
            got = kind.ours(case, folder, programs)
        except Refused as sentence:
            name = kind.named(case, without_names(str(sentence), folder))
            if name:
                return Outcome("refused", name, str(sentence), want, programs.last)
            return Outcome("unnamed refusal", str(sentence), str(sentence), want, programs.last)
        except (Broken, ValueError, KeyError, IndexError) as how:
            return Outcome("broken", f"{type(how).__name__}: {how}", str(how), want, programs.last)
        why = kind.difference(got, want)
        if not why:
            return Outcome("agreed", "", got, want, programs.last)
        name = kind.named(case, without_names(programs.warnings, folder))
        return Outcome("warned" if name else "differs", name or why, got, want, programs.last)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def smaller(value, texts=True):
    """Simpler values of the same form, the much smaller first. Without `texts` a text is one of a few names,
    and stays."""
    if isinstance(value, bool) or value is None:
        return
    if isinstance(value, int):
        yield from dict.fromkeys(n for n in (0, 1, value // 2, value - 1) if 0 <= n < value)
    elif isinstance(value, str) and texts:
        n = len(value)
        if n > 1:
            yield value[: n // 2]
            yield value[n // 2 :]
        if n <= 24:
            yield from (value[:i] + value[i + 1 :] for i in range(n))
        else:
            yield from (value[:i] + value[i + n // 8 :] for i in range(0, n, n // 8))
    elif isinstance(value, list):
        n = len(value)
        if n > 1:
            yield value[: n // 2]
            yield value[n // 2 :]
        yield from (value[:i] + value[i + 1 :] for i in range(n))
        yield from (value[:i] + [v] + value[i + 1 :] for i in range(n) for v in smaller(value[i], texts))
    elif isinstance(value, dict):
        for key in value:
            yield {k: v for k, v in value.items() if k != key}
        yield from (value | {key: v} for key in value for v in smaller(value[key], texts))


def smaller_cases(kind, case):
    """Simpler draws: without a feature first."""
    for feature in case:
        if feature not in kind.fixed:
            yield {k: v for k, v in case.items() if k != feature}
    for feature, value in case.items():
        yield from (case | {feature: v} for v in smaller(value, feature in kind.fixed))


def shrink(kind, case, outcome, programs, budget=100):
    """The smallest draw found that still differs in the same way."""
    tried, improved = set(), True
    while improved and budget > 0:
        improved = False
        for candidate in smaller_cases(kind, case):
            key = json.dumps(candidate, sort_keys=True, default=str)
            if key in tried:
                continue
            tried.add(key)
            budget -= 1
            now = judge(kind, candidate, programs)
            if now.what == outcome.what:
                case, outcome, improved = candidate, now, True
                break
            if budget <= 0:
                break
    return case, outcome
