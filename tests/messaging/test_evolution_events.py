"""Evolution's webhooks, recorded and made up, of every version: whose they are, and what is no message."""

from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
import pytest

from services.messaging.evolution import events
from services.messaging.inbound import (
    Chat,
    ConnectionUpdate,
    ContactUpdate,
    GroupUpdate,
    History,
    Ignored,
    Message,
    QrCode,
)
from tests.messaging.evolution_events import GROUP, LID, PHONE, chat, message, only, parse, upsert

RECORDED = Path(__file__).parent.parent / "fixtures" / "evolution" / "webhooks-2.3.6.jsonl"

EXPECTED = {
    "call Ignored call": 1,
    "chats.delete Ignored chats.delete": 1,
    "chats.set Ignored chats.set": 1,
    "chats.update Ignored chats.update": 35,
    "chats.upsert Ignored chats.upsert": 30,
    "connection.update ConnectionUpdate connected": 4,
    "connection.update ConnectionUpdate connecting": 4,
    "connection.update ConnectionUpdate disconnected": 2,
    "contacts.update ContactUpdate": 37,
    "contacts.update Ignored nothing_new": 43,
    "contacts.upsert ContactUpdate": 5,
    "contacts.upsert Ignored no_conversation": 13,
    "group.participants.update Ignored group.participants.update": 1,
    "groups.upsert GroupUpdate": 1,
    "instance.create Ignored instance.create": 2,
    "instance.delete Ignored instance.delete": 1,
    "labels.edit Ignored labels.edit": 1,
    "logout.instance ConnectionUpdate disconnected": 2,
    "messages.delete Deletion": 2,
    "messages.edited Deletion": 1,
    "messages.edited Edit": 1,
    "messages.edited Ignored protocol_message": 1,
    "messages.set History": 1,
    "messages.update StatusUpdate delivered": 19,
    "messages.update StatusUpdate failed": 2,
    "messages.update StatusUpdate read": 4,
    "messages.update StatusUpdate sent": 19,
    "messages.upsert Ignored no_conversation": 1,
    "messages.upsert Message audio": 2,
    "messages.upsert Message button_response": 2,
    "messages.upsert Message contact": 2,
    "messages.upsert Message contacts": 1,
    "messages.upsert Message document": 3,
    "messages.upsert Message image": 4,
    "messages.upsert Message interactive_response": 1,
    "messages.upsert Message list_response": 1,
    "messages.upsert Message location": 3,
    "messages.upsert Message poll": 1,
    "messages.upsert Message sticker": 2,
    "messages.upsert Message text": 50,
    "messages.upsert Message unknown": 1,
    "messages.upsert Message video": 1,
    "messages.upsert Reaction": 3,
    "presence.update Ignored presence.update": 1,
    "qrcode.updated QrCode": 3,
    "remove.instance ConnectionUpdate disconnected": 1,
    "send.message Message audio": 1,
    "send.message Message contact": 1,
    "send.message Message document": 1,
    "send.message Message image": 3,
    "send.message Message interactive": 2,
    "send.message Message location": 1,
    "send.message Message poll": 1,
    "send.message Message sticker": 1,
    "send.message Message text": 13,
    "send.message Reaction": 2,
    "send.message.update Edit": 1,
    "status.instance ConnectionUpdate disconnected": 2,
}


def recorded() -> list[dict[str, Any]]:
    return [orjson.loads(line)["body"] for line in RECORDED.read_bytes().splitlines()]


def test_every_recorded_webhook_becomes_what_it_is() -> None:
    seen: Counter[str] = Counter()

    for body in recorded():
        envelope = events.parse(orjson.dumps(body))
        for item in envelope.items:
            details = (getattr(item, name, None) for name in ("message_type", "status", "reason"))
            detail = next(filter(None, details), "")
            seen[f"{envelope.event} {type(item).__name__} {detail}".strip()] += 1

    assert len(recorded()) == 344
    assert dict(seen) == EXPECTED


