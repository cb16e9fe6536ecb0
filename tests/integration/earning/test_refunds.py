"""Refunds against real books: early, late, partial, too much, anonymous."""

from datetime import timedelta

from shared.events.purchase_completed import PurchaseCompleted, Tender
from shared.events.purchase_refunded import PurchaseRefunded, RefundLine
from tests.infrastructure.till import purchase, refund
from tests.integration.earning.harness import Earning, record
from tests.unit.earning.builders import line

HOUR = timedelta(hours=1)


def pieces(receipt_id: str, member_id: str | None, quantity: int, net: int) -> PurchaseCompleted:
    """A receipt of one line of several apples."""
    whole = purchase(receipt_id, member_id, net)
    apples = line(net, sku="apple-1", quantity=quantity)
    return whole.model_copy(update={"lines": (apples,)})


def without_receipt(refund_id: str, member_id: str, quantity: int, net: int) -> PurchaseRefunded:
    return refund(refund_id, None, member_id, ("1", net), quantity=quantity)


async def open_claims(earning: Earning) -> list[tuple[str, int]]:
    rows = await earning.running.pool.fetch(
        "SELECT sku, quantity FROM open_claim WHERE state = 'open' ORDER BY sku, quantity"
    )
    return [(row["sku"], row["quantity"]) for row in rows]


async def test_an_open_claim_by_sku_is_settled_by_an_earlier_purchase_that_arrives_later(earning: Earning) -> None:
    await earning.register("ann")
    await earning.post(record("back", without_receipt("f1", "ann", 5, 5_000), ago=HOUR))
    assert await open_claims(earning) == [("apple-1", 5)]
    await earning.post(record("later", pieces("r0", "ann", 9, 9_000)))  # bought after the refund: not meant
    assert await open_claims(earning) == [("apple-1", 5)]
    await earning.post(record("first", pieces("r1", "ann", 2, 2_000), ago=3 * HOUR))
    assert await open_claims(earning) == [("apple-1", 3)]
    await earning.post(record("second", pieces("r2", "ann", 8, 8_000), ago=2 * HOUR))
    assert await open_claims(earning) == []
    assert await earning.points() == (90 + 20 + 80, 20 + 30)
    await earning.post(record("third", pieces("r3", "ann", 8, 8_000), ago=2 * HOUR))
    assert await earning.points() == (90 + 20 + 80 + 80, 20 + 30)
    await earning.assert_books_hold()


async def test_a_refund_without_receipt_takes_the_newest_purchases_and_leaves_the_rest_open(earning: Earning) -> None:
    await earning.register("ann")
    await earning.post(
        record("old", pieces("r1", "ann", 2, 2_000), ago=3 * HOUR),
        record("new", pieces("r2", "ann", 1, 1_000), ago=2 * HOUR),
        record("back", without_receipt("f1", "ann", 4, 4_000), ago=HOUR),
    )
    assert ("back", "partly_open_claim", "REFUND_WITHOUT_PURCHASE") in await earning.outcomes()
    assert (await earning.points())[1] == 30
    assert await open_claims(earning) == [("apple-1", 1)]
    await earning.assert_books_hold()


async def test_over_refunds_are_told_and_take_no_more_than_was_bought(earning: Earning) -> None:
    await earning.register("ann")
    await earning.post(record("buy", purchase("r1", "ann", 6_000), ago=3 * HOUR))
    await earning.post(
        record("one", refund("f1", "r1", "ann", ("1", 6_000)), ago=2 * HOUR),
        record("two", refund("f2", "r1", "ann", ("1", 6_000)), ago=HOUR),
    )
    assert await earning.outcomes() == [
        ("buy", "granted", None), ("one", "clawed_back", None), ("two", "declined", "OVER_REFUND")
    ]  # fmt: skip
    assert await earning.points() == (60, 60)
    line_row = await earning.running.pool.fetchrow("SELECT refunded_quantity, refunded_net_minor FROM receipt_line")
    assert line_row is not None
    assert tuple(line_row) == (1, 6_000)
    await earning.assert_books_hold()


async def test_the_refund_of_an_anonymous_receipt_takes_nothing_before_and_after_it(earning: Earning) -> None:
    await earning.register("ann")
    await earning.post(record("buy", purchase("r1", None, 6_000), ago=2 * HOUR))
    await earning.post(record("after", refund("f1", "r1", None, ("1", 6_000)), ago=HOUR))
    await earning.post(record("before", refund("f2", "r2", "ann", ("1", 6_000)), ago=HOUR))
    await earning.post(record("buy2", purchase("r2", None, 6_000), ago=2 * HOUR), partition=1)
    assert await earning.outcomes() == [
        ("after", "nothing_to_take", None),
        ("before", "open_claim", "REFUND_WITHOUT_PURCHASE"),
        ("buy", "declined", "ISSUE_TO_UNSPECIFIED"),
        ("buy2", "declined", "ISSUE_TO_UNSPECIFIED"),
    ]
    assert await open_claims(earning) == []
    assert await earning.points() == (0, 0)
    await earning.assert_books_hold()


async def test_points_and_vouchers_that_paid_are_given_back_first_and_the_rest_is_judged_without_them(
    earning: Earning,
) -> None:
    await earning.register("ann")
    tenders = (
        Tender(kind="points", amount_minor=2_000),
        Tender(kind="voucher", amount_minor=1_000),
        Tender(kind="cash", amount_minor=7_000),
    )
    await earning.post(record("buy", purchase("r1", "ann", 4_000, 6_000, tenders=tenders), ago=4 * HOUR))
    assert await earning.points() == (70, 0)
    # 40 yuan back, in proportion: 8 of points, 4 of voucher; 60 remain, 12 + 6 of them paid so: 42 earn
    await earning.post(record("part", refund("f1", "r1", "ann", ("1", 4_000)), ago=3 * HOUR))
    assert await earning.points() == (70, 28)
    row = await earning.running.pool.fetchrow("SELECT returned_points_minor, returned_voucher_minor FROM receipt")
    assert row is not None
    assert tuple(row) == (800, 400)
    named = PurchaseRefunded.model_validate(
        {
            **refund("f2", "r1", "ann", ("2", 6_000)).model_dump(exclude={"tenders", "lines"}),
            "lines": (RefundLine(line_id="2", sku="apple-2", quantity=1, net_minor=6_000),),
            "tenders": (Tender(kind="points", amount_minor=1_200), Tender(kind="cash", amount_minor=4_800)),
        }
    )
    await earning.post(record("rest", named, ago=2 * HOUR))
    assert await earning.points() == (70, 70)
    await earning.assert_books_hold()


async def test_a_receipt_of_two_thousand_lines_is_bought_and_returned(earning: Earning) -> None:
    await earning.register("ann")
    bought = purchase("r1", "ann", *([150] * 2_000))
    await earning.post(record("buy", bought, ago=2 * HOUR))
    assert await earning.points() == (3_000, 0)
    half = [(str(place), 150) for place in range(1, 1_001)]
    await earning.post(record("half", refund("f1", "r1", "ann", *half), ago=HOUR))
    assert await earning.points() == (3_000, 1_500)
    rest = [(str(place), 150) for place in range(1_001, 2_001)]
    await earning.post(record("rest", refund("f2", "r1", "ann", *rest), ago=HOUR))
    assert await earning.points() == (3_000, 3_000)
    assert await earning.running.pool.fetchval("SELECT count(*) FROM receipt_line") == 2_000
    await earning.assert_books_hold()
