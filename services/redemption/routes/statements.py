"""Settlement over HTTP: statements per partner and period, as JSON and CSV; claims, payments, donation totals."""

import hashlib
from datetime import date, datetime
from typing import Annotated
from uuid import UUID
from zoneinfo import ZoneInfo

import asyncpg
import orjson
from fastapi import APIRouter, Depends, Header, Path, Query
from fastapi.responses import StreamingResponse
from pydantic import BaseModel

from services.redemption.access import Access, Caller
from services.redemption.answers.statement_csv import statement_csv
from services.redemption.answers.statements import (
    PERIOD,
    ClaimAnswer,
    ClaimBody,
    DonationsAnswer,
    EntriesAnswer,
    EntryAnswer,
    PaymentBody,
    ProgramRow,
    ProgramsAnswer,
    StatementAnswer,
    StatementLine,
    StatementRow,
    StatementsAnswer,
)
from services.redemption.domain.claim import ClaimedLine
from services.redemption.domain.settlement import PayeeKind
from services.redemption.payees import PackNames
from services.redemption.requests.settle import ClaimRequest, PaymentRequest, claim, pay
from services.redemption.store.queries import read_clock
from services.redemption.store.statements import (
    StatementName,
    every_entry,
    find_claim,
    find_claim_of,
    read_donated,
    read_entries,
    read_lines,
    read_statements,
)
from shared.events.fields import MAX_SAFE_INTEGER, Identifier
from shared.programs.expiry import business_day
from shared.runtime.http import ProblemError
from shared.runtime.postgres import Pool
from shared.runtime.service import Running

Program = Annotated[Identifier, Path()]
Payee = Annotated[Identifier, Path()]
Period = Annotated[str, Path(pattern=PERIOD)]
Limit = Annotated[int, Query(ge=1, le=1000)]
AfterEntry = Annotated[int, Query(ge=0, le=MAX_SAFE_INTEGER)]
Key = Annotated[Identifier, Header(alias="Idempotency-Key")]

_STATEMENT = "/programs/{program}/statements/{kind}/{period}/{payee:path}"


def statement_routes(running: Running, access: Access) -> APIRouter:
    """Statements, claims and payments are the operator's; donation totals are told to everyone of the program."""
    router = APIRouter(prefix="/v1", tags=["settlement"])
    operator = [Depends(access.operator)]
    pool = running.pool

    @router.get("/programs", dependencies=operator, tags=["programs"])
    async def list_programs() -> ProgramsAnswer:
        book = running.programs
        newest = [book.versions(program)[-1].pack for program in book.programs() if book.versions(program)]
        told = [ProgramRow(program_id=pack.program_id, name=pack.name, currency=pack.currency) for pack in newest]
        return ProgramsAnswer(programs=told)

    @router.get("/programs/{program}/statements", dependencies=operator)
    async def list_statements(
        program: Program,
        payee_kind: PayeeKind | None = None,
        payee_id: Annotated[Identifier | None, Query()] = None,
        after: Annotated[str | None, Query(max_length=200)] = None,
        limit: Limit = 100,
    ) -> StatementsAnswer:
        names = PackNames(running, program)
        rows = await read_statements(pool, program, payee_kind, payee_id, _cursor(program, after), limit)
        today = await _today(pool, names.zone)
        shown = [_statement_row(row, names, today) for row in rows]
        last = shown[-1] if len(shown) == limit else None
        return StatementsAnswer(
            statements=shown, next_after=f"{last.payee_kind}/{last.period}/{last.payee_id}" if last else None
        )

    @router.get(_STATEMENT + "/entries", dependencies=operator)
    async def show_entries(
        program: Program, kind: PayeeKind, payee: Payee, period: Period, after: AfterEntry = 0, limit: Limit = 100
    ) -> EntriesAnswer:
        name = StatementName(program, kind, payee, period)
        rows = await read_entries(pool, name, after, limit)
        if not rows and after == 0:
            raise _no_statement(name)
        told = [EntryAnswer.model_validate(dict(row)) for row in rows]
        return EntriesAnswer(entries=told, next_after=told[-1].entry_id if len(told) == limit else None)

    @router.get(
        _STATEMENT + "/csv",
        dependencies=operator,
        response_class=StreamingResponse,
        responses={200: {"content": {"text/csv": {}}, "description": "One row per order line, with a header."}},
    )
    async def download_statement(program: Program, kind: PayeeKind, payee: Payee, period: Period) -> StreamingResponse:
        name = StatementName(program, kind, payee, period)
        if not await read_entries(pool, name, 0, 1):
            raise _no_statement(name)
        return StreamingResponse(
            statement_csv(name, every_entry(pool, name)),
            media_type="text/csv; charset=utf-8",
            headers={"Content-Disposition": f'attachment; filename="statement-{period}.csv"'},
        )

    @router.get(_STATEMENT, dependencies=operator)
    async def show_statement(program: Program, kind: PayeeKind, payee: Payee, period: Period) -> StatementAnswer:
        name = StatementName(program, kind, payee, period)
        names = PackNames(running, program)
        async with pool.acquire() as connection, connection.transaction(isolation="repeatable_read", readonly=True):
            lines = await read_lines(connection, name)
            claimed = await find_claim_of(connection, name)
        if not lines:
            raise _no_statement(name)
        return _statement(name, lines, claimed, names, await _today(pool, names.zone))

    @router.post("/programs/{program}/claims", status_code=201)
    async def claim_statement(
        program: Program, body: ClaimBody, key: Key, caller: Annotated[Caller, Depends(access.operator)]
    ) -> ClaimAnswer:
        request = ClaimRequest(
            name=StatementName(program, body.payee_kind, body.payee_id, body.period),
            lines=[ClaimedLine(line.reward_id, line.units, line.owed_minor) for line in body.lines],
            idempotency_key=key,
            body_hash=_hash(body),
            person=caller.name,
            zone=PackNames(running, program).zone,
        )
        return await _claim(pool, await claim(pool, request))

    @router.post("/claims/{claim_id}/payment")
    async def note_payment(
        claim_id: UUID, body: PaymentBody, key: Key, caller: Annotated[Caller, Depends(access.operator)]
    ) -> ClaimAnswer:
        await pay(pool, PaymentRequest(claim_id, body.document, body.paid_on, key, _hash(body), caller.name))
        return await _claim(pool, claim_id)

    @router.get("/claims/{claim_id}", dependencies=operator)
    async def show_claim(claim_id: UUID) -> ClaimAnswer:
        return await _claim(pool, claim_id)

    @router.get("/programs/{program}/donations", dependencies=[Depends(access.of_program)], tags=["donations"])
    async def show_donations(program: Program) -> DonationsAnswer:
        names = PackNames(running, program)
        rows = await read_donated(pool, program)
        return DonationsAnswer(program_id=program, as_of=await _now(pool), agreements=names.donated(rows))

    return router


