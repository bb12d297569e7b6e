"""A collector of OpenTelemetry: it takes spans over HTTP and keeps them."""

import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from tests.fakes.loopback import serve


@dataclass(frozen=True)
class Span:
    service: str
    name: str
    trace: str
    id: str
    parent: str
    attributes: frozenset[tuple[str, str]]


@dataclass
class Collector:
    url: str = ""
    spans: list[Span] = field(default_factory=list)

    def of(self, trace: str) -> list[Span]:
        return [span for span in self.spans if span.trace == trace]


@contextlib.asynccontextmanager
async def collecting() -> AsyncIterator[Collector]:
    app = Starlette(routes=[Route("/v1/traces", take, methods=["POST"])])
    app.state.collector = collector = Collector()
    async with serve(app) as collector.url:
        yield collector


async def take(request: Request) -> Response:
    told = ExportTraceServiceRequest.FromString(await request.body())
    collector: Collector = request.app.state.collector
    for resource in told.resource_spans:
        service = next(
            one.value.string_value for one in resource.resource.attributes if one.key == "service.name"
        )
        collector.spans += [
            Span(
                service,
                span.name,
                span.trace_id.hex(),
                span.span_id.hex(),
                span.parent_span_id.hex(),
                frozenset((one.key, one.value.string_value) for one in span.attributes),
            )
            for scope in resource.scope_spans
            for span in scope.spans
        ]
    return Response(b"", media_type="application/x-protobuf")
