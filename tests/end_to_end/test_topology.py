"""One run of all services, proved from Kafka's log: each topic had its producer, each consumer read all of it.

What is declared in topics.yaml and not shown by the run must stand below with its reason; what stands below and is
shown by the run must go from there. So nothing is passed over silently, in either direction.
"""

import asyncio
import sys
from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime
from pathlib import Path

import pytest
import pytest_asyncio
from prometheus_client.parser import text_string_to_metric_families

from deploy.local.stack import Stack
from services.operator.audit import run_audit
from services.operator.demo.clients import api_keys
from services.operator.lag import EVERYBODY, reading_lag
from services.operator.mailbox import open_mailbox
from services.operator.program import apply_shipped
from services.operator.traffic.community.place import CRM_SOURCE
from services.operator.traffic.community.place import PROGRAM_ID as COMMUNITY
from services.operator.traffic.community.simulate import simulate_community
from services.operator.traffic.fruit import PROGRAM_ID as SHOP
from services.operator.traffic.publish import publish
from services.operator.traffic.sent import Kind
from services.operator.traffic.simulate import Shares, simulate
from shared.events.activity_completed import ActivityCompleted
from shared.events.kafka_binding import encode
from shared.events.keys import member_key
from shared.events.purchase_delivered import PurchaseDelivered
from shared.events.topics import load_topics
from tests.end_to_end.shopper import shop
from tests.end_to_end.topology import Evidence, read_evidence
from tests.infrastructure.fixtures import Database
from tests.infrastructure.services import Services, eventually, producer, running_services
from tests.infrastructure.till import MERCHANT, Till, purchase, refund

AUDIT = "greenpoints_audit"
SEED = 11

_NO_TIERS = "no shipped pack that this run plays has tiers"
_NO_CORRECTIONS = "no operator corrects a balance in this run; tests/integration has one that does"
_NOTHING_EXPIRES = "no lot of this run is within 30 days of its date; tests/integration/redemption has such"
_NO_BENEFITS = "no shipped pack that this run plays has benefits; tests/integration/redemption does"
# (topic, side, service) of declared edges that no run can show yet, and why
NOT_YET: Mapping[tuple[str, str, str], str] = {
    ("members.tiers.v1", "producer", "earning"): _NO_TIERS,
    ("members.tiers.v1", "consumer", "redemption"): _NO_TIERS,
    ("members.tiers.v1", "consumer", "fraud_monitoring"): _NO_TIERS,
    ("members.tiers.v1", "consumer", "notification"): _NO_TIERS,
}
# types of the contract that this run's log need not hold, and why
TYPES_NOT_YET: Mapping[str, str] = {
    "benefit.used": _NO_BENEFITS,
    "benefit.restored": _NO_BENEFITS,
    "birthday.reached": "no shipped pack that this run plays has birthday points",
    "tier.changed": _NO_TIERS,
    "tier.due": _NO_TIERS,
    "tier.floor_requested": _NO_TIERS,
    "member.updated": "the gateway takes it; the simulated people do not change",
    "correction.requested": _NO_CORRECTIONS,
    "points.corrected": _NO_CORRECTIONS,
    "points.debited": _NO_CORRECTIONS,
    "points.expired": _NOTHING_EXPIRES,
    "points.expiring_soon": _NOTHING_EXPIRES,
    "points.extended": _NOTHING_EXPIRES,
    "message.failed": "this run's mail server takes everything; tests/integration/notification has one that does not",
}

_UNDER_WAY = """
SELECT (SELECT count(*) FROM notification.audit_message WHERE state IN ('queued', 'sending'))
     + (SELECT count(*) FROM notification.audit_notice WHERE state = 'gathering')
"""

pytestmark = pytest.mark.timeout(400)


@pytest_asyncio.fixture(loop_scope="session")
async def everything(stack: Stack, fresh_topics: str, database: Database, tmp_path: Path) -> AsyncIterator[Services]:
    """Every service that handles events, as processes."""
    await apply_shipped(fresh_topics)
    async with (
        open_mailbox(tmp_path / "mail") as mailbox,
        running_services(fresh_topics, database, stack.state_dir) as services,
    ):
        await asyncio.gather(
            *(services.start(name) for name in ("gateway", "earning", "redemption", "fraud_monitoring")),
            services.start(
                "notification",
                environment={
                    "GREENPOINTS_SMTP": mailbox.address,
                    "GREENPOINTS_DIGEST_SECONDS": "1",
                    "GREENPOINTS_CONTACT_SECONDS": "2",  # who gave no address gets no mail, and that is told
                },
            ),
        )
        yield services


