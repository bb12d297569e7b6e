"""Phone numbers as this system keeps them: digits only, one spelling for each person."""

import re

NOT_DIGITS = re.compile(r"[^0-9]")
COUNTRY, MOBILE = "55", "6789"


def canonical(number: str) -> str:
    """Give a Brazilian mobile the ninth digit that WhatsApp leaves out of older ones; landlines have none."""
    digits = NOT_DIGITS.sub("", number)
    if len(digits) == 12 and digits.startswith(COUNTRY) and digits[4] in MOBILE:
        return f"{digits[:4]}9{digits[4:]}"
    return digits


def variants(number: str) -> tuple[str, ...]:
    """Every spelling under which the same person may have been stored, the canonical one first."""
    digits = canonical(number)
    if len(digits) == 13 and digits.startswith(COUNTRY) and digits[4] == "9" and digits[5] in MOBILE:
        return digits, f"{digits[:4]}{digits[5:]}"
    return (digits,)
