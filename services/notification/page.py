"""The member's inbox page: server-rendered, no script, opened by a signed link that expires."""

from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Form, Query, Request, Response
from fastapi.responses import FileResponse, HTMLResponse, RedirectResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from services.notification.inbox import open_inbox
from services.notification.links import InboxLink, LinkBook
from services.notification.store.inbox import mark_read
from services.notification.wording import TEMPLATES, Speech, program_words
from shared.runtime.http import ProblemError
from shared.runtime.service import Running

_STATIC = Path(__file__).parent / "static"
_PER_PAGE = 20
HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "Referrer-Policy": "no-referrer",  # the address holds the link
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "X-Robots-Tag": "noindex",
}
Link = Annotated[str, Query(max_length=2000)]


def page_routes(running: Running) -> APIRouter:
    """/inbox, and nothing without a link."""
    router = APIRouter(tags=["inbox page"], include_in_schema=False)
    links = LinkBook(running.settings.operator_token.get_secret_value())

    def opened(link: str) -> InboxLink:
        found = links.read(link, datetime.now(UTC))
        if found is None:
            raise ProblemError(403, "LINK_EXPIRED", "This link is not valid any more; open your inbox from the app.")
        return found

    @router.get("/inbox")
    async def show(
        link: Link = "",
        before: Annotated[int | None, Query(ge=1)] = None,
        locale: Annotated[str | None, Query(max_length=20)] = None,
    ) -> Response:
        whose = opened(link)
        page = await open_inbox(
            running, (whose.program_id, whose.member_id), before, _PER_PAGE, unread=False, locale=locale
        )
        zone = program_words(running.programs, whose.program_id, page.language).zone
        html = (
            _environment()
            .get_template("inbox.html")
            .render(
                page=page,
                link=link,
                locale=locale,
                speak=Speech(page.language, zone),
                older=_address(link, locale, page.next_before),
                other=_address(link, "zh-CN" if page.language == "en" else "en", before),
                expires_at=whose.expires_at,
            )
        )
        return HTMLResponse(html, headers=HEADERS)

    @router.post("/inbox/read")
    async def read(
        request: Request,
        link: Annotated[str, Form(max_length=2000)],
        up_to: Annotated[int, Form(ge=1)],
        locale: Annotated[str | None, Form(max_length=20)] = None,
    ) -> Response:
        """Marks what the page showed and returns to it; what came since stays unread."""
        whose = opened(link)
        await mark_read(running.pool, (whose.program_id, whose.member_id), up_to=up_to)
        return RedirectResponse(_address(link, locale, None), 303, headers=HEADERS)

    @router.get("/inbox/style.css")
    async def style() -> Response:
        return FileResponse(_STATIC / "inbox.css", media_type="text/css", headers={"Cache-Control": "max-age=3600"})

    return router


def _address(link: str, locale: str | None, before: int | None) -> str:
    asked = {"link": link, "locale": locale, "before": before}
    return "/inbox?" + urlencode({name: value for name, value in asked.items() if value is not None})


@cache
def _environment() -> Environment:
    return Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
