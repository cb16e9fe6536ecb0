"""The demo's last words: what each service did, what was expected and found, memory, times, the audit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rich.table import Table

from services.operator.audit.report import print_report
from services.operator.demo.compare import Row
from services.operator.demo.result import Result
from services.operator.demo.screen import Screen

MOST_BYTES = 2_500_000_000
_SHOWN = 20


def show_summary(screen: Screen, result: Result) -> None:
    """Print everything; the last line is the verdict."""
    screen.show(_services(result))
    screen.show(_outcomes(result.outcomes))
    print_report(result.verdict, screen.console)
    for line in _lines(result):
        screen.say(line)
    for sentence in result.members_off[:_SHOWN]:
        screen.say(sentence)
    screen.say(_verdict(result))


def _services(result: Result) -> Table:
    """What became of every record that each service read."""
    table = Table("service", title="Records handled, over all runs on these books", title_justify="left")
    fates = list(dict.fromkeys(fate for counts in result.handled.values() for fate in counts))
    for fate in fates:
        table.add_column(fate.replace("_", "-"), justify="right", no_wrap=True)
    for service, counts in result.handled.items():
        table.add_row(service, *(f"{counts[fate]:,}" for fate in fates))
    return table


def _outcomes(rows: Sequence[Row]) -> Table:
    table = Table("outcome of this run's events", "expected", "found", title_justify="left")
    for column in table.columns[1:]:
        column.justify = "right"
    for row in rows:
        table.add_row(row.label, f"{row.expected:,}", f"{row.found:,}", style=None if row.equal else "red")
    return table


def _lines(result: Result) -> list[str]:
    figures, spent = result.figures, result.spent
    total = sum(result.memory.values())
    over = "" if total <= MOST_BYTES else f", MORE than the {_megabytes(MOST_BYTES)} it may be"
    lines = [
        f"Events: {figures.sent:,} sent, {figures.by_http:,} through the gateway and {figures.by_kafka:,} by Kafka.",
        f"Points: {figures.issued:,} issued, {figures.clawed_back:,} clawed back, "
        f"{sum(spent.points.values()):,} redeemed by {len(spent.points)} members; "
        f"{spent.refused} wishes for more than was there were refused.",
        f"Publish to balance: {figures.latency}.",
        f"Memory: {', '.join(f'{name} {_megabytes(used)}' for name, used in result.memory.items())}; "
        f"{_megabytes(total)} in all{over}.",
        f"Times: {_times(result.seconds)}.",
    ]
    if result.refused:
        refused = ", ".join(f"{count:,} with status {status}" for status, count in result.refused.items())
        lines.append(f"The gateway refused events it should have taken: {refused}.")
    return lines


def _verdict(result: Result) -> str:
    members = len(result.expectation.members)
    if result.passed:
        return f"PASSED: all {members:,} members have exactly the points expected, and the audit is clean."
    wrong = []
    if result.members_off:
        wrong.append(f"{len(result.members_off):,} of {members:,} members have other points than expected")
    if any(not row.equal for row in result.outcomes):
        wrong.append("outcomes differ from the expected ones")
    if result.refused:
        wrong.append("the gateway refused good events")
    if any(result.restarts.values()):
        wrong.append("a service had to be restarted")
    if not result.verdict.clean:
        wrong.append("the audit is not clean")
    return f"FAILED: {'; '.join(wrong)}."


def _times(seconds: Mapping[str, float]) -> str:
    return ", ".join(f"{value:.1f} s {what}" for what, value in sorted(seconds.items(), key=lambda item: item[1]))


def _megabytes(amount: int) -> str:
    return f"{amount / 1e6:,.0f} MB"
