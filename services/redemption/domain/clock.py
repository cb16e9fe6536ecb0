"""What the clock has done to a wallet: lots matured, then lots expired (points.md, "At a day boundary")."""

from services.redemption.domain.expiry import Expired, expire
from services.redemption.domain.maturity import Matured, mature
from services.redemption.domain.wallet import Wallet


def catch_up(wallet: Wallet) -> tuple[Wallet, tuple[Matured, ...], tuple[Expired, ...]]:
    """The wallet as the clock has it, and what is to be posted for it. It must hold all its open lots."""
    wallet, matured = mature(wallet)
    wallet, expired = expire(wallet)
    return wallet, matured, expired
