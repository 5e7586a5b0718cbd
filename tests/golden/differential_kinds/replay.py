"""The fixed set of draws that tests/apps/differential_test.cpp repeats: files, commands and the reference's
answers, in tests/golden/differential/KIND.json.

A file is {"shared": [content ...], "cases": [{"draw", "files", "commands", "refused"}]}; a content that several
cases have is a number, its place in `shared`. `refused` has the words that name
what our program did not do when the file was written: it may refuse the case by one of them.
"""

import collections
import json

from . import base
from .folders import DATA

QUOTA = {
    "tokenizers": 36,
    "models": 14,
    "generation": 12,
    "chat": 12,
    "tables": 8,
    "instructions": 6,
    "classifiers": 8,
    "adapters": 4,
}
MOST_DRAWS = 400


def traits(case, kind):
    return {(f, json.dumps(v, sort_keys=True, default=str)[:60]) for f, v in case.items() if f not in kind.fixed}


def replayable(kind, case, programs):
    """The case's entry, or None when it has no place in the set."""
    if "bin" in case or "train" in case or "$torch" in json.dumps(kind.files(case)):
        return None, False
    outcome = base.judge(kind, case, programs)
    if outcome.what not in ("agreed", "refused"):
        return None, False
    commands = kind.replay(case, outcome.want) if isinstance(outcome.want, (dict, list, float)) else None
    if not commands:
        return None, False
    entry = {"files": kind.files(case), "commands": commands}
    if outcome.what == "refused":
        feature = outcome.detail
        entry["commands"] = [c for c in commands if [str(part) for part in c["run"]] == outcome.command]
        if not entry["commands"]:
            return None, False
        entry["refused"] = sorted({feature, *kind.words.get(feature, []), *base.strings(case.get(feature))})
    return entry, outcome.what == "refused"


def chosen(kind, seed, draw_of, programs):
    """Draws that show something new first; a quarter of them refused at most."""
    quota, seen, entries, refused = QUOTA[kind.name], set(), [], 0
    for number in range(MOST_DRAWS):
        if len(entries) >= quota:
            break
        case = draw_of(kind, seed, number)
        new = traits(case, kind) - seen
        if not new and len(seen) < 3 * quota:
            continue
        try:
            entry, is_refused = replayable(kind, case, programs)
        except Exception:  # no valid draw, or the reference's own
            continue
        if entry is None or (is_refused and refused >= quota // 4):
            continue
        refused += is_refused
        seen |= new
        entries.append({"draw": number} | entry)
    return entries


def shared(entries):
    texts = collections.Counter(json.dumps(c) for e in entries for c in e["files"].values())
    places = {text: i for i, text in enumerate(t for t, n in texts.items() if n > 1 and len(t) > 40)}
    for entry in entries:
        entry["files"] = {n: places.get(json.dumps(c), c) for n, c in entry["files"].items()}
    return [json.loads(text) for text in places]


def line(value):
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def write(options, kinds, draw_of):
    programs = base.Programs(options.bin)
    names = options.kind.split(",") if options.kind else list(kinds)
    for name in names:
        entries = chosen(kinds[name], options.seed, draw_of, programs)
        parts = shared(entries)
        text = (
            '{"shared":[\n'
            + ",\n".join(map(line, parts))
            + '\n],"cases":[\n'
            + ",\n".join(map(line, entries))
            + "\n]}\n"
        )
        (DATA / f"{name}.json").write_text(text, encoding="utf-8", errors="surrogatepass")
        print(
            f"{name}: {len(entries)} draws, {sum('refused' in e for e in entries)} refused, {len(text.encode()) // 1000} kB",
            flush=True,
        )
    return 0
