"""Identity, sales and intelligence as campaigns sees them: plain data, and each can be away."""

from typing import Any

import grpc
import orjson

from protos import identity_pb2, intelligence_pb2, sales_pb2
from protos.identity_pb2_grpc import IdentityServicer
from protos.intelligence_pb2_grpc import IntelligenceServicer
from protos.sales_pb2_grpc import SalesServicer
from services.kit.tables import new_id


class Identity(IdentityServicer):
    def __init__(self) -> None:
        self.clear()

    def clear(self) -> None:
        self.people: dict[str, identity_pb2.User] = {}
        self.config: dict[str, Any] = {}
        self.away = False

    def add(
        self, role: str = "agent", *, status: str = "online", id: str | None = None, name: str = ""
    ) -> str:
        """They join in the order in which they are added."""
        user = identity_pb2.User(
            id=id or new_id(),
            full_name=name or f"Pessoa {len(self.people)}",
            email=f"pessoa{len(self.people)}@empresa.com.br",
            role=role,
            status=status,
            is_active=True,
            is_approved=True,
            created_at=f"2026-01-01T00:00:{len(self.people):02d}.000Z",
        )
        self.people[user.id] = user
        return user.id

    async def GetPeople(self, request: Any, call: Any) -> Any:
        await _there(self.away, call)
        found = [
            user
            for user in self.people.values()
            if (not request.ids or user.id in request.ids)
            and (not request.roles or user.role in request.roles)
            and (not request.eligible or (user.is_active and user.is_approved))
        ]
        return identity_pb2.GetPeopleResponse(people=found)

    async def ReadConfig(self, request: Any, call: Any) -> Any:
        await _there(self.away, call)
        values = {
            key: orjson.dumps(value).decode() for key, value in self.config.items() if key in request.keys
        }
        return identity_pb2.ReadConfigResponse(values=values)


class Sales(SalesServicer):
    def __init__(self) -> None:
        self.clear()

    def clear(self) -> None:
        self.leads: list[sales_pb2.Lead] = []
        self.away = False

    def add(self, **fields: Any) -> sales_pb2.Lead:
        lead = sales_pb2.Lead(
            **{"id": new_id(), "status": "new", "source": "whatsapp", "name": "Lead", **fields}
        )
        self.leads.append(lead)
        return lead

    async def FindLead(self, request: Any, call: Any) -> Any:
        await _there(self.away, call)
        for lead in self.leads:
            if request.id == lead.id or (
                request.conversation_id and request.conversation_id == lead.conversation_id
            ):
                return sales_pb2.FindLeadResponse(lead=lead)
        return sales_pb2.FindLeadResponse()

    async def ListLeadContacts(self, request: Any, call: Any) -> Any:
        await _there(self.away, call)
        found = sorted(
            {
                lead.contact_id
                for lead in self.leads
                if (not request.statuses or lead.status in request.statuses)
                and (not request.sources or lead.source in request.sources)
                and lead.lead_score >= request.min_score
                and (not request.contact_ids or lead.contact_id in request.contact_ids)
                and lead.contact_id > request.after
            }
        )
        page = found[: request.limit or 1000]
        return sales_pb2.ListLeadContactsResponse(contact_ids=page, has_more=len(found) > len(page))


class Intelligence(IntelligenceServicer):
    def __init__(self) -> None:
        self.clear()

    def clear(self) -> None:
        self.handoff = intelligence_pb2.PrepareHandoffResponse(session="{}")
        self.away = False

    async def PrepareHandoff(self, request: Any, call: Any) -> Any:
        await _there(self.away, call)
        return self.handoff


async def _there(away: bool, call: Any) -> None:
    if away:
        await call.abort(grpc.StatusCode.UNAVAILABLE, "away")
