"""Dead letters of one service: listed, shown, replayed and discarded over HTTP by the operator.

A replay publishes the raw bytes to the original topic under the original key, through the outbox, in the same
transaction that marks the letter; the inbox makes each effect apply once however often it is replayed.
"""

import base64
from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

import asyncpg
from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel, ConfigDict, Field

from shared.events.topics import load_topics
from shared.runtime.batch import ARRIVAL_HEADER, ATTEMPT_HEADER, Outgoing, arrival_milliseconds
from shared.runtime.dead_letter_record import can_be_sent_again
from shared.runtime.http import ProblemError, operator_guard
from shared.runtime.ledger import OUTBOX_PART, outbox_arguments, unpack_headers
from shared.runtime.postgres import Connection
from shared.runtime.service import Running
from shared.runtime.statement import Part, gated_statement

State = Literal["open", "replayed", "discarded"]

OPEN_GATE = (Part("gate", "SELECT 1"),)
INSERT_OUTBOX = gated_statement(OPEN_GATE, [OUTBOX_PART])

_LIST = """
SELECT dead_letter_id, topic, partition, record_offset, code, message, normalised_error(message) AS error, error_class,
       attempt, arrival, state
  FROM dead_letter
 WHERE state = $1 AND ($2::text IS NULL OR code = $2) AND ($3::text IS NULL OR topic = $3)
   AND ($5::text IS NULL OR topic <> ALL($7::text[])
                           AND (position(convert_to($5, 'UTF8') IN coalesce(record_value, '')) > 0
                                OR position($5 IN headers::text) > 0))
   AND ($6::text IS NULL OR normalised_error(message) = $6)
 ORDER BY first_seen, dead_letter_id LIMIT $4
"""
_LETTER = "SELECT *, normalised_error(message) AS error FROM dead_letter WHERE dead_letter_id = $1"
_UNPUBLISHED = "SELECT count(*) FROM outbox WHERE type = 'replay'"
_GROUPS = """
SELECT topic, code, error_class, count(*) AS letters, min(arrival) AS first_arrival, max(arrival) AS last_arrival
  FROM dead_letter WHERE state = $1 GROUP BY topic, code, error_class ORDER BY letters DESC, topic, code
"""
_ERRORS = """
SELECT topic, code, error_class, normalised_error(message) AS error, count(*) AS letters,
       min(arrival) AS first_arrival, max(arrival) AS last_arrival
  FROM dead_letter WHERE state = $1
 GROUP BY topic, code, error_class, error ORDER BY letters DESC, topic, code, error
"""
# The same bytes under the same key with the same first arrival: one record, each time it was tried.
_ATTEMPTS = """
SELECT tried.dead_letter_id, tried.topic, tried.partition, tried.record_offset, tried.code, tried.message,
       normalised_error(tried.message) AS error, tried.error_class, tried.attempt, tried.arrival, tried.state
  FROM dead_letter AS one JOIN dead_letter AS tried USING (topic, arrival)
 WHERE one.dead_letter_id = $1
   AND (tried.record_key, tried.record_value) IS NOT DISTINCT FROM (one.record_key, one.record_value)
 ORDER BY tried.attempt, tried.partition, tried.record_offset LIMIT 100
"""
_TAKE = """
SELECT * FROM dead_letter
 WHERE state = 'open' AND ($1::uuid IS NULL OR dead_letter_id = $1)
   AND ($2::text IS NULL OR code = $2) AND ($3::text IS NULL OR topic = $3)
   AND ($5::uuid[] IS NULL OR dead_letter_id = ANY($5)) AND ($6::text IS NULL OR normalised_error(message) = $6)
 ORDER BY first_seen, dead_letter_id LIMIT $4 FOR UPDATE
"""
_SETTLE = """
UPDATE dead_letter SET state = $2, settled_by = $3, settled_at = now(), settled_reason = $4
 WHERE dead_letter_id = ANY($1::uuid[])
"""


