"""Everything that is known to be wrong with a pack before it goes live: the publish controls, then good sense."""

from typing import Final

from shared.programs.controls import (
    c05_reward_rate,
    c06_licence,
    c09_caps,
    c13_cash_out,
    c18_reward_evidence,
    c21_notice,
    c24_equal_terms,
    c30_prizes,
    c31_filings,
    c32_donations,
)
from shared.programs.controls.context import Control, Previous, PublishContext
from shared.programs.findings import Finding, Severity
from shared.programs.pack import ProgramPack
from shared.programs.sense import (
    approved_budgets,
    campaign_caps,
    contradictions,
    expired_papers,
    never_applies,
    redeemable,
    unpublished_years,
)

CONTROLS: Final[tuple[Control, ...]] = (
    c05_reward_rate.check,
    c06_licence.check,
    c09_caps.check,
    c13_cash_out.check,
    c18_reward_evidence.check,
    c21_notice.check,
    c24_equal_terms.check,
    c30_prizes.check,
    c31_filings.check,
    c32_donations.check,
)
"""C15 has no entry: a pack that reads cannot break it (controls/written.py)."""

GOOD_SENSE: Final[tuple[Control, ...]] = (
    contradictions.check,
    campaign_caps.check,
    approved_budgets.check,
    never_applies.check,
    redeemable.check,
    expired_papers.check,
    unpublished_years.check,
)

_RANK: dict[Severity, int] = {"error": 0, "warning": 1, "note": 2}


def check_pack(pack: ProgramPack, previous: Previous, context: PublishContext) -> tuple[Finding, ...]:
    """All findings, the worst first. A pack with an error must not be applied."""
    found = [one for check in (*CONTROLS, *GOOD_SENSE) for one in check(pack, previous, context)]
    return tuple(sorted(found, key=lambda one: _RANK[one.severity]))
