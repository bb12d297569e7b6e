"""What becomes of a message of Evolution's: statuses, edits, deletions and reactions."""

from datetime import UTC, datetime
from typing import Any

import pytest

from services.messaging.inbound import Chat, Deletion, Edit, Ignored, Reaction, StatusUpdate
from tests.messaging.evolution_events import GROUP, LID, PHONE, only, upsert


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
