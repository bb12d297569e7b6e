"""Contacts as people keep them, whom campaigns may address, and what WhatsApp says that they are called."""

from datetime import timedelta
from typing import Any

import orjson
import pytest

from protos import messaging_pb2 as pb
from services.kit.actor import Actor
from services.kit.db import Database
from services.messaging import addressbook, assignments, audience, contexts, details, profile_checks
from services.messaging.addressbook import ContactNotFound
from tests.fakes.evolution_webhooks import Fault
from tests.messaging.builders import (
    announced,
    inbox,
    make_instance,
    make_person,
    phone,
    receive,
    thread,
    upsert,
    written_by,
)
from tests.messaging.conftest import Shop
from tests.support import ADMIN, INTELLIGENCE, JOAO, MARIA, SUPERVISOR


@pytest.fixture
async def place(db: Database) -> tuple[str, str]:
    """An instance's id and name."""
    name = f"contatos-{phone()}"
    return await make_instance(db, name), name


async def listed(db: Database, actor: Actor, **asked: Any) -> list[pb.Contact]:
    async with db.read() as session:
        reply = await addressbook.list_contacts(session, actor, pb.ListContactsRequest(**asked))
    return [*reply.contacts]


async def change(db: Database, actor: Actor, id: str, *named: str, **values: Any) -> pb.Contact:
    request = pb.UpdateContactRequest(id=id, **values)
    request.update_mask.paths.extend(named or values)
    async with db.begin() as session:
        return (await addressbook.change(session, actor, request)).contact


async def give(db: Database, conversation: str, to: str) -> None:
    async with db.begin() as session:
        await assignments.give(session, SUPERVISOR, conversation, to, None)


async def test_contacts_are_listed_by_who_wrote_last_or_by_name(db: Database, place: tuple[str, str]) -> None:
    id, name = place
    for at, who in enumerate(("Bia", "ana", "Caio")):
        await written_by(db, name, phone(), name=who, at=1795459370 + at)

    async def names(**asked: Any) -> list[str]:
        return [one.name for one in await listed(db, SUPERVISOR, instance_id=id, **asked)]

    assert await names() == ["Caio", "ana", "Bia"]
    assert await names(sort="name_asc") == ["ana", "Bia", "Caio"]
    assert await names(sort="name_desc") == ["Caio", "Bia", "ana"]
    assert await names(search="CAI") == ["Caio"]
    async with db.read() as session:
        first = pb.ListContactsRequest(instance_id=id, sort="name_asc", limit=2, include=["total"])
        one = await addressbook.list_contacts(session, SUPERVISOR, first)
        rest = pb.ListContactsRequest(
            instance_id=id, sort="name_asc", limit=2, cursor=one.pagination.next_cursor
        )
        two = await addressbook.list_contacts(session, SUPERVISOR, rest)
    assert [contact.name for contact in (*one.contacts, *two.contacts)] == ["ana", "Bia", "Caio"]
    assert (one.pagination.total, two.pagination.has_more) == (3, False)


async def test_an_agent_sees_the_contacts_of_the_queue_and_their_own(
    db: Database, place: tuple[str, str]
) -> None:
    id, name = place
    await make_person(db, JOAO, "João")
    theirs = await written_by(db, name, phone(), name="Do João")
    await give(db, theirs, JOAO.id)
    await written_by(db, name, phone(), name="Da fila")
    (hidden,) = await listed(db, SUPERVISOR, instance_id=id, search="joao")

    assert [one.name for one in await listed(db, MARIA, instance_id=id)] == ["Da fila"]
    assert len(await listed(db, JOAO, instance_id=id)) == 2
    with pytest.raises(ContactNotFound):
        await change(db, MARIA, hidden.id, name="Roubado")
    async with db.read() as session:
        with pytest.raises(ContactNotFound):
            await addressbook.get(session, MARIA, pb.GetContactRequest(id=hidden.id))
        seen = await addressbook.get(session, INTELLIGENCE, pb.GetContactRequest(id=hidden.id))
    assert seen.id == hidden.id


async def test_what_people_wrote_stays_whatever_the_customer_goes_by(
    db: Database, place: tuple[str, str]
) -> None:
    id, name = place
    number = phone()
    await written_by(db, name, number, name="Zezinho")
    (contact,) = await listed(db, SUPERVISOR, instance_id=id)

    changed = await change(
        db,
        SUPERVISOR,
        contact.id,
        name="José da Silva",
        email="jose@example.com",
        tags=["vip"],
        opt_in=False,
    )
    await written_by(db, name, number, name="Zezinho", at=1795450000)

    (now,) = await listed(db, SUPERVISOR, instance_id=id)
    assert (now.name, now.email, now.opt_in) == ("José da Silva", "jose@example.com", False)
    assert '"vip"' in changed.metadata
    assert {"contact_updated", "contact_opted_out"} <= {*await announced(db, contact.id)}
    cleared = await change(db, SUPERVISOR, contact.id, "email")
    assert not cleared.HasField("email")


