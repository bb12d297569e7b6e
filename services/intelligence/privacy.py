"""What identifies a person, masked before it is logged or leaves the house."""

import re

EMAIL = re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+")
NUMBER = re.compile(r"(?<![\w/.,$-])\+?\(?\d[\d\s().-]{6,20}\d(?![\w/]|[.,]\d)")
LEAST_DIGITS = 8  # phones from 8, documents 11 and 14, cards 13 to 19


def masked(text: str | None) -> str | None:
    """E-mails, phones, documents and cards as placeholders; prices and dates stay."""
    if text is None:
        return None
    return NUMBER.sub(_number, EMAIL.sub("[e-mail]", text))


def _number(match: re.Match[str]) -> str:
    digits = len(re.sub(r"\D", "", match.group()))
    return "[número]" if LEAST_DIGITS <= digits <= 19 else match.group()
