"""The simulated WhatsApp of the local stack, in a fork of the zygote; its state ends with it."""

import asyncio
import os
import signal

from tests.fakes.evolution import simulate

INSTANCE = "simulador"
NUMBERS = {INSTANCE: "5511900000001", "vendas": "5511900000002", "suporte": "5511900000003"}


async def serve() -> None:
    stopped = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    async with simulate(port=int(os.environ["SIMULATOR_PORT"])) as simulator:
        for instance, phone in NUMBERS.items():
            simulator.instance(instance, number=phone)
        os.write(int(os.environ["READY_FD"]), b"ready\n")
        await stopped.wait()


def main() -> None:
    asyncio.run(serve())
