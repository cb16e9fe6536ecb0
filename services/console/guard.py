"""What stands before every page: no request from another site changes anything, and browsers run our files alone."""

import hmac
import secrets
from urllib.parse import urlsplit

from fastapi import Request
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from services.console.store.sessions import SessionStore
from services.console.visitor import find_session
from shared.runtime.http import ProblemError

CSRF_HEADER = "x-csrf-token"
CSRF_FIELD = "csrf"
FORM_COOKIE = "greenpoints_form"  # proves a form to be ours before there is a session
MOST_FORM_BYTES = 64 * 1024
_SAFE = ("GET", "HEAD", "OPTIONS")
_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; font-src 'self'; "
        "connect-src 'self'; worker-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=(), payment=()",
}


class SecurityHeaders:
    """Adds the headers to every answer; pages are never kept by a cache."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers[name] = value
                headers.setdefault("Cache-Control", "no-store")
            await send(message)

        await self._app(scope, receive, with_headers if scope["type"] == "http" else send)


def new_form_token() -> str:
    return secrets.token_urlsafe(24)


async def refuse_foreign(request: Request) -> None:
    """A dependency of every route: what changes something comes from a page of ours and carries its token."""
    if request.method in _SAFE:
        return
    length = request.headers.get("content-length", "")
    if not length.isdigit() or int(length) > MOST_FORM_BYTES:
        raise ProblemError(413, "TOO_LARGE", "Send at most 64 KiB, and say how much.")
    if _comes_from_elsewhere(request):
        raise ProblemError(403, "FOREIGN_REQUEST", "This request came from another site; use the console's own pages.")
    expected = await _expected_token(request)
    given = request.headers.get(CSRF_HEADER) or await _form_token(request)
    if not expected or not hmac.compare_digest(expected.encode(), given.encode()):
        raise ProblemError(403, "FORM_EXPIRED", "This page is out of date; load it again and repeat what you did.")


def _comes_from_elsewhere(request: Request) -> bool:
    if (site := request.headers.get("sec-fetch-site")) is not None:
        return site not in ("same-origin", "none")
    origin = request.headers.get("origin")
    return origin is not None and urlsplit(origin).netloc != request.headers.get("host")


async def _expected_token(request: Request) -> str:
    sessions: SessionStore = request.app.state.sessions
    session = await find_session(request, sessions)
    return session.csrf if session is not None else request.cookies.get(FORM_COOKIE, "")


async def _form_token(request: Request) -> str:
    if not request.headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
        return ""
    given = (await request.form(max_fields=50)).get(CSRF_FIELD)
    return given if isinstance(given, str) else ""
