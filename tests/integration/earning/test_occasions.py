"""Joining, activities and birthdays against real books: each is paid once, whoever repeats it and wherever."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

import orjson
import pytest_asyncio

from services.earning.store.birthdays import tell_birthdays
from shared.events.activity_completed import ActivityCompleted
from shared.events.member_registered import MemberRegistered
from shared.events.member_updated import MemberUpdated
from shared.programs.community import Activity
from shared.runtime.batch import Delivered
from tests.infrastructure.fixtures import Database
from tests.infrastructure.till import PROGRAM, purchase
from tests.integration.earning.harness import NOW, Earning, program, record, registration, started
from tests.unit.earning.builders import ONE_PER_YUAN
from tests.unit.earning.rule_builders import rule

DAY = timedelta(days=1)
EFFECTS = "earning.effects.v1"
TODAY = NOW.astimezone(ZoneInfo("Asia/Shanghai")).date()


def activity(activity_id: str, evidence: str = "file", **fields: Any) -> Activity:
    named = {"activity_id": activity_id, "kind": "training", "name": {"zh-CN": "培训", "en": "Training"}}
    return Activity.model_validate({**named, "evidence": evidence, **fields})


ACTIVITIES = (
    activity("quiz", "answers", kind="survey"),
    activity("lesson"),
    activity("exam", "score", min_score=60),
    activity("daily", "score", min_score=1, times=2, per="day", kind="check_in"),
    activity("over", available={"from": "2020-01-01", "to": "2020-02-01"}),
    activity("unpaid"),
)
RULES = (
    ONE_PER_YUAN,
    rule("join", "sign_up", points=30),
    rule("cake", "birthday", points=66),
    rule("deeds", "activity", points=20, activities=["quiz", "lesson", "exam", "daily", "over"]),
)


def occasions(dsn: str, *, shift: timedelta = timedelta(), **changes: Any) -> AbstractAsyncContextManager[Earning]:
    return started(dsn, program(**{"rules": RULES, "activities": ACTIVITIES, **changes}), shift=shift)


@pytest_asyncio.fixture(loop_scope="session")
async def shop(database: Database) -> AsyncIterator[Earning]:
    async with occasions(database.dsns["earning"]) as books:
        yield books


def joined(event_id: str, member_id: str = "ann", *, phone: bool = True, days: int = 60, **fields: Any) -> Delivered:
    data = MemberRegistered(
        program_id=PROGRAM, member_id=member_id, registered_at=NOW - days * DAY, phone_verified=phone, **fields
    )
    return record(event_id, data, ago=days * DAY)


def updated(event_id: str, member_id: str = "ann", *, days: int = 1, **fields: Any) -> Delivered:
    profile = {"registered_at": NOW - 60 * DAY, "phone_verified": True, **fields}
    return record(event_id, MemberUpdated(program_id=PROGRAM, member_id=member_id, **profile), ago=days * DAY)


def did(event_id: str, activity_id: str, member_id: str = "ann", *, days: float = 1, **fields: Any) -> Delivered:
    whole = {"kind": next((one.kind for one in ACTIVITIES if one.activity_id == activity_id), "training"), **fields}
    data = ActivityCompleted(program_id=PROGRAM, member_id=member_id, activity_id=activity_id, **whole)
    return record(event_id, data, ago=days * DAY)


def proof(number: int) -> str:
    return f"{number:064x}"


async def decided(earning: Earning) -> dict[str, tuple[str, str | None]]:
    rows = await earning.running.pool.fetch("SELECT event_id, outcome, code FROM decision")
    return {row["event_id"]: (row["outcome"], row["code"]) for row in rows}


async def told(earning: Earning, name: str) -> list[dict[str, Any]]:
    """The data of each event of a type that earning has told, in the order of the outbox."""
    return [
        orjson.loads(row["payload"])["data"]
        for row in await earning.outbox("points.grants.v1")
        if row["type"] == f"greenpoints.points.{name}.v1"
    ]


async def test_joining_is_paid_once_in_one_batch_in_two_and_after_a_replay(shop: Earning) -> None:
    await shop.post(joined("reg"), joined("reg"), joined("again"))
    await shop.post(joined("reg"))
    await shop.post(joined("third"))
    assert await shop.balances() == {"ann": 30}
    found = await decided(shop)
    assert found == {"reg": ("granted", None), "again": ("registered", None), "third": ("registered", None)}
    (grant,) = await told(shop, "granted")
    assert (grant["class"], grant["source"], grant["budget_id"]) == (
        "PROMO", {"type": "greenpoints.member.registered.v1", "id": "reg"}, "marketing",
    )  # fmt: skip
    await shop.assert_books_hold()


async def test_joining_at_two_workers_at_once_is_paid_once(shop: Earning) -> None:
    """One whose partition was taken over does not know yet: only the books themselves keep the two apart."""
    for number in range(25):
        member = f"ann{number}"
        await asyncio.gather(
            shop.post(joined(f"a{number}", member)), shop.post(joined(f"b{number}", member), partition=1)
        )
    assert await shop.balances() == {f"ann{number}": 30 for number in range(25)}
    await shop.assert_books_hold()


async def test_joining_is_paid_when_the_phone_is_verified_by_the_version_of_the_registration(shop: Earning) -> None:
    await shop.post(joined("reg", phone=False))
    assert await decided(shop) == {"reg": ("registered", "ISSUE_TO_UNSPECIFIED")}
    (refused,) = await told(shop, "declined")
    assert (refused["code"], refused["would_have_earned"]) == ("ISSUE_TO_UNSPECIFIED", 30)
    await shop.post(updated("still", phone_verified=False))
    await shop.post(updated("verified"))
    await shop.post(updated("later"), joined("twice"))
    found = await decided(shop)
    assert (found["still"], found["verified"], found["later"]) == (
        ("updated", None), ("granted", None), ("updated", None),
    )  # fmt: skip
    assert await shop.balances() == {"ann": 30}
    await shop.assert_books_hold()


async def test_who_joined_without_a_promise_or_long_ago_is_not_paid_later(database: Database) -> None:
    async with occasions(database.dsns["earning"], rules=(ONE_PER_YUAN,)) as plain:
        await plain.post(joined("reg"))
        assert await told(plain, "declined") == []
    async with occasions(database.dsns["earning"]) as shop:
        await shop.post(updated("later"), joined("again"))
        await shop.post(joined("old", "bea", days=181), joined("listed", "cai", listed_party=True))
        assert await shop.balances() == {}
        found = await decided(shop)
        assert (found["old"], found["listed"]) == (("registered", "EVENT_TOO_OLD"), ("registered", "LISTED_PARTY"))


async def test_an_activity_needs_its_evidence_and_counts_as_often_as_the_pack_says(shop: Earning) -> None:
    await shop.post(registration("ann"), registration("bea"))
    await shop.post(
        did("quiz-1", "quiz", answers={"q1": "yes"}),
        did("quiz-2", "quiz", answers={"q1": "no"}),
        did("quiz-3", "quiz", "bea"),
        did("lesson-1", "lesson", evidence_sha256=proof(1)),
        did("lesson-2", "lesson", "bea", evidence_sha256=proof(1)),
        did("lesson-3", "lesson", "bea", score=100),
        did("exam-1", "exam", score=59),
        did("exam-2", "exam", score=60),
        did("day-1", "daily", score=1, days=3),
        did("day-2", "daily", score=1, days=3),
        did("day-3", "daily", score=1, days=3),
        did("day-4", "daily", score=1, days=2),
        did("over", "over", evidence_sha256=proof(2)),
        did("unpaid", "unpaid", evidence_sha256=proof(3)),
        did("unknown", "nothing", evidence_sha256=proof(4)),
        did("wrong-kind", "lesson", "bea", kind="survey", evidence_sha256=proof(5)),
        did("old", "lesson", "bea", days=181, evidence_sha256=proof(6)),
    )
    await shop.post(did("quiz-4", "quiz", answers={"q1": "late"}), did("day-5", "daily", score=1, days=3))
    await shop.post(did("lesson-4", "lesson", "bea", evidence_sha256=proof(1)))
    found = await decided(shop)
    granted = {name for name, (outcome, _) in found.items() if outcome == "granted" and not name.startswith("reg")}
    assert granted == {"quiz-1", "lesson-1", "exam-2", "day-1", "day-2", "day-4"}
    refused = {name: code for name, (outcome, code) in found.items() if outcome == "declined"}
    assert refused == {
        "quiz-2": "CAP_REACHED", "quiz-3": "EVIDENCE_MISSING", "quiz-4": "CAP_REACHED", "day-3": "CAP_REACHED",
        "day-5": "CAP_REACHED", "lesson-2": "DUPLICATE_EARN", "lesson-3": "EVIDENCE_MISSING",
        "lesson-4": "DUPLICATE_EARN", "exam-1": "EVIDENCE_MISSING", "over": "NO_QUALIFYING_TRANSACTION",
        "unpaid": "NO_QUALIFYING_TRANSACTION", "unknown": "EVIDENCE_MISSING", "wrong-kind": "EVIDENCE_MISSING",
        "old": "EVENT_TOO_OLD",
    }  # fmt: skip
    assert await shop.balances() == {"ann": 30 + 6 * 20, "bea": 30}
    (quiz,) = [one for one in await told(shop, "declined") if one["source"]["id"] == "quiz-2"]
    assert (quiz["would_have_earned"], quiz["rule_version"]) == (20, 1)
    await shop.assert_books_hold()


async def test_one_file_brought_by_two_members_at_once_proves_one_deed(shop: Earning) -> None:
    await shop.register("ann")
    await shop.register("bea", partition=1)
    for number in range(25):
        lesson = f"lesson-{number}"
        await asyncio.gather(
            shop.post(did(f"a{number}", "exam" if number else "lesson", evidence_sha256=proof(number), score=60)),
            shop.post(
                did(f"b{lesson}", "daily", "bea", days=number, evidence_sha256=proof(number), score=60), partition=1
            ),
        )
    files = await shop.running.pool.fetch(
        "SELECT evidence_sha256, count(*) AS deeds FROM occasion WHERE evidence_sha256 IS NOT NULL GROUP BY 1"
    )
    assert len(files) == 25 and {row["deeds"] for row in files} == {1}
    await shop.assert_books_hold()


async def test_caps_of_rules_are_counted_over_batches_and_partitions(database: Database) -> None:
    """The first three who join, and 50 points of activities per member and day; who verifies later may be too late."""
    rules = (
        rule("join", "sign_up", points=30, caps=[{"points": 90, "per": "campaign"}]),
        rule("deeds", "activity", points=30, activities=["daily"], caps=[{"points": 50, "per": "member_day"}]),
    )
    daily = activity("daily", "score", min_score=1, times=9, per="day", kind="check_in")
    async with occasions(database.dsns["earning"], rules=rules, activities=(daily,)) as shop:
        await shop.post(joined("reg-late", "late", phone=False))
        for number in range(5):
            await shop.post(joined(f"reg{number}", f"ann{number}"), partition=number % 2)
        await shop.post(updated("verified", "late"))
        found = await decided(shop)
        assert [found[f"reg{number}"] for number in range(5)] == [("granted", None)] * 3 + [
            ("registered", "CAP_REACHED")
        ] * 2
        assert found["verified"] == ("updated", "CAP_REACHED")
        days = [did(f"day{number}", "daily", "ann4", days=2, score=1) for number in range(3)]
        await shop.post(days[0])
        await shop.post(days[1])
        await shop.post(days[2], did("next-day", "daily", "ann4", days=1, score=1))
        found = await decided(shop)
        assert [found[f"day{number}"] for number in range(3)] == [("granted", None)] * 2 + [("declined", "CAP_REACHED")]
        assert await shop.balances() == {"ann0": 30, "ann1": 30, "ann2": 30, "ann4": 50 + 30}
        await shop.assert_books_hold()


async def test_an_activity_waits_for_the_registration_and_a_replay_pays_nothing(shop: Earning) -> None:
    early = did("early", "exam", score=80)
    await shop.post(early, early)
    assert await decided(shop) == {}
    await shop.register("ann")
    assert await shop.redeliver(EFFECTS) == 1
    await shop.post(early)
    assert await shop.balances() == {"ann": 30 + 20}
    await shop.assert_books_hold()


async def test_a_budget_that_cannot_pay_refuses_the_deed_and_it_may_be_done_again(database: Database) -> None:
    async with occasions(database.dsns["earning"], approved_minor=49 * 5) as shop:
        await shop.register("ann")
        await shop.post(did("exam-1", "exam", score=80))
        assert (await decided(shop))["exam-1"] == ("declined", "BUDGET_EXHAUSTED")
        assert await shop.running.pool.fetchval("SELECT count(*) FROM activity_count") == 0
        assert await shop.balances() == {"ann": 30}
        await shop.assert_books_hold()


async def test_a_birthday_is_paid_once_per_year_whatever_the_profile_says_next(shop: Earning) -> None:
    """The timer runs as often as it likes; a birthday moved to a later day of the year earns nothing more."""
    kept = TODAY - 10 * DAY
    await shop.post(joined("reg", birth_month_day=f"{kept:%m-%d}"))
    for _ in range(3):
        await tell_birthdays(shop.running)
    assert len(await shop.outbox(EFFECTS)) == 1
    await shop.running.pool.execute("UPDATE birthday_timer SET due_at = due_at - interval '1 year', told_year = NULL")
    await tell_birthdays(shop.running)
    assert await shop.redeliver(EFFECTS) >= 2, "as after a restore: the same birthday is told again"
    assert await shop.balances() == {"ann": 30 + 66}
    moved = TODAY - 2 * DAY
    await shop.post(updated("moved", days=5, birth_month_day=f"{moved:%m-%d}"))
    await tell_birthdays(shop.running)
    assert await shop.redeliver(EFFECTS) == (moved.year > kept.year)
    assert await shop.balances() == {"ann": 30 + 66 * (1 + (moved.year > kept.year))}
    await shop.assert_books_hold()


async def test_a_second_birthday_of_a_year_under_another_id_is_refused(shop: Earning) -> None:
    """The timer gives no such event; what an operator replays or an older release told might be one."""
    await shop.post(joined("reg", birth_month_day=f"{TODAY - 10 * DAY:%m-%d}"))
    await tell_birthdays(shop.running)
    (row,) = await shop.outbox(EFFECTS)
    await shop.redeliver(EFFECTS)
    other = orjson.dumps({**orjson.loads(row["payload"]), "id": "other"})
    await shop.running.pool.execute(
        "INSERT INTO outbox (aggregatetype, aggregateid, type, event_id, payload) VALUES ($1, $2, $3, $4, $5)",
        *(row["aggregatetype"], row["aggregateid"], row["type"], row["event_id"], other),
    )
    await shop.redeliver(EFFECTS)
    assert (await decided(shop))["other"] == ("declined", "DUPLICATE_EARN")
    assert await shop.balances() == {"ann": 30 + 66}


async def test_days_pass_with_the_shifted_clock_and_every_year_has_its_birthday(database: Database) -> None:
    soon = TODAY + 20 * DAY
    async with occasions(database.dsns["earning"]) as shop:
        await shop.post(joined("reg", birth_month_day=f"{soon:%m-%d}"))
        await tell_birthdays(shop.running)
        assert await shop.outbox(EFFECTS) == []
        begins = await shop.running.pool.fetchval("SELECT due_at FROM birthday_timer")
        assert begins.astimezone(ZoneInfo("Asia/Shanghai")).strftime("%m-%d %H:%M") == f"{soon:%m-%d} 00:00"
    for years, points in ((0, 66), (0, 66), (1, 2 * 66)):
        async with occasions(database.dsns["earning"], shift=years * 366 * DAY + 21 * DAY) as later:
            await tell_birthdays(later.running)
            await later.redeliver(EFFECTS)
            assert await later.balances() == {"ann": 30 + points}
            (due,) = await later.running.pool.fetch("SELECT due_at FROM birthday_timer")
            assert due["due_at"].astimezone(ZoneInfo("Asia/Shanghai")).strftime("%m-%d %H:%M") == f"{soon:%m-%d} 00:00"
            await later.assert_books_hold()


async def test_a_birthday_is_told_only_where_a_rule_rewards_it(database: Database) -> None:
    kept = TODAY - DAY
    async with occasions(database.dsns["earning"], rules=(ONE_PER_YUAN,)) as plain:
        await plain.post(joined("reg", birth_month_day=f"{kept:%m-%d}"))
        await tell_birthdays(plain.running)
        assert await plain.outbox(EFFECTS) == []
        assert await plain.running.pool.fetchval("SELECT count(*) FROM birthday_timer WHERE due_at <= now()") == 0


async def test_nobody_else_may_say_that_a_birthday_has_come(shop: Earning) -> None:
    await shop.post(joined("reg", birth_month_day=f"{TODAY - DAY:%m-%d}"))
    await tell_birthdays(shop.running)
    await shop.running.pool.execute(
        """UPDATE outbox SET payload = convert_to(replace(convert_from(payload, 'UTF8'), '"/earning"', '"/pos/me"'),
           'UTF8') WHERE aggregatetype = $1""",
        EFFECTS,
    )
    await shop.redeliver(EFFECTS)
    assert await shop.running.pool.fetchval("SELECT code FROM dead_letter") == "NOT_AUTHORITATIVE"
    assert await shop.balances() == {"ann": 30}


async def test_a_rule_of_receipts_knows_the_birthday(database: Database) -> None:
    rules = (ONE_PER_YUAN, rule("party", "per_order", points=500, when={"birthday": True}))
    async with occasions(database.dsns["earning"], rules=rules) as shop:
        kept = (NOW - 3 * DAY).astimezone(ZoneInfo("Asia/Shanghai"))
        await shop.post(joined("reg", birth_month_day=f"{kept:%m-%d}"), joined("other", "bea"))
        await shop.post(
            record("on-it", purchase("r1", "ann", 1_000), ago=3 * DAY),
            record("next-day", purchase("r2", "ann", 1_000), ago=2 * DAY),
            record("not-hers", purchase("r3", "bea", 1_000), ago=3 * DAY),
        )
        assert await shop.balances() == {"ann": 10 + 500 + 10, "bea": 10}
        await shop.assert_books_hold()
