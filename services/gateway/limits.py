"""What one gateway process takes on: events per API key, and requests and bytes in memory at once."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from services.gateway.domain.api_key import ApiKey
from services.gateway.metrics import IN_FLIGHT
from shared.events.http_binding import MAX_BATCH_EVENTS
from shared.runtime.http import ProblemError
from shared.runtime.token_bucket import TokenBucket


class RateLimiter:
    """A token bucket per API key, one token an event. A whole batch must fit, so the burst is at least one batch."""

    def __init__(self, clock: Callable[[], int] = time.monotonic_ns) -> None:
        self._clock = clock
        self._buckets: dict[str, TokenBucket] = {}

    def take(self, key: ApiKey, events: int) -> None:
        """Raises ProblemError 429 with Retry-After in seconds."""
        now = self._clock()
        bucket = self._buckets.get(key.key_id)
        if bucket is None:
            rate = key.events_per_second
            bucket = self._buckets[key.key_id] = TokenBucket.full(rate, max(rate, MAX_BATCH_EVENTS), now)
        if wait := bucket.take(events, now):
            raise ProblemError(
                429, "RATE_LIMITED",
                f"This API key may send {key.events_per_second} events a second; send this again in {wait} s.",
                headers={"Retry-After": str(wait)},
            )  # fmt: skip

    def take_rest(self, key: ApiKey, events: int, taken: int) -> None:
        """Take what a batch needs beyond those `taken` for it already, which come back where it cannot have them."""
        try:
            self.take(key, events)
        except ProblemError:
            self._buckets[key.key_id].give_back(taken)
            raise


class Admission:
    """Bounds the requests being handled and the bytes they may hold."""

    def __init__(self, requests: int, total_bytes: int) -> None:
        self._requests = requests
        self._bytes = total_bytes

    @contextmanager
    def admit(self, size: int) -> Iterator[None]:
        """Hold room for one request of up to `size` bytes. Raises ProblemError 503 when there is none."""
        if self._requests < 1 or self._bytes < size:
            raise ProblemError(
                503, "OVERLOADED", "The gateway is handling as much as it can; send this again in 1 s.",
                headers={"Retry-After": "1"},
            )  # fmt: skip
        self._requests -= 1
        self._bytes -= size
        IN_FLIGHT.inc()
        try:
            yield
        finally:
            self._requests += 1
            self._bytes += size
            IN_FLIGHT.dec()
