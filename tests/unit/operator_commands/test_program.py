"""`greenpoints program check` and `diff`, as a program manager calls them: what they print, and how they end."""

import json
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from deploy.local.stack import CHECKOUT
from deploy.local.trouble import Trouble
from services.operator.program import app, command
from shared.programs.unbuilt import Unbuilt, unbuilt_parts
from tests.unit.programs.packs import NAME, ONE_PER_YUAN, as_yaml, double, reward, written

SHIPPED = sorted((CHECKOUT / "deploy" / "programs").glob("*.yaml"))
ON_THE_24TH, ON_THE_25TH = "2026-11-24T23:59:00+08:00", "2026-11-25T00:00:00+08:00"
PLAIN: dict[str, Any] = {"rewards": []}
# The pack of the worst case: 300 points for 50 yuan where points are doubled.
EXCEEDING: dict[str, Any] = {"rules": [ONE_PER_YUAN, double()], "rewards": [reward(300, 5_000)]}


def called(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(one) for one in arguments], env={"LANG": "C", "COLUMNS": "200"})


def file(folder: Path, called: str, /, **changes: Any) -> Path:
    path = folder / called
    path.write_text(as_yaml(**changes), encoding="utf-8")
    return path


def findings(*arguments: object) -> list[dict[str, Any]]:
    answer = json.loads(called("check", "--json", *arguments).output)
    assert answer["refused"] is any(one["severity"] == "error" for one in answer["findings"])
    return list(answer["findings"])


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_a_shipped_pack_is_in_order(path: Path) -> None:
    result = called("check", path)
    assert result.exit_code == 0, result.output
    version = {"online-retail": 1, "community-recycling": 3}.get(path.stem, 2)
    assert f"program {path.stem} version {version} is in order" in result.output


def test_a_refused_pack_ends_with_1_and_tells_file_line_field_code_and_both_languages(tmp_path: Path) -> None:
    path = file(tmp_path, "shop.yaml", **EXCEEDING)
    result = called("check", path)
    assert result.exit_code == 1
    assert "REWARD_RATE_EXCEEDED" in result.output
    assert "is in order" not in result.output
    (found,) = [one for one in findings(path) if one["severity"] == "error"]
    assert (found["code"], found["control"], found["field"]) == ("REWARD_RATE_EXCEEDED", "C05", "rewards[0].price")
    assert path.read_text().splitlines()[found["line"] - 1].strip() == "price:"
    assert found["file"] == str(path)
    assert "33.34%" in found["en"]
    assert "33.34%" in found["zh-CN"]
    assert found["appeal"] != found["appeal_zh"] != ""


def test_the_language_is_chosen(tmp_path: Path) -> None:
    path = file(tmp_path, "shop.yaml", **EXCEEDING)
    assert "超过上限" in called("check", "--language", "zh-CN", path).output
    assert "above the cap" in called("check", path).output
    with pytest.raises(Trouble, match="no language fr"):
        CliRunner().invoke(app, ["check", "--language", "fr", str(path)], catch_exceptions=False)


def test_the_cap_comes_from_the_compliance_role_s_file(tmp_path: Path) -> None:
    path = file(tmp_path, "shop.yaml", **EXCEEDING)
    settings = tmp_path / "compliance.yaml"
    settings.write_text("programs:\n  fruit-shop: {reward_rate_cap: 34%}\n", encoding="utf-8")
    assert [one for one in findings("--compliance", settings, path) if one["severity"] == "error"] == []
    settings.write_text("programs:\n  other: {reward_rate_cap: 34%}\n", encoding="utf-8")
    assert len([one for one in findings("--compliance", settings, path) if one["severity"] == "error"]) == 1
    settings.write_text("default: {reward_rate_cap: 340%}\n", encoding="utf-8")
    with pytest.raises(Trouble, match=r"compliance.yaml:1: default.reward_rate_cap: must be at most 100%"):
        CliRunner().invoke(app, ["check", "--compliance", str(settings), str(path)], catch_exceptions=False)


def test_strict_compliance_refuses_what_else_is_a_warning(tmp_path: Path) -> None:
    path = file(tmp_path, "shop.yaml", filings=[])
    settings = tmp_path / "compliance.yaml"
    settings.write_text("default: {strict: true}\n", encoding="utf-8")
    assert called("check", path).exit_code == 0
    assert called("check", "--compliance", settings, path).exit_code == 1


