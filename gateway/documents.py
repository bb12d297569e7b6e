"""Files that services write, passed on in the parts in which they come."""

from collections.abc import AsyncIterator

from gateway.exchange import Reply
from protos.campaigns_pb2 import Document


async def reply(parts: AsyncIterator[Document]) -> Reply:
    """The first part says what it is; whoever refuses does so before anything is sent."""
    first = await anext(parts)
    headers = [
        (b"content-type", first.content_type.encode()),
        (b"content-disposition", f'attachment; filename="{first.filename}"'.encode()),
    ]
    return Reply(200, first.content, headers, _rest(parts))


async def _rest(parts: AsyncIterator[Document]) -> AsyncIterator[bytes]:
    async for part in parts:
        yield part.content
