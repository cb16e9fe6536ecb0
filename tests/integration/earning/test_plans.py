"""Every hot query finds its rows by an index, with the generic plans that the service's connections use."""

import re
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from services.earning.store import birthdays, corrections, grace, occasion_queries, queries, tier_ends, tier_floors
from services.earning.store.campaign import CAMPAIGNS
from services.earning.store.load import LOAD
from services.earning.store.recall_profiles import RECALL
from services.earning.store.save_statement import SAVE
from tests.infrastructure.fixtures import Database
from tests.infrastructure.plans import analyze_all, plan_of, read_whole
from tests.integration.earning.harness import Earning, started

_MANY = """
CREATE TABLE drawn AS
SELECT n, gen_random_uuid() AS id, 'm-' || n % 3000 AS member, 'sku-' || n % 500 AS sku,
       now() - n * interval '1 minute' AS at FROM generate_series(1, 24000) AS n;
INSERT INTO member SELECT 'p', 'm-' || n, now(), true, false, gen_random_uuid(), gen_random_uuid()
  FROM generate_series(1, 24000) AS n;
INSERT INTO receipt (receipt_key, program_id, merchant_id, receipt_id, member_id, event_key, event_source, event_id,
                     event_time, outcome, rule_version, facts, purchase)
SELECT id, 'p', 's', 'r-' || n, member, id, '/pos', 'e-' || n, at, 'granted', 1, '{}', '{}' FROM drawn;
INSERT INTO receipt_line SELECT id, '1', 0, 'p', member, sku, at, 1, 100, n % 10 / 9, 0 FROM drawn;
INSERT INTO decision SELECT id, 'p', member, 't', '/pos', 'e-' || n, at, at, 'granted', NULL, 0, id, '/pos#e-' || n
  FROM drawn;
INSERT INTO issued_grant SELECT id, id, id, 'p', member, 'CONSUMPTION', 'b', 1, 0, 5, 0, '[]', 1, at, at, at,
                                '/pos#e-' || n FROM drawn;
INSERT INTO issued_grant SELECT gen_random_uuid(), id, NULL, 'p', member, 'GREEN_ACTION', 'b', 1, 0, 5, 0, '[]', 1, at,
                                at, at, '/pos#e-' || n, CASE n % 2 WHEN 0 THEN id END, CASE n % 2 WHEN 1 THEN id END
  FROM drawn;
INSERT INTO recycling_drop SELECT id, 'p', 'd-' || n, 'k', member, id, '/pos', 'e-' || n, at, 'granted', NULL, 1, '{}',
                                  '[]' FROM drawn;
INSERT INTO drop_rejection SELECT gen_random_uuid(), '/pos', 'e', at, id, 'p', member, '[]', 'open' FROM drawn;
INSERT INTO referral SELECT id, 'p', member, 'x', gen_random_uuid(), '/crm', 'e', at, 'qualified', id FROM drawn;
INSERT INTO referral_reward SELECT id, 'p', 'x', member, id, NULL, 'granted' FROM drawn;
INSERT INTO claw_back SELECT gen_random_uuid(), id, id, 'p', member, 'f', 1, 5 FROM drawn;
INSERT INTO open_claim SELECT gen_random_uuid(), id, '/pos', 'e', 'f', 'p', member, CASE n % 2 WHEN 0 THEN id END, at,
                              0, NULL, sku, 1, 100, NULL, NULL, CASE n % 5 WHEN 0 THEN 'open' ELSE 'settled' END, NULL
  FROM drawn;
INSERT INTO waiting_event SELECT id, '', 'p', member, 't', at, now() + n * interval '1 minute', '', '', '[]'
  FROM drawn;
INSERT INTO inbox SELECT id, '', at, 't', 0, n FROM drawn;
INSERT INTO budget SELECT 'p-' || n, 'b', 0, 0, 'a', 'd' FROM generate_series(1, 24000) AS n;
INSERT INTO budget_slice
SELECT 'p-' || n, 'b', place FROM generate_series(1, 3000) AS n, generate_series(0, 7) AS place;
INSERT INTO member_counter SELECT 'p', member, to_char(at, 'YYYY-MM-DD'), 'r-' || n, n FROM drawn;
INSERT INTO campaign_cap SELECT 'p-' || n, 'r', 1, 1 FROM generate_series(1, 24000) AS n;
INSERT INTO campaign_slice
SELECT 'p-' || n, 'r', place FROM generate_series(1, 3000) AS n, generate_series(0, 7) AS place;
INSERT INTO occasion SELECT id, 'p', member, 'activity', id, at, 'granted', 1, '{}', 'a', 'school-' || n % 900, n::text
  FROM drawn;
INSERT INTO activity_count SELECT id, 'p', member, 'a', 'day', at::date, 1 FROM drawn;
INSERT INTO organisation_points SELECT 'p', 'school-' || n, 'day', at::date, 1 FROM drawn;
INSERT INTO correction SELECT 'p', 'c-' || n, member, 1, 'b', 'why', 'where', 'mei', at, 'refused', 'jun', 'no', at
  FROM drawn;
INSERT INTO correction_step (program_id, correction_id, step, person, note, taken_at)
SELECT 'p', 'c-' || n, 'requested', 'mei', 'why', at FROM drawn;
INSERT INTO birthday_timer SELECT 'p', 'm-' || n, '05-10', now() + n * interval '1 minute' FROM drawn;
INSERT INTO tier_progress SELECT DISTINCT ON (2, 3) 'p', member, (at - n % 7 * interval '1 day')::date, n, n FROM drawn;
INSERT INTO member_tier SELECT 'p', 'm-' || n, '[]', '2026-01-01', false, now() + n * interval '1 minute'
  FROM generate_series(1, 24000) AS n;
INSERT INTO tier_change SELECT id, 'p', member, n, at, NULL, 'gold', 'qualified', 1 FROM drawn;
INSERT INTO tier_floor (program_id, floor_id, member_id, tier_id, reason, evidence, requested_by, requested_at)
SELECT 'p', 'f-' || n, member, 'gold', 'r', 'e', 'mei', at FROM drawn;
DROP TABLE drawn;
"""


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def crowded(module_database: Database) -> AsyncIterator[Earning]:
    async with started(module_database.dsns["earning"]) as earning:
        await earning.running.pool.execute(_MANY)
        await analyze_all(earning.running.pool)
        yield earning


