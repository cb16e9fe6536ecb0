"""The HTTP routes that prove: seals, exports with proofs (C29), and the look-through of a redemption (C25)."""

from typing import Annotated
from uuid import UUID, uuid4

import asyncpg
from fastapi import APIRouter, Depends, Path, Query, Response

from services.redemption.access import Access, Caller
from services.redemption.answers.look_through import LookThroughAnswer
from services.redemption.answers.proof import BlocksAnswer, ExportAnswer
from services.redemption.answers.seals import SealHead, SealsAnswer, SealsVerified
from services.redemption.domain.refused import RefusedError
from services.redemption.refusals import Asked, refuse, unknown_member
from services.redemption.requests.export import blocks_shown, export
from services.redemption.requests.look_through import look_through, look_through_csv
from services.redemption.requests.verify_seals import verify_below
from services.redemption.store.look_through import read_look_through
from services.redemption.store.proofs import read_blocks, read_owner
from services.redemption.store.queries import has_wallet
from services.redemption.store.seal_state import read_heads, read_sealed
from shared.events.fields import MAX_SAFE_INTEGER, Identifier
from shared.events.reason_codes import ReasonCode
from shared.runtime.http import ProblemError
from shared.runtime.service import Running

Program = Annotated[Identifier, Path()]
Member = Annotated[Identifier, Path()]
AfterEntry = Annotated[int, Query(ge=0, le=MAX_SAFE_INTEGER)]
AfterBlock = Annotated[int, Query(ge=0, le=2**31 - 1)]
Limit = Annotated[int, Query(ge=1, le=200)]  # a proof reads its row's whole block
Verified = Annotated[int, Query(ge=1, le=200)]  # each has up to 4,096 rows to be hashed anew
BeforeBlock = Annotated[int | None, Query(ge=2, le=2**31 - 1)]
BlockLimit = Annotated[int, Query(ge=1, le=1000)]


def proof_routes(running: Running, access: Access) -> APIRouter:
    router = APIRouter(prefix="/v1", tags=["proofs"])
    pool = running.pool

    @router.get("/programs/{program}/seals", dependencies=[Depends(access.of_program)])
    async def list_blocks(program: Program, after: AfterBlock = 0, limit: BlockLimit = 100) -> BlocksAnswer:
        """The program's chain of sealed blocks: who notes its last hash can prove later that nothing was rewritten."""
        blocks = blocks_shown(await read_blocks(pool, program, after, limit))
        return BlocksAnswer(
            program_id=program, blocks=blocks, next_after=blocks[-1].block_no if len(blocks) == limit else None
        )

    @router.get("/seals", dependencies=[Depends(access.operator)])
    async def show_seals() -> SealsAnswer:
        """How far all is sealed, and the last block of every program."""
        programs = running.programs.programs()
        async with pool.acquire() as connection, connection.transaction(isolation="repeatable_read", readonly=True):
            sealed = await read_sealed(connection)
            heads = {row["program_id"]: row for row in await read_heads(connection, programs)}
        return SealsAnswer(**dict(sealed), programs=[_head(program, heads.get(program)) for program in programs])

    @router.get("/programs/{program}/seals/verification", dependencies=[Depends(access.operator)])
    async def verify_seals(program: Program, blocks: Verified = 100, before: BeforeBlock = None) -> SealsVerified:
        """Compute the newest blocks anew from the journal's rows, or the newest below number `before`.

        `greenpoints audit seals` does so with all of them.
        """
        return await verify_below(pool, program, before, blocks)

    @router.get("/programs/{program}/members/{member:path}/export", dependencies=[Depends(access.member)])
    async def export_member(
        program: Program, member: Member, after: AfterEntry = 0, limit: Limit = 100
    ) -> ExportAnswer:
        """Every movement of the member's points, each with its proof."""
        found = await export(pool, (program, member), after, limit)
        if not found.rows and not await has_wallet(pool, (program, member)):
            raise unknown_member()
        return found

    @router.delete(
        "/programs/{program}/members/{member:path}/journal", dependencies=[Depends(access.operator)], status_code=409
    )
    async def erase_journal(program: Program, member: Member) -> None:
        """Always refused, on record: the journal holds no contact data and is kept, at least three years (C29)."""
        if not await has_wallet(pool, (program, member)):
            raise unknown_member()
        asked = Asked(program, member, "erasure of the journal", str(uuid4()))
        kept = "Nothing erases journal rows; a member's contacts are erased with notification."
        raise await refuse(pool, asked, RefusedError(ReasonCode.RETENTION_ACTIVE, kept))

    @router.get("/redemptions/{redemption_id}/export")
    async def export_redemption(
        redemption_id: UUID,
        caller: Annotated[Caller, Depends(access.holder)],
        after: AfterEntry = 0,
        limit: Limit = 100,
    ) -> ExportAnswer:
        """Every movement of the lots that paid for a redemption, each with its proof."""
        owner = await read_owner(pool, redemption_id)
        if owner is None or not caller.sees(owner[0], member_id=owner[1]):
            raise _no_redemption(redemption_id)
        return await export(pool, owner, after, limit, redemption_id)

    @router.get("/redemptions/{redemption_id}/look-through", dependencies=[Depends(access.operator)])
    async def show_look_through(redemption_id: UUID) -> LookThroughAnswer:
        """Redemption → lots → grants → receipts → budgets, and what it was spent on → settlement (C25)."""
        return await _look_through(redemption_id)

    @router.get(
        "/redemptions/{redemption_id}/look-through/csv",
        dependencies=[Depends(access.operator)],
        response_class=Response,
        responses={200: {"content": {"text/csv": {"schema": {"type": "string"}}}}},
    )
    async def show_look_through_csv(redemption_id: UUID) -> Response:
        """The same as a table, one row per lot that paid. UTF-8 with a byte order mark, which Excel wants."""
        told = look_through_csv(await _look_through(redemption_id))
        return Response(told.encode("utf-8-sig"), media_type="text/csv; charset=utf-8")

    async def _look_through(redemption_id: UUID) -> LookThroughAnswer:
        rows = await read_look_through(pool, redemption_id)
        if rows is None:
            raise _no_redemption(redemption_id)
        return look_through(rows, running.programs)

    return router


def _head(program: str, block: asyncpg.Record | None) -> SealHead:
    if block is None:
        return SealHead(program_id=program)
    return SealHead(**{**dict(block), "block_hash": block["block_hash"].hex()})


def _no_redemption(redemption_id: UUID) -> ProblemError:
    return ProblemError(404, "NOT_FOUND", f"There is no redemption {redemption_id}.")
