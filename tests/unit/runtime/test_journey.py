"""The first event made of a till's is sampled, carried on from service to service, and measured at each."""

from datetime import timedelta

import pytest
from msgspec.structs import replace
from prometheus_client import REGISTRY

from shared.events.kafka_binding import STRUCTURED_HEADERS
from shared.runtime import journey
from shared.runtime.batch import (
    ARRIVAL_HEADER,
    ATTEMPT_HEADER,
    ORIGIN_HEADER,
    Headers,
    Outgoing,
    arrival_milliseconds,
)
from tests.unit.runtime.records import NOW, batch, raw, record

EARLIER = NOW - timedelta(seconds=3)


def own(number: int, headers: Headers | None = None) -> Outgoing:
    return Outgoing("points.grants.v1", b"p/m", "greenpoints.points.granted.v1", number, b"{}", headers)  # type: ignore[arg-type]


def header(name: str, value: int) -> tuple[str, bytes]:
    return name, str(value).encode()


def test_the_first_own_event_carries_the_arrival_on() -> None:
    forwarded = own(1, ((ARRIVAL_HEADER, b"1"),))
    outbox = [own(0), forwarded, own(2), own(3)]
    assert journey.carry_on(outbox, 1, EARLIER)
    origin = header(ORIGIN_HEADER, arrival_milliseconds(EARLIER))
    assert [row.headers for row in outbox] == [None, forwarded.headers, (*STRUCTURED_HEADERS, origin), None]


def test_a_forward_alone_is_left_as_it_is() -> None:
    outbox = [own(0, ((ARRIVAL_HEADER, b"1"),))]
    assert not journey.carry_on(outbox, 0, EARLIER)
    assert outbox[0].headers == ((ARRIVAL_HEADER, b"1"),)


def test_an_inbound_record_begins_its_journey_at_its_arrival() -> None:
    assert journey.origin_of(record("a")) == NOW


def test_an_own_event_goes_on_where_it_carries_an_origin_and_nowhere_else() -> None:
    carried = replace(record("a"), topic="points.grants.v1", origin=EARLIER)
    assert journey.origin_of(carried) == EARLIER
    assert journey.origin_of(replace(carried, origin=None)) is None


def test_a_replay_says_nothing_of_how_long_things_take() -> None:
    assert journey.origin_of(replace(record("a"), attempt=2)) is None


@pytest.mark.parametrize(
    ("value", "origin"), [(arrival_milliseconds(EARLIER), EARLIER), (arrival_milliseconds(NOW) + 60_000, NOW)]
)
def test_an_origin_is_read_and_never_lies_after_the_record(value: int, origin: object) -> None:
    came = raw(b"p/m", b"{}", headers=(*STRUCTURED_HEADERS, header(ORIGIN_HEADER, value), header(ATTEMPT_HEADER, 1)))
    assert came.origin == origin


def test_a_batch_measures_its_first_record_and_each_that_carries_an_origin() -> None:
    def count() -> float:
        return REGISTRY.get_sample_value("greenpoints_journey_seconds_count", {"service": "measured"}) or 0.0

    journey.measure("measured", batch(record("a"), record("b"), replace(record("c"), origin=EARLIER)))
    assert count() == 2
    ours = [replace(each, topic="points.grants.v1") for each in (record("a"), record("b"))]
    journey.measure("measured", batch(*ours))
    assert count() == 2