def _statement_row(row: asyncpg.Record, names: PackNames, today: date) -> StatementRow:
    name = names.payee(row["payee_kind"], row["payee_id"])
    state = _state(row["period_to"], today, claimed=row["claim_id"] is not None, paid=row["paid_on"] is not None)
    return StatementRow.model_validate({**row, "name": name, "state": state})


def _statement(
    name: StatementName,
    lines: list[asyncpg.Record],
    claimed: asyncpg.Record | None,
    names: PackNames,
    today: date,
) -> StatementAnswer:
    first = lines[0]
    told = [StatementLine.model_validate({**line, "name": names.reward(line["reward_id"])}) for line in lines]
    return StatementAnswer.model_validate({
        "payee_kind": name.payee_kind,
        "payee_id": name.payee_id,
        "name": names.payee(name.payee_kind, name.payee_id),
        "period": name.period,
        "period_from": first["period_from"],
        "period_to": first["period_to"],
        "state": _state(
            first["period_to"], today, claimed=claimed is not None, paid=bool(claimed and claimed["paid_on"])
        ),
        "currency": first["currency"],
        **{
            what: sum(getattr(line, what) for line in told)
            for what in ("fulfilled", "returned", "price_minor", "fee_minor", "owed_minor")
        },
        "lines": told,
        "claim": ClaimAnswer.model_validate(dict(claimed)) if claimed is not None else None,
    })  # fmt: skip


def _state(period_to: date, today: date, *, claimed: bool, paid: bool) -> str:
    if claimed:
        return "paid" if paid else "claimed"
    return "open" if today < period_to else "ended"


async def _claim(pool: Pool, claim_id: UUID) -> ClaimAnswer:
    found = await find_claim(pool, claim_id)
    if found is None:
        raise ProblemError(404, "NOT_FOUND", f"There is no claim {claim_id}.")
    return ClaimAnswer.model_validate(dict(found))


def _cursor(program: str, after: str | None) -> StatementName | None:
    if after is None:
        return None
    kind, _, rest = after.partition("/")
    period, _, payee_id = rest.partition("/")
    return StatementName(program, kind, payee_id, period)


async def _now(pool: Pool) -> datetime:
    async with pool.acquire() as connection:
        return await read_clock(connection)


async def _today(pool: Pool, zone: ZoneInfo) -> date:
    return business_day(await _now(pool), zone)


def _no_statement(name: StatementName) -> ProblemError:
    return ProblemError(
        404, "NOT_FOUND", f"Nothing was handed over for {name.payee_id} in {name.period}: there is no such statement."
    )


def _hash(body: BaseModel) -> bytes:
    return hashlib.sha256(orjson.dumps(body.model_dump(mode="json"), option=orjson.OPT_SORT_KEYS)).digest()
