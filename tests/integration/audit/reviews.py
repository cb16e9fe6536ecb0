"""Holds in the books to audit: placed by fraud monitoring, ended by a person, or neither."""

from services.operator.lag import EVERYBODY, reading_lag
from tests.infrastructure.services import Services, eventually
from tests.infrastructure.till import PROGRAM, Till, purchase, refund

AUDIT = "greenpoints_audit"
HELD = ("carl-0", "carl-1", "carl-2", "carl-3")
_TOO_OFTEN = 16  # purchases of one member within an hour
_UNSETTLED = """
SELECT (SELECT count(*) FROM notification.audit_message WHERE event_id IS NULL)
     + (SELECT count(*) FROM notification.audit_notice WHERE state = 'gathering')
"""
_HOLDS = "SELECT hold_id FROM fraud_monitoring.audit_hold WHERE member_id = $1"


async def hold_and_review(services: Services, till: Till) -> None:
    """People who buy too often are held. One is released, one loses what a person names, two are still held.

    A refund takes points of the last one's hold, which then binds those of a new purchase.
    """
    for member in HELD:
        await till.register(member)
        for number in range(_TOO_OFTEN):
            receipt = f"{member}-{number}"
            await till.send(receipt, purchase(receipt, member, 1_000 + number), ago=8)
    await until_all_drained(services)
    await _nobody_spends(services)
    await decide(services, "carl-0", "release")
    await decide(services, "carl-1", "confirm", points=100)
    await till.send("carl-3-back", refund("carl-3-back", "carl-3-1", "carl-3", ("1", 1_001)), ago=1)
    await till.send("carl-3-more", purchase("carl-3-more", "carl-3", 4_000), ago=8)
    await till.raw("members.contacts.v1", f"{PROGRAM}/ann".encode(), None)
    await _settled(services)


async def _nobody_spends(services: Services) -> None:
    """Not a point of theirs, until a person has looked."""
    async with services.operator("redemption") as client:
        for member in HELD:
            answer = await client.post(
                f"/v1/programs/{PROGRAM}/members/{member}/redemptions",
                json={"points": 1, "reason": "fruit box"},
                headers={"Idempotency-Key": "too early"},
            )
            assert answer.status_code == 409 and answer.json()["code"] == "HELD_FOR_REVIEW", answer.text


async def decide(services: Services, member_id: str, verdict: str, *, points: int | None = None) -> None:
    """A person decides the one case of the member, and Kafka has it."""
    told: dict[str, object] = {"verdict": verdict, "person": "reviewer-of-the-tests", "note": "looked at"}
    async with services.connection(AUDIT) as reader:
        hold_ids = await reader.fetch(_HOLDS, member_id)
    if points is not None:
        told |= {"points": points, "hold_ids": [hold["hold_id"] for hold in hold_ids]}
    async with services.operator("fraud_monitoring") as client:
        (case,) = (await client.get("/v1/cases", params={"member": member_id})).json()["cases"]
        answer = await client.post(f"/v1/cases/{case['case_id']}/decisions", json=told)
    assert answer.is_success, answer.text

    async def in_kafka() -> bool:
        async with services.connection(AUDIT) as reader:
            return not await reader.fetchval("SELECT count(*) FROM fraud_monitoring.audit_outbox")

    await eventually("decision in Kafka", in_kafka)


async def until_all_drained(services: Services) -> None:
    """Every service has read everything, and told what it made of it."""
    async with reading_lag(services.database.dsns[AUDIT], services.kafka, EVERYBODY) as lag:
        await lag.until_drained(60)


async def _settled(services: Services) -> None:
    """Every notice is closed and every message's outcome told."""

    async def settled() -> bool:
        await until_all_drained(services)
        async with services.connection(AUDIT) as reader:
            return not await reader.fetchval(_UNSETTLED)

    await eventually("messages settled", settled)
