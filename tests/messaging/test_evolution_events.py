"""Evolution's webhooks, recorded and made up, of every version, turned into plain values."""

import json
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.messaging.evolution import events
from services.messaging.inbound import (
    Chat,
    ConnectionUpdate,
    ContactUpdate,
    Deletion,
    Edit,
    Envelope,
    GroupUpdate,
    History,
    Ignored,
    Malformed,
    Message,
    QrCode,
    Reaction,
    StatusUpdate,
)

RECORDED = Path(__file__).parent.parent / "fixtures" / "evolution" / "webhooks-2.3.6.jsonl"
PHONE, LID, GROUP = "5511988887777@s.whatsapp.net", "182736455463728@lid", "120363025246125486@g.us"
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


def parse(event: str, data: Any, **envelope: Any) -> Envelope:
    return events.parse(orjson.dumps({"event": event, "instance": "loja", "data": data, **envelope}))


def only(event: str, data: Any) -> Any:
    (item,) = parse(event, data).items
    return item


def upsert(
    content: str | dict[str, Any] = "oi", *, key: dict[str, Any] | None = None, **data: Any
) -> dict[str, Any]:
    message = {"conversation": content} if isinstance(content, str) else content
    named = {"remoteJid": PHONE, "fromMe": False, "id": "ID1", **(key or {})}
    return {"key": named, "pushName": "Maria", "messageTimestamp": 1795459370, "message": message, **data}


def message(content: str | dict[str, Any] = "oi", **changes: Any) -> Message:
    item = only("messages.upsert", upsert(content, **changes))
    assert isinstance(item, Message)
    return item


def chat(**key: Any) -> Chat:
    return message(key=key).chat


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


# Who


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


# What


MEDIA = {
    "mimetype": "image/jpeg",
    "fileLength": {"low": 79, "high": 0, "unsigned": True},
    "fileSha256": {"0": 1, "1": 255},
    "url": "https://mmg.whatsapp.net/v/x.enc",
}


@pytest.mark.parametrize(
    ("content", "message_type", "text"),
    [
        ({"extendedTextMessage": {"text": "Olá"}}, "text", "Olá"),
        ({"messageContextInfo": {"messageSecret": {"0": 1}}, "conversation": "Olá"}, "text", "Olá"),
        ({"senderKeyDistributionMessage": {"groupId": GROUP}, "conversation": "Olá"}, "text", "Olá"),
        ({"imageMessage": {**MEDIA, "caption": "veja"}}, "image", "veja"),
        ({"imageMessage": MEDIA}, "image", "📷 Imagem"),
        ({"audioMessage": {"ptt": True, "seconds": 2}}, "audio", "🎵 Áudio"),
        ({"videoMessage": {"seconds": 3}}, "video", "🎥 Vídeo"),
        ({"ptvMessage": {"seconds": 3}}, "video", "🎥 Vídeo"),
        ({"documentMessage": {"fileName": "nota.pdf"}}, "document", "nota.pdf"),
        ({"documentMessage": {"filename": "a.pdf", "caption": "doc", "mime_type": "x/y"}}, "document", "doc"),
        (
            {"documentWithCaptionMessage": {"message": {"documentMessage": {"caption": "segue"}}}},
            "document",
            "segue",
        ),
        ({"stickerMessage": {"isAnimated": True}}, "sticker", "🎨 Sticker"),
        ({"contactMessage": {"displayName": "José"}}, "contact", "José"),
        ({"contactsArrayMessage": {"contacts": [{}, {}]}}, "contacts", "📇 2 contato(s)"),
        ({"locationMessage": {"degreesLatitude": -23.5, "name": "MASP"}}, "location", "MASP"),
        ({"liveLocationMessage": {"degreesLatitude": -23.5}}, "location", "📍 Localização"),
        (
            {"pollCreationMessageV2": {"name": "Horário?", "options": [{"optionName": "Manhã"}]}},
            "poll",
            "Horário?",
        ),
        ({"buttonsResponseMessage": {"selectedButtonId": "b1"}}, "button_response", "b1"),
        ({"templateButtonReplyMessage": {"selectedDisplayText": "Quero"}}, "button_response", "Quero"),
        ({"listResponseMessage": {"title": "Segunda via"}}, "list_response", "Segunda via"),
        ({"interactiveResponseMessage": {"body": {"text": "Sim"}}}, "interactive_response", "Sim"),
        ({"buttonsMessage": {"contentText": "Confirma?"}}, "interactive", "Confirma?"),
        ({"listMessage": {"title": "Menu"}}, "interactive", "Menu"),
        ({"templateMessage": {"hydratedTemplate": {"hydratedContentText": "Oi"}}}, "interactive", "Oi"),
        (
            {"viewOnceMessage": {"message": {"interactiveMessage": {"body": {"text": "Oi"}}}}},
            "interactive",
            "Oi",
        ),
        ({"viewOnceMessageV2": {"message": {"imageMessage": MEDIA}}}, "image", "📷 Imagem"),
        ({"ephemeralMessage": {"message": {"extendedTextMessage": {"text": "some"}}}}, "text", "some"),
        ({"deviceSentMessage": {"message": {"conversation": "daqui"}}}, "text", "daqui"),
        ({"orderMessage": {"orderId": "1"}}, "unknown", "[orderMessage]"),
    ],
)
def test_every_kind_of_content_is_understood(content: dict[str, Any], message_type: str, text: str) -> None:
    told = message(content)

    assert (told.message_type, told.content) == (message_type, text)


