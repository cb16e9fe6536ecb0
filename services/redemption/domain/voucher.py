"""What a voucher takes off a bill: its terms, fixed when it is issued. Money is in minor units."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from services.redemption.domain.refused import RefusedError
from shared.events.reason_codes import ReasonCode
from shared.programs.benefits import PercentBenefit
from shared.programs.fields import fraction_of
from shared.programs.lines import Lines
from shared.programs.pack import ProgramPack
from shared.programs.rewards import VoucherAmount, VoucherPercent, VoucherReward, VoucherThreshold
from shared.programs.vouchers import GivenVoucher

_WHOLE = 10_000  # hundredths of a percent


class BillLine(NamedTuple):
    """A line of the bill after its discounts."""

    line_id: str
    sku: str
    category: str | None
    labels: frozenset[str]
    net_minor: int


@dataclass(frozen=True, slots=True)
class LineChoice:
    """A line must match every list that is there, one label being enough; None is no list."""

    skus: tuple[str, ...] | None = None
    categories: tuple[str, ...] | None = None
    labels: tuple[str, ...] | None = None

    @classmethod
    def of(cls, lines: Lines | None) -> "LineChoice":
        return cls() if lines is None else cls(lines.skus, lines.categories, lines.labels)

    def sum_of(self, lines: Iterable[BillLine]) -> int:
        """The money of the lines chosen."""
        return sum(line.net_minor for line in lines if self._is_chosen(line))

    def _is_chosen(self, line: BillLine) -> bool:
        return (
            (self.skus is None or line.sku in self.skus)
            and (self.categories is None or line.category in self.categories)
            and (self.labels is None or not line.labels.isdisjoint(self.labels))
        )


@dataclass(frozen=True, slots=True)
class VoucherTerms:
    """Either `amount_minor`, or `percent_hundredths` (250 is 2.5%) up to `max_minor`; off lines that reach a threshold.

    `merchants` None: every merchant that sells for the program.
    """

    offer_id: str
    kind: str
    rule_version: int
    name_zh: str
    name_en: str
    amount_minor: int | None
    percent_hundredths: int | None
    max_minor: int | None
    threshold_minor: int
    currency: str
    merchants: tuple[str, ...] | None
    lines: LineChoice


class Reduction(NamedTuple):
    """What the lines that count come to, and what goes off the bill."""

    counted_minor: int
    amount_minor: int


def terms_of_reward(reward: VoucherReward, pack: ProgramPack) -> VoucherTerms:
    """The terms of a voucher bought with points."""
    kind, amount, percent, threshold = "", None, None, 0
    match reward:
        case VoucherAmount():
            kind, amount = reward.kind, reward.amount_minor
        case VoucherThreshold():
            kind, amount, threshold = reward.kind, reward.amount_minor, reward.threshold_minor
        case VoucherPercent():
            kind, percent, threshold = reward.kind, reward, reward.threshold_minor
    return VoucherTerms(
        offer_id=reward.reward_id,
        kind=kind,
        rule_version=pack.version,
        name_zh=reward.name.zh_cn,
        name_en=reward.name.en,
        amount_minor=amount,
        percent_hundredths=None if percent is None else hundredths(percent.percent),
        max_minor=None if percent is None else percent.max_minor,
        threshold_minor=threshold,
        currency=pack.currency,
        merchants=reward.merchants or pack.merchants or None,
        lines=LineChoice.of(reward.lines),
    )


def terms_of_given(given: GivenVoucher, pack: ProgramPack) -> VoucherTerms:
    """The terms of a voucher that is given for a first order."""
    return VoucherTerms(
        offer_id=given.voucher_id,
        kind="first_order",
        rule_version=pack.version,
        name_zh=given.name.zh_cn,
        name_en=given.name.en,
        amount_minor=given.amount_minor,
        percent_hundredths=None,
        max_minor=None,
        threshold_minor=given.threshold_minor,
        currency=pack.currency,
        merchants=given.merchants or pack.merchants or None,
        lines=LineChoice.of(given.lines),
    )


def reduction(terms: VoucherTerms, merchant_id: str, lines: Sequence[BillLine]) -> Reduction:
    """What the voucher takes off this bill; no change is given. A sum equal to the threshold reaches it.

    Raises RefusedError VOUCHER_NOT_APPLICABLE.
    """
    if terms.merchants is not None and merchant_id not in terms.merchants:
        raise _not_applicable(f"This voucher is not for merchant {merchant_id}.")
    counted = terms.lines.sum_of(lines)
    if counted < terms.threshold_minor:
        raise _not_applicable(
            f"The lines that this voucher is for come to {counted} minor units, below its {terms.threshold_minor}."
        )
    amount = min(counted, _value(terms, counted))
    if amount <= 0:
        raise _not_applicable("No line of this bill is one that this voucher takes something off.")
    return Reduction(counted, amount)


def percent_off(benefit: PercentBenefit, lines: Sequence[BillLine]) -> int:
    """What a percentage of standing right takes off the lines it names; 0 where it takes nothing."""
    counted = LineChoice.of(benefit.lines).sum_of(lines)
    return max(0, min(counted, benefit.max_minor, share_of(counted, hundredths(benefit.percent))))


def hundredths(percent: str) -> int:
    """A checked percentage, which has two decimals at most, in hundredths of a percent."""
    return int(fraction_of(percent) * _WHOLE)


def share_of(minor: int, percent_hundredths: int) -> int:
    """Rounded half up to the minor unit."""
    return (2 * minor * percent_hundredths + _WHOLE) // (2 * _WHOLE)


def _value(terms: VoucherTerms, counted: int) -> int:
    if terms.amount_minor is not None:
        return terms.amount_minor
    return min(terms.max_minor or 0, share_of(counted, terms.percent_hundredths or 0))


def _not_applicable(detail: str) -> RefusedError:
    return RefusedError(ReasonCode.VOUCHER_NOT_APPLICABLE, detail)
