"""Files: whose they are, who may have them, what is looked at before it is given out, what is swept."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any, TypeVar

import httpx2
import pytest
from sqlalchemy import insert, update

from protos import messaging_pb2 as pb
from services.kit.actor import Actor
from services.kit.clock import now
from services.kit.db import Database, Session
from services.kit.tables import new_id
from services.messaging import files
from services.messaging.files import FileInUse, FileNotFound, FileTooLarge, KindRefused, NotYours
from services.messaging.message_models import File
from services.messaging.models import Contact, Conversation, Instance, Message
from services.messaging.settings import store
from tests.support import ADMIN, JOAO, MARIA, SUPERVISOR, emitted

PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 100
Request = TypeVar("Request")


@pytest.fixture(autouse=True)
async def _bucket() -> None:
    await files.ensure_bucket()


async def do(db: Database, fn: Callable[..., Any], actor: Actor, request: Any) -> Any:
    """As `command` does it."""
    async with db.begin() as session:
        return await fn(session, actor, request)


async def stored(db: Database, owner: Actor, name: str = "foto.png", **more: Any) -> str:
    """The key of a file that lies in S3."""
    request = pb.CreateFileRequest(original_name=name, mime_type="image/png", extension=".png", **more)
    key: str = (await do(db, files.create, owner, request)).key
    await store().put(key, PNG, "image/png")
    await do(db, files.complete, owner, pb.CompleteFileRequest(key=key, size=len(PNG), checksum="0" * 64))
    return key


async def message(db: Database, assigned_to: str | None, **more: Any) -> str:
    """A message in a conversation of somebody's; its id."""
    async with db.begin() as session:
        ids = {name: new_id() for name in ("instance", "contact", "conversation", "message")}
        await session.run(insert(Instance).values(id=ids["instance"], name="x", instance_name=new_id()))
        contact = {"instance_id": ids["instance"], "phone_number": "55", "name": "x", "remote_jid": "x"}
        await session.run(insert(Contact).values(id=ids["contact"], **contact))
        await session.run(
            insert(Conversation).values(
                id=ids["conversation"],
                instance_id=ids["instance"],
                contact_id=ids["contact"],
                assigned_to=assigned_to,
            )
        )
        await session.run(
            insert(Message).values(
                id=ids["message"],
                conversation_id=ids["conversation"],
                instance_id=ids["instance"],
                message_id=new_id(),
                remote_jid="x",
                content="",
                message_type="image",
                origin="customer",
                is_from_me=False,
                status="received",
                timestamp=now(),
                **more,
            )
        )
    return ids["message"]


async def media(db: Database, assigned_to: str | None, **more: Any) -> str:
    """The key of a file that came with a message."""
    key, id = f"whatsapp-media/{new_id()}/2026/11/{new_id()}.png", await message(db, assigned_to, **more)
    async with db.begin() as session:
        await session.run(
            insert(File).values(
                key=key,
                bucket="b",
                mime_type="image/png",
                size_bytes=1,
                purpose="whatsapp",
                status="stored",
                message_id=id,
            )
        )
    return key


async def get(db: Database, actor: Actor, key: str, **more: Any) -> pb.DownloadResponse:
    return await files.get(db, actor, pb.GetFileRequest(key=key, **more))


async def fetched(url: str) -> httpx2.Response:
    async with httpx2.AsyncClient(trust_env=False) as client:
        return await client.get(url)


async def test_a_stored_file_is_fetched_with_its_type_and_name(db: Database) -> None:
    key = await stored(db, MARIA, 'Relatório 100%;"x".png')

    reply = await get(db, JOAO, key)
    answer = await fetched(reply.url)

    assert (answer.status_code, answer.content, answer.headers["content-type"]) == (200, PNG, "image/png")
    assert answer.headers["content-disposition"].startswith("inline; filename=")
    assert "filename*=UTF-8''Relat%C3%B3rio%20100%25%3B%22x%22.png" in answer.headers["content-disposition"]
    assert (reply.size, reply.mime_type, reply.expires_in) == (len(PNG), "image/png", 3600)
    assert (await fetched(reply.url.partition("?")[0])).status_code == 403


