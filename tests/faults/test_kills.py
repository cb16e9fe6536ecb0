"""Processes die anywhere: nothing is lost, nothing doubled, and the books equal those of a run in peace."""

from collections import Counter
from collections.abc import Awaitable, Callable, Mapping

import orjson

from tests.faults.course import Outcome
from tests.faults.kills import CrashPoints, RandomKills
from tests.faults.lost_store import LostStore
from tests.faults.record import Traffic

DETECTORS = ("MEMBER_VELOCITY", "DEVICE_SHARED", "REFUND_AFTER_EARNING", "REFERRAL_RING", "WEIGHT_IMPLAUSIBLE")
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


def test_in_peace_every_way_of_the_community_is_there(calm: Outcome) -> None:
    """Each refusal of a drop or referral, each detector's holds in each state, each reason not to write."""
    sections = calm.picture.sections
    decisions = {" ".join(str(told).split(" ")[:2]) for told in sections["decision"].values()}
    for code in (
        "EVIDENCE_MISSING",
        "WEIGHT_IMPLAUSIBLE",
        "SCALE_CALIBRATION_EXPIRED",
        "SELF_REFERRAL",
        "DUPLICATE_EARN",
        "NO_QUALIFYING_TRANSACTION",
    ):
        assert f"declined {code}" in decisions
    assert {"granted FACTOR_MISSING", "granted REFERRAL_DEPTH_EXCEEDED", "clawed_back OVER_REFUND"} <= decisions
    assert _words(sections["referral"]) >= {"linked", "qualified", "declined", "reversed"}
    assert _words(sections["case"]) >= {"open", "released", "confirmed", *DETECTORS}
    totals = Counter(" ".join(name.split(" ")[1:]) for name in sections["journal total"])
    assert totals["available held"]
    ended = Counter(" ".join(str(told).split(" ")[1:]) for told in sections["how each channel ended"].values())
    for code in ("NO_CONSENT", "GUARDIAN_CONSENT_REQUIRED", "CONTACT_ERASED"):
        assert ended[f"suppressed {code}"]
    assert ended["handed over"] and ended["no address"]
    refusals = {str(told).split(" ")[0] for told in sections["refusal"].values()}
    assert refusals == {"HELD_FOR_REVIEW", "INSUFFICIENT_POINTS"}
    assert calm.post.mails and not calm.post.unknown


def _words(section: Mapping[str, object]) -> set[str]:
    return {word for told in section.values() for word in str(told).split(" ")}


async def test_workers_die_at_every_crash_point(fought: Fought) -> None:
    fault = CrashPoints("earning", "redemption", "fraud_monitoring", "notification")
    outcome = await fought(fault)
    assert len(set(outcome.notes)) == len(outcome.notes) == fault.points


async def test_relays_die_at_every_crash_point_and_a_local_store_is_deleted(fought: Fought) -> None:
    """The two have nothing to do with each other, and one run has room for both."""
    fault = CrashPoints("earning-relay", "redemption-relay", "fraud_monitoring-relay", "notification-relay")
    outcome = await fought(fault, LostStore())
    assert len(set(outcome.notes)) == len(outcome.notes) == fault.points + 1


async def test_processes_die_at_random(fought: Fought) -> None:
    await fought(RandomKills(6))
