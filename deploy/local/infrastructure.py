"""The parts that are not ours: PostgreSQL, NATS with JetStream, S3 and Envoy, all of them on loopback."""

import asyncio
import contextlib
import hmac
import importlib.util
import json
import shutil
import sysconfig
from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from signal import SIGKILL, SIGTERM
from string import Template

from deploy.local import credentials, ports, postgres
from deploy.local.credentials import write_private
from deploy.local.process import Part, Running, answers, running, spawn, until
from gateway import cors

BUCKET = "convo-insight"
TEMPLATE = Path(__file__).parents[1] / "envoy.yaml"
BROKER = TEMPLATE.with_name("nats.conf")
USERS = ("operator", *credentials.CALLERS)
PROGRAMS = Path(sysconfig.get_path("scripts"))


@dataclass(frozen=True)
class Addresses:
    """How a client reaches the parts: as superuser and operator, and NATS as each of its users."""

    database_url: str
    environment: dict[str, str]
    nats_urls: dict[str, str]


@contextlib.asynccontextmanager
async def started(folder: Path, *, durable: bool = False) -> AsyncIterator[Addresses]:
    """PostgreSQL, NATS and S3 in a folder, ready; ended on the way out. For tests and experiments."""
    database_port, nats_port, monitor_port = ports.free(3)
    store_ports = s3_ports()
    secrets = credentials.kept(folder)
    site = await asyncio.to_thread(postgres.site, folder)
    parts = (
        postgres.server(
            site, database_port, secrets.database_password, folder / "postgres.log", durable=durable
        ),
        nats(folder, nats_port, monitor_port, secrets.nats_token, folder / "nats.log", durable=durable),
        s3(folder, store_ports, secrets.s3_key, secrets.s3_secret, folder / "s3.log", durable=durable),
    )
    try:
        async with contextlib.AsyncExitStack() as stack:
            async with asyncio.TaskGroup() as group:
                for part in parts:
                    group.create_task(stack.enter_async_context(running(part)))
            environment = {
                "NATS_URL": nats_url(nats_port, secrets.nats_token, "operator"),
                **s3_environment(store_ports[0], secrets.s3_key, secrets.s3_secret),
            }
            nats_urls = {user: nats_url(nats_port, secrets.nats_token, user) for user in USERS}
            yield Addresses(postgres.url(database_port, secrets.database_password), environment, nats_urls)
    finally:
        if not durable and site.data.parent != folder:
            shutil.rmtree(site.data.parent)


def nats(
    folder: Path,
    port: int,
    monitor_port: int,
    token: str,
    log: Path,
    *,
    durable: bool = True,
    inherit: Sequence[int] = (),
) -> Part:
    configuration = folder / "nats.conf"

    async def launch() -> Running:
        write_private(configuration, broker(folder / "nats", port, monitor_port, token, durable=durable))
        return await spawn([PROGRAMS / "nats-server", "-c", configuration], log, inherit=inherit)

    async def ready(_: Running) -> None:
        await until(lambda: answers(monitor_port, "/healthz?js-enabled-only=true"))

    return Part("nats", port, log, launch, ready)


def broker(store: Path, port: int, monitor_port: int, token: str, *, durable: bool) -> str:
    """NATS's configuration for this machine."""
    return Template(BROKER.read_text()).substitute(
        {f"PASSWORD_{user.upper()}": nats_password(token, user) for user in USERS},
        ADDRESS="127.0.0.1",
        PORT=port,
        MONITOR_PORT=monitor_port,
        STORE=json.dumps(str(store)),
        SYNC_INTERVAL="always" if durable else '"2m"',
    )


def nats_password(token: str, user: str) -> str:
    return f"p{hmac.digest(token.encode(), user.encode(), 'sha256').hex()}"  # a digit first: it were a number


def nats_url(port: int, token: str, user: str) -> str:
    return f"nats://{user}:{nats_password(token, user)}@127.0.0.1:{port}"


def s3(
    folder: Path,
    numbers: Sequence[int],
    key: str,
    secret: str,
    log: Path,
    *,
    durable: bool = True,
    inherit: Sequence[int] = (),
) -> Part:
    """SeaweedFS, on `s3_ports()`."""
    data, identities = folder / "s3", folder / "s3-identities.json"
    port, filer, *_ = numbers
    stop_with = SIGTERM if durable else SIGKILL

    async def launch() -> Running:
        forget_ports(data)
        write_private(identities, json.dumps(administrator(key, secret)))
        command = [PROGRAMS / "weed", "-logtostderr", "mini", *s3_flags(data, identities, numbers)]
        process = await spawn(command, log, stop_with=stop_with, inherit=inherit)
        process.exited.add_done_callback(lambda _: forget_sockets(numbers))
        return process

    async def ready(_: Running) -> None:
        await until(lambda: answers(port, "/healthz"))
        await until(lambda: answers(filer, f"/buckets/{BUCKET}/"))

    return Part("s3", port, log, launch, ready, stop_with=stop_with)


