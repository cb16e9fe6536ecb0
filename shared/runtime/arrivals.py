"""Where this service read events: topic, partition and offset, by the events' keys."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel

from shared.runtime.http import operator_guard
from shared.runtime.service import Running

ARRIVALS = """
SELECT i.event_key, i.topic, i.partition, i.record_offset
  FROM unnest($1::uuid[]) AS k (event_key),
       LATERAL (SELECT * FROM inbox WHERE event_key = k.event_key OFFSET 0) AS i
"""


class Arrival(BaseModel):
    """The record by which an event was applied here; its later repeats are not kept."""

    event_key: UUID
    topic: str
    partition: int
    record_offset: int


def routes(running: Running) -> APIRouter:
    """GET /v1/arrivals?event_key=…&event_key=…, for the operator."""
    guard = operator_guard(running.settings.operator_token.get_secret_value())
    router = APIRouter(prefix="/v1/arrivals", tags=["arrivals"], dependencies=[Depends(guard)])

    @router.get("")
    async def list_arrivals(event_key: Annotated[list[UUID], Query(min_length=1, max_length=500)]) -> list[Arrival]:
        return [Arrival.model_validate(dict(row)) for row in await running.pool.fetch(ARRIVALS, event_key)]

    return router
