"""What the stream page shows of each group: rows for its topics, and for one topic's partitions; cells for each row."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from services.console import numbers
from services.console.live.source import UNKNOWN, Cell, CellSource
from services.console.pages.overview_cells import BADGES
from services.console.readings.lag import Badge, GroupLag, LagReading, PlaceLag, summed
from services.console.visitor import Visitor

TREND_WIDTH, TREND_HEIGHT = 96, 20
_OLD_SECONDS = 10  # a waiting record of this age is worth a look


@dataclass(frozen=True, slots=True)
class Row:
    """A group on a topic; `key` names its cells."""

    group: str
    topic: str
    whole: GroupLag
    end: int

    @property
    def key(self) -> str:
        return f"{self.group}/{self.topic}"


def rows(reading: LagReading | None) -> list[Row]:
    """Every group on every topic it reads, the furthest behind first; an unknown lag comes before any known one."""
    if reading is None:
        return []
    found = [
        Row(group, topic, summed(group, places, reading.members.get(group)), sum(place.end or 0 for place in places))
        for (group, topic), places in reading.edges().items()
    ]
    return sorted(found, key=lambda row: (row.whole.lag is not None, -(row.whole.lag or 0), row.key))


def cells_of_rows(reading: LagReading | None, visitor: Visitor) -> dict[str, Cell]:
    """The cells of `rows`, as `<group>/<topic>/<column>`."""
    cells: dict[str, Cell] = {}
    for row in rows(reading):
        assert reading is not None  # noqa: S101 - there are rows
        cells |= {f"{row.key}/{name}": cell for name, cell in _cells(row.whole, reading.at, visitor).items()}
        cells[f"{row.key}/end"] = Cell(numbers.count(row.end))
    return cells


def partitions(reading: LagReading | None, group: str, topic: str) -> Sequence[PlaceLag]:
    return [place for place in reading.places if (place.group, place.topic) == (group, topic)] if reading else []


def cells_of_partitions(reading: LagReading | None, group: str, topic: str, visitor: Visitor) -> dict[str, Cell]:
    """The cells of one topic's partitions, as `<group>/<topic>/<number>/<column>`."""
    cells: dict[str, Cell] = {}
    for place in partitions(reading, group, topic):
        assert reading is not None  # noqa: S101 - there are partitions
        own = _cells(place, reading.at, visitor)
        own["end"] = Cell(numbers.count(place.end))
        own["committed"] = _known(place.committed, visitor.t("this group has never committed an offset here"))
        cells |= {f"{group}/{topic}/{place.partition}/{name}": cell for name, cell in own.items()}
    return cells


def _cells(one: GroupLag | PlaceLag, at: datetime, visitor: Visitor) -> dict[str, Cell]:
    return {
        "badge": _badge(one.badge, visitor),
        "lag": _lag(one.lag, one.badge),
        "age": _age(one.lag_seconds),
        "trend": Cell(None, attributes={"points": numbers.trend_points(one.trend, TREND_WIDTH, TREND_HEIGHT)}),
        "in": _rate(one.produced_per_second),
        "out": _rate(one.consumed_per_second),
        "commit": _commit(one.last_commit_at, at, visitor),
    }


def _badge(badge: Badge, visitor: Visitor) -> Cell:
    name, state = BADGES[badge]
    return Cell(visitor.t(name), state)


def _lag(lag: int | None, badge: Badge) -> Cell:
    state = BADGES[badge][1]
    return UNKNOWN if lag is None else Cell(numbers.count(lag), state if lag and state in ("warning", "bad") else "")


def _age(seconds: int | None) -> Cell:
    return UNKNOWN if seconds is None else Cell(whole_seconds(seconds), "warning" if seconds >= _OLD_SECONDS else "")


def _rate(per_second: float | None) -> Cell:
    return UNKNOWN if per_second is None else Cell(numbers.rate(per_second))


def _commit(since: datetime | None, at: datetime, visitor: Visitor) -> Cell:
    if since is None:
        return Cell(numbers.UNKNOWN_TEXT, "unknown", visitor.t("not seen since the console began to look"))
    return Cell(visitor.t("{time} ago", time=whole_seconds(max(int((at - since).total_seconds()), 0))))


def _known(number: int | None, otherwise: str) -> Cell:
    return Cell(numbers.UNKNOWN_TEXT, "unknown", otherwise) if number is None else Cell(numbers.count(number))


def whole_seconds(value: int) -> str:
    """A duration without parts of a second: 0 s, 9 s, 3 min."""
    return f"{value} s" if value < 10 else numbers.seconds(value)


class ReadingSource(CellSource):
    """Cells of the latest reading; when it was read, and in which order rows stand, if asked for."""

    def __init__(
        self,
        latest: Callable[[], LagReading | None],
        render: Callable[[LagReading | None], Mapping[str, Cell]],
        *,
        ordered: bool = False,
    ) -> None:
        super().__init__(lambda: render(latest()))
        self._latest = latest
        self._ordered = ordered
        self._number = 0
        self._order: list[str] = []

    def take(self) -> Mapping[str, object] | None:
        reading = self._latest()
        if reading is None or reading.number == self._number:
            return None
        self._number = reading.number
        frame = {"as_of": reading.at, **(super().take() or {})}
        order = [row.key for row in rows(reading)] if self._ordered else []
        if order != self._order:
            self._order = frame["order"] = order
        return frame
