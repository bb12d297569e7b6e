"""`convo sim`: a customer's part, played on the simulated WhatsApp."""

import asyncio
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from deploy.convo import office as offices
from deploy.convo.office import Office
from deploy.convo.place import Json, NotFound, Place

SETTLES = 12.0  # seconds without an answer after which there will be none
Show = Callable[[str], object]


@dataclass(frozen=True)
class Scenario:
    lines: tuple[str, ...]
    mode: str = "ai"
    plan: Json = field(default_factory=dict)
    at_once: bool = False


SCENARIOS = {
    "duvida": Scenario(("Qual é o horário de atendimento?", "E as formas de pagamento?")),
    "reclamacao": Scenario(("Meu pedido não chegou", "Isso é um absurdo!", "Quero falar com um atendente")),
    "venda": Scenario(("Bom dia", "Quero um orçamento de 50 uniformes", "Eu decido, e preciso até sexta")),
    "duplicados": Scenario(("Uma mensagem", "Outra mensagem"), mode="human", plan={"copies": 5}),
    "desordem": Scenario(("um", "dois", "três", "quatro"), mode="human", plan={"reverse": 4}, at_once=True),
}


async def play(place: Place, name: str, show: Show) -> None:
    if name not in SCENARIOS:
        raise NotFound(f"There is no scenario {name}. There are: {', '.join(SCENARIOS)}")
    scenario = SCENARIOS[name]
    phone = f"55119{secrets.randbelow(100_000_000):08d}"
    async with offices.opened(place) as office:
        await office.say(phone, "Olá", name="Cliente Simulado")
        conversation = await _arrived(office, phone)
        await office.api.call("POST", f"/api/conversations/{conversation}/mode", {"mode": scenario.mode})
        await office.simulate("POST", "/sim/plan", scenario.plan)
        try:
            await _speak(office, phone, scenario, show)
        finally:
            await office.simulate("POST", "/sim/plan", {"copies": 1, "reverse": 0})
        detail = await office.api.call("GET", f"/api/conversations/{conversation}")
        shown = [one["content"] for one in detail["messages"] if not one["isFromMe"]]
        show(f"In the inbox: {len(shown)} messages of the customer: {', '.join(shown)}")


async def _speak(office: Office, phone: str, scenario: Scenario, show: Show) -> None:
    for line in scenario.lines:
        show(f"Cliente: {line}")
        before = len(await office.received(phone))
        await office.say(phone, line)
        if scenario.mode == "ai":
            for one in await _answers(office, phone, before):
                show(f"Empresa: {one['text']}")
        elif not scenario.at_once:
            await asyncio.sleep(1)
    await asyncio.sleep(1)


async def _answers(office: Office, phone: str, before: int) -> list[Json]:
    deadline = time.monotonic() + SETTLES
    while time.monotonic() < deadline:
        received = await office.received(phone)
        if len(received) > before:
            return received[before:]
        await asyncio.sleep(0.2)
    return []


async def _arrived(office: Office, phone: str) -> str:
    async with asyncio.timeout(15):
        while True:
            if found := await office.conversation(phone):
                return str(found["id"])
            await asyncio.sleep(0.2)
