"""Sign-ups, activities and birthdays through real Kafka, two earning workers and redemption; then audited."""

from dataclasses import dataclass
from datetime import timedelta
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

from deploy.local.stack import Stack
from services.operator.audit import run_audit
from services.operator.program import publish_pack
from shared.events.activity_completed import ActivityCompleted
from shared.events.event import EventData
from shared.events.member_registered import MemberRegistered
from shared.events.member_updated import MemberUpdated
from tests.infrastructure.fixtures import Database
from tests.infrastructure.services import Services, eventually, producer, running_services
from tests.infrastructure.till import PROGRAM, Till
from tests.integration.audit.books import until_drained
from tests.integration.earning.harness import program
from tests.integration.earning.test_occasions import activity
from tests.integration.earning.test_organisations import school
from tests.unit.earning.rule_builders import rule

PUPILS = 24
SEED = 20261122
SHIFT = timedelta(days=21)  # the services' clock runs ahead, so a birthday three weeks off begins now


@dataclass(frozen=True, slots=True)
class Message:
    event_id: str
    data: EventData
    days_ago: int


def pupil(number: int, till: Till) -> list[Message]:
    """Joins with a phone not verified, verifies it, hikes twice, does the quiz twice, has a birthday."""
    name = f"pupil-{number}"
    birthday = (till.now + timedelta(days=20)).astimezone(ZoneInfo("Asia/Shanghai"))
    profile: dict[str, Any] = {
        "program_id": PROGRAM, "member_id": name, "registered_at": till.now - timedelta(days=60),
        "organisation_id": "school-1", "birth_month_day": f"{birthday:%m-%d}",
    }  # fmt: skip
    hike: dict[str, Any] = {
        "program_id": PROGRAM,
        "member_id": name,
        "activity_id": "hike",
        "kind": "training",
        "score": 1,
    }
    quiz: dict[str, Any] = {
        "program_id": PROGRAM,
        "member_id": name,
        "activity_id": "quiz",
        "kind": "survey",
        "answers": {"q": "yes"},
    }
    return [
        Message(f"reg-{name}", MemberRegistered(**profile, phone_verified=False), 60),
        Message(f"phone-{name}", MemberUpdated(**profile, phone_verified=True), 50),
        *(Message(f"hike-{name}-{day}", ActivityCompleted(**hike), day) for day in (9, 5)),
        *(Message(f"quiz-{name}-{day}", ActivityCompleted(**quiz), day) for day in (8, 4)),
    ]


EACH = 30 + 2 * 15 + 20 + 66


async def test_a_schools_year_is_paid_once_whatever_the_order_and_the_audit_is_clean(
    fresh_topics: str, stack: Stack, database: Database
) -> None:
    print(f"seed {SEED}")
    chance = Random(SEED)  # noqa: S311 - a test's shuffle
    terms = program(
        rules=(
            rule("join", "sign_up", points=30),
            rule("cake", "birthday", points=66),
            rule("hikes", "activity", points=15, activities=["hike"]),
            rule("quizzes", "activity", points=20, activities=["quiz"]),
        ),
        activities=(
            activity("hike", "score", min_score=1, times=1, per="day", organisation_id="school-1"),
            activity("quiz", "answers", kind="survey"),
        ),
        organisations=(school(caps=[{"points": PUPILS * 30, "per": "lifetime"}]),),
    )
    await publish_pack(fresh_topics, terms)
    ahead = {"GREENPOINTS_CLOCK_SHIFT_SECONDS": str(int(SHIFT.total_seconds()))}
    async with running_services(fresh_topics, database, stack.state_dir) as services:
        for name, ordinal in (("earning", 0), ("earning-2", 1), ("redemption", 0)):
            await services.start(name.removesuffix("-2"), name=name, ordinal=ordinal, environment=ahead)
        async with producer(fresh_topics) as sender:
            till = Till(sender, "school")
            messages = [message for number in range(PUPILS) for message in pupil(number, till)]
            registrations = [message for message in messages if message.event_id.startswith("reg-")]
            later = [message for message in messages if message not in registrations] * 2
            chance.shuffle(later)
            half = len(later) // 2
            for message in (*later[:half], *registrations):
                await till.send(message.event_id, message.data, ago=message.days_ago)
            await services.kill("earning-2")
            for message in (*later[half:], *registrations):
                await till.send(message.event_id, message.data, ago=message.days_ago)
            await services.start("earning", name="earning-3", ordinal=1, environment=ahead)

        async def settled() -> bool:
            return await _booked(services) == {
                f"pupil-{number}": EACH + (7 if number == 3 else 0) for number in range(PUPILS)
            }

        await eventually("registration of pupil-3", lambda: _is_registered(services, "pupil-3"))
        await _credit(services, "pupil-3", 7)
        await eventually("balances of all pupils", settled, seconds=120)
        await until_drained(services, "earning", "redemption", "earning", "redemption")
        assert await settled(), "the repeats that came later changed nothing"
        async with services.connection("greenpoints_audit") as reader:
            refused = await reader.fetch(
                "SELECT code, count(*) FROM earning.audit_decision WHERE outcome = 'declined' GROUP BY 1"
            )
        assert {row["code"]: row["count"] for row in refused} == {"CAP_REACHED": PUPILS}
        verdict = await run_audit(database.dsns["greenpoints_audit"], fresh_topics)
        assert verdict.clean, verdict.sentence
        report = await services.get(
            "earning", f"/v1/programs/{PROGRAM}/organisations/school-1/report?from=2026-01-01&to=2100-01-01"
        )
        assert (report["actions"], report["participants"]) == (3 * PUPILS, PUPILS)
        story = await services.get("earning", "/v1/trace/hike-pupil-1-9")
        assert [(row["outcome"], row["member_id"]) for row in story["decisions"]] == [("granted", "pupil-1")]
        (grant,) = story["grants"]
        assert grant["points"] == 15
        assert await services.get("earning", f"/v1/trace/{grant['grant_id']}") == story


async def _is_registered(services: Services, member_id: str) -> bool:
    async with services.connection("greenpoints_audit") as reader:
        return bool(
            await reader.fetchval("SELECT EXISTS (SELECT FROM earning.audit_member WHERE member_id = $1)", member_id)
        )


async def _credit(services: Services, member_id: str, points: int) -> None:
    """One person asks, another approves; both twice."""
    path = f"/v1/programs/{PROGRAM}/corrections"
    body = {
        "correction_id": "c-1", "member_id": member_id, "points": points, "budget_id": "marketing",
        "reason": "the kiosk lost a hike", "evidence": "mail of 3 May", "person": "mei",
    }  # fmt: skip
    decision = {"verdict": "approve", "note": "seen the mail", "person": "jun"}
    async with services.operator("earning") as client:
        for _ in range(2):
            assert (await client.post(path, json=body)).status_code == 201
        for _ in range(2):
            assert (await client.post(f"{path}/c-1/decisions", json=decision)).status_code == 201


async def _booked(services: Services) -> dict[str, int]:
    """What stands in redemption's books per member."""
    async with services.connection("greenpoints_audit") as reader:
        rows = await reader.fetch(
            "SELECT member_id, sum(points - recalled)::bigint AS points FROM redemption.audit_lot GROUP BY 1"
        )
    return {row["member_id"]: row["points"] for row in rows}
