"""Keeps the requests to paths that must not exist among the refusals: no points were transferred, exchanged or sold."""

from collections.abc import Sequence

from starlette.middleware import Middleware

from services.redemption.domain.refused import RefusedError
from services.redemption.store.refusals import record_refusal
from shared.runtime.prohibited import ProhibitedPaths, ProhibitedRequest, RecordProhibited
from shared.runtime.service import Running


def refuse_prohibited(running: Running) -> Sequence[Middleware]:
    """What stands before redemption's routes."""
    return [Middleware(ProhibitedPaths, service="redemption", record=_records(running))]


def _records(running: Running) -> RecordProhibited:
    """The record of one refused request, under the program that its path names, if it names one."""

    async def record(request: ProhibitedRequest) -> None:
        refused = RefusedError(request.reason.code, f"{request.method} {request.path}")
        program_id = _program_of(request.path)
        await record_refusal(running.pool, refused, program_id, "", "prohibited path", str(request.request_id), "")

    return record


def _program_of(path: str) -> str:
    _, _, rest = path.partition("/programs/")
    return rest.split("/")[0]