async def test_a_file_that_is_asked_for_as_an_attachment_is_one(db: Database) -> None:
    key = await stored(db, MARIA)

    reply = await get(
        db, MARIA, key, disposition="attachment", filename="../../minha foto.png", redirect=True
    )
    answer = await fetched(reply.url)

    assert reply.http_status == 302
    assert answer.headers["content-disposition"] == (
        "attachment; filename=\"minha foto.png\"; filename*=UTF-8''minha%20foto.png"
    )


async def test_nobody_gets_what_is_not_there_or_not_finished(db: Database) -> None:
    pending = await do(db, files.create, MARIA, pb.CreateFileRequest(mime_type="image/png", extension=".png"))

    for actor, key in ((MARIA, "uploads/nothing.png"), (JOAO, pending.key), (ADMIN, pending.key)):
        with pytest.raises(FileNotFound):
            await get(db, actor, key)
    with pytest.raises(FileNotFound):
        await do(db, files.complete, JOAO, pb.CompleteFileRequest(key=pending.key, size=1))


async def test_a_customers_file_is_for_who_may_see_the_conversation(db: Database) -> None:
    marias, queued = await media(db, MARIA.id), await media(db, None)

    for actor, key in ((MARIA, marias), (SUPERVISOR, marias), (MARIA, queued), (JOAO, queued)):
        assert (await get(db, actor, key)).url
    with pytest.raises(FileNotFound):
        await get(db, JOAO, marias)
    with pytest.raises(FileNotFound):
        await files.delete(db, JOAO, pb.DeleteFileRequest(key=marias))


async def test_the_file_of_what_was_taken_back_or_written_internally_is_for_supervisors(db: Database) -> None:
    for key in (await media(db, None, deleted_at=now()), await media(db, None, is_internal=True)):
        assert (await get(db, SUPERVISOR, key)).url
        with pytest.raises(FileNotFound):
            await get(db, MARIA, key)


async def test_a_file_is_deleted_by_its_owner_or_by_who_leads(db: Database) -> None:
    first, second = await stored(db, MARIA), await stored(db, MARIA)
    with pytest.raises(NotYours):
        await files.delete(db, JOAO, pb.DeleteFileRequest(key=first))

    await files.delete(db, MARIA, pb.DeleteFileRequest(key=first))
    await files.delete(db, SUPERVISOR, pb.DeleteFileRequest(key=second))

    for key in (first, second):
        assert await store().size(key) is None
        with pytest.raises(FileNotFound):
            await files.delete(db, MARIA, pb.DeleteFileRequest(key=key))


async def test_a_file_that_a_message_holds_stays(db: Database) -> None:
    key, other = await stored(db, MARIA), await media(db, None)
    await message(db, None, media_url=key)

    for held in (key, other):
        with pytest.raises(FileInUse):
            await files.delete(db, ADMIN, pb.DeleteFileRequest(key=held))

    assert await store().size(key) == len(PNG)


async def signed(db: Database, name: str = "foto.png", kind: str = "image/png", **more: Any) -> Any:
    return await do(
        db, files.sign_upload, MARIA, pb.SignUploadRequest(file_name=name, content_type=kind, **more)
    )


async def put(reply: pb.SignUploadResponse, content: bytes, **headers: str) -> int:
    async with httpx2.AsyncClient(trust_env=False) as client:
        answer = await client.put(reply.upload_url, content=content, headers={**reply.headers, **headers})
        return answer.status_code


async def test_a_signed_address_takes_this_type_and_this_size_only(db: Database) -> None:
    reply = await signed(db, size=len(PNG))

    assert await put(reply, PNG, **{"content-type": "text/html"}) == 403
    assert await put(reply, PNG + b"!", **{"Content-Length": str(len(PNG) + 1)}) == 403
    assert await put(reply, PNG) == 200
    assert (await get(db, MARIA, reply.key)).size == len(PNG)


