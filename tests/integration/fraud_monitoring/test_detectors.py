"""The five detectors in the running service: events on Kafka in, holds on Kafka out."""

from shared.events.purchase_completed import PurchaseCompleted
from shared.events.recycling_collected import RecyclingCollected
from tests.integration.fraud_monitoring.scene import Scene, published, twice


async def test_each_detector_places_its_holds_and_nobody_else_is_held(scene: Scene) -> None:
    fast, calm = scene.member("fast"), scene.member("calm")
    for number in range(15):
        await scene.buy(fast, f"fast-{number}", at=30)
    for number in range(14):
        await scene.buy(calm, f"calm-{number}", at=30)
    crowd = [scene.member(f"crowd{number}") for number in range(5)]
    family = [scene.member(f"family{number}") for number in range(4)]
    for name in crowd:
        await scene.buy(name, f"buy-{name}", device="crowd-phone", at=90)
    for name in family:
        await scene.buy(name, f"buy-{name}", device="family-phone", at=90)
    leader, ring = scene.member("leader"), [scene.member(f"ring{number}") for number in range(3)]
    await scene.refer(leader, ring[0], at=100)
    await scene.refer(leader, ring[1], at=100)
    for name in ring:
        await scene.buy(name, f"buy-{name}", device="ring-phone", at=60)
    await scene.refer(leader, ring[2], at=50)  # after the purchase
    returner = scene.member("returner")
    for number in range(3):
        grant = await scene.grant(returner, f"ret-{number}", PurchaseCompleted.TYPE, at=600)
        await scene.claw_back(returner, grant, f"refund-{number}", at=20)
    heavy = scene.member("heavy")
    await scene.bring(heavy, "drop-1", 80_000, at=300)
    await scene.bring(heavy, "drop-2", 70_000, at=200)
    grants = [
        await scene.grant(heavy, "drop-1", RecyclingCollected.TYPE, at=300),
        await scene.grant(heavy, "drop-2", RecyclingCollected.TYPE, at=200),
    ]
    held = (fast, *crowd, leader, *ring, returner, heavy)
    await scene.until_held(*held)
    await scene.until_read()
    holds = await scene.holds()
    assert {hold["member_id"] for hold in holds} == set(held)
    assert not twice(holds)
    assert {hold["member_id"]: hold["reason"] for hold in holds} == {
        fast: "MEMBER_VELOCITY",
        **dict.fromkeys(crowd, "DEVICE_SHARED"),
        **dict.fromkeys((leader, *ring), "REFERRAL_RING"),
        returner: "REFUND_AFTER_EARNING",
        heavy: "WEIGHT_IMPLAUSIBLE",
    }
    assert sorted(g for hold in holds if hold["scope"] == "grants" for g in hold["grant_ids"]) == sorted(grants)
    signals = await published(scene.services.kafka, "fraud.signals.v1")
    assert sorted(signal["rule"] for signal in signals) == sorted({hold["reason"] for hold in holds})
    assert all(signal["value"] >= signal["threshold"] for signal in signals)
