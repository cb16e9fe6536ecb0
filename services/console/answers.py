"""What a browser sees instead of a problem: the sign-in, or a page with the sentence; scripts get the problem."""

from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import quote

import structlog
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import RedirectResponse
from starlette.exceptions import HTTPException

from services.console.console import Console
from services.console.services import ServiceAwayError, ServiceRefusedError
from services.console.visitor import CHANGE_PASSWORD_PATH, PasswordChangeNeededError, SignInNeededError, look_of
from shared.runtime.http import ProblemError, problem

log = structlog.get_logger()
Handler = Callable[[Request, Any], Awaitable[Response]]


def answer_as_pages(app: FastAPI, console: Console) -> None:
    """Replace the handlers of errors by ones that know who asks."""

    def shown(request: Request, error: ProblemError) -> Response:
        if not _wants_page(request):
            return problem(error)
        return console.view.public_page(
            request, look_of(request), "problem.html", None, error.status, code=error.code, sentence=error.detail
        )

    async def on_problem(request: Request, error: ProblemError) -> Response:
        return shown(request, error)

    async def on_no_session(request: Request, _error: SignInNeededError) -> Response:
        if not _wants_page(request):
            return problem(ProblemError(401, "UNAUTHENTICATED", "Nobody is signed in; sign in and try again."))
        wanted = request.url.path if request.method == "GET" else "/"
        return RedirectResponse("/sign-in" if wanted == "/" else f"/sign-in?next={quote(wanted)}", 303)

    async def on_first_password(request: Request, _error: PasswordChangeNeededError) -> Response:
        if not _wants_page(request):
            return problem(ProblemError(403, "PASSWORD_CHANGE_NEEDED", "Change your password first, at /account."))
        return RedirectResponse(CHANGE_PASSWORD_PATH, 303)

    async def on_away(request: Request, error: ServiceAwayError) -> Response:
        return shown(request, ProblemError(503, error.code, error.sentence, headers={"Retry-After": "2"}))

    async def on_refused(request: Request, error: ServiceRefusedError) -> Response:
        status = error.status if 400 <= error.status < 500 and error.status not in (401, 403) else 502
        return shown(request, ProblemError(status, error.code, error.sentence))

    async def on_invalid(request: Request, _error: RequestValidationError) -> Response:
        return shown(
            request, ProblemError(422, "MALFORMED", "Something in this request is not as the console expects it.")
        )

    async def on_http(request: Request, error: HTTPException) -> Response:
        code = {404: "NOT_FOUND", 405: "METHOD_NOT_ALLOWED"}.get(error.status_code, "REFUSED")
        sentence = "There is no such page." if error.status_code == 404 else str(error.detail)
        return shown(request, ProblemError(error.status_code, code, sentence))

    async def on_failure(request: Request, error: Exception) -> Response:
        log.error("request failed", method=request.method, route=request.url.path, error=error)
        return shown(request, ProblemError(500, "FAILED", "The console failed to answer; its log has the details."))

    handlers: dict[type[Exception], Handler] = {
        ProblemError: on_problem,
        SignInNeededError: on_no_session,
        PasswordChangeNeededError: on_first_password,
        ServiceAwayError: on_away,
        ServiceRefusedError: on_refused,
        RequestValidationError: on_invalid,
        HTTPException: on_http,
        Exception: on_failure,
    }
    for kind, handler in handlers.items():
        app.add_exception_handler(kind, handler)


def _wants_page(request: Request) -> bool:
    return "text/html" in request.headers.get("accept", "")
