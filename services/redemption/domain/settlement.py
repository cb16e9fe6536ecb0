"""What a fulfilled reward owes to somebody outside: a partner (C08, C28, M49) or a donation's recipient (C32, M44).

All amounts are whole minor units of the program's currency; points are never owed to anybody.
"""

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Literal, NamedTuple

from services.redemption.domain.refused import RefusedError
from shared.events.reason_codes import ReasonCode
from shared.programs.fields import fraction_of
from shared.programs.pack import ProgramPack
from shared.programs.partners import Contract, DonationAgreement, Partner
from shared.programs.rewards import AnyReward, Donation

PayeeKind = Literal["partner", "donation"]
Settlement = Literal["week", "month"]


@dataclass(frozen=True, slots=True)
class Owed:
    """The terms of `units` units. The fee is rounded half up for each unit, so that any part of them adds up.

    `payee_id` names the partner or the donation agreement; `document` its contract or agreement.
    """

    payee_kind: PayeeKind
    payee_id: str
    document: str
    reward_id: str
    units: int
    unit_price_minor: int
    unit_fee_minor: int
    settlement: Settlement
    currency: str

    @property
    def price_minor(self) -> int:
        """The contract price of all units."""
        return self.units * self.unit_price_minor

    @property
    def fee_minor(self) -> int:
        """What is kept of it."""
        return self.units * self.unit_fee_minor

    @property
    def owed_minor(self) -> int:
        """120 units at 8.00 less 2% = 940.80."""
        return self.price_minor - self.fee_minor


def owed(pack: ProgramPack, reward_id: str, units: int, day: date) -> Owed | None:
    """What fulfilled units of a reward ordered on `day` (of the program's time zone) will owe; None if to nobody.

    The terms are those of the day on which the member orders, however much later it is handed over.
    Raises RefusedError: PARTNER_NOT_CONTRACTED without a contract in force that day with a price for this reward (C08),
    DONATION_AGREEMENT_MISSING without an agreement that is signed and in force (C32). Raises LookupError for a reward
    that the pack does not have.
    """
    reward = next((one for one in pack.rewards if one.reward_id == reward_id), None)
    if reward is None:
        raise LookupError(f"the pack has no reward {reward_id}")
    if isinstance(reward, Donation):
        return _to_the_recipient(pack, reward, units, day)
    if reward.partner_id is not None:
        return _to_the_partner(pack, reward, units, day)
    return None


class StatementPeriod(NamedTuple):
    """`name`: 2026-12, or 2026-W49 (ISO: weeks begin on Monday); `to` is the first day after."""

    name: str
    from_: date
    to: date


def statement_period(day: date, settlement: Settlement) -> StatementPeriod:
    """The period of the statement that `day` belongs to."""
    if settlement == "week":
        year, week, weekday = day.isocalendar()
        monday = day - timedelta(days=weekday - 1)
        return StatementPeriod(f"{year}-W{week:02}", monday, monday + timedelta(days=7))
    first = day.replace(day=1)
    return StatementPeriod(f"{first:%Y-%m}", first, (first + timedelta(days=31)).replace(day=1))


def in_force(contract: Contract | None, day: date) -> bool:
    """The first day after the period is too late."""
    return contract is not None and contract.period.from_ <= day < contract.period.to


def _to_the_partner(pack: ProgramPack, reward: AnyReward, units: int, day: date) -> Owed:
    partner = next(one for one in pack.partners if one.partner_id == reward.partner_id)  # the pack's names agree
    contract = partner.contract
    if contract is None or not in_force(contract, day):
        raise RefusedError(
            ReasonCode.PARTNER_NOT_CONTRACTED,
            f"Partner {partner.partner_id} has no contract in force on {day}; choose another reward.",
            reward_id=reward.reward_id,
        )
    price = next((one.price_minor for one in contract.prices if one.reward_id == reward.reward_id), None)
    if price is None:
        raise RefusedError(
            ReasonCode.PARTNER_NOT_CONTRACTED,
            f"Contract {contract.number} with partner {partner.partner_id} has no price for reward "
            f"{reward.reward_id}; choose another reward.",
            reward_id=reward.reward_id,
        )
    return _owed_to(partner, contract, reward.reward_id, units, price, pack.currency)


def _owed_to(partner: Partner, contract: Contract, reward_id: str, units: int, price: int, currency: str) -> Owed:
    return Owed(
        payee_kind="partner",
        payee_id=partner.partner_id,
        document=contract.number,
        reward_id=reward_id,
        units=units,
        unit_price_minor=price,
        unit_fee_minor=_share(price, contract.fee),
        settlement=partner.settlement,
        currency=currency,
    )


def _to_the_recipient(pack: ProgramPack, reward: Donation, units: int, day: date) -> Owed:
    """The whole market value is given."""
    agreement = next((one for one in pack.donation_agreements if one.agreement_id == reward.agreement_id), None)
    if agreement is None or not _is_signed(agreement, day):
        raise RefusedError(
            ReasonCode.DONATION_AGREEMENT_MISSING,
            f"Donation {reward.reward_id} has no agreement signed and in force on {day}; choose another reward.",
            reward_id=reward.reward_id,
        )
    return Owed(
        payee_kind="donation",
        payee_id=agreement.agreement_id,
        document=agreement.document,
        reward_id=reward.reward_id,
        units=units,
        unit_price_minor=reward.market_value_minor,
        unit_fee_minor=0,
        settlement="month",
        currency=pack.currency,
    )


def _is_signed(agreement: DonationAgreement, day: date) -> bool:
    signed = agreement.signed_on is not None and agreement.signed_on <= day
    return signed and agreement.period.from_ <= day < agreement.period.to


def _share(amount_minor: int, percent: str) -> int:
    """Rounded half up to the minor unit, exactly."""
    exact = amount_minor * fraction_of(percent)
    return (2 * exact.numerator + exact.denominator) // (2 * exact.denominator)
