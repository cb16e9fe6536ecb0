"""What the overview shows, figure by figure: from the readings to cells."""

from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction

from services.console import numbers
from services.console.console import Console
from services.console.live.source import Cell
from services.console.measures import Budget, Measures
from services.console.readings.lag import Badge, GroupLag, LagReading
from services.console.visitor import Visitor
from shared.events.topics import full_type, load_topics

_MINUTE = 60.0
_GRANTED, _TAKEN_BACK, _REDEEMED = map(full_type, ("points.granted", "points.clawed_back", "points.redeemed"))
_SLOW_SECONDS = 10  # an older waiting record is worth a look
# Badge → what it is called, and its state
BADGES: Mapping[Badge, tuple[str, str]] = {
    Badge.OK: ("keeps up", "ok"),
    Badge.WARNING: ("falling behind", "warning"),
    Badge.STALLED: ("stands still", "bad"),
    Badge.STOPPED: ("stopped", "bad"),
    Badge.REWIND: ("went back", "warning"),
    Badge.UNKNOWN: ("not known yet", "unknown"),
}
Cells = Iterator[tuple[str, Cell]]


def overview_cells(console: Console, visitor: Visitor) -> dict[str, Cell]:
    """Every cell of the page by its key."""
    reading, measures = console.lag.reading, console.measures
    cells = dict(_tiles(reading, measures, visitor))
    for service in shown_services(console):
        cells.update(_service(service, reading, measures, visitor))
    cells.update(_lanes(reading, visitor))
    cells.update(_budgets(measures.budgets, visitor))
    return cells


def shown_services(console: Console) -> Sequence[str]:
    """Those whose addresses are known, without the console itself."""
    return [name for name in console.services.names() if name != "console"]


def _tiles(reading: LagReading | None, measures: Measures, visitor: Visitor) -> Cells:
    inbound = [topic.name for topic in load_topics().values() if topic.is_inbound]
    flows = [reading.topics[name].produced_per_second for name in inbound if reading and name in reading.topics]
    yield "tile.events", _figure(numbers.rate(_sum(flows)))
    yield from _points(measures, visitor)
    yield from _latency(measures, visitor)
    yield from _lag(reading, visitor)
    yield from _errors(measures, visitor)
    letters = _sum(list(measures.dead_letters.values()))
    count = None if letters is None else int(letters)
    yield "tile.letters", _large(count, _state_of(count, "warning" if count else "zero"))
    yield from _least_budget(measures.budgets, visitor)


def _points(measures: Measures, visitor: Visitor) -> Cells:
    def per_minute(service: str, kind: str) -> int | None:
        rose = measures.increase(service, "greenpoints_points_total", _MINUTE, service=service, type=kind)
        return None if rose is None else round(rose)

    granted = per_minute("redemption", _GRANTED)
    yield "tile.points", _large(granted, "unknown" if granted is None else "" if granted else "zero")
    taken, redeemed = per_minute("redemption", _TAKEN_BACK), per_minute("notification", _REDEEMED)
    told = visitor.t(
        "{taken} taken back, {redeemed} spent", taken=numbers.count(taken), redeemed=numbers.count(redeemed)
    )
    yield "tile.points.more", Cell(told)


def _latency(measures: Measures, visitor: Visitor) -> Cells:
    def quantile(part: float) -> float | None:
        return measures.quantile("redemption", "greenpoints_journey_seconds", part, _MINUTE, service="redemption")

    most = quantile(0.95)
    yield "tile.latency", _figure(numbers.milliseconds(most))
    if most is None:
        yield "tile.latency.more", Cell(visitor.t("nothing reached a balance in the last minute"))
    else:
        yield (
            "tile.latency.more",
            Cell(visitor.t("95 of 100; half within {time}", time=numbers.milliseconds(quantile(0.5)))),
        )


def _lag(reading: LagReading | None, visitor: Visitor) -> Cells:
    groups = [] if reading is None else reading.groups()
    lag = _sum([group.lag for group in groups])
    ages = [group.lag_seconds for group in groups]
    oldest = None if not ages or None in ages else max(age for age in ages if age is not None)
    count = None if lag is None else int(lag)
    yield "tile.lag", _large(count, _lag_state(count, oldest))
    yield "tile.lag.more", Cell(visitor.t("the oldest waits {time}", time=_age(count, oldest)))
    trend = _added([group.trend for group in groups])
    yield "tile.lag.trend", _trend(trend)


