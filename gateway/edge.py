"""The outermost door: who may come in how often, request ids, and every error as a problem document."""

import re
import time

from fastapi import FastAPI
from starlette.routing import Match, Route

from gateway import cors, events, limits, problems, webhooks
from gateway.events import Events
from gateway.exchange import Exchange, Headers, Receive, Reply, Scope, Send
from gateway.limits import Limiter
from gateway.problems import Broken, MethodNotAllowed
from gateway.proxy import Proxy, client_address
from gateway.router import Router
from gateway.webhooks import Webhooks
from services.kit import context, telemetry
from services.kit.errors import NotFound, Refusal, TooMany
from services.kit.log import log

REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
TRACEPARENT = re.compile(r"00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")
UNLIMITED = {events.PATH}  # one request that lasts


class Edge:
    """Answers the route table, the webhooks and the event stream; the rest goes to the FastAPI app inside."""

    def __init__(
        self,
        inside: FastAPI,
        router: Router,
        proxy: Proxy,
        hooks: Webhooks,
        stream: Events,
        origins: frozenset[str],
        limiter: Limiter,
    ) -> None:
        self.inside = inside
        self.router = router
        self.proxy = proxy
        self.hooks = hooks
        self.stream = stream
        self.origins = origins
        self.limiter = limiter
        self.leaving = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.inside(scope, receive, send)
            return
        headers: Headers = dict(scope["headers"])
        _enter(headers)
        exchange = Exchange(scope, headers, receive, send, cors.headers(_origin(headers), self.origins))
        began = time.monotonic()
        try:
            with telemetry.span(f"http {scope['method']}"):
                await self._serve(exchange)
        finally:
            if exchange.route != events.PATH:  # a stream lasts as long as its listener
                telemetry.REQUESTS.labels(scope["method"], exchange.route, exchange.status).observe(
                    time.monotonic() - began
                )

    async def _serve(self, exchange: Exchange) -> None:
        scope = exchange.scope
        try:
            if scope["path"] == events.PATH and scope["method"] == "GET":
                exchange.route = events.PATH
                await self.stream.answer(exchange)
                return
            reply = await self._answer(exchange)
            if reply is None:
                await self.inside(exchange.inner_scope, exchange.receive, exchange.send)
                return
        except Refusal as refusal:
            reply = _refused(refusal, scope["path"])
        except Exception as error:  # noqa: BLE001
            log.exception("request_failed", path=scope["path"])
            telemetry.report(error)
            if exchange.started:
                return
            reply = _refused(Broken(), scope["path"])
        await exchange.reply(reply)

    async def _answer(self, exchange: Exchange) -> Reply | None:
        """None: the app inside answers."""
        scope, headers = exchange.scope, exchange.headers
        if scope["method"] == "OPTIONS" and b"access-control-request-method" in headers:
            allowed = any(name == b"access-control-allow-origin" for name, _ in exchange.common)
            return Reply(204, b"", cors.PREFLIGHT if allowed else [])
        path = scope["path"]
        is_webhook = path.startswith(webhooks.PATH) and path[len(webhooks.PATH) :][:1] in ("", "/")
        if path.startswith("/api/") and not is_webhook and path not in UNLIMITED:
            await self._limit(exchange)
        if is_webhook:
            exchange.route = webhooks.PATH
            methods = ["OPTIONS", "POST"]
            if scope["method"] == "POST":
                return await self.hooks.answer(scope, headers, exchange.receive)
        elif path == events.PATH:
            methods = ["GET", "OPTIONS"]
        elif found := self.router.find(scope["raw_path"].decode("latin-1")):
            known = found.routes.get("GET" if scope["method"] == "HEAD" else scope["method"])
            if known:
                route, names = known
                exchange.route = route.path
                values = dict(zip(names, found.values, strict=True))
                return await self.proxy.answer(route, values, scope, headers, exchange.receive)
            methods = found.methods
        elif scope["method"] == "OPTIONS":
            methods = served_methods(self.inside, scope)
        else:
            return None
        if scope["method"] == "OPTIONS" and methods:
            return Reply(204, b"", [(b"allow", ", ".join(methods).encode())])
        if not methods:
            raise NotFound
        raise MethodNotAllowed(methods)

    async def _limit(self, exchange: Exchange) -> None:
        authorization = exchange.headers.get(b"authorization", b"").decode("latin-1")
        address = client_address(exchange.scope, exchange.headers)
        allowance = self.limiter.take(await limits.caller(authorization, address, self.proxy.people))
        exchange.common += allowance.headers
        if not allowance.allowed:
            raise TooMany(retry_after=allowance.reset)


def served_methods(inside: FastAPI, scope: Scope) -> list[str]:
    """What the app inside would answer at this path."""
    found: set[str] = set()
    for route in inside.routes:
        if isinstance(route, Route) and route.matches({**scope, "method": "GET"})[0] is not Match.NONE:
            found |= {*(route.methods or ()), "OPTIONS"}
    return sorted(found | {"HEAD"} if "GET" in found else found)


def _origin(headers: Headers) -> str:
    return headers.get(b"origin", b"").decode("latin-1")


def _enter(headers: Headers) -> None:
    """The request id and trace that came, where they are well formed; ours otherwise."""
    request_id = headers.get(b"x-request-id", b"").decode("latin-1")
    trace = headers.get(b"traceparent", b"").decode("latin-1")
    fresh = context.Context()
    context.enter(
        context.Context(
            request_id=request_id if REQUEST_ID.fullmatch(request_id) else fresh.request_id,
            traceparent=trace if TRACEPARENT.fullmatch(trace) else fresh.traceparent,
        )
    )


def _refused(refusal: Refusal, path: str) -> Reply:
    status, body, headers = problems.answer(refusal, path, context.current().request_id)
    return Reply(status, body, headers)
