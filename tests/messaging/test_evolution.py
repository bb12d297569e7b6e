"""Evolution's REST API through our client, against the simulator and against recorded answers."""

import asyncio
import json
import socket
from base64 import b64encode
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from services.messaging.evolution import calls, connections, events, lookups, outgoing
from services.messaging.evolution.calls import CallFailed, NotSent, Rejected, Server, Unknown
from services.messaging.evolution.connections import Webhook
from services.messaging.evolution.outgoing import Key, Quoted
from services.messaging.inbound import (
    ConnectionUpdate,
    Deletion,
    Edit,
    Envelope,
    GroupUpdate,
    Media,
    Message,
    QrCode,
    Reaction,
    StatusUpdate,
)
from tests.fakes.evolution import simulate
from tests.fakes.evolution_webhooks import Fault
from tests.fakes.loopback import serve
from tests.fakes.whatsapp import Simulator

RECORDED = Path(__file__).parent.parent / "fixtures" / "evolution" / "rest-2.3.6.jsonl"
MARIA, MARIA_JID = "5511988887777", "5511988887777@s.whatsapp.net"
PNG = bytes(range(64))
TEXT = "Seu pedido 4711 saiu para entrega"


class Endpoint:
    """Where the simulator's webhooks arrive; `answers` are given one by one, then 200."""

    def __init__(self) -> None:
        self.url = ""
        self.bodies: list[bytes] = []
        self.paths: list[str] = []
        self.headers: list[dict[str, str]] = []
        self.answers: list[int] = []

    async def receive(self, request: Request) -> Response:
        self.bodies.append(await request.body())
        self.paths.append(request.url.path)
        self.headers.append(dict(request.headers))
        return Response(status_code=self.answers.pop(0) if self.answers else 200)

    @property
    def envelopes(self) -> list[Envelope]:
        return [events.parse(body) for body in self.bodies]

    def told(self, event: str) -> list[Any]:
        return [item for envelope in self.envelopes if envelope.event == event for item in envelope.items]


@pytest.fixture
async def endpoint() -> AsyncIterator[Endpoint]:
    endpoint = Endpoint()
    route = Route("/{path:path}", endpoint.receive, methods=["POST"])
    async with serve(Starlette(routes=[route])) as url:
        endpoint.url = f"{url}/hooks"
        yield endpoint


@pytest.fixture
async def simulator(endpoint: Endpoint) -> AsyncIterator[Simulator]:
    async with simulate() as simulator:
        simulator.instance("loja", webhook=endpoint.url)
        simulator.plan.retry_delay = 0.01
        yield simulator


@pytest.fixture
def server(simulator: Simulator) -> Server:
    return Server(simulator.url, "loja-token", "loja")


# What is sent


async def test_a_text_reaches_the_customer_and_comes_back_with_its_id(
    server: Server, simulator: Simulator
) -> None:
    sent = await outgoing.send_text(server, MARIA, TEXT)

    (received,) = await simulator.wait_for(MARIA)
    assert (received.kind, received.text, received.external_id) == ("text", TEXT, sent.external_id)
    assert sent.jid == MARIA_JID
    assert sent.sent_at
    assert abs(sent.sent_at - datetime.now(UTC)) < timedelta(seconds=5)
    assert sent.answer["status"] == "PENDING"
    assert "message" not in sent.answer


async def test_where_it_really_went_is_told_back(server: Server) -> None:
    sent = await outgoing.send_text(server, "5531988887777", TEXT)

    assert sent.jid == "553188887777@s.whatsapp.net"


async def test_a_reply_quotes(server: Server, simulator: Simulator, endpoint: Endpoint) -> None:
    asked = simulator.say(MARIA, "Onde está meu pedido?")
    key = Key(asked, MARIA_JID, from_me=False)

    await outgoing.send_text(server, MARIA, TEXT, quoted=Quoted(key, "Onde está meu pedido?"))

    await simulator.settled()
    (echo,) = endpoint.told("send.message")
    assert echo.quoted_id == asked


