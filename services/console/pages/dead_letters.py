"""Dead letters: grouped by error, shown whole, replayed after a dry run, discarded with a reason."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Depends, Form, Query, Request, Response
from fastapi.responses import RedirectResponse

from services.console.console import Console, Page
from services.console.dead_letter_runs import MOST, Run, Runs, Selection, Verdict, cells_of_run
from services.console.domain.rights import Right
from services.console.live.source import CellSource, LiveSource
from services.console.pages.dead_letters_shown import reason_of, shown_letter, shown_summary
from services.console.services import ServiceAwayError, ServiceRefusedError
from services.console.visitor import Visitor, require
from shared.runtime.http import ProblemError

Signed = Annotated[Visitor, Depends(require(Right.LOOK))]
Handler = Annotated[Visitor, Depends(require(Right.HANDLE_DEAD_LETTERS))]
State = Literal["open", "replayed", "discarded"]
Word = Annotated[str | None, Query(max_length=300)]
Field = Annotated[str, Form(max_length=300)]
Service = Annotated[str, Form(max_length=64)]
SHOWN = 100  # letters of a group on a page


def routes(console: Console) -> APIRouter:
    router = APIRouter(prefix="/dead-letters")
    _looking(router, console)
    _acting(router, console)
    return router


def _looking(router: APIRouter, console: Console) -> None:
    @router.get("")
    async def show(request: Request, visitor: Signed, state: State = "open") -> Response:
        groups, away = await _groups(console, state)
        for group in groups:
            group["reason"] = reason_of(group["code"], visitor.language)
        return console.view.page(
            request, visitor, "dead_letters.html", groups=groups, away=away, state=state,
            total=sum(group["letters"] for group in groups),
        )  # fmt: skip

    @router.get("/group")
    async def show_group(
        request: Request,
        visitor: Signed,
        service: Annotated[str, Query(max_length=64)],
        state: State = "open",
        topic: Word = None,
        code: Word = None,
        error: Word = None,
        contains: Word = None,
    ) -> Response:
        if not visitor.may(Right.SEE_IDS):
            contains = None  # what a record holds would be a way to learn of a person
        selection = Selection(_known(console, service), topic, code, error, contains or None, SHOWN)
        letters = await console.services.get(service, "/v1/dead-letters", {**selection.query(), "state": state})
        return console.view.page(
            request, visitor, "dead_letters_group.html", selection=selection, state=state, most=MOST,
            letters=[shown_summary(letter, visitor) for letter in letters],
            reason=reason_of(code, visitor.language) if code else None, shown=SHOWN,
        )  # fmt: skip

    @router.get("/letter/{service}/{dead_letter_id}")
    async def show_letter(request: Request, visitor: Signed, service: str, dead_letter_id: UUID) -> Response:
        path = f"/v1/dead-letters/{dead_letter_id}"
        letter, attempts = await asyncio.gather(
            console.services.get(_known(console, service), path), console.services.get(service, f"{path}/attempts")
        )
        return console.view.page(
            request, visitor, "dead_letters_letter.html", service=service, letter=shown_letter(letter, visitor),
            attempts=[shown_summary(each, visitor) for each in attempts],
            reason=reason_of(letter["code"], visitor.language),
        )  # fmt: skip


def _acting(router: APIRouter, console: Console) -> None:
    runs = console.runs

    @router.post("/plan")
    async def plan(
        request: Request,
        visitor: Handler,
        service: Service,
        topic: Field = "",
        code: Field = "",
        error: Field = "",
        contains: Field = "",
        most: Annotated[int, Form(ge=1, le=MOST)] = 100,
    ) -> Response:
        """The dry run: which letters, and nothing is changed."""
        wanted = Selection(_known(console, service), topic or None, code or None, error or None, contains or None, most)
        made = await runs.plan(visitor, wanted)
        letters = [shown_summary(letter, visitor) for letter in made.letters]
        return console.view.page(request, visitor, "dead_letters_plan.html", plan=made, letters=letters[:SHOWN])

    @router.post("/plan/{plan_id}/{verdict}")
    async def carry_out(
        visitor: Handler, plan_id: str, verdict: Verdict, reason: Annotated[str, Form(max_length=500)] = ""
    ) -> Response:
        wanted = _reason(verdict, reason)
        made = runs.take(plan_id, visitor)
        if made is None:
            raise ProblemError(409, "PLAN_GONE", "This dry run was used already or is forgotten; make it again.")
        ids = [letter["dead_letter_id"] for letter in made.letters]
        chosen = made.selection
        subject = " ".join(filter(None, (chosen.service, chosen.topic, chosen.code, chosen.error)))
        return _to(runs.start(visitor, verdict, chosen.service, ids, wanted, subject[:300]))

    @router.post("/letter/{service}/{dead_letter_id}/{verdict}")
    async def settle_one(
        visitor: Handler,
        service: str,
        dead_letter_id: UUID,
        verdict: Verdict,
        reason: Annotated[str, Form(max_length=500)] = "",
    ) -> Response:
        wanted, subject = _reason(verdict, reason), f"{_known(console, service)} {dead_letter_id}"
        return _to(runs.start(visitor, verdict, service, [str(dead_letter_id)], wanted, subject))

    @router.get("/runs/{run_id}")
    async def show_run(request: Request, visitor: Signed, run_id: str) -> Response:
        run = _run(runs, run_id)
        return console.view.page(request, visitor, "dead_letters_run.html", run=run, cells=cells_of_run(run, visitor))

    @router.post("/runs/{run_id}/stop")
    async def stop(visitor: Handler, run_id: str) -> Response:
        run = _run(runs, run_id)
        run.stop = True
        await console.actions.record(visitor, "dead_letters.stop", run.service, {"run": run_id, "done": run.done})
        return _to(run)


async def _groups(console: Console, state: State) -> tuple[list[dict[str, Any]], Sequence[str]]:
    """Groups of every service, the largest first, and the services that were not reached."""
    names = console.services.names_with_dead_letters()
    answers = await asyncio.gather(
        *(console.services.get(name, "/v1/dead-letters/errors", {"state": state}) for name in names),
        return_exceptions=True,
    )
    groups: list[dict[str, Any]] = []
    away: list[str] = []
    for name, answer in zip(names, answers, strict=True):
        if isinstance(answer, ServiceAwayError | ServiceRefusedError):
            away.append(name)
        elif isinstance(answer, BaseException):
            raise answer
        else:
            groups += [{**group, "service": name} for group in answer]
    return sorted(groups, key=lambda group: -group["letters"]), away


def _known(console: Console, service: str) -> str:
    if service not in console.services.names_with_dead_letters():
        raise ProblemError(404, "NOT_FOUND", "There is no such service with dead letters.")
    return service


def _reason(verdict: Verdict, reason: str) -> str | None:
    if verdict == "replay":
        return None
    if len(reason.strip()) < 3:
        raise ProblemError(422, "REASON_MISSING", "Say in a few words why these letters are discarded.")
    return reason.strip()


def _run(runs: Runs, run_id: str) -> Run:
    run = runs.find(run_id)
    if run is None:
        raise ProblemError(404, "NOT_FOUND", "This run is forgotten; the list of actions tells what was done.")
    return run


def _to(run: Run) -> Response:
    return RedirectResponse(f"/dead-letters/runs/{run.run_id}", 303)


async def open_run(console: Console, visitor: Visitor, parameter: str) -> LiveSource:
    """`parameter` is the run's id."""

    def cells() -> Mapping[str, Any]:
        run = console.runs.find(parameter)
        return {} if run is None else {f"{parameter}/{key}": cell for key, cell in cells_of_run(run, visitor).items()}

    return CellSource(cells)


PAGE = Page("/dead-letters", "Dead letters", routes, live={"run": open_run})
