"""Settlement in money: statements to the unit, claims that match or are refused, totals of donations."""

import asyncio
import csv
import io
from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import asyncpg
import pytest
import pytest_asyncio

from services.redemption.domain.settlement import owed
from services.redemption.store.settlement import Happening, note_settlement, undo_settlement
from shared.events.cloudevent import derived_id
from shared.events.order_fulfilled import OrderFulfilled
from shared.programs.pack import ProgramPack
from shared.programs.versions import ProgramBook, ProgramVersion
from tests.infrastructure.services import eventually
from tests.integration.redemption.harness import PROGRAM, Redemption
from tests.integration.redemption.ordering import done, enrol, line, open_for_orders, order, ordered
from tests.unit.redemption.contracts import partner, settled_pack

pytestmark = pytest.mark.asyncio(loop_scope="session")

_OCTOBER = date(2025, 10, 5)
_NOVEMBER = date(2025, 11, 3)
_PROGRAM = f"/v1/programs/{PROGRAM}"
_TEA = f"{_PROGRAM}/statements/partner/2025-10/tea-house"
_PACK = settled_pack()


@pytest_asyncio.fixture(loop_scope="session")
async def shop(redemption: Redemption) -> Redemption:
    """The program with a tea house and a donation agreement, in force since 2025."""
    at = datetime(2025, 1, 1, tzinfo=UTC)
    redemption.running.programs = ProgramBook().with_record(ProgramVersion.of(_PACK, at, at))
    return redemption


def order_id(name: str) -> UUID:
    return derived_id("/tests", name, "order")


def _happening(name: str, day: date) -> Happening:
    return Happening(derived_id("/tests", name, "event"), datetime(day.year, day.month, day.day, 4, tzinfo=UTC), day)


async def fulfil(
    shop: Redemption, name: str, units: int, day: date, reward_id: str = "milk-tea", pack: ProgramPack = _PACK
) -> None:
    """An order of one line is handed over on `day`."""
    terms = owed(pack, reward_id, units, day)
    assert terms is not None
    async with shop.running.pool.acquire() as connection, connection.transaction():
        happening = _happening(f"fulfil {name}", day)
        await note_settlement(connection, PROGRAM, order_id(name), {"1": terms}, happening)


async def give_back(shop: Redemption, name: str, units: int, day: date, step: str = "") -> int:
    """Units of that order's line come back on `day`; answers what is no longer owed for them."""
    async with shop.running.pool.acquire() as connection, connection.transaction():
        happening = _happening(f"return {name} {step}", day)
        undone = await undo_settlement(connection, PROGRAM, order_id(name), {"1": units}, happening)
    return undone["1"].owed_minor


async def claim(
    shop: Redemption, units: Mapping[str, int], key: str = "claim-1", period: str = "2025-10", **line: Any
) -> Any:
    return await shop.http.post(
        f"{_PROGRAM}/claims",
        json={
            "payee_id": "tea-house",
            "period": period,
            "lines": [{"reward_id": name, "units": count, **line} for name, count in units.items()],
        },
        headers={"Idempotency-Key": key},
    )


async def test_a_statement_reconciles_to_the_unit(shop: Redemption) -> None:
    await fulfil(shop, "o1", 100, _OCTOBER)
    await fulfil(shop, "o2", 21, _OCTOBER)
    assert await give_back(shop, "o2", 1, _OCTOBER) == 784

    told = (await shop.http.get(_TEA)).json()

    assert (told["fulfilled"], told["returned"], told["owed_minor"], told["state"]) == (121, 1, 94_080, "ended")
    (line,) = told["lines"]
    assert (line["unit_price_minor"], line["unit_fee_minor"], line["price_minor"], line["fee_minor"]) == (
        800, 16, 96_000, 1_920,
    )  # fmt: skip
    assert told["name"]["en"] == "Fruit"


