"""Signed links to one member's inbox page: whoever holds one may read and mark that inbox until it expires."""

import base64
import binascii
import hashlib
import hmac
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson

LONGEST = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class InboxLink:
    """Whose inbox, and until when."""

    program_id: str
    member_id: str
    expires_at: datetime


class LinkBook:
    """Signs and reads links with a key drawn from the operator's token: a new token ends all links.

    Without a token there are none.
    """

    def __init__(self, operator_token: str) -> None:
        self._key = hmac.digest(operator_token.encode(), b"greenpoints inbox link", "sha256") if operator_token else b""

    def sign(self, link: InboxLink) -> str:
        """The link's text. Raises ValueError where no token is set."""
        if not self._key:
            raise ValueError("no operator token is set")
        payload = orjson.dumps([link.program_id, link.member_id, int(link.expires_at.timestamp())])
        return f"{_text(payload)}.{_text(self._seal(payload))}"

    def read(self, text: str, now: datetime) -> InboxLink | None:
        """The link, if we signed it and it has not expired."""
        head, _, seal = text.partition(".")
        payload, given = _bytes(head), _bytes(seal)
        if not self._key or payload is None or given is None or not hmac.compare_digest(self._seal(payload), given):
            return None
        said: list[Any] = orjson.loads(payload)
        link = InboxLink(said[0], said[1], datetime.fromtimestamp(said[2], UTC))
        return link if now < link.expires_at else None

    def _seal(self, payload: bytes) -> bytes:
        return hmac.digest(self._key, payload, hashlib.sha256)


def _text(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def _bytes(text: str) -> bytes | None:
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        return None
