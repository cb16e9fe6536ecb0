"""Every name of a pack is there once, and every part names only what the pack has."""

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, NamedTuple

from shared.programs.fields import MisplacedError
from shared.programs.rewards import Donation, VoucherReward
from shared.programs.rules import (
    ActivityRule,
    MaterialRule,
    MultiplierRule,
    OccasionRule,
    ReceiptRule,
    require_agreement,
)

if TYPE_CHECKING:
    from shared.programs.pack import ProgramPack

Location = tuple[int | str, ...]


class Named(NamedTuple):
    """`location` speaks of `name`, which must be one of the `part`'s."""

    location: Location
    speaker: str
    name: str
    part: str


def require_unique_names(pack: "ProgramPack") -> None:
    """Raises MisplacedError at the second of two parts of one name."""
    _unique("budgets", "budget_id", (budget.budget_id for budget in pack.budgets))
    _unique("rules", "rule_id", (rule.rule_id for rule in pack.rules))
    _unique("merchants", None, pack.merchants)
    _unique("seasons", "season_id", (season.season_id for season in pack.seasons))
    _unique("stations", "station_id", (station.station_id for station in pack.stations))
    _unique("factors", "material", (factor.material for factor in pack.factors))
    _unique("organisations", "organisation_id", (one.organisation_id for one in pack.organisations))
    _unique("activities", "activity_id", (activity.activity_id for activity in pack.activities))
    _unique("green_certificates", "certificate_number", (one.certificate_number for one in pack.green_certificates))
    _unique("partners", "partner_id", (partner.partner_id for partner in pack.partners))
    _unique("donation_agreements", "agreement_id", (one.agreement_id for one in pack.donation_agreements))
    _unique("rewards", "reward_id", (reward.reward_id for reward in pack.rewards))
    _unique("benefits", "benefit_id", (benefit.benefit_id for benefit in pack.benefits))
    _unique("offset_days", "offset_day_id", (day.offset_day_id for day in pack.offset_days))
    _unique("vouchers", "voucher_id", (voucher.voucher_id for voucher in pack.vouchers))
    levels = pack.tiers.levels if pack.tiers is not None else ()
    _unique("tiers", "tier_id", (level.tier_id for level in levels), below="levels")


def require_known_names(pack: "ProgramPack") -> None:
    """Raises MisplacedError where a part names a budget, tier, partner … that the pack does not have."""
    known = {
        "budgets": {budget.budget_id for budget in pack.budgets},
        "seasons": {season.season_id for season in pack.seasons},
        "tiers": {level.tier_id for level in pack.tiers.levels} if pack.tiers is not None else set(),
        "organisations": {one.organisation_id for one in pack.organisations},
        "activities": {activity.activity_id for activity in pack.activities},
        "partners": {partner.partner_id for partner in pack.partners},
        "donation_agreements": {one.agreement_id for one in pack.donation_agreements},
        "rewards": {reward.reward_id for reward in pack.rewards},
        # no list means every merchant
        "merchants": set(pack.merchants) or None,
    }
    for named in _named(pack):
        names = known[named.part]
        if names is not None and named.name not in names:
            raise MisplacedError(named.location, f"{named.speaker} '{named.name}', which is not under {named.part}")
    require_agreement(pack.rules)
    _require_known_by_rules(pack)


def _require_known_by_rules(pack: "ProgramPack") -> None:
    for position, rule in enumerate(pack.rules):
        if isinstance(rule, MaterialRule) and not pack.stations:
            message = f"rule '{rule.rule_id}' rewards drops, and no station that may take one is under stations"
            raise MisplacedError(("rules", position, "kind"), message)
        if isinstance(rule, MultiplierRule) and rule.green and not pack.green_certificates:
            message = f"rule '{rule.rule_id}' multiplies green lines, and green_certificates name no certificate"
            raise MisplacedError(("rules", position, "green"), message)
        if pack.member_day is None and isinstance(rule, ReceiptRule | OccasionRule):
            for field, when in (("when", rule.when), ("unless", rule.unless)):
                if when is not None and when.member_day:
                    raise MisplacedError(
                        ("rules", position, field, "member_day"),
                        f"rule '{rule.rule_id}' speaks of the member day: write member_day",
                    )
    if pack.member_day is None:
        for at, reward in enumerate(pack.rewards):
            for place, price in enumerate(reward.special_prices):
                if price.member_day:
                    location = ("rewards", at, "special_prices", place, "member_day")
                    raise MisplacedError(
                        location, f"reward '{reward.reward_id}' has a price for the member day: write member_day"
                    )