async def test_the_csv_adds_up_to_the_statement(shop: Redemption) -> None:
    await fulfil(shop, "o1", 121, _OCTOBER)
    await give_back(shop, "o1", 1, _OCTOBER)

    answer = await shop.http.get(f"{_TEA}/csv")

    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert [(row["order_id"], row["units"], row["owed"]) for row in rows] == [
        (str(order_id("o1")), "121", "948.64"),
        (str(order_id("o1")), "-1", "-7.84"),
    ]
    assert {(row["payee_id"], row["period"], row["currency"], row["unit_price"]) for row in rows} == {
        ("tea-house", "2025-10", "CNY", "8.00")
    }


async def test_entries_and_statements_are_paged(shop: Redemption) -> None:
    for number in range(3):
        await fulfil(shop, f"o{number}", 1, _OCTOBER)
    await fulfil(shop, "tree", 1, _NOVEMBER, "plant-a-tree")
    await fulfil(shop, "o9", 1, _NOVEMBER)

    first = (await shop.http.get(f"{_TEA}/entries", params={"limit": 2})).json()
    rest = (await shop.http.get(f"{_TEA}/entries", params={"limit": 2, "after": first["next_after"]})).json()
    assert [entry["order_id"] for entry in first["entries"] + rest["entries"]] == [
        str(order_id(f"o{number}")) for number in range(3)
    ]
    assert rest["next_after"] is None

    seen, after = [], None
    while True:
        page = (
            await shop.http.get(f"{_PROGRAM}/statements", params={"limit": 1} | ({"after": after} if after else {}))
        ).json()
        seen += [(one["payee_id"], one["period"], one["fulfilled"]) for one in page["statements"]]
        after = page["next_after"]
        if after is None:
            break
    assert seen == [("tea-house", "2025-11", 1), ("city-trees", "2025-11", 1), ("tea-house", "2025-10", 3)]
    one_kind = (await shop.http.get(f"{_PROGRAM}/statements", params={"payee_kind": "donation"})).json()
    assert [one["payee_id"] for one in one_kind["statements"]] == ["city-trees"]


async def test_a_claim_for_121_of_120_is_refused_and_kept(shop: Redemption) -> None:
    await fulfil(shop, "o1", 120, _OCTOBER)

    answer = await claim(shop, {"milk-tea": 121})

    assert answer.status_code == 409
    problem = answer.json()
    assert (problem["code"], problem["control"]) == ("SETTLEMENT_UNMATCHED", "C28")
    assert problem["differences"] == [{
        "reward_id": "milk-tea", "claimed_units": 121, "claimed_minor": None, "statement_units": 120,
        "statement_minor": 94_080,
    }]  # fmt: skip
    assert problem["reason"]["zh-CN"]
    assert problem["appeal"]["en"]
    (kept,) = await shop.running.pool.fetch("SELECT code, request_id FROM audit_refusal")
    assert tuple(kept) == ("SETTLEMENT_UNMATCHED", problem["request_id"])
    assert (await shop.http.get(_TEA)).json()["claim"] is None


async def test_a_matching_claim_is_taken_once_and_paid_once(shop: Redemption) -> None:
    await fulfil(shop, "o1", 120, _OCTOBER)

    taken = await claim(shop, {"milk-tea": 120}, owed_minor=94_080)
    again = await claim(shop, {"milk-tea": 120}, owed_minor=94_080)
    other_body = await claim(shop, {"milk-tea": 120})
    other_key = await claim(shop, {"milk-tea": 120}, key="claim-2")

    assert taken.status_code == again.status_code == 201, taken.text
    assert taken.json() == again.json()
    assert (taken.json()["owed_minor"], taken.json()["units"]) == (94_080, 120)
    assert other_body.json()["code"] == "IDEMPOTENCY_KEY_REUSED"
    assert (other_key.status_code, other_key.json()["code"]) == (409, "SETTLEMENT_UNMATCHED")

    path = f"/v1/claims/{taken.json()['claim_id']}"
    body = {"document": "BANK-77", "paid_on": "2025-11-05"}
    for key, status in (("pay-1", 200), ("pay-1", 200), ("pay-2", 409)):
        paid = await shop.http.post(f"{path}/payment", json=body, headers={"Idempotency-Key": key})
        assert paid.status_code == status, paid.text
    other = await shop.http.post(
        f"{path}/payment", json={**body, "document": "BANK-78"}, headers={"Idempotency-Key": "pay-1"}
    )
    assert other.json()["code"] == "IDEMPOTENCY_KEY_REUSED"
    assert (await shop.http.get(path)).json()["document"] == "BANK-77"
    assert (await shop.http.get(_TEA)).json()["state"] == "paid"