class Selection(BaseModel):
    """Which open letters: one by id, or the oldest `limit` of those named, or of a code, topic and error.

    Of `dead_letter_ids` those that are not open any more are passed over.
    """

    model_config = ConfigDict(extra="forbid")

    dead_letter_id: UUID | None = None
    code: str | None = Field(default=None, max_length=64)
    topic: str | None = Field(default=None, max_length=200)
    error: str | None = Field(default=None, max_length=300)
    dead_letter_ids: list[UUID] | None = Field(default=None, min_length=1, max_length=1000)
    limit: int = Field(default=100, ge=1, le=1000)
    dry_run: bool = False


class Discard(Selection):
    """A discard says why; the letter itself stays in the books."""

    reason: str = Field(min_length=3, max_length=500)


class Summary(BaseModel):
    """One letter as the list shows it."""

    dead_letter_id: UUID
    topic: str
    partition: int
    record_offset: int
    code: str
    message: str
    error: str  # the message without what it quotes, ids and numbers
    error_class: str
    attempt: int
    arrival: datetime
    state: str


class Letter(Summary):
    """One letter whole; key and value as base64, because they may be any bytes."""

    key_base64: str | None
    value_base64: str | None
    headers: list[tuple[str, str | None]]
    fields: str
    settled_by: str | None
    settled_at: datetime | None
    settled_reason: str | None


class Settled(BaseModel):
    """What a replay or discard did, or (dry run) would do."""

    dry_run: bool
    letters: list[UUID]


def routes(service: str, running: Running) -> APIRouter:
    """The operator's endpoints under /v1/dead-letters."""
    guard = operator_guard(running.settings.operator_token.get_secret_value())
    router = APIRouter(prefix="/v1/dead-letters", tags=["dead letters"])
    Operator = Annotated[str, Depends(guard)]  # noqa: N806 - an annotation's alias

    @router.get("")
    async def list_letters(
        _operator: Operator,
        state: State = "open",
        code: str | None = None,
        topic: str | None = None,
        limit: Annotated[int, Query(ge=1, le=1000)] = 100,
        contains: Annotated[str | None, Query(min_length=1, max_length=300)] = None,
        error: Annotated[str | None, Query(max_length=300)] = None,
    ) -> list[Summary]:
        rows = await running.pool.fetch(_LIST, state, code, topic, limit, contains, error, _hidden_topics())
        return [Summary.model_validate(dict(row)) for row in rows]

    @router.get("/groups")
    async def group_letters(_operator: Operator, state: State = "open") -> list[dict[str, object]]:
        return [dict(row) for row in await running.pool.fetch(_GROUPS, state)]

    @router.get("/errors")
    async def group_errors(_operator: Operator, state: State = "open") -> list[dict[str, object]]:
        """Groups of letters with one normalised message."""
        return [dict(row) for row in await running.pool.fetch(_ERRORS, state)]

    @router.get("/unpublished")
    async def unpublished(_operator: Operator) -> dict[str, int]:
        """How many replayed letters Kafka has not acknowledged yet."""
        return {"letters": await running.pool.fetchval(_UNPUBLISHED)}

    @router.get("/{dead_letter_id}")
    async def show_letter(_operator: Operator, dead_letter_id: UUID) -> Letter:
        row = await running.pool.fetchrow(_LETTER, dead_letter_id)
        if row is None:
            raise ProblemError(404, "NOT_FOUND", f"{service} has no dead letter {dead_letter_id}; list them first.")
        return _letter(row)

    @router.get("/{dead_letter_id}/attempts")
    async def list_attempts(_operator: Operator, dead_letter_id: UUID) -> list[Summary]:
        """Every dead letter of the same record, the first attempt first."""
        rows = await running.pool.fetch(_ATTEMPTS, dead_letter_id)
        return [Summary.model_validate(dict(row)) for row in rows]

    @router.post("/replay")
    async def replay(operator: Operator, selection: Selection) -> Settled:
        async with running.pool.acquire() as connection, connection.transaction():
            rows = _of_sendable_size(await _take(connection, selection), selection)
            if not selection.dry_run:
                outgoing = [_raw(row) for row in rows]
                await connection.execute(INSERT_OUTBOX.sql, *INSERT_OUTBOX.arguments(outbox_arguments(outgoing)))
                await _settle(connection, rows, "replayed", operator, None)
        return Settled(dry_run=selection.dry_run, letters=[row["dead_letter_id"] for row in rows])

    @router.post("/discard")
    async def discard(operator: Operator, selection: Discard) -> Settled:
        async with running.pool.acquire() as connection, connection.transaction():
            rows = await _take(connection, selection)
            if not selection.dry_run:
                await _settle(connection, rows, "discarded", operator, selection.reason)
        return Settled(dry_run=selection.dry_run, letters=[row["dead_letter_id"] for row in rows])

    return router


