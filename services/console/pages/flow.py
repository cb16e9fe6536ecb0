"""The drawing of the flow: services as columns, topics as lanes from who writes to who reads. Pure.

It is made from topics.yaml, so it cannot differ from what the services do. Lengths are in units of the drawing.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from shared.events.topics import Topic

_ORDER = ("gateway", "earning", "redemption", "fraud_monitoring", "notification")
_NO_PART = ("console", "operator")  # neither writes nor reads what members' points depend on
WIDTH = 1392
NAMES_WIDTH = 250  # the topics' names and rates
HEAD_HEIGHT = 72
AFTER_LAST = 150  # room for the figures of the last column
LANE_HEIGHT = 44
BOX_WIDTH = 196


@dataclass(frozen=True, slots=True)
class Column:
    """A service."""

    service: str
    x: int

    @property
    def left(self) -> int:
        return self.x - BOX_WIDTH // 2


@dataclass(frozen=True, slots=True)
class Reader:
    """Where a lane reaches a service; `direction` is 1 from the left, -1 from the right, 0 from itself."""

    service: str
    x: int
    direction: int


@dataclass(frozen=True, slots=True)
class Lane:
    """A topic: written at `writers`, read at `readers`."""

    topic: str
    y: int
    start: int
    end: int
    writers: Sequence[int]
    readers: Sequence[Reader]


@dataclass(frozen=True, slots=True)
class Drawing:
    """The whole flow."""

    columns: Sequence[Column]
    lanes: Sequence[Lane]
    width: int
    height: int


def draw(topics: Mapping[str, Topic], built: Sequence[str]) -> Drawing:
    """The flow between the services that are built; topics that none of them writes are left out."""
    services = [name for name in _ORDER if name in built]
    services += [name for name in built if name not in (*_ORDER, *_NO_PART)]
    first = NAMES_WIDTH + BOX_WIDTH // 2 + 8
    pitch = (WIDTH - AFTER_LAST - first) // max(len(services) - 1, 1)
    columns = [Column(name, first + place * pitch) for place, name in enumerate(services)]
    at = {column.service: column.x for column in columns}
    shown = [topic for topic in topics.values() if any(name in at for name in topic.producers)]
    lanes = [_lane(topic, at, HEAD_HEIGHT + 32 + place * LANE_HEIGHT) for place, topic in enumerate(shown)]
    return Drawing(columns, lanes, WIDTH, HEAD_HEIGHT + 32 + len(lanes) * LANE_HEIGHT)


def _lane(topic: Topic, at: Mapping[str, int], y: int) -> Lane:
    writers = [at[name] for name in topic.producers if name in at]
    readers = [Reader(name, at[name], _direction(at[name], writers)) for name in topic.consumers if name in at]
    reached = [*writers, *(reader.x for reader in readers)]
    return Lane(topic.name, y, min(reached), max(reached), writers, readers)


def _direction(x: int, writers: Sequence[int]) -> int:
    """From the nearest other writer; from itself when it alone writes."""
    others = [writer for writer in writers if writer != x]
    if not others:
        return 0
    nearest = min(others, key=lambda writer: abs(writer - x))
    return 1 if nearest < x else -1
