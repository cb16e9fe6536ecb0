"""How often a worker asks Kafka: never before its pause is over, sooner where records were taken, and then for all."""

from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka import TopicPartition
from aiokafka.consumer.fetcher import Fetcher as RealFetcher
from aiokafka.protocol.fetch import FetchRequest

from shared.runtime import fetch_pace
from shared.runtime.fetch_pace import pace

ONE, TWO = TopicPartition("pos.purchases.v1", 1), TopicPartition("pos.purchases.v1", 2)
ELSEWHERE = TopicPartition("pos.purchases.v1", 3)
LEADERS = {ONE: 7, TWO: 7, ELSEWHERE: 8}


class Clock:
    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 1000.0
        monkeypatch.setattr(fetch_pace, "time", SimpleNamespace(monotonic=lambda: self.now))


class Fetcher:
    """What the client's has: records by partition, what it would do next, and a question's way to the broker."""

    def __init__(self) -> None:
        self._records: dict[TopicPartition, object] = {}
        self._prefetch_backoff = 0.1
        self.asked: list[FetchRequest] = []
        self.wanted: list[tuple[int, str]] = [(7, "question")]

    def _get_actions_per_node(self, _assignment: object) -> tuple[Any, ...]:
        return list(self.wanted), {}, 0.2, False, []

    async def _proc_fetch_request(self, _assignment: object, _node: int, request: FetchRequest) -> bool:
        self.asked.append(request)
        return True


def paced() -> Fetcher:
    fetcher = Fetcher()
    cluster = SimpleNamespace(leader_for_partition=LEADERS.get)
    consumer: Any = SimpleNamespace(_fetcher=fetcher, _client=SimpleNamespace(cluster=cluster))
    pace(consumer)
    return fetcher


def asks(fetcher: Fetcher) -> bool:
    """Whether it asks now; else it says for how long it waits."""
    questions, _, seconds, _, _ = fetcher._get_actions_per_node(None)
    assert questions or 0 < seconds < 0.1
    return bool(questions)


def test_what_comes_within_a_pause_is_asked_for_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    clock, fetcher = Clock(monkeypatch), paced()
    assert asks(fetcher)
    assert not asks(fetcher)
    clock.now += 0.019
    assert not asks(fetcher)
    clock.now += 0.002
    assert asks(fetcher)


def test_records_that_wait_make_the_pause_longer_until_some_are_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    clock, fetcher = Clock(monkeypatch), paced()
    fetcher._records = {ONE: "some"}
    assert asks(fetcher)
    fetcher._records[TWO] = "more"
    clock.now += 0.03
    assert not asks(fetcher)
    del fetcher._records[ONE]
    assert asks(fetcher)
    clock.now += 0.03
    assert not asks(fetcher), "what waited then still waits"
    clock.now += 0.031
    assert asks(fetcher), "others must not starve"


def test_a_round_that_asks_nobody_is_no_question(monkeypatch: pytest.MonkeyPatch) -> None:
    Clock(monkeypatch)
    fetcher = paced()
    fetcher.wanted = []
    fetcher._get_actions_per_node(None)
    fetcher.wanted = [(7, "question")]
    assert asks(fetcher)


@pytest.mark.parametrize(("asked", "milliseconds"), [((1, 2), 200), ((2,), 20)])
async def test_only_a_question_for_all_that_a_broker_leads_waits_for_its_answer(
    asked: tuple[int, ...], milliseconds: int
) -> None:
    fetcher = paced()
    assignment = SimpleNamespace(tps=frozenset(LEADERS))
    request = FetchRequest(20, 1, 10, 1, [("pos.purchases.v1", [(number, 0, 10) for number in asked])])
    assert await fetcher._proc_fetch_request(assignment, 7, request)
    assert [each._max_wait_ms for each in fetcher.asked] == [milliseconds]


def test_the_client_has_what_is_paced() -> None:
    """A release of it that names things otherwise must not go unnoticed."""
    assert {"_get_actions_per_node", "_proc_fetch_request"} <= vars(RealFetcher).keys()
