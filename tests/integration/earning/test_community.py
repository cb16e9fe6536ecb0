"""A neighbourhood through real Kafka, earning and redemption: shuffled, repeated, on all partitions; then audited."""

from collections import Counter
from dataclasses import dataclass
from datetime import timedelta
from random import Random

from deploy.local.stack import Stack
from services.operator.audit import run_audit
from services.operator.program import apply_shipped
from shared.events.event import EventData
from shared.events.member_registered import MemberRegistered
from shared.events.purchase_completed import PurchaseCompleted, PurchaseLine, Tender
from shared.events.purchase_refunded import PurchaseRefunded, RefundLine
from shared.events.recycling_collected import RecyclingCollected, RecyclingItem
from shared.events.recycling_rejected import RecyclingRejected
from shared.events.referral_accepted import ReferralAccepted
from tests.infrastructure.fixtures import Database
from tests.infrastructure.services import Services, eventually, producer, running_services
from tests.infrastructure.till import Till
from tests.integration.audit.books import until_drained

PROGRAM = "community-recycling"
FAMILIES = 12
SEED = 20261122


@dataclass(frozen=True, slots=True)
class Message:
    event_id: str
    data: EventData
    days_ago: int


def purchase(member_id: str, receipt_id: str, *nets: int) -> PurchaseCompleted:
    lines = tuple(
        PurchaseLine(line_id=str(place), sku=f"used-{place}", condition="second_hand", quantity=1, net_minor=net)
        for place, net in enumerate(nets, 1)
    )
    # new goods are in the basket too: they earn nothing here
    lines = (*lines, PurchaseLine(line_id="new", sku="soap", condition="new", quantity=1, net_minor=900))
    total = sum(line.net_minor for line in lines)
    return PurchaseCompleted(
        program_id=PROGRAM, merchant_id="swap-shop", store_id="s1", terminal_id="t1", receipt_id=receipt_id,
        member_id=member_id, currency="CNY", lines=lines, tenders=(Tender(kind="cash", amount_minor=total),),
        total_minor=total, channel="store",
    )  # fmt: skip


def refund(receipt: PurchaseCompleted, *line_ids: str) -> PurchaseRefunded:
    lines = tuple(
        RefundLine(line_id=line.line_id, sku=line.sku, quantity=1, net_minor=line.net_minor)
        for line in receipt.lines
        if not line_ids or line.line_id in line_ids
    )
    return PurchaseRefunded(
        program_id=PROGRAM, merchant_id="swap-shop", refund_id=f"{receipt.receipt_id}-r", member_id=receipt.member_id,
        receipt_id=receipt.receipt_id, currency="CNY", lines=lines,
    )  # fmt: skip


def family(number: int, till: Till) -> tuple[list[Message], dict[str, int], list[tuple[str, str]]]:
    """A grandparent invites a parent, who invites a child; their messages, balances, and what must keep its order."""
    old, parent, child = (f"{name}-{number}" for name in ("old", "parent", "child"))
    first, second = purchase(child, f"r1-{number}", 6_000, 2_000), purchase(child, f"r2-{number}", 1_000)
    items = (
        RecyclingItem(material="cardboard", grams=2_500, scale_id="scale-xihu-1"),
        RecyclingItem(material="textiles", grams=1_500, scale_id="scale-xihu-1"),
    )
    messages = [
        Message(
            f"reg-{member}",
            MemberRegistered(
                program_id=PROGRAM, member_id=member, registered_at=till.now - timedelta(days=60), phone_verified=True
            ),
            60,
        )
        for member in (old, parent, child)
    ]
    messages += [
        Message(f"link-{parent}", ReferralAccepted(program_id=PROGRAM, inviter_id=old, invitee_id=parent), 9),
        Message(f"link-{child}", ReferralAccepted(program_id=PROGRAM, inviter_id=parent, invitee_id=child), 8),
        Message(f"buy-p-{number}", purchase(parent, f"rp-{number}", 3_000), 7),
        Message(f"buy-1-{number}", first, 6),
        Message(f"buy-2-{number}", second, 5),
        Message(
            f"drop-{number}",
            RecyclingCollected(
                program_id=PROGRAM, drop_id=f"d-{number}", member_id=old, items=items, station_id="kiosk-xihu",
                scale_calibrated_on=(till.now - timedelta(days=40)).date(),
            ),
            4,
        ),
        Message(
            f"reject-{number}",
            RecyclingRejected(
                program_id=PROGRAM, station_id="kiosk-xihu", drop_id=f"d-{number}", member_id=old, items=items[1:],
                reason="wet",
            ),
            3,
        ),
    ]  # fmt: skip
    balances = {old: 100 + 8, parent: 30 + 50 + 100, child: 80 + 50 + 10}
    if number % 3 == 0:
        messages.append(Message(f"back-{number}", refund(first), 2))
        balances = {old: 100 + 8, parent: 30 + 50, child: 10}
    elif number % 3 == 1:
        messages.append(Message(f"back-{number}", refund(first, "2"), 2))
        balances[child] -= 20
    return messages, balances, [(f"buy-1-{number}", f"buy-2-{number}")]


