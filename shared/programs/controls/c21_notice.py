"""C21: a change to members' disadvantage is published at least seven calendar dates before it takes effect.

Effective 12-01: published 11-24 passes, 11-25 does not; dates are those of the program's zone. What members were
promised for the days of the notice is what every version would give that judges one of those days: the one in force,
and one that was published to follow it. So nothing becomes adverse by being published in two steps.
"""

from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from shared.events.reason_codes import ReasonCode
from shared.programs.changes.change import Change
from shared.programs.changes.compare import changes
from shared.programs.controls.context import Previous, PublishContext
from shared.programs.expiry import business_day, start_of_day
from shared.programs.findings import Finding, finding
from shared.programs.over import effective_on
from shared.programs.pack import ProgramPack
from shared.programs.versions import ProgramBook

NOTICE_DAYS = 7


def check(pack: ProgramPack, previous: Previous, context: PublishContext) -> tuple[Finding, ...]:
    """`previous` as `promised_versions` finds them."""
    zone = ZoneInfo(pack.time_zone)
    published_on, effective = business_day(context.published_at, zone), effective_on(pack)
    if (effective - published_on).days >= NOTICE_DAYS:
        return ()
    found: dict[tuple[str, ...], Finding] = {}
    for version in previous:
        for change in changes(version, pack):
            if change.adverse:
                found.setdefault(change.path, _too_short(change, version, published_on, effective))
    return tuple(found.values())


def promised_versions(book: ProgramBook, pack: ProgramPack, published_at: datetime) -> Previous:
    """The published versions that `pack` would replace on a day before its notice is over; none with due notice."""
    zone = ZoneInfo(pack.time_zone)
    until = start_of_day(business_day(published_at, zone) + timedelta(days=NOTICE_DAYS), zone)
    starts = [pack.effective_at]
    starts += [version.effective_at for version in book.versions(pack.program_id)]
    judging = (book.in_force(pack.program_id, at) for at in starts if pack.effective_at <= at < until)
    found = {version.version: version.pack for version in judging if version is not None}
    return tuple(found[number] for number in sorted(found))


def _too_short(change: Change, version: ProgramPack, published_on: date, effective: date) -> Finding:
    return finding(
        ReasonCode.RULE_CHANGE_NOTICE_TOO_SHORT,
        "error",
        change.location,
        "{what} changes from {old} to {new}: worse for members than version {version}, so it needs 7 days' notice and "
        "has {days}; take effect from {earliest}"
        if change.verdict == "worse"
        else "{what} changes from {old} to {new}: that no member is worse off than by version {version} cannot be "
        "shown, so it counts as adverse, needs 7 days' notice and has {days}; take effect from {earliest}",
        what=" ".join(change.path),
        old=change.old or "–",
        new=change.new or "–",
        version=version.version,
        days=(effective - published_on).days,
        earliest=published_on + timedelta(days=NOTICE_DAYS),
    )
