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
    screen.show(_fates(result))
    for program_id, rows in result.outcomes.items():
        screen.show(_outcomes(program_id, rows))
    print_report(result.verdict, screen.console)
    for line in _lines(result):
        screen.say(line)
    for sentence in [*result.review.troubles, *result.members_off][:_SHOWN]:
        screen.say(sentence)
    screen.say(_verdict(result))


def _services(result: Result) -> Table:
    """What each service did, and the memory of all its processes."""
    table = Table("service", "what it did", title="Summary per service, over all runs", title_justify="left")
    table.add_column("memory", justify="right", no_wrap=True)
    for service, sentence in result.work.items():
        used = sum(bytes_ for name, bytes_ in result.memory.items() if name.partition("-")[0] == service)
        table.add_row(service, sentence, _megabytes(used))
    return table


def _fates(result: Result) -> Table:
    """What became of every record that each service with books read."""
    table = Table("service", title="Records handled, over all runs on these books", title_justify="left")
    fates = list(dict.fromkeys(fate for counts in result.handled.values() for fate in counts))
    for fate in fates:
        table.add_column(fate.replace("_", "-"), justify="right", no_wrap=True)
    for service, counts in result.handled.items():
        table.add_row(service, *(f"{counts[fate]:,}" for fate in fates))
    return table


def _outcomes(program_id: str, rows: Sequence[Row]) -> Table:
    table = Table(f"outcome of this run's events at {program_id}", "expected", "found", title_justify="left")
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
        f"Messages: {_counted(result.messages) or 'none'}.",
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
    members = result.members
    if result.passed:
        exact = f"all {members:,} members have exactly the points expected"
        return f"PASSED: {exact}, the ring was found, and the audit is clean."
    wrong = []
    if result.members_off:
        wrong.append(f"{len(result.members_off):,} of {members:,} members have other points than expected")
    if result.differing:
        wrong.append("outcomes differ from the expected ones")
    if result.review.troubles:
        wrong.append("the ring was not found, held and decided as it must be")
    if result.refused:
        wrong.append("the gateway refused good events")
    if any(result.restarts.values()):
        wrong.append("a service had to be restarted")
    if not result.verdict.clean:
        wrong.append("the audit is not clean")
    return f"FAILED: {'; '.join(wrong)}."


def _counted(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{count:,} {what}" for what, count in counts.items())


def _times(seconds: Mapping[str, float]) -> str:
    return ", ".join(f"{value:.1f} s {what}" for what, value in sorted(seconds.items(), key=lambda item: item[1]))


def _megabytes(amount: int) -> str:
    return f"{amount / 1e6:,.0f} MB"
