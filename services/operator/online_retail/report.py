"""Shows what the services made of a replayed file."""

from __future__ import annotations

from collections.abc import Mapping

from rich.table import Table

# Outcomes in the order of a reader's questions; any other key is shown after them as it is.
GRANTED = "granted"
DECLINED = "declined"
CLAWED_BACK = "clawed back"
NOTHING_TO_TAKE = "nothing to take"
OPEN_CLAIM = "open claim"
PARTLY_OPEN_CLAIM = "partly open claim"
DEAD_LETTER = "dead letter"
WAITING = "waiting"
_ORDER = (GRANTED, DECLINED, CLAWED_BACK, NOTHING_TO_TAKE, PARTLY_OPEN_CLAIM, OPEN_CLAIM, DEAD_LETTER, WAITING)


def outcome_table(outcomes: Mapping[str, int], title: str = "Online Retail: what became of each invoice") -> Table:
    """A table of invoice counts per outcome.

    A key is an outcome, or an outcome, a blank and a reason code ("declined ISSUE_TO_UNSPECIFIED").
    """
    table = Table(title=title, show_footer=True)
    table.add_column("Outcome", footer="Total")
    table.add_column("Reason code")
    table.add_column("Invoices", justify="right", footer=f"{sum(outcomes.values()):,}")
    for key in sorted(outcomes, key=_rank):
        outcome, code = _split(key)
        table.add_row(outcome, code, f"{outcomes[key]:,}")
    return table


def _rank(key: str) -> tuple[int, str]:
    outcome, _ = _split(key)
    return (_ORDER.index(outcome) if outcome in _ORDER else len(_ORDER), key)


def _split(key: str) -> tuple[str, str]:
    for outcome in _ORDER:
        if key == outcome or key.startswith(f"{outcome} "):
            return outcome, key[len(outcome) :].strip()
    return key, ""