async def test_files_go_as_base64_without_prefix(server: Server, simulator: Simulator) -> None:
    encoded = b64encode(PNG).decode()

    await outgoing.send_media(
        server,
        MARIA,
        kind="image",
        media=f"data:image/png;base64,{encoded}",
        mimetype="image/png",
        caption="veja",
    )
    await outgoing.send_media(server, MARIA, kind="document", media=encoded, mimetype="application/pdf")
    await outgoing.send_audio(server, MARIA, audio=encoded)

    received = await simulator.wait_for(MARIA, 3)
    assert [one.file for one in received] == [PNG, PNG, PNG]
    names = [line.verb for line in simulator.ledger]
    assert names == ["sendMedia", "sendMedia", "sendWhatsAppAudio"]


async def test_files_go_as_urls_too(server: Server, simulator: Simulator) -> None:
    async def file(request: Request) -> Response:
        return Response(PNG)

    async with serve(Starlette(routes=[Route("/file.png", file)])) as url:
        await outgoing.send_media(server, MARIA, kind="image", media=f"{url}/file.png")

    (received,) = await simulator.wait_for(MARIA)
    assert received.file == PNG


async def test_a_reaction_an_edit_a_deletion_and_a_read_mark_reach_the_customer(
    server: Server, simulator: Simulator, endpoint: Endpoint
) -> None:
    asked = simulator.say(MARIA, "Oi")
    sent = await outgoing.send_text(server, MARIA, TEXT)
    ours = Key(sent.external_id, sent.jid, from_me=True)
    theirs = Key(asked, MARIA_JID, from_me=False)

    await outgoing.send_reaction(server, theirs, "👍")
    await outgoing.send_reaction(server, theirs, "")
    await outgoing.edit_message(server, MARIA, ours, "Corrigido")
    await outgoing.mark_read(server, [theirs])
    await outgoing.delete_message(server, ours)

    received = await simulator.wait_for(MARIA, 6)
    assert [(one.kind, one.text, one.target) for one in received[1:]] == [
        ("reaction", "👍", asked),
        ("reaction", "", asked),
        ("edit", "Corrigido", sent.external_id),
        ("read", "", asked),
        ("delete", "", sent.external_id),
    ]
    await simulator.settled()
    assert [item.emoji for item in endpoint.told("send.message") if isinstance(item, Reaction)] == ["👍", ""]
    assert endpoint.told("send.message.update")[0].content == "Corrigido"
    assert endpoint.told("messages.delete") == [Deletion(sent.external_id)]


async def test_1_8_is_spoken_to_in_its_own_words(endpoint: Endpoint) -> None:
    async with simulate(version="1.8.6") as simulator:
        simulator.instance("loja", webhook=endpoint.url)
        server = Server(simulator.url, simulator.api_key, "loja")
        asked = Key(simulator.say(MARIA, "Oi"), MARIA_JID, from_me=False)

        sent = await outgoing.send_text(server, MARIA, TEXT, quoted=Quoted(asked, "Oi"))
        await outgoing.send_media(server, MARIA, kind="image", media=b64encode(PNG).decode())
        await outgoing.send_audio(server, MARIA, audio=b64encode(PNG).decode())
        await outgoing.send_reaction(server, asked, "👍")
        await outgoing.edit_message(server, MARIA, Key(sent.external_id, sent.jid, from_me=True), "Corrigido")
        await outgoing.mark_read(server, [asked])
        await connections.set_webhook(server, Webhook(endpoint.url))
        found = await lookups.find_messages(server, since=ago(60), until=ago(-60))

        kinds = [one.kind for one in simulator.received(MARIA)]
        assert kinds == ["text", "media", "whatsappaudio", "reaction", "edit", "read"]
        assert sent.external_id in [one.external_id for one in found.messages]


# What may be sent again


