"""Every rule kind that judges receipts. A new one: its file here, a line below, its model in shared/programs/rules.py.

Material tariffs judge drops (material.py, earn_drop.py); referral rewards are plain points (earn_referral.py).
"""

from collections.abc import Mapping

from services.earning.domain.rules.kind import RuleKind
from services.earning.domain.rules.rate import compile_rate, explain_rate

RULES: Mapping[str, RuleKind] = {
    "rate": RuleKind(compile_rate, explain_rate),
}
