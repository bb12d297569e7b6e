"""Whether this container's process is ready, for Docker: `python -m services.kit.probe`."""

import asyncio
import os
import sys

import grpc
from grpc_health.v1.health_pb2 import HealthCheckRequest, HealthCheckResponse
from grpc_health.v1.health_pb2_grpc import HealthStub

PATIENCE = 3.0


async def is_ready(module: str) -> bool:
    return await (_answers("/readyz") if module == "gateway" else _serves())


async def _serves() -> bool:
    async with grpc.aio.insecure_channel(f"127.0.0.1:{os.environ['GRPC_PORT']}") as channel:
        try:
            reply = await HealthStub(channel).Check(HealthCheckRequest(), timeout=PATIENCE)
        except grpc.aio.AioRpcError:
            return False
    return bool(reply.status == HealthCheckResponse.SERVING)


async def _answers(path: str) -> bool:
    try:
        async with asyncio.timeout(PATIENCE):
            reader, writer = await asyncio.open_connection("127.0.0.1", int(os.environ["HTTP_PORT"]))
            writer.write(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n".encode())
            status = await reader.readline()
            writer.close()
    except (OSError, TimeoutError):
        return False
    return b" 200 " in status


if __name__ == "__main__":
    sys.exit(not asyncio.run(is_ready(os.environ["MODULE"])))
