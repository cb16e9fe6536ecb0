"""Tells in a few sentences what happened in the community, from the services' own books."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence

from rich.table import Table

from services.operator.demo.review import Review
from services.operator.demo.screen import Screen
from services.operator.demo.script import Script
from services.operator.mailbox import Mailbox
from services.operator.traffic.community.place import PROGRAM_ID
from services.operator.traffic.sent import Kind, Outcome, Sent
from shared.runtime.postgres import Connection

_SHOWN = 4
_GRANTED = """
SELECT class, count(*) AS grants, count(DISTINCT member_id) AS members, sum(points)::bigint AS points
  FROM earning.audit_grant WHERE program_id = $1 AND strpos(member_id, $2) > 0 GROUP BY class
"""
_NOTHING = (0, 0, 0)
Granted = Mapping[str, tuple[int, int, int]]


async def tell_tale(screen: Screen, script: Script, audit: Connection, mailbox: Mailbox, found: Review) -> None:
    """Who bought, recycled and invited; what was found, held and decided; who was told."""
    rows = await audit.fetch(_GRANTED, PROGRAM_ID, script.run)
    granted = {row["class"]: (row["grants"], row["members"], row["points"]) for row in rows}
    for sentence in community_sentences(script.community(), granted):
        screen.say(sentence)
    screen.show(_rules(found))
    for sentence in review_sentences(found):
        screen.say(sentence)
    screen.say(
        f"{mailbox.different} different mails were taken by this machine's own mail server: {mailbox.directory}."
    )
    for who in (f"ring-1-{script.run}", f"family-1-{script.run}"):
        if (mail := mailbox.newest(who)) is not None:
            screen.say(f"    the last to {mail['To']}: {mail['Subject']}")


def community_sentences(traffic: Sequence[Sent], granted: Granted) -> Iterator[str]:
    """Figures are the books' (grants, members and points by class); the examples are from the traffic."""
    grants, members, points = granted.get("CONSUMPTION", _NOTHING)
    yield f"{members} members bought {grants} used things and earned {points:,} points by it; the first:"
    yield from _examples(traffic, Kind.PURCHASE)
    grants, members, points = granted.get("GREEN_ACTION", _NOTHING)
    yield f"{members} members brought {grants} drops to the stations and earned {points:,} points:"
    yield from _examples(traffic, Kind.DROP)
    grants, members, points = granted.get("PROMO", _NOTHING)
    yield f"{grants} rewards of {points:,} points were paid to {members} members for invitations:"
    yield from _examples(traffic, Kind.REFERRAL)


def _examples(traffic: Sequence[Sent], kind: Kind) -> Iterator[str]:
    """The first of a kind, each with the id by which `greenpoints trace` tells its whole story."""
    wanted = [sent for sent in traffic if sent.kind is kind and sent.expected.outcome is not Outcome.DECLINED]
    for sent in wanted[:_SHOWN]:
        earned = f"{sent.expected.points} points" if kind is not Kind.REFERRAL else "paid with the first order"
        yield f"    {sent.attributes['time'][:16].replace('T', ' ')}  {earned:<26} trace {sent.attributes['id']}"


def review_sentences(found: Review) -> Iterator[str]:
    """What the person did about it."""
    held = sum(found.held.values())
    yield (
        f"{held:,} points of {len(found.held)} members were held in {found.cases} cases and none was taken, "
        "until a person had looked at each."
    )
    if found.refused is not None:
        yield f"{found.refused} wanted to spend before that: refused, HELD_FOR_REVIEW."
    yield f"Released: {len(found.released)} members, whose points are free again{_named(found.released)}."
    lost = sum(found.forfeited.values())
    yield f"Confirmed: {len(found.confirmed)} accounts of the ring, which lost {lost:,} points."


def _named(members: Collection[str]) -> str:
    kinds = {"family-": "of a family that shares a tablet", "probe-": "of this demo's own probes, faster than people"}
    counts = {words: sum(member.startswith(kind) for member in members) for kind, words in kinds.items()}
    counts["others whom a rule met and a person cleared"] = len(members) - sum(counts.values())
    named = ", ".join(f"{count} {words}" for words, count in counts.items() if count)
    return f" ({named})" if named else ""


def _rules(found: Review) -> Table:
    table = Table("what fraud monitoring found", "members", "who", title_justify="left")
    for rule, members in sorted(found.rules.items()):
        some = ", ".join(sorted(members)[:_SHOWN])
        more = f" and {len(members) - _SHOWN} more" if len(members) > _SHOWN else ""
        table.add_row(rule, str(len(members)), some + more)
    return table
