"""Whatever Evolution sends is read, ignored or malformed, and nothing else."""

from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.messaging.evolution import events
from services.messaging.inbound import Ignored, Malformed
from tests.messaging.evolution_events import GROUP, LID, PHONE, parse, upsert


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
