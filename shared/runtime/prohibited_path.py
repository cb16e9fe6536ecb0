"""Paths that must not exist, by the red line that forbids them (C07, C08, C13, C14)."""

from collections.abc import Mapping
from typing import Final

from shared.events.reason_codes import ReasonCode

_NAMES: Final[Mapping[str, ReasonCode]] = {
    "transfer": ReasonCode.TRANSFER_PROHIBITED,
    "pool": ReasonCode.POOLED_REDEMPTION_PROHIBITED,
    "exchange": ReasonCode.CROSS_ISSUER_EXCHANGE_PROHIBITED,
    "cashout": ReasonCode.CASH_OUT_PROHIBITED,
    "withdraw": ReasonCode.CASH_OUT_PROHIBITED,
    "withdrawal": ReasonCode.CASH_OUT_PROHIBITED,
    "topup": ReasonCode.POINTS_SALE_PROHIBITED,
    "recharge": ReasonCode.POINTS_SALE_PROHIBITED,
}


_PROHIBITED: Final[Mapping[str, ReasonCode]] = {**_NAMES, **{f"{name}s": code for name, code in _NAMES.items()}}


def prohibition(path: str) -> ReasonCode | None:
    """The code a path is refused with: its first segment named so, in any case, spelling or number."""
    for name in path.lower().replace("-", "").replace("_", "").split("/"):
        if name in _PROHIBITED:
            return _PROHIBITED[name]
    return None
