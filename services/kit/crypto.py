"""Secrets at rest: each under a data key of its own, bound to the row and column where it lies."""

import base64
import hashlib
import os
from dataclasses import dataclass

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

NONCE = 12
WRAPPED = NONCE + 32 + 16


class Unreadable(Exception):
    """A sealed value that no key opens here: another secret, another row, or damaged."""


@dataclass(frozen=True)
class Vault:
    """Seals under the current master secret; opens what any known one sealed."""

    secret: str
    previous: tuple[str, ...] = ()

    def seal(self, place: str, text: str) -> str:
        """`place` is table, row and column: a value that was moved elsewhere does not open."""
        data_key = os.urandom(32)
        bound = place.encode()
        wrapped = _encrypt(_master_key(self.secret), data_key, bound)
        return f"{_name(self.secret)}.{_text(wrapped + _encrypt(data_key, text.encode(), bound))}"

    def open(self, place: str, sealed: str) -> str:
        name, _, rest = sealed.partition(".")
        secret = next((one for one in (self.secret, *self.previous) if _name(one) == name), None)
        if secret is None:
            raise Unreadable
        try:
            octets = base64.urlsafe_b64decode(rest)
            data_key = _decrypt(_master_key(secret), octets[:WRAPPED], place.encode())
            return _decrypt(data_key, octets[WRAPPED:], place.encode()).decode()
        except (InvalidTag, ValueError) as error:
            raise Unreadable from error

    def is_current(self, sealed: str) -> bool:
        """False: sealed under a master secret that is on its way out."""
        return sealed.partition(".")[0] == _name(self.secret)


def _name(secret: str) -> str:
    return hashlib.sha256(b"convo key name:" + secret.encode()).hexdigest()[:12]


def _master_key(secret: str) -> bytes:
    return HKDF(SHA256(), 32, None, b"convo secrets at rest").derive(secret.encode())


def _encrypt(key: bytes, octets: bytes, bound: bytes) -> bytes:
    nonce = os.urandom(NONCE)
    return nonce + AESGCM(key).encrypt(nonce, octets, bound)


def _decrypt(key: bytes, octets: bytes, bound: bytes) -> bytes:
    return AESGCM(key).decrypt(octets[:NONCE], octets[NONCE:], bound)


def _text(octets: bytes) -> str:
    return base64.urlsafe_b64encode(octets).decode()
