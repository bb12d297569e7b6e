"""Text as people search and sort it: without accents and capitals, found by any part of a word."""

import re
import unicodedata

WORD = re.compile(r"[^\W_]+")
LONGEST = 40


def plain(text: str) -> str:
    if text.isascii():
        return text.casefold()
    letters = unicodedata.normalize("NFKD", text)
    return "".join(letter for letter in letters if not unicodedata.combining(letter)).casefold()


def sort_key(text: str) -> str:
    return " ".join(plain(text).split())


def endings(*texts: str | None) -> list[str]:
    """Every ending of every word: part of a word is the start of one of them, and starts have an index."""
    words = {word for text in texts if text for word in WORD.findall(plain(text))}
    return sorted({word[start : start + LONGEST] for word in words for start in range(max(1, len(word) - 1))})


def query(text: str) -> str:
    """A tsquery for texts that hold every word of this one; empty where there is no word to look for."""
    return " & ".join(f"'{word[:LONGEST]}':*" for word in WORD.findall(plain(text)))
