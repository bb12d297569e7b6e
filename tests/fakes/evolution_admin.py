"""The simulator from another process: customers speak and listen, faults are planned, the ledger is read."""

from base64 import b64decode, b64encode
from collections.abc import AsyncIterator, Callable
from dataclasses import asdict

import orjson
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from tests.fakes.evolution_rest import body_of, simulator_of
from tests.fakes.evolution_webhooks import Fault
from tests.fakes.whatsapp_state import Received


async def say(request: Request) -> Response:
    """A text, or with `kind`, `base64` and `mimetype` a file."""
    simulator, phone, body = simulator_of(request), request.path_params["phone"], await body_of(request)
    if "kind" in body:
        file, names = b64decode(body.pop("base64")), ("caption", "file_name", "instance")
        details = {name: body[name] for name in names if body.get(name)}
        external_id = simulator.send_file(phone, body["kind"], file, body["mimetype"], **details)
    else:
        external_id = simulator.say(phone, **body)
    return JSONResponse({"id": external_id}, 201)


async def listen(request: Request) -> Response:
    """What the customer gets, one JSON object a line, for as long as the caller listens."""
    simulator, phone = simulator_of(request), request.path_params["phone"]
    after = int(request.query_params.get("after", 0))

    async def lines() -> AsyncIterator[bytes]:
        async for one in simulator.stream(phone, after):
            yield orjson.dumps(shown(one)) + b"\n"

    return StreamingResponse(lines(), media_type="application/x-ndjson")


async def received(request: Request) -> Response:
    return JSONResponse([shown(one) for one in simulator_of(request).received(request.path_params["phone"])])


def shown(one: Received) -> dict[str, object]:
    return {**asdict(one), "file": b64encode(one.file).decode() if one.file else None}


async def introduce(request: Request) -> Response:
    simulator_of(request).customer(request.path_params["phone"], **await body_of(request))
    return Response(status_code=204)


async def act(request: Request) -> Response:
    """React to, edit, revoke or read a message: `{"target": id, ...}`; or the business answers by phone."""
    simulator, phone, body = simulator_of(request), request.path_params["phone"], await body_of(request)
    acts: dict[str, Callable[..., object]] = {
        "answers": simulator.answer_by_phone,
        "reactions": simulator.react,
        "edits": simulator.edit,
        "revocations": simulator.revoke,
        "reads": simulator.read,
    }
    act = acts.get(request.path_params["act"])
    if act is None:
        return Response(status_code=404)
    act(phone, **body)
    return Response(status_code=204)


async def plan(request: Request) -> Response:
    """Sets what is given; `faults` are added."""
    current, body = simulator_of(request).plan, await body_of(request)
    current.faults += [Fault(**fault) for fault in body.pop("faults", [])]
    for name, value in body.items():
        setattr(current, name, value)
    return JSONResponse(asdict(current))


async def ledger(request: Request) -> Response:
    return JSONResponse([asdict(line) for line in simulator_of(request).ledger])


async def deliveries(request: Request) -> Response:
    return JSONResponse([asdict(one) for one in simulator_of(request).webhooks.deliveries])


async def connection(request: Request) -> Response:
    body = await body_of(request)
    simulator_of(request).connection(request.path_params["instance"], body["state"], body.get("reason", 200))
    return Response(status_code=204)


ROUTES = [
    Route("/sim/customers/{phone}", introduce, methods=["PUT"]),
    Route("/sim/customers/{phone}/messages", say, methods=["POST"]),
    Route("/sim/customers/{phone}/messages", received),
    Route("/sim/customers/{phone}/events", listen),
    Route("/sim/customers/{phone}/{act}", act, methods=["POST"]),
    Route("/sim/instances/{instance}/connection", connection, methods=["POST"]),
    Route("/sim/plan", plan, methods=["POST"]),
    Route("/sim/ledger", ledger),
    Route("/sim/deliveries", deliveries),
]