def test_a_plain_text_says_who_what_and_when() -> None:
    body = next(
        body for body in recorded() if body["instance"] == "wa1" and body["event"] == "messages.upsert"
    )

    envelope = events.parse(orjson.dumps(body))

    assert envelope.instance == "wa1"
    assert envelope.instance_external_id == "10662ee4-7aec-47c0-9036-1fcb1f5ddb8f"
    assert envelope.items == (
        Message(
            external_id="F45E239F96B0938536516816777EF146",
            chat=Chat(jid=PHONE, phone="5511988887777"),
            from_me=False,
            message_type="text",
            content="Oi, meu pedido 4711 ainda não chegou 😕",
            status="received",
            sent_at=datetime(2026, 11, 23, 18, 48, 47, tzinfo=UTC),
            push_name="Maria",
            source="android",
        ),
    )


def test_nothing_of_the_envelope_but_event_instance_and_data_is_believed() -> None:
    data = upsert()

    told = parse(
        "messages.upsert", data, date_time="2026-11-23T15:58:54.093Z", sender="5511900000001@s.whatsapp.net"
    )

    assert told.items == parse("messages.upsert", data).items


@pytest.mark.parametrize("event", ["MESSAGES_UPSERT", "messages-upsert", "messages.upsert"])
def test_an_event_has_one_name_however_it_is_spelled(event: str) -> None:
    assert parse(event, upsert()).event == "messages.upsert"


def test_the_path_names_the_event_where_the_body_does_not() -> None:
    body = orjson.dumps({"instance": "loja", "data": upsert()})

    envelope = events.parse(body, "messages-upsert")

    assert envelope.event == "messages.upsert"
    assert isinstance(envelope.items[0], Message)


@pytest.mark.parametrize(
    ("key", "phone", "lid"),
    [
        ({"remoteJid": PHONE}, "5511988887777", None),
        ({"remoteJid": "5511988887777:7@s.whatsapp.net"}, "5511988887777", None),
        ({"remoteJid": "5511988887777@c.us"}, "5511988887777", None),
        ({"remoteJid": LID}, None, LID),
        ({"remoteJid": LID, "remoteJidAlt": PHONE}, "5511988887777", LID),
        ({"remoteJid": PHONE, "remoteJidAlt": LID}, "5511988887777", LID),
        ({"remoteJid": PHONE, "remoteJidAlt": PHONE, "addressingMode": "lid"}, "5511988887777", None),
        ({"remoteJid": PHONE, "previousRemoteJid": LID, "senderPn": PHONE}, "5511988887777", LID),
        ({"remoteJid": LID, "senderPn": PHONE}, "5511988887777", LID),
        ({"remoteJid": PHONE, "senderLid": LID}, "5511988887777", LID),
        ({"remoteJid": LID, "senderPn": PHONE, "fromMe": True}, None, LID),
        ({"remoteJid": "553188887777@s.whatsapp.net"}, "5531988887777", None),
        ({"remoteJid": "551133334444@s.whatsapp.net"}, "551133334444", None),
        ({"remoteJid": "5511988887777"}, "5511988887777", None),
        ({"remoteJid": "+55 (11) 98888-7777"}, "5511988887777", None),
        ({"remoteJid": "4915112345678@s.whatsapp.net"}, "4915112345678", None),
        ({"remoteJid": "5215512345678@s.whatsapp.net"}, "5215512345678", None),
    ],
)
def test_a_person_is_known_by_phone_lid_or_both(
    key: dict[str, Any], phone: str | None, lid: str | None
) -> None:
    found = chat(**key)

    assert (found.phone, found.lid, found.group) == (phone, lid, None)
    assert found.phone_number == phone or lid


def test_a_group_is_kept_apart_from_who_speaks_in_it() -> None:
    key = {"remoteJid": GROUP, "participant": LID, "participantAlt": PHONE}

    told = message("oi a todos", key=key)

    assert told.chat == Chat(jid=GROUP, group=GROUP)
    assert told.chat.phone_number == "120363025246125486"
    assert told.participant
    assert (told.participant.phone, told.participant.lid) == ("5511988887777", LID)


def test_an_old_group_keeps_its_whole_id() -> None:
    assert chat(remoteJid="5511988887777-1612345678@g.us").phone_number == "5511988887777-1612345678"


def test_an_empty_participant_is_nobody() -> None:
    assert message(key={"participant": ""}).participant is None


