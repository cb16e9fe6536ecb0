"""Stops a worker that finds nearly everything bad, instead of draining the topic into dead letters."""

from collections import deque

from shared.runtime.batch import Fate
from shared.runtime.ledger import Postings


class NearlyEverythingBadError(Exception):
    """The share of dead letters passed the limit; nothing of the present batch was written."""


class DeadLetterLimit:
    """Looks at the last `window` records of a partition; full and at least `percent` bad means stop."""

    def __init__(self, window: int, percent: int) -> None:
        self._percent = percent
        self._window: deque[tuple[int, int]] = deque()
        self._size = window

    def check(self, postings: Postings, service: str) -> None:
        """Raises NearlyEverythingBadError, naming the commonest reason and the way on."""
        handled = sum(postings.fates.values())
        bad = postings.fates[Fate.DEAD_LETTERED]
        self._window.append((handled, bad))
        while len(self._window) > 1 and sum(n for n, _ in self._window) - self._window[0][0] >= self._size:
            self._window.popleft()
        seen, failed = (sum(column) for column in zip(*self._window, strict=True))
        if seen >= self._size and failed * 100 >= seen * self._percent:
            codes = [letter.code.value for letter in postings.dead_letters]
            commonest = max(set(codes), key=codes.count) if codes else "unknown"
            raise NearlyEverythingBadError(
                f"{service} found {failed} of its last {seen} records of {postings.batch.topic} bad "
                f"(mostly {commonest}) and stopped; look at a few dead letters, mend the sender or the service, "
                "then start it again."
            )
