"""A hot POST route read without the framework's machinery, before a documented one that does the same.

Solving dependencies and matching some sixty routes costs a request ten times what its own work does. A quick route
reads only what is plainly well formed; for everything else it answers None, and the documented route begins anew:
so nothing may have been done by then, and every refusal of a form is worded in one place.
"""

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final, TypeVar

from fastapi import APIRouter
from pydantic import BaseModel, ValidationError
from starlette.routing import BaseRoute, Match
from starlette.types import Message, Receive, Scope, Send

_PARTS: Final = "greenpoints.parts"  # in the scope: the groups of the path
_LEFT_BY: Final = "greenpoints.left_by"  # and the quick route that would not read the request
_JSON: Final = b"application/json"
_BEARER: Final = re.compile(r"Bearer (\S+)", re.ASCII)
_LONGEST_HEADER, _LONGEST_IDENTIFIER = 512, 128
# Parts of a path's pattern: identifiers that every server spells alike, UUIDs as we write them.
IDENTIFIER_PART: Final = rf"[A-Za-z0-9._~-]{{1,{_LONGEST_IDENTIFIER}}}"
UUID_PART: Final = "[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
ModelT = TypeVar("ModelT", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class QuickRequest:
    """A request with a JSON body. `parts` are the groups of the path's pattern; headers are the first of their name."""

    parts: tuple[str, ...]
    headers: dict[bytes, bytes]
    body: bytes

    def header(self, name: bytes) -> str | None:
        """Printable ASCII of ordinary length, or None: also for a header that is there and is something else."""
        value = self.headers.get(name, b"")
        if not value or len(value) > _LONGEST_HEADER or not value.isascii():
            return None
        text = value.decode()
        return text if text.isprintable() else None

    @property
    def idempotency_key(self) -> str | None:
        text = self.header(b"idempotency-key")
        return text if text is not None and len(text) <= _LONGEST_IDENTIFIER else None

    @property
    def bearer(self) -> str | None:
        """The token of a caller who names nobody that acts for it."""
        text = None if b"greenpoints-actor" in self.headers else self.header(b"authorization")
        found = None if text is None else _BEARER.fullmatch(text)
        return None if found is None else found[1]

    def read(self, model: type[ModelT]) -> ModelT | None:
        """The body, where it fits the model of the documented route."""
        if self.headers.get(b"content-type") != _JSON:
            return None
        try:
            return model.model_validate_json(self.body)
        except ValidationError:
            return None


Answer = Callable[[QuickRequest], Awaitable[BaseModel | None]]


class QuickRoute(BaseRoute):
    """Answers POST of paths that fit `path`; what `answer` raises is answered as from any route."""

    def __init__(self, path: str, status: int, answer: Answer) -> None:
        self._path = re.compile(path, re.ASCII)
        self._status = status
        self._answer = answer

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        if scope["type"] != "http" or scope["method"] != "POST" or _LEFT_BY in scope:
            return Match.NONE, {}
        found = self._path.fullmatch(scope["path"])
        return (Match.NONE, {}) if found is None else (Match.FULL, {_PARTS: found.groups()})

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        body = await _whole_body(receive)
        if body is None:
            return
        headers: dict[bytes, bytes] = {}
        for name, value in scope["headers"]:
            headers.setdefault(name, value)
        answer = await self._answer(QuickRequest(scope[_PARTS], headers, body))
        if answer is None:
            scope[_LEFT_BY] = self
            await scope["router"](scope, _again(body, receive), send)
            return
        content = answer.__pydantic_serializer__.to_json(answer)
        head = [(b"content-length", b"%d" % len(content)), (b"content-type", _JSON)]
        await send({"type": "http.response.start", "status": self._status, "headers": head})
        await send({"type": "http.response.body", "body": content})


class RouterWithQuick(APIRouter):
    """A router some of whose routes have a quick one before them."""

    quick: tuple[QuickRoute, ...] = ()


async def _whole_body(receive: Receive) -> bytes | None:
    """None when the caller is gone."""
    chunks = []
    while True:
        message = await receive()
        if message["type"] != "http.request":
            return None
        chunks.append(message.get("body", b""))
        if not message.get("more_body", False):
            return chunks[0] if len(chunks) == 1 else b"".join(chunks)


def _again(body: bytes, receive: Receive) -> Receive:
    """The body once more, then whatever else comes."""
    left: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive_again() -> Message:
        return left.pop() if left else await receive()

    return receive_again
