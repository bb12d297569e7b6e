"""`convo seed`: a workspace that looks alive, always the same, however often it is sown."""

import asyncio
import hashlib
import random
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from deploy.convo import office as offices
from deploy.convo import teams
from deploy.convo.office import Office
from deploy.convo.place import Json, Place
from deploy.convo.stories import ARTICLES, CAMPAIGN, MEETINGS, NAMES, STORIES
from services.kit.clock import now, rfc3339

END = datetime(2026, 11, 20, 18, 0, tzinfo=UTC)
LEADS = 15


class Size(StrEnum):
    small = "small"
    large = "large"

    @property
    def customers(self) -> int:
        """Every second one writes to both teams."""
        return {"small": 40, "large": 2000}[self]


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
    team: str
    lines: list[Line]


def talks(customers: int) -> Iterator[Talk]:
    """Decided by a seed: the same customers say the same things at the same times."""
    chance = random.Random(1)
    for number in range(customers):
        phone = f"55{chance.choice(('11', '21', '31', '41', '51', '71'))}9{80_000_000 + number * 37:08d}"
        name = f"{NAMES[number % len(NAMES)]}{_surname(number)}"
        first, second = STORIES if number % 2 else reversed(STORIES)
        for team in (first, second) if number % 4 < 2 else (first,):
            story = STORIES[team][number // 2 % len(STORIES[team])]
            start = END - timedelta(minutes=chance.randrange(30 * 24 * 60))
            yield Talk(phone, name, team, [*_lines(chance, f"{phone}/{team}", story, start)])


def _lines(chance: random.Random, name: str, story: Iterable[str], at: datetime) -> Iterator[Line]:
    for order, text in enumerate(story):
        at += timedelta(seconds=chance.randrange(20, 400))
        id = hashlib.sha256(f"{name}/{order}".encode()).hexdigest()[:20].upper()
        yield Line(text.startswith("> "), text.removeprefix("> "), at.timestamp(), f"3A{id}")


def _surname(number: int) -> str:
    round = number // len(NAMES)
    return f" {NAMES[(number * 7 + round) % len(NAMES)].split()[-1]}" if round else ""


async def sow(place: Place, customers: int) -> list[str]:
    """What there is now, a line for each kind."""
    all_talks = [*talks(customers)]
    async with offices.opened(place) as office:
        people = await teams.invite(office)
        lines = await teams.open_lines(office, place)
        articles = await _articles(office)
        turns = asyncio.Semaphore(teams.AT_ONCE)
        await asyncio.gather(*(_tell(office, talk, turns) for talk in all_talks))
        await teams.share(office, lines, people, Counter(talk.team for talk in all_talks))
        leads = await _leads(office, all_talks, people)
        meetings = await _meetings(office)
        await _campaign(office)
    return [
        f"{len(people)} people in {len(lines)} teams, password: {teams.PASSWORD}",
        f"{customers} customers, {len(all_talks)} conversations",
        f"{articles} articles",
        f"{leads} leads",
        f"{meetings} meetings",
        "a campaign, not sent",
    ]


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
            await told(talk.phone, line.text, instance=talk.team, at=line.at, external_id=line.id)


async def _leads(office: Office, told: list[Talk], people: dict[str, str]) -> int:
    """Of the sellers, in turns."""
    sales = teams.TEAMS[0]
    sellers = [people[sales.email(name)] for name in sales.agents]
    chosen = [talk for talk in told if talk.team == sales.line][:LEADS]
    listed = await office.api.call("GET", "/api/leads?limit=200")
    known = {one["name"] for one in listed["leads"]}
    stages = ("new", "contacted", "qualified", "proposal", "negotiation")
    for number, talk in enumerate(chosen):
        if talk.name in known:
            continue
        lead: Json = {"name": talk.name, "phone": f"+{talk.phone}", "source": "whatsapp"}
        stage = {"status": stages[number % 5], "value": 900 + 350 * number}
        await office.api.call("POST", "/api/leads", {**lead, **stage, "assignedTo": sellers[number % 2]})
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