@pytest.mark.parametrize(
    ("fault", "outcome", "accepted"),
    [
        (Fault("status", status=429, retry_after=7), NotSent, False),
        (Fault("status", status=503), NotSent, False),
        (Fault("closed"), NotSent, False),
        (Fault("status", status=500), Rejected, False),
        (Fault("status", status=400), Rejected, False),
        (Fault("status", status=401), Rejected, False),
        (Fault("status", status=302), Rejected, False),
        (Fault("graph"), Rejected, False),
        (Fault("keyless"), Rejected, False),
        (Fault("fail", status=500), Rejected, True),
        (Fault("status", status=502), Unknown, False),
        (Fault("fail", status=504), Unknown, True),
        (Fault("drop"), Unknown, False),
        (Fault("cut"), Unknown, True),
        (Fault("garbage"), Unknown, True),
        (Fault("late", seconds=0.4), Unknown, True),
    ],
    ids=lambda value: f"{value.kind}-{value.status}" if isinstance(value, Fault) else "",
)
async def test_every_misbehaviour_has_one_outcome_and_is_never_repeated(
    server: Server, simulator: Simulator, fault: Fault, outcome: type[CallFailed], accepted: bool
) -> None:
    simulator.plan.faults.append(replace(fault))

    with pytest.raises(CallFailed) as caught:
        await outgoing.send_text(server, MARIA, TEXT, timeout=0.2)

    assert type(caught.value) is outcome
    assert len(simulator.ledger) == (1 if accepted else 0)
    assert TEXT not in caught.value.message
    assert server.api_key not in caught.value.message


async def test_the_customer_has_it_even_if_the_caller_gave_up(server: Server, simulator: Simulator) -> None:
    simulator.plan.faults.append(Fault("slow", seconds=0.3))

    with pytest.raises(Unknown):
        await outgoing.send_text(server, MARIA, TEXT, timeout=0.1)

    assert len(await simulator.wait_for(MARIA)) == 1


async def test_a_ghost_session_answers_and_delivers_nothing(server: Server, simulator: Simulator) -> None:
    simulator.plan.faults.append(Fault("ghost"))

    sent = await outgoing.send_text(server, MARIA, TEXT)

    assert sent.external_id
    assert not simulator.received(MARIA)


@pytest.mark.parametrize("known", [True, False])
async def test_where_nobody_listens_nothing_was_sent(known: bool) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    if known:
        calls.versions[url] = ("2.3.7", float("inf"))

    with pytest.raises(NotSent):
        await outgoing.send_text(Server(url, "k", "loja"), MARIA, TEXT)


