"""`/sim`, on the local stack only: a customer's phone, which is the simulator process's, beside the inbox."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, Response, StreamingResponse

from gateway import pages

FOLDER = Path(__file__).parent / "sim"
INSTANCE = "simulador"


def serve(app: FastAPI, url: str) -> None:
    import httpx2  # not among the gateway's own packages: only the local stack has it

    client = httpx2.AsyncClient(base_url=url, timeout=httpx2.Timeout(10, read=None), trust_env=False)
    pages.serve(app, "/sim", FOLDER)

    @app.get("/sim/place", include_in_schema=False)
    async def place() -> dict[str, str]:
        """What the page needs to make the simulated number an instance of ours."""
        return {"instanceName": INSTANCE, "apiUrl": url, "apiKey": "global-key"}

    @app.post("/sim/customers/{phone}/messages", include_in_schema=False)
    async def say(phone: str, request: Request) -> Response:
        said: dict[str, Any] = await request.json()
        body = {"text": said["text"], "name": said["name"], "instance": INSTANCE}
        answer = await client.post(f"/sim/customers/{phone}/messages", json=body)
        return JSONResponse(answer.json(), answer.status_code)

    @app.get("/sim/customers/{phone}/events", include_in_schema=False)
    async def listen(phone: str) -> Response:
        """What reaches the phone, a line of JSON each, from the beginning."""
        return StreamingResponse(_lines(client, phone), media_type="application/x-ndjson")


async def _lines(client: Any, phone: str) -> AsyncIterator[bytes]:
    async with client.stream("GET", f"/sim/customers/{phone}/events?after=0") as answer:
        async for part in answer.aiter_bytes():
            yield part
