"""What has to agree between the rules of one pack."""

from collections.abc import Sequence

from shared.programs.fields import MisplacedError
from shared.programs.rules.multiplier import MultiplierRule
from shared.programs.rules.rate import RateRule
from shared.programs.rules.rule import ReceiptRule, Rule


def require_agreement(rules: Sequence[Rule]) -> None:
    """Raises MisplacedError, its location beginning with "rules", at the first rule that contradicts another."""
    rates = {rule.rule_id for rule in rules if isinstance(rule, RateRule)}
    multiplies: dict[str, bool] = {}
    for position, rule in enumerate(rules):
        if isinstance(rule, MultiplierRule):
            for place, name in enumerate(rule.of_rules or ()):
                if name not in rates:
                    message = f"rule '{rule.rule_id}' multiplies '{name}', which is no rate rule of this pack"
                    raise MisplacedError(("rules", position, "of_rules", place), message)
        if isinstance(rule, ReceiptRule) and rule.exclusive_group is not None:
            multiplier = isinstance(rule, MultiplierRule)
            if multiplies.setdefault(rule.exclusive_group, multiplier) is not multiplier:
                message = (
                    f"group '{rule.exclusive_group}' holds multipliers and other rules, which cannot be compared; "
                    "give the multipliers a group of their own"
                )
                raise MisplacedError(("rules", position, "exclusive_group"), message)