async def _take(connection: Connection, selection: Selection) -> list[asyncpg.Record]:
    rows = await connection.fetch(
        _TAKE,
        selection.dead_letter_id,
        selection.code,
        selection.topic,
        selection.limit,
        selection.dead_letter_ids,
        selection.error,
    )
    if selection.dead_letter_id is not None and not rows:
        raise ProblemError(
            409,
            "NOT_OPEN",
            f"Dead letter {selection.dead_letter_id} is not open; show it to see what became of it.",
        )
    return rows


def _of_sendable_size(rows: list[asyncpg.Record], selection: Selection) -> list[asyncpg.Record]:
    """Without letters that no topic takes; they stay open, and one asked for by id is refused."""
    sendable = [row for row in rows if can_be_sent_again(_raw(row))]
    if selection.dead_letter_id is not None and not sendable:
        raise ProblemError(
            409,
            "DEAD_LETTER_TOO_LARGE",
            f"Dead letter {selection.dead_letter_id} is larger than {rows[0]['topic']} takes, for its sender "
            "compressed it; have it sent again in smaller parts, then discard it.",
        )
    return sendable


async def _settle(
    connection: Connection, rows: list[asyncpg.Record], state: State, operator: str, reason: str | None
) -> None:
    await connection.execute(_SETTLE, [row["dead_letter_id"] for row in rows], state, operator, reason)


def _raw(row: asyncpg.Record) -> Outgoing:
    """The original bytes, carrying their first arrival and the next attempt's number."""
    own = tuple(h for h in unpack_headers(row["headers"]) if h[0] not in (ARRIVAL_HEADER, ATTEMPT_HEADER))
    carried = (
        (ARRIVAL_HEADER, str(arrival_milliseconds(row["arrival"])).encode()),
        (ATTEMPT_HEADER, str(row["attempt"] + 1).encode()),
    )
    return Outgoing(
        row["topic"], row["record_key"], "replay", row["dead_letter_id"], row["record_value"], own + carried
    )


def _hidden_topics() -> list[str]:
    """Whose letters stay in the service's schema because they hold personal data: nobody is shown what they say."""
    return [topic.name for topic in load_topics().values() if not topic.has_dead_letters]


def _letter(row: asyncpg.Record) -> Letter:
    is_hidden = row["topic"] in _hidden_topics()
    headers = () if is_hidden else unpack_headers(row["headers"])
    return Letter(
        **{name: row[name] for name in Summary.model_fields},
        key_base64=_base64(row["record_key"]),
        value_base64=None if is_hidden else _base64(row["record_value"]),
        headers=[(name, None if value is None else value.decode("latin-1")) for name, value in headers],
        fields=row["fields"],
        settled_by=row["settled_by"],
        settled_at=row["settled_at"],
        settled_reason=row["settled_reason"],
    )


def _base64(raw: bytes | None) -> str | None:
    return None if raw is None else base64.b64encode(raw).decode()
