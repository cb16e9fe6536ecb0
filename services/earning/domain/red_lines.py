"""The red lines a purchase or drop was held against, as plain data: which stood, which applied, which refused."""

from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from datetime import datetime
from typing import Literal

from services.earning.domain.award import Award
from services.earning.domain.basis import POINTS_SALE_CATEGORIES
from services.earning.domain.cost import award_cost
from services.earning.domain.licence import refusal_by_licence
from services.earning.domain.program import CompiledBudget
from services.earning.domain.refused_green import RefusedGreen
from shared.events.purchase_completed import PurchaseCompleted
from shared.events.reason_codes import ReasonCode, describe
from shared.events.recycling_collected import RecyclingCollected
from shared.programs.pack import ProgramPack

Result = Literal["kept", "applied", "refused"]
Told = dict[str, object]


def of_purchase(
    purchase: PurchaseCompleted,
    *,
    listed: bool,
    code: ReasonCode | None,
    event_time: datetime,
    arrival: datetime,
    pack: ProgramPack,
    share_minor: int,
    repeats: int,
    green: RefusedGreen,
) -> list[Told]:
    """In the order in which they are asked. `code`: why it was declined, if it was; `repeats`: how often it came again.

    `share_minor` was paid with points or vouchers; `green`: claims of certificates that were refused.
    """
    sold = sorted({line.category for line in purchase.lines if line.category in POINTS_SALE_CATEGORIES})
    return [
        _known(purchase.member_id, code),
        _told(ReasonCode.LISTED_PARTY, "refused" if listed else "kept", listed=listed),
        _told(ReasonCode.POINTS_SALE_PROHIBITED, "refused" if sold else "kept", categories=sold),
        _age(event_time, arrival, pack),
        _licence(event_time, pack),
        _told(ReasonCode.DUPLICATE_EARN, "refused" if repeats else "kept", repeats=repeats),
        _told(
            ReasonCode.GREEN_CERT_INVALID,
            "applied" if green.would else "kept",
            lines=list(green.line_ids),
            would_have_earned=green.would,
        ),
        _told(ReasonCode.EARN_ON_POINTS_SPEND, "applied" if share_minor else "kept", paid_minor=share_minor),
        _earns(code),
    ]


def of_drop(
    drop: RecyclingCollected,
    *,
    listed: bool,
    code: ReasonCode | None,
    weighing: ReasonCode | None,
    event_time: datetime,
    arrival: datetime,
    pack: ProgramPack,
    refused_rules: Sequence[Mapping[str, object]],
    declined: bool,
) -> list[Told]:
    """`weighing`: what C09 or C11 says of station, scale, weight and calibration. A rule refused by itself applies."""
    grams = sum(item.grams or 0 for item in drop.items)
    without = [rule["rule_id"] for rule in refused_rules if rule["code"] == ReasonCode.EVIDENCE_MISSING]
    used_up = [rule["rule_id"] for rule in refused_rules if rule["code"] == ReasonCode.CAP_REACHED]
    evidence: Result = "refused" if weighing is ReasonCode.EVIDENCE_MISSING else "applied" if without else "kept"
    caps: Result = "refused" if declined and code is ReasonCode.CAP_REACHED else "applied" if used_up else "kept"
    return [
        _known(drop.member_id, code),
        _told(ReasonCode.LISTED_PARTY, "refused" if listed else "kept", listed=listed),
        _age(event_time, arrival, pack),
        _licence(event_time, pack),
        _told(ReasonCode.EVIDENCE_MISSING, evidence, station=drop.station_id, rules_without_photo=without),
        _told(ReasonCode.CAP_REACHED, caps, rules_used_up=used_up),
        _told(ReasonCode.WEIGHT_IMPLAUSIBLE, _is(weighing, ReasonCode.WEIGHT_IMPLAUSIBLE), grams=grams),
        _told(
            ReasonCode.SCALE_CALIBRATION_EXPIRED,
            _is(weighing, ReasonCode.SCALE_CALIBRATION_EXPIRED),
            calibrated_on=None if drop.scale_calibrated_on is None else drop.scale_calibrated_on.isoformat(),
        ),
        _earns(code),
    ]