@pytest.mark.parametrize(
    "content",
    [
        {},
        {"conversation": ""},
        {"messageContextInfo": {"messageSecret": {"0": 1}}},
        {"senderKeyDistributionMessage": {"groupId": GROUP}},
        {"pollUpdateMessage": {"vote": {}}},
        {"keepInChatMessage": {"keepType": 1}},
    ],
)
def test_what_shows_nothing_is_ignored(content: dict[str, Any]) -> None:
    assert only("messages.upsert", upsert(content)) == Ignored("no_content")


@pytest.mark.parametrize("size", [79, "79", {"low": 79, "high": 0, "unsigned": True}])
@pytest.mark.parametrize("sha256", ["Af8=", {"0": 1, "1": 255}, {"type": "Buffer", "data": [1, 255]}])
def test_numbers_and_bytes_are_read_in_every_encoding(size: object, sha256: object) -> None:
    told = message({"imageMessage": {**MEDIA, "fileLength": size, "fileSha256": sha256}})

    assert told.media
    assert (told.media.size, told.media.sha256) == (79, "01ff")


def test_a_long_number_is_put_together_from_its_halves() -> None:
    told = message({"videoMessage": {"fileLength": {"low": -1, "high": 1, "unsigned": True}}})

    assert told.media
    assert told.media.size == 2 * 2**32 - 1


def test_media_knows_the_file_that_came_along_and_never_whatsapps_own_url() -> None:
    told = message({"imageMessage": MEDIA, "base64": "aGk=", "mediaUrl": "https://minio.example/x"})

    assert told.media
    assert (told.media.base64, told.media.url) == ("aGk=", "https://minio.example/x")
    assert "mmg.whatsapp.net" not in repr(told)


def test_the_cloud_channels_media_carry_metas_id() -> None:
    told = message({"documentMessage": {"id": "mid3", "mime_type": "application/pdf", "filename": "a.pdf"}})

    assert told.media
    assert (told.media.external_id, told.media.mimetype, told.media.file_name) == (
        "mid3",
        "application/pdf",
        "a.pdf",
    )


def test_the_evolution_channel_names_media_only_by_type() -> None:
    told = message(
        {"mediaUrl": None}, messageType="imageMessage", key={"fromMe": True, "remoteJid": "5511988887777"}
    )

    assert (told.message_type, told.chat.phone) == ("image", "5511988887777")


def test_details_are_kept_as_metadata() -> None:
    answer = {"selectedButtonId": "btn-1", "selectedDisplayText": "Sim"}
    flow = {"name": "quick_reply", "paramsJson": '{"id":"btn-1","display_text":"Sim"}'}
    vcard = "BEGIN:VCARD\nitem1.TEL;waid=5511977770000:+55 11 97777-0000\nTEL;TYPE=CELL:+55 11 3333-4444"

    assert message({"audioMessage": {"ptt": True, "seconds": 2}}).metadata == {"seconds": 2, "ptt": True}
    assert message({"viewOnceMessageV2": {"message": {"imageMessage": MEDIA}}}).metadata == {"viewOnce": True}
    assert message({"buttonsResponseMessage": answer}).metadata == {"selectedId": "btn-1"}
    assert (
        message({"interactiveResponseMessage": {"nativeFlowResponseMessage": flow}}).metadata["selectedId"]
        == "btn-1"
    )
    assert message({"contactMessage": {"displayName": "José", "vcard": vcard}}).metadata["phones"] == [
        "5511977770000",
        "+55 11 3333-4444",
    ]
    assert message({"conversation": "", "audioMessage": {"seconds": 1}, "speechToText": "oi"}).metadata == {
        "seconds": 1,
        "ptt": False,
        "transcription": "oi",
    }


