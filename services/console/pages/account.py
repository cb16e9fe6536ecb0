"""One's own account: changing the password."""

from collections.abc import Sequence
from typing import Annotated

from fastapi import APIRouter, Depends, Form, Request, Response

from services.console.console import Console, Page
from services.console.domain.credentials import password_troubles
from services.console.domain.rights import Right
from services.console.visitor import CHANGE_PASSWORD_PATH, Visitor, require

Signed = Annotated[Visitor, Depends(require(Right.LOOK))]
Password = Annotated[str, Form(max_length=1000)]


def routes(console: Console) -> APIRouter:
    router = APIRouter()

    @router.get(CHANGE_PASSWORD_PATH)
    async def show(request: Request, visitor: Signed) -> Response:
        return await _page(console, request, visitor)

    @router.post(CHANGE_PASSWORD_PATH)
    async def change(
        request: Request, visitor: Signed, present: Password = "", new: Password = "", repeated: Password = ""
    ) -> Response:
        if (await console.sessions.attempt(visitor.name, visitor.address)).are_too_many:
            await console.actions.record(visitor, "password.change", visitor.name, outcome="refused")
            return await _page(
                console, request, visitor, ["Too many attempts to sign in; wait five minutes and try again."], 429
            )
        found = await console.operators.find(visitor.name)
        if not await console.passwords.fits(present, found[1] if found else None):
            await console.actions.record(visitor, "password.change", visitor.name, outcome="refused")
            return await _page(console, request, visitor, ["The present password is not right."], 422)
        await console.sessions.forgive(visitor.name, visitor.address)
        troubles = list(password_troubles(new, repeated, visitor.name))
        if new == present:
            troubles.append("The new password is the present one.")
        if troubles:
            return await _page(console, request, visitor, troubles, 422)
        async with console.actions.doing(visitor, "password.change", visitor.name):
            await console.operators.set_password(
                visitor.operator_id,
                await console.passwords.hash(new),
                must_change=False,
                keep_session=visitor.session_hash,
            )
        return await _page(console, request, visitor, done=True)

    return router


async def _page(
    console: Console,
    request: Request,
    visitor: Visitor,
    troubles: Sequence[str] = (),
    status: int = 200,
    *,
    done: bool = False,
) -> Response:
    found = await console.operators.find(visitor.name)
    must_change = found is not None and found[0].must_change
    return console.view.page(
        request, visitor, "account.html", status, troubles=troubles, done=done, must_change=must_change
    )


PAGE = Page(CHANGE_PASSWORD_PATH, None, routes)
