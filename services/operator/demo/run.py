"""The demo from start to verdict."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

import asyncpg
import httpx
import psutil
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from deploy.local.trouble import Trouble
from services.operator.audit import run_audit
from services.operator.bootstrap import AUDIT_ROLE
from services.operator.demo.compare import compare_members, compare_outcomes, read_dead_letters
from services.operator.demo.figures import Books, yuan
from services.operator.demo.probes import Prober
from services.operator.demo.result import Plan, Result
from services.operator.demo.screen import Screen
from services.operator.demo.spend import Spent, spend
from services.operator.demo.summary import show_summary
from services.operator.demo.watch import Watch, read_books, read_fates, watching
from services.operator.lag import reading_lag
from services.operator.traffic.fruit import MERCHANT_ID, PROGRAM_ID
from services.operator.traffic.publish import Counters, GatewayUnavailableError, publish
from services.operator.traffic.sent import Expectation, Sent
from services.operator.traffic.simulate import run_name, simulate
from services.operator.up import Greenpoints, publish_shipped_programs, running_greenpoints
from shared.runtime.postgres import Connection

DAYS = 30
_PURCHASES_PER_MEMBER = 10
_STALLED_SECONDS = 30  # without any progress
_KEY_EVENTS_PER_SECOND = 100_000  # the demo's own pace is the limit
# 1 point costs 5 fen in the shipped pack; the probes and a margin on top of the traffic itself.
_FEN_PER_POINT = 5
_SPARE_POINTS = 10_000


async def run_demo(plan: Plan, screen: Screen) -> bool:
    """Whether everything is as expected and clean. Stops everything at its end; raises Trouble."""
    clock = _Clock()
    until = datetime.now(UTC).replace(microsecond=0)
    async with running_greenpoints(prepare=publish_shipped_programs, say=screen.say) as greenpoints:
        clock.mark("until ready")
        screen.say(f"Everything is ready after {clock.seconds['until ready']:.1f} s.")
        audit = await asyncpg.connect(greenpoints.dsns[AUDIT_ROLE])
        try:
            demo = _Demo(plan, screen, greenpoints, audit, until, clock)
            result = await demo.run()
        finally:
            await audit.close()
        show_summary(screen, result)
        if plan.keep:
            screen.say("Everything keeps running until Ctrl-C. Addresses: " + ", ".join(greenpoints.urls.values()))
            await asyncio.Event().wait()
    return result.passed


class _Clock:
    """Seconds since this process began, imports included."""

    def __init__(self) -> None:
        # of the system clock once, then of the monotonic one
        self._zero = time.monotonic() - (time.time() - psutil.Process().create_time())
        self.seconds: dict[str, float] = {}

    def mark(self, what: str, at: float | None = None) -> None:
        self.seconds[what] = (time.monotonic() if at is None else at) - self._zero


@dataclass(slots=True)
class _Demo:
    plan: Plan
    screen: Screen
    greenpoints: Greenpoints
    audit: Connection
    until: datetime
    clock: _Clock

    async def run(self) -> Result:
        expectation = await asyncio.to_thread(self._expectation)
        before = await read_books(self.audit)
        letters_before = await read_dead_letters(self.audit)
        self._require_budget(expectation, before)
        counters = Counters()
        async with self._clients() as (gateway, redemption, producer), self._api_key(gateway) as api_key:
            gateway.headers["Authorization"] = f"Bearer {api_key}"
            run = run_name(self.plan.seed, self.until)
            prober = Prober(run, gateway, redemption, producer, expectation)
            async with watching(self._audit_dsn, self._kafka, before, counters, prober) as watch:
                title = f"{run}: {self._title()}"
                async with self.screen.live(title, watch.now):
                    await self._traffic(api_key, counters, prober)
                    self.clock.mark("until all was sent")
                    await self._drained()
                    self.clock.mark("until all was handled")
                    spent = await spend(redemption, sorted(expectation.members))
                    await self._drained()
                self._note_first_points(watch)
                return await self._result(expectation, watch, counters, spent, redemption, letters_before)

    async def _traffic(self, api_key: str, counters: Counters, prober: Prober) -> None:
        """Publish the traffic at the asked pace, with probes beside it all the while."""
        sent_all = asyncio.Event()
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(prober.probe(sent_all))
                await publish(
                    self._messages(),
                    kafka=self._kafka,
                    gateway=self.greenpoints.urls["gateway"],
                    api_key=api_key,
                    events_per_second=self.plan.rate,
                    counters=counters,
                )
                sent_all.set()
        except ExceptionGroup as failures:
            raise _named(_first(failures)) from failures

    async def _result(
        self,
        expectation: Expectation,
        watch: Watch,
        counters: Counters,
        spent: Spent,
        redemption: httpx.AsyncClient,
        letters_before: Mapping[str, int],
    ) -> Result:
        members_off = await compare_members(redemption, expectation, spent.points)
        run = run_name(self.plan.seed, self.until)
        outcomes = await compare_outcomes(self.audit, run, expectation, letters_before)
        self.clock.mark("until compared")
        verdict = await run_audit(self._audit_dsn, self._kafka)
        self.clock.mark("until audited")
        own = {"this terminal": psutil.Process().memory_info().rss}
        figures = watch.now()
        return Result(
            expectation=expectation,
            figures=figures,
            outcomes=outcomes,
            members_off=members_off,
            spent=spent,
            verdict=verdict,
            restarts=self.greenpoints.supervisor.restarts,
            memory={**self.greenpoints.resident_bytes(), **own},
            handled=await read_fates(self.audit),
            refused=counters.refused,
            seconds=self.clock.seconds,
        )

    def _messages(self) -> Iterator[Sent]:
        members = max(2, self.plan.purchases // _PURCHASES_PER_MEMBER)
        return simulate(
            seed=self.plan.seed, members=members, purchases=self.plan.purchases, until=self.until, days=DAYS
        )

    def _expectation(self) -> Expectation:
        """What the generator itself says must come of the traffic; the same messages are made again when sent."""
        expectation = Expectation()
        for sent in self._messages():
            expectation.add(sent)
        return expectation

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
        async with reading_lag(self._audit_dsn, self._kafka) as lag:
            await lag.until_drained(_STALLED_SECONDS)

    def _note_first_points(self, watch: Watch) -> None:
        if watch.first_points_at is not None:
            self.clock.mark("until first points", watch.first_points_at)

    @asynccontextmanager
    async def _clients(self) -> AsyncIterator[tuple[httpx.AsyncClient, httpx.AsyncClient, AIOKafkaProducer]]:
        urls, token = self.greenpoints.urls, {"Authorization": f"Bearer {self.greenpoints.operator_token}"}
        async with AsyncExitStack() as exits:
            gateway, redemption = [
                await exits.enter_async_context(
                    httpx.AsyncClient(base_url=urls[name], headers=token, timeout=30, trust_env=False)
                )
                for name in ("gateway", "redemption")
            ]
            producer = AIOKafkaProducer(bootstrap_servers=self._kafka, enable_idempotence=True, acks="all")
            await producer.start()
            exits.push_async_callback(producer.stop)
            yield gateway, redemption, producer

    @asynccontextmanager
    async def _api_key(self, gateway: httpx.AsyncClient) -> AsyncIterator[str]:
        """An API key of the demo's merchant, revoked at the end."""
        token = dict(gateway.headers)
        wanted = {
            "program_id": PROGRAM_ID,
            "merchant_id": MERCHANT_ID,
            "events_per_second": _KEY_EVENTS_PER_SECOND,
        }
        issued = (await gateway.post("/v1/api-keys", json=wanted)).raise_for_status().json()
        try:
            yield issued["api_key"]
        finally:
            with contextlib.suppress(httpx.HTTPError):  # it may have gone before us
                await gateway.delete(f"/v1/api-keys/{issued['key_id']}", headers=token)

    def _title(self) -> str:
        plan = self.plan
        return f"{plan.purchases:,} purchases of {DAYS} days, seed {plan.seed}, {plan.rate:,} events per second"

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