@pytest.mark.parametrize("lifted", [True, False])
def test_a_quote_is_found_inside_the_message_and_beside_it(lifted: bool) -> None:
    context = {"stanzaId": "Q1", "participant": PHONE, "quotedMessage": {"conversation": "antes"}}
    data = (
        upsert("resposta", contextInfo=context)
        if lifted
        else upsert({"extendedTextMessage": {"text": "resposta", "contextInfo": context}})
    )

    told = only("messages.upsert", data)

    assert told.quoted_id == "Q1"
    assert told.metadata == {"quoted": {"participant": PHONE, "text": "antes"}}


def test_forwards_mentions_and_advertisements_are_told() -> None:
    context = {
        "isForwarded": True,
        "mentionedJid": [LID],
        "externalAdReply": {"sourceType": "ad", "ctwaClid": "c"},
    }

    told = message("oi", contextInfo=context)

    assert told.metadata == {
        "forwarded": True,
        "mentions": [LID],
        "ad": {"sourceType": "ad", "ctwaClid": "c"},
    }


@pytest.mark.parametrize(
    ("stamp", "at"),
    [
        (1795459370, datetime(2026, 11, 23, 18, 42, 50, tzinfo=UTC)),
        ("1795459370", datetime(2026, 11, 23, 18, 42, 50, tzinfo=UTC)),
        ({"low": 1795459370, "high": 0, "unsigned": True}, datetime(2026, 11, 23, 18, 42, 50, tzinfo=UTC)),
        (1795459370000, datetime(2026, 11, 23, 18, 42, 50, tzinfo=UTC)),
        (None, None),
        ("soon", None),
        (-1, None),
        (10**30, None),
    ],
)
def test_the_time_is_the_messages_own(stamp: object, at: datetime | None) -> None:
    body = json.dumps(
        {"event": "messages.upsert", "instance": "loja", "data": upsert(messageTimestamp=stamp)}
    )

    (told,) = events.parse(body.encode()).items

    assert isinstance(told, Message)
    assert told.sent_at == at


def test_an_echo_of_a_send_is_sent_at_least() -> None:
    told = only("send.message", upsert(key={"fromMe": True}, status="PENDING"))

    assert (told.echo, told.from_me, told.status) == (True, True, "sent")


def test_a_text_keeps_no_nul_and_no_half_emoji() -> None:
    data = rb'{"key":{"remoteJid":"5511988887777@s.whatsapp.net","id":"1"},"message":{"conversation":"%s"}}'

    def content(text: bytes) -> str:
        (item,) = events.parse(b'{"event":"messages.upsert","instance":"i","data":%s}' % (data % text)).items
        assert isinstance(item, Message)
        return item.content

    assert content(rb"a\u0000b") == "ab"
    assert content(rb"a\\u0000b") == r"a\u0000b"
    assert content(rb"corta \ud83d") == "corta ?"
    assert content(rb"inteiro \ud83d\ude15") == "inteiro 😕"


# What became of it


def test_a_status_says_which_message_in_the_order_to_try() -> None:
    told = only(
        "messages.update",
        {"keyId": "WA1", "messageId": "row", "remoteJid": PHONE, "fromMe": True, "status": "DELIVERY_ACK"},
    )

    assert told == StatusUpdate(
        external_ids=("WA1", "row"), status="delivered", from_me=True, chat=Chat(PHONE, "5511988887777")
    )


@pytest.mark.parametrize(
    ("value", "status"),
    [
        ({"status": "ERROR"}, "failed"),
        ({"status": "FAILED"}, "failed"),
        ({"status": 0}, "failed"),
        ({"ack": -1}, "failed"),
        ({"status": "PENDING"}, "sending"),
        ({"status": 1}, "sending"),
        ({"ack": 0}, "sending"),
        ({"status": "SERVER_ACK"}, "sent"),
        ({"status": "SENT"}, "sent"),
        ({"status": 2}, "sent"),
        ({"ack": 1}, "sent"),
        ({"status": "DELIVERED"}, "delivered"),
        ({"status": 3}, "delivered"),
        ({"ack": 2}, "delivered"),
        ({"status": "READ"}, "read"),
        ({"status": "4"}, "read"),
        ({"ack": 3}, "read"),
        ({"status": "PLAYED"}, "read"),
        ({"status": 5}, "read"),
        ({"ack": 4}, "read"),
        ({"update": {"status": 3}}, "delivered"),
    ],
)
def test_words_and_both_scales_of_numbers_are_read(value: dict[str, Any], status: str) -> None:
    told = only("messages.update", {"key": {"id": "WA1", "fromMe": True}, **value})

    assert isinstance(told, StatusUpdate)
    assert (told.external_ids, told.status) == (("WA1",), status)
    assert told.played == (value in ({"status": "PLAYED"}, {"status": 5}, {"ack": 4}))


