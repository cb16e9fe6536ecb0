"""The catalogue over HTTP: what a program offers, what one member is offered, the slots of a booking, and quotes."""

import hashlib
from datetime import date
from typing import Annotated
from uuid import UUID

import orjson
from fastapi import APIRouter, Depends, Header, Path, Query

from services.redemption.access import Access
from services.redemption.answers.catalogue import CatalogueAnswer, OffersAnswer, QuoteAnswer, QuoteBody, SlotsAnswer
from services.redemption.domain.claims import Wish
from services.redemption.requests.catalogue_view import view_catalogue, view_offers, view_quote, view_slots
from services.redemption.requests.quote import QuoteRequest, quote
from services.redemption.store.quotes import find_quote
from shared.events.fields import MAX_SAFE_INTEGER, Identifier
from shared.runtime.http import ProblemError
from shared.runtime.service import Running

Program = Annotated[Identifier, Path()]
Member = Annotated[Identifier, Path()]
RewardId = Annotated[Identifier, Path()]
Limit = Annotated[int, Query(ge=1, le=1000)]
After = Annotated[str, Query(max_length=128)]
Key = Annotated[Identifier, Header(alias="Idempotency-Key")]

_CATALOGUE = "/programs/{program}/catalogue"
_MEMBER = "/programs/{program}/members/{member:path}"


def catalogue_routes(running: Running, access: Access) -> APIRouter:
    """The catalogue is for every key of the program; offers and quotes for the member's own key."""
    router = APIRouter(prefix="/v1", tags=["catalogue"])
    everyone, own = [Depends(access.of_program)], [Depends(access.member)]

    @router.get(_CATALOGUE, dependencies=everyone)
    async def show_catalogue(program: Program, after: After = "", limit: Limit = 100) -> CatalogueAnswer:
        return await view_catalogue(running, program, after, limit)

    @router.get(_CATALOGUE + "/{reward:path}/slots", dependencies=everyone)
    async def show_slots(
        program: Program,
        reward: RewardId,
        from_: Annotated[date | None, Query(alias="from")] = None,
        days: Annotated[int, Query(ge=1, le=62)] = 7,
    ) -> SlotsAnswer:
        """From today on without `from`, for so many days."""
        return await view_slots(running, program, reward, from_, days)

    @router.get(_MEMBER + "/catalogue", dependencies=own)
    async def show_offers(
        program: Program,
        member: Member,
        short_by: Annotated[int | None, Query(ge=0, le=MAX_SAFE_INTEGER)] = None,
        after: After = "",
        limit: Limit = 100,
    ) -> OffersAnswer:
        """`short_by=0`: what the member can redeem now; N: and what they are up to N points short of."""
        return await view_offers(running, (program, member), short_by, after, limit)

    @router.post(_MEMBER + "/quotes", status_code=201, dependencies=own)
    async def ask_quote(program: Program, member: Member, body: QuoteBody, key: Key) -> QuoteAnswer:
        request = QuoteRequest(
            member=(program, member),
            wishes=[Wish(line.reward_id, line.quantity, line.slot) for line in body.lines],
            idempotency_key=key,
            body_hash=hashlib.sha256(orjson.dumps(body.model_dump(), option=orjson.OPT_SORT_KEYS)).digest(),
        )
        return view_quote(running, await quote(running, request))

    @router.get(_MEMBER + "/quotes/{quote_id}", dependencies=own)
    async def show_quote(program: Program, member: Member, quote_id: UUID) -> QuoteAnswer:
        found = await find_quote(running.pool, (program, member), quote_id)
        if found is None:
            raise ProblemError(404, "NOT_FOUND", f"This member has no quote {quote_id}.")
        return view_quote(running, found)

    return router
