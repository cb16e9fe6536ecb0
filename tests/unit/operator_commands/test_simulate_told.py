"""How a back-test is told: in sentences, tables, CSV and a picture that needs nothing else and hides nothing."""

import csv
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from deploy.local.trouble import Trouble
from services.operator.simulate import picture, spreadsheet
from services.operator.simulate.sheets import sentences, sheets
from services.operator.simulate.wish import instant


def group(name: str, live: int, draft: int) -> dict[str, Any]:
    return {
        "name": name, "members": 10, "winners": 4, "losers": 3, "live_points": live, "draft_points": draft,
        "won": max(0, draft - live), "lost": max(0, live - draft),
    }  # fmt: skip


def answer(**changes: Any) -> dict[str, Any]:
    side = {"granted": 100, "clawed_back": 10, "cost_minor": 450, "declined": {}, "dead_letters": {}}
    budget = {
        "budget_id": "marketing", "approved_minor": 1_000, "from": "2027-01-01", "to": "2028-01-01",
        "period_judged": True, "spent_before_minor": 100, "live_cost_minor": 450, "draft_cost_minor": 900,
        "left_minor": 0, "refused_awards": 0, "refused_cost_minor": 0, "first_refused_at": None,
    }  # fmt: skip
    whole: dict[str, Any] = {
        "program_id": "fruit-shop",
        "currency": "CNY",
        "draft_version": 2,
        "against_versions": [1],
        "since": None,
        "first": "2026-10-01T00:00:00+00:00",
        "last": "2026-10-31T12:00:00+00:00",
        "records": 1234,
        "history_incomplete": False,
        "live": side,
        "draft": {**side, "granted": 200, "cost_minor": 900, "declined": {"BUDGET_EXHAUSTED": 2}},
        "members": {**group("", 90, 190), "members": 10},
        "tiers": [group("gold", 50, 150), group("", 40, 40)],
        "merchants": [group("=cmd()", 50, 150), group('<b onclick="x">', 40, 40)],
        "rules": [{"rule_id": "base", "live_points": 100, "draft_points": 200}],
        "budgets": [budget],
        "days": [
            {"day": "2026-10-01", "budget_id": "marketing", "live_cost_minor": 450, "draft_cost_minor": 900,
             "draft_demand_minor": 950}
        ],
    }  # fmt: skip
    return {**whole, **changes}


def test_what_a_reader_must_know_comes_first() -> None:
    told = [sentence for _, sentence in sentences(answer(), "en")]
    assert told == [
        "1,234 events; the draft (version 2) against version 1; counted from 2026-10-01 00:00Z to 2026-10-31 12:00Z.",
        "10 members earned; 4 would have earned more, 3 less, 3 the same.",
    ]
    (budget,) = answer()["budgets"]
    refused = {**budget, "refused_awards": 3, "refused_cost_minor": 1_205,
               "first_refused_at": "2026-10-20T08:30:00+00:00", "period_judged": False}  # fmt: skip
    warned = list(sentences(answer(budgets=[refused], history_incomplete=True), "en"))
    assert (
        "warning",
        "Budget marketing ran out at 2026-10-20 08:30Z: 3 awards worth 12.05 CNY were refused.",
    ) in warned
    assert [severity for severity, _ in warned].count("note") == 1
    assert [severity for severity, _ in warned].count("warning") == 2


def test_the_largest_difference_stands_first_and_long_lists_say_what_they_leave_out() -> None:
    many = [group(f"shop-{number}", 100, 100 + number) for number in range(25)]
    merchants = next(sheet for sheet in sheets(answer(merchants=many), "en") if sheet.name == "merchants")
    assert [row[0] for row in merchants.rows[:2]] == ["shop-24", "shop-23"]
    assert (len(merchants.rows), merchants.left_out) == (20, 5)


def test_the_csv_holds_every_number_and_no_formula(tmp_path: Path) -> None:
    path = tmp_path / "out.csv"
    spreadsheet.write(answer(), path)
    rows = list(csv.reader(path.read_text(encoding="utf-8-sig").splitlines()))
    assert rows[0] == ["part", "name", "measure", "live", "draft"]
    assert ["sums", "", "granted", "100", "200"] in rows
    assert ["budget", "marketing", "approved_minor", "", "1000"] in rows
    assert ["merchant", "'=cmd()", "points", "50", "150"] in rows
    assert ["declined", "BUDGET_EXHAUSTED", "events", "0", "2"] in rows


class Page(HTMLParser):
    """What tags there are, and what text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.words.append(data.strip())

    def named(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]


@pytest.mark.parametrize("language", ["en", "zh-CN"])
def test_the_picture_needs_nothing_else_and_says_everything_without_colours(language: Any) -> None:
    text = picture.page(answer(), language)
    page = Page(text)
    assert page.named("html") == [{"lang": language}]
    assert page.named("script") == page.named("link") == page.named("img") == []
    assert re.findall(r"(?:src|href)=|url\(|https?://", text) == []
    assert "'none'" in str(page.named("meta"))
    charts = page.named("svg")
    ids = {str(attributes["id"]) for _, attributes in page.tags if "id" in attributes}
    assert len(charts) == 5
    for chart in charts:
        assert chart["role"] == "img"
        assert chart["aria-labelledby"] in ids
    assert len(page.named("caption")) == len(page.named("table")) == 6
    assert {head["scope"] for head in page.named("th")} == {"col", "row"}
    assert page.named("b") == [], "an id of a stranger is text"
    for number in ("150", "200", "9.00 CNY"):
        assert number in page.words


def test_bars_are_as_long_as_their_numbers() -> None:
    budgets = next(sheet for sheet in sheets(answer(), "en") if sheet.name == "budgets")
    (bar,) = picture.drawn(budgets.bars)
    assert (bar.live_width * 2, bar.draft_width) == (460, 460)


def test_a_span_or_a_time_and_nothing_else() -> None:
    assert instant("2026-10-01T00:00:00+08:00").isoformat() == "2026-09-30T16:00:00+00:00"
    assert abs((instant("24h") - instant("1d")).total_seconds()) < 5
    with pytest.raises(Trouble, match="neither a span nor a time"):
        instant("last month")
