"""A way to falsify the books, and to mend them again."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Corruption:
    """`spoil` and `mend` run as superuser with triggers off; `lifted` is (table, constraint) put back afterwards."""

    name: str
    checks: frozenset[str]
    spoil: str
    mend: str
    lifted: tuple[str, str] | None = None


def corruption(
    name: str, checks: str | tuple[str, ...], spoil: str, mend: str, lifted: tuple[str, str] | None = None
) -> Corruption:
    """`checks` are exactly those that must find it."""
    named = frozenset([checks] if isinstance(checks, str) else checks)
    return Corruption(name, named, spoil, mend, lifted)