async def test_an_open_period_cannot_be_claimed(shop: Redemption) -> None:
    async with shop.running.pool.acquire() as connection:
        now: datetime = await connection.fetchval("SELECT service_now()")
    pack = settled_pack(partners=[partner(until="2999-01-01")])
    await fulfil(shop, "o1", 1, now.date(), pack=pack)

    answer = await claim(shop, {"milk-tea": 1}, period=f"{now:%Y-%m}")

    assert answer.json()["code"] == "SETTLEMENT_UNMATCHED"
    assert "open until" in answer.json()["detail"]


async def test_what_comes_back_after_the_claim_is_in_the_next_statement(shop: Redemption) -> None:
    await fulfil(shop, "o1", 120, _OCTOBER)
    assert (await claim(shop, {"milk-tea": 120})).status_code == 201
    await give_back(shop, "o1", 3, _OCTOBER)  # its day lies in the closed statement
    await fulfil(shop, "o2", 10, _NOVEMBER)

    assert (await shop.http.get(_TEA)).json()["owed_minor"] == 94_080
    november = (await shop.http.get(_TEA.replace("2025-10", "2025-11"))).json()
    assert (november["fulfilled"], november["returned"], november["owed_minor"]) == (10, 3, 7 * 784)
    assert (await claim(shop, {"milk-tea": 10}, "claim-2", "2025-11")).status_code == 409
    assert (await claim(shop, {"milk-tea": 7}, "claim-3", "2025-11")).json()["owed_minor"] == 7 * 784


async def test_a_claim_and_what_is_handed_over_at_the_same_time(shop: Redemption) -> None:
    await fulfil(shop, "o0", 1, _OCTOBER)
    claims = [claim(shop, {"milk-tea": units}, f"claim-{units}") for units in range(1, 12)]
    await asyncio.gather(*(fulfil(shop, f"o{number}", 1, _OCTOBER) for number in range(1, 11)), *claims)

    october, total = (await shop.http.get(_TEA)).json(), 0
    for one in (await shop.http.get(f"{_PROGRAM}/statements")).json()["statements"]:
        total += one["owed_minor"]
    assert total == 11 * 784  # each once, in whichever statement
    claims_taken = await shop.running.pool.fetch("SELECT owed_minor FROM settlement_claim")
    assert len(claims_taken) <= 1
    for taken in claims_taken:
        assert taken["owed_minor"] == october["owed_minor"]


async def test_a_claim_waits_for_what_is_being_handed_over(shop: Redemption) -> None:
    await fulfil(shop, "o1", 1, _OCTOBER)
    terms = owed(_PACK, "milk-tea", 1, _OCTOBER)
    assert terms is not None
    async with shop.running.pool.acquire() as connection, connection.transaction():
        await note_settlement(connection, PROGRAM, order_id("o2"), {"1": terms}, _happening("under way", _OCTOBER))
        asked = asyncio.create_task(claim(shop, {"milk-tea": 1}))

        async def waits() -> bool:
            return bool(await shop.running.pool.fetchval("SELECT count(*) FROM pg_locks WHERE NOT granted"))

        await eventually("a claim that waits", waits)
        assert not asked.done()
    answer = await asked
    assert answer.json()["differences"][0]["statement_units"] == 2


async def test_more_cannot_come_back_than_was_handed_over(shop: Redemption) -> None:
    await fulfil(shop, "o1", 2, _OCTOBER)
    await give_back(shop, "o1", 1, _OCTOBER)
    with pytest.raises(asyncpg.CheckViolationError, match="more units"):
        await give_back(shop, "o1", 2, _OCTOBER, "again")
    assert await give_back(shop, "o1", 1, _OCTOBER, "once more") == 784


