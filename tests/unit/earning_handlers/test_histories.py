"""The handlers on a desk without a database: whatever the order and however often events come, the points agree."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random
from uuid import UUID

from hypothesis import given, settings
from hypothesis import strategies as st

from services.earning.app import SERVICE
from services.earning.desk import EarningDesk, MemberEntry, SliceEntry
from services.earning.domain.program import compile_program
from shared.events.event import EventData
from shared.events.kafka_binding import STRUCTURED_HEADERS, decode, encode
from shared.events.keys import member_key, receipt_key
from shared.events.purchase_completed import PurchaseCompleted
from shared.events.purchase_refunded import PurchaseRefunded, RefundLine
from shared.programs.versions import ProgramBook, ProgramVersion
from shared.runtime.batch import Delivered, Fate, Outgoing
from tests.unit.earning.builders import NOON, line, pack, purchase

MEMBERS = ("alice", "bob")
ARRIVAL = NOON + timedelta(days=30)
_HANDLERS = {model.TYPE: handler for model, handler in SERVICE.handlers.items()}


@dataclass(frozen=True, slots=True)
class Happening:
    """An event and when it happened."""

    event_id: str
    data: EventData
    time: datetime


def delivered(happening: Happening) -> Delivered:
    """The record as a till sends it: a refund without member lies under its receipt's key."""
    data = happening.data
    member_id: str | None = getattr(data, data.MEMBER_FIELD or "", None)
    receipt_id = getattr(data, "receipt_id", "") or ""
    key = receipt_key("fruit-shop", receipt_id) if member_id is None else member_key("fruit-shop", member_id)
    value = encode(happening.event_id, "/pos", data.TYPE, member_id, happening.time, key, data)
    event = decode(data.TOPIC, key.encode(), value, STRUCTURED_HEADERS)
    return Delivered(data.TOPIC, 0, 0, key.encode(), value, STRUCTURED_HEADERS, ARRIVAL, ARRIVAL, 1, event, None)


def open_desk() -> EarningDesk:
    """Two members, plenty of budget, one point per yuan."""
    terms = pack(max_event_age_days="unlimited")
    version = ProgramVersion.of(terms, terms.effective_at, terms.effective_at)
    desk = EarningDesk(
        programs=ProgramBook().with_record(version), compiled={("fruit-shop", 1): compile_program(terms)}
    )
    for member in MEMBERS:
        desk.members["fruit-shop", member] = MemberEntry(NOON, phone_verified=True, listed_party=False)
    for budget in terms.budgets:
        desk.slices["fruit-shop", budget.budget_id] = SliceEntry(budget.approved_minor, 0)
    return desk


def play(
    happenings: Sequence[Happening], opened: Callable[[], EarningDesk] = open_desk
) -> tuple[EarningDesk, Counter[Fate]]:
    """What the worker does with the events in this order.

    What earning tells itself, forwards or sends on comes at the end, as Kafka brings it.
    """
    desk, fates = opened(), Counter[Fate]()
    seen: dict[UUID, bytes] = {}
    queue, told = [delivered(happening) for happening in happenings], 0
    while queue:
        record = queue.pop(0)
        event = record.required_event
        if seen.get(event.event_key) == event.content_hash:
            fates[Fate.DUPLICATE] += 1
            continue
        fate = _HANDLERS[event.type](record, desk)
        fates[fate] += 1
        if fate is Fate.APPLIED:
            seen[event.event_key] = event.content_hash
        queue.extend(returned(row) for row in desk.outbox[told:] if row.topic == "earning.effects.v1")
        told = len(desk.outbox)
    return desk, fates


def returned(row: Outgoing) -> Delivered:
    assert row.key is not None
    headers = row.headers or STRUCTURED_HEADERS
    event = decode(row.topic, row.key, row.payload, headers)
    return Delivered(row.topic, 0, 0, row.key, row.payload, headers, ARRIVAL, ARRIVAL, 1, event, None)


def standing(desk: EarningDesk) -> dict[str, int]:
    """Points that stand per receipt: issued less clawed back."""
    return {
        receipt.receipt_id: sum(grant.points - grant.clawed_back for grant in receipt.grants)
        for receipt in desk.receipts.values()
    }


