"""What the controls judge a pack by besides the pack itself."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from zoneinfo import ZoneInfo

from shared.programs.compliance import ProgramCompliance
from shared.programs.expiry import business_day
from shared.programs.findings import Finding
from shared.programs.over import effective_on
from shared.programs.pack import ProgramPack

_DEFAULT = ProgramCompliance()


@dataclass(frozen=True, slots=True)
class PublishContext:
    """`published_at`: the instant (UTC) at which the pack would be published."""

    published_at: datetime
    compliance: ProgramCompliance = _DEFAULT


Previous = tuple[ProgramPack, ...]
Control = Callable[[ProgramPack, Previous, PublishContext], tuple[Finding, ...]]


def judged_on(pack: ProgramPack, context: PublishContext) -> date:
    """The day on which papers must be good: the first of the version, or that of publishing where it is later."""
    return max(effective_on(pack), business_day(context.published_at, ZoneInfo(pack.time_zone)))
