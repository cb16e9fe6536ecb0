"""Every template in both languages says what the member has to know."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from services.notification.domain.details import Details, RewardTold, VoucherTold
from services.notification.domain.template import Template
from services.notification.wording import Facts, ListedCause, ProgramWords, word

SHANGHAI = ZoneInfo("Asia/Shanghai")
AT = datetime(2026, 11, 22, 16, 30, tzinfo=UTC)  # the next day in Shanghai
PURCHASE = ListedCause("greenpoints.purchase.completed.v1", 128, "receipt-7", AT)
DETAILS = Details(rewards=(RewardTold("tea", 2),), voucher=VoucherTold("ten-off", AT, off_minor=1), currency="CNY")
STEP = ListedCause("greenpoints.order.placed.v1", 128, "order-7", None, DETAILS)
UNCOUNTED = {Template.REFERRAL_WELCOME, Template.ORDER_FULFILLED, Template.ORDER_EXCHANGED, Template.VOUCHER_ISSUED}
DROP = ListedCause("greenpoints.recycling.collected.v1", 1_500, None, None)


def facts(template: Template, *listed: ListedCause, reason: str | None = None, note: str | None = None) -> Facts:
    shown = listed or (PURCHASE,)
    points = sum(cause.points for cause in shown)
    return Facts("p", template, points, len(shown), shown, reason, datetime(2026, 11, 29, tzinfo=UTC), note)


def said(told: Facts, language: str) -> str:
    name = "Fruit Shop" if language == "en" else "鲜果店"
    text = word(told, language, ProgramWords(name, SHANGHAI))
    assert text.subject
    assert name in text.subject + text.body
    assert "\n" not in text.subject
    assert not {"{{", "{%", "None"} & set((text.subject + text.body).split())
    return f"{text.subject}\n{text.body}"


@pytest.mark.parametrize("template", list(Template))
@pytest.mark.parametrize("language", ["zh-CN", "en"])
def test_every_template_speaks_both_languages(template: Template, language: str) -> None:
    cause = STEP if template.startswith(("order_", "voucher_")) else PURCHASE
    text = said(facts(template, cause, reason="MEMBER_VELOCITY", note="checked"), language)
    assert any("一" <= sign <= "鿿" for sign in text) is (language == "zh-CN")
    if template not in UNCOUNTED:
        assert "128" in text


def test_a_digest_lists_what_earned_and_from_when() -> None:
    english = said(facts(Template.POINTS_GRANTED, PURCHASE, DROP), "en")
    assert "1,628 points" in english
    assert "128 for purchase, receipt receipt-7, usable from Nov 23, 2026" in english
    assert "1,500 for recycling, usable once" in english
    chinese = said(facts(Template.POINTS_GRANTED, PURCHASE, DROP), "zh-CN")
    assert "消费 128 积分，小票 receipt-7，2026年11月23日" in chinese
    assert "回收 1,500 积分" in chinese


def test_a_long_digest_says_how_many_it_does_not_list() -> None:
    told = Facts("p", Template.POINTS_GRANTED, 99, 33, [PURCHASE] * 20)
    assert "and 13 more" in said(told, "en")
    assert "另有 13 笔" in said(told, "zh-CN")


def test_a_hold_says_why_until_when_and_that_nothing_is_lost() -> None:
    told = facts(Template.POINTS_HELD, reason="HELD_FOR_REVIEW")
    english = said(told, "en")
    assert "HELD_FOR_REVIEW" not in english  # a code is put in words
    assert "Nov 29, 2026" in english
    assert "remain yours" in english
    assert "own words" in said(facts(Template.POINTS_HELD, reason="own words"), "en")
    assert "Why" not in said(facts(Template.POINTS_HELD), "en")


def test_text_of_others_is_not_run() -> None:
    """Reasons and receipts are data: a template in them stays as it is."""
    told = facts(Template.POINTS_HELD, reason="{{ 7 * 7 }}")
    text = word(told, "en", ProgramWords("p", UTC)).body
    assert "{{ 7 * 7 }}" in text
    assert "49" not in text


def test_an_expiry_names_the_last_day_where_the_program_is_at_home() -> None:
    midnight = datetime(2026, 12, 31, 16, tzinfo=UTC)  # the first instant of the new year in Shanghai
    told = facts(Template.POINTS_EXPIRING, ListedCause("greenpoints.points.expiring_soon.v1", 1_280, None, midnight))
    english = said(told, "en")
    assert "1,280" in english
    assert "until the end of Dec 31, 2026" in english
    assert "可使用至 2026年12月31日" in said(told, "zh-CN")


def test_points_taken_by_a_correction_are_told_as_such_and_how_to_object() -> None:
    lost = ListedCause("corrected", 70, None, None)
    english, chinese = (said(facts(Template.POINTS_FORFEITED, lost), language) for language in ("en", "zh-CN"))
    assert "taken back 70 points" in english
    assert "Two persons agreed" in english
    assert "After a review" not in english
    assert "收回 70 积分" in chinese