def test_two_versions_among_the_files_are_compared(tmp_path: Path) -> None:
    old = file(tmp_path, "one.yaml")
    new = file(tmp_path, "two.yaml", version=2, rewards=[reward(501)])
    assert called("check", "--on", ON_THE_24TH, new, old).exit_code == 0
    assert called("check", "--on", ON_THE_25TH, new).exit_code == 0, "alone it is the program's first"
    (found,) = [one for one in findings("--on", ON_THE_25TH, new, old) if one["severity"] == "error"]
    assert (found["code"], found["file"], found["field"]) == ("RULE_CHANGE_NOTICE_TOO_SHORT", str(new), "rewards[0]")


def test_parts_that_are_not_built_yet_are_checked_and_named_but_no_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    part = Unbuilt("rewards", "the catalogue of rewards")
    monkeypatch.setattr(command, "unbuilt_parts", partial(unbuilt_parts, unbuilt=(part,)))
    result = called("check", file(tmp_path, "shop.yaml"))
    assert result.exit_code == 0
    assert "PART_NOT_BUILT" in result.output
    assert "cannot be applied yet" in result.output
    assert "PART_NOT_BUILT" not in called("check", file(tmp_path, "plain.yaml", **PLAIN)).output


def test_a_file_that_is_no_pack_is_told_like_any_finding_and_hides_no_other_file(tmp_path: Path) -> None:
    broken = file(tmp_path, "broken.yaml", currency="yuan", rewards=[reward(kind="cash")])
    found = findings(broken, file(tmp_path, "shop.yaml", **EXCEEDING))
    assert [(Path(one["file"]).name, one["field"], one["code"]) for one in found if one["severity"] == "error"] == [
        ("broken.yaml", "currency", "PACK_INVALID"),
        ("broken.yaml", "rewards[0].kind", "QUASI_CASH_REWARD"),
        ("shop.yaml", "rewards[0].price", "REWARD_RATE_EXCEEDED"),
    ]
    assert found[1]["control"] == "C13"
    assert "奖品不得为现金等价物" in found[1]["zh-CN"]


def test_apply_refuses_with_the_same_findings_before_it_asks_for_kafka(tmp_path: Path) -> None:
    path = file(tmp_path, "broken.yaml", rewards=[reward(kind="cash")])
    result = called("apply", "--kafka", "127.0.0.1:1", path)
    assert result.exit_code == 1
    assert "QUASI_CASH_REWARD" in result.output
    assert "nothing was published" in result.output


def test_diff_tells_what_changed_in_words_and_what_is_adverse(tmp_path: Path) -> None:
    old = file(tmp_path, "one.yaml")
    budgets = written()["budgets"]
    budgets[0]["document"] = "MKT-2"
    changed = reward(501, reward_id="fruit-box", value=2_600)
    new = file(tmp_path, "two.yaml", version=2, rewards=[changed, reward(reward_id="tea")], budgets=budgets)
    told = json.loads(called("diff", "--json", old, new).output)
    assert {" ".join(one["path"]): (one["verdict"], one["adverse"]) for one in told} == {
        "version": ("neutral", False),
        "budgets marketing document": ("neutral", False),
        "rewards tea": ("better", False),
        "rewards fruit-box market_value_minor": ("better", False),
        "rewards fruit-box price": ("worse", True),
    }
    shown = called("diff", old, new).output
    assert "rewards · fruit-box · market value" in shown
    assert "26.00 CNY" in shown
    assert "worse: adverse" in shown
    assert "奖品 · fruit-box · 价格" in called("diff", "--language", "zh-CN", old, new).output
    assert "Nothing differs." in called("diff", old, old).output


def test_diff_of_what_is_no_pack(tmp_path: Path) -> None:
    good, broken = file(tmp_path, "one.yaml"), file(tmp_path, "two.yaml", name={"en": NAME["en"]})
    for other, sentence in ((broken, "two.yaml:3: name.zh-CN: is missing"), (tmp_path / "none.yaml", "is no file")):
        with pytest.raises(Trouble, match=sentence):
            CliRunner().invoke(app, ["diff", str(good), str(other)], catch_exceptions=False)
