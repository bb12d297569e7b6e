"""Pages that the gateway carries with it: no build, nothing from elsewhere, a strict policy of their own."""

from collections.abc import Awaitable, Callable
from pathlib import Path

from fastapi import FastAPI
from fastapi.responses import Response

KINDS = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


def serve(app: FastAPI, path: str, folder: Path) -> None:
    """The folder's files below `path`, its index.html at `path` itself."""
    for file in sorted(folder.iterdir()):
        if file.suffix in KINDS:
            address = path if file.name == "index.html" else f"{path}/{file.name}"
            app.add_api_route(address, _page(file), include_in_schema=False)


def _page(file: Path) -> Callable[[], Awaitable[Response]]:
    content, kind = file.read_bytes(), KINDS[file.suffix]

    async def page() -> Response:
        headers = {"content-security-policy": POLICY, "cache-control": "no-cache"}
        return Response(content, media_type=kind, headers=headers)

    return page
