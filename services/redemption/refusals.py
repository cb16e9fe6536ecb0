"""Refusals as the red lines ask for them: answered in full, kept for the audit, and changing nothing."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import NamedTuple

from services.redemption.domain.refused import RefusedError
from services.redemption.store.refusals import record_refusal
from shared.events.reason_codes import ReasonCode, describe
from shared.runtime.http import ProblemError
from shared.runtime.postgres import Pool
from shared.runtime.telemetry import REFUSED


class Asked(NamedTuple):
    """A request as its refusal names it. `subject` says what was asked for: redemption, order, quote, …

    `request_id` is the id that the caller may name in an appeal. A request that names no member has an empty one.
    """

    program_id: str
    member_id: str
    subject: str
    request_id: str
    idempotency_key: str = ""


@asynccontextmanager
async def answering(pool: Pool, asked: Asked) -> AsyncIterator[None]:
    """Around a request's transaction: a RefusedError out of it is kept, then answered as 409.

    The transaction must be inside, so that it is undone before the refusal is recorded.
    """
    try:
        yield
    except RefusedError as refused:
        raise await refuse(pool, asked, refused) from refused


async def refuse(pool: Pool, asked: Asked, refused: RefusedError, status: int = 409) -> ProblemError:
    """Keep the refusal and make it the answer; the caller raises it."""
    await record_refusal(pool, refused, *asked)
    REFUSED.labels("redemption", refused.code.value).inc()
    return refusal(refused.code, refused.detail, asked, status, **refused.amounts)


def refusal(code: ReasonCode, detail: str, asked: Asked, status: int = 409, **amounts: int) -> ProblemError:
    """The answer alone: code, reason in both languages, control, request id, appeal path. Nothing is kept."""
    reason = describe(code)
    return ProblemError(
        status,
        code.value,
        detail,
        headers=None,
        reason={"zh-CN": reason.zh, "en": reason.en},
        control=reason.control,
        request_id=asked.request_id,
        appeal={"zh-CN": reason.appeal_zh, "en": reason.appeal},
        **amounts,
    )


def key_reused(asked: Asked) -> ProblemError:
    """The same Idempotency-Key came with another body."""
    return refusal(
        ReasonCode.IDEMPOTENCY_KEY_REUSED,
        "This Idempotency-Key was used before with another body; send a new request under a new key.",
        asked,
    )


def unknown_member() -> ProblemError:
    return ProblemError(
        404,
        "NOT_FOUND",
        "This program has no such member; a member.registered or points.granted event opens the wallet.",
    )
