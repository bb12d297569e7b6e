"""A service that answers with its port, and ends as every service of ours does."""

import asyncio
import sys
from typing import Any

import grpc
import uvloop
from grpc_health.v1 import health, health_pb2_grpc

from services.kit import service


async def serve(port: int) -> None:
    async def say(_: bytes, __: Any) -> bytes:
        await asyncio.sleep(0.02)
        return str(port).encode()

    server = grpc.aio.server(options=service.OPTIONS)
    methods: dict[str, Any] = {"Say": grpc.unary_unary_rpc_method_handler(say)}
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("Parrot", methods),))
    probes = health.aio.HealthServicer()
    health_pb2_grpc.add_HealthServicer_to_server(probes, server)
    server.add_insecure_port(f"127.0.0.1:{port}")
    ending = service.told_to_end()
    await server.start()
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    await ending
    await service.leave(probes, 0.3)
    await server.stop(service.GRACE)


if __name__ == "__main__":
    uvloop.run(serve(int(sys.argv[1])))
