"""`convo doctor`: every dependency, whether it works, and what mends it."""

import asyncio
import shutil
import sys
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import boto3
import httpx2
import psycopg
from botocore.config import Config

from deploy.convo.place import Place, client
from deploy.local.credentials import SERVICES
from services.kit.bus import STREAM

PATIENCE = 8.0
LAG = 1000
NO_MEND = ""


@dataclass(frozen=True)
class Finding:
    name: str
    state: str  # ok, warn, fail
    text: str
    mend: str = NO_MEND


Check = Callable[[Place], Awaitable[Finding]]


async def examine(place: Place) -> list[Finding]:
    return [*await asyncio.gather(*(_checked(name, check, place) for name, check in CHECKS.items()))]


async def _checked(name: str, check: Check, place: Place) -> Finding:
    """Whatever goes wrong in a check is what it finds."""
    try:
        return await asyncio.wait_for(check(place), PATIENCE)
    except TimeoutError:
        return Finding(name, "fail", f"no answer in {PATIENCE:.0f} s", MENDS.get(name, NO_MEND))
    except Exception as error:  # noqa: BLE001
        text = str(error).splitlines()[0][:160] if str(error) else type(error).__name__
        return Finding(name, "fail", text, MENDS.get(name, NO_MEND))


async def python(place: Place) -> Finding:
    version = ".".join(map(str, sys.version_info[:3]))
    good = sys.version_info >= (3, 11)
    return Finding("python", "ok" if good else "fail", version, "Install Python 3.11 or newer.")


async def disk(place: Place) -> Finding:
    free = shutil.disk_usage(place.home if place.home.exists() else place.home.parent).free
    state = "ok" if free > 2 * 1024**3 else "warn"
    return Finding("disk", state, f"{free / 1024**3:.1f} GiB free at {place.home}", "Make room: 2 GiB.")


async def api(place: Place) -> Finding:
    async with client(place) as http:
        answer = await http.get("/readyz")
    answer.raise_for_status()
    return Finding("api", "ok", f"{place.api} is ready")


async def secrets(place: Place) -> Finding:
    size = len(place.of("JWT_SECRET").encode())
    good = size >= 32
    return Finding(
        "secrets", "ok" if good else "fail", f"JWT_SECRET has {size} bytes", "openssl rand -base64 48"
    )


async def database(place: Place) -> Finding:
    connection = await psycopg.AsyncConnection.connect(place.of("DATABASE_URL"), connect_timeout=5)
    async with connection:
        version = connection.info.server_version // 10000
        found = await connection.execute(
            "select count(*) from information_schema.tables where table_name = 'outbox'"
        )
        schemas = (await found.fetchone() or [0])[0]
        skew = await connection.execute("select extract(epoch from clock_timestamp())::float")
        apart = abs((await skew.fetchone() or [0.0])[0] - time.time())
    if schemas < len(SERVICES):
        return Finding("database", "fail", f"{schemas} of {len(SERVICES)} schemas", "make migrate")
    if apart > 2:
        return Finding("database", "warn", f"its clock is {apart:.1f} s away", "Set the clocks by NTP.")
    return Finding("database", "ok", f"PostgreSQL {version}, {schemas} schemas")


async def events(place: Place) -> Finding:
    async with place.bus() as bus:
        state = (await bus.stream.stream_info(STREAM)).state
        consumers = await bus.stream.consumers_info(STREAM)
    behind = {one.name: one.num_pending or 0 for one in consumers if (one.num_pending or 0) > LAG}
    if behind:
        worst = max(behind, key=lambda name: behind[name])
        return Finding("events", "warn", f"{worst} is {behind[worst]} events behind", "convo dead list")
    return Finding("events", "ok", f"{state.messages} events, {len(consumers)} consumers keep up")


async def outbox(place: Place) -> Finding:
    waiting = {service: await _count(place, service, WAITING) for service in SERVICES}
    late = {service: count for service, count in waiting.items() if count}
    text = ", ".join(f"{service}: {count}" for service, count in late.items())
    if late:
        return Finding("outbox", "warn", f"not published for a minute: {text}", "Is NATS up? Is the service?")
    return Finding("outbox", "ok", "everything is published")


