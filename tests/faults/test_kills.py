"""Processes die anywhere: nothing is lost, nothing doubled, and the books equal those of a run in peace."""

from collections import Counter
from collections.abc import Awaitable, Callable

import orjson

from tests.faults.course import Outcome
from tests.faults.kills import RELAY_POINTS, WORKER_POINTS, CrashPoints, RandomKills
from tests.faults.record import Traffic

Fought = Callable[..., Awaitable[Outcome]]


def test_in_peace_every_member_has_what_the_traffic_says(calm: Outcome, traffic: Traffic) -> None:
    """The simulator's own reckoning: what all other runs are held against is itself right."""
    print(f"repeat with {traffic.repeat_with}")
    members = {name: orjson.loads(str(told)) for name, told in calm.picture.sections["member"].items()}
    found = {name: (members[name]["granted"] or 0, members[name]["clawed_back"] or 0) for name in traffic.expected}
    assert found == {name: (member.granted, member.clawed_back) for name, member in traffic.expected.items()}


def test_in_peace_everything_the_faults_are_to_disturb_is_there(calm: Outcome) -> None:
    """Else a comparison would prove nothing: every kind of outcome, refusal and dead letter, deficits, set-offs."""
    sections = calm.picture.sections
    outcomes = {" ".join(str(told).split(" ")[:2]) for told in sections["decision"].values()}
    for outcome in (
        "declined ISSUE_TO_UNSPECIFIED",
        "declined DUPLICATE_EARN",
        "declined REFUND_MEMBER_MISMATCH",
        "declined OVER_REFUND",
        "open_claim REFUND_WITHOUT_PURCHASE",
        "partly_open_claim REFUND_WITHOUT_PURCHASE",
    ):
        assert outcome in outcomes
    assert {outcome.split(" ")[0] for outcome in outcomes} >= {"granted", "clawed_back", "scheduled", "registered"}
    letters = {str(name).split(" ")[1] for name in sections["dead letter of earning"]}
    assert letters == {
        "MALFORMED",
        "AMOUNTS_DO_NOT_SUM",
        "UNKNOWN_PROGRAM",
        "UNKNOWN_TYPE",
        "EVENT_IN_FUTURE",
        "NO_QUALIFYING_TRANSACTION",
        "DUPLICATE_ID_DIFFERENT_CONTENT",
    }
    totals = Counter(" ".join(name.split(" ")[1:]) for name in sections["journal total"])
    for movement in ("available deficit", "deficit clawed_back", "available redeemed", "pending clawed_back"):
        assert totals[movement]
    assert sections["redemption"] and sections["refusal"] and sections["pairs"] and sections["claim"]
    assert not sections["waiting"]


async def test_workers_die_at_every_crash_point(fought: Fought) -> None:
    outcome = await fought(CrashPoints({"earning": WORKER_POINTS, "redemption": WORKER_POINTS}))
    assert len(outcome.notes) == 2 * len(WORKER_POINTS)


async def test_relays_die_at_every_crash_point(fought: Fought) -> None:
    outcome = await fought(CrashPoints({"earning-relay": RELAY_POINTS, "redemption-relay": RELAY_POINTS}))
    assert len(outcome.notes) == 2 * len(RELAY_POINTS)


async def test_processes_die_at_random(fought: Fought) -> None:
    await fought(RandomKills(6))
