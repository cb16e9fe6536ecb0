"""Vouchers that are given, not bought with points: an invited member's first-order discount (M20)."""

from typing import Annotated, Literal

from pydantic import Field

from shared.events.fields import Identifier, MinorUnits
from shared.programs.fields import Days, Flag, PackPart, PositiveMinorUnits
from shared.programs.lines import Lines, Names
from shared.programs.texts import Name


class GivenVoucher(PackPart):
    """`amount_minor` off a bill whose lines reach `threshold_minor`, within `valid_days` days; paid by the budget."""

    voucher_id: Identifier
    enabled: Flag = True
    name: Name
    given_for: Literal["referral_invitee"]
    amount_minor: PositiveMinorUnits
    threshold_minor: MinorUnits = 0
    valid_days: Annotated[Days, Field(ge=1)]
    merchants: Names | None = None
    lines: Lines | None = None
    budget_id: Identifier
