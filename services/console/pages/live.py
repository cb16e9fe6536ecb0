"""The live stream's routes."""

from dataclasses import replace
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Response
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, ConfigDict, Field

from services.console.console import Console
from services.console.domain.rights import Right
from services.console.live.hub import MOST_STREAMS, MOST_TOPICS
from services.console.visitor import Visitor, require
from shared.languages import Language
from shared.runtime.http import ProblemError

Signed = Annotated[Visitor, Depends(require(Right.LOOK))]
TopicName = Annotated[str, Field(max_length=1000)]


class Wanted(BaseModel):
    """What the tabs of a browser show now."""

    model_config = ConfigDict(extra="forbid")

    topics: list[TopicName] = Field(max_length=MOST_TOPICS)


def routes(console: Console) -> APIRouter:
    router = APIRouter(prefix="/live")

    @router.get("")
    async def stream(
        visitor: Signed,
        topic: Annotated[list[str], Query(max_length=MOST_TOPICS)],
        language: Language | None = None,
    ) -> Response:
        if language is not None:  # of the pages that share the stream
            visitor = replace(visitor, look=replace(visitor.look, language=language))
        if console.hub.open_streams >= MOST_STREAMS:
            raise ProblemError(
                503, "TOO_MANY_STREAMS", "Too many browsers watch this console; close some and try again."
            )
        return StreamingResponse(console.hub.messages(visitor, topic), media_type="text/event-stream")

    @router.get("/session")
    async def session(visitor: Signed) -> dict[str, str]:
        """Whether somebody is signed in still: an event stream cannot tell its status."""
        return {"name": visitor.name}

    @router.post("/{stream_id}", status_code=204)
    async def show(visitor: Signed, stream_id: str, wanted: Wanted) -> None:
        found = console.hub.find(stream_id, visitor)
        if found is None:
            raise ProblemError(404, "NOT_FOUND", "This stream has ended; open another.")
        await found.show(wanted.topics)

    return router
