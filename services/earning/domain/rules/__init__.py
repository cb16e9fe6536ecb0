"""Every rule kind there is. A new kind: its file here, its line below, its model in shared/programs/rules.py."""

from collections.abc import Mapping

from services.earning.domain.rules.kind import RuleKind
from services.earning.domain.rules.rate import compile_rate, explain_rate

RULES: Mapping[str, RuleKind] = {
    "rate": RuleKind(compile_rate, explain_rate),
}
