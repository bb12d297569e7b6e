"""Words as they are compared: lower case, without accents and marks."""

import re
import unicodedata

LONGEST = 40
MOST = 4000  # characters of a message that can be found

WORD = re.compile(r"[^\W_]+")
ACCENTS = re.compile("[\u0300-\u036f]+")


def words(text: str) -> list[str]:
    """As messaging.plain() of the database does it."""
    plain = ACCENTS.sub("", unicodedata.normalize("NFKD", text).lower())
    return [word[:LONGEST] for word in WORD.findall(plain)]


def vector(text: str) -> str:
    """What a message is found by, as a tsvector's text."""
    return " ".join(f"'{word}'" for word in dict.fromkeys(words(text[:MOST])))
