"""Keeps the requests to paths that must not exist, with the API key where a valid one was shown."""

from typing import Protocol
from uuid import UUID

from services.gateway.key_book import KeyBook
from shared.events.reason_codes import Reason
from shared.runtime.http import ProblemError
from shared.runtime.prohibited import ProhibitedRequest, RecordProhibited


class KeepsProhibited(Protocol):
    """What the record needs of the store."""

    async def record(self, request_id: UUID, reason: Reason, method: str, path: str, key_id: str | None) -> None: ...


def prohibited_records(store: KeepsProhibited, keys: KeyBook) -> RecordProhibited:
    """The gateway's record of one refused request."""

    async def caller(authorization: str | None) -> str | None:
        try:
            return (await keys.authenticate(authorization)).key_id
        except ProblemError:
            return None

    async def record(request: ProhibitedRequest) -> None:
        key_id = await caller(request.authorization)
        await store.record(request.request_id, request.reason, request.method, request.path, key_id)

    return record
