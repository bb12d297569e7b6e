"""A workspace to try things in: an administrator, and the simulated WhatsApp as an instance of ours."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import httpx2

from deploy.convo.place import Json, Place, client
from deploy.local import chat
from deploy.local.chat import Api
from deploy.local.simulator import INSTANCE


@dataclass
class Office:
    api: Api
    simulator: httpx2.AsyncClient

    async def simulate(self, method: str, path: str, body: Json | None = None) -> httpx2.Response:
        answer = await self.simulator.request(method, path, json=body)
        answer.raise_for_status()
        return answer

    async def say(self, phone: str, text: str, **more: object) -> None:
        body = {"text": text, "instance": INSTANCE, **more}
        await self.simulate("POST", f"/sim/customers/{phone}/messages", body)

    async def answer(self, phone: str, text: str, **more: object) -> None:
        """As the company, on its phone."""
        body = {"text": text, "instance": INSTANCE, **more}
        await self.simulate("POST", f"/sim/customers/{phone}/answers", body)

    async def received(self, phone: str) -> list[Json]:
        found: list[Json] = (await self.simulate("GET", f"/sim/customers/{phone}/messages")).json()
        return found

    async def conversation(self, phone: str) -> Json | None:
        listed = await self.api.call("GET", f"/api/conversations?search={phone}")
        found: list[Json] = listed["conversations"]
        return found[0] if found else None


@asynccontextmanager
async def opened(place: Place) -> AsyncIterator[Office]:
    url = place.of("SIMULATOR_URL")
    async with client(place) as http, httpx2.AsyncClient(base_url=url, trust_env=False) as simulator:
        api = Api(http)
        kept = await chat.prepare(api, chat.read_notes(place.home))
        chat.write_notes(place.home, kept)
        office = Office(api, simulator)
        await connect(office, place, INSTANCE, "Simulador")
        await keep_awake(api)
        yield office


async def keep_awake(api: Api) -> None:
    """The AI agent answers at any hour: who tries things does so in the evening too."""
    hours = {"workingHoursStart": "00:00", "workingHoursEnd": "00:00", "workingDays": [*range(7)]}
    await api.call("PUT", "/api/ai/config", hours)


async def connect(office: Office, place: Place, instance: str, name: str) -> str:
    """Its id. Its events are posted to us anew: a simulator that was started again has forgotten where."""
    listed = await office.api.call("GET", "/api/whatsapp/instances?limit=200")
    known = {one["instanceName"]: str(one["id"]) for one in listed["instances"]}
    if instance not in known:
        body = {"name": name, "instanceName": instance, "apiUrl": place.of("SIMULATOR_URL")}
        made = await office.api.call("POST", "/api/whatsapp/instances", {**body, "apiKey": "global-key"})
        known[instance] = made["instance"]["id"]
    hook = {"url": f"{place.api}/api/whatsapp/webhooks/evolution"}
    await office.api.call("POST", f"/api/whatsapp/instances/{known[instance]}/configure-webhook", hook)
    return known[instance]
