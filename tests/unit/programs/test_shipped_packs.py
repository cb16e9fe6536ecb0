"""The packs that ship: the seven of product.md, each with all that it gives points for and all that points buy."""

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from fractions import Fraction
from pathlib import Path

import pytest

from services.earning.domain.earn import earn
from services.earning.domain.facts import EarnFacts
from services.earning.domain.program import compile_program
from services.earning.domain.returned import NOTHING_RETURNED
from services.redemption.domain.catalogue import catalogue_at
from services.redemption.domain.claims import Wish, plan_claims
from services.redemption.domain.standing import PurchasedLine, Standing
from shared.calendar.chinese import SHIPPED
from shared.programs.check import check_pack
from shared.programs.compliance import load_compliance
from shared.programs.controls.c05_reward_rate import highest_rate
from shared.programs.controls.context import PublishContext
from shared.programs.expiry import last_day
from shared.programs.highest_rate import highest_points_per_minor
from shared.programs.load import load_pack
from shared.programs.pack import ProgramPack
from shared.programs.point_payment import PointPayment
from shared.programs.rewards import ServiceBooking, Upgrade
from tests.unit.earning.builders import line, purchase

DEPLOY = Path(__file__).parents[3] / "deploy"
SEVEN = ("beauty", "community-recycling", "convenience", "fruit-shop", "hotel", "jewellery", "supermarket")
IN_TIME = datetime(2026, 11, 22, tzinfo=UTC)

# What spending gives back at the lowest price and the best stacking, in per cent, reckoned by hand from product.md.
RATES: Mapping[str, Mapping[str, str]] = {
    "fruit-shop": {"fruit-box-25": "6.25", "voucher-50": "5", "home-washing": "50/3", "point payment": "5"},
    "beauty": {"lipstick": "10", "sample-set": "10", "serum": "40/3"},
    "jewellery": {"new-item-1000": "10", "new-item-800": "10", "cleaning": "2.5"},
    "hotel": {
        "room-night": "6", "airport-transfer": "6", "local-guide": "5", "dining-discount": "20/3",
        "late-check-out": "6", "room-upgrade": "40/7", "afternoon-tea": "5.6",
    },
    # Doubled once: market days and festivals do not double each other.
    "supermarket": {
        "oil-5l": "128/7", "rice-10kg": "56/3", "detergent-3l": "108/7", "mid-autumn-box": "16",
        "spring-festival-box": "15.84", "fan": "318/17", "food-box-winter": "136/9", "staples-wednesday": "10",
    },
    "convenience": {"cinema-ticket": "5", "milk-tea": "6", "ride-coupon": "5", "book-discount": "5"},
    # 5% as product.md has it, doubled for goods under a green certificate
    "community-recycling": {"plant-a-tree": "10", "school-books": "10", "bus-week": "10", "bike-month": "10"},
}  # fmt: skip
DOUBLED = ("supermarket",)
WHAT_POINTS_BUY = ("seasons", "partners", "donation_agreements", "rewards", "benefits", "offset_days", "vouchers")


def live(name: str) -> ProgramPack:
    file = DEPLOY / "programs" / f"{name}.yaml"
    return load_pack(file.read_text(encoding="utf-8"), file.name)


def test_the_seven_ship_beside_the_replay() -> None:
    assert {file.stem for file in (DEPLOY / "programs").glob("*.yaml")} == {*SEVEN, "online-retail"}
    assert all(live(name).program_id == name for name in SEVEN)


