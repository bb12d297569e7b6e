"""One trace from a customer's webhook to the answer on WhatsApp, through everything in between."""

import asyncio
import re
import secrets
from collections.abc import AsyncIterator
from contextlib import suppress

import pytest

from deploy.local.credentials import SERVICES
from tests.e2e import stack as stacks
from tests.e2e.conftest import Office, furnished
from tests.fakes import groq as fake
from tests.fakes.collector import Collector, Span, collecting
from tests.intelligence.builders import reply
from tests.support import open_folder

pytestmark = pytest.mark.timeout(240)

CUSTOMER = "5511988887777"
QUESTION = "Vocês podem me ajudar com um pedido?"
ANSWER = "Olá! Como posso ajudar?"
LINE = r'"trace_id": "[0-9a-f]{32}"'
CHAIN = [
    ("gateway", "http POST"),
    ("gateway", "call /convo.messaging.v1.Messaging/ReceiveWebhooks"),
    ("messaging", "rpc receive"),
    ("messaging", "publish convo.messaging.v1.MessageReceived"),
    ("intelligence", "event intelligence-replies-answer"),
    ("intelligence", "model llama-3.3-70b-versatile"),
    ("intelligence", "call /convo.messaging.v1.Messaging/Deliver"),
    ("messaging", "rpc deliver"),
    ("messaging", "send"),
    ("messaging", "sql"),
    ("messaging", "evolution POST message/sendText"),
]


@pytest.fixture(scope="module")
async def collector() -> AsyncIterator[Collector]:
    async with collecting() as collector:
        yield collector


@pytest.fixture(scope="module")
async def traced(collector: Collector) -> AsyncIterator[Office]:
    async with fake.simulate() as groq:
        groq.always = reply(ANSWER)
        told = {
            "OTEL_EXPORTER_OTLP_ENDPOINT": collector.url,
            "GROQ_API_KEY": fake.KEY,
            "GROQ_BASE_URL": groq.url,
            "AI_DEBOUNCE_S": "0.2",
        }
        with open_folder() as home:
            async with stacks.running(home, **told) as stack, furnished(stack) as office:
                always = {
                    "workingHoursStart": "00:00",
                    "workingHoursEnd": "00:00",
                    "workingDays": [*range(7)],
                }
                await office.call("PUT", "/api/ai/config", {**always, "responseDelaySeconds": 0})
                yield office


async def test_one_trace_leads_from_the_webhook_to_the_message_on_whatsapp(
    traced: Office, collector: Collector
) -> None:
    await traced.greet(CUSTOMER, "ai")
    trace = secrets.token_hex(16)
    hook = traced.simulator.instances[traced.instance].webhook
    assert hook is not None
    hook["headers"]["traceparent"] = f"00-{trace}-{secrets.token_hex(8)}-01"

    traced.simulator.say(CUSTOMER, QUESTION, instance=traced.instance)

    (sent,) = await traced.simulator.wait_for(CUSTOMER, 1)
    assert ANSWER in sent.text
    spans = await complete(collector, trace)
    assert [step for step in CHAIN if step not in {(span.service, span.name) for span in spans}] == []
    known = {span.id: span for span in spans}
    (call,) = [span for span in spans if span.name.startswith("evolution POST message/sendText")]
    assert [span.name for span in ancestors(call, known)][-1] == "http POST"
    assert QUESTION not in str(spans)
    assert ANSWER not in str(spans)
    assert all(re.search(LINE, log) for log in logs(traced))


def logs(office: Office) -> list[str]:
    return [(office.stack.home / "logs" / f"{part}.log").read_text() for part in ("gateway", *SERVICES)]


async def complete(collector: Collector, trace: str) -> list[Span]:
    """The spans of a trace, once the last of them has been told, or after a while."""
    with suppress(TimeoutError):
        async with asyncio.timeout(15):
            while {*CHAIN} - {(span.service, span.name) for span in collector.of(trace)}:  # noqa: ASYNC110
                await asyncio.sleep(0.2)
    return collector.of(trace)


def ancestors(span: Span, known: dict[str, Span]) -> list[Span]:
    above = known.get(span.parent)
    return [above, *ancestors(above, known)] if above else []
