"""Files of customers: ours in the end, whatever it takes to get them, and never an address that expires."""

import base64
from datetime import timedelta

import pytest

from protos import messaging_pb2 as pb
from services.kit.clock import now
from services.kit.db import Database
from services.messaging import downloads, files
from services.messaging.settings import store
from tests.fakes.evolution_webhooks import Fault
from tests.messaging.builders import announced, envelope, inbox, receive, thread
from tests.messaging.conftest import Shop

PHONE = "5511988887777"
PICTURE = b"\x89PNG\r\n\x1a\n" + bytes(range(200))


@pytest.fixture(scope="module", autouse=True)
async def bucket() -> None:
    await files.ensure_bucket()


async def fetch_all(db: Database) -> None:
    """As the worker does, without its pauses."""
    while await downloads.fetch_next(db):
        pass


async def hurry(db: Database) -> None:
    async with db.begin() as session:
        await session.run("update media_jobs set due_at = now() - interval '1 second'")


async def message_of(shop: Shop) -> pb.Message:
    (conversation,) = await inbox(shop.db, instance_id=shop.instance)
    return (await thread(shop.db, conversation.id))[-1]


async def test_a_file_is_fetched_from_evolution_and_kept(shop: Shop) -> None:
    shop.simulator.send_file(PHONE, "image", PICTURE, "image/png", instance=shop.name, caption="Vista")
    await shop.simulator.settled()
    before = await message_of(shop)

    await fetch_all(shop.db)

    after = await message_of(shop)
    assert (before.media_status, before.content, before.HasField("media_url")) == ("pending", "Vista", False)
    assert after.media_status == "stored"
    assert after.media_url.startswith(f"whatsapp-media/{shop.instance}/")
    assert after.media_url.endswith(f"/{after.id}.png")
    assert await store().get(after.media_url) == PICTURE
    assert (await announced(shop.db, after.conversation_id)).count("media_stored") == 1


async def test_what_came_with_the_webhook_is_not_asked_for(shop: Shop) -> None:
    shop.simulator.instances[shop.name].webhook_base64 = True
    shop.simulator.plan.faults.append(Fault("status", verb="chat/getBase64", status=500, times=9))

    shop.simulator.send_file(
        PHONE, "audio", b"OggS" + bytes(80), "audio/ogg; codecs=opus", instance=shop.name
    )
    await shop.simulator.settled()
    await fetch_all(shop.db)

    message = await message_of(shop)
    assert message.media_status == "stored"
    assert message.media_mimetype == "audio/ogg"
    assert message.media_url.endswith(".ogg")


async def test_what_is_not_there_yet_is_fetched_later(shop: Shop) -> None:
    shop.simulator.plan.faults.append(Fault("status", verb="chat/getBase64", status=500, times=3))
    shop.simulator.send_file(PHONE, "image", PICTURE, "image/png", instance=shop.name)
    await shop.simulator.settled()

    for _ in range(3):
        await fetch_all(shop.db)
        assert (await message_of(shop)).media_status == "pending"
        await hurry(shop.db)
    await fetch_all(shop.db)

    assert (await message_of(shop)).media_status == "stored"


async def test_what_never_comes_is_given_up_and_told(shop: Shop) -> None:
    shop.simulator.plan.faults.append(Fault("status", verb="chat/getBase64", status=500, times=99))
    shop.simulator.send_file(PHONE, "image", PICTURE, "image/png", instance=shop.name)
    await shop.simulator.settled()

    for _ in range(len(downloads.PAUSES) + 1):
        await hurry(shop.db)
        await fetch_all(shop.db)

    message = await message_of(shop)
    assert message.media_status == "failed"
    assert (await announced(shop.db, message.conversation_id)).count("media_failed") == 1
    assert not await downloads.fetch_next(shop.db)


async def test_what_was_cut_off_is_taken_up_when_its_lease_ends(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.simulator.send_file(PHONE, "image", PICTURE, "image/png", instance=shop.name)
    await shop.simulator.settled()
    monkeypatch.setattr(downloads, "LEASE", timedelta(0))

    async with shop.db.begin() as session:
        await session.first(downloads.CLAIM, at=now(), until=now())
    await fetch_all(shop.db)

    assert (await message_of(shop)).media_status == "stored"


async def test_an_address_of_a_webhook_leads_nowhere_but_to_evolutions_own_store(
    shop: Shop, strange_store: tuple[str, list[str]]
) -> None:
    url, asked = strange_store
    shop.simulator.send_file(PHONE, "image", PICTURE, "image/png", instance=shop.name)
    await shop.simulator.settled()
    forged = {
        "key": {"remoteJid": f"{PHONE}@s.whatsapp.net", "fromMe": False, "id": "forged"},
        "message": {"imageMessage": {"mimetype": "image/png"}, "mediaUrl": f"{url}/latest/meta-data"},
        "messageType": "imageMessage",
        "messageTimestamp": 1795459370,
    }
    await receive(shop.db, envelope("messages.upsert", shop.name, forged))

    await fetch_all(shop.db)

    assert not asked
    (conversation,) = await inbox(shop.db, instance_id=shop.instance)
    statuses = {one.message_id: one.media_status for one in await thread(shop.db, conversation.id)}
    assert statuses["forged"] == "pending"


async def test_a_page_that_pretends_to_be_a_picture_is_kept_as_what_no_browser_runs(shop: Shop) -> None:
    page = b"<html><script>alert(1)</script></html>"
    data = {
        "key": {"remoteJid": f"{PHONE}@s.whatsapp.net", "fromMe": False, "id": "page"},
        "message": {
            "imageMessage": {"mimetype": "image/png"},
            "base64": base64.b64encode(page).decode(),
        },
        "messageType": "imageMessage",
        "messageTimestamp": 1795459370,
    }
    await receive(shop.db, envelope("messages.upsert", shop.name, data))

    await fetch_all(shop.db)

    async with shop.db.read() as session:
        kind = await session.scalar(
            "select mime_type from files where message_id = (select id from messages"
            " where message_id = 'page' and instance_id = %(id)s)",
            id=shop.instance,
        )
    assert kind == "application/octet-stream"
