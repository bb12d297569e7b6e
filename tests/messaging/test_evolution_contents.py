"""What a message of Evolution's says: every kind of content, its details and its time."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from services.messaging.evolution import events
from services.messaging.inbound import Ignored, Message
from tests.messaging.evolution_events import GROUP, LID, PHONE, message, only, upsert

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


def test_the_words_of_an_audio_are_no_part_of_what_surrounds_it() -> None:
    told = message({"conversation": "", "audioMessage": {"seconds": 1}, "speechToText": "[audio] oi"})

    assert (told.transcription, told.metadata) == ("oi", {"seconds": 1, "ptt": False})


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
