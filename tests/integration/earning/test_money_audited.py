"""The audit counts the money for tiers anew: as earning did, and a counter that was changed is found."""

import random
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import asyncpg
import pytest
import pytest_asyncio

from services.operator.audit.tier_money import MONEY
from shared.events.purchase_completed import PurchaseCompleted, Tender
from shared.programs.pack import Basis
from tests.infrastructure.fixtures import Database
from tests.infrastructure.till import MERCHANT, PROGRAM, purchase, refund
from tests.integration.earning.harness import Earning, record, registration, started
from tests.integration.earning.test_tiers import tiered

DAY = timedelta(days=1)
WRONG = "money that counts for the tier differs from that of the receipts"
WRONG_RECEIPT = "receipt counts more for the tier than its basis, or less with no such tender back"
SEED = 20261123
MEMBERS = ("ann", "bea", "cem")


@dataclass
class Books:
    earning: Earning
    admin: "asyncpg.Connection[asyncpg.Record]"

    async def wrong(self) -> Sequence[tuple[str, ...]]:
        rows = await self.admin.fetch(MONEY)
        assert {row["wrong"] for row in rows} <= {WRONG, WRONG_RECEIPT}
        return [(row["member_id"], row["expected"], row["found"]) for row in rows]

    async def counted(self, change: str) -> Sequence[tuple[str, ...]]:
        """What the audit finds after a change that is undone again."""
        transaction = self.admin.transaction()
        await transaction.start()
        await self.admin.execute(change)
        found = await self.wrong()
        await transaction.rollback()
        return found


@pytest_asyncio.fixture(loop_scope="session", params=["tax included", "tax excluded", "tax excluded, shipping earns"])
async def books(request: pytest.FixtureRequest, database: Database) -> AsyncIterator[Books]:
    shipping, excluded = "shipping" in request.param, "excluded" in request.param
    basis = Basis(tax="excluded" if excluded else "included", shipping_earns=shipping)
    pack = tiered(qualify_by="money").model_copy(update={"basis": basis, "merchants": (MERCHANT,)})
    admin = await asyncpg.connect(database.admin_dsn)
    try:
        async with started(database.dsns["earning"], pack) as earning:
            await earning.running.pool.execute(
                "INSERT INTO program_version VALUES ($1, $2, now(), now(), now(), 0, $3)",
                PROGRAM, pack.version, pack.model_dump_json(by_alias=True),
            )  # fmt: skip
            await earning.post(*(registration(member, listed_party=member == "cem") for member in MEMBERS))
            yield Books(earning, admin)
    finally:
        await admin.close()


