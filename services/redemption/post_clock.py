"""Posting what the clock has done to wallets, before anything else touches them."""

from collections.abc import Iterable

from services.redemption.desk import Member, RedemptionDesk
from services.redemption.domain.clock import catch_up
from services.redemption.outcomes import tell_matured
from services.redemption.told.expiry import tell_expired


def post_clock(desk: RedemptionDesk, members: Iterable[Member]) -> None:
    """Post and tell what matured and what expired in wallets that are loaded with all their open lots."""
    for member in members:
        wallet, matured, expired = catch_up(desk.wallet(member))
        desk.keep(member, wallet)
        for each in matured:
            tell_matured(desk, member, each)
        for gone in expired:
            tell_expired(desk, member, gone)
