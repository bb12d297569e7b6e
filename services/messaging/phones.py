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


def typed(number: str) -> str:
    """A number as people here type it: without a country code it is Brazilian."""
    digits = NOT_DIGITS.sub("", number)
    if len(digits) in (10, 11) and not number.strip().startswith("+") and not digits.startswith("0"):
        digits = f"{COUNTRY}{digits}"
    return canonical(digits)
