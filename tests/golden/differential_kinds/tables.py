"""Labelled tables in every dialect: what `classify --input`, `--evaluate` and `finetune-classify` read, against
pandas and Python's json."""

import csv
import io
import json

from . import classifiers, models, texts
from .base import Invalid, Kind
from .folders import bytes_content

LABELS = [["spam", "ham"], ["0", "1"], ["work", "home", "other"], ["yes", "no"], ["A b", "c,d"], ["café", "日本"]]
HEADERS = [
    ["label", "text"],
    ["text", "label"],
    ["Label", "Text"],
    ["LABEL", "TEXT"],
    ["Category", "Message"],
    ["v1", "v2"],
    ["id", "label", "text"],
    ["label", "text", "source"],
    ["sentiment", "review"],
]
PUNCTUATION = [
    "a, b",
    'say "hi"',
    "semi; colon",
    "tab\there",
    "#hash",
    "'single'",
    "",
    "1,000",
    "£5",
    "café",
    "“curly”",
    'x = "y" z',
    "two\nlines",
    '"',
    "  padded  ",
    "NA",
    "null",
    "-",
    "\ufeffmark",
    "a|b",
    "back\\slash",
    "end\\",
]


def rows(rng, case):
    names = rng.choice(LABELS)
    made = []
    for _ in range(rng.randint(4, 14)):
        text = texts.words(rng, 1, 8)
        for _ in range(rng.choice([0, 0, 1, 2])):
            text = rng.choice([text + " ", ""]) + rng.choice(PUNCTUATION)
        made.append([rng.choice(names), text])
    return made


