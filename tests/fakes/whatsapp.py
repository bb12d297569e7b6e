"""A small WhatsApp with an Evolution in front: customers, instances, webhooks and a ledger of what was sent."""

import asyncio
import json
import os
import random
import time
import uuid
from collections.abc import AsyncIterator, Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path

import httpx2

from tests.fakes import evolution_payloads as payloads
from tests.fakes.evolution_payloads import Json

NEVER_AGAIN = {400, 401, 403, 404, 422}  # Evolution 2.3 drops an event for good at these answers
WHOLE_WEBHOOK = {"enabled": True, "byEvents": False, "base64": False, "headers": {}, "events": []}


@dataclass
class Fault:
    """One misbehaviour of the next calls whose path starts with `verb`.

    Not accepted: `status`, `closed` (400), `graph` (201 with an error), `keyless` (201), `drop` (connection cut).
    Accepted: `slow` (first waits), `late` (then waits), `cut`, `garbage` (no JSON), `fail` (then `status`).
    `ghost` answers 201 and delivers nothing.
    """

    kind: str
    verb: str = "message/"
    times: int = 1
    seconds: float = 0.0
    status: int = 500
    retry_after: int | None = None


@dataclass
class Plan:
    """How Evolution behaves; `echo` is first (before the answer), beside or never."""

    faults: list[Fault] = field(default_factory=list)
    echo: str = "beside"
    copies: int = 1
    reverse: int = 0
    noise: bool = True
    statuses: list[str] = field(default_factory=lambda: ["SERVER_ACK", "DELIVERY_ACK"])
    status_delay: float = 0.02
    retry_delay: float = 5.0
    retry_cap: float = 300.0
    retry_attempts: int = 10
    webhook_timeout: float = 30.0

    def take(self, verb: str) -> Fault | None:
        fault = next((one for one in self.faults if verb.startswith(one.verb)), None)
        if fault:
            fault.times -= 1
            if fault.times <= 0:
                self.faults.remove(fault)
        return fault


@dataclass(frozen=True)
class Accepted:
    """A line of the ledger: this has gone out to WhatsApp, whatever the caller was told."""

    external_id: str
    instance: str
    verb: str
    number: str
    jid: str
    text: str
    at: float


@dataclass(frozen=True)
class Received:
    """What a customer sees: a message, or a reaction, edit, deletion or read mark of one (`target`)."""

    external_id: str
    kind: str
    text: str
    instance: str
    at: float
    target: str | None = None
    file: bytes | None = None


@dataclass(frozen=True)
class Delivery:
    event: str
    instance: str
    attempt: int
    status: int | None
    at: float


@dataclass
class Customer:
    phone: str
    name: str
    lid: str | None = None
    addressing: str = "pn"  # or "lid": known by both, or "lid_only"
    received: list[Received] = field(default_factory=list)


@dataclass
class Stored:
    record: Json
    row: str
    updates: list[str] = field(default_factory=list)
    file: bytes | None = None


@dataclass
class Instance:
    name: str
    token: str
    number: str
    integration: str = "WHATSAPP-BAILEYS"
    state: str = "open"
    id: str = field(default_factory=lambda: str(uuid.uuid4()))
    webhook: Json | None = None
    webhook_row: str = field(default_factory=payloads.row_id)
    webhook_base64: bool = False  # Evolution looks at this flag only when it connects
    stored: dict[str, Stored] = field(default_factory=dict)
    groups: dict[str, Json] = field(default_factory=dict)
    codes: int = 0

    @property
    def jid(self) -> str:
        return f"{self.number}@s.whatsapp.net"


def same_person(phone: str) -> str:
    """Brazil's ninth digit makes no other person."""
    digits = "".join(filter(str.isdigit, phone.partition("@")[0].partition(":")[0]))
    return digits[:4] + digits[5:] if len(digits) == 13 and digits.startswith("55") else digits


