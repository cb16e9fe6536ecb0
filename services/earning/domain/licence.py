"""C06: nothing is issued without the telecom licence that the program needs, in date and in scope."""

from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

from shared.events.reason_codes import ReasonCode
from shared.programs.expiry import business_day
from shared.programs.pack import ProgramPack

LICENCE_CODES: Final = (ReasonCode.LICENCE_MISSING, ReasonCode.LICENCE_EXPIRED, ReasonCode.LICENCE_SCOPE)


def refusal_by_licence(pack: ProgramPack, at: datetime) -> ReasonCode | None:
    """Why nothing may be issued for what happened at `at`; the licence is good through its last day there.

    A pack that names a telecom business needs a licence whose scope names it too; one that names none needs none, but
    a licence it has must be in date. Spending is not issuing: redemption never asks.
    """
    licence, business = pack.licence, pack.telecom_business
    if licence is None:
        return None if business is None else ReasonCode.LICENCE_MISSING
    if business_day(at, ZoneInfo(pack.time_zone)) > licence.valid_to:
        return ReasonCode.LICENCE_EXPIRED
    if business is not None and business not in licence.scope:
        return ReasonCode.LICENCE_SCOPE
    return None
