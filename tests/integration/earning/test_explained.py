"""Every receipt, drop and referral explains itself: recomputed from stored facts and equal to the books, or loud."""

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

import pytest_asyncio
from pydantic import SecretStr

from services.earning.explained import explained_drop, explained_receipt, explained_referral
from services.earning.store import queries
from tests.infrastructure.fixtures import Database
from tests.integration.earning.harness import Earning, started
from tests.integration.earning.recorded import SEED, live, post_one_by_one, traffic

Told = Mapping[str, Any]


@pytest_asyncio.fixture(loop_scope="session")
async def shop(database: Database) -> AsyncIterator[Earning]:
    async with started(database.dsns["earning"], live()) as earning:
        earning.running.settings.operator_token = SecretStr("unused")
        await post_one_by_one(earning, traffic(SEED, members=8, days=20))
        yield earning


async def receipts(earning: Earning) -> list[Told]:
    keys = await earning.running.pool.fetch("SELECT receipt_key FROM receipt ORDER BY receipt_id")
    stored = [await queries.receipt(earning.running.pool, row["receipt_key"]) for row in keys]
    return [explained_receipt(earning.running, one) for one in stored if one is not None]


async def drops(earning: Earning) -> list[Told]:
    keys = await earning.running.pool.fetch("SELECT drop_key FROM recycling_drop ORDER BY drop_id")
    stored = [await queries.drop(earning.running.pool, row["drop_key"]) for row in keys]
    return [explained_drop(earning.running, one) for one in stored if one is not None]


async def referrals(earning: Earning) -> list[Told]:
    keys = await earning.running.pool.fetch("SELECT referral_key FROM referral ORDER BY invitee_id")
    stored = [await queries.referral(earning.running.pool, row["referral_key"]) for row in keys]
    return [explained_referral(earning.running, one) for one in stored if one is not None]


def wrong(answers: Sequence[Told]) -> list[Told]:
    return [one for one in answers if one.get("recomputes") is False]


async def test_everything_recomputes_to_what_is_in_the_books(shop: Earning) -> None:
    bought, dropped, invited = await receipts(shop), await drops(shop), await referrals(shop)
    for answers in (bought, dropped, invited):
        assert len([one for one in answers if one.get("recomputes")]) > 3
        assert wrong(answers) == []
    assert sum(one["clawed_back"] for one in bought) > 0 < sum(one["clawed_back"] for one in dropped)
    issued, taken = await shop.points()
    assert sum(one["granted"] for one in (*bought, *dropped, *invited)) == issued
    assert sum(one["clawed_back"] for one in (*bought, *dropped, *invited)) == taken


async def test_each_condition_and_red_line_is_told(shop: Earning) -> None:
    whole = next(one for one in await receipts(shop) if one["outcome"] == "granted")
    big = next(rule for rule in whole["explanation"]["rules"] if rule["rule_id"] == "big")
    spent = whole["explanation"]["totals"]["basis_minor"]
    assert big["conditions"] == [{"name": "when.min_spend_minor", "holds": spent >= 9_000, "saw": spent}]
    assert big["applies"] == (spent >= 9_000)
    told = {(one["control"], one["result"]) for one in whole["explanation"]["red_lines"]}
    assert told >= {
        ("C01", "kept"),
        ("C02", "kept"),
        ("C03", "kept"),
        ("C04", "kept"),
        ("C07", "kept"),
        ("C27", "kept"),
    }
    dropped = next(one for one in await drops(shop) if one["outcome"] == "granted")
    assert {one["control"] for one in dropped["explanation"]["red_lines"]} >= {"C01", "C04", "C09", "C11", "C27"}


async def test_a_changed_row_of_any_kind_is_found(shop: Earning) -> None:
    pool = shop.running.pool
    for origin, explain in (("receipt_key", receipts), ("drop_key", drops), ("referral_key", referrals)):
        grant = await pool.fetchval(f"SELECT grant_id FROM issued_grant WHERE {origin} IS NOT NULL LIMIT 1")  # noqa: S608
        await pool.execute(
            "UPDATE issued_grant SET points = points + 1, lines = (SELECT json_agg(CASE WHEN place = 1 THEN jsonb_set("
            "line, '{points}', to_jsonb((line ->> 'points')::bigint + 1)) ELSE line END)"
            " FROM jsonb_array_elements(lines::jsonb) WITH ORDINALITY AS l (line, place)) WHERE grant_id = $1",
            grant,
        )
        (found,) = wrong(await explain(shop))
        assert found["difference_code"] == "EXPLANATION_DIFFERS"
        difference = found["differences"][0]
        assert (difference["what"], difference["booked"] - difference["computed"]) == ("granted", 1)


async def test_a_grant_that_is_gone_and_a_claw_back_too_many_are_found(shop: Earning) -> None:
    pool = shop.running.pool
    taken = await pool.fetchval(
        "SELECT receipt_key FROM issued_grant WHERE receipt_key IS NOT NULL AND clawed_back = 0"
    )
    await pool.execute("DELETE FROM issued_grant WHERE receipt_key = $1", taken)
    assert [one["differences"][0]["booked"] for one in wrong(await receipts(shop))] == [0]
    await pool.execute(
        "UPDATE issued_grant SET clawed_back = points, lines = (SELECT json_agg(jsonb_set(line, '{clawed_back}',"
        " line -> 'points')) FROM jsonb_array_elements(lines::jsonb) AS line)"
        " WHERE grant_id = (SELECT grant_id FROM issued_grant WHERE drop_key IS NOT NULL AND clawed_back = 0 LIMIT 1)"
    )
    (found,) = wrong(await drops(shop))
    assert [(one["what"], one["booked"]) for one in found["differences"]] == [("remains", 0)]
