"""What the services measure of themselves, read every second: rates, latencies, budgets, dead letters."""

import asyncio
import contextlib
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import httpx
import structlog

from services.console.readings import scrapes
from services.console.readings.scrapes import Scrape
from services.console.services import ServiceAwayError, ServiceRefusedError, Services

log = structlog.get_logger()

_SECONDS = 1.0
_KEPT = 90  # looks
_DEAD_LETTERS_SECONDS = 2.0
_BUDGETS_SECONDS = 5.0
_SLOWEST_ANSWER = 2.0
_WANTED = (
    "greenpoints_events_total",
    "greenpoints_points_total",
    "greenpoints_journey_seconds_bucket",
    "greenpoints_gateway_events_published_total",
    "greenpoints_gateway_requests_total",
    "greenpoints_gateway_kafka_answers",
)


@dataclass(frozen=True, slots=True)
class Budget:
    """One marketing budget, in minor units of its currency."""

    program_id: str
    budget_id: str
    currency: str
    approved_minor: int
    spent_minor: int

    @property
    def left_minor(self) -> int:
        return self.approved_minor - self.spent_minor


class Measures:
    """Follows every process of `services`. What cannot be read is None, never 0."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._looks: dict[str, deque[Scrape]] = {
            url: deque(maxlen=_KEPT) for urls in services.addresses.values() for url in urls
        }
        self._answering: dict[str, bool | None] = dict.fromkeys(self._looks)
        self._tasks: list[asyncio.Task[None]] = []
        self.at: datetime | None = None  # of the last look at any process
        self.dead_letters: dict[str, int | None] = dict.fromkeys(services.names_with_dead_letters())
        self.budgets: Sequence[Budget] | None = None

    async def start(self) -> None:
        """Begin to look, in the background."""
        self._tasks = [asyncio.create_task(_every(_SECONDS, self._look_at, url)) for url in self._looks]
        self._tasks += [
            asyncio.create_task(_every(_DEAD_LETTERS_SECONDS, self._count_letters, name)) for name in self.dead_letters
        ]
        self._tasks.append(asyncio.create_task(_every(_BUDGETS_SECONDS, self._read_budgets, "earning")))

    async def stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def is_answering(self, service: str) -> bool | None:
        """Whether every process of the service answered last time; None before the first look."""
        answers = [self._answering[url] for url in self._services.addresses.get(service, ())]
        if not answers or None in answers:
            return None
        return all(answers)

    def increase(self, service: str, name: str, seconds: float, /, **labels: str) -> float | None:
        """How much a counter rose in all processes of the service; None when one of them is not known."""
        rises = [scrapes.increase(looks, name, labels, seconds) for looks in self._of(service)]
        return _sum(rises)

    def per_second(self, service: str, name: str, seconds: float = 10, /, **labels: str) -> float | None:
        return _sum([scrapes.per_second(looks, name, labels, seconds) for looks in self._of(service)])

    def gauge(self, service: str, name: str, /, **labels: str) -> float | None:
        found = [scrapes.latest(looks, name, labels) for looks in self._of(service)]
        return _sum([value for value in found if value is not None])

    def quantile(self, service: str, name: str, part: float, seconds: float = 60, /, **labels: str) -> float | None:
        return scrapes.quantile(self._of(service), name, labels, part, seconds)

    def _of(self, service: str) -> Sequence[Sequence[Scrape]]:
        """The looks at each process that answers now; of one that does not, nothing, which makes a sum unknown."""
        urls = self._services.addresses.get(service, ())
        return [self._looks[url] if self._answering[url] else () for url in urls]

    async def _look_at(self, url: str) -> None:
        try:
            exposed = await self._services.text(f"{url}/metrics", _SLOWEST_ANSWER)
            self._looks[url].append(scrapes.parse(asyncio.get_running_loop().time(), exposed, _WANTED))
            self._answering[url] = True
            self.at = datetime.now(UTC)
        except (httpx.HTTPError, ValueError) as error:
            if self._answering[url] is not False:
                log.warning("a service's measures cannot be read", url=url, error=error)
            self._answering[url] = False

    async def _count_letters(self, service: str) -> None:
        try:
            groups = await self._services.get(service, "/v1/dead-letters/groups", seconds=_SLOWEST_ANSWER)
            self.dead_letters[service] = sum(group["letters"] for group in groups)
        except (ServiceAwayError, ServiceRefusedError, KeyError, TypeError):
            self.dead_letters[service] = None

    async def _read_budgets(self, service: str) -> None:
        try:
            rows = await self._services.get(service, "/v1/budgets", seconds=_SLOWEST_ANSWER)
            self.budgets = [
                Budget(row["program_id"], row["budget_id"], row["currency"], row["approved_minor"], row["spent_minor"])
                for row in rows
            ]
        except (ServiceAwayError, ServiceRefusedError, KeyError, TypeError):
            self.budgets = None


async def _every(seconds: float, look: Callable[[str], Awaitable[None]], of: str) -> None:
    while True:
        with contextlib.suppress(TimeoutError):
            await look(of)
        await asyncio.sleep(seconds)


def _sum(parts: Sequence[float | None]) -> float | None:
    known = [part for part in parts if part is not None]
    return sum(known) if parts and len(known) == len(parts) else None