@pytest.mark.parametrize("event", ["message.update", "messages.ack", "message.delivery", "messages.status"])
def test_other_names_of_the_event_mean_the_same(event: str) -> None:
    assert isinstance(only(event, [{"id": "WA1", "remoteJid": PHONE, "status": "READ"}]), StatusUpdate)


@pytest.mark.parametrize(
    ("status", "reason"),
    [("DELETED", "deletion_not_confirmed"), ("EDITED", "status_unknown"), (99, "status_unknown")],
)
def test_a_status_alone_deletes_nothing(status: object, reason: str) -> None:
    assert only("messages.update", {"keyId": "WA1", "status": status}) == Ignored(reason)


def test_an_edit_that_comes_as_a_status_is_an_edit() -> None:
    wrapped = {"editedMessage": {"message": {"conversation": "novo"}}}

    told = only("messages.update", {"keyId": "WA1", "status": "SERVER_ACK", "message": wrapped})

    assert told == Edit("WA1", "novo")


@pytest.mark.parametrize(
    ("event", "data"),
    [
        ("messages.edited", {"type": "MESSAGE_EDIT", "timestampMs": "1795459409000"}),
        ("send.message.update", {"type": 14, "timestampMs": 1795459409000}),
    ],
)
@pytest.mark.parametrize(
    "edited",
    [
        {"conversation": "novo"},
        {"extendedTextMessage": {"text": "novo"}},
        {"imageMessage": {"caption": "novo"}},
    ],
)
def test_an_edit_tells_the_new_text(event: str, data: dict[str, Any], edited: dict[str, Any]) -> None:
    told = only(event, {"key": {"id": "WA1", "fromMe": True}, "editedMessage": edited, **data})

    assert told == Edit("WA1", "novo", datetime(2026, 11, 23, 18, 43, 29, tzinfo=UTC))


def test_1_8_wraps_an_edit_into_a_message() -> None:
    protocol = {"key": {"id": "WA1"}, "type": 14, "editedMessage": {"conversation": "novo"}}

    wrapped = only("messages.upsert", upsert({"editedMessage": {"message": {"protocolMessage": protocol}}}))
    bare = only("messages.upsert", upsert({"protocolMessage": protocol}))

    assert wrapped == bare == Edit("WA1", "novo")


@pytest.mark.parametrize("kind", ["EPHEMERAL_SETTING", "HISTORY_SYNC_NOTIFICATION", 3, None])
def test_other_protocol_messages_are_ignored(kind: object) -> None:
    data = {"key": {"id": "WA1"}, "type": kind, "editedMessage": {"conversation": "x"}}

    assert only("messages.edited", data) == Ignored("protocol_message")
    assert only("messages.upsert", upsert({"protocolMessage": data})) == Ignored("protocol_message")


@pytest.mark.parametrize(
    ("event", "data"),
    [
        ("messages.delete", {"remoteJid": PHONE, "fromMe": False, "id": "WA1", "status": "DELETED"}),
        ("messages.delete", {"id": "row", "key": {"id": "WA1", "deleted": True}, "status": "DELETED"}),
        ("messages.edited", {"key": {"id": "WA1"}, "type": "REVOKE"}),
        ("messages.upsert", upsert({"protocolMessage": {"key": {"id": "WA1"}, "type": 0}})),
    ],
)
def test_every_form_of_a_deletion_names_whatsapps_id(event: str, data: dict[str, Any]) -> None:
    assert only(event, data) == Deletion("WA1")


def test_a_reaction_is_no_message_and_knows_who_reacted() -> None:
    content = {
        "reactionMessage": {
            "key": {"id": "TARGET", "fromMe": True},
            "text": "👍",
            "senderTimestampMs": {"low": 163077272, "high": 418, "unsigned": False},
        }
    }
    in_group = {"remoteJid": GROUP, "participant": LID, "participantAlt": PHONE}

    told = only("messages.upsert", upsert(content))
    in_a_group = only("messages.upsert", upsert(content, key=in_group))
    ours = only("send.message", upsert(content, key={"fromMe": True}))

    assert isinstance(told, Reaction)
    assert (told.target_id, told.emoji, told.reactor_jid, told.from_me) == ("TARGET", "👍", PHONE, False)
    assert told.reacted_at == datetime(2026, 11, 23, 18, 43, 27, tzinfo=UTC)
    assert (in_a_group.chat.group, in_a_group.reactor_jid) == (GROUP, PHONE)
    assert (ours.from_me, ours.reactor_jid) == (True, None)


