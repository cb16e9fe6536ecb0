"""The demo from start to verdict."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

import asyncpg
import httpx
import psutil
from aiokafka.errors import KafkaError

from deploy.local.trouble import Trouble
from services.operator.audit import run_audit
from services.operator.bootstrap import AUDIT_ROLE
from services.operator.demo.clients import Clients, api_keys, open_clients
from services.operator.demo.clock import Clock
from services.operator.demo.compare import Row, compare_members, compare_outcomes, read_dead_letters
from services.operator.demo.figures import Books, yuan
from services.operator.demo.per_service import read_work
from services.operator.demo.probes import Prober
from services.operator.demo.result import Plan, Result
from services.operator.demo.review import Review, look_again, review
from services.operator.demo.screen import Screen
from services.operator.demo.script import Script
from services.operator.demo.shopping import shop
from services.operator.demo.spend import Spent, spend
from services.operator.demo.summary import show_summary
from services.operator.demo.tale import tell_tale
from services.operator.demo.watch import Watch, read_books, read_fates, read_messages, watching
from services.operator.lag import EVERYBODY, reading_lag
from services.operator.traffic import fruit
from services.operator.traffic.publish import Counters, GatewayUnavailableError, publish
from services.operator.traffic.sent import Expectation
from services.operator.up import Greenpoints, console_lines, publish_shipped_programs, running_greenpoints
from shared.runtime.postgres import Connection

_STALLED_SECONDS = 30  # without any progress
# 1 point costs 5 fen in the shipped pack; the probes and a margin on top of the traffic itself.
_FEN_PER_POINT = 5
_SPARE_POINTS = 10_000
_NOTHING_OFFERED = (
    "The fruit shop's published version offers no rewards; what ships does: "
    "`greenpoints program apply deploy/programs/fruit-shop.yaml --effective-at …`."
)


async def run_demo(plan: Plan, screen: Screen) -> bool:
    """Whether everything is as expected and clean. Stops everything at its end; raises Trouble."""
    clock = Clock()
    script = Script(plan, datetime.now(UTC).replace(microsecond=0))
    async with running_greenpoints(
        prepare=publish_shipped_programs, say=screen.say, brief=not plan.keep
    ) as greenpoints:
        clock.mark("until ready")
        screen.say(f"Everything is ready after {clock.seconds['until ready']:.1f} s.")
        for line in console_lines(greenpoints):
            screen.say(line)
        audit = await asyncpg.connect(greenpoints.dsns[AUDIT_ROLE])
        try:
            result = await _Demo(script, screen, greenpoints, audit, clock).run()
        finally:
            await audit.close()
        show_summary(screen, result)
        if plan.keep:
            screen.say("Everything keeps running until Ctrl-C. Addresses: " + ", ".join(greenpoints.urls.values()))
            for line in console_lines(greenpoints):
                screen.say(line)
            await asyncio.Event().wait()
    return result.passed


@dataclass(slots=True)
class _Demo:
    script: Script
    screen: Screen
    greenpoints: Greenpoints
    audit: Connection
    clock: Clock

    async def run(self) -> Result:
        expectations = await asyncio.to_thread(self.script.expectations)
        before = await read_books(self.audit)
        letters_before = await read_dead_letters(self.audit)
        self._require_budget(expectations[fruit.PROGRAM_ID], before)
        counters = Counters()
        async with open_clients(self.greenpoints) as clients, api_keys(clients.gateway) as keys:
            prober = Prober(self.script.run, keys[fruit.PROGRAM_ID], clients, expectations[fruit.PROGRAM_ID])
            async with watching(self._audit_dsn, self._kafka, before, counters, prober) as watch:
                async with self.screen.live(self.script.title(), watch.now):
                    await self._traffic(keys, counters, prober)
                    self.clock.mark("until all was sent")
                    await self._drained()
                    self.clock.mark("until all was handled")
                    found, spent = await self._people(clients, expectations)
                    shopped = await shop(clients, self.script.run, expectations[fruit.PROGRAM_ID], self._drained)
                    if shopped is not None:
                        spent.points[shopped.member_id] = shopped.points
                    await self._drained()
                await look_again(self.audit, clients.redemption, self.script.run, found)
                self._note_first_points(watch)
                self.clock.mark("until reviewed")
                await tell_tale(self.screen, self.script, self.audit, self.greenpoints.mailbox, found)
                for sentence in shopped.sentences() if shopped is not None else (_NOTHING_OFFERED,):
                    self.screen.say(sentence)
                return await self._result(expectations, watch, counters, spent, found, clients, letters_before)

    async def _traffic(self, keys: Mapping[str, str], counters: Counters, prober: Prober) -> None:
        """Publish the traffic at the asked pace, with probes beside it all the while."""
        sent_all = asyncio.Event()
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(prober.probe(sent_all))
                await publish(
                    self.script.messages(),
                    kafka=self._kafka,
                    gateway=self.greenpoints.urls["gateway"],
                    api_keys=keys,
                    events_per_second=self.script.plan.rate,
                    counters=counters,
                )
                sent_all.set()
        except ExceptionGroup as failures:
            raise _named(_first(failures)) from failures

    async def _people(self, clients: Clients, expectations: Mapping[str, Expectation]) -> tuple[Review, Spent]:
        """The reviewer decides what was found; then members of both programs spend."""
        guilty = self.script.guilty
        found = await review(self.audit, clients.fraud_monitoring, clients.redemption, self.script.run, guilty)
        await self._drained()
        spent = Spent()
        for program_id, expectation in expectations.items():
            honest = sorted(expectation.members.keys() - guilty)
            some = await spend(clients.redemption, program_id, honest)
            spent.points |= some.points
            spent.refused += some.refused
        return found, spent

    async def _result(
        self,
        expectations: Mapping[str, Expectation],
        watch: Watch,
        counters: Counters,
        spent: Spent,
        found: Review,
        clients: Clients,
        letters_before: Mapping[str, int],
    ) -> Result:
        members_off: list[str] = []
        outcomes: dict[str, list[Row]] = {}
        for program_id, expectation in expectations.items():
            members_off += await compare_members(clients.redemption, program_id, expectation, spent.points)
            letters = letters_before if program_id == fruit.PROGRAM_ID else None
            outcomes[program_id] = await compare_outcomes(self.audit, program_id, self.script.run, expectation, letters)
        self.clock.mark("until compared")
        verdict = await run_audit(self._audit_dsn, self._kafka)
        self.clock.mark("until audited")
        own = {"this terminal": psutil.Process().memory_info().rss}
        return Result(
            expectations=expectations,
            figures=watch.now(),
            outcomes=outcomes,
            members_off=members_off,
            spent=spent,
            review=found,
            messages=await read_messages(self.audit, self.script.run),
            verdict=verdict,
            restarts=self.greenpoints.supervisor.restarts,
            memory={**self.greenpoints.resident_bytes(), **own},
            handled=await read_fates(self.audit),
            work=await read_work(self.audit, clients.gateway),
            refused=counters.refused,
            seconds=self.clock.seconds,
        )

    def _require_budget(self, expectation: Expectation, before: Books) -> None:
        """Raises Trouble when the books' budget would run dry, for then receipts would rightly earn nothing."""
        points = sum(member.granted for member in expectation.members.values()) + _SPARE_POINTS
        needed = points * _FEN_PER_POINT
        if before.budget_left_minor < needed:
            raise Trouble(
                "BUDGET_TOO_SMALL",
                f"The budget has {yuan(before.budget_left_minor)} yuan left after earlier runs and this one needs "
                f"{yuan(needed)} yuan.",
                "Take fewer --purchases, start afresh with `make clean`, or add a budget line to the program.",
            )

    async def _drained(self) -> None:
        async with reading_lag(self._audit_dsn, self._kafka, EVERYBODY) as lag:
            await lag.until_drained(_STALLED_SECONDS)

    def _note_first_points(self, watch: Watch) -> None:
        if watch.first_points_at is not None:
            self.clock.mark("until first points", watch.first_points_at)

    @property
    def _kafka(self) -> str:
        return self.greenpoints.stack.kafka

    @property
    def _audit_dsn(self) -> str:
        return self.greenpoints.dsns[AUDIT_ROLE]


def _named(failure: BaseException) -> BaseException:
    """A known way to fail as a Trouble; anything else is a bug and stays as it is."""
    if isinstance(failure, httpx.HTTPError | KafkaError | GatewayUnavailableError):
        return Trouble(
            "TRAFFIC_STOPPED",
            f"The traffic could not be sent on ({type(failure).__name__}: {failure}).",
            "The logs of the services say why; run the demo again.",
        )
    return failure


def _first(failures: BaseExceptionGroup[BaseException]) -> BaseException:
    """The first failure itself, out of groups within groups."""
    first = failures.exceptions[0]
    return _first(first) if isinstance(first, BaseExceptionGroup) else first
