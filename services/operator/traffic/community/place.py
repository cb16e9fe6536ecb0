"""The community's shop and stations, and what its program pays there, worked out here for ourselves.

Prices in fen, weights in grams. The figures repeat deploy/programs/community-recycling.yaml on purpose: were they read
from it, a wrong tariff would agree with itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from shared.events.recycling_collected import RecyclingItem

PROGRAM_ID = "community-recycling"
MERCHANT_ID = "swap-shop"
CURRENCY = "CNY"
STORE_ID = "swap-shop-gongshu"
TERMINALS = ("swap-1", "swap-2")
TILL_SOURCE = f"/pos/{MERCHANT_ID}"
CRM_SOURCE = f"/crm/{MERCHANT_ID}"

FEN_PER_POINT = 100
INVITER_POINTS = 100
INVITEE_POINTS = 50


@dataclass(frozen=True, slots=True)
class Station:
    """Where drops are weighed; `capacity_grams` is the most it can hold."""

    station_id: str
    scale_id: str
    capacity_grams: int


STATIONS = (
    Station("kiosk-gongshu", "scale-gongshu-1", 60_000),
    Station("kiosk-xihu", "scale-xihu-1", 60_000),
)

# kg CO2e avoided per kg, US EPA WARM v16, as cited in the pack; one point per kg CO2e.
FACTORS = {
    "cardboard": Fraction("3.46"),
    "mixed_paper": Fraction("3.91"),
    "aluminium_cans": Fraction("10.06"),
    "pet": Fraction("1.15"),
}
POINTS_PER_KG = {"textiles": 4}
POINTS_PER_PIECE = {"glass_bottle": 1}


@dataclass(frozen=True, slots=True)
class Article:
    """Something used that finds a new owner."""

    sku: str
    name: str
    unit_price_minor: int


ARTICLES = (
    Article("used-bicycle", "二手自行车", 18_000),
    Article("used-coat", "二手大衣", 6_800),
    Article("used-books-10", "旧书 10 本", 2_500),
    Article("used-lamp", "二手台灯", 3_200),
    Article("used-toys", "旧玩具一箱", 1_990),
    Article("used-pan", "二手炒锅", 2_750),
)


def drop_points(items: Sequence[RecyclingItem]) -> int:
    """What a drop earns: the CO2e of all that has a factor, the textiles and the bottles, each sum rounded down."""
    climate = sum((_kilograms(item) * FACTORS.get(item.material, 0) for item in items), Fraction())
    textiles = sum((_kilograms(item) * POINTS_PER_KG.get(item.material, 0) for item in items), Fraction())
    bottles = sum((item.pieces or 0) * POINTS_PER_PIECE.get(item.material, 0) for item in items)
    return int(climate) + int(textiles) + bottles


def _kilograms(item: RecyclingItem) -> Fraction:
    return Fraction(item.grams or 0, 1000)
