"""Texts to draw: words, and all that tokenizers, templates and tables trip over."""

WORDS = (
    "the old lighthouse was nine miles away and nobody had seen Tom since then said Mia with her "
    "lamp in hand It is I'm you've they'll WE'LL don't nov. 1984 3.14 12345 x2y A. B-C state-of"
).split()
ODD = [
    "cafe\u0301",
    "café",
    "naïve",
    "İstanbul",
    "ǆ",
    "ſhe'ſ",
    "ﬁne",
    "Ⅷ",
    "½",
    "x²",
    "①",
    "日本語",
    "가나",
    "\u1112\u1161\u11ab",
    "مرحبا",
    "हिन्दी",
    "👍",
    "👩\u200d🚀",
    "🇫🇷",
    "e\u0323\u0302",
    "ΑΣ",
    "ß",
    "ẞ",
    "ﬀ",
    "Å",
    "\u212b",
    "٣٤",
    "ʼn",
    "…",
    "“quoted”",
    "—",
    "\u00ad",
    "ⓐ",
    "㍿",
    "ｆｕｌｌ",
    "ｶﾞ",
    "\u0958",
    "𝔘𝔫𝔦",
    "\U0001d15e",
]
SPACES = [
    " ",
    " ",
    " ",
    " ",
    "  ",
    "   ",
    "\t",
    "\n",
    "\n\n",
    "\r\n",
    " \n",
    "\n ",
    "\u00a0",
    "\u3000",
    "\u2028",
    "\u0085",
    "\u200b",
    "",
    "\x1c",
]
MARKS = [
    ".",
    ",",
    "!",
    "?",
    "...",
    "'s",
    "'LL",
    '"',
    "(",
    ")",
    "$9",
    "%",
    "--",
    "_",
    "#",
    "@",
    "\\",
    "/",
    "▁",
    "Ġ",
    "\x00",
    "\x07",
    "\ufeff",
    "\ufffd",
    "<",
    ">",
    "|",
]


def words(rng, low=2, high=12):
    return " ".join(rng.choice(WORDS) for _ in range(rng.randint(low, high)))


def text(rng, extra=(), high=12):
    """Mostly words; odd characters, odd spaces and pieces of `extra` between them."""
    parts = []
    odd = rng.choice((0.0, 0.1, 0.4))
    for _ in range(rng.randint(1, high)):
        if extra and rng.random() < 0.2:
            parts.append(rng.choice(extra))
        elif rng.random() < odd:
            parts.append(rng.choice(ODD + MARKS))
        else:
            parts.append(rng.choice(WORDS))
        parts.append(rng.choice(SPACES if rng.random() < 0.5 else [" "]))
    whole = "".join(parts)
    return whole if rng.random() < 0.3 else whole.strip() or "a"


def plain_text(rng, low=8, high=40):
    """Words that every tokenizer takes."""
    return " ".join(rng.choice(WORDS) for _ in range(rng.randint(low, high))) + "."
