"""The packs that ship: the seven of product.md as they can be published, and each as a draft with all it is to be."""

from collections.abc import Mapping
from datetime import UTC, date, datetime
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
import yaml

from services.earning.domain.earn import earn
from services.earning.domain.facts import EarnFacts
from services.earning.domain.program import compile_program
from services.earning.domain.returned import NOTHING_RETURNED
from shared.calendar.chinese import SHIPPED
from shared.programs.check import check_pack
from shared.programs.compliance import load_compliance
from shared.programs.controls.c05_reward_rate import highest_rate
from shared.programs.controls.context import PublishContext
from shared.programs.expiry import last_day
from shared.programs.highest_rate import highest_points_per_minor
from shared.programs.load import InvalidPackError, load_draft, load_pack
from shared.programs.pack import ProgramPack
from shared.programs.point_payment import PointPayment
from shared.programs.unbuilt import unbuilt_parts
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
    "community-recycling": {"plant-a-tree": "5", "school-books": "5", "bus-week": "5", "bike-month": "5"},
}  # fmt: skip
DOUBLED = ("supermarket",)


def live(name: str) -> ProgramPack:
    file = DEPLOY / "programs" / f"{name}.yaml"
    return load_pack(file.read_text(encoding="utf-8"), file.name)


def draft(name: str) -> ProgramPack:
    file = DEPLOY / "programs" / "drafts" / f"{name}.yaml"
    return load_draft(file.read_text(encoding="utf-8"), file.name).pack


def test_the_seven_ship_beside_the_replay_and_each_has_its_draft() -> None:
    assert {file.stem for file in (DEPLOY / "programs").glob("*.yaml")} == {*SEVEN, "online-retail"}
    assert {file.stem for file in (DEPLOY / "programs" / "drafts").glob("*.yaml")} == set(SEVEN)
    assert all(live(name).program_id == draft(name).program_id == name for name in SEVEN)


@pytest.mark.parametrize("name", SEVEN)
def test_every_reward_gives_back_what_is_reckoned_and_no_more_than_the_cap(name: str) -> None:
    pack = draft(name)
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
def test_a_draft_breaks_no_rule_and_takes_nothing_away(name: str) -> None:
    found = check_pack(draft(name), (live(name),), PublishContext(IN_TIME))
    assert [one for one in found if one.severity == "error"] == []


@pytest.mark.parametrize("name", SEVEN)
def test_a_draft_cannot_be_published_while_a_part_of_it_is_not_built(name: str) -> None:
    file = DEPLOY / "programs" / "drafts" / f"{name}.yaml"
    if not unbuilt_parts(draft(name)):
        pytest.fail(f"all of drafts/{file.name} is built: make it ../{file.name}, and delete the draft")
    with pytest.raises(InvalidPackError, match="not built yet"):
        load_pack(file.read_text(encoding="utf-8"), file.name)


@pytest.mark.parametrize("name", SEVEN)
def test_what_of_a_draft_is_built_stands_in_the_pack_that_can_be_published(name: str) -> None:
    """Whoever takes a line out of UNBUILT is told here which packs may now have the part."""
    written, published = (
        yaml.safe_load((DEPLOY / "programs" / folder / f"{name}.yaml").read_text(encoding="utf-8"))
        for folder in ("drafts", "")
    )
    for part in unbuilt_parts(draft(name)):
        take_out(written, part.location)
    assert without_version(written) == without_version(published)


def take_out(document: Any, location: tuple[str | int, ...]) -> None:
    *way, last = location
    for step in way:
        document = document[step]
    del document[last]


def without_version(document: dict[str, Any]) -> dict[str, Any]:
    """The member day too: only prices go by it in these packs, so a pack without prices does not name one."""
    return {part: said for part, said in document.items() if part not in ("version", "effective_at", "member_day")}


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
