"""What was read and is not committed yet: the account from which offsets are committed."""

from collections import deque
from collections.abc import Mapping
from typing import Protocol

from faust.types import TP


class Read(Protocol):
    """As much of Faust's message as is looked at."""

    tp: TP
    offset: int
    acked: bool


class Unfinished:
    """The records of each partition in the order in which they were read, the oldest that is not acknowledged first.

    Faust counts offsets instead and takes one that is missing for one that Kafka left out (compaction, the end of a
    transaction), so what it reads and drops at a rebalance may be committed over. Here a record that was dropped keeps
    its place at the front, and nothing behind it is committed.
    """

    def __init__(self) -> None:
        self.committed: Mapping[TP, int] = {}
        self._waiting: dict[TP, deque[Read]] = {}
        self._done: dict[TP, int] = {}

    def forget(self) -> None:
        """What was read so far counts no more: its partitions were taken away."""
        self.committed = {}
        self._waiting.clear()
        self._done.clear()

    def begin(self, committed: Mapping[TP, int]) -> None:
        """Reading goes on at these offsets."""
        self.forget()
        self.committed = dict(committed)

    def read(self, message: Read) -> None:
        self._waiting.setdefault(message.tp, deque()).append(message)

    def done(self) -> dict[TP, int]:
        """The offsets to commit: of the first record each that is not acknowledged, where it moved since."""
        for place, waiting in self._waiting.items():
            while waiting and waiting[0].acked:
                self._done[place] = waiting.popleft().offset + 1
        return {place: offset for place, offset in self._done.items() if offset > self.committed.get(place, 0)}

    def is_committed(self, offsets: Mapping[TP, int]) -> None:
        """Kafka holds these as done; of a partition that was taken away meanwhile nothing is noted."""
        known = {place: offset for place, offset in offsets.items() if self._done.get(place, -1) >= offset}
        self.committed = {**self.committed, **known}
