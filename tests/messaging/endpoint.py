"""Where the simulator's webhooks arrive, and whom and what they are about."""

from datetime import UTC, datetime, timedelta
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from services.messaging.evolution import events
from services.messaging.inbound import Envelope

MARIA, MARIA_JID = "5511988887777", "5511988887777@s.whatsapp.net"
PNG = bytes(range(64))
TEXT = "Seu pedido 4711 saiu para entrega"


class Endpoint:
    """Where the simulator's webhooks arrive; `answers` are given one by one, then 200."""

    def __init__(self) -> None:
        self.url = ""
        self.bodies: list[bytes] = []
        self.paths: list[str] = []
        self.headers: list[dict[str, str]] = []
        self.answers: list[int] = []

    async def receive(self, request: Request) -> Response:
        self.bodies.append(await request.body())
        self.paths.append(request.url.path)
        self.headers.append(dict(request.headers))
        return Response(status_code=self.answers.pop(0) if self.answers else 200)

    @property
    def envelopes(self) -> list[Envelope]:
        return [events.parse(body) for body in self.bodies]

    def told(self, event: str) -> list[Any]:
        return [item for envelope in self.envelopes if envelope.event == event for item in envelope.items]


def ago(seconds: float) -> datetime:
    return datetime.now(UTC) - timedelta(seconds=seconds)
