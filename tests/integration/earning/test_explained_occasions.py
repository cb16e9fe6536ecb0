"""Sign-ups, birthdays, activities and corrections explain themselves: recomputed and equal to the books, or loud."""

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest_asyncio

from services.earning.store.birthdays import tell_birthdays
from services.operator.explain import occasion as shown
from services.operator.explain.shown import Grid, Sentence
from tests.infrastructure.fixtures import Database
from tests.infrastructure.till import PROGRAM
from tests.integration.earning.harness import Earning
from tests.integration.earning.test_corrections import Office
from tests.integration.earning.test_occasions import (
    ACTIVITIES,
    EFFECTS,
    TODAY,
    did,
    joined,
    occasions,
    proof,
    updated,
)
from tests.unit.earning.builders import ONE_PER_YUAN
from tests.unit.earning.rule_builders import rule

DAY = timedelta(days=1)
RULES = (
    ONE_PER_YUAN,
    rule("join", "sign_up", points=30),
    rule("join-less", "sign_up", points=10),
    rule("cake", "birthday", points=66, caps=[{"points": 60, "per": "member_lifetime"}]),
    rule("deeds", "activity", points=20, activities=["quiz", "lesson", "exam", "daily", "over"]),
    rule("weekend", "activity", points=5, activities=["lesson"], when={"weekdays": []}),
)


@pytest_asyncio.fixture(loop_scope="session")
async def office(database: Database) -> AsyncIterator[Office]:
    async with occasions(database.dsns["earning"], rules=RULES, activities=ACTIVITIES) as earning:
        yield Office(earning)


async def explained(office: Office, wanted: str) -> list[dict[str, Any]]:
    answer = await office.send("GET", f"/v1/programs/{PROGRAM}/occasions/{wanted}")
    return answer.json()["occasions"] if answer.status_code == 200 else []


def controls(one: dict[str, Any]) -> dict[str, str]:
    return {red["code"]: red["result"] for red in one["explanation"]["red_lines"]}


async def live(earning: Earning) -> None:
    """Ann joins, has a birthday, takes lessons; nothing of it twice."""
    await earning.post(joined("j", birth_month_day=f"{TODAY:%m-%d}", days=30))
    await tell_birthdays(earning.running)
    await earning.redeliver(EFFECTS)
    await earning.post(did("l1", "lesson", evidence_sha256=proof(1)), did("l2", "lesson", evidence_sha256=proof(1)))


async def test_what_was_granted_recomputes_and_each_rule_says_why(office: Office) -> None:
    await live(office.earning)
    joining, birthday = await explained(office, "ann")
    assert [(one["kind"], one["granted"], one["recomputes"]) for one in (joining, birthday)] == [
        ("sign_up", 30, True), ("birthday", 60, True),
    ]  # fmt: skip
    less = next(one for one in joining["explanation"]["rules"] if one["rule_id"] == "join-less")
    assert "join gives as much or more" in less["why_not"]
    (cap,) = birthday["explanation"]["rules"][0]["caps"]
    assert (cap["points"], cap["left"]) == (60, 60)
    (lesson,) = await explained(office, "l1")
    assert (lesson["activity_id"], lesson["granted"], lesson["recomputes"]) == ("lesson", 20, True)
    rules = {one["rule_id"]: one for one in lesson["explanation"]["rules"]}
    assert rules["weekend"]["why_not"] == "does not hold: when.weekdays"
    assert [one["holds"] for one in rules["weekend"]["conditions"]] == [False]
    assert controls(lesson)["BUDGET_EXHAUSTED"] == "kept"
    assert await explained(office, "l3") == []


async def test_what_was_declined_says_so_without_a_guess(office: Office) -> None:
    await live(office.earning)
    (again,) = await explained(office, "l2")
    assert (again["outcome"], again["granted"], "recomputes" in again) == ("declined", 0, False)
    code = again["code"]
    assert controls(again)[code] == "refused"
    assert sum(result == "refused" for result in controls(again).values()) == 1


async def test_a_reward_that_waits_for_the_phone_and_comes_later(office: Office) -> None:
    await office.earning.post(joined("j", phone=False))
    (waiting,) = await explained(office, "ann")
    assert (waiting["outcome"], waiting["recomputes"], controls(waiting)["ISSUE_TO_UNSPECIFIED"]) == (
        "waiting", True, "refused",
    )  # fmt: skip
    await office.earning.post(updated("u"))
    (given,) = await explained(office, "ann")
    assert (given["outcome"], given["granted"], given["recomputes"]) == ("granted", 30, True)


async def test_corrections_show_who_agreed_on_what(office: Office) -> None:
    await office.earning.register("ann")
    await office.ask()
    (asked,) = await explained(office, "c-1")
    assert (asked["outcome"], asked["granted"], "explanation" in asked) == ("requested", 0, False)
    await office.decide("jun")
    await office.ask(correction_id="c-2", points=-5)
    await office.decide("jun", correction="c-2")
    await office.earning.redeliver(EFFECTS)
    (credit,), (debit,) = await explained(office, "c-1"), await explained(office, "c-2")
    assert (credit["outcome"], credit["granted"], credit["recomputes"]) == ("granted", 100, True)
    assert (debit["outcome"], debit["granted"], debit["recomputes"]) == ("debited", 0, True)
    assert [step["person"] for step in debit["steps"]] == ["mei", "jun"]
    assert "LICENCE_MISSING" in controls(credit)
    assert "LICENCE_MISSING" not in controls(debit), "taking away issues nothing"


async def test_a_changed_row_is_found(office: Office) -> None:
    await live(office.earning)
    await office.earning.register("bob")
    await office.ask(member_id="bob")
    await office.decide("jun")
    await office.earning.redeliver(EFFECTS)
    await office.earning.running.pool.execute(
        "UPDATE issued_grant SET points = points + 1, lines = (SELECT json_agg(jsonb_set(line, '{points}',"
        " to_jsonb((line ->> 'points')::bigint + 1))) FROM jsonb_array_elements(lines::jsonb) AS line)"
    )
    for wanted in ("ann", "l1", "c-1"):
        for one in await explained(office, wanted):
            assert (one["recomputes"], one["difference_code"]) == (False, "EXPLANATION_DIFFERS"), one["kind"]


async def test_the_command_shows_all_of_it_in_both_languages(office: Office) -> None:
    await live(office.earning)
    await office.ask(correction_id="c-9", points=7)
    found = [*await explained(office, "ann"), *await explained(office, "l1"), *await explained(office, "c-9")]
    for language, words in (("en", ("birthday", "+7 points on budget line")), ("zh-CN", ("生日", "+7 分"))):
        blocks = list(shown.blocks({"occasions": found}, PROGRAM, language))  # type: ignore[arg-type]
        said = " ".join(block.text for block in blocks if isinstance(block, Sentence))
        assert all(word in said for word in words), said
        assert sum(isinstance(block, Grid) and bool(block.rows) for block in blocks) > 8
