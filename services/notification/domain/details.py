"""What a cause says beside its points: the rewards of an order's step, the terms of a voucher. No code, no address."""

from datetime import datetime

import msgspec


class RewardTold(msgspec.Struct, frozen=True, omit_defaults=True):
    """So many units of a reward; `slot` is what was booked."""

    reward_id: str
    quantity: int
    slot: str | None = None


class VoucherTold(msgspec.Struct, frozen=True, omit_defaults=True):
    """What is off a bill that reaches `from_minor`: `off_minor`, or `off_hundredths` percent up to `at_most_minor`."""

    offer_id: str
    ends_at: datetime | None
    off_minor: int | None = None
    off_hundredths: int | None = None
    at_most_minor: int | None = None
    from_minor: int | None = None


class Details(msgspec.Struct, frozen=True, omit_defaults=True):
    """Money is in minor units of `currency`; `points_kept` is what a late cancellation cost,
    `new_order` the order that took an exchanged one's place.
    """

    rewards: tuple[RewardTold, ...] = ()
    new_order: str | None = None
    voucher: VoucherTold | None = None
    money_minor: int = 0
    currency: str | None = None
    reason: str | None = None
    points_kept: int = 0
    no_show: bool = False
    defect: bool = False


_FROM_JSON = msgspec.json.Decoder(Details)


def details_json(details: Details | None) -> str | None:
    return None if details is None else msgspec.json.encode(details).decode()


def read_details(kept: str | None) -> Details | None:
    return None if kept is None else _FROM_JSON.decode(kept)
