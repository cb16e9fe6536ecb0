"""Signing in and out, and how pages look: the routes that ask for no session."""

import secrets
from collections.abc import Mapping
from typing import Annotated

from fastapi import APIRouter, Depends, Form, Request, Response
from fastapi.responses import RedirectResponse

from services.console.console import Console
from services.console.domain.credentials import own_path, tidy_name
from services.console.domain.rights import Right
from services.console.guard import FORM_COOKIE, new_form_token
from services.console.languages import LANGUAGES
from services.console.visitor import (
    LANGUAGE_COOKIE,
    SESSION_COOKIE,
    THEME_COOKIE,
    Visitor,
    address_of,
    find_session,
    look_of,
    require,
)

_WRONG = "This name and password do not fit together."
_TOO_MANY = "Too many attempts to sign in; wait five minutes and try again."
_YEAR = 365 * 86_400


def routes(console: Console) -> APIRouter:
    router = APIRouter()

    @router.get("/sign-in")
    async def show(request: Request, next: str | None = None) -> Response:  # noqa: A002 - the parameter's public name
        if await find_session(request, console.sessions) is not None:
            return RedirectResponse(own_path(next), 303)
        return _form(console, request, own_path(next), None, 200)

    @router.post("/sign-in")
    async def sign_in(
        request: Request,
        name: Annotated[str, Form(max_length=200)] = "",
        password: Annotated[str, Form(max_length=1000)] = "",
        next: Annotated[str, Form(max_length=500)] = "/",  # noqa: A002
    ) -> Response:
        name, address = tidy_name(name), address_of(request)
        attempts = await console.sessions.attempt(name, address)
        if attempts.are_too_many:
            await console.actions.record_sign_in(name, address, "refused", {"why": "too many attempts"})
            return _form(console, request, own_path(next), _TOO_MANY, 429, {"Retry-After": "300"})
        found = await console.operators.find(name)
        fits = await console.passwords.fits(password, found[1] if found else None)
        if found is None or not fits or found[0].disabled_at is not None:
            await console.actions.record_sign_in(name, address, "refused", {"why": "wrong name or password"})
            return _form(console, request, own_path(next), _WRONG, 401)
        operator, password_hash = found
        await console.sessions.forgive(name, address)
        if console.passwords.is_outdated(password_hash):
            await console.operators.renew_hash(operator.operator_id, await console.passwords.hash(password))
        await console.actions.record_sign_in(name, address, "done", {"role": operator.role})
        token = await console.sessions.open(operator.operator_id, address)
        answer = RedirectResponse(own_path(next), 303)
        _set_cookie(console, request, answer, SESSION_COOKIE, token)
        answer.delete_cookie(FORM_COOKIE, path="/")
        return answer

    @router.post("/sign-out")
    async def sign_out(visitor: Annotated[Visitor, Depends(require(Right.LOOK))]) -> Response:
        await console.sessions.close(visitor.session_hash)
        await console.actions.record(visitor, "sign_out", visitor.name)
        answer = RedirectResponse("/sign-in", 303)
        answer.delete_cookie(SESSION_COOKIE, path="/")
        return answer

    @router.post("/look")
    async def look(
        request: Request,
        language: Annotated[str | None, Form(max_length=10)] = None,
        theme: Annotated[str | None, Form(max_length=10)] = None,
        next: Annotated[str, Form(max_length=500)] = "/",  # noqa: A002
    ) -> Response:
        answer = RedirectResponse(own_path(next), 303)
        if language in LANGUAGES:
            _set_cookie(console, request, answer, LANGUAGE_COOKIE, str(language), _YEAR)
        if theme in ("auto", "light", "dark"):
            _set_cookie(console, request, answer, THEME_COOKIE, theme, _YEAR)
        return answer

    return router


def _form(
    console: Console,
    request: Request,
    next_path: str,
    trouble: str | None,
    status: int,
    headers: Mapping[str, str] | None = None,
) -> Response:
    token = request.cookies.get(FORM_COOKIE) or new_form_token()
    answer = console.view.public_page(
        request, look_of(request), "sign_in.html", token, status, next_path=next_path, trouble=trouble
    )
    answer.headers.update(headers or {})
    _set_cookie(console, request, answer, FORM_COOKIE, token)
    return answer


def _set_cookie(
    console: Console, request: Request, answer: Response, name: str, value: str, seconds: int | None = None
) -> None:
    """Scripts never see it, other sites never send it, and https never loses it."""
    is_https = request.url.scheme == "https" or console.settings.console_url.startswith("https:")
    answer.set_cookie(name, value, max_age=seconds, path="/", secure=is_https, httponly=True, samesite="strict")


def first_password() -> str:
    """For a person to type once."""
    return secrets.token_urlsafe(12)
