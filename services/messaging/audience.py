"""Whom a campaign may address, a page at a time in the order of ids."""

from sqlalchemy import ColumnElement, any_, func, literal, not_, select, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.types import Text, Uuid

from protos import messaging_pb2 as pb
from services.kit.actor import Actor
from services.kit.clock import parse
from services.kit.db import Session
from services.kit.errors import Invalid
from services.messaging import addressbook
from services.messaging.models import AUDIENCE, Contact, Conversation

PAGE = 1000
MOST_IDS = 10_000

MEMBERS = select(
    Contact.id.label("contact_id"),
    Contact.phone_number,
    Contact.name,
    func.jsonb_extract_path_text(Contact.metadata_, "timeZone").label("time_zone"),
).order_by(Contact.id)


async def resolve(
    session: Session, actor: Actor, request: pb.ResolveAudienceRequest
) -> pb.ResolveAudienceResponse:
    if max(len(request.contact_ids), len(request.exclude_contact_ids)) > MOST_IDS:
        raise Invalid(fields={"contactIds": f"takes at most {MOST_IDS}"})
    wanted = await _wanted(session, request)
    if request.count_only:
        count = await session.scalar(select(func.count()).select_from(Contact).where(*wanted))
        return pb.ResolveAudienceResponse(count=count)
    if request.after:
        wanted.append(Contact.id > request.after)
    limit = min(request.limit or PAGE, PAGE)
    rows = await session.all(MEMBERS.where(*wanted).limit(limit + 1))
    members = [pb.AudienceMember(**row._asdict()) for row in rows[:limit]]
    return pb.ResolveAudienceResponse(members=members, has_more=len(rows) > limit)


async def _wanted(session: Session, request: pb.ResolveAudienceRequest) -> list[ColumnElement[bool]]:
    wanted: list[ColumnElement[bool]] = [
        Contact.instance_id == request.instance_id,
        text(AUDIENCE),  # type: ignore[list-item]
        not_(Contact.phone_number.contains("@")),
    ]
    if request.contact_ids:
        wanted.append(Contact.id == any_(_ids([*request.contact_ids])))
    if request.exclude_contact_ids:
        wanted.append(not_(Contact.id == any_(_ids([*request.exclude_contact_ids]))))
    if request.tags:
        tags = literal([*request.tags], ARRAY(Text))
        wanted.append(func.jsonb_exists_any(Contact.metadata_.op("->")("tags"), tags))
    if request.search.strip():
        wanted.append(await addressbook.matching(session, request.search))
    if talked := _talked(request):
        talk = select(Conversation.id).where(Conversation.contact_id == Contact.id, *talked)
        wanted.append(talk.exists())
    return wanted


def _talked(request: pb.ResolveAudienceRequest) -> list[ColumnElement[bool]]:
    talked: list[ColumnElement[bool]] = []
    if request.sentiments:
        talked.append(Conversation.current_sentiment.in_([*request.sentiments]))
    if request.last_interaction_after:
        talked.append(Conversation.last_message_at >= parse(request.last_interaction_after))
    if request.last_interaction_before:
        talked.append(Conversation.last_message_at <= parse(request.last_interaction_before))
    return talked


def _ids(ids: list[str]) -> ColumnElement[list[str]]:
    return literal(ids, ARRAY(Uuid(as_uuid=False)))
