"""Every query about vouchers and benefits finds its rows by an index, with the service's generic plans."""

import re
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from services.redemption.store import adviser_plans, benefits, voucher_requests, vouchers
from tests.infrastructure.fixtures import Database
from tests.infrastructure.plans import plan_of
from tests.integration.redemption.harness import Redemption, start, stop

pytestmark = pytest.mark.asyncio(loop_scope="session")

_MANY = """
    INSERT INTO wallet SELECT 'p', 'm-' || n FROM generate_series(1, 4000) AS n;
    INSERT INTO voucher_request (request_id, event_id, program_id, member_id, offer_id, rule_version, reason,
                                 correlation_id, requested_at, state)
    SELECT gen_random_uuid(), 'e', 'p', 'm-' || n % 4000 + 1, 'hello', 1, 'r', 'c', now(),
           CASE n % 100 WHEN 0 THEN 'requested' ELSE 'issued' END
      FROM generate_series(1, 20000) AS n;
    INSERT INTO voucher (voucher_id, program_id, member_id, code_sha256, offer_id, kind, rule_version, name_zh, name_en,
                         amount_minor, threshold_minor, currency, request_id, correlation_id, issued_at, valid_until)
    SELECT request_id, program_id, member_id, sha256(request_id::text::bytea), 'hello', 'first_order', 1, 'zh', 'en',
           500, 0, 'CNY', request_id, 'c', now(), now() + interval '30 days'
      FROM voucher_request WHERE state = 'issued';
    INSERT INTO voucher (voucher_id, program_id, member_id, code_sha256, offer_id, kind, rule_version, name_zh, name_en,
                         amount_minor, threshold_minor, currency, order_id, line_id, unit, correlation_id, issued_at,
                         valid_until, state, end_reason, ended_at)
    SELECT id, 'p', 'm-' || n % 4000 + 1, sha256(id::text::bytea), 'fifty', 'voucher_amount', 1, 'zh', 'en', 500, 0,
           'CNY', id, '1', 1, 'c', now(), now(), 'ended', 'expired', now()
      FROM (SELECT n, gen_random_uuid() AS id FROM generate_series(1, 20000) AS n) AS drawn;
    INSERT INTO voucher_use (use_id, voucher_id, program_id, member_id, merchant_id, counted_minor, amount_minor,
                             currency, idempotency_key, body_hash, used_at, undone_at, undo_reason)
    SELECT voucher_id, voucher_id, program_id, member_id, 'shop', 500, 500, 'CNY', voucher_id::text, '', now(),
           now(), 'r'
      FROM voucher;
    INSERT INTO benefit_budget VALUES ('p', 'b', 1000000000, 0);
    INSERT INTO benefit_use (use_id, program_id, member_id, benefit_id, kind, rule_version, period, times,
                             times_allowed, merchant_id, amount_minor, currency, budget_id, idempotency_key, body_hash,
                             used_at)
    SELECT voucher_id, program_id, member_id, voucher_id::text, 'service', 1, '2026-11', 1, 1, 'shop', 1, 'CNY', 'b',
           voucher_id::text, '', now()
      FROM voucher;
    INSERT INTO adviser_plan
    SELECT gen_random_uuid(), 'p', 'm-' || n, 1, 'gold', 1, '{b}', '{}', 'zh', 'en', 'a', now()
      FROM generate_series(1, 4000) AS n;
"""


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def crowded(module_database: Database) -> AsyncIterator[Redemption]:
    """40,000 vouchers of 4,000 members, with statistics."""
    started = await start(module_database.dsns["redemption"])
    await started.running.pool.execute(_MANY)
    await started.running.pool.execute("ANALYZE")
    yield started
    await stop(started)


@pytest.mark.parametrize(
    ("sql", "indexes"),
    [
        pytest.param(vouchers.LOCK_MEMBER, ["wallet_pkey"], id="lock a member"),
        pytest.param(vouchers.OWNER_OF_CODE, ["voucher_code_sha256_key"], id="owner of a code"),
        pytest.param(vouchers.VOUCHER_BY_CODE, ["voucher_code_sha256_key"], id="voucher by code"),
        pytest.param(vouchers.VOUCHER, ["voucher_pkey"], id="voucher"),
        pytest.param(vouchers.VOUCHER_PAGE, ["voucher_of_member"], id="page of vouchers"),
        pytest.param(vouchers.UNUSED_OF_LINE, ["one_unit_one_voucher"], id="unused of a line"),
        pytest.param(vouchers.OPEN_OF_MEMBER, ["voucher_of_member"], id="open of a member"),
        pytest.param(vouchers.END, ["voucher_pkey"], id="end vouchers"),
        pytest.param(vouchers.LOCK_EXPIRING, ["voucher_to_expire", "wallet_pkey"], id="vouchers to expire"),
        pytest.param(vouchers.EXPIRED, ["voucher_of_member"], id="expired vouchers"),
        pytest.param(vouchers.USE_BY_KEY, ["one_use_per_key"], id="use by key"),
        pytest.param(vouchers.USE, ["voucher_use_pkey"], id="use"),
        pytest.param(voucher_requests.LOCK_TO_DO, ["voucher_request_to_do", "wallet_pkey"], id="requests to do"),
        pytest.param(voucher_requests.TO_DO, ["voucher_request_to_do", "voucher_request_id_key"], id="lock requests"),
        pytest.param(voucher_requests.RECALL, ["voucher_request_pkey"], id="recall"),
        pytest.param(voucher_requests.RECALLED, ["voucher_request_pkey"], id="recalled already"),
        pytest.param(benefits.USE_BY_KEY, ["one_benefit_use_per_key"], id="benefit use by key"),
        pytest.param(benefits.PLACES_TAKEN, ["benefit_used_so_often"], id="places taken"),
        pytest.param(benefits.USED_IN_PERIODS, ["benefit_used_so_often"], id="used in periods"),
        pytest.param(adviser_plans.LATEST, ["plans_of_a_member_in_turn"], id="latest plan"),
    ],
)
async def test_the_plan_uses_the_index(crowded: Redemption, sql: str, indexes: list[str]) -> None:
    plan = await plan_of(crowded.running.pool, sql)
    for index in indexes:
        assert f"using {index}" in plan or f"on {index}" in plan, plan
    assert re.findall(r"Seq Scan on (\w+)", plan) == [], plan
