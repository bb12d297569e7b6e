"""What an answer may not contain, whoever wrote it. What was read is not trusted, and neither is the model.

Claims are held against sources: a price, a percentage, a link, an address, a contact, a date or a time must
stand in what the company supplied or its people said. Dates and times that only the customer named may be
asked about, denied or promised to be looked into, never affirmed.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from services.intelligence.threads import fold

LONGEST = 1000

MARKER = re.compile(r"\[\s*(?:ESCALAR|ESCALATE|ESCALATION|HANDOFF)\s*\]", re.IGNORECASE)
LINK = re.compile(
    r"(?:https?://|www\.)[^\s<>\")\]]+|"
    r"(?<![@\w.-])(?:[a-z0-9-]+\.)+(?:com|net|org|br|io|app|dev|me|ly|gl|link|info|biz|xyz|"
    r"online|site|shop|store|top|club|example|internal|local)\b(?:/[^\s<>\")\]]*)?",
    re.IGNORECASE,
)
EMAIL = re.compile(r"[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63})+")
CONTACT = re.compile(
    r"(?<![\w,.])\+?\(?\d{2,3}\)?[\s.-]?\d{4,5}[\s.-]?\d{4}(?!\d)|\b\d{3}\.\d{3}\.\d{3}-\d{2}\b"
)
PRICE = re.compile(
    r"(?:r\$|us\$|\$|€)\s*\d[\d.,]*(?:\s*mil)?|\b\d[\d.,]*\s*(?:mil\s+)?(?:reais|real|centavos|d[óo]lares|euros)\b",
    re.IGNORECASE,
)
PERCENT = re.compile(r"\b\d{1,3}(?:[.,]\d+)?\s*(?:%|por cento\b)")
FREE = re.compile(r"\b(?:gr[áa]tis|gratuit[oa]s?|de gra[çc]a|sem custo)\b", re.IGNORECASE)
SPAN = re.compile(
    r"\b(\d{1,4}|um|uma|dois|duas|tr[êe]s|quatro|cinco|seis|sete|oito|nove|dez|quinze|vinte|trinta)\s+"
    r"(dias?|horas?|minutos?|semanas?|m[êe]s(?:es)?|anos?)\b",
    re.IGNORECASE,
)
DATE = re.compile(
    r"\b\d{1,2}/\d{1,2}(?:/\d{2,4})?\b|\b\d{4}-\d\d-\d\d\b|\b(?:dia\s+)\d{1,2}\b|\b\d{1,2}\s+de\s+(?:janeiro|fevereiro|"
    r"mar[çc]o|abril|maio|junho|julho|agosto|setembro|outubro|novembro|dezembro)\b",
    re.IGNORECASE,
)
CLOCK = re.compile(r"\b\d{1,2}(?::\d{2}|h(?:\d{2})?)\b(?!\w)|\b\d{1,2}\s+horas\b", re.IGNORECASE)
PLACEHOLDER = re.compile(
    r"\{\{?[^{}]*\}?\}|\[(?:nome|cliente|empresa|data|valor|inserir|link|preço)[^\]]*\]|<[^>]{1,40}>",
    re.IGNORECASE,
)
CODE = re.compile(r"```|^\s*[{\[]|\"(?:reply|confidence|shouldEscalate)\"\s*:|!\[[^\]]*\]\(|\]\(")
SECRET = re.compile(
    r"\b(?:gsk|sk|pk|ghp|xox[bp])[_-][\w-]{8,}|\beyJ[\w-]{10,}\.|\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-"
    r"[0-9a-f]{4}-[0-9a-f]{12}\b|\b[A-Za-z0-9+/]{60,}={0,2}|\b(?:localhost|127\.0\.0\.1|10\.\d+\.\d+\.\d+|192\.168\.)",
)
DAY = re.compile(
    r"\b(?:amanh[ãa]|(?:segunda|ter[çc]a|quarta|quinta|sexta)s?-feiras?|s[áa]bados?|domingos?|semana que vem|"
    r"pr[óo]xima semana|m[êe]s que vem)\b",
    re.IGNORECASE,
)
SENTENCE = re.compile(r"(?<=[.!?\n])\s+")
PART = re.compile(r"[,;:]\s+|\s(?:e|mas|por[ée]m)\s")
OPEN = re.compile(r"\b(?:n[ãa]o|nem|sem|confirmar|verificar|consultar|checar)\b", re.IGNORECASE)
SHINGLE = 8  # words in a row that only our instructions say


@dataclass(frozen=True)
class Sources:
    """What claims are held against. `spoken` is the customer's, who proves no price and no link."""

    supplied: Sequence[str]
    spoken: Sequence[str]
    instructions: str = ""
    max_discount: int = 0


