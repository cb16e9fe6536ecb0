"""Earning's HTTP API: why a receipt earned what it earned, what became of an event, budgets, outcomes."""

from collections.abc import Sequence
from typing import Any

from fastapi import APIRouter, Depends

from services.earning.deeds import key_of_drop
from services.earning.desk import ReceiptEntry, key_of_receipt
from services.earning.domain.explain import explain
from services.earning.domain.explain_drop import explain_drop
from services.earning.domain.program import compile_program
from services.earning.domain.rejection import amount_of, amounts_left
from services.earning.domain.returned import NOTHING_RETURNED
from services.earning.store import queries
from services.earning.store.load import receipt_of
from services.earning.store.stored_deeds import drop_of
from shared.runtime.http import ProblemError, operator_guard
from shared.runtime.service import Running

# Merchant and receipt ids may hold a slash.
_RECEIPT = "/programs/{program_id}/merchants/{merchant_id:path}/receipts/{receipt_id:path}"


def routes(running: Running) -> Sequence[APIRouter]:
    """Read-only; the operator's token is asked for."""
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
        return _explained(running, stored)

    @router.get("/programs/{program_id}/drops/{drop_id:path}")
    async def drop(program_id: str, drop_id: str) -> dict[str, Any]:
        stored = await queries.drop(running.pool, key_of_drop(program_id, drop_id))
        if stored is None:
            raise ProblemError(404, "NOT_FOUND", f"Drop {drop_id} of program {program_id} was not handled (yet).")
        return _explained_drop(running, stored)

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

    @router.get("/programs/{program_id}/outcomes")
    async def outcomes(program_id: str) -> list[dict[str, Any]]:
        return await queries.outcomes(running.pool, program_id)

    @router.get("/programs/{program_id}/progress")
    async def progress(program_id: str) -> dict[str, Any]:
        return await queries.progress(running.pool, program_id)

    return [router]


def _explained(running: Running, stored: dict[str, Any]) -> dict[str, Any]:
    """The decision recomputed from its stored facts under its own version, then what remains of it now."""
    receipt = receipt_of(stored["receipt"], stored["lines"] or [], stored["grants"] or [])
    answer: dict[str, Any] = {
        "receipt_id": receipt.receipt_id,
        "member_id": receipt.member_id,
        "outcome": receipt.outcome,
        "code": receipt.code,
        "granted": sum(grant.points for grant in receipt.grants),
        "clawed_back": sum(grant.clawed_back for grant in receipt.grants),
        "grants": stored["grants"] or [],
        "decisions": stored["decisions"] or [],
    }
    if receipt.purchase is not None and receipt.rule_version is not None:
        answer |= _recomputed(running, receipt)
    return answer


def _explained_drop(running: Running, stored: dict[str, Any]) -> dict[str, Any]:
    """The drop as it was judged, recomputed under its own version, and what remains of it after its rejections."""
    drop = drop_of(stored["drop"], stored["grants"] or [], [])
    answer: dict[str, Any] = {
        "drop_id": drop.drop_id,
        "station_id": drop.station_id,
        "member_id": drop.member_id,
        "outcome": drop.outcome,
        "code": drop.code,
        "granted": sum(grant.points for grant in drop.grants),
        "clawed_back": sum(grant.clawed_back for grant in drop.grants),
        "grants": stored["grants"] or [],
        "rejections": stored["rejections"] or [],
    }
    version = running.programs.version(drop.program_id, drop.rule_version or 0)
    if version is not None and drop.collected is not None:
        program, items = compile_program(version.pack), drop.collected.items
        brought, left = [amount_of(item) for item in items], amounts_left(items, drop.rejected)
        answer["explanation"] = explain_drop(drop.collected, brought, program)
        answer["explanation_of_what_remains"] = explain_drop(drop.collected, left, program)
    return answer


def _recomputed(running: Running, receipt: ReceiptEntry) -> dict[str, Any]:
    version = running.programs.version(receipt.program_id, receipt.rule_version or 0)
    if version is None or receipt.purchase is None:
        return {}
    program = compile_program(version.pack)
    at_decision = explain(receipt.purchase, NOTHING_RETURNED, receipt.facts, program)
    now = explain(receipt.purchase, receipt.returned(), receipt.facts, program)
    return {"explanation": at_decision, "explanation_of_what_remains": now}
