"""Sending through Evolution's REST API: what arrives, what may be sent again, and what people are told."""

import asyncio
import socket
from base64 import b64encode
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from services.messaging.evolution import calls, connections, lookups, outgoing
from services.messaging.evolution.calls import CallFailed, NotSent, Rejected, Server, Unknown
from services.messaging.evolution.connections import Webhook
from services.messaging.evolution.outgoing import Key, Quoted
from services.messaging.inbound import Deletion, Media, Reaction
from tests.fakes.evolution import simulate
from tests.fakes.evolution_webhooks import Fault
from tests.fakes.loopback import serve
from tests.fakes.whatsapp import Simulator
from tests.messaging.endpoint import MARIA, MARIA_JID, PNG, TEXT, Endpoint, ago


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
