"""Vouchers as members and tills meet them: issued, shown, used once, undone, returned, recalled, expired."""

import asyncio
import hashlib
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from services.redemption.domain.refused import RefusedError
from services.redemption.mint import VoucherMint, hash_code
from shared.events.voucher_ended import VoucherEnded
from shared.events.voucher_issued import VoucherIssued
from shared.events.voucher_restored import VoucherRestored
from shared.events.voucher_used import VoucherUsed
from shared.runtime.http import ProblemError
from tests.integration.redemption import shop
from tests.integration.redemption.harness import PROGRAM, Redemption, registered

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_a_bought_voucher_is_shown_with_its_code_and_its_terms(redemption: Redemption) -> None:
    shop.open_shop(redemption)
    (voucher_id,) = await shop.buy(redemption, "tenth", at=datetime(2026, 11, 10, 3, tzinfo=UTC))
    (shown,) = await shop.vouchers(redemption)
    assert (shown["voucher_id"], shown["order_id"]) == (str(voucher_id), str(shop.order_id("order-1")))
    assert shown["valid_until"] == "2026-12-10T16:00:00Z"  # through 10 December in Shanghai
    terms = shown["terms"]
    assert (terms["percent_hundredths"], terms["max_minor"], terms["threshold_minor"]) == (1_000, 2_000, 10_000)
    assert (terms["categories"], terms["merchants"]) == (["fruit"], None)
    (told,) = await redemption.published(VoucherIssued)
    assert isinstance(told, VoucherIssued)
    plain = shown["code"].replace("-", "")
    assert len(plain) == 20
    assert told.code_sha256 == hashlib.sha256(plain.encode()).hexdigest()
    assert (told.percent, told.offer_id) == (10, "tenth")
    assert told.valid_until == datetime(2026, 12, 10, 16, tzinfo=UTC)


async def test_no_table_and_no_event_holds_a_code(redemption: Redemption) -> None:
    shop.open_shop(redemption)
    await shop.buy(redemption, "fifty")
    code = await shop.code_of(redemption)
    assert (await shop.use(redemption, code)).status_code == 201
    plain = code.replace("-", "")
    tables = await redemption.running.pool.fetch("SELECT tablename FROM pg_tables WHERE schemaname = current_schema()")
    assert len(tables) > 20
    for table in tables:
        rows = await redemption.running.pool.fetch(f'SELECT t::text AS row FROM "{table["tablename"]}" AS t')  # noqa: S608
        for row in rows:
            assert code not in row["row"], table
            assert plain not in row["row"], table


async def test_one_unit_is_one_voucher_however_often_it_is_issued(redemption: Redemption) -> None:
    shop.open_shop(redemption)
    first, again = await shop.buy(redemption, "fifty", units=3), await shop.buy(redemption, "fifty", units=3)
    assert first == again
    assert len({shown["code"] for shown in await shop.vouchers(redemption)}) == 3
    assert len(await redemption.published(VoucherIssued)) == 3


async def test_a_picture_shows_the_code(redemption: Redemption) -> None:
    shop.open_shop(redemption)
    (voucher_id,) = await shop.buy(redemption, "fifty")
    path = f"{shop.SHOP}/members/m-1/vouchers/{voucher_id}/qr.svg"
    answer = await redemption.http.get(path)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "image/svg+xml")
    assert answer.text.startswith("<svg")
    assert answer.headers["cache-control"] == "no-store"
    other = await redemption.http.get(path.replace("m-1", "m-2"))
    assert other.status_code == 404
    await shop.use(redemption, await shop.code_of(redemption))
    assert (await redemption.http.get(path)).status_code == 410


