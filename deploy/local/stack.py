"""What there is to run: the embedded parts or the user's own instead, our processes, and who is told what."""

import asyncio
from dataclasses import dataclass

from deploy.local import credentials, forks, home, infrastructure, ports, postgres
from deploy.local import settings as configuration
from deploy.local.credentials import Credentials
from deploy.local.forks import Zygote
from deploy.local.process import Part
from deploy.local.settings import Member, Settings
from gateway import cors

SIMULATOR = "deploy.local.simulator"


@dataclass(frozen=True)
class Stack:
    """`below` are the embedded parts, `theirs` the names of those that the user brings."""

    settings: Settings
    secrets: Credentials
    members: list[Member]
    below: list[Part]
    theirs: list[str]
    zygote: Zygote
    forge: Part
    edge: Part
    admin_url: str
    shared: dict[str, str]
    simulator_port: int
    notes: list[str]

    @property
    def names(self) -> list[str]:
        """In the order in which they come up."""
        return [
            *(part.name for part in self.below),
            "zygote",
            "migrations",
            *(m.name for m in self.members),
            "simulator",
            "envoy",
        ]


async def plan(settings: Settings, lock: int) -> Stack:
    secrets = credentials.kept(settings.home)
    members = configuration.members(
        settings.replicas, ports.free(settings.replicas * len(credentials.CALLERS))
    )
    parts, admin_url, addresses, notes = await embedded(settings, secrets, lock)
    zygote = Zygote()
    modules = [*dict.fromkeys(member.module for member in members), "deploy.local.migration", SIMULATOR]
    gateways = [member.port for member in members if member.service == "gateway"]
    [admin_port] = ports.free(1)
    simulator_port = ports.kept(settings.home / "simulator.port")
    log = home.log(settings.home, "envoy")
    addresses["SIMULATOR_URL"] = f"http://127.0.0.1:{simulator_port}"
    shared = configuration.shared({**mail(settings), **settings.given, **addresses}, secrets, members)
    operator = nats_address(parts, secrets, "operator")
    home.note(settings.home, {**shared, **operator, "DATABASE_URL": admin_url})
    return Stack(
        settings=settings,
        secrets=secrets,
        members=members,
        below=parts,
        theirs=[name for name in ("postgres", "nats", "s3") if name not in {part.name for part in parts}],
        zygote=zygote,
        forge=forks.parent(zygote, modules, home.log(settings.home, "zygote"), inherit=[lock]),
        edge=infrastructure.envoy(
            settings.home,
            settings.port,
            admin_port,
            gateways,
            log,
            origins=cors.origins(
                shared.get("FRONTEND_URL", ""), production=shared["APP_ENV"] == "production"
            ),
            inherit=[lock],
        ),
        admin_url=admin_url,
        shared=shared,
        simulator_port=simulator_port,
        notes=notes,
    )


async def embedded(
    settings: Settings, secrets: Credentials, lock: int
) -> tuple[list[Part], str, dict[str, str], list[str]]:
    """The parts that the user does not bring, the database's URL, how services reach the others, remarks."""
    folder, given = settings.home, settings.given
    parts: list[Part] = []
    addresses: dict[str, str] = {}
    notes: list[str] = []
    admin_url = configuration.database_url(given)
    if admin_url is None:
        site = await asyncio.to_thread(postgres.site, folder)
        if site.data.parent != folder:
            notes.append(
                f"PostgreSQL's data is in {site.data}: {folder} is closed to the user that it runs as."
            )
        [port] = ports.free(1)
        log = home.log(folder, "postgres")
        more = postgres.archiving(site, settings.archive) if settings.archive else {}
        parts.append(postgres.server(site, port, secrets.database_password, log, more=more, inherit=[lock]))
        admin_url = postgres.url(port, secrets.database_password)
    if "NATS_URL" not in given:
        port, monitor_port = ports.free(2)
        log = home.log(folder, "nats")
        parts.append(infrastructure.nats(folder, port, monitor_port, secrets.nats_token, log, inherit=[lock]))
    if "S3_ENDPOINT" not in given:
        numbers = infrastructure.s3_ports()
        log = home.log(folder, "s3")
        parts.append(
            infrastructure.s3(folder, numbers, secrets.s3_key, secrets.s3_secret, log, inherit=[lock])
        )
        addresses |= infrastructure.s3_environment(numbers[0], secrets.s3_key, secrets.s3_secret)
    return parts, admin_url, addresses, notes


def mail(settings: Settings) -> dict[str, str]:
    """Where letters go as long as there is no mail server: files that a person can read."""
    return {"MAIL_DIR": str(settings.home / "mail")}


def migration(stack: Stack) -> Part:
    environment = {**stack.shared, "DATABASE_URL": stack.admin_url}
    log = home.log(stack.settings.home, "migrations")
    return forks.child(stack.zygote, "migrations", "deploy.local.migration", environment, None, log)


def simulator(stack: Stack) -> Part:
    """A WhatsApp to try things with, behind an Evolution of our own."""
    log = home.log(stack.settings.home, "simulator")
    port = stack.simulator_port
    clock = {name: text for name, text in stack.shared.items() if name == "CONVO_CLOCK_FILE"}
    environment = {**clock, "SIMULATOR_PORT": str(port)}
    return forks.child(stack.zygote, "simulator", SIMULATOR, environment, port, log)


def process(stack: Stack, member: Member, urls: dict[str, str]) -> Part:
    own = configuration.own(member, stack.secrets, urls)
    environment = {**stack.shared, **own, **nats_address(stack.below, stack.secrets, member.service)}
    log = home.log(stack.settings.home, member.name)
    return forks.child(stack.zygote, member.name, member.module, environment, member.port, log)


def nats_address(parts: list[Part], secrets: Credentials, user: str) -> dict[str, str]:
    """How this user reaches the embedded NATS; nothing where the user of the stack brings one."""
    for part in parts:
        if part.name == "nats" and part.port:
            return {"NATS_URL": infrastructure.nats_url(part.port, secrets.nats_token, user)}
    return {}
