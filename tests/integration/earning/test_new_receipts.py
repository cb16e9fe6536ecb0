"""A new receipt's row carries its decision and first grant: the books say of each what was decided and told."""

import json
from datetime import timedelta

from shared.programs.rules import RateRule
from tests.infrastructure.fixtures import Database
from tests.infrastructure.till import purchase, refund
from tests.integration.earning.harness import SOURCE, program, record, started

_RULES = (
    RateRule(rule_id="base", budget_id="marketing", points=1, per_minor=100),
    RateRule(rule_id="extra", budget_id="marketing", points=1, per_minor=1000, points_class="PROMO"),
)
_GRANTS = """
SELECT r.receipt_id, g.class, g.points, g.clawed_back, g.grant_id::text, g.correlation_id,
       g.event_key = r.event_key AND g.event_time = r.event_time AND g.rule_version = r.rule_version
       AND (g.program_id, g.member_id) = (r.program_id, r.member_id) AS is_of_its_purchase
  FROM issued_grant AS g JOIN receipt AS r USING (receipt_key) ORDER BY r.receipt_id, g.class
"""
_DECISIONS = """
SELECT d.event_id, d.outcome, d.code, d.would_have_earned, d.correlation_id,
       r.event_key IS NOT DISTINCT FROM d.event_key AND d.event_time = r.event_time
       AND (d.program_id, d.member_id, d.event_source) = (r.program_id, r.member_id, r.event_source) AS is_of_receipt
  FROM decision AS d JOIN receipt AS r USING (receipt_key)
 WHERE d.event_type = 'greenpoints.purchase.completed.v1' ORDER BY d.event_id
"""


async def test_whatever_a_purchase_decided_lies_beside_its_receipt(database: Database) -> None:
    """Two grants; one of which a refund in the same batch took back; none; none yet, for the refund came first."""
    async with started(database.dsns["earning"], program(rules=_RULES)) as earning:
        await earning.register("m-1")
        await earning.post(
            record("e-two", purchase("r-two", "m-1", 2000, 5000)),
            record("e-small", purchase("r-small", "m-1", 900)),
            record("e-back", purchase("r-back", "m-1", 3000)),
            record("e-again", purchase("r-two", "m-1", 2000, 5000)),
            record("f-back", refund("f-2", "r-back", "m-1", ("1", 3000))),
            record("e-nothing", purchase("r-nothing", "m-1", 50)),
        )
        await earning.post(record("f-first", refund("f-1", "r-late", "m-1", ("1", 1000))))
        await earning.post(record("e-late", purchase("r-late", "m-1", 1000, 4000), ago=timedelta(hours=1)))
        grants = await earning.running.pool.fetch(_GRANTS)
        decisions = await earning.running.pool.fetch(_DECISIONS)
        told = [json.loads(row["payload"]) for row in await earning.outbox("points.grants.v1")]
        await earning.assert_books_hold()
    assert [tuple(row)[:4] for row in grants] == [
        ("r-back", "CONSUMPTION", 30, 30),
        ("r-back", "PROMO", 3, 3),
        ("r-late", "CONSUMPTION", 50, 10),
        ("r-late", "PROMO", 5, 1),
        ("r-small", "CONSUMPTION", 9, 0),
        ("r-two", "CONSUMPTION", 70, 0),
        ("r-two", "PROMO", 7, 0),
    ]
    assert all(row["is_of_its_purchase"] for row in grants)
    assert {row["grant_id"]: row["correlation_id"] for row in grants} == {
        event["id"]: event["data"]["correlation_id"] for event in told if event["type"].endswith("granted.v1")
    }
    assert [tuple(row)[:5] for row in decisions] == [
        ("e-again", "declined", "DUPLICATE_EARN", 0, f"{SOURCE}#e-two"),
        *[
            (f"e-{name}", outcome, code, 0, f"{SOURCE}#e-{name}")
            for name, outcome, code in (
                ("back", "granted", None),
                ("late", "granted", None),
                ("nothing", "declined", "NO_QUALIFYING_TRANSACTION"),
                ("small", "granted", None),
                ("two", "granted", None),
            )
        ],
    ]
    assert [row["event_id"] for row in decisions if not row["is_of_receipt"]] == ["e-again"]
