"""C06, C09, C12, C13, C15, C18, C24, C30, C31 and C32: the examples of red-lines.md, both sides of each limit."""

from typing import Any

import pytest

from shared.events.reason_codes import ReasonCode
from shared.programs.controls import (
    c06_licence,
    c09_caps,
    c13_cash_out,
    c18_reward_evidence,
    c24_equal_terms,
    c30_prizes,
    c31_filings,
    c32_donations,
)
from shared.programs.load import InvalidPackError, PackError, load_draft
from tests.unit.programs.packs import DECEMBER, NAME, ONE_PER_YUAN, QUALITY, as_yaml, codes, pack, reward, run, written

PRIZE = {"name": NAME, "quantity": 1, "value_minor": 5_000_000}
TERMS = {
    "conditions": NAME,
    "method": NAME,
    "drawn_on": "2027-01-01",
    "results_published": "In the app",
    "claim_until": "2027-02-01",
}
AGREEMENT = {
    "agreement_id": "trees",
    "recipient": NAME,
    "document": "DON-1",
    "signed_on": "2026-11-01",
    "period": {"from": "2026-11-01", "to": "2027-11-01"},
}


def fault(part: str, value: Any) -> PackError:
    """The one fault of a file that says so, with the line on which it stands."""
    text = as_yaml(**{part: value})
    with pytest.raises(InvalidPackError) as refused:
        load_draft(text, "shop.yaml")
    (found,) = refused.value.errors
    key = found.field.rpartition(".")[2]
    assert key in text.splitlines()[found.line - 1]
    return found


# C06

_LICENCE = {"number": "B2-1", "scope": ["online data processing"], "valid_to": "2030-01-01"}


@pytest.mark.parametrize(
    ("parts", "compliance", "found"),
    [
        ({}, {}, []),
        ({"licence": _LICENCE}, {}, []),
        ({"telecom_business": "online data processing", "licence": _LICENCE}, {"strict": True}, []),
        ({"telecom_business": "call centres", "licence": _LICENCE}, {}, [("LICENCE_SCOPE", "warning")]),
        ({"telecom_business": "call centres", "licence": _LICENCE}, {"strict": True}, [("LICENCE_SCOPE", "error")]),
        ({"telecom_business": "call centres"}, {}, [("LICENCE_MISSING", "warning")]),
        ({"telecom_business": "call centres"}, {"strict": True}, [("LICENCE_MISSING", "error")]),
        ({"licence": _LICENCE}, {"telecom_business": "online data processing"}, [("LICENCE_MISSING", "error")]),
        (
            {"telecom_business": "online data processing", "licence": _LICENCE},
            {"telecom_business": "online data processing"},
            [],
        ),
    ],
)
def test_c06_what_needs_a_licence_has_one_and_a_pack_cannot_hide_that_it_does(
    parts: dict[str, Any], compliance: dict[str, Any], found: list[tuple[str, str]]
) -> None:
    findings = run(c06_licence.check, pack(**parts), **compliance)
    assert [(one.code, one.severity) for one in findings] == found
    assert all(one.control == "C06" for one in findings)


# C09

_DAY = {"points": 9, "per": "member_day"}
_WHOLE = [{"points": 9, "per": "transaction"}, {"points": 90, "per": "campaign"}]
_DROPS = {"rule_id": "drops", "kind": "material", "materials": ["textiles"], "per_grams": 9, "budget_id": "marketing"}
_STATION = {"station_id": "kiosk", "capacity_grams": 60_000}
_INVITES = {"rule_id": "invites", "kind": "referral", "side": "inviter", "budget_id": "marketing"}


@pytest.mark.parametrize("rule", [_DROPS, _INVITES])
@pytest.mark.parametrize(
    ("parts", "found"),
    [
        ({}, ["AWARD_NOT_CAPPED"]),
        ({"caps": _WHOLE}, ["AWARD_NOT_CAPPED"]),
        ({"caps": [_DAY]}, []),
        ({"caps": [*_WHOLE, {"points": 90, "per": "member_lifetime"}]}, []),
        ({"enabled": False}, []),
    ],
)
def test_c09_what_a_member_can_do_again_and_again_has_a_cap(
    rule: dict[str, Any], parts: dict[str, Any], found: list[str]
) -> None:
    findings = run(c09_caps.check, pack(rules=[ONE_PER_YUAN, {**rule, "points": 5, **parts}], stations=[_STATION]))
    assert codes(findings) == found
    assert all((one.severity, one.control, one.location) == ("warning", "C09", ("rules", 1)) for one in findings)


