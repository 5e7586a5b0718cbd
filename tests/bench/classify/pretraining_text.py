#!/usr/bin/env python3
"""The messages that a model may read before it is tested on the book's split of the SMS Spam Collection.

    python tests/bench/classify/pretraining_text.py SMSSpamCollection.tsv messages.jsonl

Writes {"text": ...} for every message that is neither one of the 149 validation and 300 test messages of the
book's chapter 6 nor the same as one of them (but for case and spaces), in the file's order, without its
label. `pip install pandas`.
"""
import argparse
import json
import sys

try:
    import pandas
except ImportError:
    sys.exit("pretraining_text.py: pandas is missing; pip install pandas")


def words(text):
    return " ".join(text.lower().split())


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("table")
    parser.add_argument("out")
    args = parser.parse_args()
    rows = pandas.read_csv(args.table, sep="\t", header=None, names=["Label", "Text"])
    spam = rows[rows.Label == "spam"]
    balanced = pandas.concat([rows[rows.Label == "ham"].sample(len(spam), random_state=123), spam])
    held_out = balanced.sample(frac=1, random_state=123)[int(len(balanced) * 0.7):]
    kept = rows[~rows.index.isin(held_out.index) & ~rows.Text.map(words).isin(set(held_out.Text.map(words)))]
    with open(args.out, "w", encoding="utf-8") as out:
        for text in kept.Text:
            out.write(json.dumps({"text": text}, ensure_ascii=False) + "\n")
    print(f"{len(kept)} of {len(rows)} messages")


if __name__ == "__main__":
    main()
