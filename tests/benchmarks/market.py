"""Receipts of a simulated supermarket, for packs with many rules: a year's days, all hours, 400 articles, two tiers."""

import random
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any, Final

from shared.programs.load import load_draft
from shared.programs.pack import ProgramPack

PACK: Final = Path(__file__).with_name("twenty_rules.yaml")
FIRST_DAY: Final = date(2026, 1, 1)
_DAYS: Final = 365
_STORES = ("hangzhou-west-lake", "hangzhou-binjiang", "shanghai-jing-an", "ningbo-new")
_CATEGORIES = ("fruit", "vegetables", "dairy", "staples", "household", "snacks", "drinks", "meat")
_TIERS = (None, None, None, None, None, None, "silver", "silver", "silver", "gold")


def realistic_pack() -> ProgramPack:
    """20 rules with calendars, caps, tiers and two budgets."""
    return load_draft(PACK.read_text(encoding="utf-8"), PACK.name).pack


def articles() -> list[dict[str, Any]]:
    """Each an article's line without id, quantity and price; `price` in fen goes with it."""
    chance = random.Random(20)  # noqa: S311 - the same shop in every run
    known = [_article(chance, f"article-{number}") for number in range(397)]
    return [*known, *(_article(chance, sku) for sku in ("rice-5kg", "rice-10kg", "detergent-refill"))]


def _article(chance: random.Random, sku: str) -> dict[str, Any]:
    return {
        "sku": sku,
        "category": chance.choice(_CATEGORIES),
        "labels": ["organic"] if chance.random() < 0.08 else [],
        "brand": "good-table" if chance.random() < 0.1 else f"brand-{chance.randrange(40)}",
        "condition": "second_hand" if chance.random() < 0.01 else "new",
        "price": round(chance.lognormvariate(7.2, 0.7)),
    }


def receipts(number: int, seed: int) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """(receipt as JSON without ids, what is known of its day and member: `day`, `minute`, `tier`, `first_order`)."""
    chance = random.Random(seed)  # noqa: S311 - repeatable
    shop = articles()
    popular = [1 / (place + 3) for place in range(len(shop))]
    for _ in range(number):
        bought = chance.choices(shop, popular, k=min(12, 1 + int(chance.expovariate(0.4))))
        lines = [_line(chance, str(place), one) for place, one in enumerate(bought, start=1)]
        total = sum(line["net_minor"] for line in lines)
        receipt = {
            "program_id": "fruit-shop",
            "merchant_id": "fruit-shop",
            "store_id": chance.choice(_STORES),
            "terminal_id": "s1-1",
            "currency": "CNY",
            "lines": lines,
            "tenders": [{"kind": "cash", "amount_minor": total}],
            "total_minor": total,
            "codes": ["HELLO26"] if chance.random() < 0.03 else [],
            "channel": "online" if chance.random() < 0.15 else "store",
        }
        known = {
            "day": FIRST_DAY + timedelta(days=chance.randrange(_DAYS)),
            "minute": 7 * 60 + chance.randrange(15 * 60),
            "tier": chance.choice(_TIERS),
            "first_order": chance.random() < 0.05,
        }
        yield receipt, known


def _line(chance: random.Random, line_id: str, article: dict[str, Any]) -> dict[str, Any]:
    quantity = chance.choice((1, 1, 1, 2, 3))
    named = {name: value for name, value in article.items() if name != "price"}
    return {**named, "line_id": line_id, "quantity": quantity, "net_minor": article["price"] * quantity}