def _named(pack: "ProgramPack") -> Iterator[Named]:
    yield from _named_by_rules(pack)
    yield from _named_by_rewards(pack)
    yield from _named_by_benefits(pack)
    for at, organisation in enumerate(pack.organisations):
        if (budget := organisation.budget_id) is not None:
            speaker = f"organisation '{organisation.organisation_id}' draws on"
            yield Named(("organisations", at, "budget_id"), speaker, budget, "budgets")
    for at, activity in enumerate(pack.activities):
        if (organisation_id := activity.organisation_id) is not None:
            speaker = f"activity '{activity.activity_id}' is registered by"
            yield Named(("activities", at, "organisation_id"), speaker, organisation_id, "organisations")
    for at, partner in enumerate(pack.partners):
        for place, price in enumerate(partner.contract.prices if partner.contract is not None else ()):
            location = ("partners", at, "contract", "prices", place, "reward_id")
            yield Named(location, f"partner '{partner.partner_id}' has a price for", price.reward_id, "rewards")


def _named_by_rules(pack: "ProgramPack") -> Iterator[Named]:
    for position, rule in enumerate(pack.rules):
        here, name = ("rules", position), f"rule '{rule.rule_id}'"
        yield Named((*here, "budget_id"), f"{name} draws on", rule.budget_id, "budgets")
        if isinstance(rule, ActivityRule):
            yield from _each((*here, "activities"), f"{name} rewards", rule.activities, "activities")
        if isinstance(rule, ReceiptRule | OccasionRule):
            for field, when in (("when", rule.when), ("unless", rule.unless)):
                if when is not None:
                    yield from _each((*here, field, "tiers"), f"{name} speaks of", when.tiers, "tiers")


def _named_by_rewards(pack: "ProgramPack") -> Iterator[Named]:
    for at, reward in enumerate(pack.rewards):
        here, name = ("rewards", at), f"reward '{reward.reward_id}'"
        for place, price in enumerate(reward.special_prices):
            there = (*here, "special_prices", place)
            if price.season is not None:
                yield Named((*there, "season"), f"{name} has a price for", price.season, "seasons")
            yield from _each((*there, "tiers"), f"{name} has a price for", price.tiers, "tiers")
        yield from _each((*here, "eligibility", "tiers"), f"{name} is for", reward.eligibility.tiers, "tiers")
        if reward.partner_id is not None:
            yield Named((*here, "partner_id"), f"{name} comes from", reward.partner_id, "partners")
        if isinstance(reward, Donation) and reward.agreement_id is not None:
            yield Named((*here, "agreement_id"), f"{name} is given under", reward.agreement_id, "donation_agreements")
        if isinstance(reward, VoucherReward):
            yield from _each((*here, "merchants"), f"{name} is used at", reward.merchants, "merchants")


def _named_by_benefits(pack: "ProgramPack") -> Iterator[Named]:
    for at, benefit in enumerate(pack.benefits):
        name = f"benefit '{benefit.benefit_id}'"
        yield Named(("benefits", at, "budget_id"), f"{name} draws on", benefit.budget_id, "budgets")
        yield from _each(("benefits", at, "tiers"), f"{name} is for", benefit.tiers, "tiers")
    for at, voucher in enumerate(pack.vouchers):
        name = f"voucher '{voucher.voucher_id}'"
        yield Named(("vouchers", at, "budget_id"), f"{name} draws on", voucher.budget_id, "budgets")
        yield from _each(("vouchers", at, "merchants"), f"{name} is used at", voucher.merchants, "merchants")


def _each(location: Location, speaker: str, names: Iterable[str] | None, part: str) -> Iterator[Named]:
    for place, name in enumerate(names or ()):
        yield Named((*location, place), speaker, name, part)


def _unique(part: str, key: str | None, names: Iterable[str], below: str | None = None) -> None:
    seen: set[str] = set()
    for position, name in enumerate(names):
        if name in seen:
            inside = (part, position) if below is None else (part, below, position)
            location = inside if key is None else (*inside, key)
            raise MisplacedError(location, f"{key or 'merchant'} '{name}' occurs twice; each must be unique")
        seen.add(name)