def test_a_reaction_without_a_sign_is_taken_back() -> None:
    assert only("messages.upsert", upsert({"reactionMessage": {"key": {"id": "T"}, "text": ""}})).emoji == ""


# Everything else


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


@pytest.mark.parametrize(
    "event", ["presence.update", "typebot.change-status", "application.startup", "new.event"]
)
def test_events_that_mean_nothing_to_us_need_no_instance(event: str) -> None:
    body = orjson.dumps({"event": event, "data": {"status": "opened"}})

    assert events.parse(body).items == (Ignored(event.replace("-", ".")),)


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "not_json"),
        (b"{", "not_json"),
        (b"\xff\xfe", "not_json"),
        (b"[" * 100_000, "not_json"),
        (b'{"event":"messages.upsert","instance":"i","data":NaN}', "not_json"),
        (b"[]", "not_an_object"),
        (b'{"instance":"i","data":{}}', "no_event"),
        (b'{"event":"messages.upsert","data":{}}', "no_instance"),
        (b'{"event":"messages.upsert","instance":"i","data":"x"}', "element_not_an_object"),
        (b'{"event":"messages.update","instance":"i","data":{"status":"READ"}}', "status_without_id"),
        (b'{"event":"messages.delete","instance":"i","data":{}}', "deletion_without_id"),
    ],
)
def test_what_cannot_be_read_is_malformed_and_says_why(body: bytes, reason: str) -> None:
    with pytest.raises(Malformed) as caught:
        events.parse(body)

    assert caught.value.reason == reason


def test_a_message_without_an_id_is_malformed() -> None:
    with pytest.raises(Malformed, match="message_without_id"):
        parse("messages.upsert", upsert(key={"id": ""}))


WORDS = sorted(
    {
        *(
            "key",
            "id",
            "remoteJid",
            "fromMe",
            "participant",
            "message",
            "conversation",
            "status",
            "data",
            "type",
        ),
        *(
            "contextInfo",
            "stanzaId",
            "quotedMessage",
            "reactionMessage",
            "protocolMessage",
            "editedMessage",
            "text",
        ),
        *(
            "imageMessage",
            "fileLength",
            "fileSha256",
            "low",
            "high",
            "messageTimestamp",
            "update",
            "ack",
            "keyId",
        ),
        *(
            "contactMessage",
            "vcard",
            "contacts",
            "options",
            "paramsJson",
            "qrcode",
            "subject",
            "buttons",
            "sections",
        ),
        *(
            "interactiveResponseMessage",
            "nativeFlowResponseMessage",
            "listMessage",
            "templateMessage",
            "wuid",
        ),
        *(
            "base64",
            "mediaUrl",
            "messageType",
            "MessageUpdate",
            "mentionedJid",
            "externalAdReply",
            "pushName",
        ),
        *(
            "ephemeralMessage",
            "locationMessage",
            "pollCreationMessage",
            "buttonsMessage",
            "state",
            "hydratedTemplate",
        ),
    }
)
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False)
    | st.text(max_size=8)
    | st.sampled_from([PHONE, LID, GROUP, "MESSAGE_EDIT", "READ", "{}", "[1]", '{"id": 1}', "10" * 20, "²"])
)
JSON = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(WORDS), inner, max_size=5),
    max_leaves=25,
)


@settings(deadline=None)
@given(st.sampled_from(sorted(events.EVENTS)), JSON)
def test_any_json_is_read_or_malformed_and_nothing_else(event: str, data: Any) -> None:
    body = orjson.dumps({"event": event, "instance": "loja", "data": data})

    try:
        envelope = events.parse(body)
    except Malformed:
        return

    assert envelope.items
    orjson.dumps([getattr(item, "metadata", None) for item in envelope.items])


@settings(deadline=None)
@given(st.sampled_from(sorted(events.EVENTS)), JSON, JSON)
def test_any_message_is_read_or_malformed_and_nothing_else(event: str, content: Any, context: Any) -> None:
    data = upsert(content if isinstance(content, dict) else {"conversation": content}, contextInfo=context)

    try:
        envelope = parse(event, data)
    except Malformed:
        return

    assert envelope.items


@settings(deadline=None)
@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_malformed(body: bytes) -> None:
    with pytest.raises(Malformed):
        events.parse(body)
