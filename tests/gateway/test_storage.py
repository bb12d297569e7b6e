"""Files over the wire: as they come, into S3 and out of it, and never as large in memory as on the way."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import httpx2
import pytest

from services.kit.tables import new_id
from tests.gateway.conftest import Staff
from tests.gateway.house import Front

MEGABYTE = 1024 * 1024
PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 100
BOUNDARY = "a-line-between"


async def upload(
    front: Front, token: str, content: bytes, name: str = "foto.png", purpose: str = "", **more: Any
) -> httpx2.Response:
    return await front.client.post(
        "/api/storage/upload",
        files={"file": (name, content, "application/octet-stream")},
        data={"purpose": purpose} if purpose else {},
        headers={"authorization": f"Bearer {token}", **more},
    )


async def send(front: Front, token: str, *pieces: bytes | AsyncIterator[bytes]) -> httpx2.Response:
    """A form, octet by octet as it is written here."""

    async def body() -> AsyncIterator[bytes]:
        for piece in pieces:
            if isinstance(piece, bytes):
                yield piece
            else:
                async for part in piece:
                    yield part

    kind = f"multipart/form-data; boundary={BOUNDARY}"
    headers = {"authorization": f"Bearer {token}", "content-type": kind}
    return await front.client.post("/api/storage/upload", content=body(), headers=headers)


def field(name: str, value: str) -> bytes:
    return f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()


def file(name: str = "filme.mp4") -> bytes:
    return (
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n'
        "Content-Type: application/octet-stream\r\n\r\n"
    ).encode()


END = f"\r\n--{BOUNDARY}--\r\n".encode()


async def film(size: int) -> AsyncIterator[bytes]:
    yield b"\x00\x00\x00\x18ftypmp42"
    for _ in range(size // MEGABYTE):
        yield bytes(MEGABYTE)


async def test_a_file_goes_in_and_comes_out(front: Front, staff: Staff) -> None:
    answer = await upload(front, staff.agent, PNG, "Férias 2026.PNG")
    made = answer.json()

    assert answer.status_code == 200, answer.text
    assert (made["success"], made["originalName"], made["mimeType"], made["size"]) == (
        True,
        "Férias 2026.PNG",
        "image/png",
        len(PNG),
    )
    assert made["key"].startswith("uploads/")
    assert made["key"].endswith(".png")
    for path in (
        f"/api/storage/download/{made['key']}",
        f"/api/storage/download/{made['key'].replace('/', '%2F')}",
        f"/api/storage/download?key={made['key']}",
    ):
        found = await front.call("GET", path, token=staff.supervisor)
        assert found.status_code == 200, found.text
        assert (await httpx2.AsyncClient(trust_env=False).get(found.json()["url"])).content == PNG
    redirect = await front.call("GET", f"/api/storage/download/{made['key']}?redirect=1", token=staff.agent)
    assert redirect.status_code == 302
    assert (await httpx2.AsyncClient(trust_env=False).get(redirect.headers["location"])).content == PNG


async def test_a_file_is_deleted_by_who_may(front: Front, staff: Staff) -> None:
    key = (await upload(front, staff.admin, PNG)).json()["key"]

    refused = await front.call("DELETE", f"/api/storage/{key}", token=staff.agent)
    deleted = await front.call("DELETE", f"/api/storage/{key}", token=staff.supervisor)
    again = await front.call("DELETE", f"/api/storage/{key}", token=staff.supervisor)

    assert (refused.status_code, deleted.status_code, again.status_code) == (403, 200, 404)
    assert deleted.json() == {"success": True}


@pytest.mark.parametrize("purpose", ["avatar", "campaign", "whatsapp", "general"])
async def test_the_key_says_what_a_file_is_for_wherever_the_form_says_it(
    front: Front, staff: Staff, purpose: str
) -> None:
    first = await send(front, staff.agent, field("purpose", purpose), file(), PNG, END)
    last = await send(front, staff.agent, file(), PNG, b"\r\n", field("purpose", purpose)[:-2], END)

    prefix = {"avatar": "avatars/", "campaign": "campaigns/"}.get(purpose, "uploads/")
    assert [answer.status_code for answer in (first, last)] == [200, 200], (first.text, last.text)
    assert all(answer.json()["key"].startswith(prefix) for answer in (first, last))


@pytest.mark.parametrize(
    ("pieces", "status", "error"),
    [
        ([END[2:]], 400, "No file provided"),
        ([field("other", "x"), END[2:]], 400, "No file provided"),
        ([file(""), PNG, END], 400, "No file provided"),
        ([file(), END], 400, "The file is empty."),
        ([field("purpose", "malware"), file(), PNG, END], 400, ""),
        ([file(), PNG, b"\r\n", file(), PNG, END], 400, "Send one file at a time."),
        ([file(), PNG], 400, "The form is not complete."),
        ([b"no form at all"], 400, "The form is not well formed."),
        ([file("a.html"), b"<html>oi", END], 415, "Files of this kind are not taken."),
        ([file("foto.png"), b"MZ\x90\0\0\0", END], 415, "Files of this kind are not taken."),
        ([field("purpose", "avatar"), file("a.pdf"), b"%PDF-1.7", END], 415, ""),
    ],
)
async def test_what_is_no_file_or_none_of_ours_is_refused(
    front: Front, staff: Staff, pieces: list[bytes], status: int, error: str
) -> None:
    answer = await send(front, staff.agent, *pieces)

    assert answer.status_code == status, answer.text
    assert answer.json()["error"] == error or not error


async def test_only_a_form_is_taken_and_only_from_somebody(front: Front, staff: Staff) -> None:
    no_form = await front.call("POST", "/api/storage/upload", {"file": "x"}, token=staff.agent)
    nobody = await front.client.post("/api/storage/upload", files={"file": ("a.png", PNG)})

    assert (no_form.status_code, no_form.json()["error"]) == (400, "No file provided")
    assert nobody.status_code == 401


async def test_fifty_megabytes_are_the_most_and_five_for_an_avatar(front: Front, staff: Staff) -> None:
    too_large = await send(front, staff.agent, file(), film(50 * MEGABYTE), END)
    avatar = await send(
        front,
        staff.agent,
        file("a.png"),
        PNG,
        film(5 * MEGABYTE),
        b"\r\n",
        field("purpose", "avatar")[:-2],
        END,
    )

    assert (too_large.status_code, too_large.json()["error"]) == (413, "The file is larger than 50 MB.")
    assert avatar.status_code in (400, 413)


@pytest.mark.parametrize(
    "key",
    [
        *(
            "..%2f..%2fetc%2fpasswd",
            "uploads/..%2fx",
            "%2fetc%2fpasswd",
            "uploads%2f%2e%2e%2fsecret",
            "a%5cb",
        ),
        *("uploads/%00.png", "uploads/a%0d%0ab", "%252e%252e%252fx", "uploads/%ff", ".env", "uploads//x"),
        *("incoming/../uploads", "uploads/x%3Facl", "caf%C3%A9.png"),
    ],
)
async def test_a_key_that_climbs_reaches_nothing(front: Front, staff: Staff, key: str) -> None:
    for method, path in (("GET", "/api/storage/download/"), ("DELETE", "/api/storage/")):
        answer = await front.call(method, path + key, token=staff.admin)

        assert answer.status_code in (400, 404, 405), (method, answer.text)


async def test_the_same_upload_with_a_key_is_one_file(front: Front, staff: Staff) -> None:
    key = {"idempotency-key": new_id()}

    first = await upload(front, staff.agent, PNG, **key)
    second = await upload(front, staff.agent, PNG, **key)
    other = await upload(front, staff.agent, PNG + b"!", **key)

    assert first.json()["key"] == second.json()["key"]
    assert second.headers["idempotent-replayed"] == "true"
    assert (other.status_code, other.json()["code"]) == (409, "idempotency_key_reused")


async def test_the_gateway_does_not_grow_by_what_passes_through_it(front: Front, staff: Staff) -> None:
    """Two files of 49 MB at once: each may cost a few parts of 5 MB."""
    await send(front, staff.agent, file(), film(6 * MEGABYTE), END)
    [gateway] = front.gateways
    before, most = gateway.memory_info().rss, 0

    async def watch() -> None:
        nonlocal most
        while True:
            most = max(most, gateway.memory_info().rss)
            await asyncio.sleep(0.005)

    watching = asyncio.create_task(watch())
    answers = await asyncio.gather(
        *(send(front, staff.agent, file(), film(49 * MEGABYTE), END) for _ in range(2))
    )
    watching.cancel()

    assert [answer.status_code for answer in answers] == [200] * 2
    assert all(answer.json()["size"] == 49 * MEGABYTE + 12 for answer in answers)
    assert most - before < 2 * 25 * MEGABYTE


async def test_one_large_file_costs_less_than_its_size(front: Front, staff: Staff) -> None:
    [gateway] = front.gateways
    before, most = gateway.memory_info().rss, 0

    async def slowly() -> AsyncIterator[bytes]:
        nonlocal most
        async for part in film(49 * MEGABYTE):
            most = max(most, gateway.memory_info().rss)
            yield part

    answer = await send(front, staff.agent, file(), slowly(), END)

    assert answer.status_code == 200
    assert most - before < 30 * MEGABYTE


async def test_setting_up_makes_the_bucket(front: Front, staff: Staff) -> None:
    answer = await front.call("POST", "/api/setup/infrastructure", {}, token=staff.admin)

    assert answer.status_code == 200, answer.text
    assert answer.json()["infrastructure"] == {"bucket": "exists"}
