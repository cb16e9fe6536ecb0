"""What counts for a tier while receipts come back, and which of two things that happened is judged first."""

from collections.abc import Sequence
from datetime import timedelta
from itertools import permutations
from typing import Any

import pytest

import tests.unit.earning_handlers.test_histories as histories
from services.earning.decide.tiers import due_event
from services.earning.desk import EarningDesk
from services.earning.tier_book import Progress, TierEntry
from shared.events.purchase_completed import Tender
from shared.events.purchase_refunded import PurchaseRefunded, RefundLine
from shared.programs.pack import ProgramPack
from shared.programs.tiers import Tiers
from tests.unit.earning.builders import NOON, line, pack, purchase
from tests.unit.earning_handlers.deeds import empty_desk, registers
from tests.unit.earning_handlers.test_histories import Happening, play

ALICE = ("fruit-shop", "alice")
DAY = timedelta(days=1)


def tiered(**changes: Any) -> ProgramPack:
    silver = {"tier_id": "silver", "name": {"zh-CN": "银", "en": "Silver"}, "threshold": 50_000}
    told = {"qualify_by": "money", "window": {"rolling_days": 30}, "validity": {"days": 60}, "levels": [silver]}
    return pack(max_event_age_days="unlimited", tiers=Tiers.model_validate({**told, **changes}))


def back(refund_id: str, receipt_id: str, line_id: str, net: int, days: int, **tenders: int) -> Happening:
    data = PurchaseRefunded(
        program_id="fruit-shop",
        merchant_id="m-1",
        refund_id=refund_id,
        receipt_id=receipt_id,
        member_id="alice",
        currency="CNY",
        lines=(RefundLine(sku=f"sku-{line_id}", quantity=1, net_minor=net, line_id=line_id),),
        tenders=tuple(Tender(kind=kind, amount_minor=amount) for kind, amount in tenders.items()),  # type: ignore[arg-type]
    )
    return Happening(refund_id, data, NOON + days * DAY)


def played(pack_: ProgramPack, events: Sequence[Happening]) -> EarningDesk:
    return play([registers("alice"), *events], lambda: empty_desk(pack_))[0]


def counted(desk: EarningDesk) -> int:
    return sum(day.money_minor for day in desk.tiers.entries[ALICE].days.values())


def test_money_that_came_back_is_never_taken_off_twice() -> None:
    """The points tender of 100.00 goes back with the line that never earned: the basis of the other one doubles."""
    paid = purchase(line(10_000, "1"), line(10_000, "2", earns=False), points=10_000, receipt_id="r")
    bought = [Happening("buy", paid, NOON)]
    assert counted(played(tiered(), bought)) == 5_000
    bought.append(back("f1", "r", "2", 10_000, 1, points=10_000))
    desk = played(tiered(), bought)
    assert counted(desk) == 5_000, "a refund earns nothing"
    assert [receipt.counted_minor for receipt in desk.receipts.values()] == [5_000]
    desk = played(tiered(), [*bought, back("f2", "r", "1", 10_000, 2, card=10_000)])
    assert counted(desk) == 0
    assert [receipt.counted_minor for receipt in desk.receipts.values()] == [None]


def test_another_receipt_of_that_day_keeps_its_tier() -> None:
    paid = purchase(line(10_000, "1"), line(10_000, "2", earns=False), points=10_000, receipt_id="r")
    events = [
        Happening("other", purchase(line(52_000, "1"), receipt_id="s"), NOON),
        Happening("buy", paid, NOON),
        back("f1", "r", "2", 10_000, 1, points=10_000),
        back("f2", "r", "1", 10_000, 2, card=10_000),
    ]
    entry = played(tiered(), events).tiers.entries[ALICE]
    assert (list(entry.days.values()), entry.tier_id) == ([Progress(520, 52_000)], "silver")


@pytest.mark.parametrize("order", list(permutations("123")), ids="".join)
def test_a_receipt_refunded_whole_counts_nothing_in_whatever_order_its_lines_come_back(order: tuple[str, ...]) -> None:
    nets = {"1": 205, "2": 1_367, "3": 2_359}
    lines = [line(net, name, earns=name != "1") for name, net in nets.items()]
    events = [Happening("buy", purchase(*lines, points=833, receipt_id="r"), NOON)]
    for days, name in enumerate(order, 1):
        events.append(back(f"f{name}", "r", name, nets[name], days))
        assert counted(played(tiered(), events)) >= 0
    assert counted(played(tiered(), events)) == 0


@pytest.mark.parametrize("grace", [0, 30])
def test_an_end_that_the_timer_was_late_to_tell_is_judged_before_the_refund_that_came_after_it(
    grace: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    terms = tiered(
        qualify_by="points",
        grace_days=grace,
        levels=[{"tier_id": "silver", "name": {"zh-CN": "银", "en": "Silver"}, "threshold": 100}],
    )
    monkeypatch.setattr(histories, "ARRIVAL", NOON + 100 * DAY)
    bought = [
        Happening(f"buy-{name}", purchase(line(net, "1"), receipt_id=name), NOON + days * DAY)
        for name, net, days in (("a", 10_000, 0), ("b", 9_000, 40), ("c", 6_000, 41))
    ]
    due_at = played(terms, bought).tiers.entries[ALICE].due_at
    assert due_at is not None
    due = histories.returned(due_event(ALICE, due_at))
    refund = histories.delivered(back("f", "c", "1", 6_000, 63))

    def after(*late: Any) -> TierEntry:
        desk = played(terms, bought)
        for record in late:
            histories._HANDLERS[record.required_event.type](record, desk)
        return desk.tiers.entries[ALICE]

    in_time, late = after(due, refund), after(refund, due)
    assert in_time.history == late.history
    assert in_time.standing == late.standing
    assert [change.reason for change in in_time.changes[-2:]] == ["renewed", "refunded"]
