"""Which bought lines a refund takes back."""

from dataclasses import replace
from datetime import timedelta
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from services.earning.domain.refund import (
    BoughtLine,
    Claim,
    Match,
    Matching,
    Unmatched,
    claims_of,
    match_purchases,
    match_receipt,
)
from shared.events.purchase_refunded import PurchaseRefunded, RefundLine
from shared.events.reason_codes import ReasonCode
from tests.unit.earning.builders import NOON

OVER, OPEN = ReasonCode.OVER_REFUND, ReasonCode.REFUND_WITHOUT_PURCHASE


def bought(
    line_id: str = "1",
    sku: str = "apple",
    quantity: int = 1,
    net: int = 1_000,
    *,
    receipt: str = "r",
    days_ago: int = 1,
    refunded: tuple[int, int] = (0, 0),
) -> BoughtLine:
    time = NOON - timedelta(days=days_ago)
    return BoughtLine(receipt, line_id, sku, int(line_id), quantity, net, *refunded, time)


def claim(quantity: int, net: int, sku: str = "apple", line_id: str | None = None, index: int = 0) -> Claim:
    return Claim(index, line_id, sku, quantity, net)


def test_a_receipt_refund_matches_by_line_id() -> None:
    lines = [bought("1"), bought("2", net=2_800)]
    matching = match_receipt([claim(1, 2_800, line_id="2")], lines)
    assert matching == Matching((Match(0, "r", "2", 1, 2_800),), ())


def test_a_receipt_refund_without_line_id_takes_lines_of_the_sku_in_line_order() -> None:
    lines = [bought("3", quantity=5), bought("1", quantity=1), bought("2", sku="pear")]
    matching = match_receipt([claim(3, 300)], lines)
    assert matching.matches == (Match(0, "r", "1", 1, 100), Match(0, "r", "3", 2, 200))


def test_a_line_that_is_named_is_not_used_up_by_a_claim_that_names_none() -> None:
    lines = [bought("1"), bought("2")]
    matching = match_receipt([claim(1, 900), claim(1, 1_000, line_id="1", index=1)], lines)
    assert matching == Matching((Match(0, "r", "2", 1, 900), Match(1, "r", "1", 1, 1_000)), ())


def test_one_sku_at_two_prices_goes_by_the_price_and_comes_back_whole() -> None:
    lines = [bought("1", net=10_000), bought("2", net=5_000)]
    assert match_receipt([claim(1, 5_000)], lines).matches == (Match(0, "r", "2", 1, 5_000),)
    together = match_receipt([claim(2, 15_000)], lines)
    assert together == Matching((Match(0, "r", "1", 1, 10_000), Match(0, "r", "2", 1, 5_000)), ())
    odd = match_receipt([claim(1, 12_000)], lines)
    assert odd == Matching((Match(0, "r", "1", 1, 10_000), Match(0, "r", "2", 0, 2_000)), ())
    named = match_receipt([claim(1, 12_000, line_id="1")], lines)
    assert [rest.code for rest in named.unmatched] == [OVER], "a named line gives no more than it cost"


@given(st.lists(st.tuples(st.integers(1, 4), st.integers(0, 9_000)), min_size=1, max_size=5), st.data())
def test_all_pieces_and_all_money_of_a_sku_leave_nothing_however_they_are_told(
    sold: list[tuple[int, int]], data: st.DataObject
) -> None:
    lines = [bought(str(place), quantity=quantity, net=net) for place, (quantity, net) in enumerate(sold)]
    pieces, money = sum(line.quantity for line in lines), sum(line.net_minor for line in lines)
    while pieces:
        quantity = data.draw(st.integers(1, pieces))
        net = data.draw(st.integers(0, money)) if quantity < pieces else money
        matching = match_receipt([claim(quantity, net)], lines)
        assert matching.unmatched == ()
        off = {match.line_id: match for match in matching.matches}
        lines = [
            replace(
                line,
                refunded_quantity=line.refunded_quantity + match.quantity,
                refunded_net_minor=line.refunded_net_minor + match.net_minor,
            )
            if (match := off.get(line.line_id))
            else line
            for line in lines
        ]
        pieces, money = pieces - quantity, money - net
    assert all(line.refunded_quantity == line.quantity for line in lines)
    assert all(line.refunded_net_minor == line.net_minor for line in lines)


def test_beyond_what_was_bought_a_receipt_refund_is_refused() -> None:
    once = [bought(quantity=2, net=1_000, refunded=(1, 500))]
    pieces = match_receipt([claim(2, 1_000)], once)
    assert pieces.matches == (Match(0, "r", "1", 1, 500),)
    assert pieces.unmatched == (Unmatched(claim(1, 500), OVER),)
    money = match_receipt([claim(1, 700)], once)
    assert money == Matching((Match(0, "r", "1", 1, 500),), (Unmatched(claim(0, 200), OVER),))
    nothing = match_receipt([claim(1, 100, sku="kiwi"), claim(1, 100, line_id="9", index=1)], once)
    assert [rest.claim.quantity for rest in nothing.unmatched] == [1, 1]
    assert nothing.matches == ()


def test_two_claims_of_one_refund_share_what_is_left() -> None:
    matching = match_receipt([claim(1, 500), claim(1, 500, index=1)], [bought(quantity=1, net=500)])
    assert matching.matches == (Match(0, "r", "1", 1, 500),)
    assert matching.unmatched == (Unmatched(claim(1, 500, index=1), OVER),)