async def test_what_people_wrote_of_two_stays_when_they_turn_out_to_be_one(
    db: Database, place: tuple[str, str]
) -> None:
    id, name = place
    number, lid = phone(), f"1827{phone()}@lid"
    jid = f"{number}@s.whatsapp.net"
    await receive(db, upsert(name, "Oi", remoteJid=jid, name="Zezinho"))
    await receive(db, upsert(name, "Oi", remoteJid=lid, name="Zé"))
    known = {one.phone_number: one.id for one in await listed(db, SUPERVISOR, instance_id=id)}
    await change(db, SUPERVISOR, known[lid], name="José da Silva", tags=["vip"], notes="Liga à tarde")
    await change(db, SUPERVISOR, known[number], tags=["loja"], notes="Paga à vista")
    for one in await inbox(db, instance_id=id):
        request = pb.UpdateConversationRequest(id=one.id, metadata=f'{{"from {one.contact_phone}": true}}')
        request.update_mask.paths.append("metadata")
        await details.change(db, SUPERVISOR, request)

    await receive(db, upsert(name, "Sou eu", remoteJid=jid, remoteJidAlt=lid, name="Zezinho"))

    (contact,) = await listed(db, SUPERVISOR, instance_id=id)
    (conversation,) = await inbox(db, instance_id=id)
    assert (contact.name, contact.notes) == ("José da Silva", "Paga à vista\nLiga à tarde")
    assert orjson.loads(contact.metadata) == {"nameLocked": True, "tags": ["loja", "vip"]}
    assert orjson.loads(conversation.metadata) == {f"from {one}": True for one in (number, lid)}


async def test_a_message_leads_services_to_the_conversation_that_it_is_in_now(
    db: Database, place: tuple[str, str]
) -> None:
    id, name = place
    number, lid = phone(), f"1827{phone()}@lid"
    kept = await written_by(db, name, number)
    await receive(db, upsert(name, "Oi", remoteJid=lid))
    (gone,) = {one.id for one in await inbox(db, instance_id=id)} - {kept}
    (hidden,) = await thread(db, gone)
    await written_by(db, name, number, "Sou eu", remoteJidAlt=lid)

    asked = pb.GetContextRequest(conversation_id=gone, message_id=hidden.id, limit=9)
    async with db.read() as session:
        context = await contexts.get(session, INTELLIGENCE, asked)

    assert context.conversation.id == kept
    assert {one.content for one in context.messages} == {"Oi", "Olá", "Sou eu"}


async def test_a_deleted_contact_comes_back_when_it_writes(db: Database, place: tuple[str, str]) -> None:
    id, name = place
    number = phone()
    await written_by(db, name, number, name="Ana")
    (contact,) = await listed(db, SUPERVISOR, instance_id=id)

    async with db.begin() as session:
        await addressbook.remove(session, ADMIN, pb.DeleteContactRequest(id=contact.id))
    gone = await listed(db, SUPERVISOR, instance_id=id)
    await written_by(db, name, number, name="Ana", at=1795459999)

    assert gone == []
    assert len(await inbox(db, instance_id=id)) == 1
    assert [one.id for one in await listed(db, SUPERVISOR, instance_id=id)] == [contact.id]


async def resolved(db: Database, instance: str, **asked: Any) -> list[str]:
    """The names of a whole audience, a page at a time."""
    names, after = [], ""
    async with db.read() as session:
        while True:
            request = pb.ResolveAudienceRequest(instance_id=instance, after=after, **asked)
            reply = await audience.resolve(session, INTELLIGENCE, request)
            names += [one.name for one in reply.members]
            if not reply.has_more:
                counted = pb.ResolveAudienceRequest(
                    instance_id=instance, count_only=True, **{**asked, "limit": 0}
                )
                assert (await audience.resolve(session, INTELLIGENCE, counted)).count == len(names)
                return names
            after = reply.members[-1].contact_id


async def test_an_audience_is_who_may_be_addressed_narrowed_by_what_is_asked(
    db: Database, place: tuple[str, str]
) -> None:
    id, name = place
    for at, who in enumerate(("Ana", "Bia", "Caio", "Davi")):
        await written_by(db, name, phone(), name=who, at=1795459370 - 86_400 * (3 - at))
    known = {one.name: one.id for one in await listed(db, SUPERVISOR, instance_id=id)}
    await change(db, SUPERVISOR, known["Davi"], opt_in=False)
    await change(db, SUPERVISOR, known["Bia"], tags=["vip", "sp"])
    await receive(
        db,
        upsert(name, "No grupo", remoteJid=f"{phone()}-1@g.us", participant=f"{phone()}@s.whatsapp.net"),
        upsert(name, "Sem número", remoteJid=f"{phone()}@lid", name="Oculto"),
    )

    assert await resolved(db, id, limit=1) == ["Ana", "Bia", "Caio"]
    assert await resolved(db, id, tags=["vip", "rj"]) == ["Bia"]
    assert await resolved(db, id, search="cai") == ["Caio"]
    assert await resolved(db, id, contact_ids=[known["Ana"], known["Davi"]]) == ["Ana"]
    assert await resolved(db, id, exclude_contact_ids=[known["Ana"]]) == ["Bia", "Caio"]
    assert await resolved(db, id, last_interaction_after="2026-11-22T00:00:00.000Z") == ["Caio"]
    assert await resolved(db, id, sentiments=["negative"]) == []


