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
        seen, failed = (sum(column) for column in zip(*self._with(postings), strict=True))
        if seen >= self._size and failed * 100 >= seen * self._percent:
            codes = [letter.code.value for letter in postings.dead_letters]
            commonest = max(set(codes), key=codes.count) if codes else "unknown"
            raise NearlyEverythingBadError(
                f"{service} found {failed} of its last {seen} records of {postings.batch.topic} bad "
                f"(mostly {commonest}) and stopped; look at a few dead letters, mend the sender or the service, "
                "then start it again."
            )

    def count(self, postings: Postings) -> None:
        """Keep a committed batch in the window; one that is decided again must not count twice."""
        self._window = self._with(postings)

    def _with(self, postings: Postings) -> deque[tuple[int, int]]:
        """The window moved on by a batch: (records, bad ones) of each."""
        batch = (sum(postings.fates.values()), postings.fates[Fate.DEAD_LETTERED])
        window = deque((*self._window, batch))
        while len(window) > 1 and sum(records for records, _ in window) - window[0][0] >= self._size:
            window.popleft()
        return window