def test_c09_purchases_and_what_happens_once_need_none() -> None:
    invited = {**_INVITES, "rule_id": "invited", "side": "invitee", "points": 5}
    joined = {"rule_id": "joined", "kind": "sign_up", "points": 5, "budget_id": "marketing"}
    assert run(c09_caps.check, pack(rules=[ONE_PER_YUAN, invited, joined])) == ()


def test_c09_an_invitee_s_reward_takes_no_caps() -> None:
    found = fault("rules", [{**_INVITES, "side": "invitee", "points": 5, "caps": [_DAY]}])
    assert (found.field, "an invitee is rewarded once in a lifetime" in found.message) == ("rules[0].caps", True)


# C12


def test_c12_a_green_multiplier_needs_certificates() -> None:
    double = {"rule_id": "green", "kind": "multiplier", "factor": 2, "green": True, "budget_id": "marketing"}
    found = fault("rules", [ONE_PER_YUAN, double])
    assert (found.field, "green_certificates" in found.message) == ("rules[1].green", True)


# C13


@pytest.mark.parametrize(
    "kind", ["cash", "cash_back", "red_packet", "gift_card", "prepaid_card", "bank_transfer", "现金红包"]
)
def test_c13_a_kind_that_is_cash_gets_the_red_line_s_code(kind: str) -> None:
    found = fault("rewards", [reward(kind=kind)])
    assert (found.code, found.field) == (ReasonCode.QUASI_CASH_REWARD, "rewards[0].kind")


def test_c13_a_misspelt_kind_is_only_misspelt() -> None:
    with pytest.raises(InvalidPackError) as refused:
        load_draft(as_yaml(rewards=[reward(kind="good")]), "shop.yaml")
    (found,) = refused.value.errors
    assert (found.code, found.field) == ("PACK_INVALID", "rewards[0]")


@pytest.mark.parametrize(
    ("zh", "en", "refused"),
    [
        ("购物卡", "Card", True),
        ("话费", "Airtime", True),
        ("卡", "Gift card 100", True),
        ("卡", "Prepaid Cards", True),
        ("返现", "Cash back", True),
        ("腰果", "Cashew nuts", False),
        ("礼盒", "Gift box", False),
        ("贺卡", "Greeting card", False),
    ],
)
def test_c13_a_name_that_only_near_cash_bears_is_refused(zh: str, en: str, refused: bool) -> None:
    found = run(c13_cash_out.check, pack(rewards=[reward(name={"zh-CN": zh, "en": en})]))
    assert codes(found) == (["QUASI_CASH_REWARD"] if refused else [])


# C15


@pytest.mark.parametrize(
    "rule",
    [
        {"kind": "interest", "percent": "3%"},
        {"kind": "balance_bonus"},
        {**ONE_PER_YUAN, "basis": "balance"},
        {**ONE_PER_YUAN, "per_balance_day": 100},
        {**ONE_PER_YUAN, "kind": "利息"},
    ],
)
def test_c15_a_rule_that_pays_on_balance_and_time_is_refused_by_its_code(rule: dict[str, Any]) -> None:
    found = fault("rules", [{"rule_id": "r", "budget_id": "marketing", **rule}])
    assert found.code == ReasonCode.FINANCIAL_ATTRIBUTE_PROHIBITED
    assert found.field.startswith("rules[0]")


def test_c15_no_part_of_a_pack_is_called_interest() -> None:
    assert fault("interest", {"percent": 3}).code == ReasonCode.FINANCIAL_ATTRIBUTE_PROHIBITED


