"""Bearer keys of our own making, `<prefix>_<key id>_<secret>`: how they are written, hashed and compared."""

import hashlib
import hmac
import re
import secrets
from typing import NamedTuple

_SECRET_BYTES = 32  # 256 bits, written as 43 characters of URL-safe base64
_KEY_ID_BYTES = 8
_SHAPE = re.compile(r"([a-z]+)_([0-9a-f]{16})_([A-Za-z0-9_-]{43})", re.ASCII)


class NewKey(NamedTuple):
    """A key that was just made; `text` is what its holder sends, and is kept nowhere."""

    key_id: str
    secret_hash: bytes
    text: str


def make_key(prefix: str) -> NewKey:
    key_id, secret = secrets.token_hex(_KEY_ID_BYTES), secrets.token_urlsafe(_SECRET_BYTES)
    return NewKey(key_id, hash_secret(secret), f"{prefix}_{key_id}_{secret}")


def hash_secret(secret: str) -> bytes:
    """SHA-256 of the secret.

    A slow password hash protects what people choose, because it can be guessed. These secrets are 256 random
    bits: no guessing gets anywhere, so one fast hash is enough and keeps the check off the hot path's bill.
    """
    return hashlib.sha256(secret.encode()).digest()


def parse_key(prefix: str, text: str) -> tuple[str, str] | None:
    """Key id and secret, or None for a text that no key of this prefix can be."""
    match = _SHAPE.fullmatch(text)
    return (match.group(2), match.group(3)) if match and match.group(1) == prefix else None


def is_secret_of(secret_hash: bytes, secret: str) -> bool:
    """Compared in constant time."""
    return hmac.compare_digest(secret_hash, hash_secret(secret))
