"""What a fulfilled unit owes, to whom, by which contract, and in which statement it stands."""

from datetime import date
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.redemption.domain.claim import ClaimedLine, Difference, Sum, differences
from services.redemption.domain.refused import RefusedError
from services.redemption.domain.settlement import owed, statement_period
from shared.programs.sense import expired_papers
from tests.unit.programs.packs import run
from tests.unit.redemption.contracts import agreement, donation, partner, partners_reward, settled_pack

_DAY = date(2025, 10, 5)


def test_120_units_at_8_less_2_percent_owe_940_80() -> None:
    found = owed(settled_pack(), "milk-tea", 120, _DAY)

    assert found is not None
    assert (found.payee_kind, found.payee_id, found.document) == ("partner", "tea-house", "P-tea-house")
    assert (found.price_minor, found.fee_minor, found.owed_minor, found.currency) == (96_000, 1_920, 94_080, "CNY")


def test_a_reward_of_our_own_owes_nobody() -> None:
    assert owed(settled_pack(), "fruit-box", 3, _DAY) is None


def test_a_donation_gives_its_whole_market_value_to_the_agreement() -> None:
    found = owed(settled_pack(), "plant-a-tree", 2, _DAY)

    assert found is not None
    assert (found.payee_kind, found.payee_id, found.owed_minor, found.fee_minor) == (
        "donation",
        "city-trees",
        10_000,
        0,
    )


@pytest.mark.parametrize(
    ("until", "refused"),
    [("2025-10-06", False), ("2025-10-05", True), ("2025-10-04", True)],
    ids=["last day", "ended yesterday", "ended before"],
)
def test_a_contract_is_good_through_its_last_day(until: str, *, refused: bool) -> None:
    pack = settled_pack(partners=[partner(until=until)])
    if not refused:
        assert owed(pack, "milk-tea", 1, _DAY) is not None
        return
    with pytest.raises(RefusedError) as error:
        owed(pack, "milk-tea", 1, _DAY)
    assert error.value.code == "PARTNER_NOT_CONTRACTED"
    assert error.value.reward_id == "milk-tea"


def test_a_contract_without_a_price_for_the_reward_is_none_for_it() -> None:
    pack = settled_pack(rewards=[partners_reward(), partners_reward("cake")])
    with pytest.raises(RefusedError, match="no price for reward cake") as error:
        owed(pack, "cake", 1, _DAY)
    assert error.value.code == "PARTNER_NOT_CONTRACTED"


def test_any_reward_that_names_a_partner_needs_its_contract() -> None:
    pack = settled_pack(rewards=[partners_reward(), {**partners_reward("cup"), "kind": "goods"}])
    with pytest.raises(RefusedError, match="no price for reward cup"):
        owed(pack, "cup", 1, _DAY)


@pytest.mark.parametrize(
    "changes",
    [
        {"signed_on": None},
        {"signed_on": "2025-10-06"},
        {"period": {"from": "2025-01-01", "to": "2025-10-05"}},
        {"period": {"from": "2025-10-06", "to": "2026-10-05"}},
    ],
    ids=["draft", "signed tomorrow", "ended yesterday", "begins tomorrow"],
)
def test_a_donation_needs_an_agreement_signed_and_in_force(changes: dict[str, object]) -> None:
    with pytest.raises(RefusedError) as error:
        owed(settled_pack(donation_agreements=[agreement(**changes)]), "plant-a-tree", 1, _DAY)
    assert error.value.code == "DONATION_AGREEMENT_MISSING"


@given(price=st.integers(0, 10_000_000), hundredths=st.integers(0, 10_000), units=st.integers(1, 1_000))
def test_units_owe_the_same_together_and_apart(price: int, hundredths: int, units: int) -> None:
    percent = f"{hundredths // 100}.{hundredths % 100:02}%"
    pack = settled_pack(partners=[partner("tea-house", ("milk-tea", price), fee=percent)])
    one, all_ = owed(pack, "milk-tea", 1, _DAY), owed(pack, "milk-tea", units, _DAY)

    assert one is not None
    assert all_ is not None
    assert all_.owed_minor == units * one.owed_minor
    exact = Fraction(price * hundredths, 10_000)
    assert -Fraction(1, 2) < one.fee_minor - exact <= Fraction(1, 2)  # half up
    assert 0 <= one.fee_minor <= price


@pytest.mark.parametrize(
    ("day", "settlement", "name", "from_", "to"),
    [
        (date(2026, 12, 31), "month", "2026-12", date(2026, 12, 1), date(2027, 1, 1)),
        (date(2024, 2, 29), "month", "2024-02", date(2024, 2, 1), date(2024, 3, 1)),
        (date(2026, 12, 6), "week", "2026-W49", date(2026, 11, 30), date(2026, 12, 7)),
        (date(2026, 12, 7), "week", "2026-W50", date(2026, 12, 7), date(2026, 12, 14)),
        (date(2027, 1, 3), "week", "2026-W53", date(2026, 12, 28), date(2027, 1, 4)),
    ],
)
def test_the_statement_of_a_day(day: date, settlement: str, name: str, from_: date, to: date) -> None:
    assert statement_period(day, settlement) == (name, from_, to)  # type: ignore[arg-type]


_STATEMENT = {"milk-tea": Sum(120, 94_080), "cake": Sum(-1, -300)}


@pytest.mark.parametrize(
    ("lines", "found"),
    [
        ([ClaimedLine("milk-tea", 120), ClaimedLine("cake", -1)], []),
        ([ClaimedLine("milk-tea", 120, 94_080), ClaimedLine("cake", -1, -300)], []),
        ([ClaimedLine("milk-tea", 121), ClaimedLine("cake", -1)], [("milk-tea", 121, None, 120, 94_080)]),
        ([ClaimedLine("milk-tea", 119), ClaimedLine("cake", -1)], [("milk-tea", 119, None, 120, 94_080)]),
        ([ClaimedLine("milk-tea", 120, 94_081), ClaimedLine("cake", -1)], [("milk-tea", 120, 94_081, 120, 94_080)]),
        ([ClaimedLine("milk-tea", 120)], [("cake", 0, None, -1, -300)]),
        (
            [ClaimedLine("milk-tea", 120), ClaimedLine("cake", -1), ClaimedLine("tea-pot", 1)],
            [("tea-pot", 1, None, 0, 0)],
        ),
        ([ClaimedLine("milk-tea", 120), ClaimedLine("cake", -1), ClaimedLine("tea-pot", 0)], []),
    ],
)
def test_a_claim_matches_to_the_unit(lines: list[ClaimedLine], found: list[tuple[object, ...]]) -> None:
    assert differences(lines, _STATEMENT) == tuple(Difference(*one) for one in found)  # type: ignore[arg-type]


def test_a_donation_goes_to_nobody_but_its_recipient() -> None:
    with pytest.raises(ValueError, match="take partner_id out"):
        settled_pack(rewards=[donation(partner_id="tea-house"), partners_reward()])


def test_before_it_is_published_any_reward_without_a_contracted_price_is_warned_of() -> None:
    rewards = [partners_reward(), {**partners_reward("cup"), "kind": "goods"}]
    found = run(expired_papers.check, settled_pack(rewards=rewards))
    assert [(one.code, one.location[:2]) for one in found] == [("PARTNER_NOT_CONTRACTED", ("rewards", 1))]