async def test_every_topic_had_its_producer_and_each_of_its_consumers(everything: Services) -> None:
    await _live(everything)
    evidence = await _at_rest(everything)
    _tell(evidence)
    assert evidence.missing() == NOT_YET.keys()
    seen = {short for log in evidence.topics.values() for name in log.types if (short := _short(name))}
    declared = {_short(name) for topic in load_topics().values() for name in topic.types}
    assert declared - seen == TYPES_NOT_YET.keys()
    verdict = await run_audit(everything.database.dsns[AUDIT], everything.kafka)
    assert verdict.clean, verdict.text()


async def _live(services: Services) -> None:
    """People buy, recycle, refer and answer a questionnaire; the ring is found; people decide; one spends too early."""
    until = datetime.now(UTC).replace(microsecond=0)
    async with services.operator("gateway") as gateway, api_keys(gateway) as keys:
        traffic = [
            *simulate(seed=SEED, members=10, purchases=60, until=until, shares=Shares(poison=100)),
            *simulate_community(seed=SEED, members=12, until=until),
        ]
        counters = await publish(
            traffic, kafka=services.kafka, gateway=services.url("gateway"), api_keys=keys, http_percent=100
        )
        neighbour = next(sent for sent in traffic if sent.program_id == COMMUNITY and sent.kind is Kind.REGISTRATION)
        await _answer_a_questionnaire(services, neighbour.key.rpartition("/")[2], keys[COMMUNITY], until)
    assert not counters.refused
    async with producer(services.kafka) as sender:
        till = Till(sender, "topology")
        await _owe_and_repay(services, till)
        await _close_an_account(services, till)
        await shop(services, till, "dan")
        await till.raw("members.contacts.v1", f"{COMMUNITY}/somebody".encode(), None)
    await _drained(services)
    await _decide(services)
    await _drained(services)


async def _answer_a_questionnaire(services: Services, member_id: str, api_key: str, time: datetime) -> None:
    data = ActivityCompleted(
        program_id=COMMUNITY,
        member_id=member_id,
        activity_id="survey-2026",
        kind="survey",
        answers={"how-often": "every week"},
    )
    key = member_key(COMMUNITY, member_id)
    async with services.operator("gateway") as client:
        answer = await client.post(
            "/v1/events",
            content=encode("survey-of-a-neighbour", CRM_SOURCE, data.TYPE, member_id, time, key, data),
            headers={"Content-Type": "application/cloudevents+json", "Authorization": f"Bearer {api_key}"},
        )
    assert answer.is_success, answer.text


async def _owe_and_repay(services: Services, till: Till) -> None:
    """Spent, then refunded: a deficit that the next purchase repays. And one order that is delivered later."""
    await till.register("ann")
    await till.send("ann-1", purchase("ann-1", "ann", 10_000), ago=9)
    await till.send("ann-2", purchase("ann-2", "ann", 5_000, channel="online"), ago=9)

    async def rich() -> bool:
        async with services.operator("redemption") as client:
            answer = await client.get(f"/v1/programs/{SHOP}/members/ann/balance")
        return answer.is_success and answer.json()["available"] == 100

    await eventually("available points of ann", rich)
    async with services.operator("redemption") as client:
        answer = await client.post(
            f"/v1/programs/{SHOP}/members/ann/redemptions",
            json={"points": 100, "reason": "fruit box"},
            headers={"Idempotency-Key": "ann"},
        )
    assert answer.status_code == 201, answer.text
    there = PurchaseDelivered(
        program_id=SHOP, merchant_id=MERCHANT, receipt_id="ann-2", member_id="ann", delivered_at=till.now
    )
    await till.send("ann-2-there", there)
    await till.send("ann-back", refund("f1", "ann-1", "ann", ("1", 10_000)), ago=7)

    async def owing() -> bool:
        async with services.operator("redemption") as client:
            answer = await client.get(f"/v1/programs/{SHOP}/members/ann/balance")
        return bool(answer.json()["deficit"] == 100)

    await eventually("deficit of ann", owing)
    await till.send("ann-3", purchase("ann-3", "ann", 3_000), ago=8)