@pytest.mark.parametrize(
    "jid",
    [
        "status@broadcast",
        "1234@broadcast",
        "1234@newsletter",
        "0@s.whatsapp.net",
        "867051314767696@bot",
        "",
        None,
        "x@s.whatsapp.net",
    ],
)
def test_what_is_no_conversation_is_ignored(jid: str | None) -> None:
    data = upsert(key={"remoteJid": jid, "participant": PHONE, "senderPn": PHONE})

    assert only("messages.upsert", data) == Ignored("no_conversation")


@pytest.mark.parametrize("name", ["Você", "voce", "", "  ", "5511988887777", "+55 11 9", "a@lid", None, 5])
def test_what_is_no_name_is_not_taken_for_one(name: object) -> None:
    assert message(pushName=name).push_name is None


def test_our_own_name_is_not_the_customers() -> None:
    assert message(key={"fromMe": True}, pushName="Loja Teste").push_name is None


@pytest.mark.parametrize(
    ("event", "data", "status"),
    [
        ("connection.update", {"state": "open", "wuid": "553188887777:3@s.whatsapp.net"}, "connected"),
        ("connection.update", {"state": "connecting"}, "connecting"),
        ("connection.update", {"state": "close", "statusReason": 401}, "disconnected"),
        ("connection.update", {"state": "refused", "statusReason": 500}, "disconnected"),
        ("status.instance", {"status": "closed", "disconnectionReasonCode": 401}, "disconnected"),
        ("logout.instance", None, "disconnected"),
        ("remove.instance", None, "disconnected"),
    ],
)
def test_a_connection_is_one_of_three(event: str, data: Any, status: str) -> None:
    told = only(event, data)

    assert isinstance(told, ConnectionUpdate)
    assert told.status == status
    assert told.phone == ("5531988887777" if status == "connected" else None)


def test_a_code_to_scan_is_told_and_the_end_of_codes_is_not() -> None:
    code = {
        "qrcode": {
            "instance": "loja",
            "pairingCode": None,
            "code": "2@x",
            "base64": "data:image/png;base64,x",
        }
    }

    assert only("qrcode.updated", code) == QrCode("data:image/png;base64,x", "2@x", None)
    assert only("qrcode.updated", {"message": "QR code limit reached", "statusCode": 500}) == Ignored(
        "no_qr_code"
    )


def test_contacts_come_alone_or_in_a_row_and_groups_are_not_renamed_by_who_spoke() -> None:
    rows = [
        {"remoteJid": PHONE, "pushName": "Maria", "profilePicUrl": None},
        {"remoteJid": GROUP, "pushName": "João", "profilePicUrl": "https://pps.whatsapp.net/g.jpg"},
        {"remoteJid": GROUP, "pushName": "João"},
        {"pushName": "Maria"},
    ]

    told = parse("contacts.update", rows).items

    assert told == (
        ContactUpdate(Chat(PHONE, "5511988887777"), "Maria", None),
        ContactUpdate(Chat(GROUP, group=GROUP), None, "https://pps.whatsapp.net/g.jpg"),
        Ignored("nothing_new"),
        Ignored("no_conversation"),
    )
    assert parse("contacts.update", rows[0]).items == told[:1]


def test_groups_tell_their_subject() -> None:
    told = parse("groups.upsert", [{"id": GROUP, "subject": "Clientes VIP"}]).items

    assert told == (GroupUpdate(Chat(GROUP, group=GROUP), "Clientes VIP"),)


def test_history_is_kept_apart_and_a_bad_row_costs_only_itself() -> None:
    rows = [
        upsert("antiga", status="READ"),
        {"key": {"remoteJid": PHONE}, "message": {"conversation": "x"}},
        "row",
    ]

    (told,) = parse("messages.set", rows, isLatest=True).items

    assert isinstance(told, History)
    assert [one.content for one in told.messages] == ["antiga"]
    assert told.is_latest


def test_several_messages_in_one_body_are_all_told() -> None:
    broken = {"key": {"remoteJid": PHONE}, "message": {"conversation": "x"}}

    told = parse("messages.upsert", [upsert("um"), broken, upsert("dois")]).items

    assert [type(item) for item in told] == [Message, Ignored, Message]
