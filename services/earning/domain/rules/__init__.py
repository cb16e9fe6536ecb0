"""Every rule kind that gives points of its own on a receipt.

A new one: its file here, a line below, its model in shared/programs/rules. Multipliers work on what the rates gave
(multiplier.py); material tariffs judge drops (material.py, earn_drop.py); rewards for no purchase are plain points
(earn_referral.py, earn_occasion.py).
"""

from collections.abc import Mapping

from services.earning.domain.rules.kind import RuleKind
from services.earning.domain.rules.per_order import compile_per_order, explain_per_order
from services.earning.domain.rules.per_sku import compile_per_sku, explain_per_sku
from services.earning.domain.rules.rate import compile_rate, explain_rate

RULES: Mapping[str, RuleKind] = {
    "rate": RuleKind(compile_rate, explain_rate),
    "per_order": RuleKind(compile_per_order, explain_per_order),
    "per_sku": RuleKind(compile_per_sku, explain_per_sku),
    "first_order": RuleKind(compile_per_order, explain_per_order),
}
