"""Papers that have run out on the day the version takes effect: issuing or settling would be refused by them."""

from collections.abc import Iterator
from datetime import date
from typing import NamedTuple

from shared.events.reason_codes import ReasonCode
from shared.programs.controls.context import Previous, PublishContext, judged_on
from shared.programs.findings import Finding, Location, finding
from shared.programs.pack import ProgramPack


class Paper(NamedTuple):
    """`last_day`: the last on which the paper is good."""

    location: Location
    name: str
    last_day: date


def check(pack: ProgramPack, _previous: Previous, context: PublishContext) -> tuple[Finding, ...]:
    day = judged_on(pack, context)
    expired = tuple(
        finding(
            ReasonCode.PAPER_EXPIRED,
            "warning",
            paper.location,
            "{name} ran out on {last_day}; renew it before this version judges anything on {day}",
            name=paper.name,
            last_day=paper.last_day,
            day=day,
        )
        for paper in _papers(pack)
        if paper.last_day < day
    )
    return (*expired, *_without_contract(pack, day))


def _papers(pack: ProgramPack) -> Iterator[Paper]:
    if pack.licence is not None:
        yield Paper(("licence", "valid_to"), pack.licence.number, pack.licence.valid_to)
    for place, certificate in enumerate(pack.green_certificates):
        yield Paper(("green_certificates", place, "valid_to"), certificate.certificate_number, certificate.valid_to)
    for place, filing in enumerate(pack.filings):
        if filing.valid_to is not None:
            yield Paper(("filings", place, "valid_to"), filing.number, filing.valid_to)


def _without_contract(pack: ProgramPack, day: date) -> Iterator[Finding]:
    """C08 as far as the pack shows it: redemption refuses each claim; here it is said before anybody is turned away."""
    contracted = {
        partner.partner_id
        for partner in pack.partners
        if partner.contract is not None and partner.contract.period.from_ <= day < partner.contract.period.to
    }
    priced = {
        (partner.partner_id, price.reward_id)
        for partner in pack.partners
        for price in (partner.contract.prices if partner.contract is not None else ())
    }
    for place, reward in enumerate(pack.rewards):
        if reward.partner_id is None or not reward.enabled:
            continue
        if reward.partner_id not in contracted or (reward.partner_id, reward.reward_id) not in priced:
            yield finding(
                ReasonCode.PARTNER_NOT_CONTRACTED,
                "warning",
                ("rewards", place, "partner_id"),
                "partner {partner} has no contract in force on {day} with a price for reward {name}; sign one first",
                partner=reward.partner_id,
                day=day,
                name=reward.reward_id,
            )