async def test_an_exchange_moves_what_is_owed_to_the_new_order(shop: Redemption) -> None:
    await fulfil(shop, "o1", 2, _OCTOBER)
    async with shop.running.pool.acquire() as connection, connection.transaction():
        happening = _happening("exchange", _NOVEMBER)
        undone = await undo_settlement(connection, PROGRAM, order_id("o1"), {"1": 1}, happening)
        await note_settlement(connection, PROGRAM, order_id("o2"), {"1": undone["1"]}, happening)
    november = (await shop.http.get(_TEA.replace("2025-10", "2025-11"))).json()
    assert (november["fulfilled"], november["returned"], november["owed_minor"]) == (1, 1, 0)


async def test_a_returned_line_that_owed_nobody_undoes_nothing(shop: Redemption) -> None:
    async with shop.running.pool.acquire() as connection, connection.transaction():
        happening = _happening("none", _OCTOBER)
        assert await undo_settlement(connection, PROGRAM, order_id("o1"), {"1": 1}, happening) == {}


async def test_a_line_is_owed_for_once(shop: Redemption) -> None:
    await fulfil(shop, "o1", 2, _OCTOBER)
    with pytest.raises(asyncpg.UniqueViolationError):
        await fulfil(shop, "o1", 2, _OCTOBER)


@pytest.mark.parametrize("change", ["UPDATE settlement_entry SET units = 1", "DELETE FROM settlement_entry"])
async def test_entries_are_append_only(shop: Redemption, change: str) -> None:
    await fulfil(shop, "o1", 2, _OCTOBER)
    with pytest.raises(asyncpg.InsufficientPrivilegeError, match="append-only"):
        await shop.running.pool.execute(change)


async def test_a_claim_that_is_not_its_statement_cannot_be_written(shop: Redemption) -> None:
    await fulfil(shop, "o1", 2, _OCTOBER)
    await claim(shop, {"milk-tea": 2})
    with pytest.raises(asyncpg.CheckViolationError, match="is not its statement"):
        await shop.running.pool.execute("UPDATE settlement_claim SET units = 3")


async def test_donations_are_told_to_members_from_what_was_handed_over(shop: Redemption) -> None:
    nothing_yet = (await shop.http.get(f"{_PROGRAM}/donations")).json()["agreements"]
    assert [(one["agreement_id"], one["donated_minor"]) for one in nothing_yet] == [("city-trees", 0)]
    await fulfil(shop, "o1", 3, _OCTOBER, "plant-a-tree")
    await fulfil(shop, "o2", 2, _NOVEMBER, "plant-a-tree")
    await fulfil(shop, "tea", 2, _NOVEMBER)
    await give_back(shop, "o2", 1, _NOVEMBER)

    (told,) = (await shop.http.get(f"{_PROGRAM}/donations")).json()["agreements"]

    assert told["recipient"] == {"zh-CN": "城市绿化基金会", "en": "City Trees Foundation"}
    assert (told["units"], told["donated_minor"], told["currency"], told["document"]) == (4, 20_000, "CNY", "DON-1")
    assert [(one["reward_id"], one["units"]) for one in told["rewards"]] == [("plant-a-tree", 4)]


async def test_two_prices_in_one_month_are_two_lines(shop: Redemption) -> None:
    dearer = settled_pack(partners=[partner("tea-house", ("milk-tea", 900))])
    await fulfil(shop, "o1", 2, _OCTOBER)
    await fulfil(shop, "o2", 1, _OCTOBER, pack=dearer)
    told = (await shop.http.get(_TEA)).json()
    assert [(line["unit_price_minor"], line["fulfilled"]) for line in told["lines"]] == [(800, 2), (900, 1)]
    assert (await claim(shop, {"milk-tea": 3})).json()["owed_minor"] == 2 * 784 + 882


