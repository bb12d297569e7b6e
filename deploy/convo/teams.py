"""The teams of the demonstration: each its WhatsApp number, its people, and their turns."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from itertools import cycle

from deploy.convo import office as offices
from deploy.convo.office import Office
from deploy.convo.place import Json, Place
from deploy.local.chat import Refused

PASSWORD = "demonstração 2026"
ARRIVES_WITHIN = 60.0
AT_ONCE = 8


@dataclass(frozen=True)
class Team:
    name: str
    line: str
    sector: str
    supervisor: str
    agents: tuple[str, ...]

    @property
    def people(self) -> dict[str, tuple[str, str]]:
        """By e-mail: name and role."""
        named = [(self.supervisor, "supervisor"), *((name, "agent") for name in self.agents)]
        return {self.email(name): (name, role) for name, role in named}

    def email(self, name: str) -> str:
        return f"{name.split()[0].lower()}@{self.line}.demo.convo.example"


TEAMS = (
    Team(
        "Vendas",
        "vendas",
        "6f1b1c0e-58a5-4c5c-9d0e-0b6d1f0a7c01",
        "Rita Nogueira",
        ("Paulo Teixeira", "Lia Fonseca"),
    ),
    Team(
        "Suporte",
        "suporte",
        "6f1b1c0e-58a5-4c5c-9d0e-0b6d1f0a7c02",
        "Sandra Queiroz",
        ("Davi Moraes", "Nina Batista"),
    ),
)


async def invite(office: Office) -> dict[str, str]:
    """Everybody's id by e-mail. Who is not there yet is invited into the team, and accepts."""
    known = {one["email"]: str(one["id"]) async for one in every(office, "/api/admin/users", "users")}
    for team in TEAMS:
        for email, (name, role) in team.people.items():
            if email not in known:
                known[email] = await _join(office, team, email, name, role)
    return known


async def _join(office: Office, team: Team, email: str, name: str, role: str) -> str:
    invitation = {"email": email, "role": role, "sectorId": team.sector}
    invited = await office.api.call("POST", "/api/team/invite", invitation)
    accept = f"/api/team/accept-invite/{invited['invite']['inviteToken']}"
    joined = await office.api.call("POST", accept, {"fullName": name, "password": PASSWORD})
    return str(joined["user"]["id"])


async def open_lines(office: Office, place: Place) -> dict[str, str]:
    return {team.line: await offices.connect(office, place, team.line, team.name) for team in TEAMS}


async def share(
    office: Office, lines: dict[str, str], people: dict[str, str], counts: dict[str, int]
) -> None:
    """What was told is dealt out by phone number, some left in the queue; what comes next goes by turns.

    Once only: the rule is the mark that a team has its conversations.
    """
    ruled = {one["instanceId"] async for one in every(office, "/api/whatsapp/assignment-rules", "rules")}
    for team in TEAMS:
        line = lines[team.line]
        if line in ruled:
            continue
        agents = [people[team.email(name)] for name in team.agents]
        await _deal(office, await _arrived(office, line, counts[team.line]), agents)
        rule = {"name": team.name, "instanceId": line, "ruleType": "round_robin"}
        await office.api.call("POST", "/api/whatsapp/assignment-rules", {**rule, "roundRobinAgents": agents})


async def _deal(office: Office, conversations: list[Json], agents: list[str]) -> None:
    turns = asyncio.Semaphore(AT_ONCE)

    async def give(conversation: Json, agent: str) -> None:
        async with turns:
            path = f"/api/conversations/{conversation['id']}/assign"
            await office.api.call("POST", path, {"assignedTo": agent})

    ordered = sorted(conversations, key=lambda one: str(one["contactPhone"]))
    dealt = zip(ordered, cycle((*agents, *agents, None)), strict=False)
    await asyncio.gather(*(give(one, agent) for one, agent in dealt if agent))


async def _arrived(office: Office, line: str, count: int) -> list[Json]:
    """A line's conversations, once all are there."""
    path = f"/api/conversations?status=all&instanceId={line}"
    end = asyncio.get_running_loop().time() + ARRIVES_WITHIN
    while True:
        found = [one async for one in every(office, path, "conversations")]
        if len(found) >= count:
            return found
        if asyncio.get_running_loop().time() > end:
            raise Refused(f"Of {count} conversations {len(found)} arrived. Try again in a moment.")
        await asyncio.sleep(0.5)


async def every(office: Office, path: str, kind: str) -> AsyncIterator[Json]:
    """All pages of a list."""
    start = f"{path}{'&' if '?' in path else '?'}limit=200"
    cursor = ""
    while True:
        listed = await office.api.call("GET", f"{start}&cursor={cursor}" if cursor else start)
        for one in listed[kind]:
            yield one
        cursor = listed["pagination"].get("nextCursor") or ""
        if not cursor:
            return
