"""What a name and a password must be like, and how often one may be tried."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

SHORTEST_PASSWORD = 12
LONGEST_PASSWORD = 200  # hashing takes time in proportion
ATTEMPT_MINUTES = 5
_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{1,39}")


@dataclass(frozen=True, slots=True)
class Attempts:
    """Sign-ins tried in the last ATTEMPT_MINUTES, this one included: by name and address, by each alone."""

    by_both: int
    by_name: int
    by_address: int

    @property
    def are_too_many(self) -> bool:
        """One guesser is stopped soon, many at one name later, so that nobody is locked out by a stranger's typing."""
        return self.by_both > 8 or self.by_name > 60 or self.by_address > 40


def tidy_name(typed: str) -> str:
    """Names know no capitals."""
    return "".join(char for char in typed if char.isprintable()).strip().lower()[:200]


def is_name(name: str) -> bool:
    """2 to 40 of a-z, 0-9, dot, dash and underscore."""
    return _NAME.fullmatch(name) is not None


def password_troubles(password: str, repeated: str, name: str) -> Sequence[str]:
    """Why this cannot be the new password of `name`, as message ids; empty when it can."""
    troubles = []
    if len(password) < SHORTEST_PASSWORD:
        troubles.append("The new password needs at least 12 characters.")
    if len(password) > LONGEST_PASSWORD:
        troubles.append("The new password may have 200 characters at most.")
    if name in password.lower() or len(set(password)) < 5:
        troubles.append("The new password is too easy to guess: leave your name out and use more different characters.")
    if password != repeated:
        troubles.append("The two new passwords differ.")
    return troubles


def own_path(wanted: str | None) -> str:
    """Where to go after signing in: a path of this console, never another site's address."""
    if (
        wanted is None
        or not wanted.startswith("/")
        or wanted[1:2] in ("/", "\\")
        or "\\" in wanted
        or len(wanted) > 500
    ):
        return "/"
    return wanted if wanted.isprintable() else "/"
