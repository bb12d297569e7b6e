"""What the gateway asks the services for, and what it does while one of them is away."""

import asyncio
import socket
import time

import orjson
import pytest

from gateway import stream
from gateway.audiences import Listener
from gateway.objects import OBJECTS
from gateway.sight import ASKED, Sight
from protos import sales_pb2 as sales
from services.kit.peers import Peer
from services.kit.tables import new_id
from tests.gateway.office import Office


async def test_an_event_goes_out_without_its_object_while_the_service_is_away(office: Office) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        peers = {name: office.house.peer(name) for name in ASKED}
        nowhere = f"127.0.0.1:{closed.getsockname()[1]}"
        peers["sales"] = Peer("sales", nowhere, office.house.callers("gateway"))
        sight = Sight(peers)
        lead = new_id()
        sequence = await office.tell(sales.LeadUpdated(lead_id=lead))
        batch = await anext(stream.follow(office.bus, sequence - 1))

        began = time.monotonic()
        [waited] = await sight.take(batch[:1])
        took = time.monotonic() - began
        await asyncio.gather(*(peer.close() for peer in peers.values()))

    block = sight.of(Listener("ana", "admin"), waited)
    assert block is not None
    shown = orjson.loads(block.split(b"data: ")[1])
    assert (shown["leadId"], shown["lead"]) == (lead, None)
    assert took < 5


@pytest.mark.parametrize("name", OBJECTS)
def test_every_object_is_asked_of_its_service_by_its_name(name: str) -> None:
    shown = OBJECTS[name]
    asked = ASKED[shown.service][1].DESCRIPTOR
    lists = asked.file.message_types_by_name["GetCurrentResponse"].fields

    assert f"{name}_ids" in asked.fields_by_name
    assert shown.shape.DESCRIPTOR in [field.message_type for field in lists]
