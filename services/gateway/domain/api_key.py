"""API keys: `gp_<key id>_<secret>`, what they are bound to, and how a secret is compared."""

import hashlib
import hmac
import re
from dataclasses import dataclass

SECRET_BYTES = 32  # 256 bits, written as 43 characters of URL-safe base64
KEY_ID_BYTES = 8
_SHAPE = re.compile(r"gp_([0-9a-f]{16})_([A-Za-z0-9_-]{43})", re.ASCII)


@dataclass(frozen=True, slots=True)
class Scope:
    """Whose events a key may send. No merchant: member events of the program; no terminal: any of the merchant."""

    program_id: str
    merchant_id: str | None
    terminal_id: str | None


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A key as the gateway keeps it: the secret itself is nowhere."""

    key_id: str
    secret_hash: bytes
    scope: Scope
    events_per_second: int
    active: bool


def hash_secret(secret: str) -> bytes:
    """SHA-256 of the secret.

    A slow password hash protects what people choose, because it can be guessed. These secrets are 256 random
    bits: no guessing gets anywhere, so one fast hash is enough and keeps the check off the hot path's bill.
    """
    return hashlib.sha256(secret.encode()).digest()


def compose(key_id: str, secret: str) -> str:
    """The text a client sends as its bearer token."""
    return f"gp_{key_id}_{secret}"


def parse(text: str) -> tuple[str, str] | None:
    """Key id and secret, or None for a text that no key can be."""
    match = _SHAPE.fullmatch(text)
    return (match.group(1), match.group(2)) if match else None


def opens(key: ApiKey, secret: str) -> bool:
    """Whether the key is active and the secret is its own, compared in constant time."""
    return hmac.compare_digest(key.secret_hash, hash_secret(secret)) and key.active