def s3_ports() -> list[int]:
    """Free ports, the clients' first. `mini` expects its console's second port 10000 above the first."""
    numbers = ports.free(40)
    console = next(port for port in numbers if ports.is_free(port + 10000))
    numbers.remove(console)
    return [*numbers[:4], console, *numbers[4:8], console + 10000]


def s3_flags(data: Path, identities: Path, numbers: Sequence[int]) -> list[str]:
    """`mini` is four servers and a console in one process; each opens a port and a gRPC port."""
    listeners = ("s3", "filer", "master", "volume", "admin")
    names = [f"{listener}.port" for listener in listeners] + [
        f"{listener}.port.grpc" for listener in listeners
    ]
    options: dict[str, object] = {
        **dict(zip(names, numbers, strict=True)),
        "dir": data,
        "ip": "127.0.0.1",
        "ip.bind": "127.0.0.1",
        "bucket": BUCKET,
        "s3.config": identities,
        "volume.preStopSeconds": 0,
        "admin.ui": "false",
        "webdav": "false",
        "s3.port.iceberg": 0,
        "s3.port.lance": 0,
        "master.telemetry": "false",  # else it reports to its makers
    }
    return [f"-{name}={value}" for name, value in options.items()]


def administrator(key: str, secret: str) -> dict[str, object]:
    credentials = [{"accessKey": key, "secretKey": secret}]
    return {"identities": [{"name": "convo", "credentials": credentials, "actions": ["Admin"]}]}


def forget_ports(data: Path) -> None:
    """Remove what is named for the last start's ports; the master learns its state anew from the volumes."""
    data.mkdir(exist_ok=True)
    (data / "mini.options").unlink(missing_ok=True)
    for state in data.glob("m[0-9]*"):
        shutil.rmtree(state)


def forget_sockets(numbers: Sequence[int]) -> None:
    """SeaweedFS leaves a Unix socket for each port in /tmp."""
    for number in numbers:
        for left in Path("/tmp").glob(f"seaweedfs-*-{number}.sock"):
            with contextlib.suppress(OSError):
                left.unlink()


def s3_environment(port: int, key: str, secret: str) -> dict[str, str]:
    return {
        "S3_ENDPOINT": f"http://127.0.0.1:{port}",
        "S3_REGION": "us-east-1",
        "S3_ACCESS_KEY": key,
        "S3_SECRET_KEY": secret,
        "S3_BUCKET": BUCKET,
    }


def envoy(
    folder: Path,
    port: int,
    admin_port: int,
    gateways: Sequence[int],
    log: Path,
    *,
    origins: Iterable[str] = cors.DEVELOPMENT,
    inherit: Sequence[int] = (),
) -> Part:
    configuration = folder / "envoy.yaml"

    async def launch() -> Running:
        configuration.write_text(edge(port, admin_port, gateways, origins))
        command = [
            envoy_program(),
            "-c",
            configuration,
            "-l",
            "warn",
            "--concurrency",
            "1",
            "--use-dynamic-base-id",
        ]
        return await spawn(command, log, inherit=inherit)

    async def ready(_: Running) -> None:
        await until(lambda: answers(admin_port, "/ready"))

    return Part("envoy", port, log, launch, ready)


def envoy_program() -> Path:
    """The server itself: the wheel's console script would be a process between us and it."""
    found = importlib.util.find_spec("envoy")
    assert found is not None
    assert found.origin is not None
    return Path(found.origin).parent / "_bin" / "envoy"


def edge(
    port: int, admin_port: int, gateways: Sequence[int], origins: Iterable[str] = cors.DEVELOPMENT
) -> str:
    """Envoy's configuration for this machine. `origins` are the pages that may read its own errors."""
    endpoints = [("127.0.0.1", gateway) for gateway in gateways]
    return filled(endpoints, origins, ADDRESS="127.0.0.1", PORT=port, ADMIN_PORT=admin_port, TRUSTED_HOPS=0)


def filled(endpoints: Sequence[tuple[str, int]], origins: Iterable[str], **more: str | int) -> str:
    """The template with its places filled: here, in compose and in the cluster."""
    addresses = [{"address": host, "port_value": port} for host, port in endpoints]
    listed = [{"endpoint": {"address": {"socket_address": address}}} for address in addresses]
    return Template(TEMPLATE.read_text()).substitute(
        more, ORIGINS=json.dumps(sorted(origins)).replace('"', "'"), GATEWAY_ENDPOINTS=json.dumps(listed)
    )
