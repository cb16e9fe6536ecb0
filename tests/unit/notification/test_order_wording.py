"""What members read of their orders and vouchers, in both languages."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from services.notification.domain.details import Details, RewardTold, VoucherTold, details_json, read_details
from services.notification.domain.template import Template
from services.notification.wording import Facts, ListedCause, ProgramWords, word

ORDER = "8f2b9d1c-0000-4000-8000-000000000001"
NAMES = {"tea": "Milk tea", "massage": "Massage", "ten-off": "Ten off"}
WORDS = ProgramWords("Fruit Shop", ZoneInfo("Asia/Shanghai"), lambda offer: NAMES.get(offer, offer))
TEA = RewardTold("tea", 2)


def said(template: Template, *details: Details, points: int = 0, language: str = "en", causes: int = 0) -> str:
    listed = [ListedCause("k", points, ORDER, None, read_details(details_json(each))) for each in details]
    text = word(Facts("p", template, points, causes or len(listed), listed), language, WORDS)
    assert "\n" not in text.subject
    assert "None" not in text.subject + text.body
    return f"{text.subject}\n{text.body}"


def test_a_placed_order_is_confirmed_with_its_rewards_points_and_money() -> None:
    booked = RewardTold("massage", 1, "2026-12-01T10:00")
    order = Details(rewards=(TEA, booked), money_minor=2_050, currency="CNY")
    english = said(Template.ORDER_PLACED, order, points=3_000)
    assert f"your order {ORDER}:\n\n- 2 × Milk tea\n- 1 × Massage, booked for 2026-12-01T10:00\n\nIt took" in english
    assert "3,000 points and CN¥20.50." in english
    assert "3,000 积分，另付 ¥20.50。" in said(Template.ORDER_PLACED, order, points=3_000, language="zh-CN")
    assert "It took 3,000 points." in said(Template.ORDER_PLACED, Details(rewards=(TEA,)), points=3_000)


def test_two_hand_overs_of_one_order_are_told_together() -> None:
    told = said(Template.ORDER_FULFILLED, Details(rewards=(TEA,)), Details(rewards=(RewardTold("gone", 1),)))
    assert "- 2 × Milk tea\n- 1 × gone\n" in told  # a reward that no version names goes by its id


def test_a_late_cancellation_says_what_was_kept_and_why() -> None:
    late = Details(rewards=(TEA,), reason="too late", points_kept=500, no_show=True)
    english = said(Template.ORDER_CANCELLED, late, points=1_500)
    for words in ("1,500 points went back", "500 points were kept", "Nobody came", "Reason: too late"):
        assert words in english
    free = said(Template.ORDER_CANCELLED, Details(rewards=(TEA,)), points=2_000)
    assert "kept" not in free
    assert "Nobody" not in free
    assert "扣除 500 积分" in said(Template.ORDER_CANCELLED, late, points=1_500, language="zh-CN")


def test_a_return_says_what_went_back() -> None:
    returned = Details(rewards=(TEA,), money_minor=2_000, currency="CNY", defect=True)
    assert "3,000 points and CN¥20.00 went back" in said(Template.ORDER_RETURNED, returned, points=3_000)
    assert "因质量问题" in said(Template.ORDER_RETURNED, returned, points=3_000, language="zh-CN")


def test_an_exchange_names_the_new_order() -> None:
    assert "new order is o-2. It takes no points" in said(
        Template.ORDER_EXCHANGED, Details(rewards=(TEA,), new_order="o-2")
    )


def test_a_voucher_says_what_it_is_worth_until_when_and_where_its_code_is() -> None:
    midnight = datetime(2026, 12, 31, 16, tzinfo=UTC)  # the first instant of the new year in Shanghai
    ten = Details(voucher=VoucherTold("ten-off", midnight, off_minor=1_000, from_minor=5_000), currency="CNY")
    english = said(Template.VOUCHER_ISSUED, ten)
    assert "A voucher of Fruit Shop" in english
    assert "- Ten off: CN¥10.00 off from CN¥50.00 on, until the end of Dec 31, 2026\n" in english
    assert "in your account" in english
    chinese = said(Template.VOUCHER_ISSUED, ten, language="zh-CN")
    assert "满 ¥50.00 减 ¥10.00，可使用至 2026年12月31日" in chinese
    share = Details(voucher=VoucherTold("x", None, off_hundredths=250, at_most_minor=300), currency="CNY")
    both = said(Template.VOUCHER_ISSUED, ten, share, causes=5)
    assert "5 vouchers" in both
    assert "- x: 2.5% off, CN¥3.00 at most\n" in both
    assert "and 3 more" in both
