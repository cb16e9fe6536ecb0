"""Earning's HTTP API: why a receipt earned what it earned, what became of an event, budgets, outcomes."""

from collections.abc import Sequence
from datetime import date
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Depends, Query

from services.earning.correction_api import correction_routes
from services.earning.deeds import key_of_drop, key_of_referral
from services.earning.desk import key_of_receipt
from services.earning.explained import explained_drop, explained_receipt, explained_referral
from services.earning.occasion_api import occasion_routes
from services.earning.store import queries
from services.earning.tier_floor_api import tier_floor_routes
from shared.programs.expiry import start_of_day
from shared.runtime.http import ProblemError, operator_guard
from shared.runtime.service import Running

# Merchant and receipt ids may hold a slash.
_RECEIPT = "/programs/{program_id}/merchants/{merchant_id:path}/receipts/{receipt_id:path}"


def routes(running: Running) -> Sequence[APIRouter]:
    """Read-only but for corrections; the operator's token is asked for."""
    guard = operator_guard(running.settings.operator_token.get_secret_value())
    router = APIRouter(prefix="/v1", tags=["earning"], dependencies=[Depends(guard)])

    @router.get(_RECEIPT + "/explanation")
    async def explanation(program_id: str, merchant_id: str, receipt_id: str) -> dict[str, Any]:
        stored = await queries.receipt(running.pool, key_of_receipt(program_id, merchant_id, receipt_id))
        if stored is None:
            raise ProblemError(
                404,
                "NOT_FOUND",
                f"Receipt {receipt_id} of merchant {merchant_id} in program {program_id} was not handled (yet).",
            )
        return explained_receipt(running, stored)

    @router.get("/programs/{program_id}/drops/{drop_id:path}")
    async def drop(program_id: str, drop_id: str) -> dict[str, Any]:
        stored = await queries.drop(running.pool, key_of_drop(program_id, drop_id))
        if stored is None:
            raise ProblemError(404, "NOT_FOUND", f"Drop {drop_id} of program {program_id} was not handled (yet).")
        return explained_drop(running, stored)

    @router.get("/programs/{program_id}/referrals/{invitee_id:path}")
    async def referral(program_id: str, invitee_id: str) -> dict[str, Any]:
        stored = await queries.referral(running.pool, key_of_referral(program_id, invitee_id))
        if stored is None:
            raise ProblemError(404, "NOT_FOUND", f"Nobody invited {invitee_id} to program {program_id} (yet).")
        return explained_referral(running, stored)

    @router.get("/trace/{wanted:path}")
    async def trace(wanted: str) -> dict[str, list[dict[str, Any]]]:
        return await queries.trace(running.pool, wanted)

    @router.get("/programs/{program_id}/receipts")
    async def receipts(program_id: str, receipt_id: str) -> list[dict[str, Any]]:
        return await queries.receipts_of_id(running.pool, program_id, receipt_id)

    @router.get("/programs/{program_id}/budgets")
    async def budgets(program_id: str) -> list[dict[str, Any]]:
        return await queries.budgets(running.pool, program_id)

    @router.get("/budgets")
    async def all_budgets() -> list[dict[str, Any]]:
        """Of every program, with the currency of its latest version."""
        book = running.programs
        return [
            {**row, "currency": book.versions(program_id)[-1].pack.currency}
            for program_id in book.programs()
            for row in await queries.budgets(running.pool, program_id)
        ]

    @router.get("/programs/{program_id}/organisations/{organisation_id}/report")
    async def organisation(
        program_id: str, organisation_id: str, first: Annotated[date, Query(alias="from")], to: date
    ) -> dict[str, Any]:
        """Business days from `from` to before `to`, in the program's time zone."""
        zone = _zone_of(running, program_id, organisation_id)
        begins, ends = start_of_day(first, zone), start_of_day(to, zone)
        return await queries.organisation(running.pool, program_id, organisation_id, begins, ends)

    @router.get("/programs/{program_id}/outcomes")
    async def outcomes(program_id: str) -> list[dict[str, Any]]:
        return await queries.outcomes(running.pool, program_id)

    @router.get("/programs/{program_id}/progress")
    async def progress(program_id: str) -> dict[str, Any]:
        return await queries.progress(running.pool, program_id)

    return [router, correction_routes(running), occasion_routes(running), tier_floor_routes(running)]


def _zone_of(running: Running, program_id: str, organisation_id: str) -> ZoneInfo:
    """The program's time zone. Raises ProblemError 404 where no version of the program has the organisation."""
    versions = running.programs.versions(program_id) if running.programs.knows(program_id) else ()
    known = {one.organisation_id for version in versions for one in version.pack.organisations}
    if organisation_id not in known:
        raise ProblemError(404, "NOT_FOUND", f"Program {program_id} has no organisation {organisation_id} in its pack.")
    return ZoneInfo(versions[-1].pack.time_zone)