def shuffled(messages: list[Message], keep: list[tuple[str, str]], chance: Random) -> list[Message]:
    """Each message twice in any order, but a member's first order before the second."""
    order = [*messages, *messages]
    chance.shuffle(order)
    for earlier, later in keep:
        places = [place for place, one in enumerate(order) if one.event_id in (earlier, later)]
        pair = sorted((order[place] for place in places), key=lambda one: one.event_id == later)
        for place, one in zip(places, pair, strict=True):
            order[place] = one
    return order


async def test_a_neighbourhood_is_paid_once_whatever_the_order_and_the_audit_is_clean(
    fresh_topics: str, stack: Stack, database: Database
) -> None:
    print(f"seed {SEED}")
    chance = Random(SEED)  # noqa: S311 - a test's shuffle
    await apply_shipped(fresh_topics, ["community-recycling.yaml"])
    async with running_services(fresh_topics, database, stack.state_dir, "earning", "redemption") as services:
        async with producer(fresh_topics) as sender:
            till = Till(sender, "community")
            families = [family(number, till) for number in range(FAMILIES)]
            keep = [pair for _, _, pairs in families for pair in pairs]
            for message in shuffled([one for messages, _, _ in families for one in messages], keep, chance):
                await till.send(message.event_id, message.data, ago=message.days_ago)
        expected = {member: points for _, balances, _ in families for member, points in balances.items()}

        async def settled() -> bool:
            return await _booked(services) == (expected, len(families) * 10 + refunds)

        refunds = sum(message.event_id.startswith("back-") for messages, _, _ in families for message in messages)
        await eventually("decision for each event and the balances of all families", settled)
        await until_drained(services, "earning", "redemption", "earning", "redemption")
        assert await settled(), "the repeats that came later changed nothing"
        await _assert_classes(services)
        verdict = await run_audit(database.dsns["greenpoints_audit"], fresh_topics)
        assert verdict.clean, verdict.sentence
        await _assert_stories(services)


async def _booked(services: Services) -> tuple[dict[str, int], int]:
    """What stands in redemption's books per member, and how many events earning has decided (not counting its own)."""
    async with services.connection("greenpoints_audit") as reader:
        rows = await reader.fetch(
            "SELECT member_id, sum(points - recalled)::bigint AS points FROM redemption.audit_lot GROUP BY 1"
        )
        decided = await reader.fetchval(
            "SELECT count(*) FROM earning.audit_decision WHERE event_type NOT LIKE '%.referral.qualified.%'"
            " AND event_type NOT LIKE '%.referral.reversed.%'"
        )
    return {row["member_id"]: row["points"] for row in rows}, decided


async def _assert_classes(services: Services) -> None:
    """Redemption keeps a lot of every class, each from the source that may make it."""
    async with services.connection("greenpoints_audit") as reader:
        rows = await reader.fetch("SELECT DISTINCT class, source_type FROM redemption.audit_lot")
    assert {(row["class"], row["source_type"].removeprefix("greenpoints.")) for row in rows} == {
        ("CONSUMPTION", "purchase.completed.v1"),
        ("GREEN_ACTION", "recycling.collected.v1"),
        ("PROMO", "referral.accepted.v1"),
        ("PROMO", "referral.qualified.v1"),
    }


async def _assert_stories(services: Services) -> None:
    """A trace by the order, by the link or by the inviter's grant tells the same referral; a drop is explained."""
    story = await services.get("earning", "/v1/trace/buy-1-1")
    assert Counter(grant["class"] for grant in story["grants"]) == {"CONSUMPTION": 1, "PROMO": 2}
    assert Counter(row["event_type"].removeprefix("greenpoints.") for row in story["decisions"]) == {
        "purchase.completed.v1": 1, "purchase.refunded.v1": 1, "referral.accepted.v1": 1, "referral.qualified.v1": 1,
    }  # fmt: skip
    (inviters,) = [grant for grant in story["grants"] if grant["member_id"] == "parent-1" and grant["class"] == "PROMO"]
    for wanted in ("link-child-1", inviters["grant_id"]):
        again = await services.get("earning", f"/v1/trace/{wanted}")
        assert {row["grant_id"] for row in again["grants"]} == {row["grant_id"] for row in story["grants"]}, wanted
    for wanted in ("d-1", "drop-1", "reject-1"):
        dropped = await services.get("earning", f"/v1/trace/{wanted}")
        assert [row["outcome"] for row in dropped["decisions"] if "recycling" in row["event_type"]] != [], wanted
        assert [row["points"] for row in dropped["claw_backs"]] == [6], wanted
    drop = await services.get("earning", f"/v1/programs/{PROGRAM}/drops/d-1")
    assert (drop["outcome"], drop["granted"], drop["clawed_back"]) == ("granted", 8 + 6, 6)
    assert (drop["explanation"]["points"], drop["explanation_of_what_remains"]["points"]) == (14, 8)
    climate = next(rule for rule in drop["explanation"]["rules"] if rule["rule_id"] == "climate")
    assert climate["exact"] == {"numerator": 2_500 * 3_460, "denominator": 1_000_000}
    assert [factor["source"] for factor in climate["factors"]] == ["US EPA WARM"]
