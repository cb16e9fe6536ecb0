"""What a voucher takes off a bill, and codes: the pure part."""

from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.redemption.domain.adviser_plan import benefits_for, require_top_tier, rewards_for
from services.redemption.domain.benefit import Holder, cost_of, is_entitled, next_place, period_of
from services.redemption.domain.refused import RefusedError
from services.redemption.domain.voucher import (
    BillLine,
    LineChoice,
    VoucherTerms,
    hundredths,
    reduction,
    share_of,
    terms_of_given,
    terms_of_reward,
)
from services.redemption.mint import VoucherMint, hash_code
from shared.programs.pack import ProgramPack
from shared.programs.rewards import VoucherReward
from shared.programs.sense import contradictions
from tests.integration.redemption.shop import shop_pack
from tests.integration.redemption.storefront import BRONZE_AND_GOLD
from tests.integration.redemption.test_benefits import CUSTOM, FACIAL, coming, terms
from tests.unit.programs.packs import pack, run, written

_MINT = VoucherMint(b"a-key-of-32-characters-or-more-for-tests")


def line(minor: int, category: str = "fruit", *labels: str) -> BillLine:
    return BillLine("1", f"sku-{category}", category, frozenset(labels), minor)


def offer(reward_id: str, sold: ProgramPack | None = None) -> VoucherTerms:
    sold = sold or shop_pack()
    found = next(each for each in sold.rewards if each.reward_id == reward_id)
    assert isinstance(found, VoucherReward)
    return terms_of_reward(found, sold)


def test_every_kind_takes_its_terms_from_the_pack() -> None:
    assert [offer(name).kind for name in ("fifty", "tenth", "five")] == [
        "voucher_amount",
        "voucher_percent",
        "voucher_threshold",
    ]
    sold = shop_pack()
    given_terms = terms_of_given(sold.vouchers[0], sold)
    assert (given_terms.kind, given_terms.amount_minor, given_terms.threshold_minor) == ("first_order", 500, 2_000)
    assert offer("five").merchants == ("shop-1",)
    assert offer("fifty").merchants is None
    assert offer("fifty", shop_pack(merchants=["shop-1", "shop-2"])).merchants == ("shop-1", "shop-2")


@given(st.lists(st.tuples(st.integers(0, 100_000), st.sampled_from(["fruit", "milk"])), min_size=1, max_size=8))
def test_never_more_off_than_its_lines_cost_nor_than_it_says(bought: list[tuple[int, str]]) -> None:
    lines = [line(minor, category) for minor, category in bought]
    fruit = sum(minor for minor, category in bought if category == "fruit")
    for name in ("fifty", "tenth", "five"):
        held = offer(name)
        try:
            off = reduction(held, "shop-1", lines)
        except RefusedError:
            counted = held.lines.sum_of(lines)
            assert counted < max(1, held.threshold_minor)
            continue
        assert 0 < off.amount_minor <= off.counted_minor
        assert off.counted_minor >= held.threshold_minor
        assert off.amount_minor <= (held.amount_minor or held.max_minor or 0)
        assert off.counted_minor == (fruit if name == "tenth" else sum(minor for minor, _ in bought))


def test_a_line_matches_every_list_that_is_there_and_one_of_its_labels() -> None:
    green = line(100, "fruit", "green", "local")
    assert LineChoice(labels=("green",)).sum_of([green]) == 100
    assert LineChoice(labels=("other", "local"), categories=("fruit",)).sum_of([green]) == 100
    assert LineChoice(labels=("green",), categories=("milk",)).sum_of([green]) == 0
    assert LineChoice(skus=("sku-fruit",)).sum_of([green, line(5, "milk")]) == 100
    assert LineChoice(categories=("fruit",)).sum_of([BillLine("1", "s", None, frozenset(), 5)]) == 0


@pytest.mark.parametrize(("percent", "minor", "off"), [("10%", 5, 1), ("10%", 4, 0), ("2.5%", 20, 1), ("2.5%", 19, 0)])
def test_a_percentage_is_rounded_half_up_to_the_minor_unit(percent: str, minor: int, off: int) -> None:
    assert share_of(minor, hundredths(percent)) == off