def _errors(measures: Measures, visitor: Visitor) -> Cells:
    share, bad, handled = _error_share(list(measures.dead_letters), measures)
    state = _state_of(share, "zero" if not share else "bad" if share > 0.01 else "warning")
    yield "tile.errors", Cell(numbers.percent(share), state)
    told = visitor.t("{bad} of {handled} in the last minute", bad=numbers.count(bad), handled=numbers.count(handled))
    yield "tile.errors.more", Cell(told)


def _error_share(services: Sequence[str], measures: Measures) -> tuple[float | None, int | None, int | None]:
    """The share of events that became dead letters in the last minute, and both counts."""
    bad = _sum(
        [
            measures.increase(name, "greenpoints_events_total", _MINUTE, service=name, fate="dead_lettered")
            for name in services
        ]
    )
    handled = _sum([measures.increase(name, "greenpoints_events_total", _MINUTE, service=name) for name in services])
    if bad is None or handled is None:
        return None, None, None
    return (bad / handled if handled else 0.0), round(bad), round(handled)


def _least_budget(budgets: Sequence[Budget] | None, visitor: Visitor) -> Cells:
    if budgets is None:
        yield "tile.budget", _figure(numbers.UNKNOWN_TEXT)
        yield "tile.budget.more", Cell(visitor.t("earning does not answer"))
        return
    if not budgets:
        yield "tile.budget", _figure(numbers.UNKNOWN_TEXT)
        yield "tile.budget.more", Cell(visitor.t("no program is published"))
        return
    least = min(budgets, key=_part_left)
    yield "tile.budget", Cell(numbers.percent(float(_part_left(least))), _budget_state(least))
    yield "tile.budget.more", Cell(f"{least.program_id} · {least.budget_id}")


def _budgets(budgets: Sequence[Budget] | None, visitor: Visitor) -> Cells:
    for budget in budgets or ():
        key = f"budget.{budget.program_id}/{budget.budget_id}"
        left = numbers.money(budget.left_minor, budget.currency)
        yield key, Cell(left, _budget_state(budget))
        yield f"{key}.part", Cell(numbers.percent(float(_part_left(budget))))
        yield (
            f"{key}.meter",
            Cell(None, attributes={"width": f"{float(max(_part_left(budget), Fraction(0)) * 100):.1f}"}),
        )


_LITTLE = Fraction(1, 10)


def _part_left(budget: Budget) -> Fraction:
    """Exact: only what is drawn and printed of it is rounded."""
    return Fraction(budget.left_minor, budget.approved_minor) if budget.approved_minor else Fraction(0)


def _budget_state(budget: Budget) -> str:
    part = _part_left(budget)
    return "bad" if part <= 0 else "warning" if part < _LITTLE else ""


def _service(service: str, reading: LagReading | None, measures: Measures, visitor: Visitor) -> Cells:
    name = f"service.{service}"
    group = None if reading is None else reading.group(service)
    has_group = reading is not None and any(place.group == service for place in reading.places)
    badge = _badge(service, group if has_group else None, measures, visitor)
    yield f"{name}.badge", badge
    yield f"{name}.badge.lamp", Cell(None, badge.state)
    if service == "gateway":
        yield from _gateway(name, measures, visitor)
        return
    if group is None or not has_group:
        for part in ("lag", "oldest", "rate"):
            yield f"{name}.{part}", _figure(numbers.UNKNOWN_TEXT)
    else:
        state = _lag_state(group.lag, group.lag_seconds)
        yield f"{name}.lag", Cell(numbers.count(group.lag), state)
        yield f"{name}.oldest", Cell(_age(group.lag, group.lag_seconds), state)
        yield f"{name}.rate", _figure(numbers.rate(group.consumed_per_second))
        yield f"{name}.trend", _trend(group.trend)
    members = None if group is None else group.members
    yield f"{name}.members", _figure(numbers.count(members))
    share, _, _ = _error_share([service], measures)
    yield f"{name}.errors", Cell(numbers.percent(share), _state_of(share, "zero" if not share else "warning"))
    letters = measures.dead_letters.get(service)
    yield f"{name}.letters", Cell(numbers.count(letters), _state_of(letters, "warning" if letters else "zero"))


