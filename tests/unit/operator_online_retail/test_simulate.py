"""Simulated traffic is repeatable, obeys the contract where it means to, and knows its own result."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest

from services.operator.traffic.sent import Expectation, Kind, Outcome, Sent
from services.operator.traffic.simulate import Shares, simulate
from shared.events.cloudevent import CloudEvent, Rejected
from shared.events.fields import parse_timestamp
from shared.events.kafka_binding import STRUCTURED_HEADERS, decode
from shared.events.purchase_completed import PurchaseCompleted
from shared.events.purchase_refunded import PurchaseRefunded

UNTIL = datetime(2026, 1, 31, 12, tzinfo=UTC)


def _traffic(seed: int = 1, shares: Shares | None = None, purchases: int = 2000) -> list[Sent]:
    return list(simulate(seed=seed, members=120, purchases=purchases, until=UNTIL, shares=shares))


def _time(sent: Sent) -> datetime:
    return parse_timestamp(sent.attributes["time"])


def _decoded(sent: Sent) -> tuple[CloudEvent | str, CloudEvent | str]:
    """The event, or the code of its refusal, in structured and in binary mode."""
    results: list[CloudEvent | str] = []
    key = sent.key.encode()
    for value, headers in ((sent.structured(), STRUCTURED_HEADERS), (sent.data, sent.binary_headers())):
        try:
            results.append(decode(sent.topic, key, value, headers))
        except Rejected as refusal:
            results.append(refusal.code.value)
    return results[0], results[1]


def test_a_seed_gives_the_same_messages_and_another_gives_others() -> None:
    assert _traffic(1) == _traffic(1)
    assert _traffic(1) != _traffic(2)


def test_different_runs_share_no_event_id() -> None:
    ids = [{sent.attributes["id"] for sent in _traffic(seed)} for seed in (1, 2)]

    assert not ids[0] & ids[1]


def test_every_message_is_what_it_is_expected_to_be_in_both_modes() -> None:
    refused_at_decoding = {"MALFORMED", "AMOUNTS_DO_NOT_SUM", "UNKNOWN_TYPE"}
    for sent in _traffic(shares=Shares(poison=100)):
        structured, binary = _decoded(sent)
        if sent.expected.code in refused_at_decoding:
            assert structured == binary == sent.expected.code
        else:
            assert isinstance(structured, CloudEvent)
            assert isinstance(binary, CloudEvent)
            assert structured.event_key == binary.event_key
            assert structured.content_hash == binary.content_hash


def test_all_ways_of_poison_occur() -> None:
    codes = {sent.expected.code for sent in _traffic(shares=Shares(poison=100)) if sent.kind is Kind.POISON}

    assert codes == {"MALFORMED", "AMOUNTS_DO_NOT_SUM", "UNKNOWN_PROGRAM", "UNKNOWN_TYPE"}


def test_shares_are_about_as_asked() -> None:
    kinds = Counter(sent.kind for sent in _traffic(purchases=10_000))

    assert kinds[Kind.REGISTRATION] == 120
    assert kinds[Kind.PURCHASE] + kinds[Kind.ANONYMOUS] == 10_000
    assert 200 < kinds[Kind.ANONYMOUS] < 400
    assert 480 < kinds[Kind.REFUND] < 680
    assert 60 < kinds[Kind.DUPLICATE] < 140
    assert 25 < kinds[Kind.POISON] < 80


def test_nothing_unwanted_is_sent_when_the_shares_are_zero() -> None:
    kinds = {sent.kind for sent in _traffic(shares=Shares(0, 0, 0, 0))}

    assert kinds == {Kind.REGISTRATION, Kind.PURCHASE}


def test_times_lie_in_the_period_and_members_register_before_they_buy() -> None:
    registered: dict[str, datetime] = {}
    for sent in _traffic():
        assert UNTIL - timedelta(days=30) <= _time(sent) <= UNTIL
        if sent.kind is Kind.REGISTRATION:
            assert sent.member_id is not None
            registered[sent.member_id] = _time(sent)
        elif sent.member_id is not None:
            assert registered[sent.member_id] <= _time(sent)


def test_messages_come_in_order_of_time_but_for_repetitions_and_poison() -> None:
    times = [_time(sent) for sent in _traffic() if sent.kind not in (Kind.DUPLICATE, Kind.POISON)]

    assert all(earlier <= later for earlier, later in pairwise(times))


def test_a_duplicate_repeats_the_bytes_of_an_earlier_message() -> None:
    seen: set[bytes] = set()
    duplicates = 0
    for sent in _traffic(shares=Shares(duplicate=100)):
        if sent.kind is Kind.DUPLICATE:
            duplicates += 1
            assert sent.structured() in seen
        seen.add(sent.structured())
    assert duplicates > 100


def test_the_expectation_equals_a_recount_from_the_events() -> None:
    """Recounted from the decoded events: what each receipt granted and what remains after its refund."""
    expectation = Expectation()
    nets: dict[str, dict[str, int]] = {}
    members: dict[str, str] = {}
    granted: Counter[str] = Counter()
    for sent in _traffic():
        expectation.add(sent)
        if sent.kind not in (Kind.PURCHASE, Kind.REFUND):
            continue
        data = decode(sent.topic, sent.key.encode(), sent.structured(), STRUCTURED_HEADERS).data
        if isinstance(data, PurchaseCompleted):
            assert data.member_id is not None
            nets[data.receipt_id] = {line.line_id: line.net_minor for line in data.lines if line.earns}
            members[data.receipt_id] = data.member_id
            granted[data.member_id] += sum(nets[data.receipt_id].values()) // 100
        elif isinstance(data, PurchaseRefunded):
            assert data.receipt_id is not None
            for line in data.lines:
                assert line.line_id is not None
                if line.line_id in nets[data.receipt_id]:
                    nets[data.receipt_id][line.line_id] -= line.net_minor
                    assert nets[data.receipt_id][line.line_id] >= 0
    net: Counter[str] = Counter()
    for receipt_id, lines in nets.items():
        net[members[receipt_id]] += sum(lines.values()) // 100

    assert {member: found.granted for member, found in expectation.members.items() if found.granted} == granted
    assert {member: found.net for member, found in expectation.members.items() if found.net} == net
    assert sum(found.clawed_back for found in expectation.members.values()) > 0
    assert expectation.outcomes[Outcome.REGISTERED] == 120


def test_a_simulation_without_members_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one member"):
        list(simulate(seed=1, members=0, purchases=1, until=UNTIL))
