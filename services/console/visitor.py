"""Who is asking: the session behind a request, how it likes its pages, and whether it may."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Literal, cast
from uuid import UUID

from fastapi import Request

from services.console.domain.rights import RIGHTS, Right, Role
from services.console.languages import preferred_language, text
from services.console.store.sessions import Session, SessionStore, hash_token
from shared.languages import Language
from shared.runtime.http import ProblemError

Theme = Literal["auto", "light", "dark"]
SESSION_COOKIE = "greenpoints_session"
LANGUAGE_COOKIE = "greenpoints_language"
THEME_COOKIE = "greenpoints_theme"
CHANGE_PASSWORD_PATH = "/account"  # noqa: S105 - a path
_FREE_WITH_FIRST_PASSWORD = (CHANGE_PASSWORD_PATH, "/sign-out")


@dataclass(frozen=True, slots=True)
class Look:
    """What a page looks like; known before anybody signs in."""

    language: Language
    theme: Theme

    def t(self, sentence: str, **values: object) -> str:
        return text(self.language, sentence, **values)


@dataclass(frozen=True, slots=True)
class Visitor:
    """A signed-in operator in one browser."""

    session_hash: bytes
    operator_id: UUID
    name: str
    role: Role
    csrf: str
    address: str
    look: Look

    @property
    def language(self) -> Language:
        return self.look.language

    def t(self, sentence: str, **values: object) -> str:
        """The sentence in the visitor's language."""
        return self.look.t(sentence, **values)

    def may(self, right: Right) -> bool:
        return right in RIGHTS[self.role]


class SignInNeededError(Exception):
    """Nobody is signed in; a page leads to the sign-in, anything else gets a 401."""


class PasswordChangeNeededError(Exception):
    """The password was made by somebody else and must be changed first."""


def look_of(request: Request) -> Look:
    theme = request.cookies.get(THEME_COOKIE)
    return Look(
        preferred_language(request.cookies.get(LANGUAGE_COOKIE), request.headers.get("accept-language", "")),
        cast(Theme, theme) if theme in ("light", "dark") else "auto",
    )


def address_of(request: Request) -> str:
    return request.client.host if request.client else "unknown"


async def find_session(request: Request, sessions: SessionStore) -> Session | None:
    token = request.cookies.get(SESSION_COOKIE)
    return None if not token else await sessions.find(hash_token(token))


def require(right: Right) -> Callable[[Request], Awaitable[Visitor]]:
    """A dependency: the visitor, who is signed in and has the right."""

    async def visitor(request: Request) -> Visitor:
        session = await find_session(request, cast(Any, request.app.state).sessions)
        if session is None:
            raise SignInNeededError
        if session.must_change and request.url.path not in _FREE_WITH_FIRST_PASSWORD:
            raise PasswordChangeNeededError
        found = Visitor(
            session.session_hash,
            session.operator_id,
            session.name,
            session.role,
            session.csrf,
            address_of(request),
            look_of(request),
        )
        if not found.may(right):
            raise ProblemError(403, "FORBIDDEN", "Your role may not do this; ask an admin of this console.")
        return found

    return visitor