async def test_where_not_even_the_version_is_told_nothing_was_sent() -> None:
    async def cut(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    async with await asyncio.start_server(cut, "127.0.0.1", 0) as listener:
        port = listener.sockets[0].getsockname()[1]
        with pytest.raises(NotSent):
            await outgoing.send_text(Server(f"http://127.0.0.1:{port}", "k", "loja"), MARIA, TEXT)


@pytest.mark.parametrize("url", ["", "not a url", "ftp://127.0.0.1", "http://127.0.0.1:99999", "http://[::1"])
async def test_an_address_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(Rejected):
        await outgoing.send_text(Server(url, "k", "loja"), MARIA, TEXT)


@pytest.mark.parametrize("key", ["a\nb", "chave-ção", ""])
async def test_a_key_that_is_none_is_refused(simulator: Simulator, key: str) -> None:
    with pytest.raises(Rejected):
        await outgoing.send_text(Server(simulator.url, key, "loja"), MARIA, TEXT)


async def test_how_long_to_wait_is_told_in_seconds_or_as_a_date(server: Server, simulator: Simulator) -> None:
    simulator.plan.faults.append(Fault("status", status=429, retry_after=7))

    with pytest.raises(NotSent) as caught:
        await outgoing.send_text(server, MARIA, TEXT)

    assert caught.value.retry_after == 7
    assert calls.retry_after(format_datetime(ago(-60), usegmt=True)) in (58, 59, 60)
    assert calls.retry_after("soon") is None


async def test_a_redirect_is_not_followed(simulator: Simulator, server: Server) -> None:
    async def redirect(request: Request) -> Response:
        return Response(status_code=307, headers={"location": f"{simulator.url}{request.url.path}"})

    async with serve(Starlette(routes=[Route("/{path:path}", redirect, methods=["GET", "POST"])])) as url:
        with pytest.raises(Rejected):
            await outgoing.send_text(replace(server, api_url=url), MARIA, TEXT)

    assert not simulator.ledger


async def test_an_answer_without_end_is_not_read_to_its_end(
    server: Server, simulator: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(calls, "LARGEST_ANSWER", 1000)
    file_id = simulator.send_file(MARIA, "image", bytes(5000), "image/png")

    with pytest.raises(Rejected, match="too large"):
        await lookups.fetch_media(server, file_id, "image", Media())


async def test_the_manager_at_the_end_of_an_address_is_not_part_of_it(simulator: Simulator) -> None:
    server = Server(f"{simulator.url}/manager/", "loja-token", "loja")

    assert (await connections.connection_state(server)).status == "connected"


async def test_a_name_is_escaped_in_the_path(simulator: Simulator) -> None:
    simulator.instance("Loja São Paulo/1")

    with pytest.raises(Rejected, match="does not exist"):
        await connections.connection_state(Server(simulator.url, simulator.api_key, "Loja São Paulo"))


# What people are told


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ([['instance requires property "text"']], 'instance requires property "text"'),
        ([{"jid": MARIA_JID, "exists": False, "number": MARIA}], "This number is not on WhatsApp."),
        (["Error: Connection Closed"], "Connection Closed"),
        (["Read messages fail", "Error: gone"], "Read messages fail. gone"),
        ("Unexpected end of JSON input", "Unexpected end of JSON input"),
        (f"key SECRET-1 and text {TEXT} for {MARIA}", "key … and text … for …"),
        (["x" * 1000], "x" * 300),
        (None, "Bad Request"),
    ],
)
def test_the_vendors_words_are_made_one_line_without_secrets(said: Any, shown: str) -> None:
    server = Server("http://evolution.example", "SECRET-1", "loja")
    answer = {"status": 400, "error": "Bad Request", "response": {"message": said}}

    assert calls.detail_of(server, answer, {"number": MARIA, "text": TEXT}) == shown


async def test_a_number_without_whatsapp_is_named_without_the_number(
    server: Server, simulator: Simulator
) -> None:
    simulator.absent.add(MARIA)

    with pytest.raises(Rejected) as caught:
        await outgoing.send_text(server, MARIA, TEXT)

    assert caught.value.message == "This number is not on WhatsApp."
    assert caught.value.upstream_status == 400


# Instances


async def test_an_instance_is_made_connected_asked_and_logged_out(
    simulator: Simulator, endpoint: Endpoint
) -> None:
    owner = Server(simulator.url, simulator.api_key, "filial")
    webhook = Webhook(endpoint.url, headers={"x-webhook-token": "segredo"})

    made = await connections.create(owner, webhook, number="5511911112222")
    server = replace(owner, api_key=made.token or "")
    code = await connections.connect(server)
    waiting = await connections.connection_state(server)
    simulator.connection("filial", "open")
    connected = await connections.connect(server)
    await connections.logout(server)
    await connections.logout(server)
    closed = await connections.connection_state(server)

    assert made.connection.status == "connecting"
    assert made.qr_code
    assert made.qr_code.pairing_code == "ABCD1234"
    assert isinstance(code, QrCode)
    assert code.base64
    assert (waiting.status, closed.status) == ("connecting", "disconnected")
    assert isinstance(connected, ConnectionUpdate)
    assert connected.status == "connected"
    await simulator.settled()
    assert endpoint.told("qrcode.updated")
    assert [item.status for item in endpoint.told("connection.update")][-1] == "disconnected"
    assert {headers["x-webhook-token"] for headers in endpoint.headers} == {"segredo"}


async def test_a_webhook_is_set_and_found_again(server: Server, endpoint: Endpoint) -> None:
    webhook = Webhook(endpoint.url, headers={"authorization": "Bearer segredo"}, base64=True)

    await connections.set_webhook(server, webhook)

    assert await connections.find_webhook(server) == webhook


