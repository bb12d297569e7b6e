"""What is done with messages: corrected, taken back, reacted to; by us and by the customer, in any order."""

from base64 import b64encode
from datetime import timedelta
from typing import Any

import pytest

from protos import messaging_pb2 as pb
from services.kit.actor import Actor
from services.kit.db import Database
from services.kit.errors import Invalid
from services.messaging import messages, sending
from services.messaging.messages import EditWindowExpired, NotChangeable, NotDone, NotOurs, NotYours
from services.messaging.threads import MessageNotFound
from tests.fakes.evolution_webhooks import Fault
from tests.messaging.builders import announced, inbox, make_person, thread
from tests.messaging.conftest import Shop
from tests.support import JOAO, MARIA, SUPERVISOR

PHONE = "5511988887777"


async def sent(shop: Shop, actor: Actor = SUPERVISOR, text: str = "Bom dia") -> pb.Message:
    conversation = await shop.greeted_by(PHONE)
    request = pb.SendMessageRequest(conversation_id=conversation.id, content=text, skip_agent_prefix=True)
    message = (await sending.send(shop.db, actor, request)).message
    await shop.simulator.settled()
    return message


async def edit(db: Database, actor: Actor, id: str, text: str) -> pb.Message:
    request = pb.EditMessageRequest(id=id, content=text)
    return (await messages.edit(db, actor, request)).message


async def test_a_correction_reaches_the_customer_and_is_kept_once(shop: Shop) -> None:
    message = await sent(shop)

    edited = await edit(shop.db, SUPERVISOR, message.id, "Boa tarde")
    again = await edit(shop.db, SUPERVISOR, message.message_id, "Boa noite")
    await shop.simulator.settled()

    received = [one.text for one in shop.simulator.received(PHONE) if one.kind == "edit"]
    assert received == ["Boa tarde", "Boa noite"]
    assert (edited.content, edited.original_content) == ("Boa tarde", "Bom dia")
    assert (again.content, again.original_content) == ("Boa noite", "Bom dia")
    async with shop.db.read() as session:
        history = (await messages.list_edits(session, SUPERVISOR, pb.ListEditsRequest(id=message.id))).history
    assert [one.previous_content for one in history] == ["Bom dia", "Boa tarde"]
    assert {one.edited_by for one in history} == {SUPERVISOR.id}
    (conversation,) = await inbox(shop.db, instance_id=shop.instance)
    assert conversation.last_message_preview == "Boa noite"


