"""How a page becomes HTML: templates, texts, the navigation, and addresses of our static files."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from fastapi import Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from services.console.domain.rights import Right
from services.console.guard import CSRF_FIELD
from services.console.languages import LANGUAGES, moment
from services.console.numbers import count, money
from services.console.visitor import Look, Visitor

TEMPLATES = Path(__file__).parent / "templates"
STATIC = Path(__file__).parent / "static"


@dataclass(frozen=True, slots=True)
class NavEntry:
    """A link of the navigation, shown to those who may follow it. `title` is a message id."""

    path: str
    title: str
    right: Right


def static_version() -> str:
    """Changes with any static file, so that browsers may keep them for ever. It is a part of the path, and so also of
    what one script imports from another."""
    content = hashlib.sha256()
    for path in sorted(STATIC.rglob("*")):
        if path.is_file():
            content.update(path.name.encode() + path.read_bytes())
    return content.hexdigest()[:12]


class View:
    """Renders templates for a visitor."""

    def __init__(self, navigation: Sequence[NavEntry]) -> None:
        self._navigation = navigation
        self.version = static_version()
        self._environment = Environment(
            loader=FileSystemLoader(TEMPLATES), autoescape=True, undefined=StrictUndefined, trim_blocks=True,
            lstrip_blocks=True,
        )  # fmt: skip
        self._environment.globals["asset"] = self.asset
        self._environment.globals["languages"] = LANGUAGES
        self._environment.filters["count"] = count
        self._environment.filters["money"] = money

    def asset(self, name: str) -> str:
        """The address of a static file."""
        return f"/static/{self.version}/{name}"

    def page(
        self, request: Request, visitor: Visitor, template: str, status: int = 200, **values: object
    ) -> HTMLResponse:
        """A page for somebody signed in. Templates have t, may, visitor, nav, path, moment, csrf_field and `values`."""
        nav = [entry for entry in self._navigation if visitor.may(entry.right)]
        given = {
            "visitor": visitor,
            "nav": nav,
            "may": lambda right: visitor.may(Right(right)),
            "csrf": visitor.csrf,
            "csrf_field": lambda: _csrf_field(visitor.csrf),
        }
        return self._html(request, visitor.look, template, status, {**given, **values})

    def public_page(
        self, request: Request, look: Look, template: str, csrf: str | None, status: int = 200, **values: object
    ) -> HTMLResponse:
        """A page for whoever comes; `csrf` is the form cookie's token, None for a page without forms."""
        given: dict[str, Any] = {
            "visitor": None,
            "nav": [],
            "csrf": csrf,
            "csrf_field": lambda: _csrf_field(csrf or ""),
        }
        return self._html(request, look, template, status, {**given, **values})

    def fragment(self, visitor: Visitor, template: str, **values: object) -> str:
        """A piece of a page, for scripts that put it in place."""
        given = {"t": visitor.t, "visitor": visitor, "may": lambda right: visitor.may(Right(right))}
        return self._environment.get_template(template).render(
            **given, moment=_moment(visitor.look), csrf_field=lambda: _csrf_field(visitor.csrf), **values
        )

    def _html(
        self, request: Request, look: Look, template: str, status: int, values: Mapping[str, object]
    ) -> HTMLResponse:
        here = request.url.path + (f"?{request.url.query}" if request.url.query else "")
        rendered = self._environment.get_template(template).render(
            t=look.t, look=look, path=request.url.path, here=here, moment=_moment(look), **values
        )
        return HTMLResponse(rendered, status)


def _moment(look: Look) -> Any:
    def shown(at: datetime | str, *, day: bool = True) -> str:
        return moment(look.language, datetime.fromisoformat(at) if isinstance(at, str) else at, day=day)

    return shown


def _csrf_field(token: str) -> Markup:
    return Markup('<input type="hidden" name="{}" value="{}">').format(CSRF_FIELD, token)
