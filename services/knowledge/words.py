"""Words of Portuguese as search sees them: without accents, punctuation or empty words."""

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable
from typing import Any

KEPT_KEYWORDS = 15

PORTUGUESE = """
    a ao aos aquela aquele aquilo as até com como da das de dela dele deles depois do dos e é ela elas ele
    eles em entre era essa essas esse esses esta está estão estas este estes eu foi há isso isto já lhe mais
    mas me mesmo meu meus minha minhas muito muita na não nas nem no nos nós nossa nosso num numa o os ou
    para pela pelas pelo pelos por porque pra pro qual quais quando quanto que quem são se sem ser será seu
    seus sim só sua suas também te tem têm ter tinha um uma umas uns você vocês vou
"""
ENGLISH = """
    about also and any are but can could for from had has have how into its not our out she that the their
    them then there these they this was were what when where which who will with would you your
"""
STOP_WORDS = frozenset([*PORTUGUESE.split(), *ENGLISH.split()])


def fold(text: str) -> str:
    """Lower case, no accents, no punctuation, single spaces."""
    bare = "".join(
        letter for letter in unicodedata.normalize("NFKD", text.lower()) if not unicodedata.combining(letter)
    )
    return " ".join(re.findall(r"[^\W_]+", bare))


FOLDED_STOP_WORDS = frozenset(fold(word) for word in STOP_WORDS)


def content(text: str) -> list[str]:
    """The words that carry meaning, folded, each once, in order."""
    return [*dict.fromkeys(word for word in fold(text).split() if word not in FOLDED_STOP_WORDS)]


def terms(text: str) -> list[str]:
    """The words to look for: those that carry meaning, or all where none does."""
    return content(text) or fold(text).split()


def keywords(*texts: str) -> list[str]:
    """The most frequent words of more than two letters, accents kept."""
    words = re.findall(r"[^\W_]+", " ".join(texts).lower())
    counted = Counter(word for word in words if len(word) > 2 and word not in STOP_WORDS)
    return [word for word, _ in counted.most_common(KEPT_KEYWORDS)]


def tidy(words: Iterable[str]) -> list[str]:
    """Given keywords as they are stored: lower case, each once."""
    return [*dict.fromkeys(word.strip().lower() for word in words if word.strip())]


def columns(question: str, answer: str, given: Iterable[str]) -> dict[str, Any]:
    """The columns of an entry that follow from its text."""
    chosen = tidy(given) or keywords(question, answer)
    return {
        "keywords": chosen,
        "question_norm": fold(question),
        "answer_norm": fold(answer),
        "keywords_norm": fold(" ".join(chosen)),
    }
