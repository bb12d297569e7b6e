"""What identifies a person, masked before it is logged or leaves the house."""

import re

EMAIL = re.compile(r"[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63})+")  # bounded: texts may be long
NUMBER = re.compile(r"(?<![\w/.,$])\+?\(?\d[\d\s()./-]{8,24}\d(?![\w/]|[.,]\d)")
PHONE = re.compile(r"(?:55)?[1-9]\d(?:9\d{8}|[2-5]\d{7})")


def masked(text: str) -> str:
    """E-mails, phones, CPF, CNPJ and cards as placeholders; orders, prices and dates stay."""
    return NUMBER.sub(_named, EMAIL.sub("[e-mail]", text))


def _named(match: re.Match[str]) -> str:
    digits = re.sub(r"\D", "", match.group())
    if len(digits) == 11 and _is_document(digits, 9, 11):
        return "[CPF]"
    if len(digits) == 14 and _is_document(digits, 12, 9):
        return "[CNPJ]"
    if PHONE.fullmatch(digits):
        return "[telefone]"
    if 13 <= len(digits) <= 19 and _is_card(digits):
        return "[cartão]"
    return match.group()


def _is_document(digits: str, length: int, largest: int) -> bool:
    """Whether the last two digits are the check digits of the others: weights go up from 2 to `largest`."""
    if len({*digits}) == 1:
        return False
    for end in (length, length + 1):
        weights = [2 + place % (largest - 1) for place in range(end)]
        total = sum(
            int(digit) * weight for digit, weight in zip(reversed(digits[:end]), weights, strict=True)
        )
        if (0 if total % 11 < 2 else 11 - total % 11) != int(digits[end]):
            return False
    return True


def _is_card(digits: str) -> bool:
    doubled = [int(digit) * (1 + place % 2) for place, digit in enumerate(reversed(digits))]
    return sum(number - 9 if number > 9 else number for number in doubled) % 10 == 0
