"""C06 and C12 through the real books: nothing is issued without the licence, nothing extra without the certificate."""

from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import pytest_asyncio

from services.earning.explained import explained_receipt
from services.earning.store import queries
from shared.events.purchase_completed import PurchaseCompleted
from shared.events.referral_accepted import ReferralAccepted
from tests.infrastructure.fixtures import Database
from tests.infrastructure.till import PROGRAM, purchase, refund
from tests.integration.earning.harness import NOW, Earning, program, record, started
from tests.integration.earning.test_occasions import (
    ACTIVITIES,
    EFFECTS,
    RULES,
    TODAY,
    did,
    joined,
    proof,
    told,
    updated,
)
from tests.unit.earning.builders import ONE_PER_YUAN
from tests.unit.earning.rule_builders import rule
from tests.unit.earning_handlers.deeds import INVITEE, INVITER

DAY = timedelta(days=1)
BUSINESS = "online data processing"


def licence(valid_to: object, *scope: str) -> dict[str, object]:
    return {"number": "B2-1", "scope": scope or (BUSINESS,), "valid_to": str(valid_to)}


def licensed(dsn: str, **changes: Any) -> AbstractAsyncContextManager[Earning]:
    rules = (*RULES, INVITER, INVITEE)
    return started(dsn, program(**{"rules": rules, "activities": ACTIVITIES, "telecom_business": BUSINESS, **changes}))


@pytest_asyncio.fixture(loop_scope="session")
async def expired_yesterday(database: Database) -> AsyncIterator[Earning]:
    async with licensed(database.dsns["earning"], licence=licence(TODAY - DAY)) as books:
        yield books


async def refused(earning: Earning) -> dict[str, str | None]:
    rows = await earning.running.pool.fetch("SELECT event_id, code FROM decision WHERE code IS NOT NULL")
    return {row["event_id"]: row["code"] for row in rows}


def at(event_id: str, when: datetime, receipt_id: str) -> Any:
    return record(event_id, purchase(receipt_id, "ann", 5_000), ago=NOW - when)


async def test_what_happened_on_the_last_day_earns_and_an_instant_later_nothing_does(
    expired_yesterday: Earning,
) -> None:
    midnight = datetime.combine(TODAY, datetime.min.time(), ZoneInfo("Asia/Shanghai")).astimezone(UTC)
    await expired_yesterday.post(joined("j"))
    await expired_yesterday.post(at("late", midnight, "r2"), at("in-time", midnight - timedelta(microseconds=1), "r1"))
    assert await refused(expired_yesterday) == {"late": "LICENCE_EXPIRED"}
    assert await expired_yesterday.balances() == {"ann": 30 + 50}
    (declined,) = await told(expired_yesterday, "declined")
    assert (declined["code"], declined["would_have_earned"]) == ("LICENCE_EXPIRED", 50)
    await expired_yesterday.post(record("back", refund("f1", "r1", "ann", ("1", 5_000))))
    assert await expired_yesterday.balances() == {"ann": 30}, "taking back is not issuing"
    await expired_yesterday.assert_books_hold()


@pytest.mark.parametrize(
    ("papers", "code"),
    [({}, "LICENCE_MISSING"), ({"licence": licence("2090-01-01", "call centres")}, "LICENCE_SCOPE")],
)
async def test_no_way_of_earning_gets_past_it(database: Database, papers: Mapping[str, Any], code: str) -> None:
    async with licensed(database.dsns["earning"], **papers) as earning:
        await earning.post(joined("j"), joined("i", "bob"))
        link = ReferralAccepted(program_id=PROGRAM, inviter_id="bob", invitee_id="ann")
        await earning.post(record("link", link, ago=3 * DAY))
        await earning.post(did("deed", "lesson", evidence_sha256=proof(1)))
        await earning.post(record("buy", purchase("r1", "ann", 5_000)))
        assert await earning.outbox(EFFECTS) == []
        assert await refused(earning) == dict.fromkeys(("j", "i", "deed", "buy"), code)
        assert await earning.balances() == {}
        assert {one["code"] for one in await told(earning, "declined")} == {code}
        stored = await queries.receipt(earning.running.pool, await earning.running.pool.fetchval(_RECEIPT))
        assert stored is not None
        red = explained_receipt(earning.running, stored)["explanation"]["red_lines"]
        assert [(one["code"], one["result"]) for one in red if one["control"] == "C06"] == [(code, "refused")]


_RECEIPT = "SELECT receipt_key FROM receipt"


async def test_a_reward_for_joining_that_waited_is_judged_when_the_phone_is_verified(database: Database) -> None:
    async with licensed(database.dsns["earning"], licence=licence(TODAY - 30 * DAY)) as earning:
        await earning.post(joined("j", phone=False))
        assert await refused(earning) == {"j": "ISSUE_TO_UNSPECIFIED"}
        await earning.post(updated("u"))
        assert await refused(earning) == {"j": "ISSUE_TO_UNSPECIFIED", "u": "LICENCE_EXPIRED"}
        assert await earning.balances() == {}


def green(receipt_id: str, **fields: Any) -> PurchaseCompleted:
    """20 yuan of soap and 10 yuan of this."""
    receipt = purchase(receipt_id, "ann", 2_000, 1_000)
    plain, special = receipt.lines
    return receipt.model_copy(update={"lines": (plain, special.model_copy(update=fields))})


async def test_base_points_are_kept_where_the_certificate_is_not_good(database: Database) -> None:
    certificate = {"certificate_number": "G-1", "scope": {"labels": ["green"]}, "valid_to": str(TODAY - DAY)}
    rules = (ONE_PER_YUAN, rule("green", "multiplier", factor=2, green=True, budget_id="marketing"))
    async with started(database.dsns["earning"], program(rules=rules, green_certificates=(certificate,))) as earning:
        await earning.register("ann")
        await earning.post(record("good", green("r1", labels=("green",)), ago=2 * DAY))
        await earning.post(record("over", green("r2", labels=("green",), green_certificate="G-1")))
        await earning.post(record("none", green("r3")))
        points = await earning.running.pool.fetch(
            "SELECT r.receipt_id, r.code, g.points FROM receipt AS r JOIN issued_grant AS g USING (receipt_key)"
        )
        assert {tuple(row) for row in points} == {("r1", None, 40), ("r2", "GREEN_CERT_INVALID", 30), ("r3", None, 30)}
        (declined,) = await told(earning, "declined")
        assert (declined["code"], declined["would_have_earned"]) == ("GREEN_CERT_INVALID", 10)
        assert "line 2" in declined["detail"]
        for row in await earning.running.pool.fetch("SELECT receipt_key, receipt_id FROM receipt"):
            stored = await queries.receipt(earning.running.pool, row["receipt_key"])
            assert stored is not None
            answer = explained_receipt(earning.running, stored)
            assert answer["recomputes"] is True
            red = [one for one in answer["explanation"]["red_lines"] if one["control"] == "C12"]
            assert [one["result"] for one in red] == ["applied" if row["receipt_id"] == "r2" else "kept"]
        await earning.post(record("back", refund("f2", "r2", "ann", ("1", 2_000), ("2", 1_000))))
        assert await earning.points() == (100, 30)
        await earning.assert_books_hold()
