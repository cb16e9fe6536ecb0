"""Fraud monitoring loses its local copy of the tables: the changelogs alone must bring every window back."""

import shutil
from pathlib import Path

from tests.faults.course import Course
from tests.faults.fault import Fault
from tests.faults.zombie import said

_PROCESS = "fraud_monitoring"
_READY = '"event": "stream ready"'


class LostStore(Fault):
    """Killed in the middle of the fire, its store deleted, started again; what it had counted, it still knows."""

    name = "local store of fraud monitoring deleted"
    seconds = 10.0

    def __init__(self, times: int = 1) -> None:
        self._times = times

    async def act(self, course: Course) -> None:
        for time in range(1, self._times + 1):
            await course.until_share(time / (self._times + 2))
            await said(course.services, _PROCESS, _READY)
            await course.kill(_PROCESS)
            lost = _size(course.store_dir)
            assert lost, f"{_PROCESS} keeps no store in {course.store_dir}"
            shutil.rmtree(course.store_dir)
            ready = course.services.log(_PROCESS).count(_READY)
            await course.start(_PROCESS)
            await said(course.services, _PROCESS, _READY, times=ready + 1)
            course.note(f"{_PROCESS}: killed, {lost} files of its store deleted, ready again")


def _size(folder: Path) -> int:
    return sum(path.is_file() for path in folder.rglob("*"))
