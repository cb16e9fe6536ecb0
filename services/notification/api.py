"""Notification's HTTP routes for callers with the operator's token: the in-app inbox, and the message log."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Path, Query
from pydantic import BaseModel, ConfigDict, Field

from services.notification.answers import (
    DeliveriesAnswer,
    InboxAnswer,
    InboxMessageAnswer,
    LinkAnswer,
    LogAnswer,
    LogRow,
    MarkedAnswer,
)
from services.notification.inbox import open_inbox
from services.notification.links import LONGEST, InboxLink, LinkBook
from services.notification.settings import NotificationSettings
from services.notification.store.inbox import (
    count_messages,
    count_unread,
    mark_read,
    read_log,
    trace_messages,
)
from shared.events.fields import Identifier
from shared.runtime.http import ProblemError, operator_guard
from shared.runtime.service import Running

Program = Annotated[Identifier, Path()]
Member = Annotated[Identifier, Path()]
Limit = Annotated[int, Query(ge=1, le=200)]
Before = Annotated[int | None, Query(ge=1)]

# A member id may hold a slash; the last part of the path names what is asked for.
_MEMBER = "/programs/{program}/members/{member:path}"


class Marking(BaseModel):
    """Which messages the member has read: these, or all that are there."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    message_ids: Annotated[list[UUID] | None, Field(max_length=200)] = None


class LinkWish(BaseModel):
    """How long a link to the inbox page shall open it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    hours: Annotated[int, Field(ge=1, le=LONGEST // timedelta(hours=1))] = 24


def inbox_routes(running: Running, settings: NotificationSettings) -> APIRouter:
    """A member's own inbox: the caller, who holds the token, answers for which member it shows it to."""
    token = running.settings.operator_token.get_secret_value()
    router = APIRouter(prefix="/v1", tags=["inbox"], dependencies=[Depends(operator_guard(token))])
    pool, links = running.pool, LinkBook(token)
    base = settings.public_url or f"http://{running.settings.http_host}:{running.settings.http_port}"

    @router.get(_MEMBER + "/inbox")
    async def show_inbox(
        program: Program,
        member: Member,
        before: Before = None,
        limit: Limit = 50,
        unread: bool = False,
        locale: Annotated[str | None, Query(max_length=20)] = None,
    ) -> InboxAnswer:
        page = await open_inbox(running, (program, member), before, limit, unread=unread, locale=locale)
        return InboxAnswer(
            messages=[InboxMessageAnswer.of(message) for message in page.messages],
            language=page.language,
            unread=page.unread,
            next_before=page.next_before,
        )

    @router.post(_MEMBER + "/inbox/read")
    async def read(program: Program, member: Member, marking: Marking) -> MarkedAnswer:
        marked = await mark_read(pool, (program, member), marking.message_ids)
        return MarkedAnswer(marked=marked, unread=await count_unread(pool, (program, member)))

    @router.post(_MEMBER + "/inbox/links", status_code=201)
    async def link(program: Program, member: Member, wish: LinkWish) -> LinkAnswer:
        expires_at = datetime.now(UTC).replace(microsecond=0) + timedelta(hours=wish.hours)
        signed = links.sign(InboxLink(program, member, expires_at))
        return LinkAnswer(url=f"{base.rstrip('/')}/inbox?link={signed}", expires_at=expires_at)

    return router


def log_routes(running: Running) -> APIRouter:
    """What became of every message, for operators; no route shows an address."""
    guard = operator_guard(running.settings.operator_token.get_secret_value())
    router = APIRouter(prefix="/v1", tags=["messages"], dependencies=[Depends(guard)])
    pool = running.pool

    @router.get(_MEMBER + "/messages")
    async def show_log(program: Program, member: Member, before: Before = None, limit: Limit = 100) -> LogAnswer:
        rows = await read_log(pool, (program, member), before, limit)
        told = [LogRow.model_validate(dict(row)) for row in rows]
        return LogAnswer(messages=told, next_before=told[-1].entry_id if len(told) == limit else None)

    @router.get("/messages/{message_id}")
    async def show_message(message_id: UUID) -> LogRow:
        for row in await trace_messages(pool, str(message_id)):
            if row["message_id"] == message_id:
                return LogRow.model_validate(dict(row))
        raise ProblemError(404, "NOT_FOUND", f"There is no message {message_id}.")

    @router.get("/trace/{wanted:path}")
    async def trace(wanted: str) -> dict[str, Sequence[LogRow]]:
        rows = await trace_messages(pool, wanted)
        return {"messages": [LogRow.model_validate(dict(row)) for row in rows]}

    @router.get("/deliveries")
    async def deliveries() -> DeliveriesAnswer:
        counted: dict[str, Any] = await count_messages(pool)
        return DeliveriesAnswer.model_validate(counted)

    return router
