"""The overview's figures: from what services and Kafka tell, unknown where they do not, never 0 instead."""

import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from deploy.local.stack import Stack
from services.console.measures import Measures
from services.console.pages.overview import OverviewSource
from services.console.pages.overview_cells import overview_cells
from services.console.readings.lag import Badge, LagReading, PlaceLag, TopicFlow
from services.console.services import Services
from services.console.visitor import Look, Visitor
from services.operator.program import apply_shipped
from tests.infrastructure.fixtures import Database
from tests.infrastructure.services import OPERATOR_TOKEN, eventually, producer, running_services
from tests.infrastructure.till import Till, purchase, refund
from tests.integration.console.harness import Site, running_site
from tests.unit.console.test_live import MINE

URLS = {"gateway": "http://gateway", "earning": "http://earning", "redemption": "http://redemption"}
BUDGETS = [
    {"program_id": "fruit-shop", "budget_id": "m", "currency": "CNY", "approved_minor": 100_000, "spent_minor": 95_000},
    {"program_id": "fruit-shop", "budget_id": "n", "currency": "CNY", "approved_minor": 100_000, "spent_minor": 0},
]


class Faked:
    """Services that answer as told; those in `away` do not."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.events = Counter("greenpoints_events", "E.", ["service", "topic", "fate"], registry=self.registry)
        self.points = Counter("greenpoints_points", "P.", ["service", "type"], registry=self.registry)
        self.journey = Histogram("greenpoints_journey_seconds", "J.", ["service"], registry=self.registry)
        self.kafka = Gauge("greenpoints_gateway_kafka_answers", "K.", registry=self.registry)
        self.kafka.set(1)
        self.away: set[str] = set()

    def answer(self, request: httpx.Request) -> httpx.Response:
        if request.url.host in self.away:
            raise httpx.ConnectError("nobody listens")
        if request.url.path == "/metrics":
            return httpx.Response(200, content=generate_latest(self.registry))
        assert request.headers["authorization"] == "Bearer token"
        if request.url.path == "/v1/budgets":
            return httpx.Response(200, json=BUDGETS)
        if request.url.path == "/v1/dead-letters/groups":
            return httpx.Response(200, json=[{"letters": 3}, {"letters": 4}])
        return httpx.Response(404, json={"code": "NOT_FOUND", "detail": "No."})


def place(group: str, topic: str, lag: int | None, seconds: int | None, badge: Badge = Badge.OK) -> PlaceLag:
    return PlaceLag(group, topic, 0, 10, 10, lag, seconds, 2.0, 1.5, None, (0, 1), badge)


def reading(*places: PlaceLag, error: str | None = None) -> LagReading:
    topics = {"pos.purchases.v1": TopicFlow("pos.purchases.v1", 10, 2.0)}
    return LagReading(1, datetime.now(UTC), places, topics, {"earning": 1}, error=error)


@asynccontextmanager
async def watched(database: Database, faked: Faked) -> AsyncIterator[Site]:
    """A site that has looked at the faked services."""
    transport = httpx.MockTransport(faked.answer)
    async with running_site(database.dsns["console"], transport, service_urls=URLS) as site:
        await site.console.measures.start()
        try:
            yield site
        finally:
            await site.console.measures.stop()


def text_of(site: Site, key: str) -> tuple[str | None, str]:
    cell = overview_cells(site.console, MINE)[key]
    return cell.text, cell.state


def shows(site: Site, key: str, text: str) -> Callable[[], Awaitable[bool]]:
    async def look() -> bool:
        return text_of(site, key)[0] == text

    return look


async def test_before_anything_is_read_everything_is_unknown_and_nothing_is_zero(database: Database) -> None:
    async with running_site(database.dsns["console"], service_urls=URLS) as site:
        for key, cell in overview_cells(site.console, MINE).items():
            assert cell.text is None or not re.search(r"\d", cell.text), f"{key} shows {cell.text}"
        async with site.signed_in() as browser:
            page = (await browser.get("/")).text
    assert "Budgets are not known" in page
    assert 'data-live="overview/tile.lag" data-state="unknown">–<' in page


async def test_figures_come_from_the_services(database: Database) -> None:
    faked = Faked()
    async with watched(database, faked) as site:
        await eventually("first look", shows(site, "service.gateway.badge", "answers"))
        faked.events.labels("earning", "pos.purchases.v1", "applied").inc(99)
        faked.events.labels("earning", "pos.purchases.v1", "dead_lettered").inc(1)
        faked.points.labels("redemption", "greenpoints.points.granted.v1").inc(1234)
        for _ in range(20):
            faked.journey.labels("redemption").observe(0.04)
        await eventually("points", shows(site, "tile.points", "1,234"))
        assert text_of(site, "tile.points.more")[0] == "0 taken back, – spent"
        assert text_of(site, "service.earning.errors") == ("1.0 %", "warning")
        assert text_of(site, "service.redemption.errors") == ("0 %", "zero")
        assert text_of(site, "tile.errors.more")[0] == "1 of 100 in the last minute"
        assert text_of(site, "tile.letters") == ("14", "warning")
        assert text_of(site, "tile.budget") == ("5.0 %", "warning")
        assert text_of(site, "budget.fruit-shop/m") == ("50.00 CNY", "warning")
        assert text_of(site, "tile.latency")[0] in ("48 ms", "49 ms")


async def test_a_service_that_is_away_makes_its_figures_unknown(database: Database) -> None:
    faked = Faked()
    async with watched(database, faked) as site:
        site.console.lag.reading = reading(place("earning", "pos.purchases.v1", 0, 0))
        await eventually("budgets", shows(site, "tile.budget", "5.0 %"))
        await eventually("first look", shows(site, "service.earning.badge", "keeps up"))
        await eventually("two looks", shows(site, "service.earning.errors", "0 %"))
        faked.away = {"earning"}
        await eventually("no answer", shows(site, "service.earning.badge", "no answer"))
        await eventually("unknown letters", shows(site, "tile.letters", "–"))
        assert text_of(site, "service.earning.errors") == ("–", "unknown")
        assert text_of(site, "service.redemption.badge")[1] == "unknown"
        await eventually("unknown budget", shows(site, "tile.budget", "–"))
        faked.away = set()
        await eventually("its return", shows(site, "service.earning.badge", "keeps up"))


async def test_the_gateway_says_when_kafka_is_away(database: Database) -> None:
    faked = Faked()
    async with watched(database, faked) as site:
        faked.kafka.set(0)
        await eventually("waiting", shows(site, "service.gateway.badge", "waits for Kafka"))
        assert text_of(site, "service.gateway.badge")[1] == "bad"


@pytest.mark.parametrize(
    ("lag", "seconds", "badge", "shown"),
    [
        (0, 0, Badge.OK, ("0", "zero")),
        (12, 0, Badge.OK, ("12", "")),
        (12, 11, Badge.STALLED, ("12", "warning")),
        (None, None, Badge.UNKNOWN, ("–", "unknown")),
    ],
)
async def test_lag_by_number_and_by_age(
    site: Site, lag: int | None, seconds: int | None, badge: Badge, shown: tuple[str, str]
) -> None:
    site.console.lag.reading = reading(place("earning", "pos.purchases.v1", lag, seconds, badge))
    assert text_of(site, "tile.lag") == shown
    edge = text_of(site, "edge.earning.pos.purchases.v1.lag")
    assert edge[0] == {0: "", None: "–"}.get(lag, f"12 behind, {seconds} s" if seconds else "12 behind, <1 s")


async def test_one_unknown_part_makes_the_sum_unknown(site: Site) -> None:
    site.console.lag.reading = reading(
        place("earning", "pos.purchases.v1", 7, 1), place("redemption", "points.grants.v1", None, None)
    )
    assert text_of(site, "tile.lag") == ("–", "unknown")


async def test_what_is_sent_says_since_when_it_is_true(site: Site) -> None:
    source = OverviewSource(site.console, MINE)
    site.console.lag.reading = reading(place("earning", "pos.purchases.v1", 0, 0))
    frame = source.take()
    assert frame is not None
    assert frame["as_of"] == site.console.lag.reading.at
    assert source.take() is None, "the same again"


async def test_kafkas_absence_is_told_on_the_page_in_both_languages(site: Site) -> None:
    site.console.lag.reading = reading(place("earning", "pos.purchases.v1", 0, 0), error="Kafka is away.")
    async with site.signed_in() as browser:
        assert "Kafka does not answer" in (await browser.get("/")).text
        chinese = await browser.client.get("/", headers={"accept-language": "zh-CN"})
        assert "Kafka 没有响应" in chinese.text
        assert "待处理消息" in chinese.text


async def test_every_cell_of_the_page_is_one_that_is_sent(database: Database) -> None:
    faked = Faked()
    async with watched(database, faked) as site:
        await eventually("budgets", shows(site, "tile.budget", "5.0 %"))
        site.console.lag.reading = reading(place("earning", "pos.purchases.v1", 0, 0))
        visitor = Visitor(MINE.session_hash, MINE.operator_id, "w", MINE.role, "c", "a", Look("zh-CN", "dark"))
        sent = overview_cells(site.console, visitor).keys()
        async with site.signed_in() as browser:
            page = (await browser.get("/")).text
    on_page = set(re.findall(r'data-live="overview/([^"]+)"', page))
    assert on_page - sent - {"service.redemption.trend"} == set(), "a cell that never changes"
    assert len(on_page) > 80


async def test_latency_points_and_budgets_of_real_services(
    stack: Stack, fresh_topics: str, database: Database, unique: str
) -> None:
    """What the console shows is what the books hold."""
    await apply_shipped(fresh_topics)
    state: Path = stack.state_dir
    async with running_services(fresh_topics, database, state, "earning", "redemption") as services:
        addresses = {name: (services.url(name),) for name in ("earning", "redemption")}
        async with Services(addresses, OPERATOR_TOKEN) as asked:
            measures = Measures(asked)
            await measures.start()
            try:
                await eventually("two looks", _looked(measures))
                async with producer(services.kafka) as sender:
                    till = Till(sender, unique)
                    await till.register("m")
                    for number in range(30):
                        await till.send(f"{unique}-{number}", purchase(f"{unique}-{number}", "m", 1000), ago=1)
                    await till.send(f"{unique}-r", refund(f"{unique}-r", f"{unique}-1", "m", ("1", 1000)))

                async with services.connection("greenpoints_audit") as audit:

                    async def arrived() -> bool:
                        granted = await audit.fetchval("SELECT coalesce(sum(points), 0) FROM redemption.audit_lot")
                        shown = measures.increase(
                            "redemption", "greenpoints_points_total", 60, type="greenpoints.points.granted.v1"
                        )
                        taken = measures.increase(
                            "redemption", "greenpoints_points_total", 60, type="greenpoints.points.clawed_back.v1"
                        )
                        return granted == shown == 300 and taken == 10

                    await eventually("300 points on both sides", arrived, seconds=30)
                    spent = await audit.fetchval("SELECT sum(spent_minor) FROM earning.audit_budget_slice")
                latency = measures.quantile("redemption", "greenpoints_journey_seconds", 0.5, service="redemption")
                assert latency is not None
                assert 0 < latency < 30

                async def budget() -> bool:
                    shown = {each.budget_id: each for each in measures.budgets or ()}
                    fruit = [each for each in shown.values() if each.program_id == "fruit-shop"]
                    return len(fruit) == 1 and fruit[0].spent_minor == spent > 0 and fruit[0].currency == "CNY"

                await eventually("the budget as earning's books have it", budget, seconds=15)
            finally:
                await measures.stop()


def _looked(measures: Measures) -> Callable[[], Awaitable[bool]]:
    async def look() -> bool:
        return all(
            measures.per_second(name, "greenpoints_events_total") is not None for name in ("earning", "redemption")
        )

    return look
