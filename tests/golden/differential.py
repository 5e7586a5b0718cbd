#!/usr/bin/env python3
"""Draws valid inputs from a seed, gives them to gptkit's programs and to the libraries whose formats they
read, and reports the first difference of each sort, shrunk to a minimal input.

    pip install torch==2.13.0 transformers==5.24.* tokenizers==0.23.* peft==0.21.* pandas
    python tests/golden/differential.py build/release/bin [--seed 1] [--draws 1000] [--kind tokenizers,tables]

A draw is explained when the answers agree, when our program refuses it with exit code 2 and a sentence that
names the feature, or when it warns that it leaves the named feature out; the table counts both by feature. --keep FOLDER writes the folders of minimal
inputs. --replay writes the draws that tests/apps/differential_test.cpp repeats without Python.
"""

import argparse
import collections
import json
import multiprocessing
import os
import pathlib
import random
import sys
import time

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

from differential_kinds import base, replay  # noqa: E402
from differential_kinds.registry import KINDS, quiet  # noqa: E402


def draw_of(kind, seed, number):
    """Draw `number` of a seed, whatever else is drawn."""
    return kind.draw(random.Random(f"{seed} {kind.name} {number}"))


class Finder:
    """Judges draws, and shrinks differences that those found before do not explain."""

    def __init__(self, programs, shrinks):
        self.programs, self.shrinks = programs, shrinks
        self.found = collections.defaultdict(list)

    def known(self, kind, case, outcome):
        """A difference found before whose cause this draw has, too, and which differs for no other."""
        for what, minimal in self.found[kind.name]:
            cause = {k: v for k, v in minimal.items() if k not in kind.fixed}
            if what != outcome.what or any(k not in case for k in cause):
                continue
            if not cause:
                return minimal  # the text alone
            rest = {k: v for k, v in case.items() if k not in cause}
            if not base.judge(kind, rest, self.programs).differs:
                return minimal
        return None

    def judge(self, name, seed, number):
        kind = KINDS[name]
        case = draw_of(kind, seed, number)
        outcome = base.judge(kind, case, self.programs)
        if not outcome.differs:
            return name, number, outcome.what, outcome.detail, None
        minimal = self.known(kind, case, outcome)
        if minimal is None and self.shrinks:
            case, outcome = base.shrink(kind, case, outcome, self.programs)
            self.found[name].append((outcome.what, case))
            minimal = case
            record = {
                "case": case,
                "got": outcome.got,
                "want": outcome.want,
                "command": outcome.command,
                "detail": outcome.detail,
                "number": number,
            }
        else:
            record = {
                "case": minimal or case,
                "detail": outcome.detail,
                "number": number,
                "got": outcome.got,
                "want": outcome.want,
                "command": outcome.command,
            }
        return name, number, outcome.what, outcome.detail, record


_finder = None


def start_worker(folder, shrinks):
    global _finder
    quiet()
    _finder = Finder(base.Programs(folder), shrinks)


def work(job):
    return _finder.judge(*job)


def short(value, most=600):
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= most else text[:most] + " ..."


def show_difference(name, what, record):
    print(f"\n--- {name}, draw {record['number']}: {what}: {short(record['detail'])}")
    print("    minimal:  ", short(record["case"], 1500))
    print("    command:  ", " ".join(record["command"]))
    print("    ours:     ", short(record["got"]))
    print("    reference:", short(record["want"]), flush=True)


def keep(folder, name, record):
    from differential_kinds.folders import write_folder

    place = pathlib.Path(folder) / f"{name}-{record['number']}"
    write_folder(KINDS[name].files(record["case"]), place)
    (place / "difference.json").write_text(json.dumps(record, indent=1, ensure_ascii=False, default=str))


class Summary:
    def __init__(self):
        self.outcomes = collections.defaultdict(collections.Counter)
        self.named = collections.defaultdict(collections.Counter)
        self.invalid = collections.Counter()
        self.shown = set()
        self.differences = 0

    def add(self, name, what, detail, record, folder):
        self.outcomes[name][what] += 1
        if what in ("refused", "warned"):
            self.named[f"{what}, {name}"][detail] += 1
        if what == "invalid":
            self.invalid[f"{name}: {detail[:90]}"] += 1
        if record is None:
            return
        self.differences += 1
        key = (name, what, json.dumps(record["case"], sort_keys=True, default=str))
        if key in self.shown:
            return
        self.shown.add(key)
        show_difference(name, what, record)
        if folder:
            keep(folder, name, record)

    def table(self):
        columns = ("agreed", "refused", "warned", "differs", "unnamed refusal", "broken", "invalid")
        print("\n%-14s %7s" % ("kind", "draws") + "".join(f" {c:>15}" for c in columns))
        for name, counts in sorted(self.outcomes.items()):
            draws = sum(counts.values()) - counts["invalid"]
            print("%-14s %7d" % (name, draws) + "".join(f" {counts[c]:>15}" for c in columns))
        for name, counts in sorted(self.named.items()):
            print(f"{name}: " + ", ".join(f"{k} {n}" for k, n in counts.most_common()))
        for why, n in self.invalid.most_common(12):
            print(f"invalid, {n} times: {why}")


def run(options):
    names = options.kind.split(",") if options.kind else list(KINDS)
    unknown = [n for n in names if n not in KINDS]
    if unknown:
        sys.exit(f"unknown kind {unknown[0]}; expected {', '.join(KINDS)}")
    weights = [KINDS[n].share for n in names]
    order = random.Random(options.seed).choices(names, weights, k=options.draws * 3)
    numbers, jobs = collections.Counter(), []
    for name in order:
        jobs.append((name, options.seed, numbers[name]))
        numbers[name] += 1
    if options.number is not None:
        jobs = [(names[0], options.seed, options.number)]
        options.draws = 1
    summary, started, done = Summary(), time.time(), 0
    with multiprocessing.Pool(options.jobs, start_worker, (options.bin, not options.no_shrink)) as pool:
        for name, _, what, detail, record in pool.imap_unordered(work, jobs, chunksize=1):
            summary.add(name, what, detail, record, options.keep)
            done += what != "invalid"
            if done >= options.draws or time.time() - started > options.seconds:
                pool.terminate()
                break
            if done % 50 == 0:
                print(
                    f"\r{done} draws, {done / (time.time() - started):.1f}/s, {len(summary.shown)} differences",
                    end="",
                    file=sys.stderr,
                    flush=True,
                )
    print(file=sys.stderr)
    summary.table()
    print(f"{done} draws in {time.time() - started:.0f} s; {summary.differences} differ")
    return 1 if summary.differences else 0


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bin", help="folder of gptkit's programs")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--draws", type=int, default=1000)
    parser.add_argument("--seconds", type=float, default=1e9, help="end after this time, too")
    parser.add_argument("--kind", help=f"of {', '.join(KINDS)}; all unless given")
    parser.add_argument("--number", type=int, help="only this draw of the (first) kind")
    parser.add_argument("--keep", help="folder for the minimal inputs")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--no-shrink", action="store_true", help="report differences as they were drawn")
    parser.add_argument("--replay", action="store_true", help="write the draws of tests/apps/differential_test.cpp")
    options = parser.parse_args()
    if options.replay:
        quiet()
        return replay.write(options, KINDS, draw_of)
    return run(options)


if __name__ == "__main__":
    sys.exit(main())
