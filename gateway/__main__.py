"""The gateway: `python -m gateway`."""

import asyncio
import os
import signal
import socket
from types import FrameType
from typing import Any

import uvicorn

from gateway import app
from gateway.settings import GatewaySettings
from services.kit import log, loop, settings, telemetry


def main() -> None:
    configured = settings.load(GatewaySettings)
    log.configure("gateway", configured.log_level)
    telemetry.configure("gateway")
    loop.run(_serve(configured))


class Server(uvicorn.Server):
    """Turns unready before it closes its door, and ends the event streams: they would not by themselves."""

    drain_s: float
    loop: asyncio.AbstractEventLoop

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """SIGTERM: Envoy sees that we leave and asks others. Who cannot wait sends it again, or SIGINT."""
        edge: Any = self.config.app
        if sig == signal.SIGTERM and not edge.leaving:
            edge.leaving = True
            self.loop.call_soon_threadsafe(
                self.loop.call_later, self.drain_s, super().handle_exit, sig, frame
            )
            return
        super().handle_exit(sig, frame)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        edge: Any = self.config.app
        edge.stream.hang_up()
        await super().shutdown(sockets)


async def _serve(configured: GatewaySettings) -> None:
    server = Server(
        uvicorn.Config(
            app.build(configured),
            host=configured.http_host,
            port=configured.http_port,
            http="httptools",
            log_config=None,
            access_log=False,
            server_header=False,
            date_header=False,
            proxy_headers=False,  # Envoy says the address in a header of its own
            timeout_graceful_shutdown=15,
            timeout_keep_alive=75,
        )
    )
    server.drain_s = configured.drain_s
    server.loop = asyncio.get_running_loop()
    telling = asyncio.create_task(_tell_ready(server, configured.ready_fd))
    await server.serve()
    telling.cancel()


async def _tell_ready(server: uvicorn.Server, ready_fd: int | None) -> None:
    while not server.started:  # noqa: ASYNC110 (uvicorn has no event for it)
        await asyncio.sleep(0.01)
    log.log.info("service_started")
    if ready_fd is not None:
        os.write(ready_fd, b"ready\n")
        os.close(ready_fd)


if __name__ == "__main__":
    main()