async def test_where_no_webhook_is_none_is_found(simulator: Simulator) -> None:
    simulator.instance("muda")

    assert await connections.find_webhook(Server(simulator.url, simulator.api_key, "muda")) is None


async def test_an_instances_key_sees_itself_and_the_servers_all(simulator: Simulator, server: Server) -> None:
    simulator.instance("filial", number="553188887777")

    seen = await connections.fetch_instances(server)
    all_seen = await connections.fetch_instances(replace(server, api_key=simulator.api_key))

    assert [one.name for one in seen] == ["loja"]
    assert [one.connection.phone for one in all_seen] == ["5511900000001", "5531988887777"]


# What can be asked


async def test_a_file_of_the_customer_is_fetched(server: Server, simulator: Simulator) -> None:
    file_id = simulator.send_file(MARIA, "image", PNG, "image/png", caption="chegou assim")
    text_id = simulator.say(MARIA, "oi")

    file = await lookups.fetch_media(server, file_id, "image", Media())

    assert (file.content, file.mimetype) == (PNG, "image/png")
    with pytest.raises(Rejected, match="not of the media type"):
        await lookups.fetch_media(server, text_id, "image", Media())


async def test_a_profile_a_group_and_numbers_are_looked_up(server: Server, simulator: Simulator) -> None:
    group = "120363025246125486@g.us"
    simulator.customer(MARIA, "Maria")
    simulator.absent.add("5511900009999")
    simulator.instances["loja"].groups[group] = {"id": group, "subject": "Clientes VIP"}

    profile = await lookups.fetch_profile(server, MARIA)
    groups = await lookups.fetch_groups(server)
    numbers = await lookups.find_numbers(server, [MARIA, "5511900009999"])

    assert profile.name == "Maria"
    assert profile.picture_url
    assert [one.subject for one in groups] == ["Clientes VIP"]
    assert await lookups.fetch_group(server, group) == groups[0]
    assert isinstance(groups[0], GroupUpdate)
    assert {number: found.exists for number, found in numbers.items()} == {
        MARIA: True,
        "5511900009999": False,
    }


async def test_what_no_webhook_told_is_found_page_by_page(server: Server, simulator: Simulator) -> None:
    for number in range(5):
        simulator.say(MARIA, f"mensagem {number}", at=ago(100 - number).timestamp())
    simulator.say(MARIA, "antiga", at=ago(7200).timestamp())
    simulator.say("5521977776666", "de outra pessoa")

    first = await lookups.find_messages(server, since=ago(3600), until=ago(0), jid=MARIA_JID, page_size=3)
    second = await lookups.find_messages(
        server, since=ago(3600), until=ago(0), jid=MARIA_JID, page=2, page_size=3
    )

    assert first.pages == 2
    assert [one.content for one in first.messages + second.messages] == [
        f"mensagem {number}" for number in reversed(range(5))
    ]


async def test_a_send_whose_answer_was_lost_is_found_with_its_status(
    server: Server, simulator: Simulator
) -> None:
    simulator.plan.faults.append(Fault("cut"))
    with pytest.raises(Unknown):
        await outgoing.send_text(server, MARIA, TEXT)
    await simulator.settled()

    found = await lookups.find_messages(server, since=ago(60), until=ago(-60), jid=MARIA_JID)

    (message,) = found.messages
    assert (message.content, message.from_me, message.status) == (TEXT, True, "delivered")
    assert message.external_id == simulator.ledger[0].external_id


# What the simulator's webhooks say