class Simulator:
    def __init__(self, *, api_key: str = "global-key", version: str = "2.3.7", ledger: Path | None = None):
        self.url = ""
        self.api_key = api_key
        self.version = version
        self.plan = Plan()
        self.instances: dict[str, Instance] = {}
        self.customers: dict[str, Customer] = {}
        self.absent: set[str] = set()
        self.ledger: list[Accepted] = []
        self.deliveries: list[Delivery] = []
        self._ledger_file = ledger
        self._client = httpx2.AsyncClient(trust_env=False, headers={"user-agent": "axios/1.12.2"})
        self._tasks: set[asyncio.Task[None]] = set()
        self._held: list[Callable[[], None]] = []
        self._news = asyncio.Event()

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._client.aclose()

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
        await self.until(lambda: not self._tasks, timeout)

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
        """The customer writes; the id of the message. The same `external_id` again is WhatsApp's own repetition."""
        place, customer = self._place(instance), self._customer(phone, name)
        content = payloads.text(text) if message is None else message
        record = payloads.record(
            {**self._key(customer, group), "id": external_id or payloads.customer_message_id()},
            content,
            instance_id=place.id,
            push_name=customer.name,
            status="DELIVERY_ACK",
            source="android",
            at=time.time() if at is None else at,
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
        message = payloads.media(kind, content, mimetype, with_base64=with_base64, **details)  # type: ignore[arg-type]
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

    def answer_by_phone(self, phone: str, text: str, *, instance: str | None = None) -> str:
        place, customer = self._place(instance), self._customer(phone)
        record = payloads.record(
            {**self._key(customer), "fromMe": True, "id": payloads.customer_message_id()},
            payloads.text(text),
            instance_id=place.id,
            push_name="Loja Teste",
            status="SERVER_ACK",
            source="android",
            at=time.time(),
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
        """Every event goes its own way, at once; nobody waits for another."""
        hook = place.webhook
        if not hook or not hook["enabled"]:
            return None
        if hook["events"] and event.replace(".", "_").replace("-", "_").upper() not in hook["events"]:
            return None
        envelope: Json = {
            "event": event,
            "instance": place.name,
            "data": data,
            "destination": hook["url"],
            "date_time": payloads.date_time(),
            "sender": place.jid,
            "server_url": self.url,
            "apikey": place.token,
        }
        body = json.dumps(envelope, ensure_ascii=False).encode()
        suffix = f"/{event.replace('.', '-')}" if hook["byEvents"] else ""

        def start() -> asyncio.Task[None]:
            task = self._spawn(self._send_webhook(place, event, hook["url"] + suffix, hook["headers"], body))
            for _ in range(self.plan.copies - 1):
                self._spawn(self._send_webhook(place, event, hook["url"] + suffix, hook["headers"], body))
            return task

        if self.plan.reverse:
            self._held.insert(0, start)
            if len(self._held) >= self.plan.reverse:
                self._spawn(self._release())
            return None
        return start()

    async def _release(self) -> None:
        """The held ones, the last first, each after the one before it has arrived."""
        held, self._held, self.plan.reverse = self._held, [], 0
        for start in held:
            task = start()
            if isinstance(task, asyncio.Task):
                await asyncio.wait([task])

    async def _send_webhook(self, place: Instance, event: str, url: str, headers: Json, body: bytes) -> None:
        plan = self.plan
        delay = plan.retry_delay
        for attempt in range(1, plan.retry_attempts + 1):
            status = await self._attempt(url, headers, body)
            self.deliveries.append(Delivery(event, place.name, attempt, status, time.time()))
            if status is not None and (status < 300 or status in NEVER_AGAIN):
                return
            await asyncio.sleep(max(plan.retry_delay, delay * random.uniform(0.8, 1.2)))
            delay = min(delay * 2, plan.retry_cap)

    async def _attempt(self, url: str, headers: Json, body: bytes) -> int | None:
        sent = {"content-type": "application/json", **headers}
        try:
            answer = await self._client.post(
                url, content=body, headers=sent, timeout=self.plan.webhook_timeout
            )
        except httpx2.HTTPError:
            return None
        return answer.status_code

    def _later(self, delay: float, place: Instance, external_id: str, status: str) -> None:
        async def wait() -> None:
            await asyncio.sleep(delay)
            self.status(external_id, status, instance=place.name)

        self._spawn(wait())

    def _spawn(self, work: object) -> asyncio.Task[None]:
        task: asyncio.Task[None] = asyncio.get_running_loop().create_task(work)  # type: ignore[arg-type]
        self._tasks.add(task)
        task.add_done_callback(self._done)
        return task

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        self.changed()

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
