"""Reading packs: the ones that ship, and errors that name file, line and field."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.programs.load import InvalidPackError, PackError, load_pack
from shared.programs.pack import ProgramPack
from shared.programs.rules import RateRule
from tests.unit.earning.builders import pack

PROGRAMS = Path(__file__).parents[3] / "deploy" / "programs"
FRUIT_SHOP = (PROGRAMS / "fruit-shop.yaml").read_text(encoding="utf-8")


def faults(text: str) -> tuple[PackError, ...]:
    with pytest.raises(InvalidPackError) as refused:
        load_pack(text, "shop.yaml")
    return refused.value.errors


def fault(before: str, after: str) -> PackError:
    """The one fault of the fruit shop's pack after this change; its line is checked against the file's."""
    assert FRUIT_SHOP.count(before) == 1
    (found,) = faults(FRUIT_SHOP.replace(before, after))
    assert found.file == "shop.yaml"
    return found


def line_of(text: str) -> int:
    return FRUIT_SHOP[: FRUIT_SHOP.index(text)].count("\n") + 1


@pytest.mark.parametrize("path", sorted(PROGRAMS.glob("*.yaml")), ids=lambda path: path.stem)
def test_a_shipped_pack_reads_and_survives_json(path: Path) -> None:
    read = load_pack(path.read_text(encoding="utf-8"), path.name)
    assert read.program_id == path.stem
    assert ProgramPack.model_validate_json(read.model_dump_json()) == read
    assert ProgramPack.model_validate(read.model_dump(mode="json")) == read


def test_the_fruit_shop_s_facts() -> None:
    read = load_pack(FRUIT_SHOP, "fruit-shop.yaml")
    (budget,), (rule,) = read.budgets, read.rules
    assert isinstance(rule, RateRule)
    assert (rule.points, rule.per_minor, rule.rounding) == (1, 100, "floor")
    assert (read.return_window_days, read.max_event_age_days, read.registration_grace_hours) == (7, 180, 24)
    assert (read.claw_back_policy, read.refund_method) == ("deficit", "recompute")
    assert 500 * budget.cost_per_point.minor == 2_500 * budget.cost_per_point.points
    assert budget.approved_minor == 100_000_000
    assert read.effective_at == datetime(2025, 12, 31, 16, tzinfo=UTC)


def test_the_replay_program_is_before_its_file_and_forgets_nothing() -> None:
    read = load_pack((PROGRAMS / "online-retail.yaml").read_text(encoding="utf-8"), "online-retail.yaml")
    assert (read.currency, read.time_zone, read.max_event_age_days) == ("GBP", "Europe/London", "unlimited")
    assert (read.expiry.at, read.return_window_days) == ("never", 0)
    assert read.effective_at < datetime(2010, 12, 1, tzinfo=UTC)


def test_what_is_left_out_takes_its_default() -> None:
    read = pack()
    assert (read.return_window_days, read.max_event_age_days, read.registration_grace_hours) == (7, 180, 24)
    assert (read.basis.tax, read.basis.shipping_earns, read.merchants) == ("included", False, ())
    assert (read.claw_back_policy, read.refund_method) == ("deficit", "recompute")


@pytest.mark.parametrize(
    ("before", "after", "at", "field", "message"),
    [
        ("    per_minor: 100", "    per_minor: 0", "    per_minor", "rules[0].per_minor", "greater than or equal to 1"),
        ("    per_minor: 100", "    per_minor: 1.5", "    per_minor", "rules[0].per_minor", "whole number, not 1.5"),
        ("    per_minor: 100", "    per_minor: '100'", "    per_minor", "rules[0].per_minor", "whole number"),
        ("    per_minor: 100", "    per_minor: 0100", "    per_minor", "rules[0].per_minor", "whole number"),
        ("    enabled: true", "    enabled: no", "    enabled", "rules[0].enabled", "true or false, not 'no'"),
        ("    enabled: true", "    cap: 100", "    enabled", "rules[0].cap", "not built yet"),
        ("    kind: rate", "    kind: raffle", "  - rule_id", "rules[0]", "'raffle' is not built yet"),
        ("    kind: rate", "    kind: [rate]", "  - rule_id", "rules[0]", "is not built yet"),
        ("    kind: rate", "    # none", "  - rule_id", "rules[0]", "must say its kind"),
        ("version: 2", "version: 0", "version: 2", "version", "greater than or equal to 1"),
        ("version: 2", "tierz: []\nversion: 2", "version: 2", "tierz", "not known here"),
        ("  zh-CN: 鲜果会员积分", "  fr: Fruits\n  zh-CN: 鲜果会员积分", "  zh-CN", "name.fr", "not known here"),
        ("currency: CNY", "currency: yuan", "currency", "currency", "CNY; found 'yuan'"),
        ("time_zone: Asia/Shanghai", "time_zone: Beijing", "time_zone", "time_zone", "no IANA time zone"),
        ("T00:00:00+08:00", "T00:00:00", "effective_at:", "effective_at", "offset"),
        ("shipping_earns: false", "shipping_earns: no", "  shipping", "basis.shipping_earns", "true or false"),
        ("refund_method: recompute", "refund_method: by hand", "refund_m", "refund_method", "'proportional'"),
        ("max_event_age_days: 180", "max_event_age_days: 0", "max_ev", "max_event_age_days", "word unlimited"),
        ("claw_back_policy: deficit", "claw_back_policy: none", "claw_b", "claw_back_policy", "within_balance"),
        ("source: marketing_expense", "source: reserve", "    source", "budgets[0].source", "marketing_expense"),
        ("      from: 2026-01-01", "      from: 2026", "      from", "budgets[0].period.from", "must be a date"),
        ("      to: 2030-01-01", "      to: 2026-01-01", "    period", "budgets[0].period", "first day after"),
        ("  round_to: month_end", "  days: 3", "expiry:", "expiry", "exactly one of"),
        (
            "    budget_id: marketing-2026-2029\n",
            "    budget_id: other\n",
            "    budget_id: m",
            "rules[0].budget_id",
            "not under budgets",
        ),
        ("program_id: fruit-shop", "program_id: fruit/shop", "program_id", "program_id", "without '/'"),
    ],
)
def test_a_fault_names_its_line_and_field(before: str, after: str, at: str, field: str, message: str) -> None:
    found = fault(before, after)
    assert (found.field, found.line) == (field, line_of(at))
    assert message in found.message


def test_a_missing_field_is_named_at_the_part_that_lacks_it() -> None:
    found = fault("    approver: Head of Marketing\n", "")
    assert (found.field, found.message) == ("budgets[0].approver", "is missing; add it")
    assert found.line == line_of("  - budget_id")


def test_a_key_written_twice_is_a_fault_with_both_lines() -> None:
    found = fault("currency: CNY\n", "currency: CNY\ncurrency: USD\n")
    first = line_of("currency: CNY")
    assert (found.field, found.line) == ("currency", first + 1)
    assert found.message == f"is written twice (first on line {first}); keep one"


def test_an_id_used_twice_is_a_fault() -> None:
    begins = FRUIT_SHOP.index("  - rule_id")
    ends = FRUIT_SHOP.index("\n\n", begins) + 1
    (found,) = faults(FRUIT_SHOP[:ends] + FRUIT_SHOP[begins:ends] + FRUIT_SHOP[ends:])
    assert "rule_id 'one-per-yuan' occurs twice" in found.message
    assert (found.field, found.line) == ("rules[1].rule_id", FRUIT_SHOP[:ends].count("\n") + 1)


def test_several_faults_are_told_at_once_in_the_file_s_order() -> None:
    broken = FRUIT_SHOP.replace("points: 1 #", "points: -1 #").replace("version: 2", "version: two")
    found = faults(broken.replace("CNY", "yuan"))
    assert [one.field for one in found] == ["version", "currency", "rules[0].points"]
    assert str(found[0]).startswith(f"shop.yaml:{line_of('version: 2')}: version: must be a whole number")
    with pytest.raises(InvalidPackError, match=r"(?s)version.*currency.*rules\[0\]\.points"):
        load_pack(broken.replace("CNY", "yuan"), "shop.yaml")


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("", 1, "`key: value` lines"),
        ("- a\n- b\n", 1, "`key: value` lines"),
        ("program_id: a\nname: [\n", 3, "not valid YAML"),
        ("program_id: a\n\tversion: 1\n", 2, "not valid YAML"),
        ("a: &x 1\nb: *x\n", 2, "alias"),
        ("a: !!python/object:os.system x\n", 1, "not valid YAML"),
        ("a: 1\nb: \x07\n", 2, "character"),
        ("[" * 1_500, 1, "nested too deeply"),
        ("a: 1\n---\nb: 2\n", 2, "not valid YAML"),
        ("#" * 600_000, 1, "longer than"),
        ("version: " + "9" * 5_000, 1, "number"),
    ],
)
def test_a_file_that_is_no_pack_is_one_clear_fault(text: str, line: int, message: str) -> None:
    (found,) = faults(text)
    assert (found.line, found.field) == (line, "")
    assert message in found.message


@given(st.text(max_size=80), st.integers(0, len(FRUIT_SHOP)))
def test_whatever_is_typed_into_a_pack_it_is_read_or_refused(typed: str, at: int) -> None:
    try:
        load_pack(FRUIT_SHOP[:at] + typed + FRUIT_SHOP[at:], "shop.yaml")
    except InvalidPackError as refused:
        assert refused.errors
        assert all(error.line >= 1 for error in refused.errors)


COMMUNITY = (PROGRAMS / "community-recycling.yaml").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("old", "new", "field", "message"),
    [
        ("    per_pieces: 1\n", "", "rules[2]", "exactly one of per_grams, per_pieces, per_grams_co2e"),
        ("    per_pieces: 1\n", "    per_pieces: 1\n    per_grams: 5\n", "rules[2]", "exactly one of"),
        ("materials: [textiles]", "materials: []", "rules[1].materials", "at least 1"),
        ("materials: [textiles]", "materials: [textiles, textiles]", "rules[1]", "names a material twice"),
        ("grams_co2e_per_kg: 3_460", "grams_co2e_per_kg: 3.46", "factors[0].grams_co2e_per_kg", "whole number"),
        ("material: mixed_paper", "material: cardboard", "factors[1].material", "occurs twice"),
        ("station_id: kiosk-xihu", "station_id: kiosk-gongshu", "stations[1].station_id", "occurs twice"),
        ("capacity_grams: 60_000", "capacity_grams: 0", "stations[0].capacity_grams", "greater than or equal to 1"),
        ("    side: inviter\n", "    side: both\n", "rules[5].side", "'inviter' or 'invitee'"),
        ("    side: inviter\n", "    side: inviter\n    points_class: CONSUMPTION\n", "rules[5].points_class", "PROMO"),
        ("    condition: second_hand", "    condition: mended", "rules[3].condition", "'new' or 'second_hand'"),
    ],
)  # fmt: skip
def test_a_fault_in_a_tariff_or_referral_is_told_where_it_stands(old: str, new: str, field: str, message: str) -> None:
    assert old in COMMUNITY
    found = faults(COMMUNITY.replace(old, new, 1))
    assert [one.field for one in found] == [field], found
    assert message in found[0].message


def test_a_tariff_without_a_station_that_may_take_drops_is_a_fault() -> None:
    start, end = COMMUNITY.index("stations:"), COMMUNITY.index("# What recycling a kilogram")
    found = faults(COMMUNITY[:start] + COMMUNITY[end:])
    assert found[0].field == "rules[0].kind"
    assert "no station that may take one" in found[0].message
