#!/usr/bin/env python3
"""Writes baselines.json: n-grams, tf-idf and logistic regression as scikit-learn has them, for tests/eval.

    python tests/golden/make_baselines_golden.py SMSSpamCollection.tsv > tests/golden/baselines.json

needs `pip install pandas scikit-learn`. The texts below are made up; of the collection's messages there are only
probabilities in the file.
"""
import json
import sys

import numpy
import pandas
import sklearn
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression

TRAIN = [  # class (0 chat, 1 advert, 2 notice), text
    (0, "Are we still on for tea at four?"),
    (1, "WIN a holiday for two! Text SUN to 80808 now!"),
    (2, "The office is closed on Monday."),
    (0, "I left my umbrella on the tram again..."),
    (1, "You have been chosen!!! Claim your FREE kettle at www.kettle.example"),
    (2, "Train 4711 to Köln is 20 minutes late."),
    (0, "Happy birthday, Zoë! Cake later?"),
    (1, "Last chance: 50% off all shoes, today only. Reply STOP to end"),
    (2, "Your library books are due on Friday."),
    (0, "no idea what he meant by that, ask him"),
    (1, "FREE entry! Win £500 cash every week. Text WIN to 80808"),
    (2, "Platform change: the train to Leeds leaves from platform 3."),
    (0, "Can you bring the blue chairs? Mum is coming too"),
    (1, "Urgent: your prize of £1,000 waits. Call 0900 555 123 now"),
    (2, "Water will be off on Tuesday from 9 to 12."),
    (0, "lol that cat is not even ours 😹"),
    (1, "Cheap loans, no questions! http://loans.example"),
    (2, "The meeting moves to room 12 on Monday."),
    (0, "Привет! Как дела? See you at the café"),
    (1, "Congratulations! You win 2 free tickets. Call now to claim"),
    (2, "Parcel 99812 is at the office. Please bring an ID."),
    (0, "ok ok I'll call you when the train is in"),
    (1, "Half price pizza tonight!!! Order now, free drinks"),
    (2, "The lift is out of order; please use the stairs."),
    (0, "She said   yes!!\tWe are so happy"),
    (1, "Hot new ringtones! Text TONE to 80808. £3 a week, STOP to end"),
    (2, "Power will be off in Elm Street on Friday from 10 to 11."),
    (0, "Don't forget the keys, they're under the mat"),
    (1, "Get a loan today. Cash in 1 hour. Call 0900 555 321"),
    (2, "Road closed: please use Mill Lane until Tuesday."),
    (0, "Is it raining in Łódź? ☔"),
    (1, "Final notice! Claim your free holiday: www.sun.example"),
    (2, "Results of the vote are on the board by the stairs."),
    (0, "my phone died, sorry, read it just now"),
    (1, "New shoes? 70% off today only! http://shoes.example"),
    (2, "The library closes at 6 on Saturday."),
    (0, "日本 was lovely, photos tomorrow"),
    (1, "Vote now and win a free phone! Text VOTE to 80808"),
    (2, "Train 12 to Leeds is cancelled. Please take train 14."),
    (0, "tea? cake? both?"),
]
HELD_OUT = [
    "Text now to win a free holiday!",
    "tea on Monday? bring the cat",
    "Please use platform 4, the train is late.",
    "FREE CAKE in the office, win win win",
    "Привет, see you in KÖLN",
    "quux",
    "",
]
NASTY = ["", "a", "  ", "\t", "Ab  c\t\n d", "x_1 y2 Z", "İstanbul ΟΔΟΣ ΣΑΣ Σ ΣX", "DŽEMAL ǅ Ⓐ Ⅷ ² ½ ٣", "e\u0301te\u0301 नमस्ते",
         "don't stop-me", "\x1c\x1f\u00a0\u2003", "ԱՀ Ꭰꭰ 𐐀 ẞ", "nul\0byte", "日本語 한국", "\u200b\ufeff\ufffd",
         "".join(map(chr, range(0x100, 0x250))), "".join(map(chr, range(0x1e00, 0x2000)))]
TOLERANCE = 1e-12


def vectorizer(unit, min_n, max_n, **options):
    return TfidfVectorizer(analyzer=unit, ngram_range=(min_n, max_n), **options)