def test_c15_a_threshold_on_the_balance_is_no_interest() -> None:
    eligible = reward(eligibility={"balance_at_least": 100})
    text = as_yaml(rewards=[eligible])
    assert load_draft(text, "shop.yaml").pack.rewards[0].eligibility.balance_at_least == 100


# C18


@pytest.mark.parametrize("field", ["supplier", "standard", "checked_by", "checked_on"])
def test_c18_each_line_of_the_quality_file_is_needed(field: str) -> None:
    quality = {key: value for key, value in QUALITY.items() if key != field}
    (found,) = run(c18_reward_evidence.check, pack(rewards=[reward(quality=quality)]))
    assert (found.code, found.location) == ("REWARD_EVIDENCE_MISSING", ("rewards", 0))
    assert f"lacks quality.{field};" in found.text("en")


def test_c18_a_reward_without_description_or_file_names_all_that_is_missing() -> None:
    (found,) = run(c18_reward_evidence.check, pack(rewards=[reward(quality=None, description=None)]))
    assert "description, quality.supplier, quality.standard" in found.text("en")
    assert run(c18_reward_evidence.check, pack()) == ()
    assert run(c18_reward_evidence.check, pack(rewards=[reward(quality=None, enabled=False)])) == ()


def test_c18_a_voucher_of_the_program_needs_its_description_alone() -> None:
    voucher = reward(kind="voucher_amount", amount_minor=2_500, valid_days=30, quality=None)
    assert run(c18_reward_evidence.check, pack(rewards=[voucher])) == ()
    assert codes(run(c18_reward_evidence.check, pack(rewards=[{**voucher, "description": None}]))) == [
        "REWARD_EVIDENCE_MISSING"
    ]


def test_c18_a_recalled_reward_is_refused_until_it_is_switched_off() -> None:
    recalled = {**QUALITY, "recalled": True}
    assert codes(run(c18_reward_evidence.check, pack(rewards=[reward(quality=recalled)]))) == ["REWARD_RECALLED"]
    assert run(c18_reward_evidence.check, pack(rewards=[reward(quality=recalled, enabled=False)])) == ()


# C24


@pytest.mark.parametrize("key", ["member_id", "members", "segment", "age", "device"])
def test_c24_a_price_for_persons_gets_the_red_line_s_code(key: str) -> None:
    found = fault("rewards", [reward(special_prices=[{"points": 400, key: ["ann"]}])])
    assert found.code == ReasonCode.PERSONALISED_PRICE_UNJUSTIFIED
    assert found.field == f"rewards[0].special_prices[0].{key}"
    assert fault("rewards", [reward(eligibility={key: ["ann"]})]).code == ReasonCode.PERSONALISED_PRICE_UNJUSTIFIED
    payment = {"points": 100, "minor": 500, key: ["ann"]}
    assert fault("point_payment", payment).code == ReasonCode.PERSONALISED_PRICE_UNJUSTIFIED


def test_c24_a_rule_may_speak_of_segments_but_no_price() -> None:
    text = as_yaml(rules=[{**ONE_PER_YUAN, "when": {"segments": ["new"]}}])
    load_draft(text, "shop.yaml")


def test_c24_one_price_for_the_same_tiers_and_days() -> None:
    day = {"member_day": {"days_of_month": [8]}}
    twice = reward(special_prices=[{"points": 400, "member_day": True}, {"points": 300, "member_day": True}])
    (found,) = run(c24_equal_terms.check, pack(rewards=[twice], **day))
    assert (found.code, found.location) == ("PERSONALISED_PRICE_UNJUSTIFIED", ("rewards", 0, "special_prices", 1))
    period = {"from": "2026-12-05", "to": "2026-12-06"}
    other = reward(special_prices=[{"points": 400, "member_day": True}, {"points": 300, "period": period}])
    assert run(c24_equal_terms.check, pack(rewards=[other], **day)) == ()


# C30


def draw(value_minor: int = 5_000_000, terms: dict[str, str | None] | None = None) -> dict[str, Any]:
    part = {
        "entries": 10_000,
        "prizes": [PRIZE, {**PRIZE, "value_minor": value_minor}],
        "terms": {**TERMS, **(terms or {})},
    }
    return reward(1_000, kind="event_entry", draw=part)


