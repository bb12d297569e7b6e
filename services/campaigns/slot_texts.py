"""What is said to a customer who wants to meet, and what is understood of the answer."""

import re
import unicodedata
from collections.abc import Sequence

ORDINALS = ("primeir", "segund", "terceir", "quart", "quint")
# Not the weekdays: "segunda" alone may mean Monday, "a segunda opção" does not.
ORDINAL = re.compile(r"\b(" + "|".join(ORDINALS) + r")[oa]\s+(?:opcao|horario|alternativa)\b")
NUMBER = re.compile(
    r"^(?:(?:a|o)\s+)?(?:opcao|horario|numero|n|no)?\s*(?:numero\s+)?(\d{1,2})(?:\s+por favor)?$"
)
YES = re.compile(r"^(?:sim|s|ok|confirmo|confirmado|pode confirmar|pode ser|isso|claro)\b")
NO = re.compile(r"^(?:nao|n|prefiro outro|outro horario)\b")


def offer(labels: Sequence[str]) -> str:
    listed = "\n".join(f"{number}. {label}" for number, label in enumerate(labels, 1))
    return f"Tenho estes horários disponíveis:\n{listed}\nResponda com o número do horário que prefere."


def offer_again(labels: Sequence[str]) -> str:
    return f"Esse horário não está mais disponível. {offer(labels)}"


def out_of_range(count: int) -> str:
    return f"Por favor, responda com um número de 1 a {count}."


def left_to_people() -> str:
    return "Uma pessoa da equipe vai falar com você sobre isso."


def ask_to_confirm(label: str) -> str:
    return f"Posso confirmar para {label}? Responda sim ou não."


def confirmed(label: str, own: str | None) -> str:
    return own.replace("{{horario}}", label) if own else f"Reunião marcada para {label}. Até lá!"


def picked(answer: str) -> int | None:
    """The number of the time that was picked, from 1; None where the answer is something else."""
    text = _plain(answer)
    if found := NUMBER.match(text):
        return int(found[1])
    if found := ORDINAL.search(text):
        return ORDINALS.index(found[1]) + 1
    return None


def agreed(answer: str) -> bool | None:
    """Yes, no, or neither."""
    text = _plain(answer)
    if NO.match(text):
        return False
    return True if YES.match(text) else None


def _plain(text: str) -> str:
    decomposed = unicodedata.normalize("NFKD", text.casefold())
    plain = "".join(letter for letter in decomposed if not unicodedata.combining(letter))
    return re.sub(r"[^\w\s]+", " ", plain).strip()
