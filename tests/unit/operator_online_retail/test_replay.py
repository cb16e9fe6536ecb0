"""A replay publishes in order, remembers what Kafka acknowledged, and resumes there."""

import asyncio
from collections.abc import Awaitable
from pathlib import Path

import orjson
import pytest

from services.operator.online_retail import replay
from services.operator.online_retail.replay import Progress, ReplayError, ReplayState, publish
from services.operator.online_retail.report import outcome_table
from services.operator.online_retail.table import fingerprint
from services.operator.traffic.pace import Pace
from tests.unit.operator_online_retail.files import row, write_table


class _Producer:
    """Remembers event ids; from `fails_at` on (counted from 0) nothing is acknowledged."""

    def __init__(self, fails_at: int | None = None) -> None:
        self.ids: list[str] = []
        self._fails_at = fails_at

    async def send(
        self, topic: str, value: bytes, key: bytes, *, headers: list[tuple[str, bytes]]
    ) -> Awaitable[object]:
        assert orjson.loads(value)["partitionkey"].encode() == key
        assert headers[0][0] == "content-type"
        acknowledged: asyncio.Future[object] = asyncio.get_running_loop().create_future()
        if self._fails_at is not None and len(self.ids) >= self._fails_at:
            acknowledged.set_exception(ConnectionError("the broker is gone"))
        else:
            acknowledged.set_result(topic)
        self.ids.append(orjson.loads(value)["id"])
        return acknowledged


@pytest.fixture
def table(tmp_path: Path) -> Path:
    return write_table(
        tmp_path / "t.csv",
        row("1"),
        row("2", customer="12346", time="2011-01-04 10:01:00"),
        row("3", time="2011-01-04 10:02:00"),
        row("C4", quantity=-1, time="2011-01-04 10:03:00"),
    )


ALL_IDS = ["member-17850", "purchase-1", "member-12346", "purchase-2", "purchase-3", "refund-C4"]


async def _replay(table: Path, producer: _Producer, limit: int | None = None) -> Progress:
    state = ReplayState(table.parent / "state" / "replay.json", fingerprint(table))
    return await publish(table, producer, pace=Pace(None), limit=limit, state=state, progress=lambda _: None)


async def test_every_invoice_is_published_in_order_of_time(table: Path) -> None:
    producer = _Producer()

    assert await _replay(table, producer) == Progress(invoices=4, events=6)
    assert producer.ids == ALL_IDS


async def test_a_second_run_goes_on_where_the_first_ended(table: Path) -> None:
    await _replay(table, _Producer(), limit=2)
    second = _Producer()

    assert await _replay(table, second) == Progress(invoices=4, events=2)
    assert second.ids == ALL_IDS[4:]


async def test_what_kafka_did_not_acknowledge_is_sent_again(table: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replay, "WINDOW", 1)
    with pytest.raises(ConnectionError):
        await _replay(table, _Producer(fails_at=3))
    second = _Producer()

    await _replay(table, second)

    # The registration of 12346 went out before the failure and counts as sent only with its invoice.
    assert second.ids == ALL_IDS[2:]


async def test_a_finished_replay_sends_nothing(table: Path) -> None:
    await _replay(table, _Producer())
    again = _Producer()

    assert await _replay(table, again) == Progress(invoices=4, events=0)
    assert again.ids == []


async def test_the_state_of_another_file_is_refused(table: Path) -> None:
    await _replay(table, _Producer(), limit=1)
    write_table(table, row("9"))

    with pytest.raises(ReplayError, match="--fresh"):
        await _replay(table, _Producer())


async def test_a_spoilt_state_file_is_refused(table: Path) -> None:
    state_file = table.parent / "state" / "replay.json"
    state_file.parent.mkdir()
    state_file.write_text("[]", encoding="utf-8")

    with pytest.raises(ReplayError, match="--fresh"):
        await _replay(table, _Producer())


def test_the_report_shows_every_outcome_with_its_code_and_the_total() -> None:
    table = outcome_table({"dead letter MALFORMED": 2, "granted": 7, "declined ISSUE_TO_UNSPECIFIED": 3, "odd": 1})

    cells = [list(column.cells) for column in table.columns]
    assert cells == [
        ["granted", "declined", "dead letter", "odd"],
        ["", "ISSUE_TO_UNSPECIFIED", "MALFORMED", ""],
        ["7", "3", "2", "1"],
    ]
    assert table.columns[2].footer == "13"
