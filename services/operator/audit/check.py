"""What a check is: the invariant's number, what it proves, and how it looks."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from services.operator.audit.evidence import Evidence
from services.operator.audit.verdict import Found

Look = Callable[[Evidence], Awaitable[Found]]


@dataclass(frozen=True, slots=True)
class Check:
    """One check of one invariant (design: "Invariants the audit proves").

    `needs` names the services beside earning and redemption without whose books there is nothing to look at.
    """

    number: int
    name: str
    proves: str
    look: Look
    needs: tuple[str, ...] = ()


def by_sql(looked_at: str, differing: str) -> Look:
    """A check that is one statement: it yields the rows that differ, so no row is the proof."""

    async def look(evidence: Evidence) -> Found:
        total, rows = await evidence.differences(differing)
        return Found(await evidence.count(looked_at), total, rows)

    return look
