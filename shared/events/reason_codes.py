"""Every code a refusal or a dead letter may carry, as a sentence in zh-CN and en (design: red-lines.md)."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from shared.events.reason_texts import TEXTS


class ReasonCode(StrEnum):
    """The codes of the controls C01 to C32, then those of the event contract."""

    ISSUE_TO_UNSPECIFIED = "ISSUE_TO_UNSPECIFIED"
    NO_QUALIFYING_TRANSACTION = "NO_QUALIFYING_TRANSACTION"
    DUPLICATE_EARN = "DUPLICATE_EARN"
    EARN_ON_POINTS_SPEND = "EARN_ON_POINTS_SPEND"
    BUDGET_EXHAUSTED = "BUDGET_EXHAUSTED"
    REWARD_RATE_EXCEEDED = "REWARD_RATE_EXCEEDED"
    LICENCE_MISSING = "LICENCE_MISSING"
    LICENCE_EXPIRED = "LICENCE_EXPIRED"
    LICENCE_SCOPE = "LICENCE_SCOPE"
    POINTS_SALE_PROHIBITED = "POINTS_SALE_PROHIBITED"
    CROSS_ISSUER_EXCHANGE_PROHIBITED = "CROSS_ISSUER_EXCHANGE_PROHIBITED"
    PARTNER_NOT_CONTRACTED = "PARTNER_NOT_CONTRACTED"
    EVIDENCE_MISSING = "EVIDENCE_MISSING"
    CAP_REACHED = "CAP_REACHED"
    REFERRAL_DEPTH_EXCEEDED = "REFERRAL_DEPTH_EXCEEDED"
    SELF_REFERRAL = "SELF_REFERRAL"
    WEIGHT_IMPLAUSIBLE = "WEIGHT_IMPLAUSIBLE"
    SCALE_CALIBRATION_EXPIRED = "SCALE_CALIBRATION_EXPIRED"
    FACTOR_MISSING = "FACTOR_MISSING"
    GREEN_CERT_INVALID = "GREEN_CERT_INVALID"
    CASH_OUT_PROHIBITED = "CASH_OUT_PROHIBITED"
    QUASI_CASH_REWARD = "QUASI_CASH_REWARD"
    TRANSFER_PROHIBITED = "TRANSFER_PROHIBITED"
    POOLED_REDEMPTION_PROHIBITED = "POOLED_REDEMPTION_PROHIBITED"
    FINANCIAL_ATTRIBUTE_PROHIBITED = "FINANCIAL_ATTRIBUTE_PROHIBITED"
    INSUFFICIENT_POINTS = "INSUFFICIENT_POINTS"
    QUOTE_EXPIRED = "QUOTE_EXPIRED"
    OUT_OF_STOCK = "OUT_OF_STOCK"
    LIMIT_REACHED = "LIMIT_REACHED"
    NOT_ELIGIBLE = "NOT_ELIGIBLE"
    RETURN_WINDOW_CLOSED = "RETURN_WINDOW_CLOSED"
    RETURN_EXCLUSION_CONFIRMED = "RETURN_EXCLUSION_CONFIRMED"
    REWARD_EVIDENCE_MISSING = "REWARD_EVIDENCE_MISSING"
    REWARD_RECALLED = "REWARD_RECALLED"
    CLAWBACK_DEFICIT = "CLAWBACK_DEFICIT"
    EXPIRY_NOTICE_NOT_SENT = "EXPIRY_NOTICE_NOT_SENT"
    EXPIRY_SHORTENED = "EXPIRY_SHORTENED"
    RULE_CHANGE_NOTICE_TOO_SHORT = "RULE_CHANGE_NOTICE_TOO_SHORT"
    UNSPENT_POINTS_ACK_REQUIRED = "UNSPENT_POINTS_ACK_REQUIRED"
    NO_CONSENT = "NO_CONSENT"
    MARKETING_OPTED_OUT = "MARKETING_OPTED_OUT"
    GUARDIAN_CONSENT_REQUIRED = "GUARDIAN_CONSENT_REQUIRED"
    PERSONALISED_PRICE_UNJUSTIFIED = "PERSONALISED_PRICE_UNJUSTIFIED"
    TRACE_INCOMPLETE = "TRACE_INCOMPLETE"
    HELD_FOR_REVIEW = "HELD_FOR_REVIEW"
    LISTED_PARTY = "LISTED_PARTY"
    SETTLEMENT_UNMATCHED = "SETTLEMENT_UNMATCHED"
    LEDGER_TAMPERED = "LEDGER_TAMPERED"
    RETENTION_ACTIVE = "RETENTION_ACTIVE"
    PRIZE_LIMIT_EXCEEDED = "PRIZE_LIMIT_EXCEEDED"
    PRIZE_TERMS_MISSING = "PRIZE_TERMS_MISSING"
    FILING_MISSING = "FILING_MISSING"
    DONATION_AGREEMENT_MISSING = "DONATION_AGREEMENT_MISSING"
    EVENT_TOO_OLD = "EVENT_TOO_OLD"
    EVENT_IN_FUTURE = "EVENT_IN_FUTURE"
    AMOUNTS_DO_NOT_SUM = "AMOUNTS_DO_NOT_SUM"
    DUPLICATE_ID_DIFFERENT_CONTENT = "DUPLICATE_ID_DIFFERENT_CONTENT"
    UNKNOWN_PROGRAM = "UNKNOWN_PROGRAM"
    PROGRAM_NOT_IN_FORCE = "PROGRAM_NOT_IN_FORCE"
    HANDLING_FAILED = "HANDLING_FAILED"
    UNKNOWN_TYPE = "UNKNOWN_TYPE"
    MALFORMED = "MALFORMED"
    NOT_AUTHORITATIVE = "NOT_AUTHORITATIVE"
    REFUND_WITHOUT_PURCHASE = "REFUND_WITHOUT_PURCHASE"
    REFUND_MEMBER_MISMATCH = "REFUND_MEMBER_MISMATCH"
    OVER_REFUND = "OVER_REFUND"
    CALENDAR_YEAR_UNPUBLISHED = "CALENDAR_YEAR_UNPUBLISHED"
    IDEMPOTENCY_KEY_REUSED = "IDEMPOTENCY_KEY_REUSED"


@dataclass(frozen=True, slots=True)
class Reason:
    """A code in words. `control` is the red line's id, None for a code of the event contract alone."""

    code: ReasonCode
    control: str | None
    zh: str
    en: str
    appeal: str
    appeal_zh: str


_APPEALS: Final[Mapping[str, tuple[str, str]]] = {
    "member": (
        "Ask the program's customer service to review this, naming the event or request id.",
        "请向本积分计划的客服申请复核，并提供事件或请求编号。",
    ),
    "operator": (
        "Ask the program's compliance role to review the evidence, naming the request id.",
        "请向本积分计划的合规岗申请复核材料，并提供请求编号。",
    ),
    "sender": (
        "Correct the event and send it under a new id, or ask the operator to replay the dead letter.",
        "请更正事件并以新的编号重新发送，或请运营人员重放该死信。",
    ),
}


def _reasons() -> Mapping[ReasonCode, Reason]:
    reasons = {}
    for code in ReasonCode:
        text = TEXTS[code.value]
        appeal, appeal_zh = _APPEALS[text.appeal_to]
        reasons[code] = Reason(code, text.control, text.zh, text.en, appeal, appeal_zh)
    return MappingProxyType(reasons)


_REASONS: Final = _reasons()


def describe(code: ReasonCode) -> Reason:
    """The code's sentences, its control and where to appeal."""
    return _REASONS[code]
