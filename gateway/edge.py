"""The outermost door: request ids, security headers, and every error as a problem document."""

import asyncio
import re
from typing import Any

from gateway import problems, webhooks
from gateway.proxy import Headers, MethodNotAllowed, Proxy, Reply
from gateway.router import Router
from gateway.webhooks import Webhooks
from services.kit import context
from services.kit.errors import Refusal
from services.kit.log import log

REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
TRACEPARENT = re.compile(r"00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")

# Helmet's defaults, as the original served them.
SECURITY = [
    (
        b"content-security-policy",
        b"default-src 'self';base-uri 'self';font-src 'self' https: data:;form-action 'self';"
        b"frame-ancestors 'self';img-src 'self' data:;object-src 'none';script-src 'self';"
        b"script-src-attr 'none';style-src 'self' https: 'unsafe-inline';upgrade-insecure-requests",
    ),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"origin-agent-cluster", b"?1"),
    (b"referrer-policy", b"no-referrer"),
    (b"strict-transport-security", b"max-age=31536000; includeSubDomains"),
    (b"x-content-type-options", b"nosniff"),
    (b"x-dns-prefetch-control", b"off"),
    (b"x-download-options", b"noopen"),
    (b"x-frame-options", b"SAMEORIGIN"),
    (b"x-permitted-cross-domain-policies", b"none"),
    (b"x-xss-protection", b"0"),
]
NO_STORE = (b"cache-control", b"no-store")


class Edge:
    """Answers the route table and the webhooks itself; everything else goes to the FastAPI app inside."""

    def __init__(self, inside: Any, router: Router, proxy: Proxy, hooks: Webhooks) -> None:
        self.inside = inside
        self.router = router
        self.proxy = proxy
        self.hooks = hooks

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            await self.inside(scope, receive, send)
            return
        headers: Headers = dict(scope["headers"])
        _enter(headers)
        try:
            reply = await self._answer(scope, headers, receive)
        except Refusal as refusal:
            reply = _refused(refusal, scope["path"])
        except asyncio.CancelledError:
            raise
        except Exception:  # noqa: BLE001
            log.exception("request_failed", path=scope["path"])
            reply = _refused(
                Refusal("Something went wrong on our side. Quote the request id."), scope["path"]
            )
        if reply is None:
            await self.inside(scope, receive, send)
            return
        await _send(reply, send)

    async def _answer(self, scope: dict[str, Any], headers: Headers, receive: Any) -> Reply | None:
        path, method = scope["path"], scope["method"]
        if path.startswith(webhooks.PATH) and path[len(webhooks.PATH) :][:1] in ("", "/"):
            if method != "POST":
                raise MethodNotAllowed(["POST"])
            return await self.hooks.answer(scope, headers, receive)
        found = self.router.find(path)
        if found is None:
            return None
        known = found.routes.get(method)
        if known is None:
            raise MethodNotAllowed([*found.routes])
        route, names = known
        return await self.proxy.answer(
            route, dict(zip(names, found.values, strict=True)), scope, headers, receive
        )


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
    if isinstance(refusal, MethodNotAllowed):
        headers.append((b"allow", refusal.allowed.encode()))
    return Reply(status, body, headers)


async def _send(reply: Reply, send: Any) -> None:
    headers = [
        *reply.headers,
        (b"content-length", str(len(reply.body)).encode()),
        (b"x-request-id", context.current().request_id.encode()),
        NO_STORE,
        *SECURITY,
    ]
    await send({"type": "http.response.start", "status": reply.status, "headers": headers})
    await send({"type": "http.response.body", "body": reply.body})
