"""What a till is answered. Points are whole, money is in minor units, times are UTC."""

from datetime import datetime
from typing import Self
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from services.redemption.domain.authorization import Authorization, State
from services.redemption.domain.point_payment import Limit


class _Answer(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore", from_attributes=True)

    @classmethod
    def of(cls, authorization: Authorization) -> Self:
        return cls.model_validate(authorization)


class AuthorizationAnswer(_Answer):
    """What was reserved, as it was placed; 0 points, with what bound them, where nothing may be paid.

    The till names `authorization_id` in the points tender of its purchase, with the captured amount.
    """

    authorization_id: UUID
    program_id: str
    member_id: str
    merchant_id: str
    points: int
    amount_minor: int
    currency: str
    limited_by: Limit | None
    offset_day_id: str | None
    step_points: int
    price_version: int
    placed_at: datetime
    releases_at: datetime


class EndAnswer(_Answer):
    """An authorization as it stands; refunds of its bill gave `given_back` of the captured points back."""

    authorization_id: UUID
    program_id: str
    member_id: str
    merchant_id: str
    receipt_id: str | None
    state: State
    points: int
    amount_minor: int
    captured_points: int
    captured_minor: int
    currency: str
    redemption_id: UUID | None
    ended_at: datetime | None
    releases_at: datetime
    refunded_minor: int
    given_back: int
