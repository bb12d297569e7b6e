"""Who is shown an event."""

import pytest
from google.protobuf.message_factory import GetMessageClass

from gateway import audiences, catalogue
from gateway.audiences import About, Listener
from protos import sales_pb2

MARIA = Listener(id="maria", role="agent")


@pytest.mark.parametrize(
    ("event", "seen"),
    [
        (sales_pb2.LeadUpdated(lead_id="1", assigned_to="maria"), True),
        (sales_pb2.LeadUpdated(lead_id="1", assigned_to="joao", previously_assigned_to="maria"), True),
        (sales_pb2.LeadUpdated(lead_id="1", assigned_to="joao"), False),
        (sales_pb2.LeadUpdated(lead_id="1"), False),
        (sales_pb2.LeadActivityAdded(lead_id="1"), False),
    ],
    ids=["hers", "was hers", "a colleague's", "nobody's", "an activity of nobody's"],
)
def test_an_agent_hears_of_own_leads_only(event: object, seen: bool) -> None:
    assert audiences.of_lead(MARIA, About(event), {}) is seen


@pytest.mark.parametrize("role", ["admin", "supervisor"])
def test_those_who_lead_hear_of_every_lead(role: str) -> None:
    event = sales_pb2.LeadUpdated(lead_id="1")

    assert audiences.of_lead(Listener(id="ana", role=role), About(event), {})


def test_whoever_attends_a_meeting_hears_whatever_becomes_of_it() -> None:
    kinds = [
        GetMessageClass(one)
        for name, one in catalogue.events().items()
        if audiences.of(catalogue.name(name), one) is audiences.of_meeting
    ]

    heard = {kind: audiences.of_meeting(MARIA, About(kind(attendees=["maria"])), {}) for kind in kinds}
    unheard = {kind: audiences.of_meeting(MARIA, About(kind(attendees=["joao"])), {}) for kind in kinds}

    assert len(kinds) >= 6
    assert {*heard.values()} == {True}
    assert {*unheard.values()} == {False}


def test_a_qualification_that_is_due_is_between_services() -> None:
    due = sales_pb2.DESCRIPTOR.message_types_by_name["QualificationDue"]

    assert audiences.of("sales.qualification_due", due) is None
