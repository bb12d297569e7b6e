"""Copies of contacts' pictures: ours, the newest one, made once, and never an address that expires."""

from typing import Any

import pytest

from protos import messaging_pb2 as pb
from services.kit.blobs import ObjectNotFound
from services.messaging import files, pictures, profile_checks
from services.messaging.files import FileInUse
from services.messaging.settings import settings, store
from tests.fakes.evolution_rest_chats import picture_of
from tests.messaging.builders import announced, envelope, phone, receive, upsert
from tests.messaging.conftest import Shop
from tests.messaging.test_contacts import listed
from tests.support import JOAO, SUPERVISOR

PICTURE, OTHER = (b"\xff\xd8\xff" + octet * 400 for octet in (b"a", b"b"))


@pytest.fixture(autouse=True)
async def copies(monkeypatch: pytest.MonkeyPatch) -> None:
    """The operator wants them."""
    await files.ensure_bucket()
    wanted = settings().model_copy(update={"profile_pictures_copy": True})
    monkeypatch.setattr(pictures, "settings", lambda: wanted)


async def writer(shop: Shop, picture: bytes) -> str:
    """The phone of a customer who has written, and shows a picture."""
    number = phone()
    shop.simulator.customer(number, "Maria").picture = picture
    await receive(shop.db, upsert(shop.name, "Oi", remoteJid=f"{number}@s.whatsapp.net"))
    return number


async def sync(shop: Shop, *, force: bool = False) -> pb.SyncProfilesResponse:
    request = pb.SyncProfilesRequest(instance_id=shop.instance, force=force)
    return await profile_checks.sync_profiles(shop.db, SUPERVISOR, request)


async def contact_of(shop: Shop) -> pb.Contact:
    (contact,) = await listed(shop.db, SUPERVISOR, instance_id=shop.instance)
    return contact


async def told(shop: Shop, number: str, url: str) -> None:
    """Evolution tells of a picture."""
    update = {"remoteJid": f"{number}@s.whatsapp.net", "profilePicUrl": url}
    await receive(shop.db, envelope("contacts.update", shop.name, update))


async def is_to_be_asked_for(shop: Shop) -> bool:
    async with shop.db.read() as session:
        statement = "select checked_at is null from contacts where instance_id = %(id)s"
        return bool(await session.scalar(statement, id=shop.instance))


async def run(shop: Shop, statement: str, **values: Any) -> None:
    async with shop.db.begin() as session:
        await session.run(statement, id=shop.instance, **values)


async def test_a_picture_is_copied_and_whoever_is_signed_in_may_have_it(shop: Shop) -> None:
    await writer(shop, PICTURE)

    reply = await sync(shop)

    contact = await contact_of(shop)
    assert (reply.updated, reply.failed, reply.remaining) == (1, 0, 0)
    assert contact.profile_picture_url.startswith(f"avatars/{contact.id}/")
    assert await store().get(contact.profile_picture_url) == PICTURE
    file = await files.get(shop.db, JOAO, pb.GetFileRequest(key=contact.profile_picture_url))
    assert (file.mime_type, file.size) == ("image/jpeg", len(PICTURE))
    with pytest.raises(FileInUse):
        await files.delete(shop.db, SUPERVISOR, pb.DeleteFileRequest(key=contact.profile_picture_url))
    assert (await announced(shop.db, contact.id)).count("contact_updated") == 1


async def test_a_picture_that_is_the_same_is_not_copied_again(shop: Shop) -> None:
    await writer(shop, PICTURE)
    await sync(shop)
    key = (await contact_of(shop)).profile_picture_url
    await store().put(key, b"as it is", "image/jpeg")
    await run(shop, "update contacts set checked_at = now() - interval '8 days' where instance_id = %(id)s")

    assert (await sync(shop, force=True)).updated == 1

    assert await store().get(key) == b"as it is"
    assert (await contact_of(shop)).profile_picture_url == key


async def test_another_picture_takes_the_place_of_the_old_one_which_is_erased(shop: Shop) -> None:
    await writer(shop, PICTURE)
    await sync(shop)
    old = (await contact_of(shop)).profile_picture_url
    (customer,) = shop.simulator.customers.values()
    customer.picture = OTHER
    await run(shop, "update contacts set checked_at = now() - interval '8 days' where instance_id = %(id)s")

    await sync(shop, force=True)
    await files.sweep(shop.db)

    contact = await contact_of(shop)
    assert await store().get(contact.profile_picture_url) == OTHER
    with pytest.raises(ObjectNotFound):
        await store().get(old)


async def test_who_shows_another_picture_is_looked_up_and_who_does_not_is_left_alone(shop: Shop) -> None:
    number = await writer(shop, PICTURE)
    await sync(shop)
    ago = "update contacts set picture_told_at = now() - interval '2 hours' where instance_id = %(id)s"
    await run(shop, ago)
    (customer,) = shop.simulator.customers.values()

    await told(shop, number, picture_of(shop.simulator, customer))
    assert not await is_to_be_asked_for(shop)
    customer.picture = OTHER
    await told(shop, number, picture_of(shop.simulator, customer))
    assert await is_to_be_asked_for(shop)
    await profile_checks.meet_the_new(shop.db)

    assert await store().get((await contact_of(shop)).profile_picture_url) == OTHER


async def test_what_cannot_be_copied_is_not_asked_for_at_each_message(shop: Shop) -> None:
    number = await writer(shop, b"<html><script>alert(1)</script></html>")

    reply = await sync(shop)
    asked = []
    for _ in range(3):
        await told(shop, number, "https://pps.whatsapp.net/v/page.jpg")
        asked.append(await is_to_be_asked_for(shop))
        await profile_checks.meet_the_new(shop.db)

    assert (reply.updated, reply.failed) == (0, 1)
    assert asked == [True, False, False]
    assert not (await contact_of(shop)).HasField("profile_picture_url")


async def test_an_address_that_leads_elsewhere_is_not_followed(
    shop: Shop, strange_store: tuple[str, list[str]]
) -> None:
    url, asked = strange_store
    group = f"{phone()}-123@g.us"
    shop.simulator.instances[shop.name].groups[group] = {
        "id": group,
        "subject": "Obra do centro",
        "pictureUrl": f"{url}/latest/meta-data",
    }
    await receive(shop.db, upsert(shop.name, "Oi", remoteJid=group, participant=f"{phone()}@s.whatsapp.net"))

    reply = await sync(shop)

    assert (reply.updated, reply.failed, asked) == (0, 1, [])
    assert (await contact_of(shop)).name == "Obra do centro"
