"""The number of a campaign's cap stays what it was first published with."""

from datetime import UTC, datetime
from typing import Any

import pytest

from shared.programs.controls.context import PublishContext
from shared.programs.pack import ProgramPack
from shared.programs.sense import campaign_caps
from tests.unit.earning.builders import pack
from tests.unit.earning.rule_builders import rule

CONTEXT = PublishContext(datetime(2026, 11, 22, tzinfo=UTC))


def version(number: int, points: int | None, kind: str = "per_order", rule_id: str = "campaign") -> ProgramPack:
    caps: list[dict[str, Any]] = [{"points": 9, "per": "member_day"}]
    if points is not None:
        caps.append({"points": points, "per": "campaign"})
    side = {"side": "inviter"} if kind == "referral" else {}
    return pack(rule("base"), rule(rule_id, kind, points=5, caps=caps, **side), version=number)


@pytest.mark.parametrize("kind", ["per_order", "sign_up", "referral"])
@pytest.mark.parametrize(
    ("before", "now", "told"),
    [([], 500, None), ([500], 500, None), ([500], 400, 500), ([500, None], 501, 500), ([None, 300], 300, None)],
)
def test_another_number_is_refused(kind: str, before: list[int | None], now: int, told: int | None) -> None:
    previous = tuple(version(place, points, kind) for place, points in enumerate(before, 1))
    found = campaign_caps.check(version(9, now, kind), previous, CONTEXT)
    assert [(one.severity, one.location, dict(one.values)) for one in found] == (
        [] if told is None else [("error", ("rules", 1, "caps", 1, "points"), {"name": "campaign", "before": told})]
    )


def test_a_new_rule_has_a_campaign_of_its_own() -> None:
    assert campaign_caps.check(version(2, 900, rule_id="spring"), (version(1, 500),), CONTEXT) == ()