async def test_names_that_are_numbers_become_names(shop: Shop) -> None:
    number, shy = phone(), phone()
    shop.simulator.customer(number, "Maria Clara")
    await receive(shop.db, upsert(shop.name, "Oi", remoteJid=f"{number}@s.whatsapp.net", name="."))
    await receive(shop.db, upsert(shop.name, "Oi", remoteJid=f"{shy}@s.whatsapp.net", name=""))
    before = {
        one.phone_number: one.name for one in await listed(shop.db, SUPERVISOR, instance_id=shop.instance)
    }

    request = pb.FixNamesRequest(instance_id=shop.instance)
    dry = await profile_checks.fix_names(
        shop.db, SUPERVISOR, pb.FixNamesRequest(instance_id=shop.instance, dry_run=True)
    )
    fixed = await profile_checks.fix_names(shop.db, SUPERVISOR, request)

    after = {
        one.phone_number: one.name for one in await listed(shop.db, SUPERVISOR, instance_id=shop.instance)
    }
    assert before == {number: number, shy: shy}
    assert after == {number: "Maria Clara", shy: shy}
    assert (dry.total, dry.fixed, fixed.total, fixed.fixed, fixed.remaining) == (2, 0, 2, 1, 0)


async def test_pictures_are_fetched_and_who_has_none_is_skipped(shop: Shop) -> None:
    number, bare = phone(), phone()
    shop.simulator.customer(number, "Maria")
    await receive(shop.db, upsert(shop.name, "Oi", remoteJid=f"{number}@s.whatsapp.net"))
    await receive(shop.db, upsert(shop.name, "Oi", remoteJid=f"{bare}@s.whatsapp.net"))
    group = f"{phone()}-123@g.us"
    shop.simulator.instances[shop.name].groups[group] = {
        "id": group,
        "subject": "Obra do centro",
        "pictureUrl": "https://pps.whatsapp.net/v/grupo.jpg",
    }
    await receive(shop.db, upsert(shop.name, "Oi", remoteJid=group, participant=f"{number}@s.whatsapp.net"))

    request = pb.SyncProfilesRequest(instance_id=shop.instance)
    reply = await profile_checks.sync_profiles(shop.db, SUPERVISOR, request)

    pictured = {
        one.name: one.profile_picture_url
        for one in await listed(shop.db, SUPERVISOR, instance_id=shop.instance)
    }
    assert (reply.total, reply.updated, reply.skipped, reply.failed, reply.remaining) == (3, 2, 1, 0, 0)
    assert pictured["Obra do centro"] == "https://pps.whatsapp.net/v/grupo.jpg"


async def test_who_has_just_appeared_is_looked_up_once(shop: Shop) -> None:
    number = phone()
    shop.simulator.customer(number, "Maria")
    await receive(shop.db, upsert(shop.name, "Oi", remoteJid=f"{number}@s.whatsapp.net", name=""))

    await profile_checks.meet_the_new(shop.db)
    shop.simulator.plan.faults.append(Fault("status", verb="chat/", status=500, times=99))
    await profile_checks.meet_the_new(shop.db)

    (contact,) = await listed(shop.db, SUPERVISOR, instance_id=shop.instance)
    assert contact.name == "Maria"
    assert contact.profile_picture_url.startswith("https://pps.whatsapp.net/")


async def test_a_group_that_was_renamed_is_called_so_once_somebody_writes_there(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    group = f"{phone()}-123@g.us"
    place = shop.simulator.instances[shop.name]

    async def say_and_look(subject: str) -> str:
        place.groups[group] = {"id": group, "subject": subject}
        shop.simulator.say(phone(), "Oi", group=group, instance=shop.name)
        await shop.simulator.settled()
        await profile_checks.meet_the_new(shop.db)
        await profile_checks.follow_groups(shop.db)
        (contact,) = await listed(shop.db, SUPERVISOR, instance_id=shop.instance)
        return contact.name

    first, soon = await say_and_look("Obra"), await say_and_look("Obra do centro")
    monkeypatch.setattr(profile_checks, "GROUPS_AGAIN", timedelta(0))
    later = await say_and_look("Obra do porto")

    assert (first, soon, later) == ("Obra", "Obra", "Obra do porto")