class Tables(Kind):
    name, share = "tables", 12
    features = {
        "format": (0.7, lambda rng, case: rng.choice(["csv", "csv", "jsonl", "json"])),
        "header": (0.6, lambda rng, case: rng.choice(HEADERS)),
        "named_columns": (0.3, lambda rng, case: True if "header" in case else None),
        "quoting": (0.3, lambda rng, case: rng.choice(["all", "nonnumeric"])),
        "newline": (0.3, lambda rng, case: rng.choice(["\r\n", "\r\n", "\r"])),
        "encoding": (
            0.35,
            lambda rng, case: rng.choice(
                ["utf-8-sig", "latin-1", "cp1252", "utf-16", "utf-16-le-mark", "utf-16-be-mark"]
            ),
        ),
        "open_end": (0.2, lambda rng, case: True),
        "blank_lines": (0.15, lambda rng, case: True),
        "raw_quotes": (0.1, lambda rng, case: True),
        "numbers": (0.15, lambda rng, case: True if case.get("format", "tsv").startswith("json") else None),
        "ascii": (0.5, lambda rng, case: True),
        "train": (0.25, lambda rng, case: True),
        "rows": (1, rows),
    }
    fixed = ("rows",)
    words = {"encoding": ["UTF-8", "UTF-16", "Latin-1"], "header": ["header"], "rows": ["label"], "quoting": ["quote"]}

    def columns(self, case):
        header = case.get("header", ["label", "text"])
        names = [h.lower() for h in header]
        return (names.index("label"), names.index("text")) if "label" in names else (0, 1)

    def cells(self, case):
        label, text = self.columns(case)
        width = len(case.get("header", ["", ""]))
        made = []
        for i, row in enumerate(case["rows"]):
            line = [str(i)] * width
            line[label], line[text] = row
            made.append(line)
        return made

    def content(self, case):
        form = case.get("format", "tsv")
        if form.startswith("json"):
            label, text = self.json_keys(case)
            objects = [
                {label: int(row[0]) if "numbers" in case and row[0].isdigit() else row[0], text: row[1]}
                for row in case["rows"]
            ]
            dump = [json.dumps(o, ensure_ascii="ascii" in case) for o in objects]
            whole = "[" + ",\n".join(dump) + "]" if form == "json" else "\n".join(dump) + "\n"
        else:
            whole = self.delimited(case, "," if form == "csv" else "\t")
        if "blank_lines" in case and form != "json":
            whole = whole.replace("\n", "\n\n", 1)
        if "open_end" in case:
            whole = whole.rstrip("\r\n")
        return self.encoded(whole, case.get("encoding", "utf-8"))

    def json_keys(self, case):
        header = case.get("header", ["label", "text"])
        label, text = self.columns(case)
        return header[label], header[text]

    def delimited(self, case, delimiter):
        out = io.StringIO()
        newline = case.get("newline", "\n")
        lines = ([case["header"]] if "header" in case else []) + self.cells(case)
        if "raw_quotes" in case:
            if any(c in cell for line in lines for cell in line for c in (delimiter, "\n", "\r")):
                raise Invalid("a delimiter in a text without quotes")
            return "".join(delimiter.join(line) + newline for line in lines)
        quoting = {"all": csv.QUOTE_ALL, "nonnumeric": csv.QUOTE_NONNUMERIC}.get(case.get("quoting"), csv.QUOTE_MINIMAL)
        csv.writer(out, delimiter=delimiter, quoting=quoting, lineterminator=newline).writerows(lines)
        return out.getvalue()

    def encoded(self, whole, encoding):
        try:
            if encoding.startswith("utf-16-") and encoding.endswith("-mark"):
                return ("\ufeff" + whole).encode(encoding.removesuffix("-mark"))
            return whole.encode(encoding)
        except UnicodeEncodeError:
            raise Invalid("a character that the encoding has not") from None

    def file_name(self, case):
        return "table." + case.get("format", "tsv")

    def files(self, case):
        names = sorted({row[0] for row in case["rows"]})
        if len(case["rows"]) < 2 or len(names) < 2 or not all(names):
            raise Invalid("too few rows or labels")
        if "header" not in case and [row[0] for row in case["rows"]].count(case["rows"][0][0]) < 2:
            raise Invalid("the first row's label is there once: is it a header?")
        if case["rows"][0][1].lower() == "text" or case["rows"][0][1].startswith("\ufeff"):
            raise Invalid("a first row like a header, or like a mark")
        model = classifiers.Classifiers().files(
            {"n": len(names), "labels": {str(i): n for i, n in enumerate(names)}, "texts": ["a"]}
        )
        files = {"model/" + name: content for name, content in model.items()} | {
            self.file_name(case): bytes_content(self.content(case))
        }
        if "train" in case:
            base = models.Models().files({"text": "some text", "positions": 256})
            files |= {"base/" + name: content for name, content in base.items()}
        return files

    def want(self, case, folder):
        if not case.get("format", "tsv").startswith("json"):
            self.check_with_pandas(case, folder)
        counts = {}
        for label, _ in case["rows"]:
            counts[label] = counts.get(label, 0) + 1
        return {
            "texts": [text for _, text in case["rows"]],
            "counts": dict(sorted(counts.items())),
            "trained": sorted(counts) if "train" in case else None,
        }

    def check_with_pandas(self, case, folder):
        """pandas reads the same rows, or the dialect has no one meaning."""
        import pandas

        label, text = self.columns(case)
        encoding = case.get("encoding", "utf-8")
        encoding = "utf-16" if encoding.startswith("utf-16") else encoding
        frame = pandas.read_csv(
            folder / self.file_name(case),
            sep="," if case.get("format") == "csv" else "\t",
            dtype=str,
            header=0 if "header" in case else None,
            keep_default_na=False,
            na_values=[],
            encoding=encoding,
            quoting=csv.QUOTE_NONE if "raw_quotes" in case else csv.QUOTE_MINIMAL,
        )
        read = [[row[label], row[text]] for row in frame.values.tolist()]
        if read != case["rows"]:
            raise Invalid(f"pandas reads {read} of {case['rows']}")

    def options(self, case):
        options = ["--no-quotes"] if "raw_quotes" in case else []
        if "named_columns" in case or ("header" in case and case.get("format", "tsv").startswith("json")):
            label, text = self.columns(case)
            header = case["header"]
            return options + ["--label-column", header[label], "--text-column", header[text]]
        return options

    def arguments(self, case):
        return [
            "-q",
            "--model",
            "model",
            "--precision",
            "float32",
            "--json",
            "--input",
            self.file_name(case),
            *self.options(case),
        ]

    def replay(self, case, want):
        classes = {label: {"rows": n} for label, n in want["counts"].items()}
        return [
            {"run": ["classify", *self.arguments(case)], "want": [{"text": text} for text in want["texts"]]},
            {"run": ["classify", *self.arguments(case), "--evaluate"], "want": [{"classes": classes}]},
        ]

    def ours(self, case, folder, programs):
        common = self.arguments(case)
        texts = [row["text"] for row in programs.lines("classify", common, folder)]
        if texts != [text for _, text in case["rows"]]:
            return {"texts": texts}  # a refusal to evaluate does not excuse it
        report = programs.lines("classify", [*common, "--evaluate"], folder)[0]
        counts = {label: row["rows"] for label, row in report["classes"].items()}
        trained = self.trained(case, folder, programs) if "train" in case else None
        return {"texts": texts, "counts": {k: n for k, n in sorted(counts.items()) if n}, "trained": trained}

    def trained(self, case, folder, programs):
        sets = [
            "model=base",
            f"data.train={self.file_name(case)}",
            f"data.validation={self.file_name(case)}",
            f"data.test={self.file_name(case)}",
            "train.max_steps=1",
            "train.eval_every=0",
            "train.micro_batch_size=2",
            "train.global_batch_size=2",
        ]
        sets += ["data.quotes=false"] if "raw_quotes" in case else []
        columns = self.options(case)
        if "--label-column" in columns:
            sets += [
                f"data.label_column={columns[columns.index('--label-column') + 1]}",
                f"data.text_column={columns[columns.index('--text-column') + 1]}",
            ]
        options = [part for s in sets for part in ("--set", s)]
        programs.run("finetune-classify", ["-q", "--out", "run", *options], folder)
        config = json.loads((folder / "run/model/config.json").read_text())
        return sorted(config["id2label"].values())
