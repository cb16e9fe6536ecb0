"""Every link of the documents holds: the file is there, and it defines what the link says it defines."""

from pathlib import Path

import pytest

from deploy.local.stack import CHECKOUT
from shared.events.topics import built_services
from tests.unit.documents.links import Link, defined_in, links_of

LIVES = ("life-of-a-purchase.md", "life-of-a-recycling-drop.md", "life-of-a-referral.md")
DOCUMENTS = sorted(
    path
    for pattern in ("*.md", "docs/*.md", "services/*/README.md", "shared/*/README.md", "tests/*/README.md")
    for path in CHECKOUT.glob(pattern)
)
# A hop names its handler, its domain function, its table: a life that links fewer places tells no whole way.
FEWEST_SYMBOLS = 15


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(CHECKOUT)))
def test_every_link_holds(document: Path) -> None:
    assert [trouble for link in links_of(document) if (trouble := link.trouble())] == []


@pytest.mark.parametrize("name", LIVES)
def test_a_life_names_what_each_file_defines(name: str) -> None:
    links = list(links_of(CHECKOUT / "docs" / name))
    symbols = [link for link in links if link.symbol is not None]
    assert len(symbols) >= FEWEST_SYMBOLS
    services = {link.target.relative_to(CHECKOUT).parts[1] for link in links if "services" in link.target.parts}
    assert {"gateway", "earning", "redemption", "fraud_monitoring", "notification"} <= services


@pytest.mark.parametrize("service", built_services())
def test_every_service_has_half_a_page_about_itself(service: str) -> None:
    text = (CHECKOUT / "services" / service / "README.md").read_text(encoding="utf-8")
    assert len(text.splitlines()) >= 10
    assert "table" in text.lower()
    assert "**Invariants**" in text or "always holds" in text


def test_the_checker_sees_what_is_not_there(tmp_path: Path) -> None:
    (tmp_path / "code.py").write_text("LIMIT = 3\nclass Desk:\n    def load(self) -> None: ...\nasync def run(): ...\n")
    (tmp_path / "tables.sql").write_text("CREATE TABLE lot (a int);\nCREATE OR REPLACE FUNCTION lot_state() …")
    (tmp_path / "pack.yaml").write_text("rules:\n  - rule_id: per-kg\n")
    page = tmp_path / "page.md"
    page.write_text(
        "[`run`](code.py) [`Desk.load()`](code.py) [`LIMIT`](code.py#L1) [`lot`](tables.sql) [`lot_state`](tables.sql) "
        "[`per-kg`](pack.yaml) [`code.py`](code.py) [prose](code.py) [web](https://example.org/x) [here](#top)\n"
        "```\n[`not`](a/link.py)\n```\n"
        "[`load`](code.py) [`walk`](code.py) [`Desk.save`](code.py) [`wallet`](tables.sql) [gone](gone.py)\n"
    )
    links = list(links_of(page))
    assert [link.symbol for link in links if link.trouble()] == ["load", "walk", "Desk.save", "wallet", None]
    assert len(links) == 13


def test_what_a_file_defines(tmp_path: Path) -> None:
    file = tmp_path / "a.py"
    file.write_text("x: int = 1\ny = z = 2\nclass A:\n    b = 1\n    async def c(self): ...\n")
    assert defined_in(file) == {"x", "y", "z", "A", "A.b", "A.c"}
    assert Link(file, file, "A.c").trouble() is None
