"""What a pack may write for each rule kind. What a kind means is in services/earning/domain/rules/<kind>.py.

A new kind is a file here, its name in RULE_KINDS and AnyRule, and one file with its calculation there.
"""

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from shared.programs.rules.activity import ActivityRule
from shared.programs.rules.agreement import require_agreement
from shared.programs.rules.birthday import BirthdayRule
from shared.programs.rules.caps import Cap, CapWindow
from shared.programs.rules.conditions import LINE_CONDITIONS, Occasion, When
from shared.programs.rules.first_order import FirstOrderRule
from shared.programs.rules.material import MaterialRule
from shared.programs.rules.multiplier import Combine, Factor, MultiplierRule
from shared.programs.rules.occasions import OccasionRule
from shared.programs.rules.per_order import PerOrderRule
from shared.programs.rules.per_sku import PerSkuRule
from shared.programs.rules.rate import RateRule
from shared.programs.rules.referral import ReferralRule, Side
from shared.programs.rules.rule import CappedRule, PointsRule, ReceiptRule, Rounding, Rule
from shared.programs.rules.sign_up import SignUpRule

__all__ = [
    "LINE_CONDITIONS",
    "RULE_KINDS",
    "ActivityRule",
    "AnyRule",
    "BirthdayRule",
    "Cap",
    "CapWindow",
    "CappedRule",
    "Combine",
    "Factor",
    "FirstOrderRule",
    "MaterialRule",
    "MultiplierRule",
    "Occasion",
    "OccasionRule",
    "PerOrderRule",
    "PerSkuRule",
    "PointsRule",
    "RateRule",
    "ReceiptRule",
    "ReferralRule",
    "Rounding",
    "Rule",
    "Side",
    "SignUpRule",
    "When",
    "require_agreement",
]

RULE_KINDS: Mapping[str, type[Rule]] = {
    "rate": RateRule,
    "per_order": PerOrderRule,
    "per_sku": PerSkuRule,
    "first_order": FirstOrderRule,
    "multiplier": MultiplierRule,
    "material": MaterialRule,
    "referral": ReferralRule,
    "sign_up": SignUpRule,
    "birthday": BirthdayRule,
    "activity": ActivityRule,
}


def _of_a_known_kind(rule: Any) -> Any:
    if isinstance(rule, Mapping) and str(rule.get("kind")) not in RULE_KINDS:
        built = ", ".join(RULE_KINDS)
        if "kind" not in rule:
            raise ValueError(f"a rule must say its kind; built so far: {built}")
        raise ValueError(f"rule kind {rule['kind']!r} is not built yet; built so far: {built}")
    return rule


AnyRule = Annotated[
    RateRule
    | PerOrderRule
    | PerSkuRule
    | FirstOrderRule
    | MultiplierRule
    | MaterialRule
    | ReferralRule
    | SignUpRule
    | BirthdayRule
    | ActivityRule,
    Field(discriminator="kind"),
    BeforeValidator(_of_a_known_kind),
]