async def dead_letters(place: Place) -> Finding:
    lying = {service: await _count(place, service, LYING) for service in SERVICES}
    total = sum(lying.values())
    text = ", ".join(f"{service}: {count}" for service, count in lying.items() if count)
    if total:
        return Finding("dead letters", "warn", text, "convo dead list, then convo dead replay SERVICE")
    return Finding("dead letters", "ok", "none")


async def files(place: Place) -> Finding:
    await asyncio.to_thread(_round_trip, place)
    return Finding("files", "ok", f"put, got and deleted in {place.of('S3_BUCKET')}")


async def ai(place: Place) -> Finding:
    key, base = place.environment.get("GROQ_API_KEY"), place.environment.get("AI_BASE_URL")
    if not key and not base:
        return Finding("ai", "ok", "local: answers come from the knowledge base, no model is asked")
    url = base or place.environment.get("GROQ_BASE_URL", "https://api.groq.com/openai/v1")
    token = place.environment.get("AI_API_KEY") if base else key
    async with httpx2.AsyncClient(timeout=5) as http:
        answer = await http.get(f"{url.rstrip('/')}/models", headers={"authorization": f"Bearer {token}"})
    if answer.status_code == 401:
        return Finding("ai", "fail", "the key is refused", "Set GROQ_API_KEY (or AI_API_KEY) anew.")
    answer.raise_for_status()
    wanted = place.environment.get("AI_MODEL", "llama-3.3-70b-versatile")
    known = {one["id"] for one in answer.json()["data"]}
    if wanted not in known:
        return Finding("ai", "warn", f"{wanted} is not offered; a fallback answers", "Set AI_MODEL.")
    return Finding("ai", "ok", wanted)


async def whatsapp(place: Place) -> Finding:
    async with place.database("messaging") as db, db.read() as session:
        rows = await session.all("select instance_name, status from instances where is_active")
    lost = [row.instance_name for row in rows if row.status != "connected"]
    if not rows:
        return Finding("whatsapp", "warn", "no instance yet", "POST /api/whatsapp/instances, or make chat")
    if lost:
        text = f"not connected: {', '.join(lost)}"
        return Finding("whatsapp", "warn", text, "Scan the code again: /api/whatsapp/instances/ID/connect")
    return Finding("whatsapp", "ok", f"{len(rows)} connected")


WAITING = (
    "select count(*) from outbox where published_at is null"
    " and created_at < clock_timestamp() - interval '1 minute'"
)
LYING = "select count(*) from dead_letters where replayed_at is null"


async def _count(place: Place, service: str, statement: str) -> int:
    async with place.database(service) as db, db.read() as session:
        return int(await session.scalar(statement))


def _round_trip(place: Place) -> None:
    store = boto3.client(
        "s3",
        endpoint_url=place.environment.get("S3_ENDPOINT") or None,
        region_name=place.environment.get("S3_REGION", "us-east-1"),
        aws_access_key_id=place.of("S3_ACCESS_KEY"),
        aws_secret_access_key=place.of("S3_SECRET_KEY"),
        config=Config(connect_timeout=3, read_timeout=5, retries={"max_attempts": 1}),
    )
    name, content = {"Bucket": place.of("S3_BUCKET"), "Key": ".convo-doctor"}, b"round trip"
    store.put_object(**name, Body=content)
    if store.get_object(**name)["Body"].read() != content:
        raise ValueError("what was read is not what was written")
    store.delete_object(**name)


CHECKS: dict[str, Check] = {
    "python": python,
    "disk": disk,
    "secrets": secrets,
    "database": database,
    "events": events,
    "outbox": outbox,
    "dead letters": dead_letters,
    "files": files,
    "api": api,
    "whatsapp": whatsapp,
    "ai": ai,
}
MENDS = {
    "secrets": "Set JWT_SECRET, or start the local system: make run",
    "database": "Is PostgreSQL up, and DATABASE_URL right? The local system: make run",
    "events": "Is NATS up, with JetStream, and NATS_URL right? The local system: make run",
    "outbox": "Mend the database first.",
    "dead letters": "Mend the database first.",
    "files": "Is the store up, and S3_ENDPOINT, S3_ACCESS_KEY, S3_SECRET_KEY, S3_BUCKET right?",
    "api": "Start the system (make run), or set API_URL to where it is.",
    "whatsapp": "Mend the database first.",
    "ai": "Is the provider reachable from here? Without a key, the local provider serves.",
}
