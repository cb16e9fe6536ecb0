"""Parts no service acts on: refused when read for use, and only then; lifting a refusal is one line."""

from functools import partial
from typing import Any

import pytest

from shared.events.reason_codes import ReasonCode
from shared.programs import load
from shared.programs.load import InvalidPackError, load_draft, load_pack
from shared.programs.unbuilt import UNBUILT, Unbuilt, unbuilt_parts
from tests.unit.programs.packs import ONE_PER_YUAN, as_yaml, pack


def plain(**changes: Any) -> dict[str, Any]:
    """Nothing but what has always worked."""
    return {"rewards": [], "filings": [], **changes}


def test_a_pack_of_built_parts_is_read_for_use() -> None:
    assert load_pack(as_yaml(**plain()), "shop.yaml") == load_draft(as_yaml(**plain()), "shop.yaml").pack


def test_an_unbuilt_part_is_refused_with_its_line_and_still_reads_as_a_draft(monkeypatch: pytest.MonkeyPatch) -> None:
    part = Unbuilt("expiry.after", "expiry by inactivity")  # built by now; any part would do
    monkeypatch.setattr(load, "unbuilt_parts", partial(unbuilt_parts, unbuilt=(part,)))
    text = as_yaml(**plain(expiry={"years": 1, "after": "inactivity"}))
    with pytest.raises(InvalidPackError) as refused:
        load_pack(text, "shop.yaml")
    (found,) = refused.value.errors
    assert (found.field, found.code) == ("expiry.after", ReasonCode.PART_NOT_BUILT)
    assert text.splitlines()[found.line - 1].strip() == "after: inactivity"
    assert "not built yet" in found.message
    assert load_draft(text, "shop.yaml").pack.expiry.after == "inactivity"


def test_every_line_leads_to_a_part_of_the_model() -> None:
    """A misspelt path would refuse nothing, in silence."""
    for part in UNBUILT:
        assert _exists(pack().model_json_schema(by_alias=False), part.path.split(".")), part.path


def _exists(schema: dict[str, Any], path: list[str]) -> bool:
    definitions = schema["$defs"]

    def follow(node: dict[str, Any], rest: list[str]) -> bool:
        if "$ref" in node:
            return follow(definitions[node["$ref"].rpartition("/")[2]], rest)
        ways = [*node.get("anyOf", ()), *node.get("oneOf", ())]
        if ways:
            return any(follow(way, rest) for way in ways)
        if not rest:
            return True
        if rest[0] == "*":
            return "items" in node and follow(node["items"], rest[1:])
        return rest[0] in node.get("properties", {}) and follow(node["properties"][rest[0]], rest[1:])

    return follow(schema, path)


@pytest.mark.parametrize(
    ("part", "locations"),
    [
        (Unbuilt("rules.*.when.categories", "categories"), [("rules", 1, "when", "categories")]),
        (Unbuilt("rules.*.kind", "bonuses", value="per_order"), [("rules", 0, "kind")]),
        (Unbuilt("rules.*.kind", "bonuses", value="birthday"), []),
        (Unbuilt("budgets", "budgets"), [("budgets",)]),
        (Unbuilt("merchants", "merchants"), []),
        (Unbuilt("name.zh_cn", "names"), [("name", "zh-CN")]),
        (Unbuilt("budgets.*.period.from_", "periods"), [("budgets", 0, "period", "from")]),
    ],
)
def test_a_path_finds_what_is_used(part: Unbuilt, locations: list[tuple[int | str, ...]]) -> None:
    fixed = {"rule_id": "f", "kind": "per_order", "points": 1, "budget_id": "marketing"}
    made = pack(**plain(rules=[fixed, {**ONE_PER_YUAN, "when": {"categories": ["tea"]}}]))
    assert [one.location for one in unbuilt_parts(made, (part,))] == locations
