"""Replaying and discarding many dead letters: first a plan that names them, then a run over exactly these.

A run goes in small steps, so that it shows how far it is and can be stopped. Steps may be repeated: a letter that is
not open any more is passed over, and the service's inbox applies each effect once.
"""

import asyncio
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import structlog

from services.console.live.source import Cell
from services.console.services import ServiceAwayError, ServiceRefusedError, Services
from services.console.store.actions import ActionLog, Actor
from services.console.visitor import Visitor

log = structlog.get_logger()

Verdict = Literal["replay", "discard"]
MOST = 1000  # letters of one plan
_STEP = 20
_KEPT = 200  # plans and runs in memory; the audit log keeps what was done
_PUBLISH_SECONDS = 30


@dataclass(frozen=True, slots=True)
class Selection:
    """Which open letters of a service: of a group, those that hold some text, the oldest `most`."""

    service: str
    topic: str | None = None
    code: str | None = None
    error: str | None = None
    contains: str | None = None
    most: int = 100

    def query(self) -> Mapping[str, Any]:
        named = {"topic": self.topic, "code": self.code, "error": self.error, "contains": self.contains}
        return {name: value for name, value in named.items() if value is not None} | {"limit": self.most}


@dataclass(frozen=True, slots=True)
class Plan:
    """What a dry run found: the letters by id, as they would be taken."""

    plan_id: str
    operator: str
    selection: Selection
    letters: Sequence[Mapping[str, Any]]


@dataclass(slots=True)
class Run:
    """A plan being carried out. `passed_over` were not open any more; `unpublished` are not in Kafka yet."""

    run_id: str
    verdict: Verdict
    service: str
    operator: str
    letters: Sequence[str]
    reason: str | None
    done: int = 0
    passed_over: int = 0
    unpublished: int | None = None
    state: Literal["running", "stopped", "done", "failed"] = "running"
    sentence: str = ""
    stop: bool = False
    task: "asyncio.Task[None] | None" = field(default=None, repr=False)

    @property
    def left(self) -> int:
        return len(self.letters) - self.done - self.passed_over


class Runs:
    """Plans and runs of this process."""

    def __init__(self, services: Services, actions: ActionLog) -> None:
        self._services = services
        self._actions = actions
        self._plans: dict[str, Plan] = {}
        self._runs: dict[str, Run] = {}

    async def plan(self, visitor: Visitor, selection: Selection) -> Plan:
        """A dry run: nothing is changed. Raises ServiceAwayError and ServiceRefusedError."""
        params = {**selection.query(), "state": "open"}
        letters = await self._services.get(selection.service, "/v1/dead-letters", params)
        plan = Plan(secrets.token_urlsafe(12), visitor.name, selection, letters)
        _keep(self._plans, plan.plan_id, plan)
        return plan

    def take(self, plan_id: str, visitor: Visitor) -> Plan | None:
        """The visitor's own plan, once: a form sent twice starts one run."""
        plan = self._plans.get(plan_id)
        if plan is None or plan.operator != visitor.name:
            return None
        return self._plans.pop(plan_id)

    def find(self, run_id: str) -> Run | None:
        return self._runs.get(run_id)

    def start(
        self, actor: Actor, verdict: Verdict, service: str, letters: Sequence[str], reason: str | None, subject: str
    ) -> Run:
        run = Run(secrets.token_urlsafe(12), verdict, service, actor.name, letters, reason)
        _keep(self._runs, run.run_id, run)
        run.task = asyncio.create_task(self._carry_out(run, actor, subject))
        return run

    async def _carry_out(self, run: Run, actor: Actor, subject: str) -> None:
        detail: dict[str, object] = {"letters": len(run.letters)}
        if len(run.letters) == 1:
            detail["dead_letter_id"] = run.letters[0]
        if run.reason is not None:
            detail["reason"] = run.reason
        try:
            async with self._actions.doing(actor, f"dead_letters.{run.verdict}", subject, detail) as told:
                try:
                    await self._steps(run)
                finally:
                    told.update({"done": run.done, "passed_over": run.passed_over, "left": run.left})
            run.state = "stopped" if run.left else "done"
            if run.verdict == "replay":
                await self._until_published(run)
        except (ServiceAwayError, ServiceRefusedError) as trouble:
            run.state, run.sentence = "failed", trouble.sentence
        except Exception as error:
            log.exception("a run over dead letters failed", run=run.run_id)
            run.state, run.sentence = "failed", f"The console failed ({type(error).__name__}); its log has the details."

    async def _steps(self, run: Run) -> None:
        for start in range(0, len(run.letters), _STEP):
            if run.stop:
                return
            step = run.letters[start : start + _STEP]
            body: dict[str, object] = {"dead_letter_ids": list(step), "limit": len(step)}
            if run.reason is not None:
                body["reason"] = run.reason
            answer = await self._services.post(run.service, f"/v1/dead-letters/{run.verdict}", body, actor=run.operator)
            run.done += len(answer["letters"])
            run.passed_over += len(step) - len(answer["letters"])

    async def _until_published(self, run: Run) -> None:
        """Watch the outbox empty itself; a relay that is away publishes later, by itself."""
        until = asyncio.get_running_loop().time() + _PUBLISH_SECONDS
        while asyncio.get_running_loop().time() < until:
            answer = await self._services.get(run.service, "/v1/dead-letters/unpublished")
            run.unpublished = int(answer["letters"])
            if run.unpublished == 0:
                return
            await asyncio.sleep(0.3)


def _keep(kept: "dict[str, Any]", name: str, thing: object) -> None:
    kept[name] = thing
    while len(kept) > _KEPT:
        kept.pop(next(iter(kept)))


def cells_of_run(run: Run, visitor: Visitor) -> dict[str, Cell]:
    """What a run's page shows live."""
    names = {"running": "running", "stopped": "stopped", "done": "done", "failed": "failed"}
    states = {"running": "", "stopped": "warning", "done": "ok", "failed": "bad"}
    cells = {
        "state": Cell(visitor.t(names[run.state]), states[run.state]),
        "done": Cell(f"{run.done:,}"),
        "passed": Cell(f"{run.passed_over:,}"),
        "left": Cell(f"{run.left:,}"),
        "bar": Cell(None, attributes={"value": str(run.done + run.passed_over), "max": str(max(len(run.letters), 1))}),
        "sentence": Cell(run.sentence, "bad" if run.sentence else ""),
    }
    if run.verdict == "replay":
        unpublished = "–" if run.unpublished is None else f"{run.unpublished:,}"
        cells["unpublished"] = Cell(unpublished, "unknown" if run.unpublished is None else "")
    return cells