def test_without_receipt_the_newest_earlier_purchase_is_taken_first() -> None:
    lines = [
        bought("1", receipt="old", days_ago=9),
        bought("2", receipt="same-time-a", days_ago=2),
        bought("2", receipt="same-time-b", days_ago=2),
        bought("1", receipt="same-time-b", days_ago=2),
        bought("1", receipt="now", days_ago=0),
        bought("1", receipt="later", days_ago=-1),
    ]
    matching = match_purchases([claim(5, 5_000)], lines, NOON)
    assert [(match.receipt, match.line_id) for match in matching.matches] == [
        ("same-time-b", "1"),
        ("same-time-b", "2"),
        ("same-time-a", "2"),
        ("old", "1"),
    ]
    assert matching.unmatched == (Unmatched(claim(1, 1_000), OPEN),)


def test_parts_of_an_uneven_price_sum_to_it() -> None:
    lines = [bought(str(number), net=90) for number in (1, 2, 3)]
    matching = match_purchases([claim(3, 100)], lines, NOON)
    assert [match.net_minor for match in matching.matches] == [33, 33, 34]


def test_a_refund_before_its_purchase_is_an_open_claim_that_settles_when_it_arrives() -> None:
    first = match_purchases([claim(2, 2_001)], [], NOON)
    assert first == Matching((), (Unmatched(claim(2, 2_001), OPEN),))
    arrived = [bought(quantity=3, net=3_000)]
    settled = match_purchases([rest.claim for rest in first.unmatched], arrived, NOON)
    assert settled == Matching((Match(0, "r", "1", 2, 2_001),), ())


def test_lines_of_no_pieces_cannot_be_refunded() -> None:
    lines = [bought("1", quantity=0, net=0), bought("2", quantity=-4, net=0)]
    assert match_receipt([claim(1, 0)], lines).matches == ()
    assert match_purchases([claim(1, 0)], lines, NOON).unmatched == (Unmatched(claim(1, 0), OPEN),)


def test_claims_are_the_refund_s_lines_in_order() -> None:
    refund = PurchaseRefunded(
        program_id="p",
        merchant_id="m",
        refund_id="f",
        currency="CNY",
        lines=(
            RefundLine(sku="apple", quantity=1, net_minor=5),
            RefundLine(line_id="2", sku="pear", quantity=2, net_minor=7),
        ),
    )
    assert claims_of(refund) == (Claim(0, None, "apple", 1, 5), Claim(1, "2", "pear", 2, 7))


shelves = st.lists(
    st.tuples(st.sampled_from(["apple", "pear"]), st.integers(-1, 6), st.integers(0, 5_000), st.integers(0, 4)),
    max_size=6,
).map(
    lambda rows: [
        bought(str(place), sku, quantity, net if quantity > 0 else 0, receipt=f"r{days}", days_ago=days)
        for place, (sku, quantity, net, days) in enumerate(rows)
    ]
)
refunds = st.lists(
    st.tuples(st.sampled_from(["apple", "pear"]), st.integers(1, 9), st.integers(0, 9_000)), min_size=1, max_size=4
).map(lambda rows: [claim(q, net, sku, index=index) for index, (sku, q, net) in enumerate(rows)])


@given(shelves, refunds)
def test_no_piece_and_no_money_comes_back_twice(lines: list[BoughtLine], claims: list[Claim]) -> None:
    matching = match_purchases(claims, lines, NOON)
    for line in lines:
        of_line = [m for m in matching.matches if (m.receipt, m.line_id) == (line.receipt, line.line_id)]
        assert sum(match.quantity for match in of_line) <= max(0, line.quantity)
        assert sum(match.net_minor for match in of_line) <= line.net_minor
    for one in claims:
        taken = [match for match in matching.matches if match.index == one.index]
        rests = [rest.claim for rest in matching.unmatched if rest.claim.index == one.index]
        assert sum(m.quantity for m in taken) + sum(rest.quantity for rest in rests) == one.quantity
        assert sum(m.net_minor for m in taken) + sum(rest.net_minor for rest in rests) <= one.net_minor
        assert all(match.quantity > 0 and match.net_minor >= 0 for match in taken)


@given(shelves, refunds)
def test_a_receipt_refund_accounts_for_every_piece_and_minor_unit(lines: list[BoughtLine], claims: list[Claim]) -> None:
    matching = match_receipt(claims, lines)
    for one in claims:
        taken = [match for match in matching.matches if match.index == one.index]
        rests = [rest.claim for rest in matching.unmatched if rest.claim.index == one.index]
        assert sum(m.quantity for m in taken) + sum(rest.quantity for rest in rests) == one.quantity
        assert sum(m.net_minor for m in taken) + sum(rest.net_minor for rest in rests) == one.net_minor


@given(shelves, refunds, st.randoms())
def test_the_order_in_which_purchases_are_loaded_does_not_matter(
    lines: list[BoughtLine], claims: list[Claim], random: Random
) -> None:
    shuffled = list(lines)
    random.shuffle(shuffled)
    assert match_purchases(claims, shuffled, NOON) == match_purchases(claims, lines, NOON)
    assert match_receipt(claims, shuffled) == match_receipt(claims, lines)