def plain(numbers):
    return [float(f"{x:.9g}") for x in numpy.asarray(numbers).ravel()]


def rows(matrix):
    """[[column, value, column, value ...], ...]"""
    matrix = matrix.tocsr()
    matrix.sort_indices()
    return [plain(numpy.stack([row.indices, row.data], 1)) for row in matrix]


def model(unit, min_n, max_n, sublinear, min_texts, labels, c, class_weight=None):
    tfidf = vectorizer(unit, min_n, max_n, sublinear_tf=sublinear, min_df=min_texts)
    train = tfidf.fit_transform([text for _, text in TRAIN])
    held_out = tfidf.transform(HELD_OUT)
    weights = None if class_weight is None else dict(enumerate(class_weight))
    regression = LogisticRegression(C=c, tol=TOLERANCE, max_iter=100000, class_weight=weights, solver="newton-cg")
    regression.fit(train, labels)
    return {"unit": unit, "min_n": min_n, "max_n": max_n, "sublinear_tf": sublinear, "min_texts": min_texts,
            "c": c, "class_weights": class_weight, "labels": labels,
            "ngrams": tfidf.get_feature_names_out().tolist(), "idf": plain(tfidf.idf_),
            "held_out_rows": rows(held_out), "train_row_3": rows(train[3])[0],
            "coefficients": [plain(row) for row in regression.coef_], "intercepts": plain(regression.intercept_),
            "train_probabilities": [plain(row) for row in regression.predict_proba(train)],
            "held_out_probabilities": [plain(row) for row in regression.predict_proba(held_out)]}


def book_split(path):
    """Chapter 6: as much ham as spam, shuffled, 70 / 10 / 20."""
    table = pandas.read_csv(path, sep="\t", header=None, names=["label", "text"])
    spam = table[table.label == "spam"]
    ham = table[table.label == "ham"].sample(len(spam), random_state=123)
    table = pandas.concat([ham, spam]).sample(frac=1, random_state=123).reset_index(drop=True)
    first, second = int(len(table) * 0.7), int(len(table) * 0.7) + int(len(table) * 0.1)
    return table[:first], table[second:]


def messages(path):
    """The test rows' accuracy and probabilities of spam."""
    train, test = book_split(path)
    result = {}
    for name, unit, min_n, max_n in [("word_ngrams", "word", 1, 2), ("character_ngrams", "char_wb", 2, 5)]:
        tfidf = vectorizer(unit, min_n, max_n)
        regression = LogisticRegression(tol=TOLERANCE, max_iter=100000, solver="newton-cg")
        regression.fit(tfidf.fit_transform(train.text), train.label == "spam")
        spam = regression.predict_proba(tfidf.transform(test.text))[:, 1]
        result[name] = {"ngrams": len(tfidf.idf_), "accuracy": float(((spam > 0.5) == (test.label == "spam")).mean()),
                        "spam": [round(p, 7) for p in spam.tolist()]}
    return result


def lines(value, depth):
    """JSON with one item a line down to a depth."""
    if depth == 0 or not value or not isinstance(value, (dict, list)):
        return json.dumps(value)
    if isinstance(value, dict):
        return "{\n" + ",\n".join(json.dumps(key) + ": " + lines(item, depth - 1) for key, item in value.items()) + "\n}"
    return "[\n" + ",\n".join(lines(item, depth - 1) for item in value) + "\n]"


def main():
    advert = [int(label == 1) for label, _ in TRAIN]
    models = [
        model("word", 1, 2, False, 1, advert, 1.0),
        model("char_wb", 2, 5, True, 3, advert, 10.0),
        model("word", 1, 1, True, 1, [label for label, _ in TRAIN], 5.0, [1.0, 0.5, 2.0]),
    ]
    nasty = [{"text": text, "words": vectorizer("word", 1, 2).build_analyzer()(text),
              "characters": vectorizer("char_wb", 1, 1 if len(text) > 99 else 3).build_analyzer()(text)} for text in NASTY]
    print(lines({"made by": f"make_baselines_golden.py with scikit-learn {sklearn.__version__}",
                 "train": [text for _, text in TRAIN], "held_out": HELD_OUT, "ngrams": nasty, "models": models,
                 "messages": messages(sys.argv[1])}, 3))


main()
