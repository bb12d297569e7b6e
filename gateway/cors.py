"""Which pages of which origins may call: an exact list, and what a browser is told about it."""

Pairs = list[tuple[bytes, bytes]]

DEVELOPMENT = frozenset(
    f"http://{host}:{port}" for host in ("localhost", "127.0.0.1") for port in (3000, 4173, 5173, 8080)
)
EXPOSED = (
    b"Content-Disposition, Idempotent-Replayed, Location, RateLimit-Limit, RateLimit-Policy, "
    b"RateLimit-Remaining, RateLimit-Reset, Retry-After, X-Request-Id"
)
PREFLIGHT: Pairs = [
    (b"access-control-allow-methods", b"GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"),
    (
        b"access-control-allow-headers",
        b"Accept, Authorization, Content-Type, Idempotency-Key, Last-Event-ID, X-Request-Id",
    ),
    (b"access-control-max-age", b"600"),
]


def origins(frontend_url: str, *, production: bool) -> frozenset[str]:
    """The frontend's, and outside production those of the usual development servers."""
    named = frozenset(one.strip().rstrip("/") for one in frontend_url.split(",") if one.strip())
    return named if production else named | DEVELOPMENT


def headers(origin: str, allowed: frozenset[str]) -> Pairs:
    """For every answer, errors included; nothing but `Vary` for an origin that is not on the list."""
    vary = (b"vary", b"Origin")
    if origin not in allowed:
        return [vary]
    return [
        vary,
        (b"access-control-allow-origin", origin.encode("latin-1")),
        (b"access-control-allow-credentials", b"true"),
        (b"access-control-expose-headers", EXPOSED),
    ]
