"""Objects in S3. boto3 speaks SigV4 and blocks, so its calls run in threads."""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any, TypeVar

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from services.kit.errors import NotFound, Unavailable

Result = TypeVar("Result")

HOUR = 3600
TIMEOUT = 20
PART = 5 * 1024 * 1024  # the least that S3 takes as a part of something larger


class ObjectNotFound(NotFound):
    """There is no such file."""


@dataclass(frozen=True)
class Store:
    """A private bucket. `public_endpoint` is where browsers reach it: signatures hold for one host only."""

    endpoint: str
    access_key: str
    secret_key: str
    bucket: str
    region: str = "us-east-1"
    public_endpoint: str = ""

    async def ensure(self) -> str:
        """`created` or `exists`. A new bucket is private."""
        try:
            await self._call("head_bucket")
        except ObjectNotFound:
            await self._call("create_bucket")
            return "created"
        return "exists"

    async def put(self, key: str, content: bytes | bytearray, mimetype: str) -> None:
        await self._call("put_object", Key=key, Body=content, ContentType=mimetype)

    async def upload(self, key: str, chunks: AsyncIterator[bytes], mimetype: str) -> None:
        """As it comes, in parts: never more than one of them is in memory."""
        upload: str | None = None
        parts: list[dict[str, Any]] = []
        buffer = bytearray()
        try:
            async for chunk in chunks:
                buffer += chunk
                if len(buffer) >= PART:
                    upload = upload or await self._begin(key, mimetype)
                    parts.append(await self._part(key, upload, len(parts) + 1, buffer))
                    buffer = bytearray()
            if upload is None:
                await self.put(key, buffer, mimetype)
                return
            if buffer:
                parts.append(await self._part(key, upload, len(parts) + 1, buffer))
            done = {"Parts": parts}
            await self._call("complete_multipart_upload", Key=key, UploadId=upload, MultipartUpload=done)
        except BaseException:
            if upload is not None:
                await asyncio.shield(self._call("abort_multipart_upload", Key=key, UploadId=upload))
            raise

    async def _begin(self, key: str, mimetype: str) -> str:
        answer = await self._call("create_multipart_upload", Key=key, ContentType=mimetype)
        return str(answer["UploadId"])

    async def _part(self, key: str, upload: str, number: int, content: bytearray) -> dict[str, Any]:
        answer = await self._call("upload_part", Key=key, UploadId=upload, PartNumber=number, Body=content)
        return {"ETag": answer["ETag"], "PartNumber": number}

    async def get(self, key: str, most: int | None = None) -> bytes:
        """All of it, or the first octets."""
        span = {} if most is None else {"Range": f"bytes=0-{most - 1}"}
        client, bucket = self._client(), self.bucket
        return await _call(lambda: bytes(client.get_object(Bucket=bucket, Key=key, **span)["Body"].read()))

    async def size(self, key: str) -> int | None:
        """None where there is nothing."""
        try:
            return int((await self._call("head_object", Key=key))["ContentLength"])
        except ObjectNotFound:
            return None

    async def copy(self, source: str, key: str, mimetype: str) -> None:
        place = {"Bucket": self.bucket, "Key": source}
        await self._call(
            "copy_object", CopySource=place, Key=key, ContentType=mimetype, MetadataDirective="REPLACE"
        )

    async def delete(self, key: str) -> None:
        await self._call("delete_object", Key=key)

    async def older(self, prefix: str, moment: datetime) -> list[str]:
        """The first thousand keys with this prefix whose objects were last written before."""
        answer = await self._call("list_objects_v2", Prefix=prefix)
        return [str(one["Key"]) for one in answer.get("Contents", []) if one["LastModified"] < moment]

    async def abandon(self, moment: datetime) -> None:
        """Give up what somebody began to upload before and left: its parts are in no list and take room."""
        answer = await self._call("list_multipart_uploads")
        for one in answer.get("Uploads", []):
            if one["Initiated"] < moment:
                await self._call("abort_multipart_upload", Key=one["Key"], UploadId=one["UploadId"])

    def address(
        self, key: str, *, seconds: int = HOUR, disposition: str | None = None, mimetype: str | None = None
    ) -> str:
        """A signed address from which anybody may get the object for a while."""
        parameters = {"Bucket": self.bucket, "Key": key}
        if disposition is not None:
            parameters["ResponseContentDisposition"] = disposition
        if mimetype is not None:
            parameters["ResponseContentType"] = mimetype
        return self._signed("get_object", parameters, seconds)

    def upload_address(self, key: str, mimetype: str, *, size: int | None = None, seconds: int = HOUR) -> str:
        """A signed address to which this kind of content, of this size, may be put for a while."""
        parameters: dict[str, Any] = {"Bucket": self.bucket, "Key": key, "ContentType": mimetype}
        if size is not None:
            parameters["ContentLength"] = size
        return self._signed("put_object", parameters, seconds)

    def _signed(self, operation: str, parameters: dict[str, Any], seconds: int) -> str:
        client = _client(self, self.public_endpoint or self.endpoint)
        return str(client.generate_presigned_url(operation, Params=parameters, ExpiresIn=seconds))

    def _client(self) -> Any:
        return _client(self, self.endpoint)

    async def _call(self, operation: str, **parameters: Any) -> dict[str, Any]:
        method = getattr(self._client(), operation)
        return await _call(lambda: dict(method(Bucket=self.bucket, **parameters)))


async def _call(call: Callable[[], Result]) -> Result:
    try:
        return await asyncio.to_thread(call)
    except ClientError as error:
        if error.response["ResponseMetadata"]["HTTPStatusCode"] == 404:
            raise ObjectNotFound from error
        raise Unavailable("The file store refuses.") from error
    except (BotoCoreError, OSError) as error:
        raise Unavailable("The file store does not answer.") from error


@cache
def _client(store: Store, endpoint: str) -> Any:
    return boto3.client(
        "s3",
        endpoint_url=endpoint,
        aws_access_key_id=store.access_key,
        aws_secret_access_key=store.secret_key,
        region_name=store.region,
        config=Config(
            signature_version="s3v4",
            s3={"addressing_style": "path"},
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
            connect_timeout=3,
            read_timeout=TIMEOUT,
            retries={"max_attempts": 2},
        ),
    )
