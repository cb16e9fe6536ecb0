"""Which offsets may be committed: never past a record that nothing acknowledged."""

from dataclasses import dataclass

from faust.types import TP
from hypothesis import given
from hypothesis import strategies as st

from services.fraud_monitoring.unfinished import Unfinished

PLACE, OTHER = TP("pos.purchases.v1", 0), TP("pos.purchases.v1", 1)


@dataclass
class _Record:
    offset: int
    tp: TP = PLACE
    acked: bool = False


def _reading(*offsets: int, since: int = 0) -> tuple[Unfinished, list[_Record]]:
    unfinished = Unfinished()
    unfinished.begin({PLACE: since})
    records = [_Record(offset) for offset in offsets]
    for record in records:
        unfinished.read(record)
    return unfinished, records


def test_a_record_that_was_dropped_keeps_all_behind_it() -> None:
    unfinished, (first, _dropped, third) = _reading(5, 6, 7, since=5)
    first.acked = third.acked = True
    assert unfinished.done() == {PLACE: 6}


def test_offsets_that_kafka_left_out_are_passed() -> None:
    unfinished, records = _reading(5, 9, 10, since=3)
    for record in records:
        record.acked = True
    assert unfinished.done() == {PLACE: 11}


def test_what_was_committed_is_not_committed_again_and_what_was_refused_is() -> None:
    unfinished, (record,) = _reading(5, since=5)
    record.acked = True
    assert unfinished.done() == {PLACE: 6} == unfinished.done()
    unfinished.is_committed({PLACE: 6})
    assert unfinished.done() == {}
    assert unfinished.committed == {PLACE: 6}


def test_a_late_acknowledgement_of_what_was_taken_away_commits_nothing() -> None:
    unfinished, (record, _) = _reading(5, 6, since=5)
    unfinished.begin({PLACE: 5})
    record.acked = True
    assert unfinished.done() == {}


def test_a_commit_that_ends_after_a_rebalance_is_not_noted() -> None:
    unfinished, (record,) = _reading(5, since=5)
    record.acked = True
    offsets = unfinished.done()
    unfinished.begin({PLACE: 5})
    unfinished.is_committed(offsets)
    assert unfinished.committed == {PLACE: 5}


def test_partitions_are_counted_apart() -> None:
    unfinished, (record,) = _reading(5, since=5)
    waiting = _Record(8, OTHER)
    unfinished.read(waiting)
    record.acked = True
    assert unfinished.done() == {PLACE: 6}


@given(st.lists(st.booleans(), max_size=40), st.data())
def test_nothing_unacknowledged_lies_before_what_is_committed(acknowledged: list[bool], draw: st.DataObject) -> None:
    offsets = sorted(draw.draw(st.sets(st.integers(0, 10_000), min_size=len(acknowledged), max_size=len(acknowledged))))
    unfinished, records = _reading(*offsets)
    for record, is_acknowledged in zip(records, acknowledged, strict=True):
        record.acked = is_acknowledged
    done = unfinished.done().get(PLACE, 0)
    assert all(record.acked for record in records if record.offset < done)
    front = next((record.offset for record in records if not record.acked), None)
    if records and front is None:
        assert done == offsets[-1] + 1
