"""A run takes exactly the planned letters, in steps, and tells the log what became of it."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any, cast
from uuid import uuid4

from services.console.dead_letter_runs import Run, Runs, Selection
from services.console.domain.rights import Role
from services.console.services import ServiceAwayError, Services
from services.console.store.actions import ActionLog
from services.console.visitor import Look, Visitor

MEI = Visitor(b"", uuid4(), "mei", Role.OPERATOR, "", "here", Look("en", "light"))
LI = Visitor(b"", uuid4(), "li", Role.OPERATOR, "", "here", Look("en", "light"))


class Earning:
    """A service with open letters, as its endpoints behave; it goes away before the step `away_at`."""

    def __init__(self, count: int, away_at: int = 10**6) -> None:
        self.open = [f"id-{number}" for number in range(count)]
        self.asked: list[tuple[str, Mapping[str, Any], str]] = []
        self._away_at = away_at
        self.pause = asyncio.Event()
        self.pause.set()

    async def get(self, _service: str, path: str, params: Mapping[str, Any] | None = None) -> Any:
        if path.endswith("unpublished"):
            return {"letters": 0}
        return [{"dead_letter_id": each} for each in self.open[: (params or {})["limit"]]]

    async def post(self, _service: str, path: str, body: Mapping[str, Any], *, actor: str) -> Any:
        await self.pause.wait()
        if len(self.asked) >= self._away_at:
            raise ServiceAwayError("earning", "It is away.")
        self.asked.append((path, body, actor))
        taken = [each for each in body["dead_letter_ids"] if each in self.open]
        self.open = [each for each in self.open if each not in taken]
        return {"letters": taken}


class Log:
    """What the audit log would be told."""

    def __init__(self) -> None:
        self.told: list[tuple[str, str, dict[str, object], str]] = []

    @asynccontextmanager
    async def doing(
        self, _actor: object, action: str, subject: str, detail: Mapping[str, object]
    ) -> AsyncIterator[dict[str, object]]:
        told = dict(detail)
        try:
            yield told
        except BaseException:
            self.told.append((action, subject, told, "failed"))
            raise
        self.told.append((action, subject, told, "done"))


def runs_of(earning: Earning, log: Log) -> Runs:
    return Runs(cast(Services, earning), cast(ActionLog, log))


async def finished(run: Run) -> Run:
    assert run.task is not None
    await run.task
    return run


async def test_a_plan_names_letters_changes_nothing_and_is_carried_out_once_by_its_maker() -> None:
    earning, log = Earning(50), Log()
    runs = runs_of(earning, log)
    plan = await runs.plan(MEI, Selection("earning", most=30))
    assert len(plan.letters) == 30 and earning.asked == [] and len(earning.open) == 50
    assert runs.take(plan.plan_id, LI) is None, "somebody else's plan is nobody's business"
    assert runs.take(plan.plan_id, MEI) is plan
    assert runs.take(plan.plan_id, MEI) is None, "a form sent twice"


async def test_a_run_takes_exactly_its_letters_in_steps_and_passes_over_what_is_settled() -> None:
    earning, log = Earning(50), Log()
    ids = [f"id-{number}" for number in range(45)]
    earning.open.remove("id-3")
    run = await finished(runs_of(earning, log).start(MEI, "replay", "earning", ids, None, "earning x"))
    assert (run.state, run.done, run.passed_over, run.left, run.unpublished) == ("done", 44, 1, 0, 0)
    assert [len(body["dead_letter_ids"]) for _, body, _ in earning.asked] == [20, 20, 5]
    assert {(path, actor) for path, _, actor in earning.asked} == {("/v1/dead-letters/replay", "mei")}
    assert earning.open == [f"id-{number}" for number in range(45, 50)], "no letter beside the planned ones"
    assert log.told == [
        ("dead_letters.replay", "earning x", {"letters": 45, "done": 44, "passed_over": 1, "left": 0}, "done")
    ]


async def test_a_run_can_be_stopped_between_two_steps() -> None:
    earning, log = Earning(60), Log()
    earning.pause.clear()
    run = runs_of(earning, log).start(MEI, "discard", "earning", list(earning.open), "training", "earning")
    await asyncio.sleep(0)
    run.stop = True
    earning.pause.set()
    await finished(run)
    assert (run.state, run.done, run.left) == ("stopped", 20, 40) or (run.state, run.done, run.left) == (
        "stopped",
        0,
        60,
    )
    assert log.told[0][2]["left"] == run.left
    assert all(body["reason"] == "training" for _, body, _ in earning.asked)


async def test_a_service_that_goes_away_ends_the_run_with_its_sentence_and_what_was_done() -> None:
    earning, log = Earning(60, away_at=2), Log()
    run = await finished(runs_of(earning, log).start(MEI, "replay", "earning", list(earning.open), None, "earning"))
    assert (run.state, run.sentence, run.done, run.left) == ("failed", "It is away.", 40, 20)
    assert log.told == [
        ("dead_letters.replay", "earning", {"letters": 60, "done": 40, "passed_over": 0, "left": 20}, "failed")
    ]
