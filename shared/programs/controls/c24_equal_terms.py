"""C24: members of one tier see one price at one time. No field can name a person; this names the red line."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from shared.events.reason_codes import ReasonCode
from shared.programs.controls.context import Previous, PublishContext
from shared.programs.findings import Finding, Location, finding
from shared.programs.pack import ProgramPack
from shared.programs.prices import SpecialPrice

_PERSONAL = re.compile(
    r"members?|member_ids?|persons?|users?|segments?|gender|sex|age|birth_year|device|device_hash|address|city|region"
    r"|phone|behaviour|score"
)


def check_written(document: Mapping[str, object]) -> Iterator[Finding]:
    """Prices and conditions of rewards and benefits as the file writes them."""
    for part in ("rewards", "benefits", "offset_days"):
        entries = document.get(part)
        for position, entry in enumerate(entries if isinstance(entries, list) else ()):
            yield from _personal_keys(entry, (part, position))
    yield from _personal_keys(document.get("point_payment"), ("point_payment",))


def _personal_keys(value: object, at: Location) -> Iterator[Finding]:
    if isinstance(value, Mapping):
        for key, below in value.items():
            if isinstance(key, str) and _PERSONAL.fullmatch(key):
                yield finding(
                    ReasonCode.PERSONALISED_PRICE_UNJUSTIFIED,
                    "error",
                    (*at, key),
                    "{key} would give members of one tier different terms; take it out: prices go by time and tier",
                    key=key,
                )
            else:
                yield from _personal_keys(below, (*at, key))
    elif isinstance(value, list):
        for place, item in enumerate(value):
            yield from _personal_keys(item, (*at, place))


def check(pack: ProgramPack, _previous: Previous, _context: PublishContext) -> tuple[Finding, ...]:
    """Two prices for the very same days and tiers: which of them a member is told must not be anybody's choice."""
    found = []
    for position, reward in enumerate(pack.rewards):
        seen: dict[SpecialPrice, int] = {}
        for place, price in enumerate(reward.special_prices):
            named = {"tiers": _sorted(price.tiers), "lunar_days": _sorted(price.lunar_days)}
            terms = price.model_copy(update={"points": 1, "money_minor": 0, **named})
            if terms in seen:
                found.append(
                    finding(
                        ReasonCode.PERSONALISED_PRICE_UNJUSTIFIED,
                        "error",
                        ("rewards", position, "special_prices", place),
                        "reward {name} has two prices for the same days and tiers; keep one",
                        name=reward.reward_id,
                    )
                )
            seen.setdefault(terms, place)
    return tuple(found)


def _sorted(names: tuple[Any, ...] | None) -> tuple[Any, ...] | None:
    return None if names is None else tuple(sorted(set(names)))
