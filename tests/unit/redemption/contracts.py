"""A pack with partners and donations, for tests of settlement."""

from typing import Any

from shared.programs.pack import ProgramPack
from tests.unit.programs.packs import NAME, QUALITY, pack, reward


def partner(
    partner_id: str = "tea-house", *prices: tuple[str, int], fee: str = "2%", until: str = "2027-01-01", **changes: Any
) -> dict[str, Any]:
    """A contract from 2025 on, good until the day before `until`; a milk tea at 8.00 unless prices are named."""
    return {
        "partner_id": partner_id,
        "name": NAME,
        "contract": {
            "number": f"P-{partner_id}",
            "period": {"from": "2025-01-01", "to": until},
            "fee": fee,
            "prices": [
                {"reward_id": reward_id, "price_minor": price} for reward_id, price in prices or [("milk-tea", 800)]
            ],
        },
        **changes,
    }


def partners_reward(reward_id: str = "milk-tea", partner_id: str = "tea-house", **changes: Any) -> dict[str, Any]:
    return reward(200, 1_200, reward_id=reward_id, kind="partner_benefit", partner_id=partner_id, **changes)


def donation(**changes: Any) -> dict[str, Any]:
    return reward(1_000, 5_000, reward_id="plant-a-tree", kind="donation", agreement_id="city-trees", **changes)


def agreement(**changes: Any) -> dict[str, Any]:
    return {
        "agreement_id": "city-trees",
        "recipient": {"zh-CN": "城市绿化基金会", "en": "City Trees Foundation"},
        "document": "DON-1",
        "signed_on": "2025-01-10",
        "period": {"from": "2025-01-01", "to": "2027-01-01"},
        **changes,
    }


def settled_pack(**changes: Any) -> ProgramPack:
    """A tea house that is owed, trees that are planted, and a box of fruit that owes nobody."""
    return pack(**{
        "effective_at": "2025-01-01T00:00:00+08:00",
        "partners": [partner()],
        "donation_agreements": [agreement()],
        "rewards": [partners_reward(), donation(), reward(quality=QUALITY)],
        **changes,
    })  # fmt: skip
