"""Earning's HTTP API: why a receipt earned what it earned, what became of an event, budgets, outcomes."""

from collections.abc import Sequence
from typing import Any

from fastapi import APIRouter, Depends

from services.earning.desk import ReceiptEntry, key_of_receipt
from services.earning.domain.explain import explain
from services.earning.domain.program import compile_program
from services.earning.domain.returned import NOTHING_RETURNED
from services.earning.store import queries
from services.earning.store.load import receipt_of
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

    @router.get("/trace/{wanted:path}")
    async def trace(wanted: str) -> dict[str, list[dict[str, Any]]]:
        return await queries.trace(running.pool, wanted)

    @router.get("/programs/{program_id}/receipts")
    async def receipts(program_id: str, receipt_id: str) -> list[dict[str, Any]]:
        return await queries.receipts_of_id(running.pool, program_id, receipt_id)

    @router.get("/programs/{program_id}/budgets")
    async def budgets(program_id: str) -> list[dict[str, Any]]:
        return await queries.budgets(running.pool, program_id)

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


def _recomputed(running: Running, receipt: ReceiptEntry) -> dict[str, Any]:
    version = running.programs.version(receipt.program_id, receipt.rule_version or 0)
    if version is None or receipt.purchase is None:
        return {}
    program = compile_program(version.pack)
    at_decision = explain(receipt.purchase, NOTHING_RETURNED, receipt.facts, program)
    now = explain(receipt.purchase, receipt.returned(), receipt.facts, program)
    return {"explanation": at_decision, "explanation_of_what_remains": now}