@given(st.uuids())
def test_a_code_is_the_same_however_it_is_typed(voucher_id: UUID) -> None:
    code = _MINT.code(voucher_id)
    assert code == _MINT.code(voucher_id)
    typed = code.lower().replace("0", "o").replace("1", "l").replace("-", "  ")
    assert hash_code(typed) == hash_code(code) == _MINT.code_sha256(voucher_id)


def test_codes_differ_and_use_the_whole_alphabet() -> None:
    codes = [_MINT.code(uuid4()) for _ in range(2_000)]
    assert len(set(codes)) == len(codes)
    assert set("".join(codes)) == set("0123456789ABCDEFGHJKMNPQRSTVWXYZ-")


def test_a_right_is_of_its_tiers_or_of_its_threshold() -> None:
    facial, custom = pack(**terms()).benefits
    assert not is_entitled(facial, Holder("gold", 999))
    assert is_entitled(facial, Holder(None, 1_000))
    assert is_entitled(custom, Holder("gold", 0))
    assert not is_entitled(custom, Holder("bronze", 10_000))
    both = pack(**terms(benefits=[{**CUSTOM, "lifetime_at_least": 5_000}])).benefits[0]
    assert is_entitled(both, Holder(None, 5_000))
    assert is_entitled(both, Holder("gold", 0))


def test_places_of_a_period_are_taken_in_turn_and_given_back() -> None:
    _, custom = pack(**terms()).benefits
    assert [next_place(custom, taken) for taken in ([], [1], [2])] == [1, 2, 1]
    with pytest.raises(RefusedError, match="2 times per month"):
        next_place(custom, [1, 2])
    today = pack(**terms()).budgets[0].period.from_
    assert [period_of(per, today) for per in ("month", "year", "lifetime")] == ["2026-01", "2026", "lifetime"]


def test_a_service_costs_its_market_value_and_a_percentage_what_it_takes_off() -> None:
    facial, custom = pack(**terms()).benefits
    assert cost_of(facial, [line(1)]) == 50_000
    assert cost_of(custom, [line(12_345, "custom"), line(99_999)]) == 1_235
    with pytest.raises(RefusedError, match="No line of this bill"):
        cost_of(custom, [line(99_999)])


def test_a_benefit_needs_a_budget_line_of_its_own() -> None:
    shared = {**FACIAL, "budget_id": "marketing"}
    (found,) = run(contradictions.check, pack(**terms(benefits=[shared, CUSTOM])))
    assert found.location == ("benefits", 0, "budget_id")
    assert run(contradictions.check, pack(**terms())) == ()
    hello = {**shop_pack().vouchers[0].model_dump(by_alias=True), "budget_id": "benefits"}
    assert len(run(contradictions.check, pack(**terms(vouchers=[hello])))) == 2


def test_plans_are_made_of_what_the_tier_has_and_sees() -> None:
    bronze = {**CUSTOM, "benefit_id": "bronze-only", "tiers": ["bronze"]}
    sold = pack(**terms(benefits=[FACIAL, CUSTOM, bronze], rewards=[coming(7, "soon"), coming(8, "later")]))
    assert [each.benefit_id for each in benefits_for(sold, "gold")] == ["facial", "custom"]
    assert [each.benefit_id for each in benefits_for(sold, "bronze")] == ["facial", "bronze-only"]
    today = coming(0, "now")["available"]["from"]
    day = type(sold.budgets[0].period.from_).fromisoformat(today)
    assert [each.reward_id for each in rewards_for(sold, "gold", day)] == ["soon"]
    assert rewards_for(sold, "bronze", day) == ()
    assert require_top_tier(sold, "gold") == "gold"
    for tier in ("bronze", None):
        with pytest.raises(RefusedError, match="top tier, gold"):
            require_top_tier(sold, tier)
    with pytest.raises(RefusedError):
        require_top_tier(pack(**written()), None)
    assert BRONZE_AND_GOLD["levels"][-1]["early_view_days"] == 7