async def test_what_customers_do_arrives_as_what_it_is(
    simulator: Simulator, endpoint: Endpoint, server: Server
) -> None:
    asked = simulator.say(MARIA, "Oi", name="Maria Silva")
    sent = await outgoing.send_text(server, MARIA, TEXT)
    simulator.edit(MARIA, asked, "Oi!")
    simulator.react(MARIA, sent.external_id, "❤️")
    simulator.read(MARIA, sent.external_id)
    simulator.revoke(MARIA, asked)
    simulator.answer_by_phone(MARIA, "pelo celular")
    await simulator.settled()

    messages = endpoint.told("messages.upsert")
    assert {type(item) for item in messages} == {Message, Reaction}
    assert {item.content: item.from_me for item in messages if isinstance(item, Message)} == {
        "Oi": False,
        "pelo celular": True,
    }
    assert endpoint.told("messages.delete") == [Deletion(asked)]
    assert [item.content for item in endpoint.told("messages.edited") if isinstance(item, Edit)] == ["Oi!"]
    statuses = [item for item in endpoint.told("messages.update") if isinstance(item, StatusUpdate)]
    assert {item.status for item in statuses if item.external_ids[0] == sent.external_id} == {
        "sent",
        "delivered",
        "read",
    }
    assert endpoint.told("contacts.update")


async def test_a_lid_is_told_as_each_version_tells_it(endpoint: Endpoint) -> None:
    for version, lid in (("2.3.6", "182736455463728@lid"), ("2.3.7", None)):
        async with simulate(version=version) as simulator:
            simulator.instance("loja", webhook=endpoint.url)
            simulator.customer(MARIA, lid="182736455463728", addressing="lid")

            simulator.say(MARIA, "oi")
            await simulator.settled()

        chat = endpoint.told("messages.upsert")[-1].chat
        assert (chat.phone, chat.lid) == (MARIA, lid)


@pytest.mark.parametrize(("status", "attempts"), [(503, 2), (409, 2), (401, 1), (422, 1)])
async def test_webhooks_are_repeated_byte_for_byte_or_dropped(
    simulator: Simulator, endpoint: Endpoint, status: int, attempts: int
) -> None:
    simulator.plan.noise = False
    endpoint.answers = [status]

    simulator.say(MARIA, "oi")
    await simulator.settled()

    assert len(endpoint.bodies) == attempts
    assert len(set(endpoint.bodies)) == 1
    assert [one.status for one in simulator.webhooks.deliveries] == [status, 200][:attempts]


async def test_webhooks_come_twice_backwards_and_before_the_answer_as_planned(
    simulator: Simulator, endpoint: Endpoint, server: Server
) -> None:
    simulator.plan.noise = False
    simulator.plan.reverse = 2
    simulator.say(MARIA, "primeira")
    simulator.say(MARIA, "segunda")
    await simulator.settled()
    assert [item.content for item in endpoint.told("messages.upsert")] == ["segunda", "primeira"]

    simulator.plan.copies = 2
    simulator.plan.echo = "first"
    await outgoing.send_text(server, MARIA, TEXT)
    assert [item.content for item in endpoint.told("send.message")] == [TEXT, TEXT]


async def test_by_events_has_the_event_in_the_path_and_base64_waits_for_the_next_connection(
    simulator: Simulator, endpoint: Endpoint
) -> None:
    instance = simulator.instances["loja"]
    instance.webhook = {
        **(instance.webhook or {}),
        "byEvents": True,
        "base64": True,
        "events": ["MESSAGES_UPSERT"],
    }

    simulator.send_file(MARIA, "image", PNG, "image/png")
    simulator.connection("loja", "open")
    simulator.send_file(MARIA, "image", PNG, "image/png")
    await simulator.settled()

    assert set(endpoint.paths) == {"/hooks/messages-upsert"}
    assert [item.media.base64 is not None for item in endpoint.told("messages.upsert")] == [False, True]


async def test_the_ledger_outlives_the_simulator(tmp_path: Path) -> None:
    ledger = tmp_path / "ledger.jsonl"
    async with simulate(ledger=ledger) as simulator:
        simulator.instance("loja")
        await outgoing.send_text(Server(simulator.url, simulator.api_key, "loja"), MARIA, TEXT)

    (line,) = map(json.loads, ledger.read_text().splitlines())

    assert (line["verb"], line["number"], line["text"]) == ("sendText", MARIA, TEXT)


