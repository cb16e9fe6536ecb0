"""The audit's report on a terminal."""

from collections.abc import Mapping

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from services.operator.audit.verdict import CheckResult, Verdict


def print_report(verdict: Verdict, console: Console) -> None:
    """The checks, the books' figures, the rows that differ, and the verdict in one line."""
    console.print(_checks(verdict))
    console.print(_equation(verdict.accounts), highlight=False)
    console.print(f"What became of inbound events: {_listed(verdict.outcomes)}.", highlight=False)
    if verdict.under_way:
        console.print(f"Grants and claw-backs under way: {_listed(verdict.under_way)}.", highlight=False)
    for result in verdict.results:
        if result.differences:
            console.print(_differences(result))
    console.print(verdict.sentence, style="bold green" if verdict.clean else "bold red", highlight=False)


def _checks(verdict: Verdict) -> Table:
    table = Table("#", "check", "what it proves", title=f"Audit of the snapshot of {verdict.taken_at:%F %T} UTC")
    for heading in ("rows", "differ", "s"):
        table.add_column(heading, justify="right")
    for result in verdict.results:
        table.add_row(
            str(result.number),
            result.name,
            result.proves,
            f"{result.looked_at:,}",
            f"{result.differences:,}",
            f"{result.seconds:.2f}",
            style="red" if result.differences else None,
        )
    return table


def _equation(accounts: Mapping[str, int]) -> str:
    minus = ("deficit", "waived")
    plus = [f"{points:,} {name}" for name, points in accounts.items() if name not in ("issued", *minus)]
    return f"{accounts['issued']:,} issued = " + " + ".join(plus) + "".join(f" − {accounts[n]:,} {n}" for n in minus)


def _listed(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{count:,} {name}" for name, count in counts.items()) or "none"


def _differences(result: CheckResult) -> Table:
    shown = len(result.rows)
    title = f"{result.number} {result.name}: {result.differences:,} rows differ"
    table = Table(title=title if shown == result.differences else f"{title}, the first {shown}", title_justify="left")
    for heading in ("wrong", "program", "member", "what", "expected", "found"):
        table.add_column(heading, overflow="fold")
    for row in result.rows:
        values = (row.wrong, row.program_id, row.member_id, row.subject, row.expected, row.found)
        table.add_row(*(escape(value or "") for value in values))
    return table
