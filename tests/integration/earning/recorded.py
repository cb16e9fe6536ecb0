"""Recorded traffic of one pack: everything earning judges, from a seed."""

from datetime import timedelta
from random import Random

from msgspec.structs import replace

from shared.events.recycling_collected import RecyclingCollected, RecyclingItem
from shared.events.recycling_rejected import RecyclingRejected
from shared.events.referral_accepted import ReferralAccepted
from shared.programs.load import load_pack
from shared.programs.pack import ProgramPack
from shared.runtime.batch import Delivered
from tests.infrastructure.till import PROGRAM, purchase, refund
from tests.integration.earning.harness import NOW, Earning, record, registration, returned

SEED = 20261122
PACK = """
program_id: fruit-shop
version: 3
name: {zh-CN: 鲜果, en: Fruit}
issuer: Fruit Shop
currency: CNY
time_zone: Asia/Shanghai
effective_at: 2000-01-01T00:00:00+08:00
expiry: never
max_event_age_days: unlimited
budgets:
  - budget_id: marketing
    source: marketing_expense
    approver: Head of Marketing
    document: MKT-1
    period: {from: 2000-01-01, to: 2100-01-01}
    approved_minor: 10_000_000 # of the base
    cost_per_point: {minor: 5, points: 1}
  - budget_id: campaign
    source: marketing_expense
    approver: Head of Marketing
    document: MKT-2
    period: {from: 2000-01-01, to: 2100-01-01}
    approved_minor: 10_000_000
    cost_per_point: {minor: 5, points: 1}
stations:
  - {station_id: kiosk-1, capacity_grams: 60_000}
rules:
  - {rule_id: base, kind: rate, points: 1, per_minor: 100, budget_id: marketing}
  - {rule_id: double, kind: multiplier, factor: 2, budget_id: campaign, when: {weekdays: [1, 2, 3]}}
  - {rule_id: big, kind: per_order, points: 50, budget_id: campaign, when: {min_spend_minor: 9_000}}
  - {rule_id: welcome, kind: first_order, points: 40, budget_id: campaign}
  - rule_id: paper
    kind: material
    materials: [mixed_paper]
    points: 2
    per_grams: 100
    budget_id: campaign
    points_class: GREEN_ACTION
  - {rule_id: inviter, kind: referral, side: inviter, points: 30, budget_id: campaign}
  - {rule_id: invitee, kind: referral, side: invitee, points: 20, budget_id: campaign}
"""
DAY = timedelta(days=1)


def live(base_approved: int = 10_000_000) -> ProgramPack:
    return load_pack(PACK.replace("10_000_000 # of the base", str(base_approved)), "live.yaml")


def traffic(seed: int, members: int = 12, days: int = 40, *, plain: bool = False) -> list[Delivered]:
    """Registrations early and late, referrals, purchases, refunds before and after, drops; `plain`: nobody waits."""
    random, records = Random(seed), list[Delivered]()  # noqa: S311 - repeatable, not secret
    late = [] if plain else [f"m{number}" for number in range(0, members, 4)]
    for number in range(members):
        if f"m{number}" not in late:
            records.append(registration(f"m{number}"))
    for number in range(1, 1 if plain else members):
        link = ReferralAccepted(program_id=PROGRAM, inviter_id=f"m{number - 1}", invitee_id=f"m{number}")
        records.append(record(f"link-{number}", link, ago=(days + 1) * DAY))
    for day in range(days, 0, -1):
        for number in range(members):
            records += _of_a_day(random, f"m{number}", f"{day}-{number}", day * DAY)
        if day == days // 2:
            records += [registration(member) for member in late]
    return records


def _of_a_day(random: Random, member: str, name: str, ago: timedelta) -> list[Delivered]:
    nets = [random.randrange(100, 8_000) for _ in range(random.randrange(1, 4))]
    bought = record(f"buy-{name}", purchase(f"r-{name}", member, *nets), ago=ago)
    place = random.randrange(1, len(nets) + 1)
    back = record(f"back-{name}", refund(f"f-{name}", f"r-{name}", member, (str(place), nets[place - 1])), ago=ago / 2)
    unnamed = record(f"loose-{name}", refund(f"g-{name}", None, member, ("1", nets[0])), ago=ago / 2)
    items = (RecyclingItem(material="mixed_paper", grams=random.randrange(100, 5_000)),)
    drop = record(
        f"drop-{name}",
        RecyclingCollected(
            program_id=PROGRAM, station_id="kiosk-1", drop_id=f"d-{name}", member_id=member, items=items
        ),
        ago=ago,
    )
    wrong = record(
        f"wrong-{name}",
        RecyclingRejected(
            program_id=PROGRAM, station_id="kiosk-1", drop_id=f"d-{name}", member_id=member, items=items, reason="wet"
        ),
        ago=ago / 2,
    )
    kinds = [[bought], [bought, bought], [bought, back], [back, bought], [bought, unnamed], [drop], [drop, wrong]]
    return random.choice(kinds)


async def post_one_by_one(earning: Earning, records: list[Delivered]) -> None:
    """Each told back to earning what it told, as soon as it told it."""
    for each in records:
        await earning.post(each)
        while rows := await earning.outbox("earning.effects.v1"):
            ids = [row["id"] for row in rows]
            await earning.running.pool.execute("DELETE FROM outbox WHERE id = ANY($1::bigint[])", ids)
            for row in rows:
                await earning.post(replace(returned(row, NOW), misplaced=False))
