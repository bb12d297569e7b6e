"""`make chat`: be a customer on a simulated WhatsApp, and see what comes back through the whole system."""

import asyncio
import json
import os
import secrets
import socket
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2

from deploy.local import settings as configuration
from tests.fakes.evolution import simulate
from tests.fakes.whatsapp import Simulator

PHONE = "5511987654321"
NAME = "Maria Cliente"
GREETING = "Olá!"
ANSWER_TIMEOUT = 15.0

ALWAYS = {"workingHoursStart": "00:00", "workingHoursEnd": "00:00", "workingDays": [0, 1, 2, 3, 4, 5, 6]}

KNOWLEDGE = [
    (
        "faq",
        "Qual é o horário de atendimento?",
        "Atendemos de segunda a sexta, das 8h às 18h, e aos sábados das 9h às 13h.",
    ),
    (
        "faq",
        "Quais são as formas de pagamento?",
        "Aceitamos Pix, boleto e cartão de crédito em até 6 vezes sem juros.",
    ),
    (
        "policy",
        "Qual é o prazo de entrega?",
        "O prazo de entrega é de 3 a 7 dias úteis, conforme a região.",
    ),
    (
        "policy",
        "Como faço para trocar um produto?",
        "A troca pode ser pedida em até 30 dias, com a nota fiscal e o produto sem uso.",
    ),
    ("faq", "Onde fica a loja?", "Nossa loja fica na Rua das Flores, 123, no centro de São Paulo."),
]


class Refused(Exception):
    """The API said no; the text says why."""


@dataclass
class Api:
    """The public API, as any client sees it."""

    client: httpx2.AsyncClient

    async def call(self, method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        try:
            answer = await self.client.request(method, path, json=body)
        except httpx2.TransportError as error:
            raise Refused(
                f"Nobody answers at {self.client.base_url}. Start the system first: make run"
            ) from error
        content: dict[str, Any] = answer.json() if answer.content else {}
        if answer.is_error:
            raise Refused(f"{method} {path}: {content.get('error', answer.status_code)}")
        return content

    async def login(self, email: str, password: str) -> None:
        tokens = await self.call("POST", "/api/auth/login", {"email": email, "password": password})
        self.client.headers["authorization"] = f"Bearer {tokens['accessToken']}"


async def prepare(api: Api, kept: dict[str, Any]) -> dict[str, Any]:
    """Make what a chat needs and what is not there yet: an administrator, a number, knowledge."""
    if "email" not in kept:
        kept |= await _administrator(api)
    await api.login(kept["email"], kept["password"])
    if "port" not in kept:
        kept |= {"port": _free_port(), "instance": f"simulador-{secrets.token_hex(3)}"}
    known = await api.call("GET", "/api/knowledge?limit=1")
    if not known["entries"]:
        for category, question, answer in KNOWLEDGE:
            entry = {"category": category, "question": question, "answer": answer, "isVerified": True}
            await api.call("POST", "/api/knowledge/manage", entry)
    return kept


async def _administrator(api: Api) -> dict[str, str]:
    if "CONVO_EMAIL" in os.environ:
        return {"email": os.environ["CONVO_EMAIL"], "password": os.environ["CONVO_PASSWORD"]}
    person = {"email": "admin@convo.example", "password": secrets.token_urlsafe(12), "fullName": "Ana Admin"}
    made = await api.call("POST", "/api/auth/register", person)
    if made["user"]["role"] != "admin":
        raise Refused("Somebody is administrator here already: set CONVO_EMAIL and CONVO_PASSWORD to theirs.")
    return {"email": person["email"], "password": person["password"]}


async def connect(api: Api, simulator: Simulator, kept: dict[str, Any]) -> None:
    """The simulator's number as an instance of ours, its events posted to us, the conversation in AI mode."""
    simulator.instance(kept["instance"])
    listed = await api.call("GET", "/api/whatsapp/instances?limit=200")
    known = {one["instanceName"]: one["id"] for one in listed["instances"]}
    if kept["instance"] not in known:
        body = {
            "name": "Simulador",
            "instanceName": kept["instance"],
            "apiUrl": simulator.url,
            "apiKey": simulator.api_key,
        }
        made = await api.call("POST", "/api/whatsapp/instances", body)
        known[kept["instance"]] = made["instance"]["id"]
    url = f"{api.client.base_url}".rstrip("/") + "/api/whatsapp/webhooks/evolution"
    await api.call(
        "POST", f"/api/whatsapp/instances/{known[kept['instance']]}/configure-webhook", {"url": url}
    )
    await api.call("PUT", "/api/ai/config", ALWAYS)
    simulator.customer(PHONE, NAME)
    simulator.say(PHONE, GREETING, instance=kept["instance"])
    conversation = await _conversation(api, known[kept["instance"]])
    await api.call("POST", f"/api/conversations/{conversation}/mode", {"mode": "ai"})


async def _conversation(api: Api, instance: str) -> str:
    for _ in range(100):
        listed = await api.call("GET", f"/api/conversations?search={PHONE}")
        for one in listed["conversations"]:
            if one["instanceId"] == instance:
                return str(one["id"])
        await asyncio.sleep(0.1)
    raise Refused("The greeting did not arrive: see the gateway's and messaging's logs.")


async def talk(simulator: Simulator, instance: str) -> None:
    """Lines from the terminal go out as the customer's; what the customer gets is shown as it comes."""
    print("\nVocê é a cliente Maria. Escreva e tecle Enter; Ctrl-D termina.\n", flush=True)  # noqa: T201
    listening = asyncio.create_task(_show(simulator))
    async for line in _lines():
        before = len(simulator.received(PHONE))
        simulator.say(PHONE, line, instance=instance)
        if not sys.stdin.isatty():
            print(f"Maria: {line}", flush=True)  # noqa: T201
            await _answered(simulator, before)
    listening.cancel()


async def _answered(simulator: Simulator, before: int) -> None:
    """Lines from a pipe wait for their answers, as a person would."""
    try:
        await simulator.wait_for(PHONE, before + 1, timeout=ANSWER_TIMEOUT)
        await asyncio.sleep(0.1)
    except TimeoutError:
        print("(Sem resposta: a conversa espera por uma pessoa da equipe.)", flush=True)  # noqa: T201


async def _show(simulator: Simulator) -> None:
    async for one in simulator.stream(PHONE, after=len(simulator.received(PHONE))):
        print(f"Empresa: {one.text}", flush=True)  # noqa: T201


async def _lines() -> AsyncIterator[str]:
    while line := await asyncio.to_thread(sys.stdin.readline):
        if line.strip():
            yield line.strip()


def read_notes(home: Path) -> dict[str, Any]:
    notes = home / "chat.json"
    kept: dict[str, Any] = json.loads(notes.read_text()) if notes.exists() else {}
    return kept


def write_notes(home: Path, kept: dict[str, Any]) -> None:
    notes = home / "chat.json"
    notes.touch(mode=0o600)
    notes.write_text(json.dumps(kept))


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


async def main() -> None:
    settings = configuration.load(os.environ, configuration.ROOT / ".env")
    base = f"http://127.0.0.1:{settings.port}"
    async with httpx2.AsyncClient(base_url=base, timeout=30, trust_env=False) as client:
        api = Api(client)
        kept = await prepare(api, read_notes(settings.home))
        write_notes(settings.home, kept)
        async with simulate(port=kept["port"]) as simulator:
            await connect(api, simulator, kept)
            await talk(simulator, kept["instance"])


if __name__ == "__main__":
    try:
        asyncio.run(main())
    except Refused as refused:
        sys.exit(str(refused))
    except KeyboardInterrupt:
        pass
