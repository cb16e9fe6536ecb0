"""Referral ring: three members of one inviter on one device, whichever of referral and purchase came first."""

from itertools import permutations

from services.fraud_monitoring.detectors.referral_ring import RULE, detect
from services.fraud_monitoring.domain.device_seen import DeviceSeen, Links, see_purchase, see_referral, sighting
from services.fraud_monitoring.domain.finding import Finding
from services.fraud_monitoring.domain.limits import ReferralRingLimit
from services.fraud_monitoring.domain.window import Window
from tests.unit.fraud_monitoring.sights import OLDEST, PROGRAM, seen

LIMIT = ReferralRingLimit()


def invited(*visits: tuple[str, str], minute: int = 0) -> list[Finding]:
    """(invitee, inviter) pairs seen on one phone, each in a step of its own or the same."""
    window: Window = {}
    findings: list[Finding] = []
    for member, inviter in visits:
        window, found = detect(
            window, PROGRAM, "phone", seen(member, minute, member=member, other=inviter), LIMIT, OLDEST
        )
        findings += found
    return findings


def test_three_of_one_inviter_hold_them_and_the_inviter() -> None:
    (finding,) = invited(("a", "leader"), ("b", "leader"), ("c", "leader"))
    assert (finding.rule, finding.value, finding.subject_key) == (RULE, 3, "fruit-shop/leader")
    assert {suspect.member for suspect in finding.suspects} == {"a", "b", "c", "leader"}


def test_two_of_one_and_two_of_another_are_no_ring() -> None:
    assert not invited(("a", "leader"), ("b", "leader"), ("c", "other"), ("d", "other"))


def test_the_same_invitee_counts_once() -> None:
    assert not invited(*[("a", "leader")] * 5, ("b", "leader"))


def told(order: tuple[str, ...]) -> list[DeviceSeen]:
    """What one member's partition tells the device's, for a purchase and a referral in this order."""
    links, sightings = Links(), []
    purchase, referral = seen("p", 30, member="ivy"), seen("r", 10, member="ivy", other="leader")
    for what in order:
        if what == "purchase":
            links = see_purchase(links, "phone", purchase)
            sightings.append(sighting(PROGRAM, "phone", purchase, links))
        else:
            links = see_referral(links, referral)
            sightings += [sighting(PROGRAM, device, known, links) for device, known in links.devices.items()]
    return sightings


def test_either_order_tells_the_same_in_the_end() -> None:
    last = {str(told(order)[-1]) for order in permutations(("purchase", "referral"))}
    assert len(last) == 1
    invitation = told(("purchase", "referral"))[-1].invited
    assert invitation is not None
    assert (invitation.identity, invitation.other) == ("ivy", "leader")


def test_the_first_inviter_stands() -> None:
    links = see_referral(see_referral(Links(), seen("r1", other="first")), seen("r2", other="second"))
    assert links.referral is not None
    assert links.referral.other == "first"
