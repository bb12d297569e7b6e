"""A summary that nobody wrote: the words that matter most, quoted, each with the message it stands in."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from protos.intelligence_pb2 import Quote
from protos.messaging_pb2 import Message
from services.intelligence import threads

LONGEST_QUOTE = 240
WORDS = 200
POINTS = 5
ACTIONS = 3

HELLO = r"(?:oi+|ol[áa]|bom dia|boa tarde|boa noite|tudo (?:bem|bom)|al[ôo]|hey|opa|e a[íi])"
GREETING = re.compile(
    rf"^{HELLO}(?:[\s,!.?]+(?:{HELLO}|como vai|pessoal|gente))*[\s,!.?😊🙂👋]*$", re.IGNORECASE
)
COMMITMENT = re.compile(
    r"\b(?:vou|vamos|irei|iremos|enviarei|enviaremos|retorno|retornamos|prometo|combinado|agendad[oa]|"
    r"aprovad[oa]|confirmad[oa]|prazo|"
    r"at[ée] (?:amanh[ãa]|hoje|segunda|ter[çc]a|quarta|quinta|sexta|o dia|\d)|"
    r"\d+ dias? [úu]te[ii]s)",
    re.IGNORECASE,
)
PLEASANTRY = re.compile(
    r"^(?:ok(?:ay)?|obrigad[oa]\w*|valeu|certo|beleza|blz|t[áa] bom|perfeito|entendi|sim|n[ãa]o|👍)[\s!.,]*$",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Recap:
    summary: str
    key_points: list[str]
    action_items: list[str]
    quotes: list[Quote]


def recap(messages: Sequence[Message]) -> Recap:
    """First request, latest request, what we committed to, and what is still open."""
    asked = [one for one in messages if threads.by_customer(one) and says_something(one)]
    promised = [one for one in messages if not threads.by_customer(one) and COMMITMENT.search(one.content)]
    first, last = (asked[0], asked[-1]) if asked else (messages[0], messages[-1])
    is_open = threads.by_customer(messages[-1])
    parts = [f"Primeiro pedido: “{quoted(first)}”."]
    if last.id != first.id:
        parts.append(f"Pedido mais recente: “{quoted(last)}”.")
    if promised:
        parts.append(f"Combinado: “{quoted(promised[-1])}”.")
    parts.append(
        f"{len(messages)} mensagens; {'aguarda resposta' if is_open else 'a última mensagem é nossa'}."
    )
    told = [first, *asked[1:-1][-2:], last, *promised[-1:]]
    points = [*{one.id: one for one in told}.values()][:POINTS]
    return Recap(
        " ".join(" ".join(parts).split()[:WORDS]),
        [f"{'Cliente' if threads.by_customer(one) else 'Empresa'}: “{quoted(one)}”" for one in points],
        [quoted(one) for one in promised[-ACTIONS:]],
        [Quote(message_id=one.id, text=quoted(one)) for one in points],
    )


def says_something(message: Message) -> bool:
    text = message.content.strip()
    return not GREETING.match(text) and not PLEASANTRY.match(text)


def is_greeting(text: str) -> bool:
    return bool(GREETING.match(text.strip()))


def quoted(message: Message) -> str:
    text = " ".join(threads.text_of(message).split())
    return text if len(text) <= LONGEST_QUOTE else f"{text[:LONGEST_QUOTE]}…"
