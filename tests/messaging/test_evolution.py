"""Evolution's instances, what can be asked of it, and what the simulator's webhooks say."""

import json
from pathlib import Path

import pytest

from services.messaging.evolution import connections, lookups, outgoing
from services.messaging.evolution.calls import Rejected, Server, Unknown
from services.messaging.evolution.connections import Webhook
from services.messaging.inbound import (
    ConnectionUpdate,
    Deletion,
    Edit,
    GroupUpdate,
    Media,
    Message,
    QrCode,
    Reaction,
    StatusUpdate,
)
from tests.fakes.evolution import simulate
from tests.fakes.evolution_webhooks import Fault
from tests.fakes.whatsapp import Simulator
from tests.messaging.endpoint import MARIA, MARIA_JID, PNG, TEXT, Endpoint, ago


async def test_an_instance_is_made_connected_and_asked(simulator: Simulator, endpoint: Endpoint) -> None:
    server = Server(simulator.url, simulator.api_key, "filial")

    made = await connections.create(server, number="5511911112222")
    await connections.set_webhook(server, Webhook(endpoint.url, headers={"x-webhook-token": "segredo"}))
    code = await connections.connect(server)
    waiting = await connections.connection_state(server)
    simulator.connection("filial", "open")
    connected = await connections.connect(server)

    assert isinstance(made, QrCode)
    assert made.pairing_code == "ABCD1234"
    assert isinstance(code, QrCode)
    assert code.base64
    assert waiting.status == "connecting"
    assert isinstance(connected, ConnectionUpdate)
    assert connected.status == "connected"
    await simulator.settled()
    assert endpoint.told("qrcode.updated")
    assert [item.status for item in endpoint.told("connection.update")][-1] == "connected"
    assert {headers["x-webhook-token"] for headers in endpoint.headers} == {"segredo"}


async def test_a_webhook_is_set_and_found_again(server: Server, endpoint: Endpoint) -> None:
    webhook = Webhook(endpoint.url, headers={"authorization": "Bearer segredo"}, base64=True)

    await connections.set_webhook(server, webhook)

    assert await connections.find_webhook(server) == webhook


async def test_where_no_webhook_is_none_is_found(simulator: Simulator) -> None:
    simulator.instance("muda")

    assert await connections.find_webhook(Server(simulator.url, simulator.api_key, "muda")) is None


async def test_a_file_of_the_customer_is_fetched(server: Server, simulator: Simulator) -> None:
    file_id = simulator.send_file(MARIA, "image", PNG, "image/png", caption="chegou assim")
    text_id = simulator.say(MARIA, "oi")

    file = await lookups.fetch_media(server, file_id, "image", Media())

    assert (file.content, file.mimetype) == (PNG, "image/png")
    with pytest.raises(Rejected, match="not of the media type"):
        await lookups.fetch_media(server, text_id, "image", Media())


async def test_a_profile_and_a_group_are_looked_up(server: Server, simulator: Simulator) -> None:
    group = "120363025246125486@g.us"
    simulator.customer(MARIA, "Maria")
    simulator.instances["loja"].groups[group] = {"id": group, "subject": "Clientes VIP"}

    profile = await lookups.fetch_profile(server, MARIA)
    groups = await lookups.fetch_groups(server)

    assert profile.name == "Maria"
    assert profile.picture_url
    assert [one.subject for one in groups] == ["Clientes VIP"]
    assert isinstance(groups[0], GroupUpdate)


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