async def test_weeks_and_months_of_one_partner_are_statements_of_their_own(shop: Redemption) -> None:
    weekly = settled_pack(partners=[partner(settlement="week")])
    await fulfil(shop, "o1", 2, date(2025, 12, 1))  # a Monday, and the first of the month
    await fulfil(shop, "o2", 3, date(2025, 12, 1), pack=weekly)
    listed = (await shop.http.get(f"{_PROGRAM}/statements")).json()["statements"]
    assert {(one["period"], one["fulfilled"]) for one in listed} == {("2025-12", 2), ("2025-W49", 3)}


@pytest.mark.parametrize("path", [_TEA, f"{_TEA}/csv", f"{_TEA}/entries", "/v1/claims/" + str(order_id("x"))])
async def test_what_is_not_there_is_not_found(shop: Redemption, path: str) -> None:
    assert (await shop.http.get(path)).status_code == 404


async def test_from_the_order_to_the_statement_and_back(redemption: Redemption) -> None:
    """120 milk teas are handed over and owe 940.80; three come back; what was never handed over owes nothing."""
    open_for_orders(redemption)
    await enrol(redemption, 40_000)
    placed = await ordered(redemption, line("milk-tea", 120), line("fruit-box"))
    waiting = await ordered(redemption, line("milk-tea", 2), key="waits")
    handed = await done(redemption, placed["order_id"], "fulfilments", "hand over")
    assert handed["kind"] == "fulfilled"

    (statement,) = (await redemption.http.get(f"{_PROGRAM}/statements")).json()["statements"]
    assert (statement["payee_id"], statement["fulfilled"], statement["owed_minor"]) == ("tea-house", 120, 94_080)
    (told,) = await redemption.published(OrderFulfilled)
    assert isinstance(told, OrderFulfilled)
    tea = next(each for each in told.lines if each.reward_id == "milk-tea")
    assert (tea.partner_id, tea.contract_price_minor, tea.fee_minor) == ("tea-house", 96_000, 1_920)

    tea_line = next(each["line_id"] for each in placed["lines"] if each["reward_id"] == "milk-tea")
    await done(redemption, placed["order_id"], "returns", "bring back", lines=[{"line_id": tea_line, "quantity": 3}])
    (statement,) = (await redemption.http.get(f"{_PROGRAM}/statements")).json()["statements"]
    assert (statement["returned"], statement["owed_minor"]) == (3, 117 * 784)
    await done(redemption, waiting["order_id"], "cancellations", "not needed")
    (statement,) = (await redemption.http.get(f"{_PROGRAM}/statements")).json()["statements"]
    assert statement["owed_minor"] == 117 * 784


async def test_a_contract_that_ended_yesterday_is_refused_and_takes_nothing(redemption: Redemption) -> None:
    async with redemption.running.pool.acquire() as connection:
        now: datetime = await connection.fetchval("SELECT service_now()")
    today = now.astimezone(ZoneInfo("Asia/Shanghai")).date()
    open_for_orders(redemption, partners=[partner(until=today.isoformat())])
    await enrol(redemption)

    answer = await order(redemption, line("milk-tea"), line("fruit-box"))

    assert (answer.status_code, answer.json()["code"]) == (409, "PARTNER_NOT_CONTRACTED")
    assert answer.json()["control"] == "C08"
    assert (await redemption.balance())["available"] == 5_000
    assert await redemption.running.pool.fetchval("SELECT count(*) FROM reward_order") == 0
    (kept,) = await redemption.running.pool.fetch("SELECT code, reward_id FROM audit_refusal")
    assert tuple(kept) == ("PARTNER_NOT_CONTRACTED", "milk-tea")


async def test_a_donation_is_counted_when_its_order_is_fulfilled(redemption: Redemption) -> None:
    open_for_orders(redemption)
    await enrol(redemption)
    placed = await ordered(redemption, line("plant-a-tree", 2))
    assert (await redemption.http.get(f"{_PROGRAM}/donations")).json()["agreements"][0]["donated_minor"] == 0
    await done(redemption, placed["order_id"], "fulfilments")
    assert (await redemption.http.get(f"{_PROGRAM}/donations")).json()["agreements"][0]["donated_minor"] == 10_000