@st.composite
def histories(draw: st.DrawFn) -> list[Happening]:
    """Purchases of two members and refunds that name their receipt, some more than was bought."""
    events: list[Happening] = []
    for number in range(draw(st.integers(1, 4))):
        receipt_id, member = f"r{number}", draw(st.sampled_from(MEMBERS))
        lines = [
            line(draw(st.integers(0, 9_999)), line_id=str(place), quantity=draw(st.integers(1, 3)))
            for place in range(draw(st.integers(1, 4)))
        ]
        points = draw(st.integers(0, sum(one.net_minor for one in lines)))
        bought = purchase(*lines, points=points, receipt_id=receipt_id, member_id=member)
        events.append(Happening(f"buy-{receipt_id}", bought, NOON + timedelta(hours=number)))
        for back in range(draw(st.integers(0, 3))):
            events.append(_refund(draw, bought, f"{receipt_id}-{back}", NOON + timedelta(days=1, hours=back)))
    return events


def _refund(draw: st.DrawFn, bought: PurchaseCompleted, name: str, time: datetime) -> Happening:
    """Whole pieces at their price, so that no order of the refunds finds less money left than another."""
    chosen = draw(st.lists(st.sampled_from(bought.lines), min_size=1, max_size=3, unique_by=lambda one: one.line_id))
    lines = tuple(
        RefundLine(line_id=one.line_id, sku=one.sku, quantity=one.quantity, net_minor=one.net_minor) for one in chosen
    )
    data = PurchaseRefunded(
        program_id="fruit-shop",
        merchant_id=bought.merchant_id,
        refund_id=name,
        receipt_id=bought.receipt_id,
        member_id=draw(st.sampled_from([bought.member_id, None])),
        currency="CNY",
        lines=lines,
    )
    return Happening(f"back-{name}", data, time)


@settings(max_examples=150, deadline=None, derandomize=True)
@given(histories(), st.randoms(use_true_random=False))
def test_any_order_gives_the_same_points_per_receipt(history: list[Happening], chance: Random) -> None:
    shuffled = list(history)
    chance.shuffle(shuffled)
    desk, _ = play(shuffled)
    assert standing(desk) == standing(play(history)[0])
    for receipt in desk.receipts.values():
        for grant in receipt.grants:
            assert 0 <= grant.clawed_back <= grant.points
            assert grant.clawed_back == sum(one.clawed_back for one in grant.lines)
            assert grant.clawed_back == sum(row.points for row in desk.claw_backs if row.grant_id == grant.grant_id)
            assert 0 <= grant.cost_returned_minor <= grant.cost_minor
            assert (grant.cost_returned_minor == grant.cost_minor) == (grant.clawed_back == grant.points)
    spent = sum(entry.spent_minor for entry in desk.slices.values())
    grants = [grant for receipt in desk.receipts.values() for grant in receipt.grants]
    assert spent == sum(grant.cost_minor - grant.cost_returned_minor for grant in grants)
    assert all(claim.settled_by for listed in desk.claims.values() for claim in listed)


@settings(max_examples=100, deadline=None, derandomize=True)
@given(histories(), st.randoms(use_true_random=False))
def test_every_event_has_one_outcome_and_repeats_change_nothing(history: list[Happening], chance: Random) -> None:
    again = [*history, *history]
    chance.shuffle(again)
    desk, fates = play(again)
    decided = Counter(row.delivered.required_event.id for row in desk.decisions)
    assert decided == Counter(happening.event_id for happening in history)
    assert fates[Fate.APPLIED] == len(history)
    first_of_each = list(dict.fromkeys(happening.event_id for happening in again))
    by_id = {happening.event_id: happening for happening in history}
    once, _ = play([by_id[event_id] for event_id in first_of_each])
    assert standing(desk) == standing(once)
    ids = [row.event_id for row in desk.outbox if row.topic == "points.grants.v1"]
    assert len(ids) == len(set(ids)), "every event of ours has an id of its own"
