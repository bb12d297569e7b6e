"""Whether a customer wants to meet, and when: by rules, refined by a model where there is one."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta

from protos import intelligence_pb2 as pb
from protos.messaging_pb2 import Message
from services.intelligence import conversations, outputs, tasks, threads
from services.kit.db import Database

MEETING = (
    r"(?:reuniao|visita|consulta|conversa|call|ligacao|demonstracao|demo|avaliacao|encontro|horario|hora|"
    r"atendimento|sessao|videochamada|entrevista|aula experimental|test drive|bate papo)"
)
RULES = (
    ("cancel", rf"\b(?:cancelar|desmarcar|cancela|desmarca)\b.*\b{MEETING}\b"),
    ("reschedule", rf"\b(?:remarcar|reagendar|adiar|antecipar|mudar|trocar)\b.*\b{MEETING}\b"),
    ("new_meeting", rf"\b(?:marcar|agendar|marca|agenda|reservar|combinar)\b.*\b{MEETING}\b"),
    (
        "check_availability",
        r"\b(?:tem|ha|qual|quais|quando)\b.*\b(?:horarios? (?:livre|disponivel|disponiveis)|agenda)\b",
    ),
    ("check_availability", r"\bdisponibilidade\b.*\b(?:agenda|horario|reuniao|visita|conversar)\b"),
)
DAYS = ("segunda", "terca", "quarta", "quinta", "sexta", "sabado", "domingo")
PARTS = {"morning": r"\bmanha\b", "afternoon": r"\btarde\b", "evening": r"\b(?:noite|noitinha)\b"}
OFFER = re.compile(r"^\s*\d{1,2}\s*[.)\-–:]", re.MULTILINE)
CHOICE = re.compile(r"^(?:opcao |a opcao |quero a |pode ser a |a |o |numero |n )?([1-9])$")
ORDINALS = {"primeira": 0, "primeiro": 0, "segunda": 1, "segundo": 1, "terceira": 2, "terceiro": 2}
LEAST = 0.5
SKIPPED = "scheduling_intent"  # why the AI agent leaves a message to the calendar


@dataclass(frozen=True)
class Wish:
    intent: str
    confidence: float
    dates: list[str] = field(default_factory=list)
    part: str | None = None
    purpose: str | None = None
    minutes: int | None = None
    slot: int | None = None


def found_in(text: str, before: Sequence[Message], at: datetime) -> Wish | None:
    """By rules. `before` are the messages until then: a number picks from a list that we offered."""
    plain = threads.fold(text)
    if (slot := _choice(plain, before)) is not None:
        return Wish("confirm_selection", 0.9, slot=slot)
    intent = next((name for name, rule in RULES if re.search(rule, plain)), None)
    if intent is None:
        return None
    part = next((name for name, rule in PARTS.items() if re.search(rule, plain)), None)
    return Wish(intent, 0.8, dates(plain, text, at.date()), part)


def _choice(plain: str, before: Sequence[Message]) -> int | None:
    last = before[-1] if before else None
    if last is None or threads.by_customer(last) or len(OFFER.findall(last.content)) < 2:
        return None
    if match := CHOICE.match(plain):
        return int(match.group(1)) - 1
    return next((index for word, index in ORDINALS.items() if plain.split()[-1:] == [word]), None)


def dates(plain: str, text: str, today: date) -> list[str]:
    """The days that are named, from today on."""
    found: list[date] = []
    if re.search(r"\bhoje\b", plain):
        found.append(today)
    if re.search(r"\bdepois de amanha\b", plain):
        found.append(today + timedelta(days=2))
    elif re.search(r"\bamanha\b", plain):
        found.append(today + timedelta(days=1))
    for number, name in enumerate(DAYS):
        if re.search(rf"\b{name}\b", plain):
            found.append(today + timedelta(days=(number - today.weekday() - 1) % 7 + 1))
    named = [_day(match, today) for match in re.finditer(r"\b(\d{1,2})/(\d{1,2})\b", text)]
    return [day.isoformat() for day in dict.fromkeys([*found, *named]) if day]


def _day(match: re.Match[str], today: date) -> date | None:
    try:
        day = date(today.year, int(match.group(2)), int(match.group(1)))
    except ValueError:
        return None
    return day if day >= today else day.replace(year=today.year + 1)


async def refined(db: Database, wish: Wish, messages: Sequence[Message], today: date) -> Wish | None:
    """The same wish as a model reads it; None where it sees none."""
    ask = tasks.ask(
        "scheduling",
        tasks.SCHEDULING,
        conversations.transcript([*messages]),
        temperature=0.1,
        max_tokens=500,
        kind=outputs.Scheduling,
        notes=[f"Hoje é {today.isoformat()}."],
        conversation_id=messages[-1].conversation_id,
    )
    found, _ = await outputs.ask_for(db, outputs.Scheduling, ask)
    if not found.has_scheduling_intent:
        return None
    part = found.time_preference if found.time_preference != "specific" else None
    return replace(
        wish,
        intent=found.intent_type or wish.intent,
        confidence=found.confidence,
        dates=[day for day in found.preferred_dates if re.fullmatch(r"\d{4}-\d\d-\d\d", day)] or wish.dates,
        part=part or wish.part,
        purpose=found.meeting_purpose[:200] if found.meeting_purpose else None,
        minutes=found.duration_hint if found.duration_hint and 5 <= found.duration_hint <= 480 else None,
        slot=wish.slot if wish.slot is not None else found.selected_slot_index,
    )


def event(wish: Wish, conversation: str, message: str) -> pb.SchedulingIntentDetected:
    return pb.SchedulingIntentDetected(
        conversation_id=conversation,
        message_id=message,
        intent_type=wish.intent,
        confidence=wish.confidence,
        preferred_dates=wish.dates,
        time_preference=wish.part,
        meeting_purpose=wish.purpose,
        duration_minutes=wish.minutes,
        selected_slot_index=wish.slot,
    )
