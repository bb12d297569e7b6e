"""What an AI answer takes apart from its model: from a customer's webhook to the call that Evolution gets.

`python -m tests.bench.answers`; the model answers at once, the debounce is zero.
"""

import asyncio
import statistics
import time
from contextlib import AsyncExitStack

from tests.bench.findings import Bar, Findings, Table, at_most
from tests.bench.load import cpu_of
from tests.e2e import stack as stacks
from tests.e2e.conftest import Office, furnished
from tests.fakes import groq as fake
from tests.intelligence.builders import reply
from tests.support import open_folder

QUESTION = "Qual é o horário de atendimento?"
HOURS = "Atendemos de segunda a sexta, das 8h às 18h."
PROVIDERS = {"groq": "written by a model", "local": "an entry, word for word"}
CUSTOMERS, TURNS = 15, 5
BAR_MS = 150


async def answers() -> Findings:
    table: Table = [
        ["webhook to Evolution", "answers", "best ms", "p50 ms", "p90 ms", "worst ms", "CPU ms/answer"]
    ]
    bars: list[Bar] = []
    for provider, name in PROVIDERS.items():
        took, cpu = await _measured(provider)
        middle = statistics.median(took)
        figures = (took[0], middle, took[int(len(took) * 0.9)], took[-1], cpu)
        table.append([name, str(len(took)), *(f"{ms:.0f}" for ms in figures)])
        bars.append(at_most(f"AI answer, {name}, p50 without the model", middle, BAR_MS, "ms"))
    return Findings(table, bars)


async def _measured(provider: str) -> tuple[list[float], float]:
    """How long the answers took, quickest first, and the CPU of one turn with all that it sets in motion."""
    async with AsyncExitStack() as exits:
        groq = await exits.enter_async_context(fake.simulate())
        groq.always = reply(HOURS)
        home = exits.enter_context(open_folder())
        stack = await exits.enter_async_context(
            stacks.running(
                home,
                AI_PROVIDER=provider,
                AI_DEBOUNCE_S="0",
                GROQ_API_KEY=fake.KEY,
                GROQ_BASE_URL=groq.url,
                RATE_LIMIT_REQUESTS="1000000",
            )
        )
        office = await exits.enter_async_context(furnished(stack))
        await _prepare(office)
        await _one_turn(office, "5511960000000")  # warms everybody up
        took: list[float] = []
        before = cpu_of([stack.process.pid])
        for number in range(1, CUSTOMERS + 1):
            took += await _one_turn(office, f"55119600{number:05d}")
        spent = (cpu_of([stack.process.pid]) - before).total()
        return sorted(took), spent * 1000 / len(took)


async def _prepare(office: Office) -> None:
    entry = {"category": "faq", "question": QUESTION, "answer": HOURS, "isVerified": True}
    await office.call("POST", "/api/knowledge/manage", entry, expect=201)
    hours = {"workingHoursStart": "00:00", "workingHoursEnd": "00:00", "workingDays": [*range(7)]}
    settings = {"responseDelaySeconds": 0, "maxAutoReplies": 20}
    await office.call("PUT", "/api/ai/config", hours | settings)


async def _one_turn(office: Office, customer: str) -> list[float]:
    """One customer who asks some times; how long each answer took."""
    await office.greet(customer, "ai")
    took = []
    for count in range(1, TURNS + 1):
        started = time.perf_counter()
        asked = f"Sou o cliente {customer[-2:]}, {count}: {QUESTION.lower()}"  # no text comes twice
        office.simulator.say(customer, asked, instance=office.instance)
        await office.simulator.wait_for(customer, count, timeout=30)
        took.append((time.perf_counter() - started) * 1000)
        await office.simulator.settled()
        await asyncio.sleep(0.3)
    return took


if __name__ == "__main__":
    found = asyncio.run(answers())
    for row in [*found.table, *(vars(bar).values() for bar in found.bars)]:
        print(*row, sep="\t")  # noqa: T201
