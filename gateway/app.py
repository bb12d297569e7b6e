"""The gateway's application: channels to the services, the route table's door, and what FastAPI serves."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from starlette.exceptions import HTTPException

from gateway import catalogue, cors, openapi, pages, problems, simulator
from gateway.auth import Revocations, admit
from gateway.bodies import Room
from gateway.edge import Edge, served_methods
from gateway.events import Events
from gateway.feed import Feed
from gateway.limits import Limiter
from gateway.problems import Broken, MethodNotAllowed
from gateway.proxy import Proxy
from gateway.router import Router
from gateway.routes import ANYONE, ROUTES
from gateway.settings import GatewaySettings
from gateway.sight import Sight
from gateway.storage import Storage
from gateway.tickets import LIFETIME, Tickets
from gateway.webhooks import Webhooks
from services.kit import context
from services.kit.blobs import Store
from services.kit.bus import Bus
from services.kit.clock import now, rfc3339
from services.kit.errors import Invalid, NotFound, Refusal, Unavailable
from services.kit.peers import Peer
from services.kit.tokens import Callers, People

HERE = Path(__file__).parent
SERVICES = ("identity", "messaging", "intelligence", "sales", "campaigns", "knowledge")


def build(settings: GatewaySettings) -> Edge:
    """Call it inside the running loop: channels belong to the loop they are made in."""
    callers = Callers("gateway", settings)
    peers = {name: Peer(name, getattr(settings, f"{name}_addr"), callers) for name in SERVICES}
    people = People(peers["identity"].keys)
    revocations = Revocations(peers["identity"])
    bus = Bus(settings.nats_url, settings.replica, replicas=settings.nats_replicas)
    tickets = Tickets(bus, settings)
    feed = Feed(bus, Sight(peers))
    room = Room()

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        background = [asyncio.create_task(revocations.follow()), asyncio.create_task(bus.open_patiently())]
        yield
        for task in background:
            task.cancel()
        await bus.close()
        await asyncio.gather(*background, *(peer.close() for peer in peers.values()), return_exceptions=True)

    app = FastAPI(title="Convo Insight", docs_url=None, redoc_url=None, openapi_url=None, lifespan=lifespan)
    app.exception_handler(HTTPException)(_http_error)
    app.exception_handler(Refusal)(_refused)
    app.exception_handler(RequestValidationError)(_invalid)
    app.exception_handler(Exception)(_broken)

    @app.get("/health")
    async def health() -> dict[str, str]:
        return {"status": "ok", "timestamp": rfc3339(now())}

    @app.get("/readyz")
    async def ready() -> dict[str, str]:
        if edge.leaving:
            raise Unavailable("This replica is about to end.")
        if not revocations.caught_up.is_set():
            raise Unavailable("Identity has not answered yet.")
        return {"status": "ready"}

    @app.get("/.well-known/jwks.json")
    async def keys() -> Response:
        return Response(await peers["identity"].keys(), media_type="application/json")

    @app.post("/api/events/ticket")
    async def ticket(request: Request) -> dict[str, Any]:
        claims = await admit(request.headers.get("authorization"), ANYONE, people, revocations)
        return {"ticket": tickets.issue(claims), "expiresIn": int(LIFETIME.total_seconds())}

    @app.get("/openapi.json")
    async def description() -> Response:
        return Response(openapi.document(), media_type="application/json")

    @app.get("/asyncapi.json")
    async def events_description() -> Response:
        return Response(catalogue.document(), media_type="application/json")

    pages.serve(app, "/docs", HERE / "docs")
    if settings.app_env == "development" and settings.simulator_url:
        simulator.serve(app, settings.simulator_url)

    edge = Edge(
        app,
        Router(ROUTES),
        Proxy(peers, people, revocations, Storage(peers["messaging"], _store(settings)), room),
        Webhooks(peers["messaging"], room),
        Events(feed, tickets, people, revocations),
        cors.origins(settings.frontend_url, production=settings.app_env == "production"),
        Limiter(settings.rate_limit_requests, settings.rate_limit_window_s),
    )
    return edge


def _store(settings: GatewaySettings) -> Store:
    return Store(
        endpoint=settings.s3_endpoint,
        access_key=settings.s3_access_key,
        secret_key=settings.s3_secret_key.get_secret_value(),
        bucket=settings.s3_bucket,
        region=settings.s3_region,
    )


async def _refused(request: Request, refusal: Exception) -> Response:
    assert isinstance(refusal, Refusal)
    status, body, headers = problems.answer(refusal, request.url.path, context.current().request_id)
    return Response(body, status, {name.decode(): value.decode() for name, value in headers})


async def _http_error(request: Request, error: Exception) -> Response:
    """404 and 405 of paths that are in no table."""
    assert isinstance(error, HTTPException)
    if error.status_code == 404:
        return await _refused(request, NotFound())
    if error.status_code == 405:
        return await _refused(request, MethodNotAllowed(served_methods(request.app, dict(request.scope))))
    refusal = Refusal(str(error.detail))
    refusal.status = error.status_code
    return await _refused(request, refusal)


async def _invalid(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    fields = {str(problem["loc"][-1]): str(problem["msg"]) for problem in error.errors()}
    return await _refused(request, Invalid(fields=fields))


async def _broken(request: Request, error: Exception) -> Response:
    """The edge sees the error too, and logs it."""
    return await _refused(request, Broken())
