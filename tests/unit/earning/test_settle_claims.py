"""A purchase that comes after its refund settles what it covers of the refund's claims, and nothing else."""

from datetime import UTC, datetime
from uuid import UUID, uuid4

from services.earning.decide.take_back import settle_claims
from services.earning.desk import ClaimEntry, EarningDesk, LineEntry, ReceiptEntry, RefundReference, key_of_receipt
from services.earning.domain.refund import Claim

BOUGHT = datetime(2026, 5, 1, tzinfo=UTC)
REFUNDED = datetime(2026, 5, 2, tzinfo=UTC)
REFUND = RefundReference(uuid4(), "/pos/shop/t1", "refund-1", "f1", REFUNDED, None, None)


def _receipt(*pieces: int) -> ReceiptEntry:
    receipt = ReceiptEntry(key_of_receipt("p", "shop", "r1"), "p", "shop", "r1")
    receipt.member_id, receipt.event_key, receipt.event_time = "ann", uuid4(), BOUGHT
    receipt.lines = [LineEntry(str(place), place, "apple", count, count * 100) for place, count in enumerate(pieces)]
    return receipt


def _desk(*pieces: int) -> EarningDesk:
    """Claims of one refund without receipt, all on apples."""
    desk = EarningDesk()
    for index, count in enumerate(pieces):
        claim = Claim(index, None, "apple", count, count * 100)
        desk.put_claim(ClaimEntry(UUID(int=index), REFUND, "p", "ann", None, claim))
    return desk


def _claims(desk: EarningDesk) -> list[tuple[int, int, bool]]:
    """Index, pieces and whether settled, of every claim old and new."""
    every = [claim for listed in desk.claims.values() for claim in listed]
    return sorted((claim.claim.index, claim.claim.quantity, claim.settled_by is not None) for claim in every)


def test_a_claim_that_gets_nothing_stays_as_it_is() -> None:
    """It used to be settled and opened anew under its own id, which the books refuse."""
    desk = _desk(4, 16)
    settle_claims(_receipt(1), desk)
    assert _claims(desk) == [(0, 3, False), (0, 4, True), (1, 16, False)]
    ids = [claim.claim_id for listed in desk.claims.values() for claim in listed]
    assert len(ids) == len(set(ids))


def test_what_a_claim_still_lacks_is_opened_again() -> None:
    desk = _desk(4)
    settle_claims(_receipt(3), desk)
    assert _claims(desk) == [(0, 1, False), (0, 4, True)]


def test_claims_that_are_covered_are_settled() -> None:
    desk = _desk(4, 16)
    receipt = _receipt(5, 20)
    settle_claims(receipt, desk)
    assert _claims(desk) == [(0, 4, True), (1, 16, True)]
    assert [line.refunded_quantity for line in receipt.lines] == [5, 15]