@pytest.mark.parametrize(
    ("sql", "indexes"),
    [
        pytest.param(
            LOAD.sql,
            ["member_pkey", "receipt_pkey", "receipt_line_pkey", "receipt_line_to_refund", "issued_grant_of_receipt",
             "open_claim_of_receipt", "open_claim_of_sku", "waiting_event_pkey", "waiting_of_member",
             "recycling_drop_pkey", "drop_rejection_of_drop", "referral_pkey", "referral_reward_pkey",
             "issued_grant_of_drop", "issued_grant_of_referral", "occasion_pkey", "occasion_of_evidence",
             "activity_count_pkey", "organisation_points_pkey", "budget_pkey", "budget_slice_pkey", r"inbox_0_pkey",
             "member_counter_pkey", "campaign_cap_pkey", "campaign_slice_pkey", "campaign_slice_of_cap",
             "tier_progress_pkey", "member_tier_pkey", "tier_change_program_id_member_id_place_key"],
            id="load a batch",
        ),
        pytest.param(
            SAVE.sql,
            ["receipt_pkey", "receipt_line_pkey", "issued_grant_pkey", "open_claim_pkey", "waiting_event_pkey",
             "budget_slice_pkey", "recycling_drop_pkey", "drop_rejection_pkey", "occasion_pkey", "member_counter_pkey",
             "campaign_slice_pkey", "tier_progress_pkey"],
            id="save a batch",
        ),
        pytest.param(birthdays.DUE, ["birthday_timer_due"], id="birthdays that are due"),
        pytest.param(birthdays.ADVANCE, ["birthday_timer_pkey"], id="birthdays of next year"),
        pytest.param(
            queries._ORGANISATION,
            ["occasion_of_organisation", "recycling_drop_of_organisation", "issued_grant_of_occasion",
             "issued_grant_of_drop"],
            id="report of an organisation",
        ),
        pytest.param(queries._ORGANISATION_CAPS, ["organisation_points_pkey"], id="caps of an organisation"),
        pytest.param(corrections.READ, ["correction_pkey", "correction_step_of", "decision_pkey"], id="correction"),
        pytest.param(corrections.WAITING, ["correction_waiting"], id="corrections that wait"),
        pytest.param(corrections.LOCK, ["correction_pkey"], id="lock a correction"),
        pytest.param(corrections._DECIDE, ["correction_pkey"], id="decide a correction"),
        pytest.param(corrections.IS_MEMBER, ["member_pkey"], id="member of a correction"),
        pytest.param(
            occasion_queries.CORRECTION, ["correction_pkey", "correction_step_of", "decision_pkey"],
            id="explain a correction or debit",
        ),
        pytest.param(
            occasion_queries.OCCASIONS, ["occasion_pkey", "issued_grant_of_occasion", "decision_pkey"],
            id="explain occasions",
        ),
        pytest.param(occasion_queries.DECISIONS, ["decision_of_event_id"], id="explain what gave nothing"),
        pytest.param(tier_floors.READ, ["tier_floor_pkey", "decision_pkey"], id="tier floor"),
        pytest.param(tier_floors.WAITING, ["tier_floor_waiting"], id="tier floors that wait"),
        pytest.param(tier_floors.LOCK, ["tier_floor_pkey"], id="lock a tier floor"),
        pytest.param(tier_floors.DECIDE, ["tier_floor_pkey"], id="decide a tier floor"),
        pytest.param(RECALL, ["decision_pkey", "member_pkey"], id="recall profiles"),
        pytest.param(queries._IS_STORY, ["decision_of_event_id"], id="is it a story"),
        pytest.param(grace._RELEASE, ["waiting_due", "waiting_event_pkey"], id="end of the grace"),
        pytest.param(queries._RECEIPT, ["receipt_pkey", "receipt_line_pkey", "decision_of_receipt"], id="receipt"),
        pytest.param(
            queries._DROP, ["recycling_drop_pkey", "issued_grant_of_drop", "drop_rejection_of_drop"], id="drop"
        ),
        pytest.param(
            queries._REFERRAL,
            ["referral_pkey", "referral_reward_pkey", "issued_grant_of_referral", "receipt_pkey", "decision_pkey"],
            id="referral",
        ),
        pytest.param(queries._RECEIPT_KEYS, ["receipt_of_id"], id="receipts of an id, any program"),
        pytest.param(queries._RECEIPTS_OF_ID, ["receipt_of_id"], id="receipts of an id"),
        pytest.param(
            queries._TRACE,
            ["decision_of_event_id", "decision_of_receipt", "decision_pkey", "issued_grant_pkey", "claw_back_pkey",
             "claw_back_of_grant", "issued_grant_of_receipt", "issued_grant_of_event", "issued_grant_of_drop",
             "issued_grant_of_referral", "recycling_drop_of_id", "recycling_drop_pkey", "drop_rejection_of_drop",
             "drop_rejection_pkey", "referral_of_event", "referral_of_order", "referral_pkey", "referral_reward_pkey"],
            id="trace",
        ),
        pytest.param(queries._BUDGETS, ["budget_pkey", "budget_slice_of_budget"], id="budgets"),
        pytest.param(
            "SELECT remainder_minor FROM budget WHERE program_id = $1 AND budget_id = $2 FOR UPDATE", ["budget_pkey"],
            id="lock a budget",
        ),
        pytest.param(
            "SELECT * FROM budget_slice WHERE program_id = $1 AND budget_id = $2 AND partition <> $3 FOR UPDATE",
            ["budget_slice_of_budget"],
            id="slices of a budget",
        ),
        pytest.param(tier_ends.DUE, ["member_tier_due", "member_tier_pkey"], id="ends of tiers"),
        pytest.param(CAMPAIGNS.lock, ["campaign_cap_pkey"], id="lock a campaign's cap"),
        pytest.param(CAMPAIGNS.call_back, ["campaign_slice_of_cap", "campaign_slice_pkey"], id="call back its slices"),
    ],
)  # fmt: skip
async def test_the_plan_uses_the_index(crowded: Earning, sql: str, indexes: list[str]) -> None:
    plan = await plan_of(crowded.running.pool, sql)
    for index in indexes:
        assert re.search(rf"(using|on) {index}\b", plan), f"{index} is not used:\n{plan}"
    scanned = set(re.findall(r"Seq Scan on (\w+)", plan))
    allowed = {"partition_owner", "partition_offset"} | ({"waiting_event"} if "position(convert_to" in sql else set())
    assert scanned <= allowed, plan
    assert [index for index in read_whole(plan) if not index.startswith("waiting_due")] == [], plan


@pytest.mark.parametrize("sql", [pytest.param(LOAD.sql, id="load a batch"), pytest.param(SAVE.sql, id="save a batch")])
async def test_a_plan_made_while_the_tables_were_empty_will_do_when_they_are_full(earning: Earning, sql: str) -> None:
    """A plan is kept until the next ANALYZE; meanwhile a table may grow from nothing to a hundred thousand rows."""
    await analyze_all(earning.running.pool)
    plan = await plan_of(earning.running.pool, sql)
    assert [
        index for index in read_whole(plan) if not index.startswith(("partition_", "budget_", "campaign_"))
    ] == [], plan
