"""`convo seed`: a workspace that looks alive, always the same, however often it is sown."""

import asyncio
import hashlib
import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from deploy.convo import office as offices
from deploy.convo.office import Office
from deploy.convo.place import Json, Place
from deploy.convo.stories import ARTICLES, CAMPAIGN, MEETINGS, NAMES, PEOPLE, STORIES
from deploy.local.chat import Refused
from services.kit.clock import now, rfc3339

SIZES = {"small": 40, "large": 2000}
END = datetime(2026, 11, 20, 18, 0, tzinfo=UTC)
AT_ONCE = 8
LEADS = 15


@dataclass(frozen=True)
class Line:
    by_customer: bool
    text: str
    at: float
    id: str


@dataclass(frozen=True)
class Talk:
    phone: str
    name: str
    lines: list[Line]


def talks(count: int) -> Iterator[Talk]:
    """Decided by a seed: the same customers say the same things at the same times."""
    chance = random.Random(1)
    for number in range(count):
        phone = f"55{chance.choice(('11', '21', '31', '41', '51', '71'))}9{80_000_000 + number * 37:08d}"
        at = END - timedelta(minutes=chance.randrange(30 * 24 * 60))
        lines = []
        for order, text in enumerate(STORIES[number % len(STORIES)]):
            at += timedelta(seconds=chance.randrange(20, 400))
            by_customer = text.startswith("> ")
            id = hashlib.sha256(f"{phone}/{order}".encode()).hexdigest()[:20].upper()
            lines.append(Line(by_customer, text.removeprefix("> "), at.timestamp(), f"3A{id}"))
        yield Talk(phone, f"{NAMES[number % len(NAMES)]}{_surname(number)}", lines)


def _surname(number: int) -> str:
    round = number // len(NAMES)
    return f" {NAMES[(number * 7 + round) % len(NAMES)].split()[-1]}" if round else ""


async def sow(place: Place, count: int) -> list[str]:
    """What there is now, a line for each kind."""
    async with offices.opened(place) as office:
        articles = await _articles(office)
        people = await _people(office)
        turns = asyncio.Semaphore(AT_ONCE)
        all_talks = [*talks(count)]
        await asyncio.gather(*(_tell(office, talk, turns) for talk in all_talks))
        leads = await _leads(office, all_talks[:LEADS])
        meetings = await _meetings(office)
        await _campaign(office)
    return [
        f"{people} people, password: {PASSWORD}",
        f"{count} customers and their conversations",
        f"{articles} articles",
        f"{leads} leads",
        f"{meetings} meetings",
        "a campaign, not sent",
    ]


PASSWORD = "demonstração 2026"


async def _people(office: Office) -> int:
    for email, name in PEOPLE:
        body = {"email": email, "password": PASSWORD, "fullName": name}
        try:
            await office.api.call("POST", "/api/auth/register", body)
        except Refused as refused:
            if "already" not in str(refused).lower() and "exists" not in str(refused).lower():
                raise
    return len(PEOPLE)


async def _articles(office: Office) -> int:
    listed = await office.api.call("GET", "/api/knowledge?limit=200")
    known = {one["question"] for one in listed["entries"]}
    for category, question, answer in ARTICLES:
        if question not in known:
            entry = {"category": category, "question": question, "answer": answer, "isVerified": True}
            await office.api.call("POST", "/api/knowledge/manage", entry)
    return len(known | {question for _, question, _ in ARTICLES})


async def _tell(office: Office, talk: Talk, turns: asyncio.Semaphore) -> None:
    """Messages keep their ids: what was told before is taken as the repetition that it is."""
    async with turns:
        await office.simulate("PUT", f"/sim/customers/{talk.phone}", {"name": talk.name})
        for line in talk.lines:
            told = office.say if line.by_customer else office.answer
            await told(talk.phone, line.text, at=line.at, external_id=line.id)


async def _leads(office: Office, chosen: list[Talk]) -> int:
    listed = await office.api.call("GET", "/api/leads?limit=200")
    known = {one["name"] for one in listed["leads"]}
    stages = ("new", "contacted", "qualified", "proposal", "negotiation")
    for number, talk in enumerate(chosen):
        if talk.name in known:
            continue
        lead: Json = {"name": talk.name, "phone": f"+{talk.phone}", "source": "whatsapp"}
        await office.api.call(
            "POST", "/api/leads", {**lead, "status": stages[number % 5], "value": 900 + 350 * number}
        )
    return len(known | {talk.name for talk in chosen})


async def _meetings(office: Office) -> int:
    """In the next days, whenever it is sown: a meeting in the past cannot be made."""
    listed = await office.api.call("GET", "/api/meetings?limit=200")
    known = {one["title"] for one in listed["meetings"]}
    for day, title in enumerate(MEETINGS, 1):
        if title not in known:
            at = (now() + timedelta(days=day)).replace(hour=14, minute=0, second=0, microsecond=0)
            meeting: Json = {"title": title, "scheduledAt": rfc3339(at), "duration": 45, "force": True}
            await office.api.call("POST", "/api/meetings/schedule", meeting)
    return len(known | {*MEETINGS})


async def _campaign(office: Office) -> None:
    listed = await office.api.call("GET", "/api/campaigns?limit=200")
    if CAMPAIGN["name"] not in {one["name"] for one in listed["campaigns"]}:
        await office.api.call("POST", "/api/campaigns", CAMPAIGN)