async def test_what_may_not_be_corrected_is_refused_and_stays(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    await make_person(shop.db, MARIA, "Maria")
    message = await sent(shop, MARIA)
    theirs = (await thread(shop.db, message.conversation_id))[0]

    with pytest.raises(NotOurs):
        await edit(shop.db, SUPERVISOR, theirs.id, "x")
    with pytest.raises(NotYours):
        await edit(shop.db, JOAO, message.id, "x")
    with pytest.raises(MessageNotFound):
        await edit(shop.db, SUPERVISOR, "3EB0-nobody", "x")
    shop.simulator.plan.faults.append(Fault("status", verb="chat/updateMessage", status=500))
    with pytest.raises(NotDone):
        await edit(shop.db, MARIA, message.id, "x")
    async with shop.db.begin() as session:
        await session.run("update messages set message_type = 'image' where id = %(id)s", id=message.id)
    with pytest.raises(NotChangeable):
        await edit(shop.db, MARIA, message.id, "x")
    monkeypatch.setattr(messages, "EDIT_WINDOW", timedelta(0))
    with pytest.raises(EditWindowExpired):
        await edit(shop.db, MARIA, message.id, "x")

    assert (await thread(shop.db, message.conversation_id))[-1].content == "Bom dia"


async def test_a_message_is_taken_back_for_everyone(shop: Shop) -> None:
    message = await sent(shop)

    for _ in range(2):
        request = pb.DeleteMessageRequest(id=message.id)
        taken = (await messages.delete(shop.db, SUPERVISOR, request)).message
    await shop.simulator.settled()

    assert taken.HasField("deleted_at")
    assert [one.kind for one in shop.simulator.received(PHONE)].count("delete") == 1
    assert (await announced(shop.db, message.conversation_id)).count("message_deleted") == 1
    with pytest.raises(NotChangeable):
        await edit(shop.db, SUPERVISOR, message.id, "x")


async def test_reactions_are_one_a_person_and_can_be_taken_back(shop: Shop) -> None:
    message = await sent(shop)

    async def react(emoji: str) -> list[str]:
        request = pb.ReactToMessageRequest(id=message.id, emoji=emoji)
        reply = await messages.react(shop.db, SUPERVISOR, request)
        await shop.simulator.settled()
        return [one.emoji for one in reply.message.reactions]

    assert await react("👍") == ["👍"]
    assert await react("❤️") == ["❤️"]
    shop.simulator.react(PHONE, message.message_id, "😂", instance=shop.name)
    await shop.simulator.settled()
    (shown,) = [one for one in await thread(shop.db, message.conversation_id) if one.id == message.id]
    assert sorted((one.emoji, one.is_from_me) for one in shown.reactions) == [("❤️", True), ("😂", False)]
    assert await react("") == ["😂"]
    for emoji in ("1️⃣", "#️⃣", "ℹ️", "👩🏽‍❤️‍💋‍👨🏿"):
        assert emoji in await react(emoji)
    for text in ("sim", "1", "12"):
        with pytest.raises(Invalid):
            await react(text)


async def test_what_a_member_of_a_group_said_is_quoted_and_reacted_to_as_theirs(shop: Shop) -> None:
    shop.simulator.say(PHONE, "Quem vem?", group="120363025246125486@g.us", instance=shop.name)
    await shop.simulator.settled()
    (conversation,) = await inbox(shop.db, instance_id=shop.instance)
    (said,) = await thread(shop.db, conversation.id)

    request = pb.SendMessageRequest(conversation_id=conversation.id, content="Nós", quoted_message_id=said.id)
    answer = (await sending.send(shop.db, SUPERVISOR, request)).message
    await messages.react(shop.db, SUPERVISOR, pb.ReactToMessageRequest(id=said.id, emoji="👍"))

    stored = [one.record for one in shop.simulator.instances[shop.name].stored.values()]
    (quoted,) = [one["contextInfo"] for one in stored if one["key"]["id"] == answer.message_id]
    (reacted,) = [one["message"]["reactionMessage"] for one in stored if "reactionMessage" in one["message"]]
    assert quoted["participant"] == reacted["key"]["participant"] == f"{PHONE}@s.whatsapp.net"


async def test_what_the_customer_corrects_and_takes_back_is_shown(shop: Shop) -> None:
    conversation = await shop.greeted_by(PHONE, "Olà")
    (message,) = await thread(shop.db, conversation.id)

    shop.simulator.edit(PHONE, message.message_id, "Olá", instance=shop.name)
    await shop.simulator.settled()
    (edited,) = await thread(shop.db, conversation.id)
    shop.simulator.revoke(PHONE, message.message_id, instance=shop.name)
    await shop.simulator.settled()
    (revoked,) = await thread(shop.db, conversation.id)
    async with shop.db.read() as session:
        asked = pb.ListEditsRequest(id=message.id)
        past, hidden = [await messages.list_edits(session, actor, asked) for actor in (SUPERVISOR, MARIA)]

    assert (edited.content, edited.original_content) == ("Olá", "Olà")
    assert revoked.HasField("deleted_at")
    assert [one.previous_content for one in past.history] == ["Olà"]
    assert not hidden.history
    assert (await announced(shop.db, conversation.id)).count("message_edited") == 1


@pytest.mark.parametrize(
    ("kind", "more", "file"),
    [
        ("image", {"content": "A vista"}, b"\x89PNG\r\n\x1a\n" + bytes(60)),
        ("document", {"file_name": "contrato.pdf"}, b"%PDF-1.7 " + bytes(60)),
        ("audio", {}, b"OggS" + bytes(60)),
        ("video", {"content": ""}, bytes(4) + b"ftypmp42" + bytes(60)),
    ],
)
async def test_files_are_stored_here_and_sent(
    shop: Shop, kind: str, more: dict[str, Any], file: bytes
) -> None:
    conversation = await shop.greeted_by(PHONE)
    request = pb.SendMessageRequest(
        conversation_id=conversation.id,
        message_type=kind,
        media_base64=f"data:application/octet-stream;base64,{b64encode(file).decode()}",
        **more,
    )

    message = (await sending.send(shop.db, SUPERVISOR, request)).message

    (received,) = [one for one in shop.simulator.received(PHONE) if one.file]
    assert received.file == file
    assert message.media_status == "stored"
    assert message.media_url.startswith("uploads/")
    assert message.media_download_url.startswith("http")
    assert message.content
