"""The connection to PostgreSQL breaks at the commit: done or not, the client must find out."""

from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack

from tests.faults.course import PROCESSES, SECOND_WORKERS, Course
from tests.faults.fault import Fault
from tests.faults.proxy import RELAY_DELETE, SAVE, SPENDING, Loss, Mark, Proxy, running_proxy
from tests.infrastructure.services import eventually

OFFSET_RE_READ = "reply lost, offset re-read"
_MARKS: Mapping[str, Sequence[Mark]] = {
    "earning": (SAVE, RELAY_DELETE),
    "redemption": (SAVE, RELAY_DELETE, SPENDING),
}


class LostReplies(Fault):
    """Every kind of commit is cut off in every way: each service's batches, its relay's deletions, a redemption."""

    name = "lost replies"

    def __init__(self, times: int = 1) -> None:
        self._times = times
        self._exits = AsyncExitStack()
        self._proxies: dict[str, Proxy] = {}
        self._dsns: dict[str, str] = {}

    async def prepare(self, course: Course) -> None:
        for service in _MARKS:
            dsn = course.database.dsns[service]
            self._proxies[service] = await self._exits.enter_async_context(running_proxy(dsn))
            self._dsns[service] = self._proxies[service].before(dsn)

    def environment(self, process: str) -> Mapping[str, str]:
        dsn = self._dsns.get({**PROCESSES, **SECOND_WORKERS}[process].service)
        return {} if dsn is None else {"GREENPOINTS_DATABASE": dsn}

    async def act(self, course: Course) -> None:
        losses = course.dice.sample(list(Loss), len(Loss))
        for service, marks in _MARKS.items():
            for mark in marks:
                for loss in losses:
                    self._proxies[service].lose(mark, loss, self._times)
        course.progress.strike("replies lost")

        async def all_lost() -> bool:
            return not any(proxy.outstanding for proxy in self._proxies.values())

        await eventually("commit of each kind lost in each way", all_lost)
        for service, proxy in self._proxies.items():
            for (mark, loss), times in Counter(proxy.lost).items():
                course.note(f"{service}: {mark[-1].rstrip(' (')} {loss}" + (f", {times} times" if times > 1 else ""))
        for service in _MARKS:
            found = course.services.log(service).count(OFFSET_RE_READ)
            assert found >= len(Loss) * self._times, f"{service} re-read its offset only {found} times"

    async def mend(self, course: Course) -> None:
        await self._exits.aclose()
