"""A small WhatsApp with an Evolution in front: customers, instances and a ledger of what was sent."""

import asyncio
import json
import os
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import asdict
from pathlib import Path

from services.kit.clock import now
from tests.fakes import evolution_payloads as payloads
from tests.fakes.evolution_payloads import Json
from tests.fakes.evolution_webhooks import Plan, Webhooks
from tests.fakes.whatsapp_state import (
    WHOLE_WEBHOOK,
    Accepted,
    Customer,
    Instance,
    Received,
    Stored,
    same_person,
)


class Simulator:
    def __init__(self, *, api_key: str = "global-key", version: str = "2.3.7", ledger: Path | None = None):
        self.url = ""
        self.api_key = api_key
        self.version = version
        self.instances: dict[str, Instance] = {}
        self.customers: dict[str, Customer] = {}
        self.absent: set[str] = set()
        self.ledger: list[Accepted] = []
        self._ledger_file = ledger
        self.webhooks = Webhooks(self.changed)
        self._news = asyncio.Event()

    @property
    def plan(self) -> Plan:
        return self.webhooks.plan

    async def close(self) -> None:
        await self.webhooks.close()

    # What tests set up and look at

    def instance(self, name: str, *, webhook: str | None = None, number: str = "5511900000001") -> Instance:
        """An instance that is there, connected, and posts all events to `webhook`."""
        made = Instance(name=name, token=f"{name}-token", number=number)
        if webhook:
            made.webhook = {**WHOLE_WEBHOOK, "url": webhook}
        self.instances[name] = made
        return made

    def customer(
        self, phone: str, name: str = "Maria", *, lid: str | None = None, addressing: str = "pn"
    ) -> Customer:
        made = Customer(phone, name, lid, addressing)
        self.customers[same_person(phone)] = made
        return made

    def received(self, phone: str) -> list[Received]:
        return list(self._customer(phone).received)

    async def wait_for(self, phone: str, count: int = 1, timeout: float = 5.0) -> list[Received]:
        """Until the customer has got `count` things in all."""
        await self.until(lambda: len(self._customer(phone).received) >= count, timeout)
        return self.received(phone)

    async def until(self, true: Callable[[], bool], timeout: float = 5.0) -> None:
        async with asyncio.timeout(timeout):
            while not true():
                await self._news.wait()

    async def settled(self, timeout: float = 10.0) -> None:
        """Until no webhook is on its way."""
        await self.until(lambda: not self.webhooks.tasks, timeout)

    async def stream(self, phone: str, after: int = 0) -> AsyncIterator[Received]:
        customer = self._customer(phone)
        while True:
            for one in customer.received[after:]:
                after += 1
                yield one
            await self._news.wait()

    # What customers do

    def say(
        self,
        phone: str,
        text: str = "",
        *,
        name: str | None = None,
        message: Json | None = None,
        file: bytes | None = None,
        instance: str | None = None,
        group: str | None = None,
        quoted: str | None = None,
        at: float | None = None,
        external_id: str | None = None,
    ) -> str:
        """The customer writes. The same `external_id` again is WhatsApp's own repetition."""
        place, customer = self._place(instance), self._customer(phone, name)
        content = payloads.text(text) if message is None else message
        record = payloads.record(
            {**self._key(customer, group), "id": external_id or payloads.customer_message_id()},
            content,
            instance_id=place.id,
            push_name=customer.name,
            status="DELIVERY_ACK",
            source="android",
            at=now().timestamp() if at is None else at,
            context=self._context(place, quoted),
        )
        place.stored[record["key"]["id"]] = Stored(record, payloads.row_id(), file=file)
        self._announce(place, record)
        self.post(place, "messages.upsert", record)
        return str(record["key"]["id"])

    def send_file(
        self,
        phone: str,
        kind: str,
        content: bytes,
        mimetype: str,
        *,
        instance: str | None = None,
        **details: str,
    ) -> str:
        with_base64 = self._place(instance).webhook_base64
        message = payloads.media(kind, content, mimetype, with_base64=with_base64, **details)
        return self.say(phone, message=message, file=content, instance=instance)

    def react(self, phone: str, target: str, emoji: str, *, instance: str | None = None) -> str:
        place = self._place(instance)
        stored = place.stored.get(target)
        key = {**stored.record["key"], "participant": ""} if stored else {"id": target}
        return self.say(phone, message=payloads.reaction(key, emoji), instance=instance)

    def edit(self, phone: str, target: str, text: str, *, instance: str | None = None) -> None:
        place = self._place(instance)
        key = {"remoteJid": self._key(self._customer(phone))["remoteJid"], "fromMe": False, "id": target}
        self.post(place, "messages.edited", payloads.edited(key, text))
        if self.version == "2.3.7":  # says so twice, the second time with a status that means nothing
            update = payloads.status_update(key, "SERVER_ACK", instance_id=place.id, row=payloads.row_id())
            wrapped = {"editedMessage": {"message": payloads.text(text)}}
            self.post(place, "messages.update", {**update, "message": wrapped})

    def revoke(self, phone: str, target: str, *, instance: str | None = None) -> None:
        place = self._place(instance)
        key = {**self._key(self._customer(phone)), "id": target}
        self.post(place, "messages.edited", payloads.revoked(key))
        self.post(place, "messages.delete", key)

    def read(self, phone: str, target: str, *, instance: str | None = None) -> None:
        self.status(target, "READ", instance=instance)

    # What happens at the business's side without the API

    def answer_by_phone(
        self,
        phone: str,
        text: str,
        *,
        instance: str | None = None,
        at: float | None = None,
        external_id: str | None = None,
    ) -> str:
        place, customer = self._place(instance), self._customer(phone)
        record = payloads.record(
            {**self._key(customer), "fromMe": True, "id": external_id or payloads.customer_message_id()},
            payloads.text(text),
            instance_id=place.id,
            push_name="Loja Teste",
            status="SERVER_ACK",
            source="android",
            at=now().timestamp() if at is None else at,
        )
        place.stored[record["key"]["id"]] = Stored(record, payloads.row_id())
        self._deliver(place, record, "text", text)
        self.post(place, "messages.upsert", record)
        return str(record["key"]["id"])

    def status(self, target: str, status: str, *, instance: str | None = None) -> None:
        place = self._place(instance)
        stored = place.stored[target]
        stored.updates.append(status)
        key = stored.record["key"]
        update = payloads.status_update(key, status, instance_id=place.id, row=stored.row)
        self.post(place, "messages.update", update)
        if self.plan.noise:
            chat = {"remoteJid": key["remoteJid"], "instanceId": place.id, "unreadMessages": 0}
            self.post(place, "chats.upsert", [chat])

    def connection(self, name: str, state: str, reason: int = 200) -> None:
        place = self.instances[name]
        place.state = state
        data: Json = {"instance": name, "state": state, "statusReason": reason}
        if state == "open":
            place.webhook_base64 = bool((place.webhook or {}).get("base64"))
            data |= {"wuid": place.jid, "profileName": "Loja Teste", "profilePictureUrl": None}
        self.post(place, "connection.update", data)

    # What Evolution does

    def accept(
        self, place: Instance, verb: str, number: str, record: Json, text: str, file: bytes | None
    ) -> None:
        """From here on it is with the customer, and no error can take it back."""
        key = record["key"]
        line = Accepted(key["id"], place.name, verb, number, key["remoteJid"], text, time.time())
        self.ledger.append(line)
        if self._ledger_file:
            with self._ledger_file.open("a") as ledger:
                ledger.write(json.dumps(asdict(line)) + "\n")
                ledger.flush()
                os.fsync(ledger.fileno())
        reaction = record["message"].get("reactionMessage")
        place.stored[key["id"]] = Stored(record, payloads.row_id(), file=file)
        kind = "reaction" if reaction else verb.removeprefix("send").lower()
        self._deliver(
            place, record, kind, text, file=file, target=reaction["key"]["id"] if reaction else None
        )

    def echo(self, place: Instance, record: Json) -> asyncio.Task[None] | None:
        task = self.post(place, "send.message", record)
        for number, status in enumerate(self.plan.statuses, start=1):
            self._later(number * self.plan.status_delay, place, str(record["key"]["id"]), status)
        return task

    def post(self, place: Instance, event: str, data: object) -> asyncio.Task[None] | None:
        envelope: Json = {
            "event": event,
            "instance": place.name,
            "data": data,
            "sender": place.jid,
            "server_url": self.url,
            "apikey": place.token,
        }
        return self.webhooks.post(place.webhook, envelope)

    def _later(self, delay: float, place: Instance, external_id: str, status: str) -> None:
        async def wait() -> None:
            await asyncio.sleep(delay)
            self.status(external_id, status, instance=place.name)

        self.webhooks.spawn(wait())

    def changed(self) -> None:
        self._news.set()
        self._news = asyncio.Event()

    def _deliver(
        self,
        place: Instance,
        record: Json,
        kind: str,
        text: str,
        *,
        file: bytes | None = None,
        target: str | None = None,
    ) -> None:
        key = record["key"]
        got = Received(str(key["id"]), kind, text, place.name, time.time(), target, file)
        self._customer(key["remoteJid"]).received.append(got)
        self.changed()

    def tell(self, place: Instance, jid: str, kind: str, target: str, text: str = "") -> None:
        """A change of something that the customer has: an edit, a deletion, a read mark."""
        got = Received(payloads.own_message_id(), kind, text, place.name, time.time(), target)
        self._customer(jid).received.append(got)
        self.changed()

    def _announce(self, place: Instance, record: Json) -> None:
        """What comes before each message: three events that say nothing of it."""
        if not self.plan.noise:
            return
        chat = {"remoteJid": record["key"]["remoteJid"], "instanceId": place.id}
        self.post(place, "chats.update", [chat])
        self.post(place, "contacts.update", [{**chat, "profilePicUrl": None}])
        self.post(place, "contacts.update", {**chat, "pushName": record["pushName"]})

    def _place(self, name: str | None) -> Instance:
        return self.instances[name] if name else next(iter(self.instances.values()))

    def _customer(self, phone: str, name: str | None = None) -> Customer:
        by_lid = (one for one in self.customers.values() if one.lid and phone.startswith(one.lid))
        found = next(by_lid, None) or self.customers.get(same_person(phone))
        if found is None:
            found = self.customer(phone.partition("@")[0], name or "Maria")
        found.name = name or found.name
        return found

    def _key(self, customer: Customer, group: str | None = None) -> Json:
        phone, lid = f"{customer.phone}@s.whatsapp.net", f"{customer.lid}@lid"
        if group:
            member = {"participant": lid, "participantAlt": phone} if customer.lid else {"participant": phone}
            mode = "lid" if customer.lid else "pn"
            return {"remoteJid": group, "fromMe": False, **member, "addressingMode": mode}
        if customer.addressing == "pn":
            alternative = {"remoteJidAlt": lid} if customer.lid else {}
            named = {"remoteJid": phone, **alternative, "addressingMode": "pn"}
        elif customer.addressing == "lid_only":
            named = {"remoteJid": lid, "addressingMode": "lid"}
        else:  # 2.3.7 puts the phone into both fields, and the lid is lost
            first = phone if self.version == "2.3.7" else lid
            named = {"remoteJid": first, "remoteJidAlt": phone, "addressingMode": "lid"}
        return {**named, "fromMe": False, "participant": ""}

    def _context(self, place: Instance, quoted: str | None) -> Json | None:
        stored = place.stored.get(quoted) if quoted else None
        if quoted is None or stored is None:
            return None
        key = stored.record["key"]
        author = place.jid if key["fromMe"] else key["remoteJid"]
        return payloads.quotation(quoted, author, stored.record["message"])