def bought(chance: random.Random, receipt_id: str, *, with_points: bool) -> PurchaseCompleted:
    """One to four lines, some that never earn; shipping and tax; partly paid with points or a voucher where asked."""
    nets = [chance.randrange(0, 5_000) for _ in range(chance.randrange(1, 5))]
    plain = purchase(receipt_id, chance.choice(MEMBERS), *nets)
    lines = [
        line.model_copy(
            update={"category": chance.choice((None, None, "fruit", "gift_card")), "earns": chance.random() > 0.1}
        )
        for line in plain.lines
    ]
    shipping = chance.choice((0, 0, 800))
    total = sum(nets) + shipping
    tenders = [Tender(kind="cash", amount_minor=total)]
    if with_points and total > 10:
        parts = sorted(chance.sample(range(1, total), 2))
        kinds: Sequence[Any] = ("points", "voucher", "cash")
        amounts = (parts[0], parts[1] - parts[0], total - parts[1])
        tenders = [Tender(kind=kind, amount_minor=each) for kind, each in zip(kinds, amounts, strict=True)]
    elsewhere = chance.random() < 0.1
    return plain.model_copy(
        update={
            "lines": tuple(lines), "shipping_minor": shipping, "total_minor": total, "tenders": tuple(tenders),
            "tax_minor": chance.choice((None, total // 11)), "merchant_id": "elsewhere" if elsewhere else MERCHANT,
        }
    )  # fmt: skip


async def trade(books: Books, *, with_points: bool) -> None:
    """Forty receipts in four batches, each batch with refunds, in parts, of earlier ones."""
    chance = random.Random(SEED)  # noqa: S311 - repeatable on purpose
    sold: list[PurchaseCompleted] = []
    for batch in range(4):
        new = [bought(chance, f"r-{batch}-{number}", with_points=with_points) for number in range(10)]
        events = [record(f"b-{one.receipt_id}", one, ago=chance.randrange(2, 6) * DAY) for one in new]
        for number, one in enumerate(chance.sample(sold, min(len(sold), 8))):
            line = chance.choice(one.lines)
            if line.net_minor > 1:
                part = chance.choice((line.net_minor, line.net_minor // 2))
                back = refund(f"f-{batch}-{number}", one.receipt_id, one.member_id, (line.line_id, part))
                if with_points and chance.random() < 0.5:  # all of it in points, whatever the line was paid with
                    back = back.model_copy(update={"tenders": (Tender(kind="points", amount_minor=part),)})
                events.append(record(f"x-{batch}-{number}", back.model_copy(update={"merchant_id": one.merchant_id})))
        sold.extend(new)
        await books.earning.post(*events)


async def test_it_counts_as_earning_did_and_finds_every_counter_that_was_changed(books: Books) -> None:
    print(f"seed {SEED}")
    await trade(books, with_points=False)
    days = await books.admin.fetchval("SELECT count(*) FROM earning.tier_progress WHERE money_minor > 0")
    assert days >= 6
    assert await books.admin.fetchval("SELECT count(*) FROM earning.receipt_line WHERE refunded_net_minor > 0") > 8
    assert await books.wrong() == []
    one = "WHERE (member_id, day) = (SELECT member_id, day FROM earning.tier_progress WHERE money_minor > 0 LIMIT 1)"
    for change in ("money_minor = money_minor + 1", "money_minor = money_minor - 1"):
        assert len(await books.counted(f"UPDATE earning.tier_progress SET {change} {one}")) == 1  # noqa: S608
    assert len(await books.counted("UPDATE earning.tier_progress SET money_minor = money_minor + 1")) >= days
    assert len(await books.counted("DELETE FROM earning.tier_progress")) == days
    refunded = "UPDATE earning.receipt_line SET refunded_net_minor = 0, refunded_quantity = 0"
    assert await books.counted(refunded) != [], "a refund that was forgotten"


async def test_with_points_and_vouchers_it_is_as_exact(books: Books) -> None:
    """Tenders that come back without the goods they paid for make a basis rise; what counts stays, and is noted."""
    print(f"seed {SEED}")
    await trade(books, with_points=True)
    assert await books.wrong() == []
    days = await books.admin.fetchval("SELECT count(*) FROM earning.tier_progress WHERE money_minor > 0")
    for change in ("money_minor = money_minor + 1", "money_minor = money_minor - 1"):
        changed = f"UPDATE earning.tier_progress SET {change} WHERE money_minor > 0"  # noqa: S608
        assert len(await books.counted(changed)) == days
    noted = await books.admin.fetchval("SELECT count(*) FROM earning.receipt WHERE counted_minor IS NOT NULL")
    assert noted > 0
    assert await books.counted("UPDATE earning.receipt SET counted_minor = NULL") != []
    too_much = "UPDATE earning.receipt SET counted_minor = 99000000 WHERE counted_minor IS NOT NULL"
    assert len(await books.counted(too_much)) > noted, "each by itself, and the days it counts on"
    unasked = """
        UPDATE earning.receipt SET counted_minor = 0 WHERE receipt_key = (
            SELECT receipt_key FROM earning.audit_spent
             WHERE counted_minor IS NULL AND returned_points_minor + returned_voucher_minor = 0 LIMIT 1)
    """
    assert await books.counted(unasked) != [], "a receipt of which no tender came back counts its basis"
