"""API keys and what they are bound to."""

from dataclasses import dataclass


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