def cleaned(text: str) -> str:
    """Without markers of old, and without space around it."""
    return MARKER.sub("", text).strip()


def asks_for_a_person(text: str) -> bool:
    return bool(MARKER.search(text))


def violations(text: str, sources: Sources) -> list[str]:
    """What is wrong with an answer, by name; none when it may be sent."""
    if len(text) > LONGEST:
        return ["too_long"]  # before any pattern sees it: some take their time over long texts
    found = [name for name, pattern in FORBIDDEN.items() if pattern.search(text)]
    if _tells_instructions(text, sources.instructions):
        found.append("instructions")
    known = _folded(" ".join(sources.supplied))
    heard = f"{known} {_folded(' '.join(sources.spoken))}"
    found += [name for name, pattern in CLAIMS.items() if not _stands(pattern, text, known)]
    found += [name for name, pattern in TIMES.items() if not _stands(pattern, _affirmed(text), known)]
    found += [name for name, pattern in TIMES.items() if not _stands(pattern, text, heard)]
    if _offers_too_much(text, known, sources.max_discount):
        found.append("discount")
    return [*dict.fromkeys(found)]


def proves(source: str, text: str) -> bool:
    """Whether a claim of the text stands in this source."""
    known = _folded(source)
    return any(
        _said(match.group(), known)
        for pattern in (CLAIMS | TIMES).values()
        for match in pattern.finditer(text[:LONGEST])
    )


FORBIDDEN = {"placeholder": PLACEHOLDER, "code": CODE, "secret": SECRET}
CLAIMS = {"link": LINK, "email": EMAIL, "contact": CONTACT, "price": PRICE, "percent": PERCENT, "free": FREE}
TIMES = {"span": SPAN, "date": DATE, "clock": CLOCK, "day": DAY}


def _stands(pattern: re.Pattern[str], text: str, known: str) -> bool:
    """Whether every such claim of the text stands in what is known."""
    return all(_said(match.group(), known) for match in pattern.finditer(text))


def _affirmed(text: str) -> str:
    """Without questions, and without the parts of sentences that deny something or leave it open."""
    sentences = [one for one in SENTENCE.split(text) if not one.rstrip().endswith("?")]
    return "\n".join(part for one in sentences for part in PART.split(one) if not OPEN.search(part))


def _said(claim: str, known: str) -> bool:
    """As a whole: 5 is not said by 50, nor `a.com` by `aa.com`."""
    wanted = _folded(claim).strip(" .,!?;:")
    return re.search(rf"(?<![\w.,@/-]){re.escape(wanted)}(?![\w@]|[.,]\d)", known) is not None


def _offers_too_much(text: str, known: str, most: int) -> bool:
    """A discount above the ceiling, unless the company itself publishes it."""
    if "desconto" not in fold(text):
        return False
    shares = [(match.group(), re.match(r"\d+", match.group())) for match in PERCENT.finditer(text)]
    return any(number and int(number.group()) > most and not _said(claim, known) for claim, number in shares)


def _tells_instructions(text: str, instructions: str) -> bool:
    said, told = fold(text).split(), fold(instructions)
    return any(
        " ".join(said[start : start + SHINGLE]) in told for start in range(max(0, len(said) - SHINGLE + 1))
    )


def _folded(text: str) -> str:
    """Lower case and single spaces; `R$ 60,00`, `R$60` and `60 reais` are the same, and so are Sundays."""
    plain = re.sub(r"\s+", " ", text.lower())
    plain = re.sub(r"(\d),00\b", r"\1", plain)
    plain = re.sub(r"r\$\s*(\d[\d.,]*\d|\d)", r"r$\1 \1 reais", plain)
    plain = re.sub(r"(\d{1,2})h00\b|(\d{1,2}):00\b", lambda m: f"{m.group(1) or m.group(2)}h", plain)
    plain = re.sub(r"(\d{1,2})\s+horas\b", r"\1h \1 horas", plain)
    plain = re.sub(r"\b(segunda|ter[çc]a|quarta|quinta|sexta)s-feiras\b", r"\1-feira", plain)
    plain = re.sub(r"\b(s[áa]bado|domingo)s\b", r"\1", plain)
    return re.sub(r"\b(\d{1,3})\s*por cento", r"\1%", plain).replace(" %", "%")
