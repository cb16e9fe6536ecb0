"""Points that paid a refunded bill are told back by authorization, cumulative, whatever the order of arrival."""

from datetime import timedelta

from shared.events.kafka_binding import STRUCTURED_HEADERS, decode
from shared.events.points_tender_refunded import PointsTenderRefunded
from shared.events.purchase_completed import PurchaseCompleted, Tender
from shared.events.purchase_refunded import PurchaseRefunded
from tests.infrastructure.till import purchase, refund
from tests.integration.earning.harness import Earning, record

HOUR = timedelta(hours=1)
FIRST, SECOND = "11111111-1111-4111-8111-111111111111", "22222222-2222-4222-8222-222222222222"


def paid(*nets: int, **points: int) -> PurchaseCompleted:
    """A receipt of ann's paid with points of the authorizations named, and the rest by card."""
    named = {"first": FIRST, "second": SECOND, "unnamed": None}
    tenders = [
        Tender(kind="points", amount_minor=amount, authorization_id=named[name]) for name, amount in points.items()
    ]
    card = Tender(kind="card", amount_minor=sum(nets) - sum(points.values()))
    return purchase("r1", "ann", *nets).model_copy(update={"tenders": (*tenders, card)})


def said(back: PurchaseRefunded, points_minor: int) -> PurchaseRefunded:
    """The refund names its tenders."""
    net = sum(line.net_minor for line in back.lines)
    tenders = (Tender(kind="points", amount_minor=points_minor), Tender(kind="card", amount_minor=net - points_minor))
    return back.model_copy(update={"tenders": tenders})


async def told(earning: Earning) -> list[tuple[str, str, int]]:
    """(refund, authorization, cumulative) in the order told, equal to what the books keep."""
    kept = await earning.running.pool.fetch("SELECT refund_id, authorization_id, amount_minor FROM tender_refund")
    rows = await earning.running.pool.fetch(
        "SELECT aggregatetype, aggregateid, payload FROM outbox WHERE type = $1 ORDER BY id", PointsTenderRefunded.TYPE
    )
    events = [decode(row["aggregatetype"], row["aggregateid"], row["payload"], STRUCTURED_HEADERS).data for row in rows]
    shown = [
        (event.refund_id, event.authorization_id, event.amount_minor)
        for event in events
        if isinstance(event, PointsTenderRefunded)
    ]
    assert sorted(shown) == sorted(tuple(row) for row in kept)
    return shown


async def test_without_a_word_points_go_back_in_proportion_cumulatively(earning: Earning) -> None:
    await earning.register("ann")
    await earning.post(record("buy", paid(2_500, 2_500, 5_000, first=3_333), ago=5 * HOUR))
    await earning.post(
        record("one", refund("f1", "r1", "ann", ("1", 2_500)), ago=2 * HOUR),
        record("two", refund("f2", "r1", "ann", ("2", 2_500)), ago=HOUR),
    )
    assert await told(earning) == [("f1", FIRST, 833), ("f2", FIRST, 1_666)]
    await earning.post(record("all", refund("f3", "r1", "ann", ("3", 5_000)), ago=HOUR / 2))
    assert (await told(earning))[-1] == ("f3", FIRST, 3_333)
    await earning.post(record("more", refund("f4", "r1", "ann", ("3", 5_000))))
    assert len(await told(earning)) == 3
    await earning.assert_books_hold()


async def test_the_refunds_points_tender_says_how_much(earning: Earning) -> None:
    await earning.register("ann")
    await earning.post(record("buy", paid(2_000, 2_000, 6_000, first=3_000), ago=5 * HOUR))
    await earning.post(
        record("none", said(refund("f1", "r1", "ann", ("1", 2_000)), 0), ago=3 * HOUR),
        record("some", said(refund("f2", "r1", "ann", ("2", 2_000)), 1_200), ago=2 * HOUR),
        record("much", said(refund("f3", "r1", "ann", ("3", 6_000)), 6_000), ago=HOUR),
    )
    assert await told(earning) == [("f2", FIRST, 1_200), ("f3", FIRST, 3_000)]


async def test_several_authorizations_of_one_bill_go_back_one_after_the_other(earning: Earning) -> None:
    await earning.register("ann")
    await earning.post(record("buy", paid(5_000, 5_000, first=2_000, unnamed=1_000, second=2_000), ago=5 * HOUR))
    await earning.post(record("half", refund("f1", "r1", "ann", ("1", 5_000)), ago=2 * HOUR))
    assert await told(earning) == [("f1", FIRST, 2_000), ("f1", SECOND, 500)]
    await earning.post(record("rest", refund("f2", "r1", "ann", ("2", 5_000)), ago=HOUR))
    assert (await told(earning))[2:] == [("f2", SECOND, 2_000)]


async def test_a_refund_before_its_purchase_tells_it_when_the_purchase_comes(earning: Earning) -> None:
    await earning.register("ann")
    await earning.post(record("back", refund("f1", "r1", "ann", ("1", 4_000)), ago=HOUR))
    assert await told(earning) == []
    await earning.post(record("buy", paid(4_000, 6_000, first=5_000), ago=5 * HOUR))
    assert await told(earning) == [("f1", FIRST, 2_000)]
    assert await earning.points() == (50, 20)
    await earning.assert_books_hold()


async def test_a_bill_without_points_tells_nothing(earning: Earning) -> None:
    await earning.register("ann")
    await earning.post(record("buy", purchase("r1", "ann", 10_000), ago=5 * HOUR))
    await earning.post(record("back", refund("f1", "r1", "ann", ("1", 4_000)), ago=HOUR))
    assert await told(earning) == []
