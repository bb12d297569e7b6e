"""What compose and Kubernetes need beside their own files: Envoy's and NATS's configuration, and secrets.

`python -m deploy.containers` fills the templates for containers and makes secrets, once. Every file that it
writes is ignored by git; production brings secrets of its own, under the same names.
"""

import json
import os
import secrets
from pathlib import Path
from string import Template
from urllib.parse import quote

from deploy.local import credentials
from deploy.local.credentials import CALLERS, SERVICES, Credentials, write_private
from deploy.local.infrastructure import BROKER, USERS, filled
from gateway import cors
from services.kit import migrate

DEPLOY = Path(__file__).parent
KUBERNETES = DEPLOY / "kubernetes"
CLUSTER = """
server_name: $POD_NAME
cluster {
  name: convo
  listen: 0.0.0.0:6222
  authorization { user: route, password: $PASSWORD_ROUTE }
  routes: [$ROUTE_0, $ROUTE_1, $ROUTE_2]
}
"""


def main() -> None:
    rendered = KUBERNETES / "base" / "rendered"
    rendered.mkdir(exist_ok=True)
    (rendered / "envoy.yaml").write_text(edge(int(os.environ.get("TRUSTED_HOPS") or 0)))
    (rendered / "nats.conf").write_text(broker())
    (rendered / "nats-cluster.conf").write_text(broker(CLUSTER))
    known = DEPLOY / "secrets.env"
    if not known.exists():
        write_private(known, lines(made()))
    folder = KUBERNETES / "overlays" / "development" / "secrets"
    folder.mkdir(mode=0o700, exist_ok=True)
    for name, values in for_kubernetes(read(known.read_text())).items():
        write_private(folder / f"{name}.env", lines(values))


def edge(trusted_hops: int = 0) -> str:
    """Envoy's configuration. The name of the gateway stands for all its replicas."""
    origins = cors.origins(os.environ.get("FRONTEND_URL") or "http://localhost:5173", production=True)
    return filled(
        [("gateway", 8000)],
        origins,
        ADDRESS="0.0.0.0",
        PORT=8080,
        ADMIN_PORT=9901,
        TRUSTED_HOPS=trusted_hops,
    )


def broker(cluster: str = "") -> str:
    """NATS's configuration; it takes the passwords from its environment."""
    return (
        Template(BROKER.read_text()).substitute(
            {f"PASSWORD_{user.upper()}": f"$PASSWORD_{user.upper()}" for user in USERS},
            ADDRESS="0.0.0.0",
            PORT=4222,
            MONITOR_PORT=8222,
            STORE='"/data"',
            SYNC_INTERVAL="always",
        )
        + cluster
    )


def made() -> dict[str, str]:
    """Every secret of one installation."""
    fresh: Credentials = credentials.make()
    databases = migrate.passwords(fresh.jwt_secret)
    return {
        "JWT_SECRET": fresh.jwt_secret,
        "POSTGRES_PASSWORD": fresh.database_password,
        "S3_ACCESS_KEY": fresh.s3_key,
        "S3_SECRET_KEY": fresh.s3_secret,
        "SERVICE_KEYS": json.dumps(fresh.public_keys, separators=(",", ":")),
        "EVOLUTION_API_KEY": secrets.token_hex(24),
        "EVOLUTION_DATABASE_PASSWORD": secrets.token_hex(24),
        "PASSWORD_ROUTE": f"p{secrets.token_hex(24)}",
        **{f"SERVICE_KEY_{name.upper()}": key for name, key in fresh.private_keys.items()},
        **{f"PASSWORD_{user.upper()}": f"p{secrets.token_hex(24)}" for user in USERS},
        **{f"DATABASE_PASSWORD_{name.upper()}": databases[name] for name in SERVICES},
    }


def for_kubernetes(known: dict[str, str]) -> dict[str, dict[str, str]]:
    """A file for each Secret: what everybody is told, what NATS is told, and what is one service's own."""
    shared = ("JWT_SECRET", "SERVICE_KEYS", "S3_ACCESS_KEY", "S3_SECRET_KEY")
    files = {
        "convo": {name: known[name] for name in shared},
        "nats": {name: value for name, value in known.items() if name.startswith("PASSWORD_")},
    }
    for name in CALLERS:
        password = known[f"PASSWORD_{name.upper()}"]
        files[name] = {
            "SERVICE_KEY": known[f"SERVICE_KEY_{name.upper()}"],
            "NATS_URL": f"nats://{name}:{password}@nats:4222",
        }
    for name in SERVICES:
        password = quote(known[f"DATABASE_PASSWORD_{name.upper()}"], safe="")
        files[name]["DATABASE_URL"] = f"postgresql://convo_{name}:{password}@postgres-rw:5432/convo"
    return files


def lines(values: dict[str, str]) -> str:
    return "".join(f"{name}={value}\n" for name, value in values.items())


def read(text: str) -> dict[str, str]:
    return dict(line.split("=", 1) for line in text.splitlines() if line)


if __name__ == "__main__":
    main()
