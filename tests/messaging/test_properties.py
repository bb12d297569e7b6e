"""For any people, any versions of Evolution and any order: who is who, and how far a message has come."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.kit.db import Database
from services.kit.tables import new_id
from services.messaging import changes, statuses
from services.messaging.inbound import StatusUpdate
from services.messaging.statuses import Target
from tests.messaging.builders import envelope, make_instance, receive

SOME = settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
AREA = "5511"


@dataclass(frozen=True)
class View:
    """A message of somebody, as one version of Evolution tells it."""

    person: int
    shape: str  # which ids it names, and how

    @property
    def ids(self) -> set[str]:
        names = {
            "phone": self.shape != "lid",
            "lid": self.shape not in ("phone", "short", "device", "both_pn"),
        }
        return {f"{name}-{self.person}" for name, told in names.items() if told}


SHAPES = ["phone", "short", "device", "lid", "lid_alt", "pn_alt", "sender_pn", "both_pn"]
views = st.lists(
    st.builds(View, person=st.integers(0, 3), shape=st.sampled_from(SHAPES)), min_size=1, max_size=14
)


def key_of(view: View) -> dict[str, Any]:
    number = f"8888{view.person:04d}"
    phone, short = f"{AREA}9{number}@s.whatsapp.net", f"{AREA}{number}@s.whatsapp.net"
    lid = f"18270000000{view.person}@lid"
    return {
        "phone": {"remoteJid": phone},
        "short": {"remoteJid": short},
        "device": {"remoteJid": phone.replace("@", ":7@")},
        "lid": {"remoteJid": lid, "addressingMode": "lid"},
        "lid_alt": {"remoteJid": lid, "remoteJidAlt": short, "addressingMode": "lid"},
        "pn_alt": {"remoteJid": phone, "remoteJidAlt": lid, "addressingMode": "pn"},
        "sender_pn": {"remoteJid": lid, "senderPn": phone},
        "both_pn": {"remoteJid": phone, "remoteJidAlt": phone, "addressingMode": "lid"},
    }[view.shape]


def message(instance: str, number: int, view: View) -> bytes:
    data = {
        "key": {**key_of(view), "fromMe": False, "id": f"m{number}"},
        "pushName": f"Pessoa {'ABCD'[view.person]}",
        "message": {"conversation": f"linha {number}"},
        "messageType": "conversation",
        "messageTimestamp": 1795459370 + number,
    }
    return envelope("messages.upsert", instance, data)


def people_in(told: Sequence[View]) -> set[frozenset[str]]:
    """The messages of each person that can be told apart: whoever shares an id is one."""
    groups: list[tuple[set[str], set[str]]] = []
    for number, view in enumerate(told):
        ids, messages = set(view.ids), {f"m{number}"}
        for group in [one for one in groups if one[0] & ids]:
            groups.remove(group)
            ids, messages = ids | group[0], messages | group[1]
        groups.append((ids, messages))
    return {frozenset(messages) for _, messages in groups}


@SOME
@given(told=views, order=st.randoms(use_true_random=False), size=st.integers(1, 6))
async def test_messages_of_one_person_are_in_one_thread_whatever_the_order(
    db: Database, told: list[View], order: Any, size: int
) -> None:
    name = f"quem-{new_id()}"
    instance = await make_instance(db, name)
    bodies = [message(name, number, view) for number, view in enumerate(told)]
    bodies += order.sample(bodies, len(bodies) // 2)
    order.shuffle(bodies)

    for start in range(0, len(bodies), size):
        await receive(db, *bodies[start : start + size])

    async with db.read() as session:
        rows = await session.all(
            "select v.id, v.unread_count, v.customer_message_count, c.phone_number,"
            " array_agg(m.message_id) as messages"
            " from conversations v join contacts c on c.id = v.contact_id"
            " join messages m on m.conversation_id = v.id"
            " where v.instance_id = %(id)s group by v.id, c.id",
            id=instance,
        )
        contacts = await session.scalar(
            "select count(*) from contacts where instance_id = %(id)s", id=instance
        )
    assert {frozenset(row.messages) for row in rows} == people_in(told)
    assert contacts == len(rows)
    for row in rows:
        assert row.unread_count == row.customer_message_count == len(row.messages)
        members = [told[int(one[1:])] for one in row.messages]
        knows_phone = any(f"phone-{one.person}" in one.ids for one in members)
        assert row.phone_number.endswith("@lid") != knows_phone


steps = st.builds(
    StatusUpdate,
    external_ids=st.just(("x",)),
    status=st.sampled_from(["sending", "sent", "delivered", "read", "failed"]),
    from_me=st.just(True),
    rejected=st.booleans(),
)


def moved(changes: Sequence[StatusUpdate]) -> list[int]:
    """How far a message had come after each of these."""
    target = Target(
        id="a",
        conversation_id="b",
        instance_id="c",
        message_id="x",
        is_from_me=True,
        status="sending",
        progress=0,
        origin="human",
        timestamp="",
        content="",
        original_content=None,
        edited_at=None,
        deleted_at=None,
        metadata={},
        correlation_id=None,
    )
    course = []
    for change in changes:
        statuses.move(target, change)
        course.append(target.progress)
        assert target.status == statuses.SHOWN[target.progress]
    return course


@given(changes=st.lists(steps, min_size=1, max_size=12), order=st.randoms(use_true_random=False))
def test_a_status_never_goes_back_and_ends_the_same_in_any_order(
    changes: list[StatusUpdate], order: Any
) -> None:
    changes = [
        one if one.status == "failed" else StatusUpdate(("x",), one.status, from_me=True) for one in changes
    ]
    shuffled = order.sample(changes * 2, len(changes) * 2)

    course, other = moved(changes), moved(shuffled)

    assert course == sorted(course)
    assert other == sorted(other)
    assert course[-1] == other[-1] == max(0, *map(statuses.step, changes))


WORDS = ["PENDING", "SERVER_ACK", "DELIVERY_ACK", "READ", "PLAYED", "ERROR"]
SHOWN = {
    "PENDING": "sent",  # it was typed on the phone: it is with WhatsApp at least
    "SERVER_ACK": "sent",
    "ERROR": "sent",
    "DELIVERY_ACK": "delivered",
    "READ": "read",
    "PLAYED": "read",
}
RANK = ["sent", "delivered", "read"]


@SOME
@given(
    words=st.lists(st.sampled_from(WORDS), min_size=1, max_size=8),
    place=st.integers(0, 8),
    size=st.integers(1, 4),
)
async def test_statuses_that_come_before_their_message_count_as_if_they_came_after(
    db: Database, words: list[str], place: int, size: int
) -> None:
    name = f"estado-{new_id()}"
    instance = await make_instance(db, name)
    key = {"remoteJid": "5511988887777@s.whatsapp.net", "fromMe": True, "id": "minha"}
    data = {
        "key": key,
        "message": {"conversation": "Do celular"},
        "messageType": "conversation",
        "messageTimestamp": 1795459370,
        "status": "SERVER_ACK",
    }
    bodies = [
        envelope("messages.update", name, {"keyId": "minha", **key, "status": word, "messageId": "c1"})
        for word in words
    ]
    bodies.insert(min(place, len(bodies)), envelope("messages.upsert", name, data))

    for start in range(0, len(bodies), size):
        await receive(db, *bodies[start : start + size])
    await changes.apply_what_came(db)

    async with db.read() as session:
        status = await session.scalar("select status from messages where instance_id = %(id)s", id=instance)
    assert status == max((SHOWN[word] for word in words), key=RANK.index)
