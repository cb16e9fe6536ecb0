"""The audit log of what operators did."""

import uuid
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, Literal, Protocol
from uuid import UUID

import orjson

from services.console.domain.rights import Role
from shared.runtime.postgres import Pool

Outcome = Literal["started", "done", "refused", "failed"]
_TELL = """
INSERT INTO operator_action (request_id, operator, role, action, subject, detail, outcome, address)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
"""
LIST = """
SELECT action_id, request_id, occurred_at, operator, role, action, subject, detail, outcome, address
  FROM operator_action WHERE action_id < $1 ORDER BY action_id DESC LIMIT $2
"""


class Actor(Protocol):
    """Who acts, from where."""

    @property
    def name(self) -> str: ...
    @property
    def role(self) -> Role: ...
    @property
    def address(self) -> str: ...


class ActionLog:
    """Appends; nothing is ever changed or removed."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    @asynccontextmanager
    async def doing(
        self, actor: Actor, action: str, subject: str, detail: Mapping[str, object] | None = None
    ) -> AsyncIterator[dict[str, object]]:
        """Told before it is done, and again with its outcome. What the body adds to the yielded dict is told too.

        Nothing is done when the log cannot be written.
        """
        request_id, told = uuid.uuid4(), dict(detail or {})
        await self._tell(request_id, actor.name, actor.role, action, subject, told, "started", actor.address)
        try:
            yield told
        except BaseException as error:
            told["error"] = type(error).__name__
            await self._tell(request_id, actor.name, actor.role, action, subject, told, "failed", actor.address)
            raise
        await self._tell(request_id, actor.name, actor.role, action, subject, told, "done", actor.address)

    async def record(
        self,
        actor: Actor,
        action: str,
        subject: str,
        detail: Mapping[str, object] | None = None,
        outcome: Outcome = "done",
    ) -> None:
        """Something that has already happened or was refused."""
        await self._tell(uuid.uuid4(), actor.name, actor.role, action, subject, detail or {}, outcome, actor.address)

    async def record_sign_in(self, name: str, address: str, outcome: Outcome, detail: Mapping[str, object]) -> None:
        """Before there is an actor. A refused name is as typed: it may be anything."""
        await self._tell(uuid.uuid4(), name[:40], "", "sign_in", name[:40], detail, outcome, address)

    async def latest(self, before: int | None = None, limit: int = 100) -> Sequence[Mapping[str, Any]]:
        """The youngest first; `before` an action_id."""
        rows = await self._pool.fetch(LIST, before or 2**62, limit)
        return [{**row, "detail": orjson.loads(row["detail"])} for row in rows]

    async def _tell(
        self,
        request_id: UUID,
        operator: str,
        role: str,
        action: str,
        subject: str,
        detail: Mapping[str, object],
        outcome: Outcome,
        address: str,
    ) -> None:
        told = orjson.dumps(detail, default=str).decode()
        await self._pool.execute(_TELL, request_id, operator, role, action, subject, told, outcome, address)