@pytest.mark.parametrize("name", SEVEN)
def test_every_reward_gives_back_what_is_reckoned_and_no_more_than_the_cap(name: str) -> None:
    pack = live(name)
    points_per_minor = highest_points_per_minor(pack)
    rates = {reward.reward_id: highest_rate(reward, pack, points_per_minor)[0] for reward in pack.rewards}
    payments: dict[str, PointPayment] = {day.offset_day_id: day for day in pack.offset_days}
    if pack.point_payment is not None:
        payments["point payment"] = pack.point_payment
    rates |= {paid: Fraction(how.minor, how.points) * points_per_minor for paid, how in payments.items()}
    assert {one: rate * 100 for one, rate in rates.items()} == {one: Fraction(of) for one, of in RATES[name].items()}
    compliance = load_compliance((DEPLOY / "compliance.yaml").read_text(encoding="utf-8"), "compliance.yaml")
    assert max(rates.values()) <= compliance.of(name).cap
    if name in DOUBLED:  # product.md: at most 10% before doubling
        assert max(rates.values()) / 2 <= Fraction(1, 10)


@pytest.mark.parametrize("name", SEVEN)
def test_a_shipped_pack_breaks_no_rule_whether_it_begins_or_follows(name: str) -> None:
    """As a program's first version, and for an installation that has version 1, which gave points and nothing else."""
    pack = live(name)
    earlier = pack.model_copy(update=dict.fromkeys(WHAT_POINTS_BUY, ()) | {"version": 1, "point_payment": None})
    for previous, begins in (((), pack.effective_at), ((earlier,), IN_TIME + timedelta(hours=1))):
        found = check_pack(pack.model_copy(update={"effective_at": begins}), previous, PublishContext(IN_TIME))
        assert [one for one in found if one.severity == "error"] == []


@pytest.mark.parametrize("name", SEVEN)
def test_what_a_shipped_pack_offers_can_be_had(name: str) -> None:
    """Every reward can be claimed on a day of its time, by a member who may have it, at the price that is written."""
    pack = live(name)
    for reward in pack.rewards:
        day = reward.available.from_ if reward.available is not None else date(2026, 11, 22)
        noon = datetime(day.year, day.month, day.day, 4, tzinfo=UTC)
        slots = reward.booking.slots if isinstance(reward, ServiceBooking | Upgrade) else None
        slot = None if slots is None else f"{day + timedelta(days=2)}" + "".join(f"T{hour}" for hour in slots[:1])
        asked = reward.eligibility.purchased
        lines = (PurchasedLine("m", "r", "1", frozenset(asked.labels), day),) if asked is not None else ()
        catalogue, standing = catalogue_at(pack, noon), Standing(purchases=lines)
        (claim,) = plan_claims(catalogue, standing, [Wish(reward.reward_id, 1, slot)])
        assert claim.points == catalogue.price(reward, None).points > 0


@pytest.mark.parametrize(
    ("day", "fen", "points"),
    [
        (date(2026, 5, 12), 10_000, 200),  # the 26th of the third lunar month: a market day
        (date(2026, 5, 12), 9_999, 99),  # one fen below the threshold
        (date(2026, 5, 12), 80_000, 1_300),  # the market day adds at most 500 on one day
        (date(2026, 5, 13), 10_000, 100),
        (date(2026, 11, 11), 1_000, 20),  # a festival asks for no threshold
        (date(2026, 11, 12), 1_000, 10),  # its last day is the day before
        (date(2026, 11, 4), 10_000, 200),  # a market day within a festival doubles once
    ],
)
def test_the_supermarket_doubles_on_market_days_and_in_festivals(day: date, fen: int, points: int) -> None:
    program = compile_program(live("supermarket"))
    facts = EarnFacts(day=SHIPPED.day(day), calendar=SHIPPED.version)
    assert sum(award.points for award in earn(purchase(line(fen)), NOTHING_RETURNED, facts, program)) == points


@pytest.mark.parametrize(
    ("name", "last"),
    [
        ("jewellery", date(2029, 12, 31)),
        ("hotel", None),
        ("beauty", date(2028, 12, 31)),
        ("fruit-shop", date(2027, 1, 31)),
    ],
)
def test_points_of_new_year_2026_are_good_until(name: str, last: date | None) -> None:
    assert last_day(live(name).expiry, date(2026, 1, 1)) == last