async def _close_an_account(services: Services, till: Till) -> None:
    """A member leaves and gives up what is there; the worker reads redemption's own word."""
    await till.register("bea")
    await till.send("bea-1", purchase("bea-1", "bea", 2_500), ago=9)

    async def closed() -> bool:
        async with services.operator("redemption") as client:
            answer = await client.post(
                f"/v1/programs/{SHOP}/members/bea/closure",
                json={"acknowledged_points": 25},
                headers={"Idempotency-Key": "bea-leaves"},
            )
        return answer.is_success and answer.json()["forfeited"] == 25

    async def there() -> bool:
        async with services.operator("redemption") as client:
            answer = await client.get(f"/v1/programs/{SHOP}/members/bea/balance")
        return answer.is_success and answer.json()["available"] == 25

    await eventually("points of bea", there)
    await eventually("closed account of bea", closed)


async def _decide(services: Services) -> None:
    """A person confirms the ring's cases and releases the others."""
    async with services.connection(AUDIT) as audit:
        cases = await audit.fetch("SELECT case_id, member_id FROM fraud_monitoring.audit_case WHERE state = 'open'")
    assert any(case["member_id"].startswith("ring-") for case in cases)
    assert any(case["member_id"].startswith("family-") for case in cases)
    for case in cases:
        verdict = "confirm" if case["member_id"].startswith("ring-") else "release"
        decision = {"verdict": verdict, "person": "reviewer-of-the-tests", "note": "looked at"}

        async def decided(case_id: str = str(case["case_id"]), decision: Mapping[str, str] = decision) -> bool:
            async with services.operator("fraud_monitoring") as client:
                answer = await client.post(f"/v1/cases/{case_id}/decisions", json=decision)
            assert answer.is_success or "POINTS_UNKNOWN" in answer.text, answer.text
            return answer.is_success

        await eventually(f"decision on the case of {case['member_id']}", decided)


async def _drained(services: Services) -> None:
    async with reading_lag(services.database.dsns[AUDIT], services.kafka, EVERYBODY) as lag:
        await lag.until_drained(60)


async def _at_rest(services: Services) -> Evidence:
    """The evidence once the last messages are sent and read."""
    evidence: list[Evidence] = []

    async def rests() -> bool:
        await _drained(services)
        async with services.connection(AUDIT) as audit:
            evidence.append(await read_evidence(services.kafka, audit, await _published(services)))
            under_way = await audit.fetchval(_UNDER_WAY)
        return not under_way and evidence[-1].missing() <= NOT_YET.keys()

    try:
        await eventually("run at rest in which every declared edge is shown", rests, pause=0.5)
    except AssertionError:
        print(f"Not shown: {sorted(evidence[-1].missing() - NOT_YET.keys())}" if evidence else "Never at rest.")
        raise
    return evidence[-1]


async def _published(services: Services) -> dict[str, float]:
    """What the gateway says of itself: events that Kafka acknowledged, by topic."""
    async with services.operator("gateway") as client:
        text = (await client.get("/metrics")).text
    return {
        sample.labels["topic"]: sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name == "greenpoints_gateway_events_published_total"
    }


def _tell(evidence: Evidence) -> None:
    """What the log holds and what is left out, for who reads the test's output."""
    for name, log in evidence.topics.items():
        types = ", ".join(f"{_short(full)} {count}" for full, count in sorted(log.types.items()))
        print(f"{name}: {log.records} records ({types or 'none'})", file=sys.stderr)
    for (topic, side, service), reason in NOT_YET.items():
        print(f"not shown: {service} as {side} of {topic}: {reason}", file=sys.stderr)
    for name, reason in TYPES_NOT_YET.items():
        print(f"not in the log: {name}: {reason}", file=sys.stderr)


def _short(full: str) -> str:
    return full.removeprefix("greenpoints.").removesuffix(".v1")