async def test_it_is_used_once(redemption: Redemption) -> None:
    shop.open_shop(redemption)
    await shop.buy(redemption, "fifty")
    code = await shop.code_of(redemption)
    used = await shop.use(redemption, code.lower().replace("-", " "), receipt_id="R-1")
    assert used.status_code == 201, used.text
    assert (used.json()["amount_minor"], used.json()["counted_minor"]) == (5_000, 12_000)
    assert (await shop.use(redemption, code.lower().replace("-", " "), receipt_id="R-1")).json() == used.json()
    again = await shop.use(redemption, code, "till-2")
    assert (again.status_code, again.json()["code"]) == (409, "VOUCHER_USED")
    assert set(again.json()["reason"]) == {"zh-CN", "en"}
    reused = await shop.use(redemption, code, receipt_id="R-2")
    assert (reused.status_code, reused.json()["code"]) == (409, "IDEMPOTENCY_KEY_REUSED")
    (told,) = await redemption.published(VoucherUsed)
    assert isinstance(told, VoucherUsed)
    assert (told.amount_minor, told.receipt_id, told.idempotency_key) == (5_000, "R-1", "till-1")
    (shown,) = await shop.vouchers(redemption)
    assert (shown["state"], shown["code"]) == ("used", None)
    assert await redemption.running.pool.fetchval("SELECT count(*) FROM refusal WHERE code = 'VOUCHER_USED'") == 1


async def test_of_many_tills_at_once_exactly_one_wins(redemption: Redemption) -> None:
    shop.open_shop(redemption)
    await shop.buy(redemption, "fifty")
    code = await shop.code_of(redemption)
    answers = await asyncio.gather(*(shop.use(redemption, code, f"till-{number}") for number in range(24)))
    codes = sorted(answer.status_code for answer in answers)
    assert codes == [201] + [409] * 23
    assert {answer.json()["code"] for answer in answers if answer.status_code == 409} == {"VOUCHER_USED"}


async def test_a_voided_bill_gives_it_back_and_it_can_be_used_again(redemption: Redemption) -> None:
    shop.open_shop(redemption)
    await shop.buy(redemption, "fifty")
    code = await shop.code_of(redemption)
    use_id = (await shop.use(redemption, code)).json()["use_id"]
    undone, twice = await shop.undo(redemption, use_id), await shop.undo(redemption, use_id)
    assert undone.status_code == 200
    assert undone.json() == twice.json()
    assert len(await redemption.published(VoucherRestored)) == 1
    assert (await shop.use(redemption, code)).json()["undone_at"] is not None  # its key was used: the same answer
    assert (await shop.use(redemption, code, "till-2")).status_code == 201


async def test_a_check_uses_nothing(redemption: Redemption) -> None:
    shop.open_shop(redemption)
    await shop.buy(redemption, "fifty")
    code = await shop.code_of(redemption)
    for _ in range(2):
        answer = await shop.check(redemption, code, **shop.bill(("fruit", 3_000)))
        assert (answer.status_code, answer.json()["amount_minor"]) == (200, 3_000)  # no change is given
    assert (await shop.vouchers(redemption))[0]["state"] == "issued"


async def test_merchants_and_lines_are_the_ones_it_names(redemption: Redemption) -> None:
    shop.open_shop(redemption)
    await shop.buy(redemption, "five", order="a")
    await shop.buy(redemption, "tenth", order="b")
    tenth, five = await shop.code_of(redemption, 0), await shop.code_of(redemption, 1)
    elsewhere = await shop.check(redemption, five, merchant_id="shop-2")
    assert (elsewhere.status_code, elsewhere.json()["code"]) == (409, "VOUCHER_NOT_APPLICABLE")
    below = await shop.check(redemption, five, **shop.bill(("fruit", 1_999)))
    assert below.json()["code"] == "VOUCHER_NOT_APPLICABLE"
    assert (await shop.check(redemption, five, **shop.bill(("fruit", 2_000)))).json()["amount_minor"] == 500
    mixed = await shop.check(redemption, tenth, **shop.bill(("fruit", 9_999), ("milk", 50_000)))
    assert mixed.json()["code"] == "VOUCHER_NOT_APPLICABLE"  # its threshold counts its own lines
    off = await shop.check(redemption, tenth, **shop.bill(("fruit", 10_005), ("milk", 50_000)))
    assert (off.json()["counted_minor"], off.json()["amount_minor"]) == (10_005, 1_001)  # half up
    most = await shop.check(redemption, tenth, **shop.bill(("fruit", 90_000)))
    assert most.json()["amount_minor"] == 2_000
    foreign = await shop.check(redemption, tenth, currency="USD")
    assert foreign.json()["code"] == "VOUCHER_NOT_APPLICABLE"


