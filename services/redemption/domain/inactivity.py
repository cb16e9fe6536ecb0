"""Points that expire by inactivity: so long after the member's last grant or order (points.md)."""

from datetime import datetime
from functools import lru_cache
from zoneinfo import ZoneInfo

from shared.programs.expiry import expires_at
from shared.programs.pack import Expiry
from shared.programs.versions import ProgramBook


def idle_expiry(
    programs: ProgramBook, program_id: str, rule_version: int | None, active_at: datetime
) -> datetime | None:
    """When points issued under that version expire after the activity; None where they do not expire by inactivity."""
    version = None if rule_version is None else programs.version(program_id, rule_version)
    if version is None or version.pack.expiry.after != "inactivity":
        return None
    return expires_at(_counted(version.pack.expiry), active_at, ZoneInfo(version.pack.time_zone))


def expires_when_idle(programs: ProgramBook, program_id: str) -> bool:
    """Whether any version of the program lets points expire by inactivity."""
    return any(version.pack.expiry.after == "inactivity" for version in programs.versions(program_id))


@lru_cache(maxsize=256)
def _counted(expiry: Expiry) -> Expiry:
    """The same span as of any other expiry; only the day it counts from moves."""
    return expiry.model_copy(update={"after": "earning"})