def _gateway(name: str, measures: Measures, visitor: Visitor) -> Cells:
    """It reads no topic: requests instead of records."""
    published = measures.per_second("gateway", "greenpoints_gateway_events_published_total")
    yield f"{name}.rate", _figure(numbers.rate(published))
    asked = measures.increase("gateway", "greenpoints_gateway_requests_total", _MINUTE, route="/v1/events")
    accepted = measures.increase(
        "gateway", "greenpoints_gateway_requests_total", _MINUTE, route="/v1/events", status="202"
    )
    share = None if asked is None or accepted is None else (asked - accepted) / asked if asked else 0.0
    told = visitor.t("requests refused or failed in the last minute")
    yield f"{name}.errors", Cell(numbers.percent(share), _state_of(share, "zero" if not share else "warning"), told)


def _badge(service: str, group: GroupLag | None, measures: Measures, visitor: Visitor) -> Cell:
    """A service that does not answer over HTTP is away, whatever Kafka says of its group."""
    answering = measures.is_answering(service)
    if answering is False:
        return Cell(visitor.t("no answer"), "bad")
    if service == "gateway":
        if measures.gauge("gateway", "greenpoints_gateway_kafka_answers") == 0:
            return Cell(visitor.t("waits for Kafka"), "bad")
        return Cell(visitor.t("answers"), "ok") if answering else Cell(visitor.t("not known yet"), "unknown")
    text, state = BADGES[Badge.UNKNOWN if group is None else group.badge]
    return Cell(visitor.t(text), state)


def _lanes(reading: LagReading | None, visitor: Visitor) -> Cells:
    for topic in load_topics().values():
        flow = None if reading is None else reading.topics.get(topic.name)
        written = None if flow is None else flow.produced_per_second
        yield (
            f"topic.{topic.name}",
            Cell(f"{numbers.rate(written)}/s", _state_of(written, "zero" if not written else "")),
        )
        yield f"lane.{topic.name}", Cell(None, attributes={"data-level": _level(written)})
        for service in topic.consumers:
            edge = None if reading is None else reading.edge(service, topic.name)
            yield from _edge(f"edge.{service}.{topic.name}", edge, visitor)


def _edge(key: str, edge: GroupLag | None, visitor: Visitor) -> Cells:
    read = None if edge is None else edge.consumed_per_second
    yield key, Cell(f"{numbers.rate(read)}/s", _state_of(read, "zero" if not read else ""))
    lag, age = (None, None) if edge is None else (edge.lag, edge.lag_seconds)
    if lag == 0:
        yield f"{key}.lag", Cell("")
    else:
        told = visitor.t("{count} behind, {time}", count=numbers.count(lag), time=_age(lag, age))
        yield f"{key}.lag", Cell(told if lag else numbers.UNKNOWN_TEXT, _lag_state(lag, age))


def _age(lag: int | None, seconds: int | None) -> str:
    """Whole seconds: what waits for less than one does wait."""
    return "<1 s" if lag and seconds == 0 else numbers.seconds(seconds)


def _large(number: int | None, state: str) -> Cell:
    """Short where it is very long, and then whole in its title."""
    short, whole = numbers.large(number), numbers.count(number)
    return Cell(short, state, "" if short == whole else whole)


def _figure(text: str) -> Cell:
    return Cell(text, "unknown" if text == numbers.UNKNOWN_TEXT else "zero" if text == "0" else "")


def _trend(lags: tuple[int, ...]) -> Cell:
    return Cell(None, attributes={"points": numbers.trend_points(lags, 96, 20)})


def _state_of(value: float | None, known: str) -> str:
    return "unknown" if value is None else known


def _lag_state(lag: int | None, age: int | None) -> str:
    if lag is None:
        return "unknown"
    if lag == 0:
        return "zero"
    return "warning" if age is not None and age >= _SLOW_SECONDS else ""


def _level(per_second: float | None) -> str:
    if per_second is None:
        return "unknown"
    return str(sum(per_second > bound for bound in (0, 1, 10, 100)))


def _sum(parts: Sequence[float | None]) -> float | None:
    """A sum with an unknown part is unknown."""
    known = [part for part in parts if part is not None]
    return sum(known) if parts and len(known) == len(parts) else None


def _added(trends: Sequence[tuple[int, ...]]) -> tuple[int, ...]:
    """Several trends as one, from the newest backwards."""
    longest = max(map(len, trends), default=0)
    return tuple(sum(trend[-place] for trend in trends if len(trend) >= place) for place in range(longest, 0, -1))
