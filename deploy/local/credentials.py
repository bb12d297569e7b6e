"""The secrets of one home folder: made once, kept in a file that only its owner reads."""

import base64
import json
import os
import secrets
from dataclasses import asdict, dataclass
from pathlib import Path

SERVICES = ("identity", "messaging", "intelligence", "sales", "campaigns", "knowledge")
CALLERS = (*SERVICES, "gateway")


@dataclass(frozen=True)
class Credentials:
    jwt_secret: str
    jwt_refresh_secret: str
    database_password: str
    nats_token: str
    s3_key: str
    s3_secret: str
    private_keys: dict[str, str]
    public_keys: dict[str, str]


def kept(folder: Path) -> Credentials:
    path = folder / "secrets.json"
    if path.exists():
        return Credentials(**json.loads(path.read_text()))
    credentials = make()
    unfinished = path.with_suffix(".unfinished")
    write_private(unfinished, json.dumps(asdict(credentials), indent=2))
    unfinished.rename(path)
    return credentials


def make() -> Credentials:
    pairs = {name: key_pair() for name in CALLERS}
    return Credentials(
        jwt_secret=secrets.token_urlsafe(48),
        jwt_refresh_secret=secrets.token_urlsafe(48),
        database_password=secrets.token_hex(24),
        nats_token=secrets.token_hex(24),
        s3_key=secrets.token_hex(10),
        s3_secret=secrets.token_hex(20),
        private_keys={name: private for name, (private, _) in pairs.items()},
        public_keys={name: public for name, (_, public) in pairs.items()},
    )


def key_pair() -> tuple[str, str]:
    """An Ed25519 key and its public half, raw, in base64."""
    # Imported here: needed once in the life of a home, and slow enough to be felt at every start.
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    key = Ed25519PrivateKey.generate()
    halves = (key.private_bytes_raw(), key.public_key().public_bytes_raw())
    private, public = (base64.b64encode(half).decode() for half in halves)
    return private, public


def write_private(path: Path, text: str) -> None:
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(text)