def of_referral(codes: AbstractSet[str | None]) -> list[Told]:
    """By the codes of what was decided about either side."""
    return [
        _told(code, "refused" if code in codes else "kept")
        for code in (
            ReasonCode.ISSUE_TO_UNSPECIFIED,
            ReasonCode.LISTED_PARTY,
            ReasonCode.SELF_REFERRAL,
            ReasonCode.REFERRAL_DEPTH_EXCEEDED,
            ReasonCode.DUPLICATE_EARN,
            ReasonCode.CAP_REACHED,
            ReasonCode.NO_QUALIFYING_TRANSACTION,
            ReasonCode.BUDGET_EXHAUSTED,
        )
    ]


def of_occasion(
    member_id: str,
    *,
    code: ReasonCode | None,
    event_time: datetime,
    arrival: datetime,
    pack: ProgramPack,
    is_debit: bool = False,
) -> list[Told]:
    """Of a sign-up, birthday, activity or correction, by the code of what was decided; a debit issues nothing."""
    asked = (ReasonCode.LISTED_PARTY, ReasonCode.EVIDENCE_MISSING, ReasonCode.CAP_REACHED, ReasonCode.DUPLICATE_EARN)
    return [
        _known(member_id, code),
        *(_told(one, _is(code, one)) for one in asked if not is_debit or one is ReasonCode.DUPLICATE_EARN),
        *(() if is_debit else (_age(event_time, arrival, pack), _licence(event_time, pack))),
        _earns(code),
    ]


def of_budgets(
    awards: Sequence[Award], granted: AbstractSet[tuple[str, str]], budgets: Mapping[str, CompiledBudget]
) -> Iterator[Told]:
    """C04, award by award: granted whole or not at all. `granted`: those that were, by class and budget."""
    for award in awards:
        budget = budgets[award.budget_id]
        yield _told(
            ReasonCode.BUDGET_EXHAUSTED,
            "kept" if (award.points_class, award.budget_id) in granted else "refused",
            budget_id=award.budget_id,
            points=award.points,
            cost_minor=award_cost(award.points, budget.cost_minor, budget.cost_points),
        )


def _known(member_id: str | None, code: ReasonCode | None) -> Told:
    refused = member_id is None or code is ReasonCode.ISSUE_TO_UNSPECIFIED
    return _told(ReasonCode.ISSUE_TO_UNSPECIFIED, "refused" if refused else "kept", member_id=member_id)


def _age(event_time: datetime, arrival: datetime, pack: ProgramPack) -> Told:
    days, age = pack.max_event_age_days, arrival - event_time
    too_old = days != "unlimited" and age.total_seconds() > days * 86_400
    return _told(ReasonCode.EVENT_TOO_OLD, "refused" if too_old else "kept", age_days=max(0, age.days), most_days=days)


def _licence(event_time: datetime, pack: ProgramPack) -> Told:
    """The first of the three that refuses, else that none does: a program may need no licence."""
    code, licence = refusal_by_licence(pack, event_time), pack.licence
    return _told(
        code or ReasonCode.LICENCE_MISSING,
        "kept" if code is None else "refused",
        business=pack.telecom_business,
        number=None if licence is None else licence.number,
        valid_to=None if licence is None else licence.valid_to.isoformat(),
    )


def _earns(code: ReasonCode | None) -> Told:
    refused = code is ReasonCode.NO_QUALIFYING_TRANSACTION
    return _told(ReasonCode.NO_QUALIFYING_TRANSACTION, "refused" if refused else "kept")


def _is(found: ReasonCode | None, code: ReasonCode) -> Result:
    return "refused" if found is code else "kept"


def _told(code: ReasonCode, result: Result, **inputs: object) -> Told:
    return {"control": describe(code).control, "code": code.value, "result": result, "inputs": inputs}