async def test_what_was_put_is_looked_at_and_nobody_can_put_something_else_afterwards(db: Database) -> None:
    reply = await signed(db)
    with pytest.raises(FileNotFound):
        await get(db, MARIA, reply.key)
    await put(reply, PNG)
    url = (await get(db, MARIA, reply.key)).url

    await put(reply, PNG + b"other")

    assert (await fetched(url)).content == PNG
    assert (await fetched((await get(db, JOAO, reply.key)).url)).content == PNG


async def test_what_was_put_and_is_something_else_is_thrown_away(db: Database) -> None:
    reply = await signed(db)
    await put(reply, b"<html><script>alert(1)</script>")

    with pytest.raises(KindRefused):
        await get(db, MARIA, reply.key)

    with pytest.raises(FileNotFound):
        await get(db, MARIA, reply.key)
    assert await store().size(f"incoming/{reply.key}") is None


async def test_what_was_put_and_is_too_large_is_thrown_away(
    db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "LARGEST_OF_ALL", 10)
    reply = await signed(db)
    await put(reply, PNG)

    with pytest.raises(FileTooLarge):
        await get(db, MARIA, reply.key)


@pytest.mark.parametrize(
    ("kind", "purpose", "size", "refusal"),
    [
        ("text/html", "", None, KindRefused),
        ("application/x-msdownload", "", None, KindRefused),
        ("application/pdf", "avatar", None, KindRefused),
        ("image/svg+xml", "avatar", None, KindRefused),
        ("image/png", "avatar", 5 * 1024 * 1024 + 1, FileTooLarge),
    ],
)
async def test_some_addresses_are_not_signed(
    db: Database, kind: str, purpose: str, size: int | None, refusal: type[Exception]
) -> None:
    with pytest.raises(refusal):
        await signed(db, kind=kind, purpose=purpose, size=size)


async def test_the_sweep_takes_what_was_never_finished_and_nothing_else(db: Database) -> None:
    kept, old, young = await stored(db, MARIA), (await signed(db)).key, (await signed(db)).key
    await store().put(f"incoming/{old}", PNG, "image/png")
    async with db.begin() as session:
        day = now() - timedelta(hours=25)
        await session.run(update(File).where(File.key.in_([old, kept])).values(created_at=day))

    await files.sweep(db)

    async with db.read() as session:
        left = await session.all(
            "select key from files where key = any(%(keys)s) order by key", keys=[kept, old, young]
        )
    assert {row.key for row in left} == {kept, young}
    assert await store().size(f"incoming/{old}") is None
    assert await store().size(kept) == len(PNG)


async def test_the_sweep_gives_up_uploads_that_nobody_goes_on_with() -> None:
    client = store()._client()
    begun = client.create_multipart_upload(Bucket=store().bucket, Key="incoming/left")

    await store().abandon(now() - timedelta(hours=1))
    young = client.list_multipart_uploads(Bucket=store().bucket).get("Uploads", [])
    await store().abandon(now() + timedelta(hours=1))

    assert begun["UploadId"] in {one["UploadId"] for one in young}
    assert not client.list_multipart_uploads(Bucket=store().bucket).get("Uploads", [])


async def test_what_is_stored_and_deleted_is_announced(session: Session) -> None:
    request = pb.CreateFileRequest(original_name="a.png", mime_type="image/png", extension=".png")
    key = (await files.create(session, MARIA, request)).key

    await files.complete(session, MARIA, pb.CompleteFileRequest(key=key, size=1))

    assert (await emitted(session))[-1] == "messaging.file_stored"


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("C:\\fotos\\férias.png", "férias.png"),
        ("../../etc/passwd", "passwd"),
        ("a\r\nSet-Cookie: x=1.png", "aSet-Cookie: x=1.png"),
        ("foto\u202egnp.exe", "fotognp.exe"),
        ("\0.png", "png"),
        ("x" * 300, "x" * 200),
        ("...", ""),
    ],
)
def test_names_are_cleaned(given: str, shown: str) -> None:
    assert files.clean_name(given) == shown
