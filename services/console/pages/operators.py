"""Who may sign in, and as what: added, changed and shut out by an admin."""

from typing import Annotated

from fastapi import APIRouter, Depends, Form, Request, Response
from fastapi.responses import RedirectResponse

from services.console.console import Console, Page
from services.console.domain.credentials import is_name, tidy_name
from services.console.domain.rights import Right, Role
from services.console.pages.sign_in import first_password
from services.console.store.operators import LastAdminError
from services.console.visitor import Visitor, require

Admin = Annotated[Visitor, Depends(require(Right.MANAGE_OPERATORS))]
Name = Annotated[str, Form(max_length=200)]
_LAST_ADMIN = "This is the last admin; make another one first."
_UNKNOWN = "There is no such operator, or nothing to change; look at the list."
_BAD_NAME = "A name has 2 to 40 characters: a to z, 0 to 9, dot, dash and underscore."
_TAKEN = "There is an operator of this name already."


def routes(console: Console) -> APIRouter:
    router = APIRouter(prefix="/operators")

    @router.get("")
    async def show(request: Request, visitor: Admin) -> Response:
        return await _page(console, request, visitor)

    @router.post("")
    async def add(
        request: Request, visitor: Admin, name: Name = "", role: Annotated[Role, Form()] = Role.VIEWER
    ) -> Response:
        name = tidy_name(name)
        if not is_name(name):
            return await _page(console, request, visitor, trouble=_BAD_NAME, status=422)
        password = first_password()
        async with console.actions.doing(visitor, "operator.add", name, {"role": role}) as told:
            told["added"] = await console.operators.add(
                name, await console.passwords.hash(password), role, visitor.name
            )
        if not told["added"]:
            return await _page(console, request, visitor, trouble=_TAKEN, status=409)
        return await _page(console, request, visitor, fresh=(name, password))

    @router.post("/role")
    async def change_role(request: Request, visitor: Admin, name: Name, role: Annotated[Role, Form()]) -> Response:
        try:
            async with console.actions.doing(visitor, "operator.role", tidy_name(name), {"role": role}):
                changed = await console.operators.set_role(tidy_name(name), role)
        except LastAdminError:
            return await _page(console, request, visitor, trouble=_LAST_ADMIN, status=409)
        return await _settled(console, request, visitor, changed=changed)

    @router.post("/disable")
    async def disable(request: Request, visitor: Admin, name: Name) -> Response:
        try:
            async with console.actions.doing(visitor, "operator.disable", tidy_name(name)):
                changed = await console.operators.disable(tidy_name(name))
        except LastAdminError:
            return await _page(console, request, visitor, trouble=_LAST_ADMIN, status=409)
        return await _settled(console, request, visitor, changed=changed)

    @router.post("/enable")
    async def enable(request: Request, visitor: Admin, name: Name) -> Response:
        async with console.actions.doing(visitor, "operator.enable", tidy_name(name)):
            changed = await console.operators.enable(tidy_name(name))
        return await _settled(console, request, visitor, changed=changed)

    @router.post("/password")
    async def new_password(request: Request, visitor: Admin, name: Name) -> Response:
        found = await console.operators.find(tidy_name(name))
        if found is None:
            return await _settled(console, request, visitor, changed=False)
        operator, password = found[0], first_password()
        async with console.actions.doing(visitor, "operator.password", operator.name):
            await console.operators.set_password(
                operator.operator_id, await console.passwords.hash(password), must_change=True
            )
        return await _page(console, request, visitor, fresh=(operator.name, password))

    return router


async def _settled(console: Console, request: Request, visitor: Visitor, *, changed: bool) -> Response:
    if not changed:
        return await _page(console, request, visitor, trouble=_UNKNOWN, status=404)
    return RedirectResponse("/operators", 303)


async def _page(
    console: Console,
    request: Request,
    visitor: Visitor,
    *,
    trouble: str | None = None,
    fresh: tuple[str, str] | None = None,
    status: int = 200,
) -> Response:
    """`fresh` is a name and the password just made for it, shown this once."""
    operators = await console.operators.list()
    return console.view.page(
        request, visitor, "operators.html", status, operators=operators, roles=list(Role), trouble=trouble, fresh=fresh
    )


PAGE = Page("/operators", "Operators", routes, Right.MANAGE_OPERATORS)