def test_c30_a_top_prize_of_50_000_yuan_passes_and_one_fen_more_does_not() -> None:
    assert run(c30_prizes.check, pack(rewards=[draw()])) == ()
    (found,) = run(c30_prizes.check, pack(rewards=[draw(5_000_001)]))
    assert (found.code, found.location[-2:]) == ("PRIZE_LIMIT_EXCEEDED", (1, "value_minor"))
    assert "50,000.01 CNY" in found.text("en")
    assert (
        codes(run(c30_prizes.check, pack(rewards=[draw()]), top_prize_minor=4_999_999)) == ["PRIZE_LIMIT_EXCEEDED"] * 2
    )


@pytest.mark.parametrize("term", list(TERMS))
def test_c30_every_term_is_published(term: str) -> None:
    (found,) = run(c30_prizes.check, pack(rewards=[draw(terms={term: None})]))
    assert found.code == "PRIZE_TERMS_MISSING"
    assert f"publish {term};" in found.text("en")


def test_c30_an_entry_without_a_draw_has_no_prizes() -> None:
    assert run(c30_prizes.check, pack(rewards=[reward(kind="event_entry")])) == ()


# C31


def test_c31_missing_papers_are_a_warning_or_a_refusal_where_compliance_is_strict() -> None:
    assert run(c31_filings.check, pack()) == ()
    found = run(c31_filings.check, pack(filings=[]))
    assert codes(found) == ["FILING_MISSING"] * 3
    assert {one.severity for one in found} == {"warning"}
    assert {one.severity for one in run(c31_filings.check, pack(filings=[]), strict=True)} == {"error"}


@pytest.mark.parametrize(
    ("paper", "good"),
    [
        ({"valid_to": "2026-12-01"}, True),  # through its last day
        ({"valid_to": "2026-11-30"}, False),
        ({"issued_on": "2026-12-01"}, True),
        ({"issued_on": "2026-12-02"}, False),
    ],
)
def test_c31_a_paper_counts_on_the_day_the_version_takes_effect(paper: dict[str, str], good: bool) -> None:
    filings = written()["filings"]
    filings[1] = {**filings[1], **paper}
    found = run(c31_filings.check, pack(filings=filings))
    assert [dict(one.values)["kind"] for one in found] == ([] if good else ["assessment"])


def test_c31_a_version_of_the_past_is_judged_on_the_day_it_is_published() -> None:
    papers = [{**one, "valid_to": "2026-11-24"} for one in written()["filings"]]
    assert len(run(c31_filings.check, pack(filings=papers, effective_at="2026-01-01T00:00:00+08:00"))) == 3


# C32


def donation(**changes: Any) -> dict[str, Any]:
    return reward(kind="donation", quality=None, agreement_id="trees", **changes)


@pytest.mark.parametrize(
    ("agreement", "refused"),
    [
        ({}, False),
        ({"signed_on": None}, True),
        ({"signed_on": "2026-12-01"}, False),
        ({"signed_on": "2026-12-02"}, True),
        ({"period": {"from": "2026-11-01", "to": "2026-12-01"}}, True),  # ended the day before
        ({"period": {"from": "2026-11-01", "to": "2026-12-02"}}, False),
        ({"period": {"from": "2026-12-02", "to": "2027-12-02"}}, True),
    ],
)
def test_c32_an_agreement_is_signed_and_in_force(agreement: dict[str, Any], refused: bool) -> None:
    found = run(c32_donations.check, pack(rewards=[donation()], donation_agreements=[{**AGREEMENT, **agreement}]))
    assert codes(found) == (["DONATION_AGREEMENT_MISSING"] if refused else [])


def test_c32_a_donation_without_agreement_is_refused_and_one_switched_off_is_not() -> None:
    alone = {**donation(), "agreement_id": None}
    (found,) = run(c32_donations.check, pack(rewards=[alone], effective_at=DECEMBER))
    assert (found.code, found.control) == ("DONATION_AGREEMENT_MISSING", "C32")
    assert run(c32_donations.check, pack(rewards=[{**alone, "enabled": False}])) == ()