# What a real one answered


def recorded() -> list[dict[str, Any]]:
    return [json.loads(line) for line in RECORDED.read_text().splitlines()]


async def replayed(exchange: dict[str, Any]) -> Any:
    """The recorded answer, given to the client's own reading of it."""

    async def answer(request: Request) -> Response:
        if request.url.path == "/":
            return Response(b'{"version": "2.3.6"}')
        return Response(json.dumps(exchange["response"]), exchange["status"])

    routes = [Route("/{path:path}", answer, methods=["GET", "POST", "DELETE"])]
    async with serve(Starlette(routes=routes)) as url:
        return await read(
            Server(url, "SECRET-1", "wa1"), exchange["path"].split("/")[1:3], exchange["request"] or {}
        )


async def read(server: Server, call: list[str], request: dict[str, Any]) -> Any:
    number, key = request.get("number", MARIA), Key("ID", MARIA_JID, from_me=True)
    webhook = Webhook("http://hook.example")
    match call:
        case ["message", "sendText"]:
            return await outgoing.send_text(server, number, request["text"])
        case ["message", "sendWhatsAppAudio"]:
            return await outgoing.send_audio(server, number, audio="aGk=")
        case ["message", "sendReaction"]:
            return await outgoing.send_reaction(server, key, request["reaction"])
        case ["message", _]:
            return await outgoing.send_media(server, number, kind="image", media="aGk=")
        case ["chat", "updateMessage"]:
            return await outgoing.edit_message(server, number, key, request["text"])
        case ["chat", "deleteMessageForEveryone"]:
            return await outgoing.delete_message(server, key)
        case ["chat", "markMessageAsRead"]:
            return await outgoing.mark_read(server, [key])
        case ["chat", "getBase64FromMediaMessage"]:
            return await lookups.fetch_media(server, "ID", "image", Media())
        case ["chat", "fetchProfile" | "fetchProfilePictureUrl"]:
            return await lookups.fetch_profile(server, number)
        case ["chat", "whatsappNumbers"]:
            return await lookups.find_numbers(server, request["numbers"])
        case ["chat", _]:
            return await lookups.find_messages(server, since=ago(10**8), until=ago(-(10**9)))
        case ["group", path] if path.startswith("fetchAllGroups"):
            return await lookups.fetch_groups(server)
        case ["group" | "label" | "nope", *_]:
            return await lookups.fetch_group(server, "120363025246125486@g.us")
        case ["instance", "create"]:
            return await connections.create(server, webhook)
        case ["instance", "connect"]:
            return await connections.connect(server)
        case ["instance", path] if path.startswith("fetchInstances"):
            return await connections.fetch_instances(server)
        case ["instance", "connectionState"]:
            return await connections.connection_state(server)
        case ["instance", _]:
            return await connections.logout(server)
        case ["webhook", "find"]:
            return await connections.find_webhook(server)
        case _:
            return await connections.set_webhook(server, webhook)


@pytest.mark.parametrize(
    "exchange", recorded(), ids=lambda one: f"{one['path'].partition('?')[0]} {one['status']} {one['note']}"
)
async def test_every_recorded_answer_is_read(exchange: dict[str, Any]) -> None:
    refused = exchange["status"] >= 400 and exchange["note"] != "already closed"
    lied = exchange["path"].startswith("/message") and "key" not in exchange["response"]
    if not refused and not lied:
        answer = await replayed(exchange)
        if exchange["path"].startswith("/message"):
            assert answer.external_id == exchange["response"]["key"]["id"]
        return

    with pytest.raises(CallFailed) as caught:
        await replayed(exchange)

    closed = exchange["note"] == "socket send failure"
    assert isinstance(caught.value, NotSent if closed else Rejected)
    assert caught.value.message
    assert "[" not in caught.value.message.replace("[object Object]", "").replace("events[0]", "")


def ago(seconds: float) -> datetime:
    return datetime.now(UTC) - timedelta(seconds=seconds)