async def test_a_code_nobody_has_is_unknown(redemption: Redemption) -> None:
    shop.open_shop(redemption)
    answer = await shop.use(redemption, "0000-0000-0000-0000-0000")
    assert (answer.status_code, answer.json()["code"]) == (404, "NOT_FOUND")


async def test_units_returned_end_unused_vouchers_alone(redemption: Redemption) -> None:
    shop.open_shop(redemption)
    await shop.buy(redemption, "fifty", units=2)
    code = await shop.code_of(redemption)
    await shop.use(redemption, code)
    await shop.give_back(redemption, 1)
    with pytest.raises(RefusedError, match="0 of them are unused"):
        await shop.give_back(redemption, 1)
    states = sorted((shown["state"], shown["end_reason"]) for shown in await shop.vouchers(redemption))
    assert states == [("ended", "returned"), ("used", None)]
    (told,) = await redemption.published(VoucherEnded)
    assert isinstance(told, VoucherEnded)
    assert told.reason == "returned"


async def test_an_expired_voucher_can_be_returned_once(redemption: Redemption) -> None:
    shop.open_shop(redemption)
    await shop.buy(redemption, "fifty", at=datetime.now(UTC) - timedelta(days=40))
    await shop.sweep(redemption)
    await shop.give_back(redemption, 1)
    with pytest.raises(RefusedError):
        await shop.give_back(redemption, 1)
    told = [event.reason for event in await redemption.published(VoucherEnded) if isinstance(event, VoucherEnded)]
    assert told == ["expired", "returned"]


async def test_a_date_that_passed_ends_it(redemption: Redemption) -> None:
    shop.open_shop(redemption)
    await shop.buy(redemption, "fifty", at=datetime.now(UTC) - timedelta(days=32))
    code = VoucherMint.of(redemption.running.settings).code((await _ids(redemption))[0])
    for _ in range(2):  # before and after the sweep
        answer = await shop.use(redemption, code)
        assert (answer.status_code, answer.json()["code"]) == (409, "VOUCHER_EXPIRED")
        (shown,) = await shop.vouchers(redemption)
        assert shown["state"] in ("expired", "ended")
        await asyncio.gather(shop.sweep(redemption), shop.sweep(redemption))
    (told,) = await redemption.published(VoucherEnded)
    assert isinstance(told, VoucherEnded)
    assert told.reason == "expired"


async def test_a_given_voucher_is_issued_once_for_each_request(redemption: Redemption) -> None:
    shop.open_shop(redemption)
    asked = shop.requested("ben", at=datetime(2026, 11, 10, 3, tzinfo=UTC))
    assert await redemption.post(asked) == {"applied": 1}
    assert await redemption.post(asked) == {"applied": 1, "duplicate": 1}
    await asyncio.gather(shop.sweep(redemption), shop.sweep(redemption))
    (shown,) = await shop.vouchers(redemption)
    assert (shown["terms"]["kind"], shown["request_id"]) == ("first_order", str(shop.request_id("ben")))
    assert shown["valid_until"] == "2026-12-10T16:00:00Z"
    (told,) = await redemption.published(VoucherIssued)
    assert isinstance(told, VoucherIssued)
    assert (told.causation_id, told.correlation_id, told.budget_id) == ("requested-ben", "order-ben", "marketing")
    low = await shop.use(redemption, shown["code"], **shop.bill(("fruit", 1_999)))
    assert low.json()["code"] == "VOUCHER_NOT_APPLICABLE"
    assert (await shop.use(redemption, shown["code"])).json()["amount_minor"] == 500


async def test_a_voucher_the_pack_does_not_give_is_a_dead_letter(redemption: Redemption) -> None:
    shop.open_shop(redemption)
    assert await redemption.post(shop.requested("ben", kind="goodbye")) == {"dead_lettered": 1}
    assert await redemption.post(shop.recalled("ben")) == {"dead_lettered": 2}


@pytest.mark.parametrize("issued_before", [True, False], ids=["after issue", "before issue"])
async def test_a_recall_ends_it(redemption: Redemption, issued_before: bool) -> None:
    shop.open_shop(redemption)
    await redemption.post(shop.requested("ben"))
    if issued_before:
        await shop.sweep(redemption)
    await redemption.post(shop.recalled("ben"), shop.recalled("ben", event="again"))
    await shop.sweep(redemption)
    await shop.sweep(redemption)
    shown = await shop.vouchers(redemption)
    assert [(each["state"], each["end_reason"]) for each in shown] == [("ended", "recalled")] * issued_before
    assert len(await redemption.published(VoucherEnded)) == issued_before


async def test_a_recall_in_the_batch_of_its_request_is_seen(redemption: Redemption) -> None:
    shop.open_shop(redemption)
    assert await redemption.post(shop.requested("ben"), shop.recalled("ben")) == {"applied": 2}
    await shop.sweep(redemption)
    assert await shop.vouchers(redemption) == []


async def test_a_recall_comes_too_late_for_a_used_voucher(redemption: Redemption) -> None:
    shop.open_shop(redemption)
    await redemption.post(shop.requested("ben"))
    await shop.sweep(redemption)
    assert (await shop.use(redemption, await shop.code_of(redemption))).status_code == 201
    await redemption.post(shop.recalled("ben"))
    await shop.sweep(redemption)
    assert (await shop.vouchers(redemption))[0]["state"] == "used"
    assert await redemption.published(VoucherEnded) == []


async def test_a_use_undone_after_the_recall_ends_it(redemption: Redemption) -> None:
    shop.open_shop(redemption)
    await redemption.post(shop.requested("ben"))
    await shop.sweep(redemption)
    use_id = (await shop.use(redemption, await shop.code_of(redemption))).json()["use_id"]
    await redemption.post(shop.recalled("ben"))
    await shop.sweep(redemption)
    await shop.undo(redemption, use_id)
    (shown,) = await shop.vouchers(redemption)
    assert (shown["state"], shown["end_reason"], shown["code"]) == ("ended", "recalled", None)


async def test_a_listed_party_uses_none(redemption: Redemption) -> None:
    shop.open_shop(redemption)
    await shop.buy(redemption, "fifty")
    code = await shop.code_of(redemption)
    await redemption.running.pool.execute("UPDATE member SET listed_party = true")
    answer = await shop.use(redemption, code)
    assert (answer.status_code, answer.json()["code"]) == (409, "LISTED_PARTY")


async def test_codes_need_a_key_and_keep_to_it(redemption: Redemption) -> None:
    shop.open_shop(redemption)
    await redemption.post(registered("m-1"))
    (voucher_id,) = await shop.buy(redemption, "fifty")
    with pytest.raises(ProblemError, match="GREENPOINTS_VOUCHER_KEY"):
        VoucherMint(b"short").code(voucher_id)
    other = VoucherMint(b"another-key-that-is-long-enough-for-codes")
    with pytest.raises(ProblemError, match="another GREENPOINTS_VOUCHER_KEY"):
        other.shown(voucher_id, VoucherMint.of(redemption.running.settings).code_sha256(voucher_id))
    assert other.code(voucher_id) != await shop.code_of(redemption)
    assert hash_code("oIl0-1") == hash_code("01 101")


async def _ids(redemption: Redemption) -> list[UUID]:
    rows = await redemption.running.pool.fetch("SELECT voucher_id FROM voucher WHERE program_id = $1", PROGRAM)
    return [row["voucher_id"] for row in rows]
